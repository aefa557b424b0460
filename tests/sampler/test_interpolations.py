"""Ways from one window to another."""

from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient

from pianola_sampler.drawing import between

from .playing import Stage, generator
from .reading import of_json, of_midi


@pytest.fixture(params=["vae", "gan"])
def client(request: pytest.FixtureRequest, stage: Stage) -> FlaskClient:
    """A sampler with a model of each family."""
    stage.checkpoint(generator(1, request.param), "waltz")
    return stage.client()


def way(client: FlaskClient, status: int = 201, **body: object) -> dict[str, Any]:
    wanted = {"from": {"seed": 1}, "to": {"seed": 2}, "steps": 4, **body}
    answer = client.post("/v1/models/waltz/interpolations", json=wanted)
    assert answer.status_code == status, answer.text
    return dict(answer.get_json())


def draw(client: FlaskClient, **body: object) -> dict[str, Any]:
    return dict(client.post("/v1/models/waltz/samples", json=body).get_json())


def test_the_ends_are_the_windows_of_their_seeds_and_all_is_kept(stage: Stage, client: FlaskClient) -> None:
    told = way(client)
    assert (told["n"], told["seed"], told["options"]["way"]) == (4, None, "slerp")
    for place, seed in ((0, 1), (3, 2)):
        sample = draw(client, seed=seed)["windows"][0]
        assert told["windows"][place]["z"] == sample["z"]
        assert told["windows"][place]["notes"] == sample["notes"]
    assert way(client) == told, "the same request is the same sample"
    assert way(client, way="linear")["id"] != told["id"]
    other = stage.client()
    midi = other.get(f"/v1/samples/{told['id']}?format=midi&window=2").data
    assert of_midi(midi) == of_json(told["windows"][2]), "one window alone is as on the way"
    assert other.get(f"/v1/samples/{told['id']}").get_json() == told


def test_ends_are_samples_and_positions_too(client: FlaskClient) -> None:
    sample = draw(client, seed=1, n=2)
    z = draw(client, seed=2)["windows"][0]["z"]
    from_sample = way(client, **{"from": {"sample": sample["id"], "window": 0}, "to": {"z": z}})
    assert from_sample["id"] == way(client)["id"]
    assert way(client, to={"seed": 1, "window": 1})["windows"][-1]["z"] == sample["windows"][1]["z"]


@pytest.mark.parametrize(
    ("body", "field", "words"),
    [
        ({"steps": 1}, "steps", "greater than or equal to 2"),
        ({"steps": 65}, "steps", "less than or equal to 64"),
        ({"way": "round"}, "way", "'linear' or 'slerp'"),
        ({"from": {}}, "from", "give one of seed, sample, z and midi"),
        ({"to": {"seed": 1, "z": [0.0]}}, "to", "give one of seed, sample, z and midi"),
        ({"to": {"z": [0.0], "window": 0}}, "to", "leave window out"),
        ({"to": {"midi": "?"}}, "to.midi", "not base64"),
        ({"n": 3}, "n", "Extra inputs are not permitted"),
    ],
)
def test_bad_fields_are_named(stage: Stage, body: dict[str, Any], field: str, words: str) -> None:
    told = way(stage.client(), 422, **body)
    assert [error["field"] for error in told["errors"]] == [field]
    assert words in told["errors"][0]["message"]


def test_ends_that_are_not_there(stage: Stage, first: bytes, second: bytes) -> None:
    stage.checkpoint(first, "waltz")
    client = stage.client()
    assert way(client, 404, to={"sample": "sample_none"})["code"] == "not-found"
    sample = draw(client)["id"]
    assert way(client, 422, to={"sample": sample, "window": 1})["code"] == "no-such-window"
    assert way(client, 422, to={"z": [0.0]})["code"] == "bad-position"
    stage.checkpoint(second, "waltz")
    told = way(client, 422, to={"sample": sample})
    assert (told["code"], told["errors"][0]["field"]) == ("other-checkpoint", "to.sample")


def test_an_arc_keeps_its_distance_and_a_line_does_not() -> None:
    arc, line = (between([3.0, 0.0], [0.0, 3.0], 5, kind) for kind in ("slerp", "linear"))
    np.testing.assert_allclose(np.linalg.norm(arc, axis=1), 3, rtol=1e-6)
    np.testing.assert_allclose(line[2], [1.5, 1.5])
    for last in ([-3.0, 0.0], [6.0, 0.0], [0.0, 0.0]):
        np.testing.assert_array_equal(between([3.0, 0.0], last, 3, "slerp"), between([3.0, 0.0], last, 3, "linear"))
