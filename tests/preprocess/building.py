"""Datasets for the preprocess tests: records, a local store, and a worker of their own."""

import contextlib
import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import servers
from celery import Celery
from sqlalchemy import select

from pianola.dataset.manifest import Manifest, read_manifest
from pianola.dataset.options import dataset_options
from pianola.dataset.shards import Shard, read_shard
from pianola.objects import LocalStore
from pianola.objects.layout import file_key, shard_key
from pianola.queue import BUILD_CHUNK, create_celery, send
from pianola.records import Records, builds, datasets, open_records
from pianola.records.datasets import NewFile
from pianola.records.tables import Chunk, Dataset, DatasetFile
from pianola.settings import PreprocessSettings
from pianola.spool import Spool
from pianola_preprocess.chunk import build_chunk
from pianola_preprocess.commit import commit_dataset
from pianola_preprocess.reading.reader import Reader


@dataclass
class Workshop:
    """One database, one store; `broker_url` is only needed to send tasks and start workers."""

    folder: Path
    database_url: str
    broker_url: str = "redis://127.0.0.1:1/0"
    records: Records = field(init=False)
    store: LocalStore = field(init=False)

    def __post_init__(self) -> None:
        self.records = open_records(self.database_url)
        self.store = LocalStore(self.folder / "objects")

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PIANOLA_DATABASE_URL": self.database_url,
            "PIANOLA_BROKER_URL": self.broker_url,
            "PIANOLA_OBJECTS_DIR": str(self.folder / "objects"),
            "PIANOLA_SPOOL": str(self.folder / "spool"),
        }

    def settings(self) -> PreprocessSettings:
        return PreprocessSettings(
            database_url=self.database_url, broker_url=self.broker_url, objects_dir=self.folder / "objects"
        )

    def celery(self) -> Celery:
        return create_celery(self.settings())

    def upload(self, name: str, files: Mapping[str, bytes], preset: str = "piano", **options: object) -> str:
        """A new, open dataset that holds `files`; its id."""
        with self.records.write() as session:
            chosen = dataset_options(preset, options).to_json()
            dataset_id = datasets.create(session, name, preset, chosen).id
        self.add(dataset_id, files)
        return dataset_id

    def add(self, dataset_id: str, files: Mapping[str, bytes]) -> None:
        folder = self.dataset(dataset_id).folder
        new = [NewFile(name, hashlib.sha256(data).hexdigest(), len(data)) for name, data in files.items()]
        for file, data in zip(new, files.values(), strict=True):
            self.store.put(file_key(folder, file.sha256), data)
        with self.records.write() as session:
            datasets.add_files(session, dataset_id, new)

    def next_version(self, dataset_id: str, files: Mapping[str, bytes]) -> str:
        """The next version of a built dataset, with `files` too; its id."""
        with self.records.write() as session:
            version = datasets.new_version(session, dataset_id).id
        self.add(version, files)
        return version

    def start(self, dataset_id: str) -> list[int]:
        """Begin the build and plan it; the numbers of its chunks."""
        with self.records.write() as session:
            builds.start_build(session, dataset_id)
            return builds.plan(session, dataset_id)

    def build(self, dataset_id: str) -> Dataset:
        """The whole build in this process, chunk after chunk; the dataset as it is then."""
        last = False
        with Reader() as reader:
            for number in self.start(dataset_id):
                last = build_chunk(self.records, self.store, reader, dataset_id, number)
        assert last
        self.commit(dataset_id)
        return self.dataset(dataset_id)

    def commit(self, dataset_id: str) -> None:
        spool = Spool(self.folder / "spool")
        with spool.open():
            commit_dataset(self.records, self.store, spool, dataset_id)

    def send(self, dataset_id: str, times: int = 1) -> None:
        """Begin the build and send its tasks, each `times` times."""
        app = self.celery()
        for number in self.start(dataset_id) * times:
            assert send(app, BUILD_CHUNK, dataset_id, number)

    def dataset(self, dataset_id: str) -> Dataset:
        with self.records.read() as session:
            return datasets.get(session, dataset_id)

    def files(self, dataset_id: str) -> list[DatasetFile]:
        """All of them, by position."""
        query = select(DatasetFile).where(DatasetFile.dataset_id == dataset_id).order_by(DatasetFile.position)
        with self.records.read() as session:
            return list(session.scalars(query))

    def chunks(self, dataset_id: str) -> list[Chunk]:
        """All of them, in order."""
        with self.records.read() as session:
            return list(builds.chunks(session, dataset_id))

    def manifest(self, dataset_id: str) -> Manifest:
        """A built dataset's manifest, whose digest is the dataset's."""
        dataset = self.dataset(dataset_id)
        assert dataset.manifest_key is not None
        stored = self.store.get(dataset.manifest_key)
        assert hashlib.sha256(stored).hexdigest() == dataset.digest
        return read_manifest(stored)

    def shards(self, dataset_id: str) -> list[Shard]:
        """A built dataset's shards, in order."""
        folder = self.dataset(dataset_id).folder
        return [
            read_shard(self.store.get(shard_key(folder, entry.sha256))) for entry in self.manifest(dataset_id).shards
        ]

    def wait(self, dataset_id: str, seconds: float = 20) -> Dataset:
        """The dataset once its build has ended."""
        servers.wait_for(lambda: self.dataset(dataset_id).state != "building", seconds, "the build")
        return self.dataset(dataset_id)

    def let_pass(self, dataset_id: str, seconds: int) -> None:
        """Let the records believe that nothing has happened to the dataset for `seconds`, nor to its chunks."""
        by = timedelta(seconds=seconds)
        with self.records.write() as session:
            dataset = session.get_one(Dataset, dataset_id)
            dataset.updated_at -= by
            for chunk in session.scalars(select(Chunk).where(Chunk.dataset_id == dataset_id)):
                chunk.lease_until = chunk.lease_until and chunk.lease_until - by

    @contextlib.contextmanager
    def worker(self, concurrency: int = 1) -> Iterator["Worker"]:
        """A worker process that has said it is ready; killed in the end, where the test has not stopped it."""
        log = self.folder / "worker.log"
        start = log.stat().st_size if log.exists() else 0
        environment = self.environment | {"PIANOLA_CONCURRENCY": str(concurrency)}
        with servers.process([sys.executable, "-m", "pianola_preprocess"], environment, log) as process:
            worker = Worker(process, log, start)
            servers.wait_for(lambda: "ready." in worker.said(), 20, "the worker")
            yield worker
            worker.kill()


@dataclass
class Worker:
    """A running worker: its process, and what it has said."""

    process: subprocess.Popen[bytes]
    log: Path
    _start: int

    def kill(self) -> None:
        """SIGKILL to it and to its pool processes."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def said(self) -> str:
        return self.log.read_bytes()[self._start :].decode()

    def children(self) -> list[int]:
        """Its pool processes."""
        return [
            int(pid) for pid in Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        ]


@dataclass
class Hanging:
    """An uploaded file that takes for ever to read, until it is mended: a pipe in its place."""

    path: Path
    data: bytes = field(init=False)
    _writer: int | None = None

    def __post_init__(self) -> None:
        self.data = self.path.read_bytes()
        self.path.unlink()
        os.mkfifo(self.path)

    def is_being_read(self) -> bool:
        """Whether somebody has it open; from the first time on whoever has waits for its bytes."""
        if self._writer is None:
            with contextlib.suppress(OSError):
                self._writer = os.open(self.path, os.O_WRONLY | os.O_NONBLOCK)
        return self._writer is not None

    def mend(self) -> None:
        """Whoever opens it from now on finds what was uploaded; whoever has it open still waits."""
        self.path.unlink()
        self.path.write_bytes(self.data)

    def close(self) -> None:
        if self._writer is not None:
            os.close(self._writer)


@contextlib.contextmanager
def hanging(workshop: Workshop, dataset_id: str, name: str) -> Iterator[Hanging]:
    """The dataset's file of this name hangs whoever reads it."""
    with workshop.records.read() as session:
        sha256 = session.get_one(DatasetFile, (dataset_id, name)).sha256
    file = Hanging(workshop.folder / "objects" / file_key(workshop.dataset(dataset_id).folder, sha256))
    try:
        yield file
    finally:
        file.close()
