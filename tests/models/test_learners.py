import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import Tensor

from pianola.models.gan.generators import LEAST, MARGIN, build_generator, share_of_rows
from pianola.models.learner import Learner
from pianola.models.presets import PRESETS, resolve
from pianola.models.registry import create_learner, load_generator, save_generator
from pianola.models.vae import learner as vae_learner

from .music import batch

ALL = [(family, preset) for family in PRESETS for preset in PRESETS[family]]
METRICS = {
    "vae": {"train_loss", "train_reconstruction", "train_kl"},
    "gan": {"generator_loss", "discriminator_loss", "accuracy_real", "accuracy_fake", "density"},
}
WINDOWS = batch(2)
HELD_OUT_METRICS = {
    "vae": {"validation_loss", "validation_reconstruction", "validation_kl", "validation_pixel_loss"},
    "gan": {"validation_accuracy_real"},
}


@pytest.fixture
def two_threads() -> Iterator[None]:
    """As a worker has by default; an order of sums that depends on threads would show."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def learner(family: str, preset: str, seed: int = 0, **overrides: object) -> Learner[Any]:
    return create_learner(family, preset, resolve(family, preset, overrides), seed, float(WINDOWS.mean()))


def train(one: Learner[Any], steps: range) -> list[dict[str, float]]:
    """As the trainer does: torch's generator is seeded for every step."""
    measured = []
    for step in steps:
        torch.manual_seed(1000 + step)
        measured.append(one.step(WINDOWS, step / 6))
    return measured


def saved(one: Learner[Any]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Through bytes, as a checkpoint goes."""
    data = safetensors.torch.save(one.tensors(), {"facts": json.dumps(one.facts())})
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    return safetensors.torch.load(data), json.loads(header["__metadata__"]["facts"])


def assert_same(left: dict[str, Tensor], right: dict[str, Tensor]) -> None:
    assert left.keys() == right.keys()
    assert [name for name in left if not torch.equal(left[name], right[name])] == []


@pytest.mark.slow
@pytest.mark.parametrize(("family", "preset"), ALL)
def test_a_restored_learner_goes_on_bit_for_bit(family: str, preset: str) -> None:
    straight = learner(family, preset)
    train(straight, range(3))
    straight.calibrate([(WINDOWS, None)])
    tensors, facts = saved(straight)
    measured = train(straight, range(3, 6))

    other = learner(family, preset)
    train(other, range(10, 11))
    other.restore(tensors, facts)
    assert_same(other.tensors(), tensors)
    assert other.facts() == facts
    torch.rand(17)  # what was drawn between is no matter
    assert train(other, range(3, 6)) == measured
    assert_same(other.tensors(), straight.tensors())
    assert other.facts() == straight.facts()


@pytest.mark.slow
@pytest.mark.parametrize("family", list(PRESETS))
def test_calibrating_depends_on_the_weights_alone(family: str) -> None:
    one, other = learner(family, "default"), learner(family, "default")
    one.calibrate([(WINDOWS, None)])
    for learning in (one, other):
        train(learning, range(1))
        learning.calibrate([(WINDOWS, None)])
    assert one.facts() == other.facts()
    assert_same(one.tensors(), other.tensors())


@pytest.mark.slow
def test_a_calibrated_gan_plays_the_datas_rows_and_no_others() -> None:
    one = learner("gan", "default")
    train(one, range(1))
    lit = WINDOWS.sum((0, 1, 3)).numpy()
    distances = []
    for _ in ("as learnt", "calibrated"):
        player = build_generator("default", one.generator_tensors(), one.generator_facts(), 17)
        played = player.windows(player.positions(5, range(64))).sum((0, 2))
        distances.append(np.abs(played / played.sum() - lit / lit.sum()).sum())
        one.calibrate([(WINDOWS, None)])
    assert distances[1] < 0.5 * distances[0]
    heard = np.flatnonzero(lit)
    beyond = np.r_[played[: heard[0] - MARGIN], played[heard[-1] + MARGIN + 1 :]]
    assert played.sum() > 0
    assert beyond.sum() == 0


@pytest.mark.slow
def test_a_calibrated_vae_that_strays_to_some_rows_is_brought_back(monkeypatch: pytest.MonkeyPatch) -> None:
    one = learner("vae", "default")
    train(one, range(2))
    windows = batch(64)
    lit = windows.sum((0, 1, 3)).numpy()

    def distance() -> float:
        one.calibrate([(windows, None)])
        player = load_generator(save_generator(one, 17))
        played = player.windows(player.positions(5, range(64))).sum((0, 2))
        return float(np.abs(played / played.sum() - lit / lit.sum()).sum())

    brought_back = distance()
    monkeypatch.setattr(vae_learner, "nudge", lambda *_: 0)
    assert brought_back < 0.8 * distance()


def test_rows_between_the_datas_outermost_ones_are_all_to_be_heard() -> None:
    lit = torch.zeros(96, dtype=torch.float64)
    lit[[40, 44]] = torch.tensor([30.0, 10.0], dtype=torch.float64)
    share = share_of_rows(lit)
    assert share.sum().item() == pytest.approx(1)
    assert share.nonzero().flatten().tolist() == list(range(40 - MARGIN, 44 + MARGIN + 1))
    assert share[40].item() == pytest.approx(0.75, abs=1e-2)
    assert share[42].item() == pytest.approx(LEAST, rel=1e-2)
    assert share_of_rows(torch.zeros(96)).tolist() == pytest.approx([1 / 96] * 96)


@pytest.mark.slow
@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize("family", list(PRESETS))
def test_more_threads_are_as_exact(family: str) -> None:
    one, other = learner(family, "default"), learner(family, "default")
    assert train(one, range(2)) == train(other, range(2))
    assert_same(one.tensors(), other.tensors())


@pytest.mark.parametrize(("family", "preset"), ALL)
def test_a_new_learner_can_be_saved_and_restored(family: str, preset: str) -> None:
    one = learner(family, preset)
    other = learner(family, preset, seed=1)
    other.restore(*saved(one))
    assert train(one, range(1)) == train(other, range(1))
    assert_same(one.tensors(), other.tensors())


@pytest.mark.parametrize(("family", "preset"), ALL)
def test_the_first_weights_come_from_the_seed_alone(family: str, preset: str) -> None:
    one = learner(family, preset, seed=5).tensors()
    torch.manual_seed(77)
    drawn = torch.rand(1)
    torch.manual_seed(77)
    assert_same(one, learner(family, preset, seed=5).tensors())
    assert torch.equal(drawn, torch.rand(1)), "making a learner must leave torch's generator alone"
    other = learner(family, preset, seed=6).tensors()
    assert any(not torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize(("family", "preset"), ALL)
def test_metrics_have_their_names_and_are_numbers(family: str, preset: str) -> None:
    one = learner(family, preset)
    [measured] = train(one, range(1))
    assert set(measured) == METRICS[family]
    held_out = one.validate([(batch(4), None), (batch(2), None)])
    assert set(held_out) == HELD_OUT_METRICS[family]
    assert np.isfinite([*measured.values(), *held_out.values()]).all()
    assert one.validate([(batch(4), None), (batch(2), None)]) == held_out
    assert one.validate([]) == {}


@pytest.mark.parametrize("preset", ["thesis", "default"])
def test_a_vae_learns_the_windows_it_sees(preset: str) -> None:
    one = learner("vae", preset, transpose_down=0, transpose_up=0, warmup_steps=0, free_bits=0.0)
    measured = train(one, range(12))
    assert measured[-1]["train_loss"] < 0.9 * measured[0]["train_loss"]


@pytest.mark.parametrize("preset", ["thesis", "default"])
def test_a_discriminator_learns_to_tell_data_from_its_generator(preset: str) -> None:
    one = learner("gan", preset, discriminator_steps=100, gradient_penalty=0.0, transpose_down=0, transpose_up=0)
    measured = train(one, range(15))
    assert measured[-1]["discriminator_loss"] < 0.8 * measured[0]["discriminator_loss"]
    assert measured[-1]["accuracy_real"] == measured[-1]["accuracy_fake"] == 1.0


@pytest.mark.parametrize("loss", ["non_saturating", "hinge"])
def test_a_generator_moves_towards_what_the_discriminator_takes_for_real(loss: str) -> None:
    one = learner("gan", "default", discriminator_steps=1, loss=loss, learning_rate=1e-3)
    before = one.generator_tensors()
    train(one, range(2))
    after = one.generator_tensors()
    assert [name for name in before if torch.equal(before[name], after[name])] == []


def test_a_vaes_measures_are_nats_whatever_is_optimised() -> None:
    summed = learner("vae", "thesis", loss="sum", kl_weight=1.0).validate([(batch(4), None)])
    mean = learner("vae", "thesis").validate([(batch(4), None)])
    assert summed["validation_reconstruction"] == mean["validation_reconstruction"]
    assert summed["validation_kl"] == mean["validation_kl"]
    assert summed["validation_loss"] == pytest.approx(mean["validation_reconstruction"] + mean["validation_kl"])
    assert mean["validation_pixel_loss"] == pytest.approx(mean["validation_reconstruction"] / 9216)
    assert mean["validation_loss"] == pytest.approx(mean["validation_pixel_loss"] + 5e-4 * mean["validation_kl"])


def test_free_bits_cost_the_same_and_more_bits_cost_more() -> None:
    [kept] = train(learner("vae", "default", free_bits=90.0, kl_warmup_steps=0), range(1))
    assert kept["train_kl"] < 90
    assert kept["train_loss"] == pytest.approx(kept["train_reconstruction"] + 90, rel=1e-5)
    [warming] = train(learner("vae", "default", free_bits=90.0, kl_warmup_steps=10), range(1))
    assert warming["train_loss"] == pytest.approx(warming["train_reconstruction"], rel=1e-5)


def test_a_schedule_and_a_warm_up_set_the_size_of_a_step() -> None:
    def moved(progress: float, **overrides: Any) -> float:
        one = learner("vae", "thesis", **overrides)
        before = one.tensors()["vae.network.mean.weight"]
        torch.manual_seed(0)
        one.step(batch(4), progress)
        return float((one.tensors()["vae.network.mean.weight"] - before).abs().max())

    whole = moved(0.0)
    assert moved(0.5, schedule="cosine") == pytest.approx(whole / 2, rel=1e-2)
    assert moved(1.0, schedule="cosine") == pytest.approx(0, abs=1e-9)
    assert moved(0.9) == pytest.approx(whole, rel=1e-6)
    assert moved(0.0, warmup_steps=10) == pytest.approx(whole / 10, rel=1e-2)


def test_only_a_vae_knows_where_windows_lie() -> None:
    for preset, size in (("thesis", 2), ("default", 32)):
        places = learner("vae", preset).encode(batch(3))
        assert places is not None
        assert places.shape == (3, size)
        assert places.dtype == np.float32
    assert learner("gan", "thesis").encode(batch(3)) is None


@pytest.mark.parametrize("preset", ["thesis", "default"])
def test_the_bound_falls_from_reconstruction_and_kl_as_positions_grow(preset: str) -> None:
    one = learner("vae", preset)
    measured = one.validate([(WINDOWS, None)])
    elbo = measured["validation_reconstruction"] + measured["validation_kl"]
    few, many = one.bound([(WINDOWS, None)], 1), one.bound([(WINDOWS, None)], 16)
    assert few is not None
    assert many is not None
    assert few == pytest.approx(elbo, rel=0.02)
    assert many < few
    assert many == one.bound([(WINDOWS, None)], 16)


def test_a_gan_has_no_bound() -> None:
    assert learner("gan", "default").bound([(WINDOWS, None)], 1) is None
