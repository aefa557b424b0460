"""How a run computes: chosen once, recorded, and kept by later attempts."""

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import patch

import numpy as np
import pytest
import torch
from servers import wait_for
from trainer import making
from trainer.making import System, assert_same_weights, tensors

from pianola.codec.windows import pack
from pianola.models.family import RunOptions
from pianola.models.learner import Learner
from pianola.models.precision import Precision, has_bfloat16_units, lay_out, multiplying_in
from pianola.models.presets import resolve
from pianola.models.registry import create_learner
from pianola.records import events, leases
from pianola_trainer import probing
from pianola_trainer.child import VARIABLES
from pianola_trainer.points import as_batch
from pianola_trainer.probing import probe
from pianola_trainer.setup import Setup
from pianola_trainer.stepping import Steps
from pianola_trainer.windows import PackedWindows

PLAIN = Setup("cpu", "float32", True, threads=2)


@pytest.fixture
def system(tmp_path: Path) -> Iterator[System]:
    with making.system(tmp_path) as made:
        yield made


@pytest.fixture(autouse=True)
def two_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    monkeypatch.setattr(probing, "has_bfloat16_units", lambda: True)
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


class _Timed:
    """Steps that take as long as they are told, by a clock that only they move."""

    def __init__(self, clock: list[float], milliseconds: float) -> None:
        self._clock, self._milliseconds = clock, milliseconds

    def take(self, progress: float) -> dict[str, float]:
        torch.rand(3)
        self._clock[0] += self._milliseconds / 1000
        return {}


def probed(milliseconds: dict[str, float]) -> Setup:
    """What the probe chooses where steps take so long, by precision and number of threads; 6 ms otherwise."""
    clock = [0.0]

    def make(setup: Setup) -> Steps:
        return cast(Steps, _Timed(clock, milliseconds.get(f"{setup.precision} {setup.threads}", 6)))

    def now() -> float:
        return clock[0]

    with patch.object(probing, "time", SimpleNamespace(perf_counter=now, monotonic=now)):
        return probe(PLAIN, make, 32)


def test_the_fastest_way_is_chosen_and_told() -> None:
    chosen = probed({"bfloat16 1": 3, "bfloat16 2": 1.5})
    assert (chosen.precision, chosen.threads) == ("bfloat16", 2)
    assert len(chosen.windows_per_second) == 5
    assert chosen.windows_per_second[chosen.name] == max(chosen.windows_per_second.values())


def test_a_little_faster_is_not_worth_it() -> None:
    chosen = probed({"bfloat16 1": 5.9, "float32 2": 5.9})
    assert (chosen.precision, chosen.channels_last, chosen.threads) == ("float32", True, 1)


def test_threads_that_fall_off_a_cliff_are_tried_once() -> None:
    chosen = probed({"bfloat16 1": 3, "bfloat16 2": 30})
    assert (chosen.precision, chosen.threads) == ("bfloat16", 1)
    assert "bfloat16, channels last, 2 threads" in chosen.windows_per_second


def test_without_bfloat16_units_it_is_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probing, "has_bfloat16_units", lambda: False)
    chosen = probed({"bfloat16 1": 1})
    assert chosen.precision == "float32"
    assert not any(name.startswith("bfloat16") for name in chosen.windows_per_second)


def test_a_probe_leaves_the_random_numbers_alone() -> None:
    torch.manual_seed(5)
    wanted = torch.rand(4)
    torch.manual_seed(5)
    probed({})
    assert torch.equal(torch.rand(4), wanted)


def test_what_was_recorded_is_kept_where_it_can_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    recorded = json.loads(json.dumps(replace(PLAIN, precision="bfloat16").to_json()))
    assert Setup.of_record(recorded) == replace(PLAIN, precision="bfloat16")
    assert Setup.of_record(None) is None
    assert Setup.of_record({**recorded, "threads": 3}) is None
    assert Setup.of_record({**recorded, "device": "some GPU"}) is None
    assert Setup.of_record(recorded, processes=2) is None
    monkeypatch.setattr("pianola_trainer.setup.has_bfloat16_units", lambda: False)
    assert Setup.of_record(recorded) is not None, "the options ask for it"
    assert Setup.of_record({**recorded, "windows_per_second": {"bfloat16, channels last, 1 thread": 9.0}}) is None


@pytest.mark.parametrize(
    ("precision", "wanted"), [("auto", "float32"), ("float32", "float32"), ("bfloat16", "bfloat16")]
)
def test_the_options_say(precision: str, wanted: Precision) -> None:
    options = resolve("vae", "default", {"precision": precision})
    assert Setup.of_options(options) == replace(PLAIN, precision=wanted)


def test_the_thesis_stays_exact() -> None:
    assert {resolve(family, "thesis", {}).precision for family in ("vae", "gan")} == {"float32"}


def test_windows_are_unpacked_alike_by_torch_and_numpy() -> None:
    windows = np.random.default_rng(3).integers(0, 2, (5, 96, 96), dtype=np.uint8)
    none = np.zeros(5, np.int32)
    held = PackedWindows(pack(windows), none, 17, np.zeros((5, 0), np.int16), {}, None)
    rows = np.array([4, 0, 0, 2])
    batch = as_batch(held, rows)
    assert batch.dtype == torch.float32
    assert np.array_equal(batch.numpy()[:, 0], held.of(rows))
    assert np.array_equal(held.of(rows), windows[rows])


def learner(family: str, options: RunOptions) -> Learner[Any]:
    return create_learner(family, "default", options, 3, 0.08)


@pytest.mark.parametrize("family", ["vae", "gan"])
def test_bfloat16_learns_as_float32_does(family: str) -> None:
    options = resolve(family, "default", {"batch": 8, "seconds": 60.0})
    windows = torch.from_numpy(making.scales(0, 8)).float()[:, None]
    last: dict[str, dict[str, float]] = {}
    precision: Precision
    for precision in ("float32", "bfloat16"):
        learning = learner(family, options)
        for step in range(12):
            torch.manual_seed(step)
            with multiplying_in(precision, learning):
                last[precision] = learning.step(windows, 0.0)
        assert all(value.dtype != torch.bfloat16 for value in learning.tensors().values())
        assert not any("forward" in vars(layer) for one in learning.trainees for layer in one.network.modules())
    assert last["float32"] != last["bfloat16"]
    for name, value in last["float32"].items():
        assert last["bfloat16"][name] == pytest.approx(value, rel=0.1, abs=0.1)


def test_the_layout_of_the_weights_can_be_chosen() -> None:
    options = resolve("gan", "default", {"batch": 8, "seconds": 60.0})
    windows = torch.from_numpy(making.scales(0, 8)).float()[:, None]
    plain = learner("gan", options)
    lay_out(plain, channels_last=False)
    kernels = [
        value
        for one in plain.trainees
        for value in (*one.network.parameters(), *one.average.parameters())
        if value.dim() == 4
    ]
    assert kernels and all(kernel.is_contiguous() for kernel in kernels)
    torch.manual_seed(0)
    measured = plain.step(windows, 0.0)
    torch.manual_seed(0)
    assert measured == pytest.approx(learner("gan", options).step(windows, 0.0), rel=1e-3, abs=1e-3)


def test_a_run_records_what_was_measured_and_a_resumed_one_keeps_it(system: System) -> None:
    dataset = making.built_dataset(system)
    run_id = making.submit(system, dataset, precision="auto", epochs=2, evaluate_every_steps=4)
    with making.attempt(system, run_id, making.claim(system, run_id)) as process:
        assert process.wait(120) == 0, process.last_words()
    setup = system.run(run_id).setup
    assert setup is not None
    assert (setup["device"], setup["threads"], setup["processes"]) == ("cpu", 1, 1)
    tried = {"float32"} | ({"bfloat16"} if has_bfloat16_units() else set())
    assert {name.split(",")[0] for name in setup["windows_per_second"]} == tried
    assert setup["variables"] == VARIABLES
    with system.records.read() as session:
        told = [event for event in events.after(session, run_id, 0, 100) if event.kind == "set_up"]
    assert [event.data for event in told] == [{"attempt": 1, **setup}]
    manifest = json.loads(system.store.get(system.checkpoints(run_id)[0].manifest_key))
    assert manifest["setup"] == setup


def test_a_resumed_run_of_bfloat16_ends_with_the_same_weights(system: System) -> None:
    dataset = making.built_dataset(system)
    recorded = replace(PLAIN, precision="bfloat16", threads=1, channels_last=False)
    ends = []
    for disturbed in (False, True):
        run_id = making.submit(system, dataset, precision="auto", epochs=2, evaluate_every_steps=4)
        number = making.claim(system, run_id)
        with system.records.write() as session:
            leases.set_up(session, run_id, number, recorded.to_json())
        if disturbed:
            with making.attempt(system, run_id, number) as process:
                wait_for(partial(system.checkpoints, run_id), 120, "a checkpoint")
                process.tell("release")
                process.wait(60)
            with system.records.write() as session:
                leases.stopped(session, run_id, number, "released")
            number = making.claim(system, run_id)
        with making.attempt(system, run_id, number) as process:
            assert process.wait(120) == 0, process.last_words()
        ends.append(system.checkpoints(run_id)[-1])
        setup = system.run(run_id).setup
        assert setup is not None and Setup.of_record(setup) == recorded
    assert_same_weights(*[tensors(system, end) for end in ends])
