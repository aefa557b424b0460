"""The decoder that writes notes, and the voices."""

import copy

import numpy as np
import pytest
import torch
from corpus import midi_files
from torch import Tensor
from torch.nn import functional

from pianola.codec.options import PRESETS
from pianola.codec.verdict import judge
from pianola.models.gan.voices import Choir, sing
from pianola.models.notes.decoder import FIRST_LENGTH, STOP, NoteDecoder, Notes
from pianola.models.notes.dice import MOST_STRUCK, Dice, dice_between, dice_of, writable
from pianola.models.notes.writer import Column, NoteWriter, hear

from .decoders import at_random, busy, compiled, decoder
from .music import CHORDS, LOWEST_PITCH, SCALE, Note, window


def heard(notes: Notes) -> set[Note]:
    listed = zip(notes.row.tolist(), notes.step.tolist(), notes.length.tolist(), strict=True)
    return {(LOWEST_PITCH + 95 - row, step, length) for row, step, length in listed}


def test_the_notes_of_a_window_are_those_it_was_made_of() -> None:
    music = {*CHORDS, (72, 0, 96), (80, 95, 1), (81, 10, 1), (81, 12, 5)}
    notes = Notes.of(window(*music)[None])
    assert heard(notes) == music
    assert torch.equal(notes.struck + notes.held, window(*music)[None])


def test_the_likelihood_of_a_window_does_not_depend_on_others() -> None:
    network = decoder()
    windows, z = torch.stack([window(*SCALE), window(*CHORDS)]), torch.randn(2, 4)
    semitones = torch.tensor([0, 3])
    with torch.no_grad():
        together = network.nats(Notes.of(windows), z, semitones)
        alone = [network.nats(Notes.of(windows[i : i + 1]), z[i : i + 1], semitones[i : i + 1]) for i in (0, 1)]
        silence = network.nats(Notes.of(torch.zeros(1, 96, 96)), z[:1], semitones[:1])
    torch.testing.assert_close(together, torch.cat(alone), rtol=1e-5, atol=0)
    assert 0 < silence.item() < together.min().item()


def test_the_chances_of_all_ways_to_go_on_add_up_to_one() -> None:
    """All windows that are alike but for the last column: nothing is struck there, or any of the rows that may be."""
    network = decoder()
    with torch.no_grad():
        network.stop_after.weight[1:] = 100  # one note in a column is enough here
    before = ((60, 90, 5), (64, 94, 1))
    free = [pitch for pitch in range(17, 113) if pitch not in (60, 64)]
    windows = [window(*before)] + [window(*before, (pitch, 95, 1)) for pitch in free]
    with torch.no_grad():
        z, semitones = torch.zeros(1, 4), torch.zeros(1, dtype=torch.int64)
        nats = torch.cat([network.nats(Notes.of(one[None]), z, semitones) for one in windows]).double()
    assert (-nats).exp().sum().item() == pytest.approx(_chance_before_last_column(network, before), rel=1e-4)


def _chance_before_last_column(network: NoteDecoder, notes: tuple[Note, ...]) -> float:
    with torch.no_grad():
        listed = Notes.of(window(*notes)[None])
        _, _, scores = network._scores_of_empty_columns(listed, torch.zeros(1, 4), torch.zeros(1, dtype=torch.int64))
        stop = scores.log_softmax(1)[95, 96]
        whole = network.nats(listed, torch.zeros(1, 4), torch.zeros(1, dtype=torch.int64))
    return float((-(whole + stop).double()).exp())


@pytest.mark.slow
def test_what_is_learnt_by_heart_is_written_so() -> None:
    """Training sees all steps at once, writing takes one by one: only if both agree does the music come out."""
    music = torch.stack([window(*SCALE, *CHORDS), window(*((pitch + 7, start, 5) for pitch, start, _ in SCALE))])
    network, z = decoder(), torch.tensor([[1.0, 0, 0, 0], [-1.0, 0, 0, 0]])
    optimizer = torch.optim.Adam(network.parameters(), 0.02)
    semitones = torch.zeros(2, dtype=torch.int64)
    for _ in range(80):
        loss = network.nats(Notes.of(music), z, semitones).sum()
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
    assert loss.item() < 2
    for writer in (compiled(network), NoteWriter(copy.deepcopy(network))):
        assert np.array_equal(writer.write(z.numpy(), 0.5, 1.0, dice_of(z.numpy())), music.numpy())


def test_written_windows_are_possible_ones() -> None:
    network = decoder(4)
    z = torch.randn(3, 4)
    with torch.inference_mode():
        written = NoteWriter(copy.deepcopy(network)).write(z.numpy(), 0.5, 1.0, dice_of(z.numpy()))
        nats = network.nats(Notes.of(torch.from_numpy(written).float()), z, torch.zeros(3, dtype=torch.int64))
    assert torch.isfinite(nats).all()


def test_writing_goes_by_the_chances_that_the_likelihood_has(monkeypatch: pytest.MonkeyPatch) -> None:
    network = decoder(5).double().eval()
    with torch.no_grad():
        network.rows.bias[STOP] -= 2  # more notes, so that a column has many others before it
    columns: list[Tensor] = []
    write_column = NoteWriter._write_column

    def note_scores(
        self: NoteWriter, harmonies: Tensor, column: Column, temperature: float, struck: Tensor, left: Tensor
    ) -> None:
        columns.append(column.scores.clone())
        write_column(self, harmonies, column, temperature, struck, left)

    monkeypatch.setattr(NoteWriter, "_write_column", note_scores)
    z = torch.randn(3, 4)
    with torch.inference_mode():
        written = NoteWriter(network).write(z.numpy(), 0.5, 1.0, dice_of(z.numpy()))
        notes = Notes.of(torch.from_numpy(written).double())
        _, _, expected = network._scores_of_empty_columns(notes, z.double(), torch.zeros(3, dtype=torch.int64))
    assert len(notes.row) > 100
    torch.testing.assert_close(torch.stack(columns, 1).flatten(0, 1), expected)


def test_dice_on_the_way_are_as_even_as_dice_and_change_by_and_by() -> None:
    first, last = dice_of(torch.randn(2, 4).numpy())
    way = dice_between(first, last, np.linspace(0, 1, 5))
    assert np.array_equal(way[0], first)
    assert np.array_equal(way[-1], last)
    for dice in way:
        assert _evenness(dice) == pytest.approx([0.1] * 10, abs=0.02)
    steps = np.abs(way[1:] - way[:-1]).mean((1, 2, 3))
    assert steps.max() < 0.6 * np.abs(last - first).mean()


def _evenness(dice: Dice) -> list[float]:
    """Shares of dice in each tenth of 0..1."""
    return (np.histogram(dice, 10, (0, 1))[0] / dice.size).tolist()


def test_visiting_lit_rows_only_hears_what_the_convolution_hears() -> None:
    network = decoder().double()
    near = torch.rand(3, network.near.in_channels, 96, dtype=torch.float64)
    near = near * (near < 0.05)
    with torch.no_grad():
        expected = network.near(near[..., None])[..., 0].transpose(1, 2)
        torch.testing.assert_close(hear(network, near), expected)


@pytest.mark.parametrize("columns", [1, 48, 95])
def test_an_opening_is_kept_and_gone_on_from(columns: int) -> None:
    writer, (z, dice) = compiled(busy(1)), at_random(4, 0)
    free = writer.write(z, 0.4, 0.9, dice)
    other, others = at_random(4, 1)
    opening = writer.write(other, 0.4, 0.9, others)[:, :, :columns]
    written = writer.write(z, 0.4, 0.9, dice, opening)
    assert np.array_equal(written[:, :, :columns], opening)
    assert not np.array_equal(written[:, :, columns:], free[:, :, columns:])
    assert writer.write(z, 0.4, 0.9, dice, written[:, :, :0]).tobytes() == free.tobytes()


def test_notes_that_sound_over_the_edge_of_an_opening_go_on_as_long_as_notes_do() -> None:
    """Lengths after the edge have the chances that lengths have of notes that last at least so long."""
    writer, (z, dice) = compiled(busy(2)), at_random(300, 0)
    z[:] = z[0]
    opening = np.zeros((300, 96, 4), np.uint8)
    opening[:, 50, 1:] = 1
    more = np.logical_and.accumulate(writer.write(z, 0.5, 1.0, dice, opening)[:, 50, 4:], 1).sum(1)
    shares = [(more > limit).mean() for limit in (0, 4, 8, 16)]
    # A decoder of chance has lengths that fall off with FIRST_LENGTH, and so does what is left of them.
    assert shares == pytest.approx([np.exp(-(limit + 1) / FIRST_LENGTH) for limit in (0, 4, 8, 16)], abs=0.08)


def test_dice_are_found_that_write_any_window() -> None:
    network = busy(3)
    writer, music = compiled(network), np.random.default_rng(0).random((12, 96, 96))
    # From silence to crowds, in long notes and in short ones, up to the edges; rows that no chance would strike.
    runs = np.repeat(music[:, :, ::6], 6, 2)
    windows = np.concatenate([music < np.linspace(0, 0.1, 12)[:, None, None], runs < 0.05]).astype(np.uint8)
    z, dice = at_random(len(windows), 4)
    for threshold, temperature in ((0.5, 1.0), (0.9, 0.1)):
        found = writer.dice_that_write(windows, z, threshold, temperature, dice)
        written = writer.write(z, threshold, temperature, found)
        assert np.array_equal(written, writable(windows))
    assert found.min() >= 0
    assert found.max() < 1


def test_dice_that_write_are_as_even_as_those_they_are_made_of() -> None:
    """Of windows written by chance, dice found with other dice are chance again: none knows of the window any more."""
    writer, (z, dice), (_, others) = compiled(busy(4)), at_random(24, 5), at_random(24, 6)
    found = writer.dice_that_write(writer.write(z, 0.5, 1.0, dice), z, 0.5, 1.0, others)
    taken = found[found != others]
    assert len(taken) > 3_000
    assert _evenness(taken) == pytest.approx([0.1] * 10, abs=0.02)


def test_of_a_crowded_column_the_highest_notes_are_written() -> None:
    crowd = np.zeros((1, 96, 96), np.uint8)
    crowd[0, 10:40, 5:9] = 1
    crowd[0, 60, 7:] = 1
    crowd[0, 30, 12] = 1
    expected = crowd.copy()
    expected[0, 10 + MOST_STRUCK : 40, 5:9] = 0
    assert np.array_equal(writable(crowd), expected)
    # As an opening it is kept all the same.
    writer, (z, dice) = NoteWriter(busy(5)), at_random(1, 7)
    assert np.array_equal(writer.write(z, 0.5, 1.0, dice, crowd[:, :, :8])[:, :, :8], crowd[:, :, :8])


@pytest.mark.filterwarnings("ignore:the data sets are not here")
def test_dice_are_found_that_write_real_music() -> None:
    music = [judge(file.read_bytes(), PRESETS["piano"])[1].lit for file in midi_files("small")[:6]]
    windows = np.unpackbits(np.concatenate(music), axis=-1)[::2]
    assert len(windows) > 20
    writer, (z, dice) = compiled(busy(6)), at_random(len(windows), 8)
    assert np.array_equal(writer.write(z, 0.5, 1.0, writer.dice_that_write(windows, z, 0.5, 1.0, dice)), windows)


def sung_step_by_step(strike: Tensor, hold: Tensor, pitch: Tensor) -> Tensor:
    """The same as Sing, written plainly, with straight-through decisions that autograd follows by itself.

    strike, hold [96 steps, n, voices] and pitch [96 steps, n, voices, 96 rows].
    """

    def through(hard: Tensor, soft: Tensor) -> Tensor:
        return hard + soft - soft.detach()

    struck = through((strike > 0).to(strike.dtype), strike.sigmoid())[..., None]
    held = through((hold > 0).to(hold.dtype), hold.sigmoid())[..., None]
    likely = pitch.softmax(3)
    chosen = through(torch.zeros_like(likely).scatter(3, likely.argmax(3, keepdim=True), 1.0), likely)
    sounding, rolls = torch.zeros_like(likely[0]), []
    for s, h, one in zip(struck, held, chosen, strict=True):
        sounding = s * one + (1 - s) * h * sounding
        rolls.append(sounding)
    together = 1 - torch.stack([1 - voice for voice in torch.stack(rolls).unbind(2)]).prod(0)
    strikes = (struck * chosen).sum(2)
    again = through((strikes > 0.5).to(strike.dtype), strikes)
    return together * (1 - functional.pad(again[1:], (0, 0, 0, 0, 0, 1)))


def test_voices_sing_and_learn_as_the_plain_recursion_does() -> None:
    torch.manual_seed(0)
    # Eight rows likelier than the others, so that voices meet and strike again.
    logits = [torch.randn(96, 2, 3), torch.randn(96, 2, 3), torch.randn(96, 2, 3, 96) + 6 * (torch.arange(96) < 8)]
    weights = torch.randn(96, 2, 96, dtype=torch.float64)

    def by_rows(strike: Tensor, hold: Tensor, pitch: Tensor) -> Tensor:
        return sing(strike, hold, pitch.argmax(3), pitch[strike > 0])

    found = []
    for way in (by_rows, sung_step_by_step):
        leaves = [one.double().requires_grad_() for one in logits]
        windows = way(*leaves)
        torch.autograd.backward((windows * weights).sum())
        found.append([windows.detach(), leaves[0].grad, leaves[1].grad, leaves[2].grad])
    for ours, plain in zip(*found, strict=True):
        assert ours is not None
        torch.testing.assert_close(ours, plain)


def one_voice(strikes: dict[int, int], until: int) -> Tensor:
    """What a voice sings that strikes rows at steps {step: row} and holds until a step: [96 rows, 96 steps]."""
    strike, hold = torch.full((96, 1, 1), -1.0), torch.full((96, 1, 1), 1.0)
    choice = torch.zeros(96, 1, 1, dtype=torch.int64)
    for step, row in strikes.items():
        strike[step], choice[step] = 1.0, row
    hold[until:] = -1.0
    return sing(strike, hold, choice, torch.zeros(len(strikes), 96))[:, 0].T


def test_a_voice_holds_one_note_at_a_time() -> None:
    window = one_voice({3: 40, 9: 41}, until=20)
    assert window.nonzero().tolist() == [*([40, step] for step in range(3, 9)), *([41, step] for step in range(9, 20))]


def test_a_note_struck_again_is_dark_the_step_before() -> None:
    window = one_voice({3: 40, 9: 40}, until=20)
    assert window.nonzero().tolist() == [[40, step] for step in range(3, 20) if step != 8]


def test_voices_sing_the_same_whether_they_learn_or_not() -> None:
    torch.manual_seed(0)
    choir = Choir(latent=40, local=4, channels=64, voices=6)
    z = torch.randn(4, 40)
    with torch.no_grad():
        played = choir(z)
    assert torch.equal(choir(z), played)


def test_a_tilt_moves_notes_between_rows_and_keeps_them_out_of_some() -> None:
    torch.manual_seed(0)
    choir = Choir(latent=40, local=4, channels=64, voices=6)
    tilt = torch.zeros(96)
    tilt[:48] = -1e9
    with torch.no_grad():
        lit = choir(torch.randn(8, 40), tilt=tilt).sum((0, 1, 3))
    assert lit[:48].sum() == 0
    assert lit[48:].sum() > 0


@pytest.mark.parametrize("density", [0.01, 0.04])
def test_a_new_choir_is_about_as_dense_as_the_data(density: float) -> None:
    torch.manual_seed(0)
    choir = Choir(latent=40, local=4, channels=64, voices=6)
    choir.expect(density)
    with torch.no_grad():
        assert 0.4 < choir(torch.randn(32, 40)).mean().item() / density < 2.5
