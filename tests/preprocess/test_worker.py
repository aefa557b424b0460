"""The real worker: a Celery process on a real broker."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from servers import wait_for

from pianola.objects.layout import file_key
from pianola.queue import COMMIT_DATASET, send
from pianola.records import datasets
from pianola_preprocess.build import build_chunk, commit_dataset

from .building import Workshop


def digest_of(workshop: Workshop, files: dict[str, bytes], name: str = "reference") -> str | None:
    """The digest that `files` have to have, built without a worker."""
    dataset_id = workshop.upload(name, files)
    for number in workshop.start(dataset_id):
        build_chunk(workshop.records, workshop.store, dataset_id, number)
    commit_dataset(workshop.records, workshop.store, dataset_id)
    return workshop.dataset(dataset_id).digest


class Hanging:
    """An uploaded file that takes for ever to read, until it is let go: a pipe in its place."""

    def __init__(self, workshop: Workshop, dataset_id: str, data: bytes, sha256: str) -> None:
        self._path = workshop.folder / "objects" / file_key(dataset_id, sha256)
        self._data = data
        self._path.unlink()
        os.mkfifo(self._path)

    def is_being_read(self) -> bool:
        try:
            self._writer = os.open(self._path, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            return False
        return True

    def let_go(self) -> None:
        """From now on the file is what it was."""
        self._path.unlink()
        self._path.write_bytes(self._data)
        os.close(self._writer)


def hang(workshop: Workshop, dataset_id: str, files: dict[str, bytes]) -> Hanging:
    last = max(files)
    with workshop.records.read() as session:
        found = datasets.files_page(session, dataset_id, 200, None).rows
    return Hanging(workshop, dataset_id, files[last], next(file.sha256 for file in found if file.name == last))


def test_workers_of_any_number_build_the_same_dataset_and_report_every_file(
    busy_workshop: Workshop, music: dict[str, bytes], dirty: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    files = music | {f"dirty/{name}": data for name, data in dirty.items()}
    monkeypatch.setattr(datasets, "CHUNK_FILES", 8)
    expected = digest_of(busy_workshop, files)
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


def test_a_process_killed_in_mid_chunk_loses_nothing(busy_workshop: Workshop, music: dict[str, bytes]) -> None:
    expected = digest_of(busy_workshop, music)
    dataset_id = busy_workshop.upload("songs", music)
    hanging = hang(busy_workshop, dataset_id, music)
    with busy_workshop.worker() as worker:
        busy_workshop.send(dataset_id)
        wait_for(hanging.is_being_read, 20, "a chunk under way")
        (child,) = worker.children()
        os.kill(child, signal.SIGKILL)
        hanging.let_go()
        dataset = busy_workshop.wait(dataset_id)
    assert (dataset.state, dataset.digest) == ("built", expected)


def test_a_worker_killed_in_mid_chunk_loses_nothing(busy_workshop: Workshop, music: dict[str, bytes]) -> None:
    """Its message is left with the broker, unacknowledged: the next worker's reaper sends another."""
    expected = digest_of(busy_workshop, music)
    dataset_id = busy_workshop.upload("songs", music)
    hanging = hang(busy_workshop, dataset_id, music)
    with busy_workshop.worker() as worker:
        busy_workshop.send(dataset_id)
        wait_for(hanging.is_being_read, 20, "a chunk under way")
        worker.kill()
        hanging.let_go()
    assert busy_workshop.dataset(dataset_id).state == "building"
    busy_workshop.let_pass(dataset_id, 60)
    with busy_workshop.worker():
        dataset = busy_workshop.wait(dataset_id)
    assert (dataset.state, dataset.digest) == ("built", expected)


def test_a_stopped_worker_gives_back_what_it_cannot_finish(busy_workshop: Workshop, music: dict[str, bytes]) -> None:
    expected = digest_of(busy_workshop, music)
    dataset_id = busy_workshop.upload("songs", music)
    hanging = hang(busy_workshop, dataset_id, music)
    with busy_workshop.worker() as worker:
        busy_workshop.send(dataset_id)
        wait_for(hanging.is_being_read, 20, "a chunk under way")
        worker.process.terminate()
        assert worker.process.wait(9) == 0, "`pianola up` waits 9 s"
    hanging.let_go()
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
        wait_for(lambda: "commit_dropped" in worker.said(), 10, "the message about a dataset that does not exist")


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
