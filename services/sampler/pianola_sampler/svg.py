"""Windows as SVG: the rolls of `pianola.evaluation.pictures`, sharp at any size, each note with its name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from pianola.codec.roll import Note
from pianola.codec.window import SIDE, STEPS_PER_QUARTER

_BAR: Final = 4 * STEPS_PER_QUARTER
_NAMES: Final = ("C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B")
_BLACK: Final = frozenset({1, 3, 6, 8, 10})
_GAP: Final = 8
_BELOW: Final = 10
_PIXELS: Final = 6

_PAGE, _KEYS, _BLACK_KEYS, _OCTAVES, _INK = "#10131c", "#1c212f", "#161a26", "#38425a", "#b0bad0"
_BEATS, _BARS, _NOTE, _ONSET = "#282f41", "#546180", "#ff9f43", "#ffe2a8"


def roll_svg(
    windows: Sequence[Sequence[Note]], labels: Sequence[str], columns: int, lowest_pitch: int, steps: int = SIDE
) -> bytes:
    """The notes of each window of so many steps as a roll, `columns` to a line, with its label below.

    A step and a pitch are one unit. lowest_pitch: the MIDI pitch of the lowest row. A note may begin before the window,
    and end after it.
    """
    columns = min(columns, len(windows))
    lines = -(-len(windows) // columns)
    width = _GAP + columns * (steps + _GAP)
    height = _GAP + lines * (SIDE + _BELOW + _GAP)
    scale = _PIXELS if len(windows) == 1 and steps == SIDE else 2
    size = f'viewBox="0 0 {width} {height}" width="{width * scale}" height="{height * scale}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" font-family="sans-serif" font-size="7">',
        f'<rect width="{width}" height="{height}" fill="{_PAGE}"/>',
        f'<defs><g id="keys">{"".join(_keys(lowest_pitch, steps))}</g></defs>',
    ]
    for place, (notes, label) in enumerate(zip(windows, labels, strict=True)):
        x = _GAP + place % columns * (steps + _GAP)
        y = _GAP + place // columns * (SIDE + _BELOW + _GAP)
        parts.append(f'<g transform="translate({x} {y})"><use href="#keys"/>')
        parts += _notes(notes, lowest_pitch, steps)
        parts.append(f'<text y="{SIDE + _BELOW - 2}" fill="{_INK}">{label}</text></g>')
    return "\n".join([*parts, "</svg>\n"]).encode()


def _keys(lowest_pitch: int, steps: int) -> Iterator[str]:
    yield f'<rect width="{steps}" height="{SIDE}" fill="{_KEYS}"/>'
    for row in range(SIDE):
        pitch = lowest_pitch + SIDE - 1 - row
        if pitch % 12 in _BLACK:
            yield f'<rect y="{row}" width="{steps}" height="1" fill="{_BLACK_KEYS}"/>'
        if pitch % 12 == 0:
            yield f'<rect y="{row + 0.9:g}" width="{steps}" height="0.1" fill="{_OCTAVES}"/>'
    for step in range(0, steps, STEPS_PER_QUARTER):
        colour = _BEATS if step % _BAR else _BARS
        yield f'<rect x="{step}" width="0.15" height="{SIDE}" fill="{colour}"/>'


def _notes(notes: Sequence[Note], lowest_pitch: int, steps: int) -> Iterator[str]:
    """One rectangle a note, its first step brighter; a thin line of dark keeps neighbouring pitches apart."""
    for note in notes:
        row = lowest_pitch + SIDE - 1 - note.pitch
        name = f"{_NAMES[note.pitch % 12]}{note.pitch // 12 - 1}"
        begin, end = max(0, note.start), min(steps, note.start + note.length)
        place = f'x="{begin}" y="{row}" height="0.85"'
        yield f'<rect class="note" {place} width="{end - begin}" fill="{_NOTE}"><title>{name}</title></rect>'
        if note.start >= 0:
            yield f'<rect {place} width="1" fill="{_ONSET}"/>'
