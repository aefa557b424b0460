"""Objects on their way into the store: several at a time, for it is the store that takes the time, not the reading."""

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Final

from pianola.objects import ObjectStore

AT_ONCE: Final = 8
_WAITING: Final = 8 * AT_ONCE
_BYTES: Final = 4 * 2**20
"""in memory, waiting or under way; a larger object is alone"""
FRESH: Final = timedelta(hours=6)
"""An object older than this is written again, and is new: one that no row names is else garbage soon (`pianola gc`)."""


class Putting:
    """Puts objects that are not there yet. One is stored for certain once `finish` has returned."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="put")
        self._waiting = deque[tuple[Future[None], int]]()
        self._bytes = 0

    def put(self, key: str, data: bytes) -> None:
        """Store `data` under `key`, which names its content. Raises what an earlier one failed of: StoreUnavailable."""
        while self._waiting and (len(self._waiting) >= _WAITING or self._bytes + len(data) > _BYTES):
            self._settle()
        self._waiting.append((self._pool.submit(self._put, key, data), len(data)))
        self._bytes += len(data)

    def finish(self) -> None:
        """Wait for all of them. Raises StoreUnavailable."""
        while self._waiting:
            self._settle()

    def close(self) -> None:
        """Let go of what has not begun."""
        self._pool.shutdown(cancel_futures=True)

    def _settle(self) -> None:
        future, size = self._waiting.popleft()
        self._bytes -= size
        future.result()

    def _put(self, key: str, data: bytes) -> None:
        # The store shows an object whole or not at all, and the key is the content's digest: what is there is right.
        found = self._store.stat(key)
        if found is None or datetime.now(UTC) - found.modified > FRESH:
            self._store.put(key, data)
