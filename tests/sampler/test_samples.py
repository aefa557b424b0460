"""What a model plays, in every form, and again."""

import hashlib
import io
import json
import zipfile
from dataclasses import replace
from typing import Any

import mido
import numpy as np
import pytest
from flask.testing import FlaskClient
from PIL import Image
from werkzeug.test import TestResponse

from pianola.models.presets import PRESETS
from pianola_sampler import sound
from pianola_sampler.cache import Cache
from pianola_sampler.negotiation import MEDIA_TYPES, Form
from pianola_sampler.scales import Key

from .playing import LOWEST_PITCH, Stage, context_of, generator, whole
from .reading import of_json, of_midi, of_musicxml

TYPES = {form.value: media_type for form, media_type in MEDIA_TYPES.items() if form != Form.WAV or sound.AVAILABLE}


def post(
    client: FlaskClient, body: dict[str, Any] | None = None, accept: str | None = None, **query: str
) -> TestResponse:
    headers = {} if accept is None else {"Accept": accept}
    answer = client.post("/v1/models/waltz/samples", json=body or {}, headers=headers, query_string=query)
    assert answer.status_code == 201, answer.text
    return answer


def test_a_sample_says_all_that_is_needed_to_draw_it_again(client: FlaskClient, first: bytes) -> None:
    answer = post(client, {"n": 3, "seed": 7, "tempo": 90.5})
    told = answer.get_json()
    digest = hashlib.sha256(first).hexdigest()
    assert told["id"].startswith("sample_")
    assert (told["model"], told["checkpoint"], told["family"]) == ("waltz", digest, "gan")
    assert (told["seed"], told["n"], told["steps_per_quarter"]) == (7, 3, 12)
    expected = {"threshold": 0.5, "tempo": 90.5, "numerator": 4, "denominator": 4, "program": 0}
    assert told["options"] == expected | {
        "temperature": None,
        "way": None,
        "drift": None,
        "strength": None,
        "attributes": None,
        "label": None,
        "key": None,
    }
    assert [window["index"] for window in told["windows"]] == [0, 1, 2]
    for window in told["windows"]:
        assert len(window["z"]) == PRESETS["gan"]["default"].network["latent"]
        assert not window["empty"]
        assert all(LOWEST_PITCH <= note["pitch"] < LOWEST_PITCH + 96 for note in window["notes"])
        assert all(0 <= note["start"] < note["start"] + note["length"] <= 96 for note in window["notes"])
    assert told["windows"][0]["z"] != told["windows"][1]["z"]
    assert answer.headers["Pianola-Sample"] == told["id"]
    assert answer.headers["Pianola-Seed"] == "7"
    assert answer.headers["Pianola-Checkpoint"] == digest
    again = client.get(answer.headers["Location"])
    assert again.status_code == 200
    assert again.get_json() == told


def test_the_same_request_gives_the_same_bytes_on_any_replica(stage: Stage, client: FlaskClient) -> None:
    elsewhere = stage.client()
    for form, n in (("json", 3), ("midi", 1), ("png", 1), ("png", 5), ("svg", 5), ("musicxml", 1), ("zip", 5)):
        answers = [post(asked, {"n": n, "seed": 3}, TYPES[form]) for asked in (client, client, elsewhere)]
        assert {answer.mimetype for answer in answers} == {TYPES[form]}
        assert len({answer.data for answer in answers}) == 1, form
        assert len({answer.headers["Location"] for answer in answers}) == 1
        assert post(client, {"n": n, "seed": 4}, TYPES[form]).data != answers[0].data


def test_a_sample_is_made_again_bit_for_bit(stage: Stage, client: FlaskClient) -> None:
    made = post(client, {"n": 3, "seed": 3, "key": "D minor", "threshold": 0.4})
    path = made.headers["Location"]
    decoded = context_of(client).measures.windows
    forms = {form: client.get(f"{path}?format={form}&window=1").data for form in TYPES}
    assert decoded._value.get() == 3, "every form was written from memory"
    # A process that has nothing in memory, and one that forgets everything at once.
    for again in (stage.client(), stage.client(cache_bytes=0)):
        assert again.get(path).data == made.data
        assert {form: again.get(f"{path}?format={form}&window=1").data for form in TYPES} == forms
    assert context_of(again).measures.windows._value.get() == 3 + len(TYPES)


def test_memory_for_samples_is_bounded(client: FlaskClient) -> None:
    cache = Cache(3_000)
    (drawn,) = [
        drawn
        for sample in [post(client, {"seed": 1}).get_json()["id"]]
        if (drawn := context_of(client).cache.get(sample, range(1)))
    ]
    size = 96 * 12 + drawn.z.nbytes + 1_000
    for name in ("first", "second"):
        cache.put(name, drawn)
        assert cache.bytes == size < 3_000
    assert cache.get("first", range(1)) is None
    found = cache.get("second", range(1))
    assert found is not None
    np.testing.assert_array_equal(found.windows, drawn.windows)
    assert cache.get("second", range(2)) is None
    cache.put("large", replace(drawn, windows=np.zeros((9, 96, 96), np.uint8)))
    assert cache.bytes == 0, "what does not fit is not kept"


def test_given_positions_are_played(stage: Stage, client: FlaskClient) -> None:
    of_seed = post(client, {"n": 3, "seed": 3}).get_json()
    z = [window["z"] for window in reversed(of_seed["windows"])]
    answer = post(client, {"z": z})
    told = answer.get_json()
    assert (told["n"], told["seed"]) == (3, None)
    assert [window["z"] for window in told["windows"]] == z
    assert [window["notes"] for window in told["windows"]] == [
        window["notes"] for window in reversed(of_seed["windows"])
    ]
    assert "Pianola-Seed" not in answer.headers
    assert stage.client().get(answer.headers["Location"]).data == answer.data
    midi = client.get(f"{answer.headers['Location']}?format=midi&window=1").data
    assert of_midi(midi) == of_json(of_seed["windows"][1])
    assert mido.MidiFile(file=io.BytesIO(midi)).tracks[0].name == "Pianola, positions, window 1"


def test_notes_are_snapped_to_a_key_in_every_form(client: FlaskClient) -> None:
    told = post(client, {"seed": 3, "key": "Bb major"}).get_json()
    free = post(client, {"seed": 3}).get_json()
    assert told["options"]["key"] == "Bb major"
    assert told["windows"][0]["z"] == free["windows"][0]["z"]
    classes = {note["pitch"] % 12 for note in told["windows"][0]["notes"]}
    assert classes <= Key.of("Bb major").pitch_classes
    assert not {note["pitch"] % 12 for note in free["windows"][0]["notes"]} <= Key.of("Bb major").pitch_classes
    for form, read in (("midi", of_midi), ("musicxml", of_musicxml)):
        data = client.get(f"/v1/samples/{told['id']}?format={form}").data
        assert read(data) == of_json(told["windows"][0])


def test_a_sample_can_be_forgotten(client: FlaskClient) -> None:
    path = post(client, {"seed": 3}).headers["Location"]
    gone = client.delete(path)
    assert (gone.status_code, gone.data) == (204, b"")
    assert client.get(path).status_code == 404
    assert client.delete(path).status_code == 404
    assert post(client, {"seed": 3}).headers["Location"] == path
    assert client.get(path).status_code == 200


def test_a_window_depends_on_seed_and_index_alone(client: FlaskClient) -> None:
    many = post(client, {"n": 6, "seed": 11}).get_json()["windows"]
    assert post(client, {"n": 1, "seed": 11}).get_json()["windows"] == many[:1]
    sample = post(client, {"n": 6, "seed": 11}).get_json()["id"]
    assert client.get(f"/v1/samples/{sample}?window=4").get_json()["windows"] == many[4:5]


def test_without_a_seed_one_is_drawn_and_told(client: FlaskClient) -> None:
    bare = client.post("/v1/models/waltz/samples")
    assert bare.status_code == 201
    told = bare.get_json()
    assert told["n"] == 1
    assert 0 <= told["seed"] < 2**53
    assert post(client).get_json()["seed"] != told["seed"]
    assert post(client, {"seed": told["seed"]}).get_json()["windows"] == told["windows"]


def test_midi_holds_the_notes_that_the_json_tells(client: FlaskClient) -> None:
    body = {"seed": 5, "tempo": 90, "numerator": 3, "denominator": 8, "program": 12}
    told = post(client, body).get_json()
    data = post(client, body, "audio/midi").data
    assert of_midi(data) == of_json(told["windows"][0])
    track = mido.MidiFile(file=io.BytesIO(data)).tracks[0]
    said = {message.type: message for message in track if not message.type.startswith("note")}
    assert mido.tempo2bpm(said["set_tempo"].tempo) == pytest.approx(90)
    assert (said["time_signature"].numerator, said["time_signature"].denominator) == (3, 8)
    assert said["program_change"].program == 12
    assert said["track_name"].name == "Pianola, seed 5, window 0"


def test_a_zip_holds_every_window_as_midi_and_picture(client: FlaskClient) -> None:
    answer = post(client, {"n": 3, "seed": 5}, "application/zip")
    sample = answer.headers["Pianola-Sample"]
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{sample}.zip"'
    with zipfile.ZipFile(io.BytesIO(answer.data)) as archive:
        names = ["001.mid", "001.png", "002.mid", "002.png", "003.mid", "003.png", "sample.json"]
        assert archive.namelist() == names
        files = {name: archive.read(name) for name in names}
    told = json.loads(files["sample.json"])
    assert (told["seed"], told["n"], len(told["windows"])) == (5, 3, 3)
    for index, window in enumerate(told["windows"]):
        name = f"00{index + 1}"
        assert of_midi(files[f"{name}.mid"]) == of_json(window)
        one = client.get(f"/v1/samples/{sample}?format=midi&window={index}")
        assert one.data == files[f"{name}.mid"]
        assert one.headers["Content-Disposition"] == f'attachment; filename="{sample}-{name}.mid"'
        assert client.get(f"/v1/samples/{sample}?format=png&window={index}").data == files[f"{name}.png"]


def test_pictures_can_be_looked_at(client: FlaskClient) -> None:
    sizes = [Image.open(io.BytesIO(post(client, {"n": n, "seed": 1}, "image/png").data)).size for n in (1, 8)]
    assert all(side >= 400 for size in sizes for side in size)
    assert sizes[0] != sizes[1]


def test_a_dark_window_is_empty_and_no_error(client: FlaskClient) -> None:
    body = {"seed": 5, "threshold": 0.999999}
    (window,) = post(client, body).get_json()["windows"]
    assert window["empty"]
    assert window["notes"] == []
    assert of_midi(post(client, body, "audio/midi").data) == []
    Image.open(io.BytesIO(post(client, body, "image/png").data)).verify()


@pytest.mark.parametrize(
    ("accept", "n", "form"),
    [
        (None, 1, "json"),
        ("*/*", 4, "json"),
        ("audio/*", 1, "midi"),
        ("image/png, application/json;q=0.5", 4, "png"),
        ("image/png;q=0.1, application/zip;q=0.2", 4, "zip"),
        ("audio/midi, application/zip;q=0.5", 4, "zip"),
        ("audio/midi, application/zip;q=0.5", 1, "midi"),
        ("text/html, application/xhtml+xml, */*;q=0.8", 1, "json"),
        ("application/json;q=0, */*", 1, "midi"),
    ],
)
def test_accept_chooses_the_form(client: FlaskClient, accept: str | None, n: int, form: str) -> None:
    answer = post(client, {"n": n, "seed": 1}, accept)
    assert answer.mimetype == TYPES[form]
    assert "Accept" in answer.headers["Vary"]


def test_format_overrides_accept(client: FlaskClient) -> None:
    for form, media_type in TYPES.items():
        made = post(client, {"seed": 1}, "text/html", format=form)
        assert made.mimetype == media_type
        got = client.get(f"/v1/samples/{made.headers['Pianola-Sample']}?format={form}", headers={"Accept": "text/html"})
        assert got.mimetype == media_type
        if form != "json":
            assert got.data == made.data


def test_a_read_is_validated_by_its_etag(client: FlaskClient) -> None:
    sample = post(client, {"seed": 1}).get_json()["id"]
    got = client.get(f"/v1/samples/{sample}?format=midi")
    same = client.get(f"/v1/samples/{sample}?format=midi", headers={"If-None-Match": got.headers["ETag"]})
    assert (same.status_code, same.data) == (304, b"")
    other = client.get(f"/v1/samples/{sample}?format=png", headers={"If-None-Match": got.headers["ETag"]})
    assert other.status_code == 200
    assert client.head(f"/v1/samples/{sample}").headers["ETag"]


def test_a_moved_model_plays_its_new_checkpoint(stage: Stage, client: FlaskClient, second: bytes) -> None:
    before = post(client, {"seed": 1}).get_json()
    digest = stage.checkpoint(second, "waltz")
    after = post(client, {"seed": 1}).get_json()
    assert after["checkpoint"] == digest != before["checkpoint"]
    assert after["windows"] != before["windows"]
    assert client.get(f"/v1/samples/{before['id']}").get_json() == before, "what was drawn stays what it was"


def test_a_checkpoint_plays_by_either_digest(stage: Stage, client: FlaskClient, second: bytes) -> None:
    digest = stage.checkpoint(second)
    answers = [client.post(f"/v1/models/{name}/samples", json={"seed": 1}) for name in (digest, whole(digest))]
    assert [answer.get_json()["checkpoint"] for answer in answers] == [digest, digest]
    assert answers[0].get_json()["windows"] == answers[1].get_json()["windows"]


@pytest.mark.parametrize(("family", "preset"), [("vae", "thesis"), ("vae", "default"), ("gan", "thesis")])
def test_every_family_plays(stage: Stage, family: str, preset: str) -> None:
    stage.checkpoint(generator(1, family, preset), "waltz")
    client = stage.client()
    told = post(client, {"n": 2, "seed": 1}).get_json()
    assert told["family"] == family
    assert post(client, {"n": 2, "seed": 1}).get_json()["windows"] == told["windows"]


def test_a_repeated_request_gets_its_sample_in_any_form(stage: Stage, client: FlaskClient, second: bytes) -> None:
    headers = {"Idempotency-Key": "one"}
    made = client.post("/v1/models/waltz/samples", json={"n": 1}, headers=headers)
    stage.checkpoint(second, "waltz")
    again = client.post("/v1/models/waltz/samples", json={"n": 1}, headers=headers)
    assert again.get_json() == made.get_json(), "the seed was drawn once, and the model moved afterwards"
    assert again.headers["Idempotent-Replayed"] == "true"
    as_midi = client.post("/v1/models/waltz/samples", json={"n": 1}, headers=headers | {"Accept": "audio/midi"})
    assert of_midi(as_midi.data) == of_json(made.get_json()["windows"][0])
    other = client.post("/v1/models/waltz/samples", json={"n": 2}, headers=headers)
    assert (other.status_code, other.get_json()["code"]) == (422, "idempotency-key-reused")
