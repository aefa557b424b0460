"""Imports: who works on one, and how it ends, on both databases."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy.orm import Session

from pianola.intake.entries import Skipped
from pianola.records import Records, events, imports
from pianola.records.errors import DatasetClosed, NotFound, StaleAttempt
from pianola.records.imports import Imported
from pianola.records.tables import Import

from .makers import built_dataset, expire, new_dataset

SOURCE = {"kind": "url", "url": "https://example.org/songs.zip", "sha256": "0" * 64}


def queued(records: Records) -> str:
    dataset_id = new_dataset(records, [])
    with records.write() as session:
        return imports.create(session, dataset_id, SOURCE).id


def claimed(records: Records, import_id: str, seconds: float = 60) -> Import | None:
    with records.write() as session:
        return imports.claim(session, import_id, seconds)


def row(records: Records, import_id: str) -> Import:
    with records.read() as session:
        return imports.get(session, import_id)


def test_one_of_many_workers_claims_an_import(records: Records) -> None:
    import_id = queued(records)
    with ThreadPoolExecutor(8) as pool:
        winners = [won.attempt for won in pool.map(lambda _: claimed(records, import_id), range(16)) if won is not None]
    assert winners == [1]


def test_an_import_says_how_far_it_is_and_what_it_came_to(records: Records) -> None:
    import_id = queued(records)
    assert (row(records, import_id).state, row(records, import_id).source) == ("queued", SOURCE)
    claimed(records, import_id)
    with records.write() as session:
        imports.heartbeat(session, import_id, 1, 60, 5 * 2**31, 6 * 2**31)
    assert (row(records, import_id).bytes_done, row(records, import_id).bytes_total) == (5 * 2**31, 6 * 2**31)
    skipped = [Skipped(f"{number}.txt", "no MIDI file") for number in range(imports.SKIPPED_KEPT + 1)]
    with records.write() as session:
        imports.succeed(session, import_id, 1, Imported(3, 2, 1, 101, skipped))
    done = row(records, import_id)
    assert (done.state, done.files_added, done.files_unchanged, done.files_replaced) == ("succeeded", 3, 2, 1)
    assert done.files_skipped == 101
    assert done.skipped == [{"name": f"{number}.txt", "reason": "no MIDI file"} for number in range(100)]
    assert done.finished_at is not None
    with records.read() as session:
        told = events.after(session, done.dataset_id, 1, 10)
        assert [event.kind for event in told] == ["import_queued", "import_succeeded"]
        assert told[1].data == {"import": import_id, "added": 3, "unchanged": 2, "replaced": 1, "skipped": 101}
        assert [found.id for found in imports.list_page(session, done.dataset_id, 10, None).rows] == [import_id]
        with pytest.raises(NotFound):
            imports.get(session, "nothing")


def test_an_import_that_failed_says_why(records: Records) -> None:
    import_id = queued(records)
    claimed(records, import_id)
    with records.write() as session:
        imports.fail(session, import_id, 1, "the address is private")
    failed = row(records, import_id)
    assert (failed.state, failed.error) == ("failed", "the address is private")
    assert claimed(records, import_id) is None
    with records.read() as session:
        assert events.after(session, failed.dataset_id, 2, 10)[0].kind == "import_failed"


def test_a_worker_that_lost_its_import_writes_nothing_more(records: Records) -> None:
    import_id = queued(records)
    claimed(records, import_id, 0.01)
    expire()
    second = claimed(records, import_id)
    assert second is not None
    assert second.attempt == 2
    late: list[Callable[[Session], object]] = [
        lambda session: imports.heartbeat(session, import_id, 1, 60, 1, None),
        lambda session: imports.release(session, import_id, 1),
        lambda session: imports.succeed(session, import_id, 1, Imported(1, 0)),
        lambda session: imports.fail(session, import_id, 1, "late"),
    ]
    for call in late:
        with pytest.raises(StaleAttempt), records.write() as session:
            call(session)
    assert row(records, import_id).state == "running"


def test_an_import_that_kills_its_workers_fails(records: Records) -> None:
    import_id = queued(records)
    for _ in range(imports.MAX_LOSSES):
        assert claimed(records, import_id, 0.01) is not None
        expire()
    assert claimed(records, import_id) is None
    assert "3 workers were lost" in str(row(records, import_id).error)


def test_an_import_given_back_is_not_lost(records: Records) -> None:
    import_id = queued(records)
    for _ in range(2 * imports.MAX_LOSSES):
        taken = claimed(records, import_id)
        assert taken is not None
        with records.write() as session:
            imports.release(session, import_id, taken.attempt)
    assert row(records, import_id).state == "queued"


def test_imports_whose_message_or_worker_is_lost_are_found(records: Records) -> None:
    unsent, running, dead = (queued(records) for _ in range(3))
    claimed(records, running)
    claimed(records, dead, 0.01)
    expire()
    with records.write() as session:
        assert set(imports.stale(session, 0.01)) == {unsent, dead}
        assert imports.stale(session, 60) == []


def test_a_closed_dataset_takes_no_import(records: Records) -> None:
    dataset_id = built_dataset(records)
    with pytest.raises(DatasetClosed, match="is built"), records.write() as session:
        imports.create(session, dataset_id, SOURCE)
