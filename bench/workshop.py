"""A place to build datasets in: records in SQLite, objects in a folder, and, where asked for, a broker and workers."""

import contextlib
import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Self

from pianola.dataset.options import dataset_options
from pianola.logs import configure_logs
from pianola.objects import LocalStore
from pianola.objects.layout import file_key
from pianola.queue import create_celery, send
from pianola.records import Records, builds, datasets, open_records
from pianola.records.datasets import NewFile
from pianola.records.migrate import upgrade
from pianola.records.tables import Dataset
from pianola.settings import PreprocessSettings
from pianola.spool import Spool
from pianola_preprocess.chunk import build_chunk
from pianola_preprocess.commit import commit_dataset
from pianola_preprocess.reading.reader import Reader

_AT_ONCE = 1_000
_READY_S = 60
_LOOK_EVERY_S = 0.25


class Workshop:
    """Records and objects under `folder`, to be used as a context manager; `broker_url` is only needed for workers."""

    def __init__(self, folder: Path, broker_url: str = "redis://127.0.0.1:1/0") -> None:
        self.folder = folder
        self.settings = PreprocessSettings(
            database_url=f"sqlite:///{folder}/records.sqlite",
            broker_url=broker_url,
            objects_dir=folder / "objects",
            spool=folder / "spool",
            log_level="error",
        )
        configure_logs(self.settings, "bench")
        self.records: Records = open_records(self.settings.database_url)
        self.store = LocalStore(folder / "objects")
        self._spool = Spool(self.settings.spool)
        self._open = contextlib.ExitStack()
        upgrade(self.records)

    def __enter__(self) -> Self:
        self._open.callback(self.records.dispose)
        self._open.enter_context(self._spool.open())
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._open.close()

    def upload(self, name: str, files: Iterable[tuple[str, bytes]]) -> str:
        """A new, open dataset of names and contents; its id. Holds a thousand files at once."""
        with self.records.write() as session:
            dataset = datasets.create(session, name, "piano", dataset_options("piano", {}).to_json())
            dataset_id, folder = dataset.id, dataset.folder
        left = iter(files)
        while some := list(islice(left, _AT_ONCE)):
            new = [NewFile(name, hashlib.sha256(data).hexdigest(), len(data)) for name, data in some]
            for file, (_, data) in zip(new, some, strict=True):
                self._place(file_key(folder, file.sha256), data)
            with self.records.write() as session:
                datasets.add_files(session, dataset_id, new)
        return dataset_id

    def dataset(self, dataset_id: str) -> Dataset:
        """The dataset's row as it is now."""
        with self.records.read() as session:
            return datasets.get(session, dataset_id)

    def build_here(self, dataset_id: str, reader: Reader) -> None:
        """Build in this process, a step after the other: planning, every chunk, the commit."""
        with self.records.write() as session:
            builds.start_build(session, dataset_id)
        with self.records.write() as session:
            numbers = builds.plan(session, dataset_id)
        for number in numbers:
            build_chunk(self.records, self.store, reader, dataset_id, number)
        commit_dataset(self.records, self.store, self._spool, dataset_id)
        if (dataset := self.dataset(dataset_id)).state != "built":
            raise SystemExit(f"the build failed: {dataset.error}")

    def build_by_workers(self, dataset_id: str, most_seconds: float) -> float:
        """Start the build, send its tasks, and wait for its end: the seconds it took.

        Looking on costs the workers processor time, so it is done seldom: the records say when it ended, by this
        machine's clock. Raises SystemExit where the build fails or takes too long.
        """
        app = create_celery(self.settings)
        start = datetime.now(UTC)
        with self.records.write() as session:
            tasks = builds.start_build(session, dataset_id)
        for task, ids in tasks:
            send(app, task, *ids)
        while (dataset := self.dataset(dataset_id)).state == "building":
            if (datetime.now(UTC) - start).total_seconds() > most_seconds:
                raise SystemExit(f"the build is not done after {most_seconds:g} s")
            time.sleep(_LOOK_EVERY_S)
        if dataset.state != "built" or dataset.built_at is None:
            raise SystemExit(f"the build failed: {dataset.error}")
        return (dataset.built_at - start).total_seconds()

    @contextlib.contextmanager
    def workers(self, count: int, **environment: str) -> Iterator[None]:
        """So many preprocess workers of one pool process each, ready for tasks; ended in the end."""
        with contextlib.ExitStack() as running:
            logs = [self.folder / f"worker-{number}.log" for number in range(count)]
            for log in logs:
                running.enter_context(self._worker(log, environment))
            deadline = time.monotonic() + _READY_S
            while not all("ready." in log.read_text() for log in logs):
                if time.monotonic() > deadline:
                    raise SystemExit("the workers did not get ready:\n" + "\n".join(log.read_text() for log in logs))
                time.sleep(_LOOK_EVERY_S)
            yield

    @contextlib.contextmanager
    def _worker(self, log: Path, environment: Mapping[str, str]) -> Iterator[None]:
        said = {
            "PIANOLA_DATABASE_URL": self.settings.database_url,
            "PIANOLA_BROKER_URL": self.settings.broker_url,
            "PIANOLA_OBJECTS_DIR": str(self.folder / "objects"),
            "PIANOLA_SPOOL": str(self.folder / f"{log.stem}-spool"),
            "PIANOLA_CONCURRENCY": "1",
        }
        with log.open("wb") as stream:
            worker = subprocess.Popen(
                [sys.executable, "-m", "pianola_preprocess"],
                env={**os.environ, **said, **environment},
                stdout=stream,
                stderr=stream,
            )
        try:
            yield
        finally:
            worker.terminate()
            worker.wait(30)

    def _place(self, key: str, data: bytes) -> None:
        """Put an object there without waiting for the disk: what is measured comes after."""
        path = self.folder / "objects" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
