"""Restore: a backup into an empty system, on either database and either store, wherever it was made.

Objects first, rows last and in one transaction: until it commits nobody sees anything of the backup, and one that was
interrupted is begun again. The tables are made as they were when the backup was, filled, and then migrated.
"""

import graphlib
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, DateTime, MetaData, bindparam, event, insert, select, update
from sqlalchemy.schema import Table as SqlTable
from sqlalchemy.types import JSON

from pianola.objects import ObjectStore
from pianola.operations.archive import INDEX, Backup, Card, Member, object_member, read, table_member
from pianola.operations.backup import Told
from pianola.operations.errors import BadBackup, NotEmpty
from pianola.records import Records
from pianola.records.migrate import drop_tables, revision, revisions, upgrade
from pianola.records.tables import UtcDateTime

_BATCH: Final = 500  # rows of a statement
_AT_ONCE: Final = 8
_VERSIONS: Final = "alembic_version"

Rows = Iterator[dict[str, Any]]


def restore(records: Records, store: ObjectStore, source: Path, told: Told) -> Card:
    """Fill empty records and an empty store from the backup at `source`. `told` hears how far it is.

    Nothing may be at work on them. Raises BadBackup, NotEmpty, StoreUnavailable, DBAPIError, OSError: there is no row
    then, and it can be begun again.
    """
    with read(source) as backup:
        card = backup.card
        if card.revision not in revisions():
            raise BadBackup(source, f"it was made by a newer version ({card.version}): restore it with that one")
        for table, member in card.tables.items():
            backup.check(table_member(table), member)
        _check_empty(records)
        _check_no_other_objects(store, backup)
        _put_objects(store, backup, told)
        _make_tables(records, card.revision)
        with records.engine.begin() as connection:
            _fill(connection, backup)
        told(f"{sum(card.rows.values()):,} rows of {len(card.rows)} tables")
    upgrade(records)
    return card


def _check_empty(records: Records) -> None:
    with records.engine.connect() as connection:
        filled = [
            table.name
            for table in _reflected(connection)
            if connection.execute(select(table).limit(1)).first() is not None
        ]
    if filled:
        raise NotEmpty("the records have rows", sorted(filled))


def _check_no_other_objects(store: ObjectStore, backup: Backup) -> None:
    """Those of the backup itself are what an interrupted restore has left."""
    own: set[str] | None = None
    for key in store.keys(""):
        if own is None:
            with backup.lines(INDEX, backup.card.index) as lines:
                own = {line["key"] for line in lines}
        if key not in own:
            raise NotEmpty("the store has objects", [key])


def _put_objects(store: ObjectStore, backup: Backup, told: Told) -> None:
    """Every object, checked on its way, several being written at a time."""
    waiting = deque[Future[None]]()
    said, done = time.monotonic(), 0
    with (
        tempfile.TemporaryDirectory(prefix="pianola-restore-") as folder,
        ThreadPoolExecutor(_AT_ONCE, "put") as pool,
        backup.lines(INDEX, backup.card.index) as lines,
    ):
        try:
            for done, line in enumerate(lines, 1):
                path = Path(folder) / str(done)
                backup.take(object_member(line["key"]), Member(line["size"], line["sha256"]), path)
                waiting.append(pool.submit(_put, store, line["key"], path))
                if len(waiting) > _AT_ONCE:
                    waiting.popleft().result()
                if time.monotonic() - said > 5:
                    said = time.monotonic()
                    told(f"{done:,} of {backup.card.objects:,} objects")
            for put in waiting:
                put.result()
        finally:
            pool.shutdown(cancel_futures=True)
    told(f"{done:,} objects, {backup.card.objects_bytes / 1e6:,.0f} MB")


def _put(store: ObjectStore, key: str, path: Path) -> None:
    store.put_file(key, path)
    path.unlink()


def _make_tables(records: Records, wanted: str) -> None:
    """Empty tables as they were at the revision `wanted`."""
    if revision(records) not in (None, wanted):
        drop_tables(records)
    upgrade(records, wanted)


def _fill(connection: Connection, backup: Backup) -> None:
    tables = {table.name: table for table in _reflected(connection)}
    # What a row may do without refers to rows that come later: it is set when all are there.
    later = {table: [fk.parent.name for fk in table.foreign_keys if fk.parent.nullable] for table in tables.values()}
    for name in _in_order(tables):
        table, absent = tables[name], dict.fromkeys(later[tables[name]])
        for rows in _batches(backup, name, table):
            connection.execute(insert(table), [row | absent for row in rows])
    for table, columns in later.items():
        for column in columns:
            key = [part.name for part in table.primary_key]
            where = [table.c[part] == bindparam(f"of_{part}") for part in key]
            statement = update(table).where(*where).values({column: bindparam("to")})
            for rows in _batches(backup, table.name, table):
                if found := [row for row in rows if row[column] is not None]:
                    connection.execute(
                        statement, [{f"of_{part}": row[part] for part in key} | {"to": row[column]} for row in found]
                    )


def _in_order(tables: dict[str, SqlTable]) -> Sequence[str]:
    """Every table after those that its rows cannot do without."""
    needs = {
        name: {fk.column.table.name for fk in table.foreign_keys if not fk.parent.nullable}
        for name, table in tables.items()
    }
    return list(graphlib.TopologicalSorter(needs).static_order())


def _batches(backup: Backup, name: str, table: SqlTable) -> Iterator[list[dict[str, Any]]]:
    times = [column.name for column in table.columns if isinstance(column.type, UtcDateTime)]
    with backup.lines(table_member(name), backup.card.tables[name]) as lines:
        rows = (row | {time: _moment(row[time]) for time in times} for row in lines)
        while batch := list(islice(rows, _BATCH)):
            yield batch


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _reflected(connection: Connection) -> list[SqlTable]:
    """The tables that are there, as they are, whichever version made them."""
    metadata = MetaData()

    @event.listens_for(metadata, "column_reflect")
    def _(_inspector: object, _table: object, column: dict[str, Any]) -> None:
        if isinstance(column["type"], JSON):
            column["type"] = JSON(none_as_null=True)
        elif isinstance(column["type"], DateTime):
            column["type"] = UtcDateTime()

    metadata.reflect(connection, resolve_fks=False)
    return [table for table in metadata.tables.values() if table.name != _VERSIONS]
