"""A database of an older revision keeps its data, on both databases."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from pianola.queue import PLAN_BUILD
from pianola.records import Records, builds, datasets, evaluations, events, leases, open_records, runs
from pianola.records.migrate import NotMigrated, check, differences, upgrade

from .makers import OPTIONS, accepted

TIME = "2026-01-02 03:04:05.000000"
JSON_OPTIONS = '{"rounding": "nearest", "lowest_pitch": 17}'


@pytest.fixture(params=["sqlite", "postgres"])
def first_revision(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Records]:
    """An empty database at revision 0001."""
    if request.param == "sqlite":
        records = open_records(f"sqlite:///{tmp_path}/old.sqlite")
    else:
        records = open_records(request.getfixturevalue("postgres_url"))
        with records.engine.begin() as connection:
            connection.execute(text("DROP SCHEMA public CASCADE"))
            connection.execute(text("CREATE SCHEMA public"))
    upgrade(records, "0001")
    yield records
    records.dispose()


def insert(records: Records, table: str, **values: object) -> None:
    names = ", ".join(f'"{name}"' for name in values)
    with records.engine.begin() as connection:
        connection.execute(text(f"INSERT INTO {table} ({names}) VALUES ({', '.join(f':{n}' for n in values)})"), values)


def insert_dataset(records: Records, dataset_id: str, state: str, **values: object) -> None:
    counts = {"files": 2, "files_accepted": 0, "files_refused": 0, "windows": 0, "notes": 0, "last_event": 1}
    given = {"name": f"the {state} one", "preset": "piano", "options": JSON_OPTIONS, "created_at": TIME}
    insert(records, "datasets", id=dataset_id, state=state, **(counts | given | values))
    insert(records, "events", subject_id=dataset_id, number=1, kind="created", data='{"name": "x"}', created_at=TIME)
    for number, name in enumerate(("Zebra.mid", "ärger.mid")):
        insert_file(records, dataset_id, number, name, {} if state == "open" else {"position": number})


def insert_file(records: Records, dataset_id: str, number: int, name: str, values: Mapping[str, object]) -> None:
    counts = {"size": 100 + number, "windows": number, "notes": 5, "left_out": '{"percussion": 1}', "warnings": '["w"]'}
    file_id, sha256 = f"file_{dataset_id}_{number}", str(number) * 64
    insert(
        records, "dataset_files", id=file_id, dataset_id=dataset_id, name=name, sha256=sha256, **(counts | dict(values))
    )


def fill(records: Records) -> None:
    counts = {"files_accepted": 1, "files_refused": 1, "windows": 7, "notes": 9}
    insert_dataset(records, "ds_1", "built", built_at=TIME, digest="d" * 64, manifest_key="key", **counts)
    insert_dataset(records, "ds_2", "building")
    insert_dataset(records, "ds_3", "open")
    for dataset_id in ("ds_1", "ds_2"):
        insert(
            records, "chunks", dataset_id=dataset_id, number=0, first=0, last=1, done=True, shards='[{"sha256": "5"}]'
        )
    insert(
        records, "runs", id="run_1", dataset_id="ds_1", family="vae", preset="default", options="{}", seed=7,
        queue="train", state="queued", attempt=0, barren_attempts=0, step=0, epoch=0, last_event=0,
    )  # fmt: skip
    insert(
        records, "checkpoints", id="ckpt_1", run_id="run_1", attempt=1, step=1, epoch=1, digest="c", key="k", size=1,
        generator_digest="g", generator_key="k", generator_size=1, manifest_key="m", final=True,
    )  # fmt: skip
    insert(
        records, "evaluations", id="ev_1", run_id="run_1", checkpoint_id="ckpt_1", state="queued", attempt=0,
        samples=10, seed=1, plots="[]",
    )  # fmt: skip


def test_datasets_files_and_runs_of_the_first_revision_are_kept(first_revision: Records) -> None:
    records = first_revision
    fill(records)
    with pytest.raises(NotMigrated, match="at revision 0001"):
        check(records)
    upgrade(records)
    check(records)
    assert differences(records) == []
    with records.read() as session:
        for dataset_id, state in (("ds_1", "built"), ("ds_2", "building"), ("ds_3", "open")):
            dataset = datasets.get(session, f"the {state} one")
            assert (dataset.id, dataset.folder, dataset.version, dataset.state) == (dataset_id, dataset_id, 1, state)
            assert (dataset.parent_id, dataset.labels, dataset.codec) == (None, {}, None)
            assert [event.kind for event in events.after(session, dataset_id, 0, 10)] == ["created"]
            files = datasets.files_page(session, dataset_id, 10, None).rows
            assert [file.name for file in files] == ["Zebra.mid", "ärger.mid"]
            assert [(file.size, file.windows, file.notes) for file in files] == [(100, 0, 5), (101, 1, 5)]
            assert [(file.left_out, file.warnings) for file in files] == [({"percussion": 1}, ["w"])] * 2
            assert [(file.labels, file.held_out, file.shard) for file in files] == [({}, False, None)] * 2
        built = datasets.get(session, "ds_1")
        assert (built.digest, built.manifest_key, built.options) == (
            "d" * 64,
            "key",
            {"rounding": "nearest", "lowest_pitch": 17},
        )
        assert builds.progress(session, "ds_1") == builds.Progress(2, 2, 1, 0, 7)
        assert [(chunk.files, chunk.shards) for chunk in builds.chunks(session, "ds_1")] == [(2, [{"sha256": "5"}])]
        run = runs.get(session, "run_1")
        assert (run.dataset_id, run.from_checkpoint_id) == ("ds_1", None)
        assert runs.checkpoint(session, "c").run_id == "run_1"
        assert evaluations.newest(session, "run_1").checkpoint_id == "ckpt_1"


def test_work_goes_on_after_the_upgrade(first_revision: Records) -> None:
    records = first_revision
    fill(records)
    upgrade(records)
    with records.write() as session:
        assert leases.claim(session, "run_1", "worker", 60) is not None
        for dataset in (datasets.get(session, "ds_1"), datasets.get(session, "ds_2")):
            dataset.options = OPTIONS
    with records.write() as session:
        assert builds.next_tasks(session, "ds_2") == [(PLAN_BUILD, ("ds_2",))], "its chunks lack what is wanted now"
        assert builds.plan(session, "ds_2") == [0]
        version = datasets.new_version(session, "ds_1").id
        builds.start_build(session, version)
        builds.plan(session, version)
        assert builds.known(session, version, ["0" * 64]) == {}, "which codec read it is not known"
        work = builds.begin_chunk(session, version, 0)
        assert work is not None
        assert [file.name for file in work.files] == ["Zebra.mid", "ärger.mid"]
        builds.finish_chunk(session, version, 0, builds.ChunkResult(work.build, [accepted(0), accepted(1)], []))


def test_rows_still_refer_to_each_other_after_the_upgrade(first_revision: Records) -> None:
    fill(first_revision)
    upgrade(first_revision)
    with first_revision.engine.begin() as connection:
        connection.execute(text("DELETE FROM evaluations"))
        connection.execute(text("DELETE FROM runs"))
        connection.execute(text("DELETE FROM datasets"))
        for table in ("dataset_files", "chunks", "checkpoints"):
            assert connection.execute(text(f"SELECT count(*) FROM {table}")).scalar() == 0, table


def test_a_checkpoint_that_a_run_began_from_is_not_deleted(first_revision: Records) -> None:
    fill(first_revision)
    upgrade(first_revision)
    with first_revision.write() as session:
        source, options = runs.checkpoint(session, "c"), {"condition": None}
        run = runs.submit(
            session, datasets.get(session, "ds_1"), family="vae", preset="default", options=options, seed=1,
            queue="train", from_checkpoint=source,
        )  # fmt: skip
        assert run.from_checkpoint_id == "ckpt_1"
    with first_revision.engine.begin() as connection:
        connection.execute(text("DELETE FROM evaluations"))
    for refused in ("DELETE FROM checkpoints", "DELETE FROM runs WHERE id = 'run_1'"):
        with pytest.raises(IntegrityError), first_revision.engine.begin() as connection:
            connection.execute(text(refused))
    with first_revision.engine.begin() as connection:
        connection.execute(text("DELETE FROM runs"))
        assert connection.execute(text("SELECT count(*) FROM checkpoints")).scalar() == 0
