"""The real worker: a Celery process on a real broker."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from servers import wait_for

from pianola.objects import StoreUnavailable
from pianola.objects.layout import file_key
from pianola.queue import BUILD_CHUNK, COMMIT_DATASET, PLAN_BUILD, send
from pianola.records import builds, planning
from pianola.settings import PreprocessSettings
from pianola.spool import Spool
from pianola_preprocess.worker import create_worker

from .building import Workshop, hanging


def test_workers_of_any_number_build_the_same_dataset_and_report_every_file(
    busy_workshop: Workshop, music: dict[str, bytes], dirty: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    files = music | {f"dirty/{name}": data for name, data in dirty.items()}
    monkeypatch.setattr(planning, "CHUNK_FILES", 8)
    expected = busy_workshop.build(busy_workshop.upload("reference", files)).digest
    digests = set()
    for concurrency, times in ((1, 1), (2, 2)):
        with busy_workshop.worker(concurrency) as worker:
            assert len(worker.children()) == concurrency
            dataset_id = busy_workshop.upload(f"{concurrency} processes, every task {times} times", files)
            busy_workshop.send(dataset_id, times)
            dataset = busy_workshop.wait(dataset_id)
        assert dataset.state == "built", dataset.error
        assert dataset.files_accepted + dataset.files_refused == dataset.files == len(files)
        digests.add(dataset.digest)
    assert digests == {expected}
    for file in busy_workshop.files(dataset_id):
        if file.verdict == "accepted":
            assert file.windows > 0, file.name
            assert file.notes > 0, file.name
        else:
            assert file.verdict == "refused", file.name
            assert file.code, file.name
            assert file.offset is not None, file.name
            assert file.reason, file.name


def test_a_build_goes_from_its_plan_to_its_commit_by_itself(busy_workshop: Workshop, music: dict[str, bytes]) -> None:
    dataset_id = busy_workshop.upload("songs", music)
    with busy_workshop.records.write() as session:
        assert builds.start_build(session, dataset_id) == [(PLAN_BUILD, (dataset_id,))]
    with busy_workshop.worker():
        assert send(busy_workshop.celery(), PLAN_BUILD, dataset_id)
        assert busy_workshop.wait(dataset_id).state == "built"


def test_a_process_killed_in_mid_chunk_loses_nothing(busy_workshop: Workshop, music: dict[str, bytes]) -> None:
    expected = busy_workshop.build(busy_workshop.upload("reference", music)).digest
    dataset_id = busy_workshop.upload("songs", music)
    with hanging(busy_workshop, dataset_id, max(music)) as file, busy_workshop.worker() as worker:
        busy_workshop.send(dataset_id)
        wait_for(file.is_being_read, 20, "a chunk under way")
        file.mend()
        (child,) = worker.children()
        os.kill(child, signal.SIGKILL)
        dataset = busy_workshop.wait(dataset_id)
    assert (dataset.state, dataset.digest) == ("built", expected)


def test_a_worker_killed_in_mid_chunk_loses_nothing(busy_workshop: Workshop, music: dict[str, bytes]) -> None:
    """Its message is left with the broker, unacknowledged: the next worker's reaper sends another."""
    expected = busy_workshop.build(busy_workshop.upload("reference", music)).digest
    dataset_id = busy_workshop.upload("songs", music)
    with hanging(busy_workshop, dataset_id, max(music)) as file, busy_workshop.worker() as worker:
        busy_workshop.send(dataset_id)
        wait_for(file.is_being_read, 20, "a chunk under way")
        file.mend()
        worker.kill()
    assert busy_workshop.dataset(dataset_id).state == "building"
    busy_workshop.let_pass(dataset_id, 60)
    with busy_workshop.worker():
        dataset = busy_workshop.wait(dataset_id)
    assert (dataset.state, dataset.digest) == ("built", expected)


def test_a_stopped_worker_gives_back_what_it_cannot_finish(busy_workshop: Workshop, music: dict[str, bytes]) -> None:
    expected = busy_workshop.build(busy_workshop.upload("reference", music)).digest
    dataset_id = busy_workshop.upload("songs", music)
    with hanging(busy_workshop, dataset_id, max(music)) as file, busy_workshop.worker() as worker:
        busy_workshop.send(dataset_id)
        wait_for(file.is_being_read, 20, "a chunk under way")
        worker.process.terminate()
        assert worker.process.wait(9) == 0, "`pianola up` waits 9 s"
        file.mend()
    assert [chunk.attempts for chunk in busy_workshop.chunks(dataset_id)] == [0], "a stop is no fault of the chunk"
    with busy_workshop.worker():
        dataset = busy_workshop.wait(dataset_id, 5)
    assert (dataset.state, dataset.digest) == ("built", expected)


def test_a_lost_file_ends_the_build_with_its_name(busy_workshop: Workshop, music: dict[str, bytes]) -> None:
    dataset_id = busy_workshop.upload("songs", music)
    numbers = busy_workshop.start(dataset_id)
    lost = busy_workshop.files(dataset_id)[0]
    busy_workshop.store.delete(file_key(dataset_id, lost.sha256))
    with busy_workshop.worker() as worker:
        busy_workshop.send(dataset_id)
        dataset = busy_workshop.wait(dataset_id)
        assert numbers == [0]
        assert dataset.state == "failed"
        assert dataset.error is not None
        assert lost.name in dataset.error
        assert "upload it again" in dataset.error
        # Messages about what is gone or has ended are dropped, and the worker goes on.
        app = busy_workshop.celery()
        for gone in (dataset_id, "ds_none"):
            assert send(app, COMMIT_DATASET, gone)
        wait_for(
            lambda: worker.said().count("commit_dropped") == 2, 10, "the message about a dataset that does not exist"
        )


def test_a_worker_tries_again_while_the_store_is_away(busy_workshop: Workshop, music: dict[str, bytes]) -> None:
    dataset_id = busy_workshop.upload("songs", music)
    objects, away = busy_workshop.folder / "objects", busy_workshop.folder / "away"
    with busy_workshop.worker() as worker:
        # The store's folder is gone, and a file lies in its place: it can neither be read nor written.
        objects.rename(away)
        objects.write_text("")
        busy_workshop.send(dataset_id)
        wait_for(lambda: "Retry" in worker.said(), 10, "a second try")
        assert busy_workshop.dataset(dataset_id).state == "building"
        objects.unlink()
        away.rename(objects)
        assert busy_workshop.wait(dataset_id).state == "built"


def test_a_store_that_is_away_for_longer_than_all_tries_ends_no_build(
    workshop: Workshop, music: dict[str, bytes], tmp_path: Path
) -> None:
    dataset_id = workshop.upload("songs", music)
    assert workshop.start(dataset_id) == [0]
    (tmp_path / "file").write_text("a store cannot be here")
    settings = PreprocessSettings(
        database_url=workshop.database_url, broker_url="redis://127.0.0.1:1/0", objects_dir=tmp_path / "file" / "store"
    )
    # Without a worker every retry follows at once.
    task = create_worker(settings, Spool(tmp_path / "spool")).tasks[BUILD_CHUNK.name]
    ended = task.apply(args=[dataset_id, 0])
    assert ended.failed()
    assert not isinstance(ended.result, StoreUnavailable), "Celery hands it on as another error: ours is looked at"
    assert (workshop.dataset(dataset_id).state, workshop.chunks(dataset_id)[0].attempts) == ("building", 0)


def test_a_worker_refuses_a_database_that_is_not_migrated(tmp_path: Path) -> None:
    environment = {
        "PIANOLA_DATABASE_URL": f"sqlite:///{tmp_path}/empty.sqlite",
        "PIANOLA_BROKER_URL": "redis://127.0.0.1:1/0",
        "PIANOLA_OBJECTS_DIR": str(tmp_path),
    }
    ended = subprocess.run(
        [sys.executable, "-m", "pianola_preprocess"],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ended.returncode == 1
    assert "python -m pianola.records upgrade" in ended.stderr


def test_the_worker_needs_no_torch() -> None:
    code = "import sys, pianola_preprocess.__main__; assert not {'torch', 'flask', 'matplotlib'} & sys.modules.keys()"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)
