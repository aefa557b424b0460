"""Which form of a sample a request gets: `?format=`, or the best that its Accept header names."""

from enum import StrEnum
from typing import Final

from werkzeug.datastructures import MIMEAccept


class Form(StrEnum):
    """What a sample can be answered as; the first is what a request gets that does not mind."""

    JSON = "json"
    MIDI = "midi"
    PNG = "png"
    ZIP = "zip"


MEDIA_TYPES: Final = {
    Form.JSON: "application/json",
    Form.MIDI: "audio/midi",
    Form.PNG: "image/png",
    Form.ZIP: "application/zip",
}
_FORMS: Final = {media_type: form for form, media_type in MEDIA_TYPES.items()}


class NotAcceptable(ValueError):
    """None of the forms asked for can be had; the message names those that can."""


def choose(accept: MIMEAccept, wanted: Form | None, windows: int) -> Form:
    """The form for an answer of `windows` windows. Raises NotAcceptable."""
    possible = [form for form in Form if form != Form.MIDI or windows == 1]
    if wanted is None and not accept:
        return Form.JSON
    if wanted is None:
        best = accept.best_match([MEDIA_TYPES[form] for form in possible])
        wanted = _FORMS[best] if best is not None else None
    if wanted in possible:
        return wanted
    alternatives = ", ".join(f"{MEDIA_TYPES[form]} (?format={form.value})" for form in possible)
    if Form.MIDI in possible:
        raise NotAcceptable(f"a sample can be had as {alternatives}")
    raise NotAcceptable(
        f"a MIDI file holds one window and these are {windows}: ask for {alternatives}, draw with n = 1, "
        "or get one window of the sample with ?window=0"
    )
