import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from pianola.evaluation.pictures import NothingToDraw, contact_sheet, grid_png, roll_png

from .rolls import window, windows

NOTE, ONSET, PAGE = (255, 159, 67), (255, 226, 168), (16, 19, 28)


def pixels(png: bytes) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(png)) as picture:
        assert picture.format == "PNG"
        return np.asarray(picture.convert("RGB"))


def lit(picture: NDArray[np.uint8]) -> NDArray[np.bool_]:
    lit_pixels: NDArray[np.bool_] = np.logical_or((picture == NOTE).all(axis=2), (picture == ONSET).all(axis=2))
    return lit_pixels


def cell(picture: NDArray[np.uint8], pitch: int, step: int, scale: int, left: int, lowest: int = 17) -> tuple[int, ...]:
    """The colour of the first pixel of a cell, in a roll whose margin is two cells high."""
    row = lowest + 95 - pitch
    return tuple(picture[(2 + row) * scale, left + step * scale].tolist())


def left_edge(picture: NDArray[np.uint8], scale: int, steps: int = 96) -> int:
    return int(picture.shape[1]) - (steps + 2) * scale


def test_a_note_lies_where_it_sounds_with_a_brighter_first_step() -> None:
    picture = pixels(roll_png(window((60, 24, 12)), scale=6))
    left = left_edge(picture, 6)
    assert cell(picture, 60, 24, 6, left) == ONSET
    assert {cell(picture, 60, step, 6, left) for step in range(25, 36)} == {NOTE}
    assert lit(picture).sum() == 12 * 6 * 5  # the sixth pixel row keeps pitches apart
    for pitch, step in [(60, 23), (60, 36), (61, 24), (59, 24)]:
        assert cell(picture, pitch, step, 6, left) not in (NOTE, ONSET)


def test_beats_and_bars_and_octaves_are_marked() -> None:
    picture = pixels(roll_png(window(), scale=5))
    left = left_edge(picture, 5)
    at = [cell(picture, 62, step, 5, left) for step in range(96)]
    background, beat, bar = at[1], at[12], at[48]
    assert [step for step in range(96) if at[step] != background] == list(range(0, 96, 12))
    assert [step for step in range(96) if at[step] == bar] == [0, 48]
    assert sum(bar) > sum(beat) > sum(background)
    below_c4 = picture[(2 + 17 + 95 - 60 + 1) * 5 - 1, left + 3]
    below_d4 = picture[(2 + 17 + 95 - 62 + 1) * 5 - 1, left + 3]
    assert below_c4.sum() > below_d4.sum()
    assert cell(picture, 61, 1, 5, left) != cell(picture, 60, 1, 5, left)  # black and white keys


def test_the_lowest_pitch_moves_the_octaves() -> None:
    assert roll_png(window(), lowest_pitch=17) != roll_png(window(), lowest_pitch=1)


def test_several_windows_are_drawn_one_after_another() -> None:
    picture = pixels(roll_png(windows(window((60, 90, 6)), window((60, 0, 6))), scale=4))
    left = left_edge(picture, 4, steps=192)
    assert cell(picture, 60, 90, 4, left) == ONSET
    assert cell(picture, 60, 96, 4, left) == ONSET
    assert cell(picture, 60, 101, 4, left) == NOTE
    assert picture.shape[0] == 100 * 4


@pytest.mark.parametrize("scale", [1, 2, 3, 8])
def test_every_scale_draws_every_note(scale: int) -> None:
    kept = scale - 1 if scale > 3 else scale
    assert lit(pixels(roll_png(window((60, 0, 12), (17, 95, 1), (112, 0, 1)), scale=scale))).sum() == 14 * scale * kept


def test_a_grid_places_windows_line_by_line() -> None:
    batch = windows(*(window((60, 0, index + 1)) for index in range(5)))
    picture = pixels(grid_png(batch, columns=3, scale=1))
    assert picture.shape[:2] == (4 + 2 * 100, 4 + 3 * 100)
    numbers = [int(lit(picture[4 + y : 100 + y, 4 + x : 100 + x]).sum()) for y in (0, 100) for x in (0, 100, 200)]
    assert numbers == [1, 2, 3, 4, 5, 0]
    assert (picture[104:, 204:] == PAGE).all()


def test_a_grid_is_no_wider_than_its_windows() -> None:
    assert pixels(grid_png(windows(window()), columns=8, scale=1)).shape[1] == 104


def test_labels_are_written_below_their_windows() -> None:
    batch = windows(window(), window())
    plain, labelled = pixels(grid_png(batch, 2, 2)), pixels(grid_png(batch, 2, 2, labels=["seed 7", ""]))
    assert labelled.shape[0] > plain.shape[0]
    below = labelled[8 + 192 :]
    assert (below[:, : 8 + 192] != PAGE).any()
    assert (below[:, 8 + 192 :] == PAGE).all()


def test_the_same_windows_make_the_same_bytes() -> None:
    batch = windows(window((60, 0, 12)), window((64, 0, 12)))
    assert grid_png(batch, 2, 3, labels=["a", "b"]) == grid_png(batch.copy(), 2, 3, labels=["a", "b"])
    assert roll_png(batch[0]) == roll_png(batch[0].astype(bool))


def test_windows_are_left_as_they_were() -> None:
    batch = windows(window((60, 0, 12)))
    batch.flags.writeable = False
    roll_png(batch)
    grid_png(batch)


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: roll_png(np.zeros((96, 95))), r"shape \[1, 96, 95\]"),
        (lambda: grid_png(np.zeros((0, 96, 96))), r"shape \[0, 96, 96\]"),
        (lambda: roll_png(window(), scale=0), "scale 0"),
        (lambda: grid_png(windows(window()), columns=0), "0 columns"),
        (lambda: grid_png(windows(window()), labels=["a", "b"]), "2 labels for 1 windows"),
    ],
)
def test_what_cannot_be_drawn_is_refused(make: object, problem: str) -> None:
    assert callable(make)
    with pytest.raises(NothingToDraw, match=problem):
        make()


def test_a_contact_sheet_keeps_every_name_under_its_own_roll() -> None:
    """The name in the middle is far too long; nothing of it may reach into the gaps beside its roll."""
    three = windows(*(window((60, 0, 12)) for _ in range(3)))
    picture = pixels(contact_sheet(three, ["a.mid", "ragtime/" * 60 + "the entertainer.mid", "c.mid"], columns=3))
    side, gap = 96 * 2, 4 * 2
    written = (picture[gap + side :] != PAGE).any(axis=2).any(axis=0)
    lefts = [gap + column * (side + gap) for column in range(3)]
    inside = np.zeros(len(written), bool)
    for left in lefts:
        assert written[left : left + side].any(), "a name under each roll"
        inside[left : left + side] = True
    assert not written[~inside].any()
    assert written[lefts[1] : lefts[1] + side].sum() > 2 * written[lefts[0] : lefts[0] + side].sum()


def test_a_contact_sheet_shows_the_end_of_a_long_name() -> None:
    one = windows(window((60, 0, 12)))
    long = "a very long folder of ragtime and more ragtime/"
    sheets = [contact_sheet(one, [name]) for name in (f"{long}1.mid", f"{long}2.mid", f"x{long}1.mid")]
    assert sheets[0] != sheets[1]
    assert sheets[0] == sheets[2]
    with pytest.raises(NothingToDraw, match="2 labels for 1 windows"):
        contact_sheet(one, ["a.mid", "b.mid"])
