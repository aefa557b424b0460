"""Keys, idempotency, samples and migrations, on both databases."""

import hashlib
import secrets
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from pianola.records import Records, datasets, idempotency, keys, open_records, samples
from pianola.records.errors import IdempotencyKeyReused, NotFound
from pianola.records.ids import new_id
from pianola.records.keys import Forbidden, Scope, Unauthorised
from pianola.records.migrate import NotMigrated, check, differences, upgrade
from pianola.records.samples import Recipe

from .makers import expire


def test_models_and_migrations_agree(records: Records) -> None:
    check(records)
    assert differences(records) == []
    upgrade(records)  # a second time changes nothing
    assert differences(records) == []


def test_a_database_that_was_not_migrated_is_named(tmp_path: object) -> None:
    with pytest.raises(NotMigrated, match="run `python -m"):
        check(open_records(f"sqlite:///{tmp_path}/new.sqlite"))


def test_processes_that_start_together_migrate_once(postgres_server: str, postgres_url: str) -> None:
    empty = open_records(postgres_url)
    with empty.engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    empty.dispose()
    command = [sys.executable, "-m", "pianola.records", "upgrade", "--database", postgres_url]
    children = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(3)]
    for child in children:
        _, errors = child.communicate(timeout=30)
        assert child.returncode == 0, errors.decode()


def test_the_first_key_is_made_without_a_service(sqlite_url: str, tmp_path: Path) -> None:
    def made(url: str, *options: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "pianola.records", "key", "create", "first", *options, "--database", url]
        return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)

    done = made(sqlite_url, "--scope", "admin")
    assert done.returncode == 0, done.stderr
    (secret,) = done.stdout.splitlines()
    with open_records(sqlite_url).read() as session:
        assert keys.authorise(session, f"Bearer {secret}", Scope.ADMIN).name == "first"
    assert made(sqlite_url, "--scope", "all").returncode == 2
    refused = made(f"sqlite:///{tmp_path}/empty.sqlite")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "python -m pianola.records upgrade" in refused.stderr


def test_times_are_utc_by_the_databases_clock(records: Records) -> None:
    with records.write() as session:
        created = datasets.create(session, "clock", "piano", {}).created_at
    assert created.tzinfo is not None
    assert abs(created - datetime.now(UTC)) < timedelta(seconds=10)


def test_keys_are_hashed_scoped_and_expire(records: Records) -> None:
    with records.write() as session:
        assert not keys.exist(session)
        reader, secret = keys.create(session, "reader", [Scope.READ])
        _, brief = keys.create(session, "brief", [Scope.ADMIN], expires_days=0.03 / 86_400)
    expire()
    assert reader.hash == hashlib.sha256(secret.encode()).hexdigest()
    with records.write() as session:
        assert keys.authorise(session, f"Bearer {secret}", Scope.READ).name == "reader"
        with pytest.raises(Forbidden, match="scope write"):
            keys.authorise(session, f"bearer {secret}", Scope.WRITE)
        for wrong in (None, "", secret, f"Basic {secret}", "Bearer pk_unknown", f"Bearer {brief}"):
            with pytest.raises(Unauthorised):
                keys.authorise(session, wrong, Scope.READ)
        keys.revoke(session, reader.id)
        with pytest.raises(Unauthorised):
            keys.authorise(session, f"Bearer {secret}", Scope.READ)
        with pytest.raises(NotFound):
            keys.revoke(session, reader.id)


def test_one_of_many_repeated_requests_does_the_work(records: Records) -> None:
    def post(_: int) -> str:
        with records.write() as session:
            former = idempotency.begin(session, "key", "caller", "request")
            if former is not None:
                return str(former.body["id"])
            sample = samples.keep(session, Recipe("m", "c", secrets.randbelow(2**53), None, 1, {}))
            idempotency.finish(session, "key", "caller", idempotency.Answer(201, {"id": sample.id}))
            return sample.id

    with ThreadPoolExecutor(8) as pool:
        answers = set(pool.map(post, range(16)))
    assert len(answers) == 1
    with records.write() as session:
        assert samples.get(session, answers.pop()).model == "m"
        with pytest.raises(IdempotencyKeyReused):
            idempotency.begin(session, "key", "caller", "another request")
        assert idempotency.begin(session, "key", "another caller", "another request") is None


def test_work_that_fails_leaves_its_key_free(records: Records) -> None:
    with pytest.raises(ZeroDivisionError), records.write() as session:
        idempotency.begin(session, "key", "caller", "request")
        raise ZeroDivisionError
    with records.write() as session:
        assert idempotency.begin(session, "key", "caller", "request") is None


def test_ids_sort_by_time() -> None:
    first = new_id("run")
    expire()
    assert first < new_id("run")
    assert len({new_id("run") for _ in range(1000)}) == 1000
