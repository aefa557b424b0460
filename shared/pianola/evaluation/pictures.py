"""Windows drawn as piano rolls: PNG bytes, the same bytes for the same windows.

One cell is `scale` x `scale` pixels. Rows of black keys are shaded; thin lines stand below every C (octaves), at every
beat (12 steps) and, stronger, at every bar of four beats; the first step of a note is brighter than the rest.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

SIDE = 96
BEAT = 12
BAR = 48
BLACK_KEYS = (1, 3, 6, 8, 10)

Indices = NDArray[np.uint8]

_PAGE, _BLACK_KEY, _WHITE_KEY, _BEAT_LINE, _OCTAVE_LINE, _BAR_LINE, _NOTE, _ONSET, _INK = range(9)
_PALETTE: dict[int, tuple[int, int, int]] = {
    _PAGE: (16, 19, 28),
    _BLACK_KEY: (22, 26, 38),
    _WHITE_KEY: (28, 33, 47),
    _BEAT_LINE: (40, 47, 65),
    _OCTAVE_LINE: (56, 66, 90),
    _BAR_LINE: (84, 97, 128),
    _NOTE: (255, 159, 67),
    _ONSET: (255, 226, 168),
    _INK: (176, 186, 208),
}
# Shades between page and ink, so that letters stay smooth in a picture of few colours.
_SHADES = 8


class NothingToDraw(ValueError):
    """Windows that make no picture: a wrong shape, none at all, a wrong number of labels, no column or no scale."""

    def __init__(self, problem: str) -> None:
        self.problem = problem
        super().__init__(f"a picture needs windows [n, 96, 96], n > 0, and scale and columns of at least 1: {problem}")


def roll_png(windows: NDArray[Any], scale: int = 6, lowest_pitch: int = 17) -> bytes:
    """PNG of one window [96, 96], or of several [n, 96, 96] played one after another; octaves are named at the left.

    scale: pixels per step and per pitch. lowest_pitch: the MIDI pitch of row 95. Raises NothingToDraw.
    """
    batch = windows[np.newaxis] if windows.ndim == 2 else windows
    _check(batch, scale)
    roll = batch.transpose(1, 0, 2).reshape(SIDE, -1)
    cells = _draw(roll, _onsets(batch).transpose(1, 0, 2).reshape(SIDE, -1), scale, lowest_pitch)
    margin = 2 * scale
    size = max(9, 2 * scale)
    gutter = margin + round(1.9 * size)
    page = np.full((cells.shape[0] + 2 * margin, gutter + cells.shape[1] + margin), _PAGE, np.uint8)
    page[margin : margin + cells.shape[0], gutter : gutter + cells.shape[1]] = cells
    texts = [
        (gutter - scale, margin + (row + 1) * scale, f"C{(lowest_pitch + SIDE - 1 - row) // 12 - 1}", "rs")
        for row in _rows_of_c(lowest_pitch)
        if (row + 1) * scale >= size
    ]
    return _png(_write(page, texts, size))


def grid_png(
    windows: NDArray[Any],
    columns: int = 4,
    scale: int = 2,
    lowest_pitch: int = 17,
    labels: Sequence[str] | None = None,
) -> bytes:
    """PNG of many windows [n, 96, 96], `columns` to a line, with a label under each if given (one per window).

    scale: pixels per step and per pitch. lowest_pitch: the MIDI pitch of row 95. Raises NothingToDraw.
    """
    _check(windows, scale)
    if columns < 1:
        raise NothingToDraw(f"{columns} columns")
    if labels is not None and len(labels) != len(windows):
        raise NothingToDraw(f"{len(labels)} labels for {len(windows)} windows")
    columns = min(columns, len(windows))
    side, gap, size = SIDE * scale, 4 * scale, _label_size(scale)
    below = round(1.6 * size) if labels is not None else 0
    lines = -(-len(windows) // columns)
    page = np.full((gap + lines * (side + below + gap), gap + columns * (side + gap)), _PAGE, np.uint8)
    texts = []
    for index, window in enumerate(windows):
        top = gap + index // columns * (side + below + gap)
        left = gap + index % columns * (side + gap)
        onsets = _onsets(window[np.newaxis])[0]
        page[top : top + side, left : left + side] = _draw(window, onsets, scale, lowest_pitch)
        if labels is not None:
            texts.append((left, top + side + round(1.2 * size), labels[index], "ls"))
    return _png(_write(page, texts, size))


def lines_png(windows: NDArray[Any], columns: int = 4, scale: int = 2, lowest_pitch: int = 17) -> bytes:
    """PNG of windows [n, 96, 96] played one after another as one music, `columns` of them to a line, without gaps.

    Under each line is the number of its first window. scale: pixels per step and per pitch. Raises NothingToDraw.
    """
    _check(windows, scale)
    if columns < 1:
        raise NothingToDraw(f"{columns} columns")
    columns = min(columns, len(windows))
    lines = -(-len(windows) // columns)
    roll = np.zeros((SIDE, lines * columns * SIDE), np.uint8)
    roll[:, : len(windows) * SIDE] = windows.transpose(1, 0, 2).reshape(SIDE, -1)
    onsets = _onsets(roll[np.newaxis])[0]
    side, width, gap, size = SIDE * scale, columns * SIDE * scale, 4 * scale, _label_size(scale)
    below = round(1.6 * size)
    page = np.full((gap + lines * (side + below + gap), 2 * gap + width), _PAGE, np.uint8)
    texts = []
    for line in range(lines):
        steps = slice(line * columns * SIDE, min((line + 1) * columns, len(windows)) * SIDE)
        cells = _draw(roll[:, steps], onsets[:, steps], scale, lowest_pitch)
        top = gap + line * (side + below + gap)
        page[top : top + side, gap : gap + cells.shape[1]] = cells
        texts.append((gap, top + side + round(1.2 * size), f"{line * columns + 1:03}", "ls"))
    return _png(_write(page, texts, size))


def contact_sheet(windows: NDArray[Any], names: Sequence[str], columns: int = 6, lowest_pitch: int = 17) -> bytes:
    """PNG of windows [n, 96, 96] from many files, with the name of its file under each; a long one loses its beginning.

    lowest_pitch: the MIDI pitch of row 95. Raises NothingToDraw.
    """
    scale = 2
    font = ImageFont.load_default(_label_size(scale))
    return grid_png(windows, columns, scale, lowest_pitch, [_end_of(name, SIDE * scale, font) for name in names])


def _label_size(scale: int) -> int:
    return max(10, 5 * scale)


def _end_of(name: str, width: int, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    """As much of the end of `name` as is no wider than `width` pixels: it tells files of one folder apart."""
    length = font.getlength(name)
    if length <= width:
        return name
    # Where it would be cut if all letters were of one width: measuring is slow.
    start = len(name) - int(len(name) * width / length)
    while start > 1 and font.getlength(f"…{name[start - 1 :]}") <= width:
        start -= 1
    while font.getlength(f"…{name[start:]}") > width:
        start += 1
    return f"…{name[start:]}"


def _check(windows: NDArray[Any], scale: int) -> None:
    if windows.ndim != 3 or windows.shape[1:] != (SIDE, SIDE) or not len(windows):
        raise NothingToDraw(f"shape {list(windows.shape)}")
    if scale < 1:
        raise NothingToDraw(f"scale {scale}")


def _onsets(windows: NDArray[Any]) -> NDArray[np.bool_]:
    """Where notes begin in [n, 96, 96]: lit, and dark the step before (or the window's first step)."""
    lit = windows.astype(bool)
    onsets = lit.copy()
    onsets[:, :, 1:] &= ~lit[:, :, :-1]
    return onsets


def _rows_of_c(lowest_pitch: int) -> list[int]:
    return [row for row in range(SIDE) if (lowest_pitch + SIDE - 1 - row) % 12 == 0]


def _draw(roll: NDArray[Any], onsets: NDArray[np.bool_], scale: int, lowest_pitch: int) -> Indices:
    """Palette indices [96 x scale, steps x scale] of a roll [96, steps]; lines lie on the first pixel of their step."""
    classes = (lowest_pitch + SIDE - 1 - np.arange(SIDE)) % 12
    keys = np.where(np.isin(classes, BLACK_KEYS), _BLACK_KEY, _WHITE_KEY).astype(np.uint8)
    steps = roll.shape[1]
    cells = np.repeat(np.repeat(np.broadcast_to(keys[:, np.newaxis], (SIDE, steps)), scale, 0), scale, 1)
    cells[:, :: BEAT * scale] = _BEAT_LINE
    for row in _rows_of_c(lowest_pitch):
        cells[(row + 1) * scale - 1] = _OCTAVE_LINE
    cells[:, :: BAR * scale] = _BAR_LINE
    notes = np.where(onsets, _ONSET, np.where(roll.astype(bool), _NOTE, 0)).astype(np.uint8)
    large = np.repeat(np.repeat(notes, scale, 0), scale, 1)
    if scale > 3:
        # A dark pixel row keeps neighbouring pitches apart.
        large[scale - 1 :: scale] = 0
    lit = large > 0
    cells[lit] = large[lit]
    return cells


def _write(page: Indices, texts: Sequence[tuple[int, int, str, str]], size: int) -> Indices:
    """The page with each text (x, y, text, Pillow anchor) in ink on page colour."""
    if not texts:
        return page
    mask = Image.new("L", (page.shape[1], page.shape[0]))
    pencil, font = ImageDraw.Draw(mask), ImageFont.load_default(size)
    for x, y, text, anchor in texts:
        pencil.text((x, y), text, fill=255, font=font, anchor=anchor)
    shades = [grey * _SHADES // 255 for grey in range(256)]
    inked = np.asarray(mask.point([_INK + shade if shade else _PAGE for shade in shades]))
    return np.where(inked == _PAGE, page, inked)


def _png(page: Indices) -> bytes:
    picture = Image.fromarray(page, mode="P")
    colours = [_PALETTE[index] for index in range(_INK + 1)]
    page_colour, ink = np.array(_PALETTE[_PAGE]), np.array(_PALETTE[_INK])
    colours += [
        tuple((page_colour + (ink - page_colour) * shade // _SHADES).tolist()) for shade in range(1, _SHADES + 1)
    ]
    picture.putpalette([part for colour in colours for part in colour])
    file = io.BytesIO()
    picture.save(file, "PNG", compress_level=6)
    return file.getvalue()
