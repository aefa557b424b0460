"""Which form of a sample a request gets: `?format=`, or the best that its Accept header names."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from werkzeug.datastructures import MIMEAccept

from pianola_sampler import sound


class Form(StrEnum):
    """What a sample can be answered as; the first is what a request gets that does not mind."""

    JSON = "json"
    MIDI = "midi"
    WAV = "wav"
    PNG = "png"
    SVG = "svg"
    MUSICXML = "musicxml"
    ZIP = "zip"


MEDIA_TYPES: Final = {
    Form.JSON: "application/json",
    Form.MIDI: "audio/midi",
    Form.WAV: "audio/wav",
    Form.PNG: "image/png",
    Form.SVG: "image/svg+xml",
    Form.MUSICXML: "application/vnd.recordare.musicxml+xml",
    Form.ZIP: "application/zip",
}
OF_ONE_WINDOW: Final = frozenset({Form.MIDI, Form.WAV, Form.MUSICXML})
_FORMS: Final = {media_type: form for form, media_type in MEDIA_TYPES.items()}


class NotAcceptable(ValueError):
    """None of the forms asked for can be had; the message names those that can."""


def choose(accept: MIMEAccept, wanted: Form | None, windows: int) -> Form:
    """The form for an answer of `windows` windows. Raises NotAcceptable."""
    here = [form for form in Form if form != Form.WAV or sound.AVAILABLE]
    possible = [form for form in here if form not in OF_ONE_WINDOW or windows == 1]
    found = _best(accept, wanted, possible)
    if found is not None:
        return found
    if wanted not in here and wanted is not None:
        raise NotAcceptable(f"there is no synthesizer for this kind of machine: ask for {_named(possible)}")
    if windows == 1:
        raise NotAcceptable(f"a sample can be had as {_named(possible)}")
    raise NotAcceptable(
        f"MIDI, WAV and MusicXML hold one window and these are {windows}: ask for {_named(possible)}, draw with n = 1, "
        "or get one window of the sample with ?window=0"
    )


def choose_of(possible: Sequence[Form], accept: MIMEAccept, wanted: Form | None) -> Form:
    """The form for an answer that can be had in these, the first of which is JSON. Raises NotAcceptable."""
    found = _best(accept, wanted, possible)
    if found is None:
        raise NotAcceptable(f"it can be had as {_named(possible)}")
    return found


def _best(accept: MIMEAccept, wanted: Form | None, possible: Sequence[Form]) -> Form | None:
    if wanted is None and not accept:
        return Form.JSON
    if wanted is None:
        best = accept.best_match([MEDIA_TYPES[form] for form in possible])
        wanted = _FORMS[best] if best is not None else None
    return wanted if wanted in possible else None


def _named(forms: Sequence[Form]) -> str:
    return ", ".join(f"{MEDIA_TYPES[form]} (?format={form.value})" for form in forms)
