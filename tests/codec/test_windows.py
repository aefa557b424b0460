"""Which windows a file has, and what is known of each."""

import numpy as np
import pytest

from pianola.codec.options import PRESETS, codec_options
from pianola.codec.roll import Encoded, encode
from pianola.codec.windows import Velocities, no_windows, pack, unpack, velocity_plane

from .music import metre, midi, off, on, tempo

LONG = midi([on(0, 60), off(250, 60)])


def windows_of(data: bytes, preset: str = "piano", **options: object) -> Encoded:
    return encode(data, codec_options(preset, options))


def velocities(encoded: Encoded) -> list[list[int]]:
    """The velocities of each window."""
    found = encoded.windows.velocity
    assert found is not None
    return [part.tolist() for part in np.split(found.values, found.ends[:-1])]


@pytest.mark.parametrize(
    ("hop", "padded", "dropped"),
    [
        (96, [0, 96, 192], [0, 96]),
        (95, [0, 95, 190], [0, 95]),
        (77, [0, 77, 154], [0, 77, 154]),
        (24, [0, 24, 48, 72, 96, 120, 144, 168], [0, 24, 48, 72, 96, 120, 144]),
    ],
)
def test_the_first_window_that_reaches_the_end_is_the_last(hop: int, padded: list[int], dropped: list[int]) -> None:
    assert windows_of(LONG, hop=hop).windows.start.tolist() == padded
    assert windows_of(LONG, hop=hop, partial="drop").windows.start.tolist() == dropped


@pytest.mark.parametrize("hop", range(12, 97))
def test_windows_show_the_roll_from_their_first_step_on(hop: int) -> None:
    data = midi([event for step in range(60) for event in (on(step % 5, 40 + step), off(1 + step % 7, 40 + step))])
    whole = unpack(windows_of(data).windows.lit)
    roll = np.pad(np.concatenate(list(whole), axis=1), ((0, 0), (0, 96)))
    encoded = windows_of(data, hop=hop)
    assert len(encoded.windows) > 2
    for window, start in zip(unpack(encoded.windows.lit), encoded.windows.start.tolist(), strict=True):
        np.testing.assert_array_equal(window, roll[:, start : start + 96])


def test_notes_in_what_is_dropped_are_counted_as_left_out() -> None:
    data = midi([on(0, 60), off(100, 60), on(20, 62), off(10, 62), on(0, 64), off(10, 64)])
    dropped = windows_of(data, hop=24, partial="drop")
    assert (dropped.windows.start.tolist(), dropped.notes, dropped.left_out.partial_window) == ([0, 24], 1, 2)


def test_tempo_and_metre_are_those_in_force_where_the_window_begins() -> None:
    times = [tempo(96, 400_000), metre(0, 3, 2), tempo(96, 600_000), metre(1, 6, 3), tempo(191, 250_000)]
    windows = windows_of(midi(times, [on(0, 60), off(480, 60)])).windows
    assert windows.tempo.tolist() == [120, 150, 100, 100, 240]
    assert windows.metre.tolist() == [[4, 4], [3, 4], [3, 4], [6, 8], [6, 8]]


def test_what_is_said_last_at_a_step_holds_be_it_in_another_track() -> None:
    one, other = [tempo(0, 400_000), metre(0, 3, 2), on(0, 60), off(96, 60)], [tempo(0, 300_000), metre(0, 2, 1)]
    windows = windows_of(midi(one, other)).windows
    assert (windows.tempo.tolist(), windows.metre.tolist()) == ([200], [[2, 2]])


@pytest.mark.parametrize(
    "nonsense",
    [
        tempo(0, 0),
        metre(0, 0, 2),
        metre(0, 4, 8),
        b"\0\xff\x51\x02\x01\x01",
        b"\0\xff\x58\x02\x03\x02",
        b"\0\xff\x51\0",
    ],
)
def test_a_tempo_or_metre_that_cannot_be_says_nothing(nonsense: bytes) -> None:
    windows = windows_of(midi([nonsense, on(0, 60), off(96, 60)])).windows
    assert (windows.tempo.tolist(), windows.metre.tolist()) == ([120], [[4, 4]])


def test_metres_and_tempos_do_not_drift_with_the_notes() -> None:
    # 0.48 of a step 200 times: rounded each by itself the notes stay at step 0, and the bar is at step 96.
    hurry = [on(4, 48), off(4, 48)] * 100
    windows = windows_of(midi([metre(800, 3, 2)], [*hurry, on(0, 60), off(1_600, 60)], division=100), "thesis").windows
    assert windows.metre.tolist() == [[4, 4], [3, 4]]


THREE_FOUR = [metre(0, 3, 2), metre(96, 4, 2), metre(0, 3, 2), metre(144, 4, 2), metre(0, 4, 2)]


def test_a_window_is_kept_when_one_of_the_metres_asked_for_holds_throughout() -> None:
    # 3/4 to step 240 (a change taken back at once is none), then 4/4, in the middle of the third window.
    data = midi(THREE_FOUR, [on(0, 60), off(480, 60)])
    in_three = windows_of(data, metres=["3/4"])
    assert (in_three.windows.start.tolist(), in_three.left_out.other_metre) == ([0, 96], 3)
    assert windows_of(data, metres=["4/4"]).windows.start.tolist() == [288, 384]
    # In both metres, and wholly in neither.
    assert windows_of(data, metres=["3/4", "4/4"]).windows.start.tolist() == [0, 96, 288, 384]
    assert windows_of(data, metres=["4/4"], hop=48).windows.start.tolist() == [240, 288, 336, 384]


def test_what_is_said_in_the_padding_does_not_count() -> None:
    data = midi([metre(40, 3, 2)], [on(0, 60), off(40, 60)])
    assert windows_of(data, metres=["4/4"]).windows.start.tolist() == [0]


def test_windows_with_fewer_notes_are_left_out_and_their_notes_counted() -> None:
    data = midi([on(0, 60), off(12, 60), on(6, 60), off(12, 60), on(90, 62), off(12, 62)])
    two = windows_of(data, least_notes=2)
    assert (two.windows.start.tolist(), two.notes) == ([0], 2)
    assert (two.left_out.few_notes, two.left_out.filtered) == (1, 1)
    # A note held over a window's edge is seen in both.
    held = midi([on(0, 60), off(97, 60), on(3, 62), off(9, 62)])
    assert windows_of(held, least_notes=2).windows.start.tolist() == [96]


def test_a_run_is_as_loud_as_the_loudest_strike_at_its_first_step() -> None:
    data = midi(
        [on(0, 60, velocity=30), off(12, 60), on(0, 64, velocity=127), off(1, 64)],
        [on(0, 60, velocity=90), off(20, 60), on(10, 60, velocity=1), off(5, 60)],
    )
    assert velocities(windows_of(data, velocity=True)) == [[127, 90, 1]]


def test_a_velocity_is_carried_over_the_edge_of_a_window() -> None:
    # The second strike begins no run of its own where notes merge.
    events = [on(90, 60, velocity=50), on(20, 60, velocity=99), off(100, 60)]
    assert velocities(windows_of(midi(events), velocity=True)) == [[50], [50, 99], [99]]
    assert velocities(windows_of(midi(events), velocity=True, restrike="merge")) == [[50], [50], [50]]
    # Also over the edge before a window that lies in the middle of the run.
    assert velocities(windows_of(LONG, velocity=True, hop=48)) == [[64]] * 5


def test_velocities_come_row_by_row_then_by_step() -> None:
    low, high = [on(0, 40, velocity=4), off(2, 40)], [on(0, 80, velocity=8), off(2, 80)]
    assert velocities(windows_of(midi([*high, *low, *high, *low]), velocity=True)) == [[8, 8, 4, 4]]


def test_no_velocities_unless_asked_for() -> None:
    assert windows_of(LONG).windows.velocity is None
    assert no_windows(False).velocity is None


def test_the_velocity_plane_is_lit_where_the_windows_are() -> None:
    lit = np.zeros((2, 96, 96), np.uint8)
    lit[0, 3, [0, 1, 5, 95]] = 1
    lit[1, 3, :2] = lit[1, 95, 95] = 1
    plane = velocity_plane(lit, Velocities(np.array([10, 20, 30, 40, 50], np.uint8), np.array([3, 5])))
    assert plane[0, 3, [0, 1, 5, 95]].tolist() == [10, 10, 20, 30]
    assert (plane[1, 3, :2].tolist(), plane[1, 95, 95]) == ([40, 40], 50)
    np.testing.assert_array_equal(plane > 0, lit > 0)
    assert plane.dtype == np.uint8
    with pytest.raises(ValueError, match="the windows have 5 runs of lit steps, and there are 4 values"):
        velocity_plane(lit, Velocities(np.ones(4, np.uint8), np.array([3, 4])))


def test_packing_keeps_every_step() -> None:
    windows = np.random.default_rng(0).integers(0, 2, (5, 96, 96), np.uint8)
    np.testing.assert_array_equal(unpack(pack(windows)), windows)
    assert pack(windows).shape == (5, 96, 12)


def test_presets_cut_windows_that_do_not_overlap() -> None:
    for options in PRESETS.values():
        assert (options.hop, options.metres, options.least_notes, options.velocity) == (96, (), 0, False)
