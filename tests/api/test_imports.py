"""Imports over HTTP: what is asked for is checked at once, done by a worker, and followed."""

import json
from typing import Any

import pytest

from pianola.records import imports

from .steps import MIDI, Api
from .test_runs import waiting

SHA256 = "0123456789abcdef" * 4
URL = {"kind": "url", "url": "https://example.org/a.zip", "sha256": SHA256}
S3 = {"kind": "s3", "bucket": "scores", "prefix": "vienna/"}
RECIPE = {"kind": "recipe", "recipe": "nottingham", "accept_licence": True}


@pytest.fixture
def open_api(either_api: Api) -> Api:
    either_api.post("/v1/datasets", json={"name": "set"})
    return either_api


def test_the_query_of_a_signed_address_is_kept_to_the_worker(open_api: Api) -> None:
    made = open_api.post("/v1/datasets/set/imports", 202, json=URL | {"url": URL["url"] + "?signature=secret"})
    shown = open_api.get(f"/v1/datasets/set/imports/{made['id']}")
    assert made["source"] == shown["source"] == URL
    assert "secret" not in json.dumps(open_api.get("/v1/datasets/set/events"))
    with open_api.context.records.read() as session:
        assert imports.get(session, made["id"]).source["url"].endswith("?signature=secret")


@pytest.mark.parametrize("source", [URL, S3, RECIPE])
def test_an_import_is_queued(open_api: Api, source: dict[str, Any]) -> None:
    before = waiting(open_api, "preprocess")
    made = open_api.post("/v1/datasets/set/imports", 202, json=source)
    assert waiting(open_api, "preprocess") - before == 1
    assert made["source"] == source
    assert (made["state"], made["bytes_done"], made["bytes_total"], made["skipped"]) == ("queued", 0, None, [])
    assert open_api.get(f"/v1/datasets/set/imports/{made['id']}") == made
    assert open_api.get("/v1/datasets/set/imports")["items"] == [made]


def test_the_whole_of_a_bucket_may_be_asked_for(open_api: Api) -> None:
    made = open_api.post("/v1/datasets/set/imports", 202, json={"kind": "s3", "bucket": "scores"})
    assert made["source"]["prefix"] == ""


def test_an_import_is_done_once_however_often_it_is_asked_for(open_api: Api) -> None:
    headers = {"Idempotency-Key": "one"}
    made = [open_api.post("/v1/datasets/set/imports", 202, json=URL, headers=headers)["id"] for _ in range(2)]
    assert made[0] == made[1]


def test_an_import_is_followed_to_its_end(open_api: Api) -> None:
    api = open_api
    where = f"/v1/datasets/set/imports/{api.post('/v1/datasets/set/imports', 202, json=URL)['id']}"
    with api.context.records.write() as session:
        row = imports.claim(session, where.rpartition("/")[2], 60)
        assert row is not None
        imports.heartbeat(session, row.id, row.attempt, 60, bytes_done=500, bytes_total=2000)
    running = api.get(where)
    assert (running["state"], running["bytes_done"], running["bytes_total"]) == ("running", 500, 2000)
    told = api.problem(api.client.post("/v1/datasets/set/build"), 409, "wrong-state")
    assert "wait for the import to end" in told["detail"]
    with api.context.records.write() as session:
        skipped = [imports.Skipped("readme.txt", "not a MIDI file by its name")]
        imports.succeed(session, row.id, row.attempt, imports.Imported(3, 1, 0, 1, skipped))
    done = api.get(where)
    assert (done["state"], done["files_added"], done["files_unchanged"], done["files_skipped"]) == (
        "succeeded",
        3,
        1,
        1,
    )
    assert done["skipped"] == [{"name": "readme.txt", "reason": "not a MIDI file by its name"}]
    kinds = [event["kind"] for event in api.get("/v1/datasets/set/events")["items"]]
    assert kinds == ["created", "import_queued", "import_succeeded"]


@pytest.mark.parametrize(
    ("source", "field"),
    [
        ({}, "kind"),
        ({"kind": "ftp"}, "kind"),
        ({"kind": "url", "url": URL["url"]}, "sha256"),
        ({"kind": "url", "sha256": SHA256}, "url"),
        (URL | {"sha256": "x"}, "sha256"),
        (URL | {"bucket": "scores"}, "bucket"),
        (URL | {"colour": "red"}, "colour"),
        ({"kind": "s3"}, "bucket"),
        ({"kind": "recipe", "recipe": "nottingham"}, "accept_licence"),
    ],
)
def test_a_source_that_is_not_whole_is_refused_by_field(api: Api, source: dict[str, Any], field: str) -> None:
    api.post("/v1/datasets", json={"name": "set"})
    told = api.problem(api.client.post("/v1/datasets/set/imports", json=source), 422, "invalid-request")
    assert [error["field"] for error in told["errors"]] == [field]


@pytest.mark.parametrize(
    ("source", "field", "words"),
    [
        (RECIPE | {"recipe": "none"}, "recipe", "nottingham"),
        (RECIPE | {"accept_licence": False}, "accept_licence", "GPL-3.0"),
        (URL | {"url": "file:///etc/passwd"}, "url", "http://"),
        (URL | {"url": "https://"}, "url", "http://"),
        (URL | {"url": "http://[::1/a.zip"}, "url", "no address"),
        (URL | {"url": "https://me:secret@example.org/a.zip"}, "url", "user name"),
        (URL | {"url": "http://127.0.0.1/a.zip"}, "url", "not a public address"),
        (URL | {"url": "http://10.1.2.3:8080/a.zip"}, "url", "not a public address"),
        (URL | {"url": "http://169.254.169.254/latest"}, "url", "not a public address"),
        (URL | {"url": "http://224.0.0.1/a.zip"}, "url", "not a public address"),
        (URL | {"url": "http://[::1]/a.zip"}, "url", "not a public address"),
        (URL | {"url": "http://[::ffff:127.0.0.1]/a.zip"}, "url", "not a public address"),
    ],
)
def test_what_nothing_can_come_from_is_refused_before_it_is_queued(
    api: Api, source: dict[str, Any], field: str, words: str
) -> None:
    api.post("/v1/datasets", json={"name": "set"})
    before = waiting(api, "preprocess")
    told = api.problem(api.client.post("/v1/datasets/set/imports", json=source), 422, "bad-source")
    assert [error["field"] for error in told["errors"]] == [field]
    assert words in told["detail"]
    assert api.get("/v1/datasets/set/imports")["items"] == []
    assert waiting(api, "preprocess") == before


def test_private_addresses_may_be_allowed(make_api: Any) -> None:
    api = make_api(import_private=True)
    api.post("/v1/datasets", json={"name": "set"})
    api.post("/v1/datasets/set/imports", 202, json=URL | {"url": "http://127.0.0.1/a.zip"})


def test_an_import_into_a_building_dataset_is_refused(open_api: Api) -> None:
    open_api.upload("set", {"a.mid": MIDI})
    open_api.post("/v1/datasets/set/build", 202)
    told = open_api.problem(open_api.client.post("/v1/datasets/set/imports", json=URL), 409, "wrong-state")
    assert "wait" in told["detail"]


def test_an_import_into_a_built_dataset_goes_into_its_next_version(api: Api) -> None:
    api.built("set")
    made = api.post("/v1/datasets/set/imports", 202, json=URL)
    version = api.get("/v1/datasets/set")
    assert (version["version"], version["id"]) == (2, made["dataset_id"])
    assert api.get(f"/v1/datasets/set@1/imports/{made['id']}") == made


def test_an_import_of_another_dataset_is_not_found(open_api: Api) -> None:
    made = open_api.post("/v1/datasets/set/imports", 202, json=URL)
    open_api.post("/v1/datasets", json={"name": "other"})
    open_api.problem(open_api.client.get(f"/v1/datasets/other/imports/{made['id']}"), 404, "not-found")
    open_api.problem(open_api.client.get("/v1/datasets/set/imports/imp_none"), 404, "not-found")


def test_recipes_name_their_licence_and_digest(api: Api) -> None:
    recipes = {recipe["name"]: recipe for recipe in api.get("/v1/recipes")["items"]}
    assert recipes["nottingham"]["licence"] == "GPL-3.0"
    for recipe in recipes.values():
        assert len(recipe["sha256"]) == 64
        assert recipe["licence_url"].startswith("https://")
        api.post("/v1/datasets", json={"name": recipe["name"], "options": recipe["options"]})
