"""Models that were told labels, asked for one."""

import pytest
from flask.testing import FlaskClient

from .playing import Stage, told_generator
from .reading import of_json, of_midi


@pytest.fixture
def client(stage: Stage) -> FlaskClient:
    """A sampler with a model that knows Bach and Satie, and one that knows nobody."""
    stage.checkpoint(told_generator(), "composers")
    return stage.client()


def draw(client: FlaskClient, model: str = "composers", status: int = 201, **body: object) -> dict:
    answer = client.post(f"/v1/models/{model}/samples", json={"n": 4, "seed": 7, **body})
    assert answer.status_code == status, answer.text
    return dict(answer.get_json())


def test_a_label_is_played_and_told(stage: Stage, client: FlaskClient) -> None:
    bach, satie, either = (draw(client, label=label) for label in ("Bach", "Satie", None))
    assert [told["options"]["label"] for told in (bach, satie, either)] == ["Bach", "Satie", None]
    assert len({told["id"] for told in (bach, satie, either)}) == 3
    assert bach["windows"][0]["notes"] != satie["windows"][0]["notes"]
    assert draw(client, label="Bach")["id"] == bach["id"]
    again = stage.client().get(f"/v1/samples/{bach['id']}").get_json()
    assert again == bach, "another replica makes the same sample"
    midi = client.get(f"/v1/samples/{bach['id']}?format=midi&window=2").data
    assert of_midi(midi) == of_json(bach["windows"][2])


def test_given_positions_are_played_under_a_label(client: FlaskClient) -> None:
    z = [window["z"] for window in draw(client, label="Bach")["windows"]]
    answer = client.post("/v1/models/composers/samples", json={"z": z, "label": "Bach"})
    assert answer.get_json()["windows"] == draw(client, label="Bach")["windows"]


@pytest.mark.parametrize("family", ["vae", "gan"])
def test_windows_of_a_label_do_not_depend_on_how_many_are_drawn(stage: Stage, family: str) -> None:
    stage.checkpoint(told_generator(family), "told")
    client = stage.client()
    assert draw(client, "told", n=2, label="Satie")["windows"] == draw(client, "told", label="Satie")["windows"][:2]


def test_a_label_that_the_model_does_not_know_names_those_it_knows(client: FlaskClient) -> None:
    told = draw(client, status=422, label="Chopin")
    assert told["code"] == "no-such-label"
    assert told["errors"] == [
        {"field": "label", "message": "this model knows no composer 'Chopin'; it knows Bach, Satie"}
    ]


def test_of_very_many_values_the_first_are_named(stage: Stage) -> None:
    stage.checkpoint(told_generator("gan", tuple(f"{number:03}" for number in range(60))), "told")
    message = draw(stage.client(), "told", status=422, label="Chopin")["errors"][0]["message"]
    assert "048, 049 and 10 more" in message


def test_a_model_that_was_told_nothing_plays_no_label(stage: Stage, client: FlaskClient, first: bytes) -> None:
    stage.checkpoint(first, "plain")
    told = draw(client, "plain", status=422, label="Bach")
    assert told["code"] == "no-such-label"
    assert "this model was told no labels, so it cannot play 'Bach': leave label out" in told["detail"]
    assert draw(client, "plain")["options"]["label"] is None
