"""Codec options: how MIDI becomes a roll, and the two presets."""

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from pianola.codec.window import SIDE

_MOST_NOTES: Final = 1000
_CHOICES: Final[Mapping[str, tuple[object, ...]]] = {
    "rounding": ("absolute", "delta"),
    "sounding": ("channel", "track"),
    "lowest_pitch": tuple(range(128 - SIDE + 1)),
    "shortest": (0, 1),
    "restrike": ("gap", "merge"),
    "partial": ("pad", "drop"),
    "percussion": (True, False),
    "hop": tuple(range(12, SIDE + 1)),
    "least_notes": tuple(range(_MOST_NOTES + 1)),
    "velocity": (True, False),
}
# Options that came later: what was recorded before them was read with these.
_LATER: Final = ("hop", "metres", "least_notes", "velocity")
_METRE: Final = re.compile(r"([1-9]\d{0,2})/(1|2|4|8|16|32|64|128)")


class BadOption(ValueError):
    """A codec option that does not exist, or a value it cannot have."""

    def __init__(self, field: str, value: object, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.value = value
        self.message = message


def _check_metres(metres: object) -> None:
    """Raise BadOption unless `metres` are different time signatures that a MIDI file can hold."""
    if not isinstance(metres, tuple):
        raise BadOption("metres", metres, f'{metres!r} is not a list of time signatures, for example ["4/4", "3/4"]')
    for metre in metres:
        match = _METRE.fullmatch(metre) if isinstance(metre, str) else None
        if not match or int(match[1]) > 255:
            raise BadOption("metres", metres, f"{metre!r} is not a time signature such as 4/4: 1 to 255, a power of 2")
    if len(set(metres)) < len(metres):
        raise BadOption("metres", metres, f"{', '.join(metres)} names one time signature twice")


@dataclass(frozen=True)
class CodecOptions:
    """How MIDI becomes a roll.

    rounding: "absolute" rounds every tick to its nearest step, half to even; "delta" rounds the time between messages
        and drifts, as the thesis did.
    sounding: whether a note is known by track, channel and pitch ("channel") or by track and pitch ("track").
    lowest_pitch: MIDI pitch of the bottom row; the 96 rows hold it and the 95 above.
    shortest: the least length of a note in steps; with 0 a note may vanish.
    restrike: a note struck while its pitch sounds leaves the step before it dark ("gap") or merges ("merge").
    partial: the last, incomplete window is padded with silence and kept if it has a note ("pad"), or dropped ("drop").
    percussion: whether channel 10 is drawn as if it were pitch.
    hop: steps from the beginning of a window to that of the next, 12 to 96; with less than 96 windows overlap. The
        first window that reaches the end of the music is the last.
    metres: only windows wholly in one of these time signatures are kept, for example ("4/4", "3/4"); () keeps all.
    least_notes: only windows that show at least this many notes (runs of lit steps) are kept, 0 to 1000.
    velocity: whether a velocity is kept for every run of lit steps.

    Raises BadOption.
    """

    rounding: Literal["absolute", "delta"]
    sounding: Literal["channel", "track"]
    lowest_pitch: int
    shortest: int
    restrike: Literal["gap", "merge"]
    partial: Literal["pad", "drop"]
    percussion: bool = False
    hop: int = SIDE
    metres: tuple[str, ...] = ()
    least_notes: int = 0
    velocity: bool = False

    def __post_init__(self) -> None:
        for field, choices in _CHOICES.items():
            value = getattr(self, field)
            # True == 1 in Python; an option that is a number must not take a truth value, nor the reverse.
            if not any(type(value) is type(choice) and value == choice for choice in choices):
                raise BadOption(field, value, f"{value!r} is not one of {_listed(choices)}")
        _check_metres(self.metres)

    def to_json(self) -> dict[str, object]:
        """Every field by name, as JSON values."""
        return dataclasses.asdict(self) | {"metres": list(self.metres)}

    @classmethod
    def from_json(cls, values: Mapping[str, object]) -> "CodecOptions":
        """The options that `to_json` wrote, also before there were hop, metres, least_notes and velocity.

        Raises BadOption for unknown, missing or bad fields.
        """
        _refuse_unknown(values)
        for field in _CHOICES:
            if field not in values and field not in _LATER:
                raise BadOption(field, None, "missing")
        return cls(**_from_json(values))  # type: ignore[arg-type]  # __post_init__ checks the values


PRESETS: Final[Mapping[str, CodecOptions]] = MappingProxyType(
    {
        "piano": CodecOptions("absolute", "channel", lowest_pitch=17, shortest=1, restrike="gap", partial="pad"),
        "thesis": CodecOptions("delta", "track", lowest_pitch=1, shortest=0, restrike="merge", partial="drop"),
    }
)
"""Options by preset name: "piano" is the default, "thesis" reads as the thesis's scripts did."""


def codec_options(preset: str, overrides: Mapping[str, object]) -> CodecOptions:
    """The preset's options with some of them replaced. Raises BadOption(field, value, message)."""
    if preset not in PRESETS:
        raise BadOption("preset", preset, f"{preset!r} is not one of {_listed(tuple(PRESETS))}")
    _refuse_unknown(overrides)
    return dataclasses.replace(PRESETS[preset], **_from_json(overrides))  # type: ignore[arg-type]  # __post_init__ checks the values


def _refuse_unknown(values: Mapping[str, object]) -> None:
    for field, value in values.items():
        if field not in _CHOICES and field != "metres":
            raise BadOption(field, value, f"no such codec option; there are {', '.join(_CHOICES)}, metres")


def _from_json(values: Mapping[str, object]) -> dict[str, object]:
    """The values with the list of metres, as JSON has it, as a tuple."""
    metres = values.get("metres")
    return dict(values) | ({"metres": tuple(metres)} if isinstance(metres, list) else {})


def _listed(choices: tuple[object, ...]) -> str:
    if len(choices) > len(_CHOICES):
        return f"{choices[0]} to {choices[-1]}"
    return ", ".join(str(choice).lower() if isinstance(choice, bool) else str(choice) for choice in choices)
