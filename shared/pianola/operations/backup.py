"""Backup: every row, then every object, of a system that may be at work.

Records first. A row is written only after the objects that it names, and objects never change: whatever the rows of one
moment name is in the store from then on, unless garbage collection takes it, which waits for the backup (alone.py).
Objects first would lose those that came between the two: a checkpoint's row without its checkpoint. What comes while
the objects are copied is in the backup without a row; it does no harm, and `gc` takes it after a restore.
"""

import hashlib
import json
import re
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Row, select
from sqlalchemy.schema import Table as SqlTable

from pianola.objects import ObjectMissing, ObjectStore, StoreUnavailable, sha256_file
from pianola.operations.alone import alone
from pianola.operations.archive import CARD, INDEX, Card, Member, Writer, object_member, table_member, written
from pianola.operations.named import named_keys
from pianola.records import Records
from pianola.records.migrate import check, revisions
from pianola.records.tables import Table

Told = Callable[[str], None]

_AT_ONCE: Final = 8
_TRIES: Final = 5
_OWN_NAME: Final = re.compile(r"([0-9a-f]{64})(\.\w+)?")
"""The last part of a key that says what the object's bytes are."""


def backup(records: Records, store: ObjectStore, target: Path, told: Told) -> Card:
    """Write a backup to `target`: a tar file where its name ends in .tar, else a folder. `told` hears how far it is.

    Raises Busy, TargetTaken, NotMigrated, StoreUnavailable, DBAPIError and OSError; nothing is at `target` then.
    """
    check(records)
    with alone(records), written(target) as (writer, beside):
        rows, tables, named = _copy_records(records, writer, beside)
        told(f"{sum(rows.values()):,} rows of {len(rows)} tables")
        copied = _copy_objects(store, writer, beside, told)
        missing = sorted(named - copied.keys)
        card = Card(
            made_at=datetime.now(UTC).isoformat(timespec="seconds"),
            version=version("pianola"),
            revision=revisions()[0],
            rows=rows,
            tables=tables,
            objects=len(copied.keys),
            objects_bytes=copied.size,
            index=copied.index,
            missing=missing,
            damaged=copied.damaged,
        )
        path = beside / "card"
        path.write_bytes(card.to_bytes())
        writer.add(CARD, path)
    return card


def _copy_records(records: Records, writer: Writer, beside: Path) -> tuple[dict[str, int], dict[str, Member], set[str]]:
    """Every table as it was at one moment: its rows, its member, and the keys that rows name."""
    rows, tables = {}, {}
    with records.snapshot() as connection:
        for table in Table.metadata.sorted_tables:
            path = beside / table.name
            rows[table.name] = _write_lines(path, _rows(connection, table))
            tables[table.name] = _member(path)
            writer.add(table_member(table.name), path)
        return rows, tables, set(named_keys(connection))


def _rows(connection: Connection, table: SqlTable) -> Iterator[dict[str, Any]]:
    query = select(table).order_by(*table.primary_key)
    found: Row[Any]
    for found in connection.execute(query, execution_options={"yield_per": 1000}):
        yield {name: _plain(value) for name, value in found._mapping.items()}


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _write_lines(path: Path, lines: Iterator[dict[str, Any]]) -> int:
    count = 0
    with path.open("w", encoding="ascii") as stream:
        for count, line in enumerate(lines, 1):  # noqa: B007  # counted
            stream.write(json.dumps(line) + "\n")
    return count


def _member(path: Path) -> Member:
    return Member(path.stat().st_size, sha256_file(path))


class _Copied:
    """The objects copied so far."""

    def __init__(self) -> None:
        self.keys: set[str] = set()
        self.damaged: list[str] = []
        self.size = 0
        self.index = Member(0, hashlib.sha256().hexdigest())


def _copy_objects(store: ObjectStore, writer: Writer, beside: Path, told: Told) -> _Copied:
    copied, said = _Copied(), time.monotonic()
    index = beside / "index"
    # All that is there, not only what the rows name: a backup does not decide what is garbage.
    with index.open("w", encoding="ascii") as lines:
        for key, path in _fetched(store, beside):
            member = _member(path)
            writer.add(object_member(key), path)
            lines.write(json.dumps({"key": key, "size": member.size, "sha256": member.sha256}) + "\n")
            copied.keys.add(key)
            copied.size += member.size
            own = _OWN_NAME.fullmatch(key.rpartition("/")[2])
            if own is not None and own[1] != member.sha256:
                copied.damaged.append(key)
            if time.monotonic() - said > 5:
                said = time.monotonic()
                told(f"{len(copied.keys):,} objects, {copied.size / 1e6:,.0f} MB")
    copied.index = _member(index)
    writer.add(INDEX, index)
    return copied


def _fetched(store: ObjectStore, beside: Path) -> Iterator[tuple[str, Path]]:
    """Every object as a file, several being fetched at a time, in the order of their keys."""
    waiting = deque[tuple[str, Path, Future[bool]]]()
    with ThreadPoolExecutor(_AT_ONCE, "fetch") as pool:
        try:
            for number, key in enumerate(store.keys("")):
                path = beside / f"object-{number}"
                waiting.append((key, path, pool.submit(_fetch, store, key, path)))
                if len(waiting) > _AT_ONCE:
                    yield from _settled(waiting)
            while waiting:
                yield from _settled(waiting)
        finally:
            pool.shutdown(cancel_futures=True)


def _settled(waiting: deque[tuple[str, Path, Future[bool]]]) -> Iterator[tuple[str, Path]]:
    key, path, fetched = waiting.popleft()
    if fetched.result():
        yield key, path


def _fetch(store: ObjectStore, key: str, path: Path) -> bool:
    """False where the object is gone: no row of the snapshot names it then, or it is found missing."""
    for tried in range(1, _TRIES + 1):
        try:
            store.get_file(key, path)
            return True
        except ObjectMissing:
            return False
        except StoreUnavailable:
            if tried == _TRIES:
                raise
            time.sleep(2**tried)
    raise AssertionError
