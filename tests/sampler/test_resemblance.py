"""Something like my music: uploaded files and earlier samples, played again, varied, gone on to and moved."""

import base64
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from flask.testing import FlaskClient

from pianola.codec.roll import Note
from pianola.codec.writer import MidiOptions, write_midi
from pianola.models.attributes import Direction
from pianola.models.presets import resolve
from pianola.models.registry import create_learner, save_generator

from .playing import LOWEST_PITCH, Stage, generator
from .reading import of_json, of_midi

TUNE = [Note(60 + 2 * beat, 12 * beat, 9) for beat in range(20)]


DENSITY = Direction("density", 5.5, 20.25, 0.75, np.linspace(-1, 1, 32, dtype=np.float32))


@cache
def placing() -> bytes:
    """A VAE that has learnt nothing, with an attribute that a trained one would have found."""
    learner = create_learner("vae", "default", resolve("vae", "default", {}), 1, 0.05)
    windows = torch.rand(8, 1, 96, 96, generator=torch.Generator().manual_seed(1)) < 0.05
    learner.calibrate([(windows.float(), None)])
    learner._directions = (DENSITY,)
    return save_generator(learner, LOWEST_PITCH)


@pytest.fixture
def client(stage: Stage) -> FlaskClient:
    stage.checkpoint(placing(), "waltz")
    return stage.client()


def file(notes: list[Note] = TUNE, **more: object) -> dict[str, Any]:
    return {"midi": base64.b64encode(write_midi(notes, MidiOptions())).decode(), **more}


def ask(client: FlaskClient, what: str, status: int = 201, model: str = "waltz", **body: object) -> dict[str, Any]:
    answer = client.post(f"/v1/models/{model}/{what}", json=body)
    assert answer.status_code == status, answer.text
    return dict(answer.get_json())


def played(notes: list[Note], first: int = 0, last: int = 96) -> list[tuple[int, int, int]]:
    return sorted((note.pitch, note.start, note.length) for note in notes if first <= note.start < last)


def test_a_variation_of_no_strength_is_the_file_itself_in_one_midi_file(stage: Stage, client: FlaskClient) -> None:
    told = ask(client, "variations", source=file(name="mine.mid"), strength=0, seed=3)
    assert told["n"] == 3
    assert [of_json(window) for window in told["windows"]] == [played(TUNE, 96 * i, 96 * i + 96) for i in range(3)]
    assert told["source"]["notes"] == [note for window in told["windows"] for note in window["notes"]]
    assert (told["source"]["name"], told["source"]["of"], len(told["source"]["sha256"])) == ("mine.mid", told["n"], 64)
    other = stage.client()
    assert of_midi(other.get(f"/v1/samples/{told['id']}?format=midi").data) == played(TUNE, 0, 240)
    assert other.get(f"/v1/samples/{told['id']}").get_json() == told
    assert client.delete(f"/v1/samples/{told['id']}").status_code == 204
    assert other.get(f"/v1/samples/{told['id']}").status_code == 404


def test_variations_differ_from_one_another_and_are_the_same_every_time(stage: Stage, client: FlaskClient) -> None:
    told = ask(client, "variations", source=file(windows=1), strength=1.0, n=3, seed=3)
    assert (told["n"], told["seed"], told["source"]["windows"]) == (3, 3, 1)
    assert of_json(told["source"]) == played(TUNE)
    notes = [str(window["notes"]) for window in told["windows"]]
    assert len(set(notes)) == 3
    fewer = ask(stage.client(), "variations", source=file(windows=1), strength=1.0, n=2, seed=3)
    assert [str(window["notes"]) for window in fewer["windows"]] == notes[:2]
    again = stage.client().get(f"/v1/samples/{told['id']}?window=2").get_json()
    assert again["windows"] == told["windows"][2:]


def test_a_reconstruction_is_what_its_place_plays_also_of_another_models_sample(
    stage: Stage, client: FlaskClient
) -> None:
    told = ask(client, "reconstructions", source=file(windows=1))
    assert told["seed"] is None
    z = told["windows"][0]["z"]
    assert ask(client, "samples", z=[z])["windows"][0]["notes"] == told["windows"][0]["notes"]
    stage.checkpoint(generator(1), "polka")
    drawn = ask(client, "samples", model="polka", seed=4, n=2)
    varied = ask(client, "variations", source={"sample": drawn["id"], "window": 1}, strength=0)
    assert (varied["source"]["sample"], varied["source"]["window"]) == (drawn["id"], 1)
    assert varied["n"] == 1


def test_a_way_between_files_begins_and_ends_with_them(stage: Stage, client: FlaskClient) -> None:
    ends = {"from": file(), "to": file(window=1, name="b.mid")}
    told = ask(client, "interpolations", **ends, steps=4)
    assert of_json(told["windows"][0]) == played(TUNE)
    assert of_json(told["windows"][3]) == [(p, s - 96, n) for p, s, n in played(TUNE, 96, 192)]
    assert [end["name"] for end in told["ends"]] == [None, "b.mid"]
    assert stage.client().get(f"/v1/samples/{told['id']}").get_json() == told
    mixed = ask(client, "interpolations", **{"from": {"seed": 1}, "to": file()}, steps=2)
    assert mixed["windows"][0]["notes"] == ask(client, "samples", seed=1)["windows"][0]["notes"]
    assert mixed["ends"][0] is None


def test_a_piece_begins_with_a_window_of_a_file_and_goes_on_from_it(stage: Stage, client: FlaskClient) -> None:
    begin = file(window=1, name="mine.mid")
    told = ask(client, "pieces", **{"from": begin}, beats=16, seed=4)
    notes = [note for window in told["windows"] for note in of_json(window)]
    opening = [(pitch, start - 96, length) for pitch, start, length in played(TUNE, 96, 192)]
    assert [note for note in notes if note[1] < 96][: len(opening)] == opening
    mean = ask(client, "reconstructions", source={**begin, "windows": 1})["windows"][0]["z"]
    assert told["windows"][0]["z"] == mean, "it begins where the encoder puts the window"
    assert stage.client().get(f"/v1/samples/{told['id']}").get_json() == told, "made again without the file"


def test_attributes_move_positions_along_the_vectors_told(client: FlaskClient) -> None:
    told = client.get("/v1/models/waltz/vectors").get_json()
    [density] = told["vectors"]
    assert (density["name"], density["unit"]) == ("density", "notes a window")
    assert (density["step"], density["mean"], density["r2"]) == (5.5, 20.25, 0.75)
    plain, moved = (ask(client, "samples", seed=2, **more) for more in ({}, {"attributes": {"density": 2.0}}))
    difference = np.subtract(moved["windows"][0]["z"], plain["windows"][0]["z"])
    np.testing.assert_allclose(difference, 2 * np.array(density["vector"]), atol=1e-4)
    assert moved["options"]["attributes"] == {"density": 2.0}
    bad = ask(client, "samples", 422, attributes={"swing": 1.0})
    assert (bad["code"], bad["errors"][0]["field"]) == ("no-such-attribute", "attributes.swing")


def test_what_cannot_be_read_is_refused_with_byte_and_words(client: FlaskClient) -> None:
    for data in (b"MThd", b"RIFF" + bytes(40), b"\xff" * 1000):
        told = ask(client, "variations", 422, source={"midi": base64.b64encode(data).decode()})
        assert told["code"] == "unreadable-midi"
        [error] = told["errors"]
        assert error["field"] == "source.midi"
        assert isinstance(error["offset"], int)
        assert error["code"] in told["detail"]
    silent = ask(client, "reconstructions", 422, source=file([]))
    assert silent["errors"][0]["code"] == "no_notes"
    told = ask(client, "reconstructions", 422, source=file(window=9))
    assert "no window 9: the file has 3 windows, counted from 0" in told["detail"]
    of_end = ask(client, "interpolations", 422, **{"from": {"midi": "AAAA"}, "to": {"seed": 1}})
    assert of_end["errors"][0]["field"] == "from.midi"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"source": {}}, "give one of midi and sample"),
        ({"source": {"midi": "?"}}, "not base64"),
        ({"source": {"midi": "A" * 2**20}}, "at most"),
        ({"source": {"sample": "sample_a", "windows": 40}, "n": 2}, "more than 64"),
        ({"source": {"sample": "sample_a"}, "strength": 1.5}, "less than or equal to 1"),
    ],
)
def test_bad_fields_are_said(client: FlaskClient, body: dict[str, Any], words: str) -> None:
    assert words in ask(client, "variations", 422, **body)["detail"]


def test_a_body_beyond_all_measure_is_413(client: FlaskClient) -> None:
    assert ask(client, "variations", 413, source={"midi": "A" * 3 * 2**20})["code"] == "content-too-large"


def test_a_model_without_an_encoder_says_what_it_can_do(stage: Stage) -> None:
    stage.checkpoint(generator(1), "polka")
    client = stage.client()
    for what, body in (
        ("reconstructions", {"source": file()}),
        ("variations", {"source": file()}),
        ("interpolations", {"from": file(), "to": {"seed": 1}}),
    ):
        told = ask(client, what, 409, "polka", **body)
        assert told["code"] == "no-encoder"
        assert "interpolations between them" in told["detail"]
    vectors = client.get("/v1/models/polka/vectors")
    assert (vectors.status_code, vectors.get_json()["code"]) == (409, "no-vectors")
