"""Music like other music: where windows lie, variations of them, ways between them, and attributes."""

import json
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
import safetensors.torch
import torch

from pianola.models.attributes import ATTRIBUTES, NoSuchAttribute, find_directions, measured
from pianola.models.conditions import Condition
from pianola.models.generator import Generator, NoEncoder
from pianola.models.notes.variations import parts_of, put_between
from pianola.models.presets import resolve
from pianola.models.registry import create_learner, load_generator, save_generator
from pianola.models.vae.encoders import PARTS
from pianola.models.windows import Floats, Windows, noise_of

from .music import LOWEST_PITCH, batch, window


def tunes(n: int, seed: int) -> Windows:
    """Windows of few or many, low or high, short or long notes."""
    rng = np.random.default_rng(seed)
    rolls = []
    for _ in range(n):
        every, low, length = rng.choice([6, 12, 24]), rng.integers(30, 80), rng.choice([2, 8, 24])
        notes = [(int(low + rng.integers(0, 12)), start, int(length)) for start in range(0, 96, every)]
        rolls.append(window(*notes))
    return torch.stack(rolls).numpy().astype(np.uint8)


@cache
def trained() -> Generator:
    """A VAE of the default preset that has learnt what tunes are like, a little."""
    learner = create_learner("vae", "default", resolve("vae", "default", {"kl_warmup_steps": 0}), 3, 0.02)
    windows = torch.from_numpy(tunes(128, 0)).float()[:, None]
    for step in range(40):
        torch.manual_seed(step)
        learner.step(windows[torch.randint(len(windows), (16,))], step / 40)
    learner.calibrate([(windows, None)])
    return load_generator(save_generator(learner, LOWEST_PITCH))


@pytest.mark.parametrize("preset", ["default", "thesis"])
def test_a_saved_generator_puts_windows_where_its_learner_does(preset: str) -> None:
    learner = create_learner("vae", preset, resolve("vae", preset, {}), 3, 0.05)
    learner.calibrate([(batch(16), None)])
    plays = load_generator(save_generator(learner, LOWEST_PITCH))
    windows = batch(5)[:, 0].numpy().astype(np.uint8)
    expected = learner.encode(batch(5))
    assert expected is not None
    np.testing.assert_allclose(plays.encode(windows), expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(plays.encode(windows)[3:4], plays.encode(windows[3:4]))
    again = create_learner("vae", preset, resolve("vae", preset, {}), 9, 0.05)
    again.restore(learner.tensors(), learner.facts())
    assert save_generator(again, LOWEST_PITCH) == save_generator(learner, LOWEST_PITCH)


def test_labels_have_a_part_in_where_a_window_lies() -> None:
    learner = create_learner("vae", "default", resolve("vae", "default", {}), 1, 0.05, 2)
    learner.calibrate([(batch(16), torch.arange(16) % 2)])
    plays = load_generator(save_generator(learner, LOWEST_PITCH, Condition("kind", ("scale", "chords"))))
    windows = batch(2)[:, 0].numpy().astype(np.uint8)
    told, untold = plays.encode(windows, np.array([0, 1])), plays.encode(windows)
    assert told.shape == untold.shape == (2, plays.latent_size)
    assert (told != untold).any()
    np.testing.assert_array_equal(plays.vary(windows, 0.0, [noise_of(1, i) for i in (0, 1)])[1], windows)


def test_without_an_encoder_generators_say_so_and_play_on() -> None:
    learner = create_learner("vae", "default", resolve("vae", "default", {}), 1, 0.05)
    learner.calibrate([(batch(16), None)])
    data = save_generator(learner, LOWEST_PITCH)
    former = {name: value for name, value in safetensors.torch.load(data).items() if not name.startswith(PARTS)}
    metadata = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"]
    saved_before = load_generator(safetensors.torch.save(former, metadata))
    gan = create_learner("gan", "thesis", resolve("gan", "thesis", {}), 1, 0.05)
    gan.calibrate([(batch(4), None)])
    for plays in (saved_before, load_generator(save_generator(gan, LOWEST_PITCH))):
        assert plays.windows(plays.positions(1, [0])).shape == (1, 96, 96)
        with pytest.raises(NoEncoder, match=f"{plays.family} has no encoder.*interpolations"):
            plays.encode(np.zeros((1, 96, 96), np.uint8))


@pytest.mark.slow
def test_a_variation_begins_with_the_very_window_and_ends_near_it() -> None:
    plays, windows = trained(), tunes(8, 5)

    def vary(strength: float, rows: range) -> tuple[Floats, Windows]:
        return plays.vary(windows[rows.start : rows.stop], strength, [noise_of(7, row) for row in rows])

    z, same = vary(0.0, range(8))
    np.testing.assert_array_equal(z, plays.encode(windows))
    np.testing.assert_array_equal(same, windows)
    changed = [float((vary(strength, range(8))[1] != windows).mean()) for strength in (0.25, 0.5, 1.0)]
    assert 0 < changed[0] < changed[1] < changed[2]
    for together, alone in zip(vary(0.5, range(8)), vary(0.5, range(2, 3)), strict=True):
        np.testing.assert_array_equal(together[2:3], alone)


def test_parts_grow_with_strength_and_are_put_between_what_stays() -> None:
    written = [
        {column for part in parts_of(strength, noise_of(1, 1)) for column in range(*part)}
        for strength in (0.0, 0.01, 0.5, 0.9, 1.0)
    ]
    assert [len(columns) for columns in written] == [0, 6, 48, 90, 96]
    assert all(less <= more for less, more in pairwise(written))
    own = window((60, 40, 20), (64, 40, 20), (67, 48, 9)).numpy().astype(np.uint8)
    anew = window((64, 30, 30), (67, 42, 20)).numpy().astype(np.uint8)
    expected = window((64, 30, 30), (67, 42, 5), (67, 48, 9)).numpy().astype(np.uint8)
    np.testing.assert_array_equal(put_between(anew, own, 48), expected)


@pytest.mark.slow
def test_a_way_begins_and_ends_with_the_very_windows() -> None:
    plays = trained()
    first, last = tunes(2, 8)
    z = np.linspace(*plays.encode(np.stack([first, last])), 5).astype(np.float32)
    way = plays.way(z, ends=(first, last))
    np.testing.assert_array_equal(way[[0, -1]], [first, last])
    np.testing.assert_array_equal(plays.way(z, ends=(first, None))[-1], plays.way(z)[-1])


def test_what_is_measured_of_windows() -> None:
    notes = window((60, 0, 24), (67, 6, 12), (67, 48, 12)).numpy().astype(np.uint8)
    found = dict(zip(ATTRIBUTES, measured(np.stack([notes, np.zeros_like(notes)])).T, strict=True))
    expected = {
        "density": 3,
        "pitch": (60 + 67 + 67) / 3 - LOWEST_PITCH,
        "length": 48 / 3 / 12,
        "polyphony": 48 / 36,
        "range": 7,
        "offbeat": 1 / 3,
    }
    assert {name: values[0] for name, values in found.items()} == pytest.approx(expected)
    assert all(np.isnan(values[1]) for values in found.values())


def test_directions_are_found_where_positions_tell_an_attribute_and_nowhere_else() -> None:
    windows, rng = tunes(200, 1), np.random.default_rng(0)
    values = measured(windows)
    positions = rng.standard_normal((200, 4)).astype(np.float32)
    positions[:, 1] = values[:, 0] * 3 + 5
    [density] = [one for one in find_directions(windows, positions) if one.name == "density"]
    assert density.explained > 0.99
    assert density.deviation == pytest.approx(values[:, 0].std())
    assert density.vector[1] == pytest.approx(3 * density.deviation, rel=0.02)
    assert find_directions(windows, rng.standard_normal((200, 4)).astype(np.float32)) == ()


def test_an_attribute_is_played() -> None:
    """The first that so short a training learns; `bench/resemblance.py` has all, of a longer one."""
    plays = trained()
    z = plays.positions(5, range(128))
    column = list(ATTRIBUTES).index("pitch")
    lower, higher = (
        float(np.nanmean(measured(plays.windows(z + plays.moved({"pitch": amount})))[:, column])) for amount in (-3, 3)
    )
    [direction] = [one for one in plays.directions if one.name == "pitch"]
    assert higher - lower > 0.1 * direction.deviation


def test_an_attribute_that_is_not_there_is_named() -> None:
    with pytest.raises(NoSuchAttribute, match=r"no attribute .swing.: it has .*pitch"):
        trained().moved({"swing": 1.0})
