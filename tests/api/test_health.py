"""Health and measures."""

from pathlib import Path
from typing import Any

from sqlalchemy import update

from pianola.records import leases
from pianola.records.clock import database_now
from pianola.records.tables import Event, Run

from .steps import Api


def test_ready_when_everything_answers(either_api: Api) -> None:
    assert either_api.get("/livez") == {"status": "alive"}
    assert either_api.get("/readyz")["checks"] == {"database": "ok", "store": "ok", "broker": "ok"}


def test_not_ready_says_what_is_away(make_api: Any, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a directory")
    api = make_api(broker_url="redis://127.0.0.1:1/0", objects_dir=blocked)
    told = api.problem(api.client.get("/readyz"), 503, "not-ready")
    assert [entry["field"] for entry in told["errors"]] == ["store", "broker"]
    assert api.client.get("/livez").status_code == 200


def test_measures_count_requests_and_what_the_records_hold(api: Api) -> None:
    api.built()
    api.post("/v1/runs", json={"dataset": "chorales", "family": "gan"})
    api.client.get("/v1/datasets/none")
    text = api.client.get("/metrics").text
    assert 'pianola_runs{state="queued"} 1.0' in text
    assert 'pianola_datasets{state="built"} 1.0' in text
    assert 'pianola_datasets{state="open"} 0.0' in text
    assert "pianola_database_reachable 1.0" in text
    assert measured(text, 'pianola_oldest_waiting_seconds{kind="run"}') > 0
    assert measured(text, 'pianola_quiet_seconds{kind="run"}') == 0, "nobody is at work on it"
    assert measured(text, "pianola_lapsed_lease_seconds") == 0
    assert 'pianola_http_requests_total{method="GET",route="/v1/datasets/<dataset>",status="404"} 1.0' in text
    assert 'pianola_http_request_seconds_count{method="POST",route="/v1/runs"} 1.0' in text


def test_measures_tell_of_a_worker_that_went_without_a_word(api: Api) -> None:
    api.built()
    run = api.post("/v1/runs", json={"dataset": "chorales", "family": "gan"})["id"]
    with api.context.records.write() as session:
        leases.claim(session, run, "gone", lease_seconds=-30)
        session.execute(update(Run).values(updated_at=database_now(-200)))
        session.execute(update(Event).values(created_at=database_now(-100)))
    text = api.client.get("/metrics").text
    assert 30 <= measured(text, "pianola_lapsed_lease_seconds") < 60
    assert 100 <= measured(text, 'pianola_quiet_seconds{kind="run"}') < 130
    assert measured(text, 'pianola_oldest_waiting_seconds{kind="run"}') == 0


def measured(text: str, name: str) -> float:
    (line,) = [line for line in text.splitlines() if line.startswith(f"{name} ")]
    return float(line.split()[-1])


def test_measures_without_a_database(make_api: Any) -> None:
    api = make_api(database_url="postgresql://nobody@127.0.0.1:1/none")
    assert "pianola_database_reachable 0.0" in api.client.get("/metrics").text
    api.problem(api.client.get("/v1/runs"), 503, "database-unavailable")
