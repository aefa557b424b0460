"""Events as a list and as a stream."""

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError
from werkzeug.test import TestResponse

from pianola.records import builds, leases, planning
from pianola_api import events

from .steps import Api

Frame = dict[str, Any]
STREAM = {"Accept": "text/event-stream"}


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "POLL_SECONDS", 0.01)


@pytest.fixture
def run_api(api: Api) -> tuple[Api, str]:
    api.built()
    return api, api.post("/v1/runs", json={"dataset": "chorales", "family": "vae"})["id"]


def frames(response: TestResponse) -> Iterator[Frame]:
    """The events of a stream as they arrive; comments as {"comment": text}."""
    assert response.status_code == 200, response.text
    assert response.mimetype == "text/event-stream"
    for text in response.response:
        frame: Frame = {}
        for line in str(text, "utf-8").splitlines() if isinstance(text, bytes) else str(text).splitlines():
            name, _, value = line.partition(": ")
            if line:
                frame[name or "comment"] = json.loads(value) if name == "data" else value
        yield frame


def follow(api: Api, run_id: str, last: int | None = None) -> TestResponse:
    headers = STREAM | ({} if last is None else {"Last-Event-ID": str(last)})
    return api.client.get(f"/v1/runs/{run_id}/events", headers=headers)


def test_events_as_a_list(either_api: Api) -> None:
    run = either_api.trained((10,))
    page = either_api.get(f"/v1/runs/{run['id']}/events?limit=3")
    assert [(event["id"], event["kind"]) for event in page["items"]] == [
        (1, "created"),
        (2, "started"),
        (3, "evaluated"),
    ]
    assert page["items"][2]["data"]["step"] == 10
    rest = either_api.get(f"/v1/runs/{run['id']}/events?cursor={page['next_cursor']}")
    assert [event["kind"] for event in rest["items"]] == ["succeeded"]
    assert rest["next_cursor"] is None
    either_api.problem(either_api.client.get(f"/v1/runs/{run['id']}/events?cursor=x"), 400, "bad-cursor")
    either_api.problem(either_api.client.get("/v1/runs/none/events"), 404, "not-found")


def test_an_ended_run_is_replayed_to_its_end(either_api: Api) -> None:
    run = either_api.trained((10, 20))
    response = follow(either_api, run["id"])
    found = [frame for frame in frames(response) if "comment" not in frame]
    assert [frame.get("id") for frame in found] == ["1", "2", "3", "4", "5", None]
    kinds = ["created", "started", "evaluated", "evaluated", "succeeded", "end"]
    assert [frame["event"] for frame in found] == kinds
    assert found[2]["data"]["values"] == {"loss": 0.1, "kl": 2.0}
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Accel-Buffering"] == "no"


def test_a_stream_goes_on_after_the_last_event_known(either_api: Api) -> None:
    run = either_api.trained((10, 20))
    assert [frame.get("id") for frame in frames(follow(either_api, run["id"], 3))] == [None, "4", "5", None]
    assert [frame.get("event") for frame in frames(follow(either_api, run["id"], 5))] == [None, "end"]


def test_more_events_than_one_look_takes(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "_BATCH", 2)
    run = api.trained((10, 20))
    assert [frame.get("id") for frame in frames(follow(api, run["id"]))] == [None, "1", "2", "3", "4", "5", None]


def test_a_live_run_is_followed(run_api: tuple[Api, str]) -> None:
    api, run_id = run_api
    stream = frames(follow(api, run_id))
    assert next(stream)["comment"] == "events"
    assert next(stream)["event"] == "created"
    assert next(stream)["data"]["state"] == "queued"
    run = api.claim(run_id)
    assert next(stream)["event"] == "started"
    assert next(stream)["data"] == {"state": "running", "attempt": 1, "step": 0, "epoch": 0, "progress": None}
    with api.context.records.write() as session:
        leases.report(session, run_id, 1, 5, 0, {"fraction": 0.5, "loss": 2.5})
    told = next(stream)
    assert (told["event"], told["data"]["step"], told["data"]["progress"]["fraction"]) == ("progress", 5, 0.5)
    assert "id" not in told
    api.evaluate_at(run, 10, final=True)
    assert next(stream)["id"] == "3"
    api.finish(run)
    rest = [frame["event"] for frame in stream]
    assert rest[-2:] == ["succeeded", "end"]


def test_a_dataset_is_followed_until_built(api: Api) -> None:
    made = api.post("/v1/datasets", json={"name": "set"})
    api.upload("set", {"a.mid": b"x"})
    api.post("/v1/datasets/set/build", 202)
    stream = frames(api.client.get("/v1/datasets/set/events", headers=STREAM))
    assert [next(stream).get("event") for _ in range(4)] == [None, "created", "building", "progress"]
    api.build(made["id"])
    assert [frame["event"] for frame in stream][-2:] == ["built", "end"]
    kinds = [event["kind"] for event in api.get("/v1/datasets/set/events")["items"]]
    assert kinds == ["created", "building", "planned", "chunk", "built"]


def test_a_build_tells_how_far_it_is_while_it_goes_on(either_api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    api = either_api
    monkeypatch.setattr(planning, "CHUNK_FILES", 2)
    made = api.post("/v1/datasets", json={"name": "set"})
    api.upload("set", {"a.mid": b"x", "b.txt": b"y", "c.mid": b"z"})
    api.post("/v1/datasets/set/build", 202)
    stream = frames(api.client.get("/v1/datasets/set/events", headers=STREAM))
    told = next(frame for frame in stream if frame.get("event") == "progress")["data"]
    assert told == {
        "state": "building", "files": 3, "files_done": 0, "files_refused": 0, "files_reused": 0, "windows": 0,
        "windows_per_second": None, "eta_seconds": None,
    }  # fmt: skip
    first, second = api.planned(made["id"])
    api.build_chunk(made["id"], first, windows=7)
    told = next(frame for frame in stream if frame.get("event") == "progress" and frame["data"]["files_done"])["data"]
    assert (told["files_done"], told["files_refused"], told["windows"]) == (2, 1, 7)
    shown = api.get("/v1/datasets/set")
    assert (shown["files_done"], shown["files_refused"], shown["windows"]) == (2, 1, 7)
    assert shown["progress"].keys() == {"windows_per_second", "eta_seconds"}
    api.build_chunk(made["id"], second, windows=7)
    api.build(made["id"])
    assert [frame["event"] for frame in stream][-2:] == ["built", "end"]
    assert api.get("/v1/datasets/set")["progress"] is None


def test_a_dataset_that_failed_and_is_built_again_is_followed_on(api: Api) -> None:
    made = api.post("/v1/datasets", json={"name": "set"})
    api.upload("set", {"a.mid": b"x"})
    api.post("/v1/datasets/set/build", 202)
    with api.context.records.write() as session:
        builds.fail_build(session, made["id"], "no file could be read")
    failed = frames(api.client.get("/v1/datasets/set/events", headers=STREAM))
    assert [frame.get("event") for frame in failed][-2:] == ["failed", "end"]
    api.post("/v1/datasets/set/build", 202)
    stream = frames(api.client.get("/v1/datasets/set/events", headers=STREAM | {"Last-Event-ID": "3"}))
    assert [next(stream).get("event") for _ in range(3)] == [None, "building", "progress"]


def test_silence_is_broken_by_comments_and_ended_after_a_while(
    run_api: tuple[Api, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    api, run_id = run_api
    monkeypatch.setattr(events, "HEARTBEAT_SECONDS", 0.05)
    monkeypatch.setattr(events, "STREAM_SECONDS", 0.5)
    found = list(frames(follow(api, run_id)))
    assert sum("comment" in frame for frame in found) > 3
    assert all(frame.get("event") != "end" for frame in found)


def test_streams_are_counted_and_given_back(make_api: Any) -> None:
    api = make_api(max_streams=2)
    api.built()
    run_id = api.post("/v1/runs", json={"dataset": "chorales", "family": "vae"})["id"]
    open_ones = [follow(api, run_id) for _ in range(2)]
    for stream in open_ones:
        next(frames(stream))
    assert "pianola_open_streams 2.0" in api.client.get("/metrics").text
    refused = follow(api, run_id)
    assert "2 event streams" in api.problem(refused, 503, "too-many-streams")["detail"]
    assert int(refused.headers["Retry-After"]) > 0
    for stream in open_ones:
        stream.close()
    assert "pianola_open_streams 0.0" in api.client.get("/metrics").text
    never_read = follow(api, run_id)
    never_read.close()
    assert next(frames(follow(api, run_id)))["comment"] == "events"


def test_a_closing_process_ends_its_streams(run_api: tuple[Api, str]) -> None:
    api, run_id = run_api
    stream = frames(follow(api, run_id))
    next(stream)
    threading.Timer(0.1, api.context.closing.set).start()
    assert all(frame.get("event") != "end" for frame in stream)


def test_a_database_that_goes_away_ends_the_stream(run_api: tuple[Api, str], monkeypatch: pytest.MonkeyPatch) -> None:
    api, run_id = run_api
    stream = frames(follow(api, run_id))
    next(stream)

    def away(*_: object) -> None:
        raise OperationalError("SELECT", {}, Exception("gone"))

    monkeypatch.setattr(events.runs, "get", away)
    assert list(stream) == []


@pytest.mark.parametrize("last", ["x", "-1", "1.5", "9" * 10, "²"])
def test_last_event_ids_that_no_event_has(run_api: tuple[Api, str], last: str) -> None:
    api, run_id = run_api
    headers = STREAM | {"Last-Event-ID": last}
    api.problem(api.client.get(f"/v1/runs/{run_id}/events", headers=headers), 400, "bad-last-event-id")
