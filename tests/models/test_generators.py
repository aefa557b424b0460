import json
from collections.abc import Callable

import numpy as np
import pytest
import safetensors.torch
import torch

from pianola.models.calibration import variety
from pianola.models.generator import Generator, NotAGenerator
from pianola.models.presets import PRESETS, BadRunOptions, resolve
from pianola.models.registry import create_learner, load_generator, save_generator

from .music import batch

ALL = [(family, preset) for family in PRESETS for preset in PRESETS[family]]
Make = Callable[[str, str], tuple[bytes, Generator]]


@pytest.fixture(scope="module")
def make() -> Make:
    """A generator of a preset after a few steps, and its bytes; each preset is trained once."""
    made: dict[tuple[str, str], tuple[bytes, Generator]] = {}

    def one(family: str, preset: str) -> tuple[bytes, Generator]:
        if (family, preset) not in made:
            learner = create_learner(family, preset, resolve(family, preset, {}), 3, float(batch(4).mean()))
            for step in range(4):
                torch.manual_seed(step)
                learner.step(batch(4), 0.0)
            learner.calibrate([(batch(4), None)])
            data = save_generator(learner, 17)
            made[family, preset] = data, load_generator(data)
        return made[family, preset]

    return one


def some(generator: Generator, n: int) -> np.ndarray:
    return np.stack([generator.draw(11, index) for index in range(n)])


@pytest.mark.parametrize(("family", "preset"), ALL)
def test_a_generator_knows_what_it_is(make: Make, family: str, preset: str) -> None:
    _, generator = make(family, preset)
    assert (generator.family, generator.preset, generator.lowest_pitch) == (family, preset, 17)
    assert generator.facts["step"] == 4
    assert generator.threshold == generator.facts["threshold"]


@pytest.mark.parametrize(("family", "preset"), ALL)
def test_windows_are_black_and_white_of_the_right_shape(make: Make, family: str, preset: str) -> None:
    _, generator = make(family, preset)
    windows = generator.windows(some(generator, 3))
    assert windows.shape == (3, 96, 96)
    assert windows.dtype == np.uint8
    assert set(np.unique(windows)) <= {0, 1}
    assert generator.windows(some(generator, 3)[:0]).shape == (0, 96, 96)


@pytest.mark.parametrize(("family", "preset"), ALL)
def test_a_window_depends_on_its_own_position_alone(make: Make, family: str, preset: str) -> None:
    _, generator = make(family, preset)
    z = some(generator, 5)
    limit = 0.5 if preset == "default" else _middle(generator, z)
    together = generator.windows(z, limit)
    assert together.any()
    np.testing.assert_array_equal(together[::-1], generator.windows(z[::-1], limit))
    for row in range(5):
        np.testing.assert_array_equal(together[row], generator.windows(z[row : row + 1], limit)[0])


@pytest.mark.parametrize(("family", "preset"), ALL)
def test_a_way_goes_by_and_by_between_windows(make: Make, family: str, preset: str) -> None:
    _, generator = make(family, preset)
    share = np.linspace(0, 1, 17, dtype=np.float32)[:, None]
    kept: dict[str, list[int]] = {"way": [], "apart": []}
    lit: dict[str, list[int]] = {"way": [], "apart": []}
    for ends in np.split(some(generator, 12), 6):
        z = (1 - share) * ends[0] + share * ends[1]
        limit = 0.5 if preset == "default" else _middle(generator, z)
        way, apart = generator.way(z, limit), generator.windows(z, limit)
        np.testing.assert_array_equal(way[[0, -1]], generator.windows(ends, limit))
        for name, windows in (("way", way), ("apart", apart)):
            kept[name].append(int((windows[1:] & windows[:-1]).sum()))
            lit[name].append(int((windows[1:] | windows[:-1]).sum()))
    of_way, of_apart = (sum(kept[name]) / sum(lit[name]) for name in ("way", "apart"))
    # Dice of windows by themselves have nothing in common; where nothing is left to chance both are the same.
    by_chance = (family, preset) == ("vae", "default")
    assert of_way > 2 * of_apart if by_chance else of_way == of_apart
    assert of_way > 0


def test_cooler_windows_keep_to_fewer_pitches(make: Make) -> None:
    _, generator = make("vae", "default")
    z = some(generator, 12)
    varieties = [variety(generator.tempered(heat).windows(z).sum(2)) for heat in (0.1, 1.0, 4.0)]
    assert sorted(varieties) == varieties
    assert varieties[0] < 0.9 * varieties[2]
    assert generator.tempered(generator.facts["temperature"]).windows(z).tolist() == generator.windows(z).tolist()
    for heat in (0.0, -1.0, 6.0, float("nan")):
        with pytest.raises(ValueError, match="temperature must be above 0"):
            generator.tempered(heat)


@pytest.mark.parametrize(("family", "preset"), [one for one in ALL if one != ("vae", "default")])
def test_what_chance_has_no_part_in_has_no_temperature(make: Make, family: str, preset: str) -> None:
    _, generator = make(family, preset)
    assert generator.temperature is None
    with pytest.raises(ValueError, match=f"a {preset} {family} has no temperature"):
        generator.tempered(1.0)


def test_variety_is_the_entropy_of_pitch_classes() -> None:
    lit = np.zeros((3, 96))
    lit[0, [3, 15, 87]] = 4  # one class in three octaves
    lit[1, :12] = 7  # all twelve alike
    assert variety(lit[:1]) == pytest.approx(0, abs=1e-6)
    assert variety(lit[1:2]) == pytest.approx(np.log(12))
    assert variety(lit) == pytest.approx(np.log(12) / 3, abs=1e-6)


def _middle(generator: Generator, z: np.ndarray) -> float:
    """A threshold in the midst of what an untrained painter paints, where the last bits would decide most."""
    limits = np.linspace(0.02, 0.98, 25)
    lit = [abs(float(generator.windows(z[:1], limit).mean()) - 0.5) for limit in limits]
    return float(limits[int(np.argmin(lit))])


@pytest.mark.parametrize(("family", "preset"), ALL)
def test_a_position_belongs_to_its_seed_and_index(make: Make, family: str, preset: str) -> None:
    data, generator = make(family, preset)
    z = generator.draw(5, 3)
    assert z.shape == (generator.latent_size,)
    assert z.dtype == np.float32
    generator.draw(8, 1)
    np.testing.assert_array_equal(load_generator(data).draw(5, 3), z)
    assert len({generator.draw(seed, index).tobytes() for seed in (5, 2**53) for index in range(4)}) == 8


@pytest.mark.parametrize(("family", "preset"), ALL)
def test_the_same_bytes_play_the_same_windows(make: Make, family: str, preset: str) -> None:
    data, generator = make(family, preset)
    z = some(generator, 2)
    np.testing.assert_array_equal(load_generator(data).windows(z, 0.4), generator.windows(z, 0.4))


@pytest.mark.parametrize("family", ["vae", "gan"])
def test_default_presets_play_windows_as_dense_as_the_data_and_none_is_empty(make: Make, family: str) -> None:
    _, generator = make(family, "default")
    windows = generator.windows(some(generator, 24))
    assert windows.any((1, 2)).all()
    assert 0.5 < windows.mean() / float(batch(4).mean()) < 2


@pytest.mark.parametrize(("family", "preset"), ALL)
def test_a_higher_threshold_gives_fewer_notes(make: Make, family: str, preset: str) -> None:
    _, generator = make(family, preset)
    z = some(generator, 8)
    few, many = (generator.windows(z, threshold).mean() for threshold in (0.95, 0.05))
    assert few < many


def test_positions_and_thresholds_out_of_range_are_refused(make: Make) -> None:
    _, generator = make("vae", "thesis")
    with pytest.raises(ValueError, match=r"z must be \[n, 2\], got \[1, 3\]"):
        generator.windows(np.zeros((1, 3), np.float32))
    with pytest.raises(ValueError, match="threshold must be between 0 and 1, got 1"):
        generator.windows(np.zeros((1, 2), np.float32), 1.0)


def test_the_generating_half_leaves_discriminator_and_optimizer_behind(make: Make) -> None:
    for family, preset in ALL:
        data, _ = make(family, preset)
        names = " ".join(safetensors.torch.load(data))
        assert not any(word in names for word in ("discriminator", "optimizer", "judge"))


def test_a_default_vae_draws_where_the_data_lies() -> None:
    learner = create_learner("vae", "default", resolve("vae", "default", {}), 0, 0.02)
    learner.calibrate([(batch(8), None)])
    generator = load_generator(save_generator(learner, 17))
    drawn = np.stack([generator.draw(0, index) for index in range(400)])
    places = learner.encode(batch(8))
    assert places is not None
    np.testing.assert_allclose(drawn.mean(0), places.mean(0), atol=0.25)


def test_one_window_is_enough_to_calibrate() -> None:
    for family in ("vae", "gan"):
        learner = create_learner(family, "default", resolve(family, "default", {}), 0, 0.02)
        learner.calibrate([(batch(1), None)])
        assert 0 < learner.threshold < 1


@pytest.mark.parametrize("data", [b"", b"MThd", safetensors.torch.save({"a": torch.zeros(1)})])
def test_other_bytes_are_not_a_generator(data: bytes) -> None:
    with pytest.raises(NotAGenerator, match="not a saved generator"):
        load_generator(data)


@pytest.mark.parametrize(("family", "preset"), ALL)
def test_weights_of_other_networks_are_refused_in_words(make: Make, family: str, preset: str) -> None:
    data, _ = make(family, preset)
    tensors = safetensors.torch.load(data)
    metadata = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"]
    largest = max(tensors, key=lambda name: tensors[name].numel())
    for other in ({**tensors, largest: torch.zeros(3)}, {name: tensors[name] for name in tensors if name != largest}):
        with pytest.raises(NotAGenerator, match="other networks than this version makes"):
            load_generator(safetensors.torch.save(other, metadata))


def test_unknown_presets_are_refused() -> None:
    with pytest.raises(BadRunOptions, match="preset of vae"):
        create_learner("vae", "best", resolve("vae", "default", {}), 0, 0.02)
