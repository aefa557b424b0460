"""What a built dataset holds, over HTTP."""

import json
from typing import Any

import pytest

from pianola.codec.options import PRESETS
from pianola.dataset.description import describe
from pianola.dataset.manifest import Manifest
from pianola.dataset.options import DatasetOptions
from pianola.dataset.statistics import Statistics

from .steps import Api

KEYS = {"statistics_key": "datasets/x/statistics-1.json", "contact_sheet_key": "datasets/x/sheet-1.png"}
PICTURE = b"\x89PNG\r\n\x1a\n"


def described() -> dict[str, Any]:
    """What a build says of a dataset, here of one that is silent."""
    options = DatasetOptions(PRESETS["piano"], folder_labels=("composer",))
    manifest = Manifest(2, options, 1, 0, 0, 0, 0, {"composer": ("Bach",)}, (), (), None, None)
    return describe(Statistics(), manifest)


def test_statistics_are_served_as_the_build_wrote_them(either_api: Api) -> None:
    either_api.context.store.put(KEYS["statistics_key"], json.dumps(described()).encode())
    either_api.built("set", **KEYS)
    answer = either_api.client.get("/v1/datasets/set/statistics")
    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    assert answer.json == described()
    again = either_api.client.get("/v1/datasets/set/statistics", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.get_data()) == (304, b"")


def test_the_contact_sheet_is_served(api: Api) -> None:
    api.context.store.put(KEYS["contact_sheet_key"], PICTURE)
    api.built("set", **KEYS)
    answer = api.client.get("/v1/datasets/set@1/contact-sheet")
    assert (answer.get_data(), answer.mimetype) == (PICTURE, "image/png")
    again = api.client.get("/v1/datasets/set/contact-sheet", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.get_data()) == (304, b"")


@pytest.mark.parametrize("what", ["statistics", "contact-sheet"])
def test_a_dataset_that_is_not_built_has_none_and_says_so(api: Api, what: str) -> None:
    api.post("/v1/datasets", json={"name": "set"})
    told = api.problem(api.client.get(f"/v1/datasets/set/{what}"), 404, "not-built")
    assert "'set' is open" in told["detail"]
    assert "build" in told["detail"]
    api.problem(api.client.get(f"/v1/datasets/none/{what}"), 404, "not-found")


def test_a_dataset_built_before_there_were_any_says_so(api: Api) -> None:
    api.built("set")
    told = api.problem(api.client.get("/v1/datasets/set/statistics"), 404, "not-built")
    assert "build a new version" in told["detail"]
