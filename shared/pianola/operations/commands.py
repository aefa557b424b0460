"""The operations as commands: settings in, lines out; each returns the exit status."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Final

from sqlalchemy.exc import DBAPIError

from pianola.objects import StoreUnavailable, connect_store, open_store
from pianola.operations.backup import backup
from pianola.operations.errors import OperationFailed
from pianola.operations.finding import Finding
from pianola.operations.garbage import Garbage, Site, collect
from pianola.operations.restore import restore
from pianola.records import Records, open_records
from pianola.records.migrate import NotMigrated
from pianola.settings import WorkerSettings

Say = Callable[[str], None]

FAILURES: Final = (OperationFailed, NotMigrated, StoreUnavailable, DBAPIError)
"""What a command raises for a person to read; OSError too, which has a file's name."""


def doctor(found: Sequence[Finding], as_json: bool, say: Say) -> int:
    """Say what is well and what is not: 1 where something is an error."""
    if as_json:
        say(json.dumps([asdict(finding) for finding in found], indent=2))
    else:
        for finding in found:
            say(finding.line)
    return int(any(finding.level == "error" for finding in found))


def back_up(settings: WorkerSettings, target: Path, say: Say) -> int:
    """Write a backup: 1 where the store lacked what the records name."""
    with _records(settings) as records:
        card = backup(records, connect_store(settings), target, say)
    say(f"{target}: {card.objects:,} objects, {card.objects_bytes / 1e6:,.0f} MB, tables of revision {card.revision}")
    for what, keys in (("is missing in the store", card.missing), ("has other bytes than its name says", card.damaged)):
        for key in keys:
            say(f"{key} {what}: the backup holds what there is")
    return int(bool(card.missing or card.damaged))


def bring_back(settings: WorkerSettings, source: Path, say: Say) -> int:
    """Fill an empty system from a backup."""
    with _records(settings) as records:
        card = restore(records, open_store(settings), source, say)
    say(f"restored what {source} holds, made {card.made_at}: start Pianola, and what was under way goes on")
    return 0


def clear_up(settings: WorkerSettings, hours: float, days: float, dry_run: bool, as_json: bool, say: Say) -> int:
    """Remove garbage older than `hours`, and intermediate checkpoints of runs that ended `days` ago."""
    count, size, by_reason, found = 0, 0, Counter[str](), list[Garbage]()
    with _records(settings) as records:
        site = Site(records, connect_store(settings), settings.spool)
        for garbage in collect(site, timedelta(hours=hours), timedelta(days=days), dry_run):
            count, size = count + 1, size + garbage.size
            by_reason[garbage.why] += garbage.size
            if as_json:
                found.append(garbage)
            elif dry_run:
                say(f"{garbage.size:>14,}  {garbage.name}  ({garbage.why})")
    if as_json:
        say(
            json.dumps({"dry_run": dry_run, "bytes": size, "removed": [asdict(garbage) for garbage in found]}, indent=2)
        )
        return 0
    for why, held in by_reason.most_common():
        say(f"{held / 1e6:>10,.1f} MB  {why}")
    say(f"{'would remove' if dry_run else 'removed'} {count:,} things, {size / 1e6:,.1f} MB")
    return 0


@contextmanager
def _records(settings: WorkerSettings) -> Iterator[Records]:
    records = open_records(settings.database_url)
    try:
        yield records
    finally:
        records.dispose()
