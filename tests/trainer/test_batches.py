import numpy as np
import pytest

from pianola_trainer.batches import Batches, evenly, split, step_seed


def files(*windows: int) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
    """The file of each window, for files of so many windows."""
    return np.repeat(np.arange(len(windows), dtype=np.int32), windows)


def epoch_of(batches: Batches, epoch: int) -> list[int]:
    first = epoch * batches.steps_per_epoch
    return [int(row) for step in range(first, first + batches.steps_per_epoch) for row in batches.at(step)]


def test_an_epoch_has_every_row_once_in_an_order_of_its_own() -> None:
    rows = np.arange(100, 150)
    batches = Batches(rows, 8, seed=3)
    first, second = epoch_of(batches, 0), epoch_of(batches, 1)
    assert sorted(first) == sorted(second) == rows.tolist()
    assert first != second != rows.tolist()
    assert epoch_of(Batches(rows, 8, seed=4), 0) != first


def test_a_batch_is_a_function_of_its_step() -> None:
    rows = np.arange(50)
    through = Batches(rows, 8, seed=3)
    expected = [through.at(step).tolist() for step in range(20)]
    assert Batches(rows, 8, seed=3).at(17).tolist() == expected[17]


@pytest.mark.parametrize("count", [1, 7, 8, 9, 65, 100])
def test_no_batch_is_a_crumb(count: int) -> None:
    batches = Batches(np.arange(count), 8, seed=0)
    sizes = {len(batches.at(step)) for step in range(batches.steps_per_epoch)}
    assert max(sizes) <= 8
    assert max(sizes) - min(sizes) <= 1


def test_no_file_is_on_both_sides() -> None:
    file = files(10, 30, 10, 25, 5, 20)
    sides = split(file, 0.2, seed=1)
    assert sides.by == "file"
    assert not set(file[sides.training]) & set(file[sides.held_out])
    assert sorted([*sides.training, *sides.held_out]) == list(range(100))
    assert 0 < len(sides.held_out) <= 20


def test_the_split_belongs_to_the_seed() -> None:
    file = files(*[5] * 20)
    held = {tuple(split(file, 0.2, seed).held_out) for seed in range(5)}
    assert len(held) > 1
    assert split(file, 0.2, 3).held_out.tolist() == split(file, 0.2, 3).held_out.tolist()


def test_the_smallest_file_is_held_out_where_none_fits() -> None:
    sides = split(files(50, 40, 60), 0.2, seed=0)
    assert sides.held_out.tolist() == list(range(50, 90))


def test_one_file_is_parted_at_its_tail() -> None:
    sides = split(files(10), 0.2, seed=0)
    assert (sides.training.tolist(), sides.held_out.tolist(), sides.by) == (list(range(8)), [8, 9], "window")


@pytest.mark.parametrize(("windows", "share"), [(10, 0.0), (1, 0.2)])
def test_nothing_is_held_out_where_nothing_can_be(windows: int, share: float) -> None:
    sides = split(files(windows), share, seed=0)
    assert (len(sides.training), len(sides.held_out), sides.by) == (windows, 0, "nothing")


def test_rows_are_thinned_evenly() -> None:
    rows = np.arange(0, 1000, 2)
    assert evenly(rows, 500) is rows
    few = evenly(rows, 5)
    assert few.tolist() == [0, 250, 500, 748, 998]


def test_steps_have_seeds_of_their_own() -> None:
    seeds = {step_seed(seed, step) for seed in range(10) for step in range(100)}
    assert len(seeds) == 1000
    assert all(0 <= seed < 2**63 for seed in seeds)
