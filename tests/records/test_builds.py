"""Builds: their chunks by many workers, and how they end, on both databases."""

from collections.abc import Callable

import pytest
from sqlalchemy import text, update
from sqlalchemy.orm import Session

from pianola.codec.revision import CODEC_REVISION
from pianola.queue import BUILD_CHUNK, COMMIT_DATASET, PLAN_BUILD
from pianola.records import Records, builds, datasets, events, planning
from pianola.records.builds import ChunkResult, Committed
from pianola.records.errors import DatasetClosed, NotFound
from pianola.records.tables import Dataset

from .makers import (
    accepted,
    build,
    built_dataset,
    commit,
    expire,
    finish,
    new_dataset,
    new_file,
    planned,
    refused,
)
from .watching import at_work, begun, kinds, let_leases_pass, report, row

BIG = planning.CHUNK_BYTES


def test_a_build_is_planned_built_and_committed(records: Records) -> None:
    dataset_id = new_dataset(records, [new_file("a.mid", size=BIG), new_file("b.mid")])
    with records.write() as session:
        assert builds.start_build(session, dataset_id) == [(PLAN_BUILD, (dataset_id,))]
        assert builds.begin_commit(session, dataset_id) is None
    with records.write() as session:
        assert builds.plan(session, dataset_id) == [0, 1]
        assert builds.next_tasks(session, dataset_id) == [(BUILD_CHUNK, (dataset_id, n)) for n in (0, 1)]
    assert finish(records, dataset_id, 1, refuse={"b.mid"}) is False
    with records.write() as session:
        assert builds.start_build(session, dataset_id) == [(BUILD_CHUNK, (dataset_id, 0))]
        assert builds.begin_commit(session, dataset_id) is None
    assert finish(records, dataset_id, 0) is True
    with records.write() as session:
        assert builds.next_tasks(session, dataset_id) == [(COMMIT_DATASET, (dataset_id,))]
        assert [chunk.shards for chunk in builds.chunks(session, dataset_id)] == [[{"chunk": 0}], [{"chunk": 1}]]
    commit(records, dataset_id, windows=2, held_out=1, statistics_key="s", contact_sheet_key="c")
    with records.write() as session:
        assert builds.next_tasks(session, dataset_id) == []
    dataset = row(records, dataset_id)
    assert (dataset.state, dataset.digest, dataset.codec) == ("built", "d" * 64, CODEC_REVISION)
    assert (dataset.files_accepted, dataset.files_refused, dataset.files_reused) == (1, 1, 0)
    assert (dataset.windows, dataset.windows_held_out, dataset.notes) == (2, 1, 10)
    assert (dataset.statistics_key, dataset.contact_sheet_key, dataset.duplicates) == ("s", "c", None)
    assert dataset.built_at is not None
    a, b = report(records, dataset_id)
    assert (a.verdict, a.windows, a.left_out, a.warnings, a.shard, a.row) == (
        "accepted",
        2,
        {"percussion": 1},
        ["w"],
        "5" * 64,
        0,
    )
    assert (b.verdict, b.code, b.offset, b.reason, b.shard) == ("refused", "no_header", 0, "not a MIDI file", None)
    assert kinds(records, dataset_id) == ["created", "building", "planned", "chunk", "chunk", "built"]
    with records.read() as session:
        chunk = events.after(session, dataset_id, 3, 1)[0]
    assert chunk.data == {"number": 1, "files": 1, "refused": 1, "windows": 0}


def test_a_chunk_delivered_twice_counts_once(records: Records) -> None:
    dataset_id = new_dataset(records, [new_file("a.mid", size=BIG), new_file("b.mid")])
    planned(records, dataset_id)
    first, second = at_work(records, dataset_id, 1), at_work(records, dataset_id, 1)
    assert (first.attempts, second.attempts) == (1, 2)
    with records.write() as session:
        for work, page in ((first, "first"), (second, "second")):
            result = ChunkResult(work.build, [accepted(1)], [], page=page)
            assert builds.finish_chunk(session, dataset_id, 1, result) is False
        assert builds.pending_chunks(session, dataset_id) == [0]
    assert begun(records, dataset_id, 1) is None
    assert finish(records, dataset_id, 0) is True
    with records.read() as session:
        assert [chunk.page for chunk in builds.chunks(session, dataset_id)] == [None, "first"]
    commit(records, dataset_id, "digest")
    with records.write() as session:
        builds.commit_build(session, dataset_id, Committed(1, "another", "key", 1))
    assert row(records, dataset_id).digest == "digest"
    assert kinds(records, dataset_id).count("chunk") == 2


def test_a_failed_build_may_be_mended(records: Records) -> None:
    dataset_id = new_dataset(records, [new_file("a.mid")])
    planned(records, dataset_id)
    finish(records, dataset_id, refuse={"a.mid"})
    with records.write() as session:
        builds.fail_build(session, dataset_id, "no file could be read")
    dataset = row(records, dataset_id)
    assert (dataset.error, dataset.files_refused) == ("no file could be read", 1)
    assert begun(records, dataset_id) is None
    with records.write() as session:
        datasets.add_files(session, dataset_id, [new_file("b.mid")])
    assert planned(records, dataset_id) == [0]
    assert [file.verdict for file in report(records, dataset_id)] == [None, None]
    assert (row(records, dataset_id).error, row(records, dataset_id).files_refused) == (None, 0)
    assert [file.name for file in at_work(records, dataset_id).files] == ["a.mid", "b.mid"]


def test_what_an_older_build_brings_is_refused(records: Records) -> None:
    dataset_id = new_dataset(records, [new_file("a.mid")])
    planned(records, dataset_id)
    old = at_work(records, dataset_id)
    with records.write() as session:
        builds.fail_build(session, dataset_id, "for the test")
        datasets.add_files(session, dataset_id, [new_file("0.mid")])
    result = ChunkResult(old.build, [refused(0)], [])
    late: list[Callable[[Session], object]] = [
        lambda session: builds.finish_chunk(session, dataset_id, 0, result),
        lambda session: builds.heartbeat(session, dataset_id, old.build, 0),
        lambda session: builds.commit_build(session, dataset_id, Committed(old.build, "old", "key", 1)),
        lambda session: builds.fail_build(session, dataset_id, "a late fault", old.build),
    ]
    for _ in range(2):
        for call in late:
            with pytest.raises(DatasetClosed, match="was ended"), records.write() as session:
                call(session)
        planned(records, dataset_id)
    assert [file.verdict for file in report(records, dataset_id)] == [None, None]
    with records.write() as session:
        builds.release_chunk(session, dataset_id, 0, at_work(records, dataset_id).build - 1)
    assert at_work(records, dataset_id).attempts == 2, "what the older build gave back was not this one's"
    finish(records, dataset_id)
    with pytest.raises(DatasetClosed, match="was ended"), records.write() as session:
        late[-1](session)


def test_a_commit_waits_for_every_chunk(records: Records) -> None:
    dataset_id = new_dataset(records, [new_file("a.mid")])
    planned(records, dataset_id)
    with pytest.raises(DatasetClosed, match="is building"), records.write() as session:
        builds.commit_build(session, dataset_id, Committed(1, "early", "key", 1))
    assert row(records, dataset_id).digest is None


def test_a_chunk_whose_workers_die_fails_the_build_and_names_its_files(records: Records) -> None:
    dataset_id = new_dataset(records, [new_file("a.mid"), new_file("b.mid"), new_file("c.mid")])
    planned(records, dataset_id)
    attempts = [at_work(records, dataset_id).attempts for _ in range(builds.MAX_CHUNK_ATTEMPTS)]
    assert attempts == [1, 2, 3, 4]
    assert begun(records, dataset_id) is None
    assert row(records, dataset_id).state == "building", "its last worker may live"
    let_leases_pass(records, dataset_id)
    with records.write() as session:
        builds.heartbeat(session, dataset_id, 1, 0)
    assert begun(records, dataset_id) is None
    assert row(records, dataset_id).state == "building", "its last worker lives"
    let_leases_pass(records, dataset_id)
    assert begun(records, dataset_id) is None
    dataset = row(records, dataset_id)
    assert dataset.state == "failed"
    assert "4 workers died while they read from 'a.mid' to 'c.mid'" in str(dataset.error)


def test_an_attempt_given_back_in_order_does_not_count(records: Records) -> None:
    dataset_id = new_dataset(records, [new_file("a.mid")])
    planned(records, dataset_id)
    for _ in range(2 * builds.MAX_CHUNK_ATTEMPTS):
        assert at_work(records, dataset_id).attempts == 1
        with records.write() as session:
            builds.release_chunk(session, dataset_id, 0, 1)
    finish(records, dataset_id)


def test_builds_whose_tasks_are_lost_are_found_until_somebody_is_at_work(records: Records) -> None:
    dataset_id = new_dataset(records, [new_file("a.mid")])

    def lost(seconds: float = 0.05) -> list[str]:
        with records.write() as session:
            return builds.stale_builds(session, seconds)

    with records.write() as session:
        builds.start_build(session, dataset_id)
    assert lost(60) == []
    expire(0.1)
    assert lost() == [dataset_id], "not planned yet"
    assert lost(60) == []
    with records.write() as session:
        assert builds.next_tasks(session, dataset_id) == [(PLAN_BUILD, (dataset_id,))]
        builds.plan(session, dataset_id)
    expire(0.1)
    work = at_work(records, dataset_id)
    assert lost() == []
    expire(0.1)
    with records.write() as session:
        builds.heartbeat(session, dataset_id, work.build, 0)
    assert lost() == []
    expire(0.1)
    assert lost() == [dataset_id]


def test_a_build_whose_row_is_locked_is_passed_over(postgres_url: str) -> None:
    records = Records(postgres_url)
    busy, quiet = (new_dataset(records, [new_file("a.mid")]) for _ in range(2))
    planned(records, busy), planned(records, quiet)
    expire(0.1)
    with records.write() as working:
        builds.heartbeat(working, busy, 1)
        with records.write() as session:
            assert builds.stale_builds(session, 0.05) == [quiet]
    records.dispose()


def test_a_version_knows_the_results_of_the_one_before(records: Records) -> None:
    made = [new_file("a.mid"), new_file("b.mid"), new_file("c.mid"), new_file("same as a.mid", "a.mid")]
    first = new_dataset(records, made)
    planned(records, first)
    work = at_work(records, first)
    verdicts = [accepted(0, 5), refused(1), refused(2, "reader_slow"), accepted(3, 5)]
    with records.write() as session:
        builds.finish_chunk(session, first, 0, ChunkResult(work.build, verdicts, []))
    commit(records, first)
    with records.write() as session:
        second = datasets.new_version(session, first).id
        datasets.add_files(session, second, [new_file("b.mid", "other"), new_file("d.mid", "a.mid")])
    contents = [new_file(content).sha256 for content in ("a.mid", "b.mid", "c.mid", "other", "unknown")]
    with records.read() as session:
        assert builds.known(session, second, contents) == {}, "not planned: with which codec is not known yet"
    planned(records, second)
    with records.read() as session:
        assert builds.known(session, first, contents) == {}
        found = builds.known(session, second, contents)
    assert found == {contents[0]: accepted(0, 5), contents[1]: refused(1)}
    with records.write() as session:
        session.execute(update(Dataset).where(Dataset.id == first).values(codec=CODEC_REVISION - 1))
        assert builds.known(session, second, contents) == {}


def test_reused_files_are_counted(records: Records) -> None:
    with records.write() as session:
        version = datasets.new_version(session, built_dataset(records)).id
    planned(records, version)
    work = at_work(records, version)
    assert work.folder == work.parent_id != version
    with records.write() as session:
        builds.finish_chunk(session, version, 0, ChunkResult(work.build, [accepted(0), refused(1)], [], reused=2))
    commit(records, version)
    assert row(records, version).files_reused == 2


def test_files_left_out_name_the_one_that_was_kept(records: Records) -> None:
    dataset_id = new_dataset(records, [new_file(name) for name in "abc"])
    build(records, dataset_id, duplicates={"windows": 3, "files": 2}, duplicate_files=[(1, 0), (2, 0)])
    assert [file.duplicate_of for file in report(records, dataset_id)] == [None, "a", "a"]
    assert row(records, dataset_id).duplicates == {"windows": 3, "files": 2}


def test_progress_is_what_the_chunks_say(records: Records) -> None:
    dataset_id = new_dataset(records, [new_file(name, size=BIG) for name in "abcd"])

    def progress() -> builds.Progress:
        with records.read() as session:
            return builds.progress(session, dataset_id)

    assert progress() == builds.Progress(4, 0, 0, 0, 0)
    planned(records, dataset_id)
    assert progress() == builds.Progress(4, 0, 0, 0, 0)
    with records.write() as session:
        began = {"sqlite": "datetime(building_at, '-10 seconds')"}.get(
            records.url.get_backend_name(), "building_at - interval '10 seconds'"
        )
        session.execute(text(f"UPDATE datasets SET building_at = {began}"))
    finish(records, dataset_id, 0, refuse={"a"})
    finish(records, dataset_id, 1)
    told = progress()
    assert (told.files, told.files_done, told.files_refused, told.windows) == (4, 2, 1, 2)
    assert told.windows_per_second == pytest.approx(2 / 10, rel=0.3)
    assert told.eta_seconds == pytest.approx(10, rel=0.3)
    finish(records, dataset_id, 2)
    finish(records, dataset_id, 3)
    assert progress().eta_seconds == 0
    commit(records, dataset_id, windows=5)
    assert progress() == builds.Progress(4, 4, 1, 0, 5)
    with records.read() as session, pytest.raises(NotFound):
        builds.progress(session, "nothing")
