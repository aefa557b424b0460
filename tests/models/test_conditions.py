"""Conditional models on music where the label decides something that can be heard: low or high."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from pianola.models.conditions import FORGOTTEN, Condition, forget, in_proportion
from pianola.models.family import Preset
from pianola.models.gan.learner import GanLearner
from pianola.models.generator import Generator
from pianola.models.learner import Learner
from pianola.models.presets import PRESETS, resolve
from pianola.models.registry import load_generator, save_generator
from pianola.models.vae.learner import VaeLearner

from .music import batch, window

pytestmark = pytest.mark.slow

LOW, HIGH, NONE = 0, 1, 2
REGISTER = Condition("register", ("high", "low"))
SMALL: dict[str, dict[str, Any]] = {
    "vae": {"latent": 8, "channels": [4, 8], "hidden": 16, "state": 24, "kernels": 4, "harmonies": 2, "registers": 4,
            "dropout": 0.0},
    "gan": {"latent": 40, "local": 4, "channels": 24, "voices": 3, "judge": [8, 16], "judge_chroma": [8, 8]},
}  # fmt: skip
OPTIONS: dict[str, dict[str, Any]] = {
    "vae": {"warmup_steps": 0, "kl_warmup_steps": 0, "free_bits": 0.0, "learning_rate": 0.01},
    "gan": {"learning_rate": 2e-3, "discriminator_steps": 1},
}
STEPS = {"vae": 50, "gan": 80}
FAMILIES = list(PRESETS)


def music() -> tuple[Tensor, Tensor]:
    """Low and high windows in turn [16, 1, 96, 96], and which each is; two more say nothing of themselves."""
    rolls = [
        window(*((base + 2 * beat + number % 3, 12 * beat, 11) for beat in range(8)))
        for number in range(8)
        for base in (36, 76)
    ]
    labels = torch.arange(16) % 2
    labels[-2:] = NONE
    return torch.stack(rolls)[:, None], labels


def learner(family: str, conditions: int = 2) -> Learner[Any]:
    options = resolve(family, "default", {"transpose_down": 0, "transpose_up": 0, **OPTIONS[family]})
    preset = Preset(family, "small", "", SMALL[family], options)
    kind: type[Any] = {"vae": VaeLearner, "gan": GanLearner}[family]
    made: Learner[Any] = kind(preset, options, 0, 0.03, conditions)
    return made


@pytest.fixture(scope="module", params=FAMILIES)
def played(request: pytest.FixtureRequest) -> Generator:
    one = learner(request.param)
    windows, labels = music()
    for step in range(STEPS[request.param]):
        torch.manual_seed(step)
        one.step(windows, step / STEPS[request.param], labels)
    one.calibrate([(windows, labels)])
    return load_generator(save_generator(one, 17, REGISTER))


def pitch(generator: Generator, label: int | None, n: int = 24) -> float:
    """The mean pitch of what is played under a label."""
    labels = None if label is None else np.full(n, label)
    windows = generator.windows(generator.positions(5, range(n), labels), labels=labels)
    assert windows.any((1, 2)).mean() > 0.5
    return float(17 + 95 - windows.nonzero()[1].mean())


def test_what_is_played_follows_the_label(played: Generator) -> None:
    low, either, high = (pitch(played, label) for label in (LOW, NONE, HIGH))
    assert low < 54 < high - 12
    assert low < either < high
    assert low < pitch(played, None) < high


def test_a_conditional_generator_says_what_its_labels_mean(played: Generator) -> None:
    assert played.condition == REGISTER
    assert played.conditions == 2
    assert played.facts["condition"] == {"field": "register", "values": ["high", "low"]}


def test_a_window_depends_on_its_own_position_and_label_alone(played: Generator) -> None:
    labels = np.array([LOW, HIGH, NONE, HIGH])
    z = played.positions(3, range(4), labels)
    together = played.windows(z, labels=labels)
    for row in range(4):
        np.testing.assert_array_equal(together[row], played.windows(z[row : row + 1], labels=labels[row : row + 1])[0])


def test_labels_out_of_range_are_refused(played: Generator) -> None:
    z = played.positions(0, range(2))
    for labels in (np.array([0, 3]), np.array([-1, 0]), np.array([0])):
        with pytest.raises(ValueError, match=r"labels must be 2 numbers of 0\.\.2"):
            played.windows(z, labels=labels)


def test_a_model_without_conditions_takes_no_labels() -> None:
    one = learner("vae", conditions=0)
    one.calibrate([(music()[0], None)])
    generator = load_generator(save_generator(one, 17))
    assert generator.condition is None
    with pytest.raises(ValueError, match="takes no labels"):
        generator.windows(generator.positions(0, [0]), labels=np.array([0]))


@pytest.mark.parametrize("family", FAMILIES)
def test_a_restored_conditional_learner_goes_on_bit_for_bit(family: str) -> None:
    windows, labels = music()

    def train(one: Learner[Any], steps: range) -> list[dict[str, float]]:
        measured = []
        for step in steps:
            torch.manual_seed(step)
            measured.append(one.step(windows, step / 4, labels))
        return measured

    straight, other = learner(family), learner(family)
    train(straight, range(2))
    straight.calibrate([(windows, labels)])
    tensors, facts = straight.tensors(), straight.facts()
    other.restore(tensors, facts)
    assert train(other, range(2, 4)) == train(straight, range(2, 4))
    left, right = straight.tensors(), other.tensors()
    assert [name for name in left if not torch.equal(left[name], right[name])] == []


@pytest.mark.parametrize("family", FAMILIES)
def test_held_out_windows_are_measured_with_their_labels(family: str) -> None:
    windows, labels = music()
    one = learner(family)
    for step in range(STEPS[family]):
        torch.manual_seed(step)
        one.step(windows, step / STEPS[family], labels)
    right, wrong = (one.validate([(windows, told)]) for told in (labels, 1 - labels.clamp(max=1)))
    assert right != wrong
    if family == "vae":
        assert one.bound([(windows, labels)], 1) != one.bound([(windows, 1 - labels.clamp(max=1))], 1)


def test_a_label_that_no_window_has_can_be_played() -> None:
    one = learner("vae", conditions=3)
    windows, labels = music()
    one.calibrate([(windows, torch.where(labels == NONE, 3, labels))])
    generator = load_generator(save_generator(one, 17))
    labels_of_none = np.full(3, 2)
    assert generator.windows(generator.positions(0, range(3), labels_of_none), labels=labels_of_none).shape[0] == 3


def test_about_a_tenth_of_the_labels_is_forgotten() -> None:
    torch.manual_seed(0)
    told = forget(torch.arange(20_000) % 5, 5)
    assert float((told == 5).float().mean()) == pytest.approx(FORGOTTEN, rel=0.1)
    assert bool(((told == 5) | (told == torch.arange(20_000) % 5)).all())


def test_labels_are_played_in_the_datas_proportions() -> None:
    assert in_proportion(np.array([1, 0, 1, 1]), 8).tolist() == [0, 0, 1, 1, 1, 1, 1, 1]
    assert in_proportion(np.array([2, 2, 0, 0]), 2).tolist() == [0, 2]


@pytest.mark.parametrize("family", FAMILIES)
def test_the_weights_that_play_are_taken_over_without_the_rest(family: str) -> None:
    source, tuned = learner(family, 0), learner(family, 0)
    for step in range(3):
        source.step(batch(8), step / 3)
    source.calibrate([(batch(8), None)])
    tensors = source.tensors()
    tuned.adopt(tensors)
    taken = tuned.tensors()
    assert tuned.steps_taken == 0
    plays = {name: name.replace(".network.", ".average.") for name in tensors if ".network." in name}
    assert any(name in tensors for name in plays.values())
    for name, average in plays.items():
        played = tensors.get(average, tensors[name])
        assert torch.equal(taken[name], played), name
        assert torch.equal(taken.get(average, played), played), average
    assert not any(".optimizer." in name for name in taken)


def test_a_learner_that_averages_takes_over_one_that_does_not() -> None:
    options = resolve("vae", "default", {"weight_average": 0.0})
    plain = VaeLearner(Preset("vae", "small", "", SMALL["vae"], options), options, 1, 0.03)  # type: ignore[arg-type]
    tuned = learner("vae", 0)
    tuned.adopt(plain.tensors())
    taken = tuned.tensors()
    assert torch.equal(taken["vae.average.mean.weight"], plain.tensors()["vae.network.mean.weight"])
