"""The doctor: looks at everything that Pianola needs, and says of each what it found and what to do about it."""

import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from celery import Celery
from sqlalchemy import select, type_coerce
from sqlalchemy.exc import DBAPIError

from pianola.hearing import DEAF_SECONDS
from pianola.objects import LocalStore, ObjectStore, StoreUnavailable, connect_store
from pianola.operations import contradictions, waiting
from pianola.operations.finding import Finding, Level
from pianola.operations.probe import probe
from pianola.queue import EVALUATE, PREPROCESS, TRAIN, TRAIN_GPU, create_celery
from pianola.records import Records, open_records
from pianola.records.clock import database_now
from pianola.records.migrate import NotMigrated, check
from pianola.records.tables import UtcDateTime
from pianola.settings import Settings, WorkerSettings

_GB: Final = 10**9
_SKEW_SECONDS: Final = 5.0
# S3 servers refuse requests whose time is 15 minutes off.
_REFUSED_SECONDS: Final = 600.0
_ANSWER_SECONDS: Final = 3.0


def examine(
    load: Callable[[], WorkerSettings],
    environment: Mapping[str, str],
    running: bool = True,
    alive: Mapping[str, Path] = MappingProxyType({}),
) -> list[Finding]:
    """Look at everything. load: makes the settings; environment: where they come from. running: whether services are
    expected to be at work; without, the broker and whoever listens to it are left out. alive: the files that workers on
    this machine touch, by name.

    Writes one object to the store and deletes it; changes nothing else, and raises nothing.
    """
    found = [Finding("settings", *told) for told in contradictions.in_environment(environment)]
    try:
        settings = load()
    except ValueError as error:
        return [
            *found,
            Finding("settings", "error", contradictions.said(error), "correct it; nothing else was looked at"),
        ]
    found += found or [Finding("settings", "ok", "nothing contradicts")]
    heard = [_hearing(name, path) for name, path in alive.items()] if running else []
    return list(dict.fromkeys([*found, *_Doctor(settings, running).all(), *heard]))


class _Doctor:
    """One visit."""

    def __init__(self, settings: WorkerSettings, running: bool) -> None:
        self._settings, self._running = settings, running
        self._records: Records = open_records(settings.database_url)
        self._store: ObjectStore = connect_store(settings)
        self._celery: Celery = create_celery(Settings.model_construct(**settings.model_dump()), "pianola-doctor")

    def all(self) -> Iterator[Finding]:
        """Everything, in the order in which one thing needs another."""
        database = list(self._database())
        yield from database
        yield from self._objects()
        yield from self._disk()
        if not self._running:
            return
        broker = list(self._broker())
        yield from broker
        queues = self._workers() if broker[0].level == "ok" else None
        if database[-1].level == "ok":
            yield from self._listening(queues)
            yield from self._waiting()

    def _database(self) -> Iterator[Finding]:
        shown = self._records.url.render_as_string(hide_password=True)
        # To look would make it.
        if self._records.url.get_backend_name() == "sqlite" and not Path(self._records.url.database or "").exists():
            todo = "correct PIANOLA_DATABASE_URL, or make it with `python -m pianola.records upgrade`"
            yield Finding("database", "error", f"{shown} is not there", todo)
            return
        try:
            with self._records.read() as session:
                before = datetime.now(UTC)
                theirs = session.scalar(select(type_coerce(database_now(), UtcDateTime)))
                after = datetime.now(UTC)
            assert theirs is not None
            milliseconds = (after - before).total_seconds() * 1000
            yield Finding("database", "ok", f"{shown} answers in {milliseconds:.0f} ms")
            yield _skew("database", (before + (after - before) / 2 - theirs).total_seconds())
            check(self._records)
        except NotMigrated as error:
            yield Finding(
                "migrations", "error", str(error).partition(":")[0], "run `python -m pianola.records upgrade`"
            )
            return
        except DBAPIError as error:
            todo = "start it, or correct PIANOLA_DATABASE_URL"
            yield Finding("database", "error", f"{shown} does not answer: {_first_line(error.orig)}", todo)
            return
        finally:
            self._records.dispose()
        yield Finding("migrations", "ok", "at the newest revision")

    def _objects(self) -> Iterator[Finding]:
        settings = self._settings
        if isinstance(self._store, LocalStore):
            name, away = f"folder {settings.objects_dir}", "make the folder writable, or correct PIANOLA_OBJECTS_DIR"
        else:
            name = f"bucket {settings.s3_bucket} at {settings.s3_endpoint}"
            away = "start the server, or correct PIANOLA_S3_ENDPOINT, _ACCESS_KEY and _SECRET_KEY"
            try:
                self._store.ready()
            except StoreUnavailable as error:
                if "does not exist" in str(error):
                    away = "the first service to start makes it: start one, or correct PIANOLA_S3_BUCKET"
                yield Finding("store", "error", f"{name}: {_first_line(error)}", away)
                return
        try:
            found = probe(self._store)
        except StoreUnavailable as error:
            yield Finding("store", "error", f"{name}: {_first_line(error)}", away)
            return
        yield Finding("store", "ok", f"{name}: an object was written, read back and deleted")
        yield _skew("store", found.ahead.total_seconds())

    def _disk(self) -> Iterator[Finding]:
        places = {"spool": (self._settings.spool, "PIANOLA_SPOOL")}
        if self._settings.objects_dir is not None:
            places["objects"] = (self._settings.objects_dir, "PIANOLA_OBJECTS_DIR")
        if self._records.url.get_backend_name() == "sqlite":
            places["records"] = (Path(self._records.url.database or ".").parent, "PIANOLA_DATABASE_URL")
        for name, (path, variable) in places.items():
            there = next(parent for parent in (path.absolute(), *path.absolute().parents) if parent.exists())
            usage = shutil.disk_usage(there)
            level: Level = "error" if usage.free < _GB else "warning" if usage.free < 5 * _GB else "ok"
            todo = f"run `pianola gc`, or give {variable} a larger disk" if level != "ok" else ""
            yield Finding(f"disk for {name}", level, f"{usage.free / _GB:.1f} GB free at {path}", todo)

    def _broker(self) -> Iterator[Finding]:
        try:
            with _redis(self._celery) as client:
                before = datetime.now(UTC)
                seconds, microseconds = client.time()
                after = datetime.now(UTC)
                yield Finding("broker", "ok", f"answers in {(after - before).total_seconds() * 1000:.0f} ms")
                theirs = datetime.fromtimestamp(seconds + microseconds / 1e6, UTC)
                yield _skew("broker", (before + (after - before) / 2 - theirs).total_seconds())
                yield from _keeping(client)
        except Exception as error:  # whatever the driver, the address or the server has to say
            todo = "start it, or correct PIANOLA_BROKER_URL"
            yield Finding("broker", "error", f"does not answer: {_first_line(error)}", todo)

    def _workers(self) -> dict[str, list[str]]:
        """By queue, the workers that answered over the broker that they listen to it."""
        answered: dict[str, Any] = self._celery.control.inspect(timeout=_ANSWER_SECONDS).active_queues() or {}
        queues: dict[str, list[str]] = {}
        for worker, listens in sorted(answered.items()):
            for queue in listens:
                queues.setdefault(queue["name"], []).append(worker)
        return queues

    def _listening(self, queues: dict[str, list[str]] | None) -> Iterator[Finding]:
        if queues is None:
            return
        needed = [PREPROCESS, TRAIN, EVALUATE]
        with self._records.read() as session:
            for_gpu = waiting.runs_for(session, TRAIN_GPU)
        if for_gpu or TRAIN_GPU in queues:
            needed.append(TRAIN_GPU)
        for queue in needed:
            workers = queues.get(queue, [])
            if workers:
                yield Finding(f"queue {queue}", "ok", f"{len(workers)} listening: {', '.join(workers)}")
            else:
                service = "preprocess worker" if queue == PREPROCESS else f"trainer with {queue} among PIANOLA_QUEUES"
                yield Finding(f"queue {queue}", "error", "no worker answers that it listens", f"start a {service}")

    def _waiting(self) -> Iterator[Finding]:
        with self._records.read() as session:
            yield from waiting.look(session)


def _hearing(worker: str, file: Path) -> Finding:
    name = f"{worker} hears its queue"
    try:
        seconds = time.time() - file.stat().st_mtime
    except FileNotFoundError:
        return Finding(name, "error", "it never did", "look into its log")
    if seconds > DEAF_SECONDS:
        todo = "it connects anew by itself within half a minute; where it does not, look into its log"
        return Finding(name, "error", f"not for {seconds:.0f} s", todo)
    return Finding(name, "ok", f"{max(seconds, 0):.0f} s ago")


def _skew(name: str, ahead: float) -> Finding:
    found = f"this machine's is {abs(ahead):.1f} s {'ahead of' if ahead > 0 else 'behind'} the {name}'s"
    if abs(ahead) > _REFUSED_SECONDS and name == "store":
        return Finding(f"clock of {name}", "error", found, "set both by NTP: an S3 server refuses requests soon")
    if abs(ahead) > _SKEW_SECONDS:
        todo = "set both by NTP: leases go by the database's clock and are safe, but times in logs do not agree"
        return Finding(f"clock of {name}", "warning", found, todo)
    return Finding(f"clock of {name}", "ok", f"within {_SKEW_SECONDS:g} s of this machine's ({ahead:+.1f} s)")


def _keeping(client: Any) -> Iterator[Finding]:
    """Whether the server keeps what it is given."""
    try:
        policy, appends = (client.config_get(name)[name] for name in ("maxmemory-policy", "appendonly"))
    except Exception:  # a server that is run by others may refuse to tell
        yield Finding("broker keeps messages", "ok", "it does not tell how")
        return
    if policy != "noeviction":
        todo = "set maxmemory-policy noeviction: the server may forget tasks (the reaper sends them again)"
        yield Finding("broker keeps messages", "error", f"maxmemory-policy is {policy}", todo)
    if appends != "yes":
        todo = "set appendonly yes: a restart forgets every task (the reaper sends them again within a minute)"
        yield Finding("broker keeps messages", "warning", f"appendonly is {appends}", todo)
    if (policy, appends) == ("noeviction", "yes"):
        yield Finding("broker keeps messages", "ok", "noeviction, append-only file")


@contextmanager
def _redis(celery: Celery) -> Iterator[Any]:
    with celery.connection_for_write() as connection:
        connection.ensure_connection(max_retries=1, interval_start=0, interval_step=0)
        yield connection.default_channel.client


def _first_line(error: object) -> str:
    return str(error).strip().split("\n")[0]
