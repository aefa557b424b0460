"""The one thread that records samples: those that are drawn together are kept in one transaction."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future

from sqlalchemy.orm import Session

from pianola.records import Records, models, samples
from pianola.records.samples import Recipe
from pianola.records.tables import Checkpoint, Sample
from pianola_sampler.names import Moved, may_move

_Waiting = tuple[Recipe, Checkpoint, Future[Sample]]


class Keeper:
    """Starts its thread when it is first needed.

    A commit waits for the disk. Requests that each made their own would wait for one another's, and on SQLite, which
    has one writer and no queue for it, some of them for seconds.
    """

    def __init__(self, records: Records) -> None:
        self._records = records
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._waiting: deque[_Waiting] = deque()
        self._due = False

    def keep(self, recipe: Recipe, checkpoint: Checkpoint) -> Future[Sample]:
        """The record of a sample that the checkpoint plays, once it is committed, which `commit` begins; or what it
        ended with: Moved where the name it was asked for means another one by now, or a DBAPIError.
        """
        kept: Future[Sample] = Future()
        self._waiting.append((recipe, checkpoint, kept))
        return kept

    def commit(self) -> None:
        """Begin to commit what waits; returns at once."""
        with self._changed:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="keeper", daemon=True)
                self._thread.start()
            self._due = True
            self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._due)
                self._due = False
            if some := [self._waiting.popleft() for _ in range(len(self._waiting))]:
                self._keep(some)

    def _keep(self, some: Sequence[_Waiting]) -> None:
        try:
            with self._records.write() as session:
                rows = keep_unmoved(session, [(recipe, checkpoint) for recipe, checkpoint, _ in some])
        except Exception as error:  # the thread goes on; those who asked are told
            for *_, kept in some:
                kept.set_exception(error)
        else:
            for recipe, _, kept in some:
                if recipe.id in rows:
                    kept.set_result(rows[recipe.id])
                else:
                    kept.set_exception(Moved(recipe.model))


def keep_unmoved(session: Session, some: Sequence[tuple[Recipe, Checkpoint]]) -> dict[str, Sample]:
    """The records by id of samples that these checkpoints play, without those whose name means another one by now."""
    named = {recipe.id: (recipe.model, checkpoint.id) for recipe, checkpoint in some if may_move(recipe, checkpoint)}
    unmoved = models.unmoved(session, named.values())
    return samples.keep_all(session, [recipe for recipe, _ in some if named.get(recipe.id) in {None, *unmoved}])
