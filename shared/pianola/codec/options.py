"""Codec options: how MIDI becomes a roll, and the two presets."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal, cast

from pianola.codec.window import SIDE

_CHOICES: Final[Mapping[str, tuple[object, ...]]] = {
    "rounding": ("absolute", "delta"),
    "sounding": ("channel", "track"),
    "lowest_pitch": tuple(range(128 - SIDE + 1)),
    "shortest": (0, 1),
    "restrike": ("gap", "merge"),
    "partial": ("pad", "drop"),
    "percussion": (True, False),
}


class BadCodecOptions(ValueError):
    """A codec option that does not exist, or a value it cannot have."""

    def __init__(self, field: str, value: object, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.value = value
        self.message = message


@dataclass(frozen=True)
class CodecOptions:
    """How MIDI becomes a roll; DESIGN's "Codec rules" say what each choice means.

    rounding: "absolute" rounds every tick to its nearest step, half to even; "delta" rounds the time between messages
        and drifts, as the thesis did.
    sounding: whether a note is known by track, channel and pitch ("channel") or by track and pitch ("track").
    lowest_pitch: MIDI pitch of the bottom row; the 96 rows hold it and the 95 above.
    shortest: the least length of a note in steps; with 0 a note may vanish.
    restrike: a note struck while its pitch sounds leaves the step before it dark ("gap") or merges ("merge").
    partial: the last, incomplete window is padded with silence and kept if it has a note ("pad"), or dropped ("drop").
    percussion: whether channel 10 is drawn as if it were pitch.

    Raises BadCodecOptions.
    """

    rounding: Literal["absolute", "delta"]
    sounding: Literal["channel", "track"]
    lowest_pitch: int
    shortest: int
    restrike: Literal["gap", "merge"]
    partial: Literal["pad", "drop"]
    percussion: bool = False

    def __post_init__(self) -> None:
        for field, choices in _CHOICES.items():
            value = getattr(self, field)
            # True == 1 in Python; an option that is a number must not take a truth value, nor the reverse.
            if not any(type(value) is type(choice) and value == choice for choice in choices):
                raise BadCodecOptions(field, value, f"{value!r} is not one of {_listed(choices)}")

    def to_json(self) -> dict[str, object]:
        """Every field by name, as JSON values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, object]) -> "CodecOptions":
        """The options that `to_json` wrote. Raises BadCodecOptions for unknown, missing or bad fields."""
        _refuse_unknown(values)
        for field in _CHOICES:
            if field not in values:
                raise BadCodecOptions(field, None, "missing")
        return cls(**cast("dict[str, object]", dict(values)))  # type: ignore[arg-type]  # __post_init__ checks the values


PRESETS: Final[Mapping[str, CodecOptions]] = MappingProxyType(
    {
        "piano": CodecOptions("absolute", "channel", lowest_pitch=17, shortest=1, restrike="gap", partial="pad"),
        "thesis": CodecOptions("delta", "track", lowest_pitch=1, shortest=0, restrike="merge", partial="drop"),
    }
)
"""Options by preset name: "piano" is the default, "thesis" reads as the thesis's scripts did."""


def codec_options(preset: str, overrides: Mapping[str, object]) -> CodecOptions:
    """The preset's options with some of them replaced. Raises BadCodecOptions(field, value, message)."""
    if preset not in PRESETS:
        raise BadCodecOptions("preset", preset, f"{preset!r} is not one of {_listed(tuple(PRESETS))}")
    _refuse_unknown(overrides)
    return dataclasses.replace(PRESETS[preset], **overrides)  # type: ignore[arg-type]  # __post_init__ checks the values


def _refuse_unknown(values: Mapping[str, object]) -> None:
    for field, value in values.items():
        if field not in _CHOICES:
            raise BadCodecOptions(field, value, f"no such codec option; there are {_listed(tuple(_CHOICES))}")


def _listed(choices: tuple[object, ...]) -> str:
    if len(choices) > len(_CHOICES):
        return f"{choices[0]} to {choices[-1]}"
    return ", ".join(str(choice).lower() if isinstance(choice, bool) else str(choice) for choice in choices)
