"""Names that move: a sample plays what its model means when it is kept."""

import hashlib
from typing import Any

import pytest
from sqlalchemy import select

from pianola.records.tables import Sample

from .playing import Stage, context_of, told_generator


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "k"}], ids=["plain", "with a key"])
def test_a_model_that_moves_while_it_plays_is_asked_again(
    stage: Stage, first: bytes, second: bytes, headers: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.checkpoint(first, "waltz")
    client = stage.client()
    drawing = context_of(client).drawing
    draw, drawn = drawing.draw, []

    def move_and_draw(*asked: Any) -> object:
        if not drawn:
            stage.checkpoint(second, "waltz")
        drawn.append(draw(*asked))
        return drawn[-1]

    monkeypatch.setattr(drawing, "draw", move_and_draw)
    answer = client.post("/v1/models/waltz/samples", json={"seed": 3}, headers=headers)
    assert (answer.status_code, len(drawn)) == (201, 2)
    now = hashlib.sha256(second).hexdigest()
    assert answer.get_json()["checkpoint"] == now
    with stage.records.read() as session:
        assert session.scalars(select(Sample.checkpoint)).all() == [now], "nothing is kept of what nobody gets"


def test_what_was_wrong_of_a_model_before_it_moved_is_not_said_of_it(stage: Stage, first: bytes) -> None:
    stage.checkpoint(first, "waltz")
    client, asked = stage.client(), {"label": "Bach"}
    assert client.post("/v1/models/waltz/samples", json=asked).get_json()["code"] == "no-such-label"
    stage.checkpoint(told_generator(), "waltz")
    assert client.post("/v1/models/waltz/samples", json=asked).status_code == 201
    stage.checkpoint(first, "waltz")
    assert client.post("/v1/models/waltz/samples", json=asked).get_json()["code"] == "no-such-label"
