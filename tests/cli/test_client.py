import socket
import zipfile
from pathlib import Path

import pytest

from pianola_cli.client import ApiProblem, Client, FieldProblem, NoAnswer, NotPianola, SampleOptions

from .scripted import Answer, as_json, problem, scripted, stream

DATASET = {"id": "ds_1", "name": "sonatinas", "state": "open", "files": 0}
RUN = {"id": "run_1", "state": "running", "family": "vae", "preset": "default", "dataset_name": "sonatinas"}


def test_a_dataset_is_made_and_what_a_newer_server_adds_is_ignored() -> None:
    with scripted(as_json({**DATASET, "colour": "blue"}, 201)) as server, Client(server.url) as client:
        made = client.create_dataset("sonatinas", options={"percussion": True})
    assert (made.id, made.name, made.state) == ("ds_1", "sonatinas", "open")
    assert server.asked[0].body == b'{"name":"sonatinas","options":{"percussion":true}}'


def test_the_key_is_sent_as_a_bearer_token() -> None:
    with scripted(as_json(DATASET)) as server, Client(server.url, key="pk_secret") as client:
        client.dataset("sonatinas")
    assert server.asked[0].headers["authorization"] == "Bearer pk_secret"


def test_a_name_with_a_slash_stays_one_segment_of_the_path() -> None:
    with scripted(as_json(DATASET)) as server, Client(server.url) as client:
        client.dataset("a/b c")
    assert server.asked[0].path == "/v1/datasets/a%2Fb%20c"


def test_a_problem_becomes_an_exception_with_its_fields() -> None:
    refusal = problem(422, "bad_options", "2 options are wrong", [{"field": "batch", "message": "must be above 0"}])
    with scripted(refusal) as server, Client(server.url) as client, pytest.raises(ApiProblem) as caught:
        client.train("sonatinas", "vae", options={"batch": 0})
    assert (caught.value.status, caught.value.code) == (422, "bad_options")
    assert caught.value.errors == (FieldProblem("batch", "must be above 0"),)
    assert str(caught.value) == "2 options are wrong (batch: must be above 0)"


def test_an_error_page_of_a_proxy_is_a_problem_too() -> None:
    page = Answer(413, b"<html>too large</html>", "text/html")
    with scripted(page) as server, Client(server.url) as client, pytest.raises(ApiProblem) as caught:
        client.dataset("sonatinas")
    assert str(caught.value) == "413 Request Entity Too Large"


def test_an_answer_that_is_no_json_names_the_address() -> None:
    page = Answer(200, b"<html>a router</html>", "text/html")
    with scripted(page) as server, Client(server.url) as client, pytest.raises(NotPianola, match=server.url):
        client.dataset("sonatinas")


def test_a_post_is_sent_again_with_the_same_idempotency_key_until_it_is_answered() -> None:
    answers = (as_json(DATASET), Answer(drop=True), problem(503, "away", "the records are away"), as_json(RUN, 201))
    with scripted(*answers) as server, Client(server.url) as client:
        client.dataset("sonatinas")
        run = client.train("sonatinas", "vae")
    assert run.id == "run_1"
    keys = [asked.headers["idempotency-key"] for asked in server.asked[1:]]
    assert len(keys) == 3
    assert len(set(keys)) == 1


def test_two_posts_have_different_idempotency_keys() -> None:
    with scripted(as_json(RUN), as_json(RUN)) as server, Client(server.url) as client:
        client.cancel("run_1")
        client.cancel("run_1")
    assert len({asked.headers["idempotency-key"] for asked in server.asked}) == 2


def test_a_refusal_is_not_tried_again() -> None:
    refusal = problem(409, "wrong_state", "it has ended")
    with scripted(refusal) as server, Client(server.url) as client, pytest.raises(ApiProblem):
        client.pause("run_1")
    assert len(server.asked) == 1


def test_retry_after_is_waited_for() -> None:
    busy = Answer(503, b"{}", headers={"Retry-After": "1"})
    with scripted(busy, as_json(RUN)) as server, Client(server.url) as client:
        assert client.run("run_1").id == "run_1"
    assert len(server.asked) == 2


def test_where_nothing_listens_the_error_says_how_to_start_one() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    with Client(url) as client, pytest.raises(NoAnswer) as caught:
        client.run("run_1")
    assert str(caught.value) == f"no Pianola answers at {url}; start one with `pianola up`"


def test_pages_are_followed_to_the_end() -> None:
    first = as_json({"items": [RUN, {**RUN, "id": "run_2"}], "next_cursor": "c2"})
    last = as_json({"items": [{**RUN, "id": "run_3"}], "next_cursor": None})
    with scripted(first, last) as server, Client(server.url) as client:
        assert [run.id for run in client.runs(state="running")] == ["run_1", "run_2", "run_3"]
    assert [asked.path for asked in server.asked] == [
        "/v1/runs?limit=200&state=running",
        "/v1/runs?limit=200&cursor=c2&state=running",
    ]


def test_only_the_pages_that_are_read_are_asked_for() -> None:
    first = as_json({"items": [RUN], "next_cursor": "c2"})
    with scripted(first) as server, Client(server.url) as client:
        assert next(client.runs()).id == "run_1"
    assert len(server.asked) == 1


def test_a_broken_stream_goes_on_after_the_last_event() -> None:
    first = stream(
        ": hello\n\n"
        'id: 1\nevent: created\ndata: {"a": 1}\n\n'
        'event: progress\ndata: {"state": "running", "fraction": 0.5}\n\n'
        'id: 2\nevent: started\ndata: {"attempt": 1}\n\n'
        'id: 3\nevent: evaluated\ndata: {"cut'
    )
    second = stream(
        'id: 2\nevent: started\ndata: {"attempt": 1}\n\n'
        'id: 3\nevent: evaluated\ndata: {"step": 7,\ndata: "values": {}}\n\n'
        "event: end\ndata: {}\n\n"
    )
    with scripted(first, Answer(drop=True), second) as server, Client(server.url) as client:
        events = list(client.events("run_1"))
    assert [(event.id, event.kind) for event in events] == [
        (1, "created"),
        (None, "progress"),
        (2, "started"),
        (3, "evaluated"),
    ]
    assert events[3].data == {"step": 7, "values": {}}
    assert [asked.headers["last-event-id"] for asked in server.asked] == ["0", "2", "2"]


def test_a_stream_of_a_run_that_is_not_there_ends_at_once() -> None:
    missing = problem(404, "not_found", "no run 'run_9'")
    with scripted(missing) as server, Client(server.url) as client, pytest.raises(ApiProblem, match="run_9"):
        list(client.events("run_9"))
    assert len(server.asked) == 1


def test_wait_tells_every_event_and_returns_the_run_as_it_ended() -> None:
    told: list[str] = []
    ended = as_json({**RUN, "state": "succeeded"})
    events = stream("id: 1\nevent: succeeded\ndata: {}\n\nevent: end\ndata: {}\n\n")
    with scripted(events, ended) as server, Client(server.url) as client:
        run = client.wait("run_1", told=lambda event: told.append(event.kind))
    assert (run.state, run.ended, told) == ("succeeded", True, ["succeeded"])


def test_many_files_go_up_in_requests_of_at_most_200(tmp_path: Path) -> None:
    for number in range(401):
        (tmp_path / f"{number:03}.mid").write_bytes(b"MThd")
    reports = [as_json({"added": n, "unchanged": 0, "files": [], "skipped": []}, 201) for n in (200, 200, 1)]
    told: list[tuple[int, int]] = []
    with scripted(*reports) as server, Client(server.url) as client:
        report = client.upload("sonatinas", [tmp_path], told=lambda done, of: told.append((done, of)))
    assert report.added == 401
    assert told == [(200, 401), (400, 401), (401, 401)]
    assert [asked.body.count(b'name="files"') for asked in server.asked] == [200, 200, 1]


def test_files_keep_their_folders_and_an_interrupted_upload_is_sent_again_whole(tmp_path: Path) -> None:
    (tmp_path / "op36").mkdir()
    (tmp_path / "op36" / "1.mid").write_bytes(b"first")
    with zipfile.ZipFile(tmp_path / "more.zip", "w") as archive:
        archive.writestr("2.mid", b"second")
    (tmp_path / "notes.txt").write_text("no music")
    report = as_json({"added": 2, "unchanged": 0, "skipped": [{"name": "x.txt", "reason": "not MIDI"}]}, 201)
    with scripted(as_json(DATASET), Answer(drop=True), report) as server, Client(server.url) as client:
        client.dataset("sonatinas")
        done = client.upload("sonatinas", [tmp_path])
    assert done.skipped[0].reason == "not MIDI"
    for asked in server.asked[1:]:
        assert b'filename="more.zip"' in asked.body
        assert b'filename="op36/1.mid"' in asked.body
        assert b"first" in asked.body
        assert b"notes.txt" not in asked.body


def test_a_sample_holds_notes_and_is_drawn_with_what_was_asked_for() -> None:
    window = {"index": 0, "z": [0.5], "notes": [{"pitch": 60, "start": 0, "length": 12}], "empty": False}
    drawn = {"id": "sample_1", "model": "m", "seed": 7, "n": 1, "windows": [window]}
    answers = (as_json(drawn, 201), Answer(body=b"MThd", content_type="audio/midi"), as_json(drawn, 201), Answer(204))
    with scripted(*answers) as server, Client(server.url) as client:
        sample = client.sample("m", options=SampleOptions(seed=7, tempo=90))
        assert client.get_sample_bytes(sample.id, "midi") == b"MThd"
        client.sample("m", options=SampleOptions(z=[[0.5], [1.5]], key="F# minor"))
        client.delete_sample(sample.id)
    assert sample.windows[0].notes[0].pitch == 60
    assert server.asked[0].body == b'{"n":1,"seed":7,"tempo":90.0}'
    assert server.asked[1].path == "/v1/samples/sample_1?format=midi"
    assert server.asked[2].body == b'{"z":[[0.5],[1.5]],"key":"F# minor"}'
    assert (server.asked[3].method, server.asked[3].path) == ("DELETE", "/v1/samples/sample_1")
