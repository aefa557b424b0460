"""Backup and restore between both pairs of servers: what was trained plays the same, what was begun goes on."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.numpy
from operations.places import Place, large, small
from sqlalchemy import select, text
from trainer import making

from pianola.objects import LocalStore
from pianola.operations.alone import alone
from pianola.operations.backup import backup
from pianola.operations.errors import BadBackup, Busy, NotEmpty, TargetTaken
from pianola.operations.restore import restore
from pianola.records import Records, datasets, leases, models, open_records, runs
from pianola.records.migrate import NotMigrated, check, upgrade
from pianola.records.tables import Table


def quiet(_: str) -> None: ...


def save(place: Place, target: Path) -> None:
    with place.opened() as (records, store):
        card = backup(records, store, target, quiet)
    # The files of these datasets were never uploaded: there are their windows alone.
    assert [key for key in card.missing if "/files/0000" not in key] == card.damaged == []


def bring(place: Place, source: Path) -> None:
    with place.opened() as (records, store):
        restore(records, store, source, quiet)
        check(records)


def contents(place: Place) -> tuple[dict[str, list[Any]], dict[str, str]]:
    """Every row of every table, and every object's sha256."""
    with place.opened() as (records, store):
        with records.read() as session:
            rows = {
                table.name: [tuple(row) for row in session.execute(select(table).order_by(*table.primary_key))]
                for table in Table.metadata.sorted_tables
            }
        return rows, {key: hashlib.sha256(store.get(key)).hexdigest() for key in store.keys("")}


def claim(records: Records, run_id: str) -> int:
    with records.write() as session:
        run = leases.claim(session, run_id, "test", 1200)
        assert run is not None
        return run.attempt


def test_a_restored_system_plays_the_same_and_goes_on(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    first = small(tmp_path / "first")
    with making.system(first.folder) as system:
        dataset = making.built_dataset(system)
        ended, begun = (making.submit(system, dataset, "gan", evaluate_every_steps=9) for _ in range(2))
        with first.attempt(ended, making.claim(system, ended)) as process:
            assert process.wait(120) == 0, process.last_words()
        with system.records.write() as session:
            models.point(session, "waltz", system.checkpoints(ended)[-1].id)
        number = making.claim(system, begun)
        with first.attempt(begun, number) as process:
            making.servers.wait_for(lambda: system.checkpoints(begun), 120, "a checkpoint")
            process.tell("release")
            process.wait(60)
        with system.records.write() as session:
            leases.stopped(session, begun, number, "released")
        assert system.run(begun).step < making.STEPS
    sample = first.sampler().post("/v1/models/waltz/samples", json={"seed": 3}).json["id"]
    asked = (f"/v1/samples/{sample}", {"Accept": "audio/midi"})
    played = first.sampler().get(asked[0], headers=asked[1]).data
    assert played.startswith(b"MThd")

    second, third = large(tmp_path / "second", request), small(tmp_path / "third")
    save(first, tmp_path / "backup.tar")
    bring(second, tmp_path / "backup.tar")
    assert contents(second) == contents(first)
    assert second.sampler().get(asked[0], headers=asked[1]).data == played
    with second.opened() as (records, store):
        with second.attempt(begun, claim(records, begun)) as process:
            assert process.wait(120) == 0, process.last_words()
        with records.read() as session:
            finals = [runs.checkpoints(session, run_id)[-1] for run_id in (ended, begun)]
        assert [final.step for final in finals] == [making.STEPS] * 2
        weights = [safetensors.numpy.load(store.get(final.key)) for final in finals]
        making.assert_same_weights(*weights)

    save(second, tmp_path / "backup")
    bring(third, tmp_path / "backup")
    assert contents(third) == contents(second)
    assert third.sampler().get(asked[0], headers=asked[1]).data == played


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A backup, as a folder, of a system with a built dataset and a queued run."""
    place = small(tmp_path / "kept")
    with making.system(place.folder) as system:
        making.submit(system, making.built_dataset(system))
    save(place, tmp_path / "backup")
    return tmp_path / "backup"


def change(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1] + b"?")


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda folder: (folder / "backup.json").unlink(), "was not finished"),
        (lambda folder: (folder / "backup.json").write_text("{"), "cannot be read"),
        (lambda folder: (folder / "records" / "runs.jsonl").unlink(), "lacks records/runs.jsonl"),
        (lambda folder: change(folder / "records" / "datasets.jsonl"), "datasets.jsonl has sha256"),
        (lambda folder: change(folder / "objects.jsonl"), "objects.jsonl has sha256"),
        (lambda folder: change(next((folder / "objects").rglob("*.safetensors"))), "safetensors has sha256"),
        (lambda folder: next((folder / "objects").rglob("manifest*")).unlink(), "lacks objects/datasets/"),
    ],
)
def test_a_damaged_backup_is_refused_and_leaves_no_row(
    kept: Path, tmp_path: Path, damage: Callable[[Path], object], said: str
) -> None:
    whole = tmp_path / "whole"
    shutil.copytree(kept, whole)
    damage(kept)
    target = small(tmp_path / "target")
    with pytest.raises(BadBackup, match=said):
        bring(target, kept)
    # What it left is no obstacle to a whole one.
    bring(target, whole)
    assert contents(target) == contents(Place(tmp_path, small_environment(tmp_path / "kept")))


def small_environment(folder: Path) -> dict[str, str]:
    return {
        "PIANOLA_BROKER_URL": "redis://127.0.0.1:1/0",
        "PIANOLA_DATABASE_URL": f"sqlite:///{folder}/records.sqlite",
        "PIANOLA_OBJECTS_DIR": str(folder / "objects"),
    }


def test_only_an_empty_system_is_filled(kept: Path, tmp_path: Path) -> None:
    target = small(tmp_path / "target")
    LocalStore(tmp_path / "target" / "objects").put("runs/1/mine", b"precious")
    with pytest.raises(NotEmpty, match="runs/1/mine"):
        bring(target, kept)
    LocalStore(tmp_path / "target" / "objects").delete("runs/1/mine")
    bring(target, kept)
    before = contents(target)
    with pytest.raises(NotEmpty, match="datasets"):
        bring(target, kept)
    assert contents(target) == before


def test_a_backup_of_an_older_version_is_migrated_and_one_of_a_newer_refused(kept: Path, tmp_path: Path) -> None:
    older = small(tmp_path / "older")
    path = kept / "records" / "runs.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps({k: row[k] for k in row if k != "from_checkpoint_id"}) + "\n" for row in rows))
    card = json.loads((kept / "backup.json").read_text())
    card["tables"]["runs"] = {"size": 0, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    card["revision"] = "0004"
    (kept / "backup.json").write_text(json.dumps(card))
    with older.opened() as (records, _):
        upgrade(records)
    bring(older, kept)
    assert contents(older) == contents(Place(tmp_path, small_environment(tmp_path / "kept")))
    card["revision"] = "9999"
    (kept / "backup.json").write_text(json.dumps(card))
    with pytest.raises(BadBackup, match="newer version"):
        bring(small(tmp_path / "other"), kept)


def test_a_backup_names_what_the_store_has_lost(tmp_path: Path) -> None:
    place = small(tmp_path / "lossy")
    with making.system(place.folder) as system:
        making.built_dataset(system)
        manifest = next(iter(system.store.keys("datasets/")))
        shard = next(key for key in system.store.keys("") if "/shards/" in key)
        system.store.delete(manifest)
        system.damage(shard)
    with place.opened() as (records, store):
        card = backup(records, store, tmp_path / "backup.tar", quiet)
        assert manifest in card.missing and card.damaged == [shard]
        with pytest.raises(TargetTaken, match=r"backup\.tar"):
            backup(records, store, tmp_path / "backup.tar", quiet)


def test_nothing_is_backed_up_while_garbage_is_collected(database_url: str, tmp_path: Path) -> None:
    records, other = open_records(database_url), open_records(database_url)
    with alone(records), pytest.raises(Busy):
        backup(other, LocalStore(tmp_path / "objects"), tmp_path / "backup", quiet)
    assert not (tmp_path / "backup").exists()
    with alone(other):
        pass
    records.dispose()
    other.dispose()


def test_a_failed_backup_leaves_nothing(tmp_path: Path, sqlite_url: str) -> None:
    class Broken(LocalStore):
        def get_file(self, key: str, path: Path) -> None:
            raise OSError("the disk is gone")

    store = Broken(tmp_path / "objects")
    store.put("a", b"1")
    records = open_records(sqlite_url)
    with pytest.raises(OSError, match="the disk is gone"):
        backup(records, store, tmp_path / "to" / "backup.tar", quiet)
    assert list((tmp_path / "to").iterdir()) == []
    with records.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    with pytest.raises(NotMigrated, match="needs"):
        backup(records, store, tmp_path / "to" / "backup.tar", quiet)
    records.dispose()


def test_the_commands_beside_containers(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    source, target = large(tmp_path / "source", request), small(tmp_path / "target")
    with source.opened() as (records, store):
        store.put("runs/none/a1/s1/left", b"left by nobody knows whom")
        with records.write() as session:
            datasets.create(session, "kept", "piano", {})

    def operate(place: Place, *arguments: str) -> subprocess.CompletedProcess[str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PIANOLA_")}
        command = [sys.executable, "-m", "pianola.operations", *arguments]
        environment = kept | dict(place.environment) | {"PIANOLA_SPOOL": str(tmp_path / "spool")}
        return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=False)

    saved = str(tmp_path / "saved.tar")
    assert operate(source, "backup", saved).returncode == 0
    assert operate(target, "restore", saved).returncode == 0
    assert contents(target) == contents(source)
    refused = operate(target, "restore", saved)
    assert (refused.returncode, "empty system" in refused.stderr) == (1, True)
    would = operate(source, "gc", "--dry-run", "--older-than", "0")
    assert "runs/none/a1/s1/left" in would.stdout and "would remove 1 things" in would.stdout
    assert operate(source, "doctor").returncode == 1, "the broker is away"
