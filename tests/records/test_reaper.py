"""The reaper sends again what lost its message, by a real broker."""

import json
from base64 import b64decode
from datetime import timedelta
from pathlib import Path

import pytest
from redis import Redis
from sqlalchemy import update

from pianola.queue import create_celery
from pianola.records import Records, builds, imports
from pianola.records.reaper import reap_once
from pianola.records.tables import Dataset, Import, Run
from pianola.settings import Settings

from .makers import finish, new_dataset, new_file, planned, queued_run

RESEND_SECONDS = 30.0


class Broker:
    """A real broker, what is in its queues, and a Celery app that sends there."""

    def __init__(self, url: str, folder: Path) -> None:
        self.redis = Redis.from_url(url)
        self.celery = create_celery(Settings(database_url="sqlite://", broker_url=url, objects_dir=folder))

    def messages(self, queue: str) -> list[tuple[str, list[object]]]:
        """Names and arguments of the tasks in a queue, first sent first."""
        found = [json.loads(message) for message in reversed(self.redis.lrange(queue, 0, -1))]
        return [(one["headers"]["task"].rpartition(".")[2], json.loads(b64decode(one["body"]))[0]) for one in found]


@pytest.fixture
def broker(broker_url: str, tmp_path: Path) -> Broker:
    return Broker(broker_url, tmp_path)


def age(records: Records) -> None:
    """Let the records believe that nothing was said for longer than a message is waited for."""
    with records.write() as session:
        for table, column in ((Dataset, "updated_at"), (Import, "sent_at"), (Run, "sent_at")):
            for key, said in session.execute(table.__table__.select().with_only_columns(table.id, table.created_at)):
                long_ago = {column: said - timedelta(seconds=2 * RESEND_SECONDS)}
                session.execute(update(table).where(table.id == key).values(**long_ago))


def test_what_each_build_waits_for_is_sent_again(records: Records, broker: Broker) -> None:
    unplanned, half, done = (
        new_dataset(records, [new_file("a.mid", size=3 * 2**20), new_file("b.mid")]) for _ in "abc"
    )
    idle = new_dataset(records, [new_file("a.mid")])
    for dataset_id, numbers in ((half, [0]), (done, [0, 1])):
        planned(records, dataset_id)
        for number in numbers:
            finish(records, dataset_id, number)
    with records.write() as session:
        builds.start_build(session, unplanned)
        import_id = imports.create(session, idle, {"kind": "url"}).id
    age(records)
    reap_once(records, broker.celery, RESEND_SECONDS)
    assert broker.messages("preprocess")[0] == ("import_files", [import_id])
    assert sorted(broker.messages("preprocess")[1:]) == sorted(
        [("plan_build", [unplanned]), ("build_chunk", [half, 1]), ("commit_dataset", [done])]
    )
    reap_once(records, broker.celery, RESEND_SECONDS)
    assert len(broker.messages("preprocess")) == 4, "sent once in RESEND_SECONDS"


def test_a_send_that_fails_keeps_nothing_else_from_being_sent(records: Records, broker: Broker) -> None:
    dataset_id = new_dataset(records, [new_file("a.mid", size=3 * 2**20), new_file("b.mid")])
    run = queued_run(records)
    planned(records, dataset_id)
    age(records)
    broker.redis.set("preprocess", "no list: nothing can be put in this queue")
    reap_once(records, broker.celery, RESEND_SECONDS)
    assert broker.messages("train") == [("train_run", [run.id])]
    broker.redis.delete("preprocess")
    age(records)
    reap_once(records, broker.celery, RESEND_SECONDS)
    assert broker.messages("preprocess") == [("build_chunk", [dataset_id, number]) for number in (0, 1)]
