"""The lease of a running import: kept by a heartbeat, which also says how far it is."""

from sqlalchemy.orm import Session

from pianola.records import Records, imports
from pianola.records.tables import Import
from pianola.settings import PreprocessSettings
from pianola_preprocess.heartbeat import Heartbeat


class Lease(Heartbeat):
    """Holds the import `row` while its block runs."""

    def __init__(self, records: Records, settings: PreprocessSettings, row: Import) -> None:
        super().__init__(records, self.renew, settings.heartbeat_seconds)
        self._of = (row.id, row.attempt, settings.lease_seconds)
        self._progress: tuple[int, int | None] = (0, None)

    def report(self, done: int, total: int | None) -> None:
        """`done` bytes of `total` have come. Raises StaleAttempt."""
        self._progress = (done, total)
        self.check()

    def renew(self, session: Session) -> None:
        """Keep the lease, and say how far it is. Raises StaleAttempt."""
        imports.heartbeat(session, *self._of, *self._progress)
