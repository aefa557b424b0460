import numpy as np
import pytest

from pianola.codec.window import Integers
from pianola_trainer.batches import Batches, evenly, excerpt, split, split_of_dataset, step_seed


def files(*windows: int) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
    """The file of each window, for files of so many windows."""
    return np.repeat(np.arange(len(windows), dtype=np.int32), windows)


def stream(batches: Batches, steps: int) -> list[int]:
    return [int(row) for step in range(steps) for row in batches.at(step)]


@pytest.mark.parametrize("batch", [8, 10, 50, 64])
def test_an_epoch_has_every_row_once_in_an_order_of_its_own(batch: int) -> None:
    rows = np.arange(100, 150)
    batches = Batches(rows, batch, seed=3)
    learnt = stream(batches, batches.steps(2))
    first, second = learnt[:50], learnt[50:100]
    assert sorted(first) == sorted(second) == rows.tolist()
    assert first != second != rows.tolist()
    assert stream(Batches(rows, batch, seed=4), batches.steps(2)) != learnt
    assert {len(batches.at(step)) for step in range(20)} == {min(batch, 50)}


def test_a_batch_is_a_function_of_its_step() -> None:
    rows = np.arange(50)
    through = Batches(rows, 8, seed=3)
    expected = [through.at(step).tolist() for step in range(20)]
    assert Batches(rows, 8, seed=3).at(18).tolist() == expected[18]


def test_a_step_has_its_place_in_an_epoch() -> None:
    batches = Batches(np.arange(50), 8, seed=3)
    assert [batches.place(step) for step in (0, 6, 7)] == [(0, 0), (0, 48), (1, 6)]
    assert [batches.steps(epochs) for epochs in (1, 4)] == [7, 25]


SHARDS = np.cumsum(np.full(40, 10))
"""Where each of forty shards ends, ten windows in each."""


def in_shards(batch: int) -> tuple[Integers, Batches]:
    """Three quarters of 400 rows, none of them in the last shard; and their batches."""
    rows = np.flatnonzero(np.arange(390) % 4)
    return rows, Batches(rows, batch, 3, SHARDS)


@pytest.mark.parametrize("batch", [1, 7, 64, 300])
def test_an_epoch_of_many_shards_has_every_row_once_too(batch: int) -> None:
    rows, batches = in_shards(batch)
    learnt = stream(batches, batches.steps(3))
    epochs = [learnt[start : start + len(rows)] for start in range(0, 3 * len(rows), len(rows))]
    assert [sorted(epoch) for epoch in epochs] == [rows.tolist()] * 3
    assert len({tuple(epoch) for epoch in epochs}) == 3
    _, again = in_shards(batch)
    last = batches.steps(3) - 1
    assert again.at(last).tolist() == batches.at(last).tolist()


@pytest.mark.parametrize("batch", [7, 300])
def test_a_step_takes_rows_of_the_groups_that_it_names(batch: int) -> None:
    _, batches = in_shards(batch)
    assert batches.groups == 3
    for step in range(batches.steps(3)):
        groups = batches.groups_of(step)
        of_groups = [set(batches.group(number).tolist()) for number in groups]
        of_rows = np.searchsorted(SHARDS, batches.at(step), side="right").tolist()
        assert set(of_rows) <= set().union(*of_groups)
        # None is named in vain.
        assert of_rows[0] in of_groups[0]
        assert of_rows[-1] in of_groups[-1]
    epoch = [batches.group(number) for number in range(3)]
    assert sorted(np.concatenate(epoch).tolist()) == list(range(39))
    assert [len(group) for group in epoch] == [13, 13, 13]


def test_neighbours_change_from_epoch_to_epoch() -> None:
    _, batches = in_shards(7)
    groups = {frozenset(batches.group(number).tolist()) for number in range(30)}
    assert len(groups) == 30


def test_rows_of_few_shards_are_drawn_as_if_of_one() -> None:
    rows = np.arange(5, 140, 3)
    few, one = Batches(rows, 8, 3, SHARDS[:16]), Batches(rows, 8, 3)
    assert stream(few, 20) == stream(one, 20)
    assert (few.groups, few.groups_of(3), few.groups_of(5)) == (1, range(1), range(2))


def test_what_has_few_shards_is_measured_by_all_of_it() -> None:
    sides = split(files(*[10] * 16), 0.2, seed=1)
    assert excerpt(sides, SHARDS[:16]) is None
    assert excerpt(sides, None) is None


def test_what_has_many_shards_is_measured_by_some_rows_of_few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pianola_trainer.batches.MOST_TRAINING", 30)
    held_out = np.arange(400) % 5 == 0
    held_out[:40] = False  # the first shards are trained on alone
    sides = split_of_dataset(held_out)
    found = excerpt(sides, SHARDS)
    assert found is not None
    rows, chosen = found
    assert np.all(np.diff(rows) > 0)
    assert set(rows[chosen.training]) <= set(sides.training)
    assert set(rows[chosen.held_out]) <= set(sides.held_out)
    assert len(chosen.training) == 30
    assert len(chosen.held_out) == 16 * 2
    assert sorted([*chosen.training, *chosen.held_out]) == list(range(len(rows)))
    shards = [np.unique(rows[side] // 10) for side in (chosen.training, chosen.held_out)]
    assert [len(of_side) for of_side in shards] == [16, 16]
    assert [(of_side.min(), of_side.max()) for of_side in shards] == [(0, 39), (4, 39)]


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
