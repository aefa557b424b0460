"""Keys: who may do what."""

import time
from typing import Any

import pytest

from pianola.records import keys
from pianola.records.keys import Scope

from .steps import MIDI, Api


@pytest.fixture
def locked(make_api: Any) -> Api:
    api: Api = make_api(auth="keys")
    return api


def header(api: Api, *scopes: Scope, days: float | None = None) -> dict[str, str]:
    with api.context.records.write() as session:
        _, secret = keys.create(session, "test", scopes, days)
    return {"Authorization": f"Bearer {secret}"}


def test_without_a_key_nothing_is_told_but_health_and_page(locked: Api) -> None:
    for path in ("/livez", "/readyz", "/metrics", "/openapi.json", "/docs", "/", "/studio/main.js"):
        assert locked.client.get(path).status_code == 200, path
    rules = [rule for rule in locked.app.url_map.iter_rules() if rule.rule.startswith("/v1/")]
    assert len(rules) > 20
    for rule in rules:
        path = rule.rule.replace("<", "").replace(">", "").replace("path:", "")
        for method in (rule.methods or set()) & {"GET", "POST", "DELETE"}:
            sent = {"data": {"files": []}} if rule.endpoint == "datasets.add_files" else {"json": {}}
            content = "multipart/form-data; boundary=b" if "data" in sent else None
            response = locked.client.open(path, method=method, content_type=content, **sent)
            locked.problem(response, 401, "unauthorised")
            assert response.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("given", ["", "Bearer", "Bearer pk_wrong", "Basic pk_x", "pk_x"])
def test_what_is_no_key(locked: Api, given: str) -> None:
    locked.problem(locked.client.get("/v1/runs", headers={"Authorization": given}), 401, "unauthorised")


def test_scopes(locked: Api) -> None:
    read, write, admin = (header(locked, scope) for scope in (Scope.READ, Scope.WRITE, Scope.ADMIN))
    new = {"json": {"name": "a"}}
    locked.problem(locked.client.post("/v1/datasets", headers=read, **new), 403, "forbidden")
    locked.post("/v1/datasets", headers=write, **new)
    for caller in (read, write, admin):
        assert locked.get("/v1/datasets", headers=caller)["items"]
    for caller in (read, write):
        locked.problem(locked.client.get("/v1/keys", headers=caller), 403, "forbidden")
        locked.problem(locked.client.post("/v1/keys", headers=caller, json={}), 403, "forbidden")
    assert len(locked.get("/v1/keys", headers=admin)["items"]) == 3


def test_a_key_expires(locked: Api) -> None:
    short = header(locked, Scope.READ, days=0.2 / 86_400)
    locked.get("/v1/runs", headers=short)
    time.sleep(0.25)
    told = locked.problem(locked.client.get("/v1/runs", headers=short), 401, "unauthorised")
    assert "expired" in told["detail"]


def test_make_and_revoke(locked: Api) -> None:
    admin = header(locked, Scope.ADMIN)
    body = {"name": "game", "scopes": ["read", "write"], "expires_days": 30}
    made = locked.post("/v1/keys", json=body, headers=admin)
    assert made["secret"].startswith("pk_")
    assert made["expires_at"] > made["created_at"]
    theirs = {"Authorization": f"Bearer {made['secret']}"}
    locked.get("/v1/datasets", headers=theirs)
    listed = next(key for key in locked.get("/v1/keys", headers=admin)["items"] if key["id"] == made["id"])
    assert listed == {name: value for name, value in made.items() if name != "secret"}
    gone = locked.client.delete(f"/v1/keys/{made['id']}", headers=admin)
    assert (gone.status_code, gone.get_data()) == (204, b"")
    locked.problem(locked.client.get("/v1/datasets", headers=theirs), 401, "unauthorised")
    locked.problem(locked.client.delete(f"/v1/keys/{made['id']}", headers=admin), 404, "not-found")


@pytest.mark.parametrize(
    "change", [{"scopes": []}, {"scopes": ["root"]}, {"name": ""}, {"expires_days": 0}, {"name": "a\0b"}]
)
def test_keys_that_cannot_be_made(locked: Api, change: dict[str, Any]) -> None:
    body = {"name": "game", "scopes": ["read"]} | change
    response = locked.client.post("/v1/keys", json=body, headers=header(locked, Scope.ADMIN))
    locked.problem(response, 422, "invalid-request")


def test_a_repeated_request_makes_one_key_and_does_not_keep_its_secret(locked: Api) -> None:
    headers = header(locked, Scope.ADMIN) | {"Idempotency-Key": "once"}
    body = {"name": "game", "scopes": ["read"]}
    first = locked.post("/v1/keys", json=body, headers=headers)
    again = locked.post("/v1/keys", json=body, headers=headers)
    assert first["secret"]
    assert again == first | {"secret": None}


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:81"},
        {"Host": "elsewhere.example"},
        {"Host": "127.0.0.1.elsewhere.example"},
        {"Host": "["},
    ],
)
def test_without_keys_other_sites_are_refused(api: Api, headers: dict[str, str]) -> None:
    response = api.client.post("/v1/datasets", json={"name": "a"}, headers=headers)
    api.problem(response, 403, "other-site")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8470", "[::1]:8470"])
def test_without_keys_the_own_page_is_answered(api: Api, host: str) -> None:
    headers = {"Host": host, "Origin": f"http://{host}"}
    assert api.client.get("/v1/datasets", headers=headers).status_code == 200


def test_a_key_makes_other_sites_harmless(locked: Api) -> None:
    headers = header(locked, Scope.WRITE) | {"Host": "pianola.example", "Origin": "https://pianola.example"}
    locked.post("/v1/datasets", json={"name": "a"}, headers=headers)
    locked.upload("a", {"a.mid": MIDI}, **headers)
