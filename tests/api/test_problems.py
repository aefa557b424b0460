"""Every error is a problem, whoever raised it."""

import io
from typing import Any

import pytest
from structlog.testing import capture_logs

from pianola_api import runs

from .steps import MIDI, Api


@pytest.mark.parametrize(
    ("method", "path", "sent", "status", "code", "words"),
    [
        ("GET", "/v1/nothing", {}, 404, "not-found", "/docs"),
        ("GET", "/v1/datasets/none", {}, 404, "not-found", "'none'"),
        ("GET", "/v1/runs/%00", {}, 404, "not-found", "nothing"),
        ("GET", "/v1/runs?state=%00", {}, 400, "bad-request", "NUL"),
        ("PUT", "/v1/datasets", {}, 405, "method-not-allowed", "Allow"),
        ("POST", "/v1/datasets", {"data": "{", "content_type": "application/json"}, 400, "bad-request", "line 1"),
        ("POST", "/v1/datasets", {"data": b"\xff", "content_type": "application/json"}, 400, "bad-request", "JSON"),
        ("POST", "/v1/datasets", {"data": "[NaN]", "content_type": "application/json"}, 400, "bad-request", "NaN"),
        (
            "POST",
            "/v1/datasets",
            {"data": "[" * 9**5, "content_type": "application/json"},
            400,
            "bad-request",
            "deep",
        ),
        ("POST", "/v1/datasets", {"data": "name=a"}, 415, "unsupported-media-type", "application/json"),
        ("POST", "/v1/datasets", {"json": {"name": "x" * 2**20}}, 413, "content-too-large", "1,048,576"),
        ("POST", "/v1/datasets", {}, 422, "invalid-request", "name: Field required"),
        ("POST", "/v1/datasets", {"json": [1]}, 422, "invalid-request", "body"),
        ("GET", "/v1/datasets?limit=0", {}, 422, "invalid-request", "limit"),
        ("GET", "/v1/datasets?verdct=a", {}, 422, "invalid-request", "verdct"),
    ],
)
def test_the_framework_speaks_in_problems(
    api: Api, method: str, path: str, sent: dict[str, Any], status: int, code: str, words: str
) -> None:
    told = api.problem(api.client.open(path, method=method, **sent), status, code)
    assert words in told["detail"]


def test_validation_names_every_field(api: Api) -> None:
    response = api.client.post("/v1/datasets", json={"name": "", "preset": "organ", "colour": "red"})
    told = api.problem(response, 422, "invalid-request")
    assert {entry["field"] for entry in told["errors"]} == {"name", "preset", "colour"}


def test_405_says_what_is_allowed(api: Api) -> None:
    assert "GET" in api.client.put("/v1/datasets").headers["Allow"]


def test_a_fault_of_ours_is_logged_and_says_where_to_look(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(runs.runs, "get", broken)
    with capture_logs() as logs:
        response = api.client.get("/v1/runs/run_1", headers={"X-Request-Id": "abc"})
    told = api.problem(response, 500, "internal-error")
    assert "abc" in told["detail"]
    assert "secret" not in response.text
    failed = next(line for line in logs if line["event"] == "failed")
    assert isinstance(failed["exc_info"], ZeroDivisionError)


def test_request_ids_go_in_and_out(api: Api) -> None:
    assert api.client.get("/livez", headers={"X-Request-Id": "a-b.c"}).headers["X-Request-Id"] == "a-b.c"
    for bad in ("", "a b", "x" * 129, 'q"uote'):
        made = api.client.get("/livez", headers={"X-Request-Id": bad}).headers["X-Request-Id"]
        assert len(made) == 32, bad


def test_an_unreachable_store_is_a_503_that_says_when_to_come_back(make_api: Any) -> None:
    api = make_api(objects_dir=None, s3_endpoint="http://127.0.0.1:1", s3_access_key="a", s3_secret_key="b")
    api.post("/v1/datasets", json={"name": "a"})
    response = api.client.post("/v1/datasets/a/files", data={"files": [(io.BytesIO(MIDI), "a.mid")]})
    api.problem(response, 503, "store-unavailable")
    assert int(response.headers["Retry-After"]) > 0
