"""A queue that delivers every message twice, the second time late."""

import threading
import time
from random import Random
from typing import Final

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from pianola.queue import BUILD_CHUNK, COMMIT_DATASET, EVALUATE_RUN, IMPORT_FILES, PLAN_BUILD, TRAIN_RUN, Task, send
from pianola.records.tables import Chunk, Dataset, Evaluation, Import, Run

from .deployment import Deployment

Message = tuple[Task, tuple[str | int, ...]]

LATEST_SECONDS: Final = 30.0


def echo(system: Deployment, seed: int, stop: threading.Event) -> None:
    """Until `stop`, send every message once more, at once or late: also those of what has ended long since."""
    random, seen, late = Random(seed), set[Message](), list[tuple[float, Message]]()
    while not stop.wait(2):
        try:
            found = _messages(system)
        except DBAPIError:
            continue
        now = time.monotonic()
        late += [(now + random.choice((0.0, random.uniform(0, LATEST_SECONDS))), one) for one in _sorted(found - seen)]
        seen |= found
        due, late = [one for one in late if one[0] <= now], [one for one in late if one[0] > now]
        for _, (task, ids) in due:
            send(system.celery, task, *ids)


def _sorted(messages: set[Message]) -> list[Message]:
    """In one order, whatever the set's."""
    return sorted(messages, key=lambda message: (message[0].name, message[1]))


def _messages(system: Deployment) -> set[Message]:
    with system.records.read() as session:
        found = {
            (task, (row_id,))
            for task, column in ((TRAIN_RUN, Run.id), (EVALUATE_RUN, Evaluation.id), (IMPORT_FILES, Import.id))
            for row_id in session.scalars(select(column))
        }
        for dataset_id in session.scalars(select(Dataset.id)):
            found |= {(PLAN_BUILD, (dataset_id,)), (COMMIT_DATASET, (dataset_id,))}
        chunks = session.execute(select(Chunk.dataset_id, Chunk.number))
        return found | {(BUILD_CHUNK, (row.dataset_id, row.number)) for row in chunks}
