"""Pieces: one music of many windows."""

import io
import zipfile
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient
from PIL import Image

from pianola.codec.roll import Note
from pianola_sampler.scales import Key

from .playing import LOWEST_PITCH, Stage, generator, told_generator
from .reading import of_json, of_midi, of_musicxml, of_svg


@pytest.fixture
def client(stage: Stage) -> FlaskClient:
    """A sampler with a VAE, `waltz`."""
    stage.checkpoint(generator(1, "vae"), "waltz", family="vae")
    return stage.client()


def play(client: FlaskClient, status: int = 201, **body: Any) -> dict[str, Any]:
    answer = client.post("/v1/models/waltz/pieces", json={"seed": 1, "beats": 24, **body})
    assert answer.status_code == status, answer.text
    return dict(answer.get_json())


def notes_of(piece: dict[str, Any]) -> list[tuple[int, int, int]]:
    return sorted(note for window in piece["windows"] for note in of_json(window))


def roll(notes: list[tuple[int, int, int]], steps: int) -> np.ndarray:
    found = np.zeros((128, steps), np.uint8)
    for pitch, start, length in notes:
        assert not found[pitch, start : start + length].any(), "notes of one pitch do not overlap"
        found[pitch, start : start + length] = 1
    return found


def test_a_piece_begins_as_its_seed_does_and_each_half_window_goes_on_from_the_one_before(client: FlaskClient) -> None:
    told = play(client)
    assert (told["n"], told["seed"], told["options"]["drift"], len(told["windows"])) == (3, 1, 0.5, 3)
    sample = client.post("/v1/models/waltz/samples", json={"seed": 1}).get_json()
    assert told["windows"][0]["z"] == sample["windows"][0]["z"]
    whole = roll(notes_of(told), 3 * 96)
    np.testing.assert_array_equal(whole[:, :96], roll(of_json(sample["windows"][0]), 96))
    assert all(whole[:, half : half + 48].any() for half in range(0, 3 * 96, 48))
    assert any(start // 96 < (start + length - 1) // 96 for _, start, length in notes_of(told)), "notes cross seams"


def test_the_same_request_is_the_same_piece_anywhere_and_a_longer_one_begins_with_it(
    stage: Stage, client: FlaskClient
) -> None:
    told = play(client)
    other = stage.client()
    assert other.get(f"/v1/samples/{told['id']}").get_json() == told == play(other)
    longer = play(other, beats=32)
    assert longer["id"] != told["id"]
    begun = roll(notes_of(longer), 4 * 96)[:, : 3 * 96]
    np.testing.assert_array_equal(begun, roll(notes_of(told), 3 * 96), err_msg="window i does not depend on n")
    assert play(other, drift=1.0)["id"] != told["id"] != play(other, seed=2)["id"]


def test_every_form_is_the_whole_piece_and_a_window_of_it_is_one_window(client: FlaskClient) -> None:
    told = play(client)
    notes, path = notes_of(told), f"/v1/samples/{told['id']}"
    assert of_midi(client.get(f"{path}?format=midi").data) == notes
    assert of_musicxml(client.get(f"{path}?format=musicxml").data) == notes
    (line,) = of_svg(client.get(f"{path}?format=svg").data, LOWEST_PITCH)
    assert line == notes
    assert Image.open(io.BytesIO(client.get(f"{path}?format=png").data)).width > 3 * 96 * 2
    archive = zipfile.ZipFile(io.BytesIO(client.get(f"{path}?format=zip").data))
    assert archive.namelist() == ["piece.mid", "piece.png", "sample.json"]
    assert of_midi(archive.read("piece.mid")) == notes
    one = client.get(f"{path}?window=1").get_json()
    np.testing.assert_array_equal(
        roll(of_json(one["windows"][0]), 96), roll(notes, 3 * 96)[:, 96:192], err_msg="as it is by itself"
    )
    assert of_midi(client.get(f"{path}?window=1&format=midi").data) == of_json(one["windows"][0])


def test_lines_of_a_long_piece_show_notes_that_cross_them_on_both(client: FlaskClient) -> None:
    told = play(client, beats=48)
    lines = of_svg(client.get(f"/v1/samples/{told['id']}?format=svg").data, LOWEST_PITCH)
    shown = np.concatenate([roll(line, 4 * 96) for line in lines], axis=1)
    np.testing.assert_array_equal(shown[:, : 6 * 96], roll(notes_of(told), 6 * 96))


def test_a_piece_goes_on_from_a_sample_that_may_then_be_forgotten(stage: Stage, client: FlaskClient) -> None:
    sample = client.post("/v1/models/waltz/samples", json={"seed": 5, "n": 2, "threshold": 0.4}).get_json()
    told = play(client, 201, **{"from": {"sample": sample["id"], "window": 1}})
    assert told["windows"][0]["z"] == sample["windows"][1]["z"]
    np.testing.assert_array_equal(
        roll(notes_of(told), 3 * 96)[:, :96], roll(of_json(sample["windows"][1]), 96), err_msg="threshold and all"
    )
    assert client.delete(f"/v1/samples/{sample['id']}").status_code == 204
    assert stage.client().get(f"/v1/samples/{told['id']}").get_json() == told
    on = play(client, 201, **{"seed": 2, "from": {"sample": told["id"], "window": 2}})
    assert on["windows"][0]["z"] == told["windows"][2]["z"], "of a piece, too"
    way = client.post(
        "/v1/models/waltz/interpolations", json={"from": {"sample": told["id"], "window": 2}, "to": {"seed": 1}}
    )
    assert way.get_json()["windows"][0]["z"] == told["windows"][2]["z"]


def test_options_are_as_of_samples(stage: Stage) -> None:
    stage.checkpoint(told_generator(), "waltz", family="vae")
    client = stage.client()
    told = play(client, label="Bach", key="C major", tempo=60, temperature=0.7, threshold=0.3)
    scale = Key.of("C major").pitch_classes
    assert {Note(*note).pitch % 12 for note in notes_of(told)} <= scale
    assert told["options"]["label"] == "Bach"
    first = told["windows"][0]["notes"][0]
    assert first["length_seconds"] == pytest.approx(first["length_beats"], abs=1e-6)
    assert play(client, label="Satie")["id"] != play(client, label="Bach")["id"]


def test_a_body_may_be_left_out(client: FlaskClient) -> None:
    answer = client.post("/v1/models/waltz/pieces", headers={"Accept": "audio/midi"})
    assert (answer.status_code, answer.data[:4]) == (201, b"MThd")


@pytest.mark.parametrize(
    ("body", "field", "words"),
    [
        ({"beats": 8}, "beats", "greater than or equal to 16"),
        ({"beats": 520}, "beats", "less than or equal to 512"),
        ({"beats": 20}, "beats", "multiple of 8"),
        ({"drift": 1.5}, "drift", "less than or equal to 1"),
        ({"from": {"seed": 1, "z": [0.0]}}, "from", "give one of seed, sample, z and midi"),
        ({"z": [[0.0]]}, "z", "Extra inputs are not permitted"),
    ],
)
def test_bad_fields_are_named(stage: Stage, body: dict[str, Any], field: str, words: str) -> None:
    told = play(stage.client(), 422, **body)
    assert [error["field"] for error in told["errors"]] == [field]
    assert words in told["errors"][0]["message"]


def test_what_makes_whole_windows_has_no_pieces_and_says_what_it_has(stage: Stage, first: bytes) -> None:
    stage.checkpoint(first, "waltz")
    client = stage.client()
    told = play(client, 409)
    assert told["code"] == "no-pieces"
    assert "interpolations" in told["detail"]
    with stage.records.read() as session:
        assert session.connection().exec_driver_sql("SELECT count(*) FROM samples").scalar() == 0
