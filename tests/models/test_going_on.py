"""Music that goes on from what was played: how likely a beginning is, and what follows."""

from functools import cache

import numpy as np
import pytest
import torch

from pianola.models.aggregate import Places
from pianola.models.conditions import Condition
from pianola.models.generator import CannotGoOn, Generator
from pianola.models.notes.beginnings import Beginnings
from pianola.models.notes.decoder import NoteDecoder, Notes
from pianola.models.notes.native import Sizes
from pianola.models.presets import resolve
from pianola.models.registry import create_learner, load_generator, save_generator
from pianola.models.windows import noise_of

from .music import LOWEST_PITCH, Note, batch, window


def decoder() -> NoteDecoder:
    torch.manual_seed(0)
    network = NoteDecoder(latent=4, state=32, kernels=4, harmonies=2, registers=2, dropout=0.0)
    network.expect(0.02)
    with torch.no_grad():
        network.stop_after.weight[1:] = 100  # one note in a column is enough here
    return network


@torch.no_grad()
def chance(network: NoteDecoder, begun: list[torch.Tensor]) -> float:
    untransposed = torch.zeros(len(begun), dtype=torch.int64)
    nats = network.nats(Notes.of(torch.stack(begun)), torch.ones(len(begun), 4), untransposed)
    return float((-nats.double()).exp().sum())


@pytest.mark.parametrize("length", [3, 5])
def test_a_beginning_is_as_likely_as_all_windows_that_begin_so(length: int) -> None:
    """A note ends before the beginning does, or it sounds until there: then it may end or go on."""
    network = decoder()
    before: tuple[Note, ...] = ((60, 40, 9), (64, 90, length))
    free = [pitch for pitch in range(17, 113) if pitch != 64 or length < 4]
    ends = [before, (before[0], (64, 90, 6))][: 1 if length < 5 else 2]
    windows = [window(*end, *more) for end in ends for more in [(), *(((pitch, 95, 1),) for pitch in free)]]
    assert chance(network, [window(*before)[:, :95]]) == pytest.approx(chance(network, windows), rel=1e-4)


@cache
def generator(preset: str = "default", conditions: int = 0) -> Generator:
    """One that has seen scales and chords, half of each, and learnt nothing."""
    learner = create_learner("vae", preset, resolve("vae", preset, {}), 1, 0.05, conditions)
    learner.calibrate([(batch(16), torch.arange(16) % 2 if conditions else None)])
    condition = Condition("kind", ("scale", "chords")) if conditions else None
    return load_generator(save_generator(learner, LOWEST_PITCH, condition))


def test_what_goes_on_begins_with_what_was_played_and_is_the_same_every_time() -> None:
    plays = generator()
    z = plays.positions(1, [0])
    opening = plays.windows(z)[0, :, 48:]
    first, again = (plays.go_on(opening, z[0], 0.5, noise_of(1, 1)) for _ in range(2))
    np.testing.assert_array_equal(first[1][:, :48], opening)
    assert [part.tobytes() for part in first] == [part.tobytes() for part in again]
    other_chance = plays.go_on(opening, z[0], 0.5, noise_of(1, 2))
    assert (other_chance[1][:, 48:] != first[1][:, 48:]).any()


def test_candidates_lie_at_as_many_of_the_nearest_places_as_their_reach_says_and_at_those_of_the_label() -> None:
    line = torch.arange(100.0)[:, None].expand(-1, 3).contiguous()
    places = Places(line, torch.full_like(line, 1e-3), torch.arange(100) % 2)
    home = np.full(3, 40.2, np.float32)

    def rows(reach: float, label: int | None = None) -> set[int]:
        found = places.around(home, reach, 2000, noise_of(1, 1), label)
        return {round(float(row)) for row in found.mean(1)}

    assert rows(0.0) == {40}
    assert rows(0.5) == set(range(36, 46))
    assert rows(1.0) == set(range(100))
    assert rows(0.0, label=1) == {41}
    assert rows(1.0, label=1) == set(range(1, 100, 2))


def test_a_position_that_makes_a_beginning_likely_is_chosen_for_it() -> None:
    network = decoder()
    z = torch.eye(4) * 3
    opening = window((60, 0, 20), (67, 20, 12))[:, :48]
    with torch.inference_mode():
        nats = network.nats(Notes.of(opening.expand(4, -1, -1)), z, torch.zeros(4, dtype=torch.int64))
    chances = (-nats).softmax(0)
    told = Beginnings(Sizes(4, 32, 4, 2, 2), {name: value.numpy() for name, value in network.state_dict().items()})
    with torch.inference_mode():
        chosen = [told.choose(opening.numpy().astype(np.uint8), z, die) for die in np.linspace(0.0025, 0.9975, 200)]
    np.testing.assert_allclose(np.bincount(chosen, minlength=4) / 200, chances, atol=0.01)


def test_what_makes_whole_windows_says_that_it_cannot_go_on() -> None:
    plays = generator(preset="thesis")
    with pytest.raises(CannotGoOn, match=r"a thesis vae makes whole windows .* interpolations"):
        plays.go_on(np.zeros((96, 48), np.uint8), plays.positions(1, [0])[0], 0.5, noise_of(1, 1))


def test_a_window_is_as_likely_at_many_positions_as_at_each() -> None:
    network, z = decoder(), torch.eye(4) * 2
    for one in (window((60, 0, 20), (64, 0, 9), (67, 20, 12)), torch.zeros(96, 96)):
        begun = one[None, :, :48]
        with torch.no_grad():
            each = network.nats(Notes.of(begun.expand(4, -1, -1)), z, torch.zeros(4, dtype=torch.int64))
            torch.testing.assert_close(network.nats_at(Notes.of(begun), z), each)
