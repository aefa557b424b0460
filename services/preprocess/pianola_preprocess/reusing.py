"""Windows of files that the version before has read already, copied from its shards."""

import numpy as np

from pianola.codec.windows import Windows
from pianola.dataset.shards import Shard, read_shard
from pianola.objects import ObjectStore, verified
from pianola.objects.layout import shard_key


class FormerShards:
    """The shards of a dataset's folder, of which one is in memory: files in order mostly share the last one asked for.

    Raises ObjectMissing, ObjectCorrupt, BadShard and StoreUnavailable.
    """

    def __init__(self, store: ObjectStore, folder: str) -> None:
        self._store, self._folder = store, folder
        self._sha256: str | None = None
        self._shard: Shard | None = None

    def windows(self, sha256: str, row: int, count: int) -> Windows:
        """`count` windows from `row` of a shard: what of them belongs to the file alone."""
        if self._shard is None or sha256 != self._sha256:
            # Let go of the one before first: a shard may be 20 MB.
            self._shard = None
            self._shard = read_shard(verified(self._store, shard_key(self._folder, sha256), sha256))
            self._sha256 = sha256
        # A copy, not a view: the rows must not keep the whole shard in memory.
        return self._shard.rows(np.arange(row, row + count)).as_windows()
