"""Runs side by side: what their evaluations say, and plots of it."""

from typing import Any

import numpy as np
import pytest

from pianola.evaluation.report_plots import PLOTS
from pianola.records import evaluations
from pianola_api import comparisons

from .steps import Api

HALF = [1 / 64 if pitch < 64 else 0.0 for pitch in range(128)]


def report(coverage: float) -> dict[str, Any]:
    """As little of a report as has every plot."""
    shares = {"generated": [0.5, 0.5], "data": [0.25, 0.75], "shared": 0.75, "data_shared": 0.9}
    return {
        "note_frequency": {"generated": HALF, "data": np.roll(HALF, 5).tolist()},
        "music": {"figures": {}, "lengths": shares, "onset_positions": shares},
        "fidelity": {"generated": {"coverage": coverage}, "data": None},
    }


def evaluate(api: Api, run_id: str, said: dict[str, Any]) -> None:
    with api.context.records.write() as session:
        row = evaluations.newest(session, run_id)
        claimed = evaluations.claim(session, row.id, 60)
        assert claimed is not None
        evaluations.succeed(session, row.id, claimed.attempt, said, [])


@pytest.fixture
def two(api: Api) -> tuple[Api, list[str]]:
    """Two runs on one dataset, both evaluated."""
    first = api.trained()["id"]
    second = api.post("/v1/runs", json={"dataset": "chorales", "family": "gan"})["id"]
    run = api.claim(second)
    api.evaluate_at(run, 10, final=True)
    api.finish(run)
    for place, name in enumerate((first, second)):
        evaluate(api, name, report(0.5 + 0.2 * place))
    return api, [first, second]


def test_runs_are_compared_in_the_order_asked_for(two: tuple[Api, list[str]]) -> None:
    api, (first, second) = two
    found = api.get(f"/v1/comparisons?runs={second},{first},{second}")
    assert [run["name"] for run in found["runs"]] == ["1: gan default", "2: vae default"]
    assert [run["run_id"] for run in found["runs"]] == [second, first]
    assert found["runs"][0]["evaluation"]["report"]["fidelity"]["generated"]["coverage"] == 0.7
    assert {plot["kind"] for plot in found["plots"]} == set(PLOTS) == set(comparisons._KINDS)
    beginnings = {"image/png": b"\x89PNG", "image/svg+xml": b"<?xml"}
    for plot in found["plots"]:
        response = api.client.get(plot["url"])
        assert response.mimetype == plot["media_type"]
        assert response.get_data().startswith(beginnings[plot["media_type"]])
    etag = {"If-None-Match": response.headers["ETag"]}
    assert api.client.get(plot["url"], headers=etag).status_code == 304
    # In another order it is another picture.
    assert (
        api.client.get(plot["url"].replace(f"{second}%2C{first}", f"{first}%2C{second}"), headers=etag).status_code
        == 200
    )


def test_what_cannot_be_compared_says_why(two: tuple[Api, list[str]]) -> None:
    api, (first, second) = two
    api.problem(api.client.get("/v1/comparisons"), 422, "invalid-request")
    api.problem(api.client.get(f"/v1/comparisons?runs={first},"), 422, "invalid-request")
    many = ",".join(f"run_{number}" for number in range(7))
    api.problem(api.client.get(f"/v1/comparisons?runs={many}"), 422, "invalid-request")
    api.problem(api.client.get(f"/v1/comparisons?runs={first},run_none"), 404, "not-found")
    for name in ("comparison-frequency.gif", "comparison.png", "comparison-frequency"):
        api.problem(api.client.get(f"/v1/comparisons/plots/{name}?runs={first}"), 404, "not-found")
    api.post(f"/v1/runs/{second}/evaluation", 202, json={})
    api.problem(api.client.get(f"/v1/comparisons?runs={first},{second}"), 404, "not-evaluated")
    evaluate(api, second, {"largest_difference": 0.1})
    plot = f"/v1/comparisons/plots/comparison-music.png?runs={second}"
    api.problem(api.client.get(plot), 404, "nothing-drawn")
