"""A small object that is written, read back and deleted: whether the store works, and what time it has."""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from pianola.objects import ObjectStore, StoreUnavailable

PREFIX: Final = "probes/"


@dataclass(frozen=True)
class Probe:
    """What a probe found. clock: the store's time; ahead: by how much this machine's is ahead of it."""

    clock: datetime
    ahead: timedelta


def probe(store: ObjectStore) -> Probe:
    """Write, list, read back and delete an object. Raises StoreUnavailable, also where another comes back."""
    key, data = f"{PREFIX}{uuid.uuid4().hex}", uuid.uuid4().bytes
    before = datetime.now(UTC)
    store.put(key, data)
    after = datetime.now(UTC)
    try:
        if store.get(key) != data:
            raise StoreUnavailable(f"read {key}", "other bytes came back than were written")
        found = store.stat(key)
    finally:
        store.delete(key)
    if found is None or store.exists(key):
        raise StoreUnavailable(f"keep {key}", "it was not there, or could not be deleted")
    return Probe(found.modified, before + (after - before) / 2 - found.modified)
