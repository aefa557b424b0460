"""Models that have a temperature, asked for another one."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient

from pianola.models.registry import load_generator
from pianola.records.samples import Recipe
from pianola_sampler.tasks import Task

from .playing import Stage, generator
from .reading import of_json, of_midi


@pytest.fixture
def client(stage: Stage) -> FlaskClient:
    """A sampler with a model that has a temperature."""
    stage.checkpoint(generator(1, "vae"), "waltz")
    return stage.client()


def draw(client: FlaskClient, model: str = "waltz", status: int = 201, **body: object) -> dict[str, Any]:
    answer = client.post(f"/v1/models/{model}/samples", json={"n": 2, "seed": 7, **body})
    assert answer.status_code == status, answer.text
    return dict(answer.get_json())


def test_a_temperature_is_played_told_and_kept(stage: Stage, client: FlaskClient) -> None:
    own, hot = draw(client), draw(client, temperature=3.5)
    assert own["options"]["temperature"] == load_generator(generator(1, "vae")).temperature
    assert hot["options"]["temperature"] == 3.5
    assert own["id"] != hot["id"]
    assert [window["z"] for window in own["windows"]] == [window["z"] for window in hot["windows"]]
    assert [window["notes"] for window in own["windows"]] != [window["notes"] for window in hot["windows"]]
    assert stage.client().get(f"/v1/samples/{hot['id']}").get_json() == hot, "another replica makes the same sample"
    midi = client.get(f"/v1/samples/{hot['id']}?format=midi&window=1").data
    assert of_midi(midi) == of_json(hot["windows"][1])


def test_a_request_without_one_is_the_sample_that_it_was(client: FlaskClient) -> None:
    told = draw(client)
    options: dict[str, Any] = {"threshold": None, "label": None, "key": None}
    options |= {"tempo": 120, "numerator": 4, "denominator": 4, "program": 0}
    assert Recipe("waltz", told["checkpoint"], 7, None, 2, options).id == told["id"]
    assert draw(client, temperature=None)["id"] == told["id"]


def test_a_model_without_one_says_so(stage: Stage, first: bytes) -> None:
    stage.checkpoint(first, "plain")
    told = draw(stage.client(), "plain", status=422, temperature=0.8)
    assert told["code"] == "no-temperature"
    message = "a default gan has no temperature, only a threshold: leave temperature out"
    assert told["errors"] == [{"field": "temperature", "message": message}]


def test_tasks_of_two_temperatures_are_two_batches() -> None:
    plays = load_generator(generator(1, "vae"))
    task = Task(plays, "waltz", np.zeros((1, plays.latent_size), np.float32), 0.5)
    assert task.fits(replace(task))
    assert not task.fits(replace(task, temperature=0.8))
    assert task.plays is plays
    assert replace(task, temperature=0.8).plays.temperature == 0.8
