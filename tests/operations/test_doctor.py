"""The doctor on real systems: well, not running, and with each of its parts away or in a bad way."""

import json
import os
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import httpx
import pytest
import servers
from sqlalchemy import text
from trainer import making

from pianola.operations.doctor import examine
from pianola.operations.finding import Finding
from pianola.records import Records, leases, open_records
from pianola.settings import WorkerSettings

PIANOLA = str(Path(sys.executable).with_name("pianola"))


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PIANOLA_")}
    command = [PIANOLA, *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=kept | environment, timeout=60, check=False)


def findings(result: subprocess.CompletedProcess[str]) -> dict[str, dict[str, Any]]:
    return {found["name"]: found for found in json.loads(result.stdout)}


def visit(monkeypatch: pytest.MonkeyPatch, **environment: str) -> list[Finding]:
    for name in [name for name in os.environ if name.startswith("PIANOLA_")]:
        monkeypatch.delenv(name)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return examine(WorkerSettings, os.environ)


def wrong(found: list[Finding]) -> dict[str, str]:
    return {finding.name: f"{finding.found} -> {finding.todo}" for finding in found if finding.level != "ok"}


def test_a_running_home_is_well_and_can_be_backed_up_and_cleared(embedded: servers.Embedded, tmp_path: Path) -> None:
    httpx.post(f"{embedded.url}/v1/datasets", json={"name": f"kept-{tmp_path.name}"}).raise_for_status()
    home = str(embedded.home)
    result = run("doctor", "--home", home, "--json")
    assert result.returncode == 0, result.stdout
    found = findings(result)
    assert {"database", "migrations", "store", "broker", "queue preprocess", "queue train", "leases of runs"} <= set(
        found
    )
    assert found["broker keeps messages"]["level"] == "ok"
    assert {found[f"{worker} hears its queue"]["level"] for worker in ("preprocess", "trainer")} == {"ok"}
    assert run("gc", "--home", home, "--dry-run").stdout.splitlines()[-1].startswith("would remove")
    saved, second = tmp_path / "saved.tar", str(tmp_path / "second")
    assert run("backup", "--home", home, str(saved)).returncode in (0, 1)
    refused = run("restore", "--home", home, str(saved))
    assert (refused.returncode, "already runs" in refused.stderr) == (1, True)
    assert run("restore", "--home", second, str(saved)).returncode == 0
    alone = run("doctor", "--home", second)
    assert (alone.returncode, "does not run with this home" in alone.stdout) == (0, True)
    assert "empty system" in run("restore", "--home", second, str(saved)).stderr
    assert "there is no Pianola at" in run("doctor", "--home", str(tmp_path / "none")).stderr


def test_servers_that_are_well_and_no_workers(
    postgres_url: str, broker_url: str, s3: servers.S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = f"doctor-{uuid.uuid4().hex}"
    address = {"PIANOLA_DATABASE_URL": postgres_url, "PIANOLA_BROKER_URL": broker_url, **s3.environment(bucket)}
    found = wrong(visit(monkeypatch, **address))
    assert "the first service to start makes it" in found.pop("store")
    assert {name: "start a" in said for name, said in found.items() if name.startswith("queue")} == {
        "queue preprocess": True,
        "queue train": True,
        "queue evaluate": True,
    }
    assert "appendonly is no" in found["broker keeps messages"]


def test_all_that_is_away_is_named_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = f"127.0.0.1:{servers.free_port()}"
    (tmp_path / "file").write_text("in the way")
    address = {"PIANOLA_BROKER_URL": f"redis://{nowhere}/0", "PIANOLA_OBJECTS_DIR": str(tmp_path / "file" / "objects")}
    found = wrong(visit(monkeypatch, PIANOLA_DATABASE_URL=f"postgresql://nobody@{nowhere}/none", **address))
    assert "correct PIANOLA_DATABASE_URL" in found["database"]
    assert "correct PIANOLA_BROKER_URL" in found["broker"]
    assert "PIANOLA_OBJECTS_DIR" in found["store"]
    found = wrong(visit(monkeypatch, PIANOLA_DATABASE_URL=f"sqlite:///{tmp_path}/none.sqlite", **address))
    assert "is not there" in found["database"] and not (tmp_path / "none.sqlite").exists()
    failed = run("doctor", PIANOLA_DATABASE_URL=f"sqlite:///{tmp_path}/none.sqlite", **address)
    assert (failed.returncode, "ERROR    database" in failed.stdout) == (1, True)


def test_settings_that_contradict(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    right = {"PIANOLA_DATABASE_URL": sqlite_url, "PIANOLA_BROKER_URL": "redis://127.0.0.1:1/0"}
    local = {"PIANOLA_OBJECTS_DIR": str(tmp_path / "objects")}

    def said(**environment: str) -> str:
        found = visit(monkeypatch, **right, **environment)
        return "\n".join(finding.line for finding in found if finding.name == "settings")

    assert said(**local) == "ok       settings: nothing contradicts"
    assert "set exactly one of PIANOLA_OBJECTS_DIR" in said()
    assert "did you mean PIANOLA_OBJECTS_DIR" in said(**local, PIANOLA_OBJECT_DIR="x")
    assert "a late heartbeat loses a run" in said(**local, PIANOLA_LEASE_SECONDS="10")
    assert "a cancel takes longer than 15 s" in said(**local, PIANOLA_POLL_SECONDS="9")
    assert "PIANOLA_QUEUES names 'trian'" in said(**local, PIANOLA_QUEUES="trian,evaluate")
    assert "PIANOLA_AUTH=none is for loopback" in said(**local, PIANOLA_AUTH="none", PIANOLA_HOST="10.0.0.1")
    assert "several machines need PostgreSQL" in said(PIANOLA_S3_ENDPOINT="http://127.0.0.1:1")
    assert "give it a folder of its own" in said(**local, PIANOLA_SPOOL=str(tmp_path / "objects" / "spool"))
    assert "PIANOLA_PORT: " in said(**local, PIANOLA_PORT="many")


def test_work_that_nobody_does_is_told(records: Records, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with making.system(tmp_path, records.url.render_as_string(hide_password=False)) as system:
        dataset = making.built_dataset(system)
        lost, _ = making.submit(system, dataset), making.submit(system, dataset)
        with system.records.write() as session:
            assert leases.claim(session, lost, "test", -90) is not None
            session.execute(text("UPDATE runs SET sent_at = '2026-01-01 00:00:00.000000'"))
        address = {
            "PIANOLA_DATABASE_URL": system.records.url.render_as_string(hide_password=False),
            "PIANOLA_OBJECTS_DIR": str(tmp_path / "objects"),
        }
        found = wrong(visit(monkeypatch, PIANOLA_BROKER_URL="redis://127.0.0.1:1/0", **address))
    assert "1 ran out, 90 s ago" in found["leases of runs"]
    assert "not sent again for" in found["runs waiting"] and "start an api or a worker" in found["runs waiting"]


def test_tables_of_another_version_are_told(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    records = open_records(sqlite_url)
    with records.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    records.dispose()
    address = {"PIANOLA_BROKER_URL": "redis://127.0.0.1:1/0", "PIANOLA_OBJECTS_DIR": str(tmp_path / "objects")}
    found = wrong(visit(monkeypatch, PIANOLA_DATABASE_URL=sqlite_url, **address))
    assert "python -m pianola.records upgrade" in found["migrations"]
