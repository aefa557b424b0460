"""The figures of an evaluation's report, on windows whose figures are known."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import servers
from numpy.typing import NDArray
from trainer.making import scales

from pianola.codec.windows import pack
from pianola.models.learner import Learner
from pianola.models.presets import resolve
from pianola.models.registry import create_learner
from pianola_trainer.batches import Split, by_file, split
from pianola_trainer.orders import Asked, Orders
from pianola_trainer.reporting import Material, report_on
from pianola_trainer.windows import PackedWindows


class Line:
    """Orders, and the pipe on which a supervisor gives them."""

    def __init__(self, folder: Path) -> None:
        reading, writing = os.pipe()
        self._pipe = os.fdopen(writing, "w")
        self.orders = Orders(os.fdopen(reading), folder)

    def cancel(self) -> None:
        self._pipe.write("cancel\n")
        self._pipe.flush()


_lines: list[Line] = []


@pytest.fixture
def line(tmp_path: Path) -> Line:
    # Kept open: the end of the pipe is the supervisor's death to Orders, and would end the tests.
    _lines.append(Line(tmp_path / "workspace"))
    return _lines[-1]


def dataset(*files: NDArray[np.uint8]) -> PackedWindows:
    windows = np.concatenate(files)
    file = np.repeat(np.arange(len(files), dtype=np.int32), [len(one) for one in files])
    return PackedWindows(pack(windows), file, 17, np.empty((len(windows), 0), np.int16), {}, None)


def pieces(files: int, windows: int) -> PackedWindows:
    """Files of windows that differ: scales, each with some notes left out at random."""
    rng = np.random.default_rng(1)
    music = [scales(key, windows) for key in range(files)]
    return dataset(*(one * np.repeat(rng.random((windows, 96, 8)) < 0.8, 12, axis=2) for one in music))


def held_out(windows: PackedWindows) -> Split:
    return split(windows.file, 0.2, seed=7)


def learner(family: str = "gan") -> Callable[[], Learner[Any]]:
    return lambda: create_learner(family, "default", resolve(family, "default", {"epochs": 1}), 7, 0.02)


def test_music_that_is_the_datas_own_is_told_from_it_no_better_than_its_halves_from_each_other(line: Line) -> None:
    windows = pieces(16, 8)
    # Every other window of each file: nothing tells them from the rest.
    generated = windows.of(np.arange(0, len(windows), 2))
    report = report_on(Material(generated, windows, held_out(windows), 3, line.orders), learner())
    assert report["music"]["windows"] == {"generated": 64, "data": 128, "halves": [64, 64]}
    assert all(figure["overlap"] > 0.9 for figure in report["music"]["figures"].values())
    assert report["music"]["onset_positions"]["shared"] == pytest.approx(1)
    assert sum(report["music"]["lengths"]["generated"]) == pytest.approx(1)
    assert report["music"]["lengths"]["generated"][9] == 1  # every note has 10 steps
    assert report["fidelity"]["generated"]["coverage"] > 0.9
    assert report["fidelity"]["data"]["windows"] == 64
    assert report["two_sample"]["generated"]["accuracy"] < 0.75  # 64 answers of a coin
    assert report["two_sample"]["generated"]["learnt_from"] == 32
    assert set(report["two_sample"]["classifiers"]) == {"convolution", "features"}
    assert list(report["missing"]) == ["likelihood"]
    assert "the family gan" in report["missing"]["likelihood"]


def test_other_music_is_told_and_lies_elsewhere(line: Line) -> None:
    windows = pieces(16, 8)
    generated = np.roll(windows.of(np.arange(len(windows))), 5, axis=2)
    report = report_on(Material(generated, windows, held_out(windows), 3, line.orders), learner())
    assert report["two_sample"]["generated"]["accuracy"] > 0.95
    assert report["two_sample"]["data"]["accuracy"] < 0.8
    assert report["music"]["onset_positions"]["shared"] < 0.2
    assert report["music"]["onset_positions"]["data_shared"] == pytest.approx(1)
    assert report["fidelity"]["generated"]["coverage"] < report["fidelity"]["data"]["coverage"]


def test_copies_of_training_windows_are_found(line: Line) -> None:
    windows = pieces(10, 9)
    sides = held_out(windows)
    copied = report_on(Material(windows.of(sides.training), windows, sides, 3, line.orders), learner())["copying"]
    assert (copied["generated"], copied["ratio"]) == (0, 0)
    assert copied["held_out"] > 0
    assert copied["windows"] == {"generated": 72, "held_out": 18, "training": 72}
    unseen = report_on(Material(windows.of(sides.held_out), windows, sides, 3, line.orders), learner())["copying"]
    assert unseen["ratio"] == 1


def test_a_likelihood_stands_beside_simple_predictions_of_the_same_windows(line: Line) -> None:
    windows = pieces(5, 9)
    sides = held_out(windows)
    material = Material(windows.of(sides.training), windows, sides, 3, line.orders)
    found = report_on(material, learner("vae"))["likelihood"]
    lit = windows.of(sides.held_out).mean()
    assert found["constant"] == pytest.approx(-9216 * (lit * np.log(lit) + (1 - lit) * np.log(1 - lit)))
    assert found["pitch"] < found["constant"]
    assert (found["windows"], found["by"]) == (9, "file")
    weighted = found["importance_weighted"]
    assert weighted["weighted"] < weighted["bound"]
    assert (weighted["draws"], weighted["windows"]) == (64, 9)
    assert weighted["bound"] == found["bound"]  # there are no more windows than the weighted bound is made for


def test_the_same_evaluation_gives_the_same_numbers(line: Line) -> None:
    windows = pieces(5, 9)
    material = Material(windows.of(np.arange(30)), windows, held_out(windows), 3, line.orders)
    assert report_on(material, learner("vae")) == report_on(material, learner("vae"))


@pytest.mark.parametrize("count", [1, 2, 9])
def test_what_a_small_dataset_cannot_tell_is_null_with_the_reason(line: Line, count: int) -> None:
    windows = dataset(scales(0, count))
    sides = split(windows.file, 0.0, seed=7)
    report = report_on(Material(scales(40, 4), windows, sides, 3, line.orders), learner("vae"))
    assert report["likelihood"] is None
    assert (report["copying"]["held_out"], report["copying"]["ratio"]) == (None, None)
    assert report["copying"]["generated"] > 0
    assert report["fidelity"] == {"generated": None, "data": None}
    assert (report["two_sample"]["generated"], report["two_sample"]["data"]) == (None, None)
    reasons = {"two_sample.generated", "two_sample.data", "fidelity.generated", "fidelity.data", "likelihood"}
    assert reasons <= set(report["missing"])
    assert ("single window" in report["missing"]["fidelity.data"]) == (count == 1)
    assert (report["music"]["figures"]["notes"]["data_overlap"] is None) == (count == 1)


def test_silence_has_figures_too(line: Line) -> None:
    windows = pieces(5, 9)
    silent = np.zeros((10, 96, 96), np.uint8)
    figures = report_on(Material(silent, windows, held_out(windows), 3, line.orders), learner())["music"]["figures"]
    assert (figures["notes"]["generated"], figures["polyphony"]["generated"]) == (0, None)
    assert figures["polyphony"]["overlap"] is None


def test_a_cancel_is_heard(line: Line) -> None:
    windows = pieces(5, 9)
    material = Material(windows.of(np.arange(9)), windows, held_out(windows), 3, line.orders)
    line.cancel()
    servers.wait_for(lambda: _is_asked(line.orders), 10, "the order")
    with pytest.raises(Asked, match="cancel"):
        report_on(material, learner())


def _is_asked(orders: Orders) -> bool:
    try:
        orders.check()
    except Asked:
        return True
    return False


def test_rows_of_a_file_stay_together_in_an_order_of_the_seeds_own() -> None:
    file = np.repeat(np.arange(6, dtype=np.int32), 3)
    order = by_file(file, seed=1)
    assert sorted(order) == list(range(18))
    assert (order.reshape(6, 3) == order.reshape(6, 3)[:, :1] + np.arange(3)).all()
    assert (order == by_file(file, seed=1)).all()
    assert (order != by_file(file, seed=2)).any()
