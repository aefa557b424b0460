"""Servers of one model: the sampler, and the rivals in a virtual environment of their own."""

import contextlib
import hashlib
import json
import os
import socket
import subprocess
import sys
import sysconfig
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from pianola.dataset.options import dataset_options
from pianola.objects import LocalStore
from pianola.records import Records, builds, datasets, leases, models, open_records, runs
from pianola.records.migrate import upgrade
from pianola.records.verdicts import FileVerdict

HERE = Path(__file__).resolve().parent
READY_S = 120
MOST_IN_A_BATCH = 64
PACKAGES = {"PIANOLA_PACKAGES": sysconfig.get_path("purelib")}
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
Json = dict[str, float]


@dataclass(frozen=True)
class Running:
    """A server that answers; ready_s: seconds from its start until it did."""

    process: psutil.Process
    url: str
    ready_s: float

    def megabytes(self) -> float:
        """What it and its children hold, resident."""
        return sum(process.memory_info().rss for process in self._family()) / 1e6

    def processor_seconds(self) -> float:
        """What it and its children have spent so far."""
        return sum(sum(process.cpu_times()[:2]) for process in self._family())

    def _family(self) -> list[psutil.Process]:
        return [self.process, *self.process.children(recursive=True)]


@dataclass(frozen=True)
class Contender:
    """A server. `command`, `health` and `path` are of a model's name; `body` has SEED where a seed belongs."""

    name: str
    command: Callable[[str, int], list[str]]
    health: str
    path: str
    body: str
    environment: Callable[[str, int], Mapping[str, str]] = field(default=lambda model, port: {})

    @contextlib.contextmanager
    def serving(self, model: str, log: Path) -> Iterator[Running]:
        """Run until the block is left. Raises SystemExit with what it said where it does not get ready."""
        port = _free_port()
        began = time.perf_counter()
        with log.open("ab") as stream:
            child = subprocess.Popen(
                self.command(model, port),
                cwd=HERE,
                env={**os.environ, **ONE_THREAD, **PACKAGES, **self.environment(model, port)},
                stdout=stream,
                stderr=stream,
            )
        process = psutil.Process(child.pid)
        try:
            while not _answers(f"http://127.0.0.1:{port}{self.health}"):
                if child.poll() is not None or time.perf_counter() - began > READY_S:
                    raise SystemExit(f"{self.name} did not get ready:\n{log.read_text()[-2000:]}")
                time.sleep(0.02)
            path = self.path.replace("MODEL", model)
            yield Running(process, f"http://127.0.0.1:{port}{path}", time.perf_counter() - began)
        finally:
            _end(process)
            child.wait()


def contenders(home: Path, files: Mapping[str, Path], rivals: Path) -> list[Contender]:
    """The sampler on `home`, which is made with these generators, and those that the Python `rivals` runs."""
    settings = _deploy(home, files)

    def litserve(model: str, port: int) -> list[str]:
        return [str(rivals), "by_litserve.py", str(files[model]), str(port), str(MOST_IN_A_BATCH)]

    def bentoml(model: str, port: int) -> list[str]:
        return [str(rivals), "-m", "bentoml", "serve", "by_bentoml:Playing", "--host", "127.0.0.1", "--port", str(port)]

    return [
        Contender(
            "sampler",
            lambda model, port: [sys.executable, "-m", "pianola_sampler"],
            "/readyz",
            "/v1/models/MODEL/samples?format=midi",
            json.dumps({"seed": "SEED"}).replace('"SEED"', "SEED"),
            lambda model, port: settings | {"PIANOLA_PORT": str(port)},
        ),
        Contender("LitServe", litserve, "/health", "/predict", '{"seed": SEED}'),
        Contender(
            "BentoML",
            bentoml,
            "/readyz",
            "/play",
            '{"seeds": [SEED]}',
            lambda model, port: {"GENERATOR": str(files[model]), "BENTOML_HOME": str(home / "bentoml")},
        ),
    ]


def load(
    rivals: Path,
    running: Running,
    contender: Contender,
    clients: int,
    seconds: float,
    first: int,
    most: int | None = None,
) -> Json:
    """What load.py prints of so many clients in a process of their own.

    first: of the seeds they ask for. most: requests in all, where the time is not what ends it.
    """
    words = [clients, seconds, first, *([] if most is None else [most])]
    command = [rivals, HERE / "load.py", running.url, contender.body, *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    told: Json = json.loads(done.stdout)
    return told


def _deploy(home: Path, files: Mapping[str, Path]) -> dict[str, str]:
    """Records in SQLite and objects in a folder, with a model for each generator; the sampler's settings."""
    url = f"sqlite:///{home}/records.sqlite"
    records, store = open_records(url), LocalStore(home / "objects")
    upgrade(records)
    for name, file in files.items():
        _place(records, store, name, file.read_bytes())
    records.dispose()
    return {
        "PIANOLA_DATABASE_URL": url,
        "PIANOLA_BROKER_URL": "redis://127.0.0.1:1/0",
        "PIANOLA_OBJECTS_DIR": str(home / "objects"),
        "PIANOLA_AUTH": "none",
    }


def _place(records: Records, store: LocalStore, model: str, data: bytes) -> None:
    """A run of a dataset of one file, and the checkpoint that it left."""
    digest = hashlib.sha256(data).hexdigest()
    key = f"runs/bench/generator-{digest}"
    store.put(key, data)
    with records.write() as session:
        dataset = datasets.create(session, f"data of {model}", "piano", dataset_options("piano", {}).to_json())
        datasets.add_files(session, dataset.id, [datasets.NewFile("a.mid", "0" * 64, 1)])
    with records.write() as session:
        builds.start_build(session, dataset.id)
        builds.plan(session, dataset.id)
        work = builds.begin_chunk(session, dataset.id, 0)
        assert work is not None
        verdict = FileVerdict(0, True, 1, 1, {}, [], None, None, None)
        builds.finish_chunk(session, dataset.id, 0, builds.ChunkResult(work.build, [verdict], []))
        builds.commit_build(session, dataset.id, builds.Committed(work.build, "0" * 64, "manifest", 1))
    with records.write() as session:
        found = datasets.get(session, dataset.id)
        run = runs.submit(session, found, family=model, preset="default", options={}, seed=1, queue="train")
    with records.write() as session:
        claimed = leases.claim(session, run.id, "bench", 60)
        assert claimed is not None
        new = leases.NewCheckpoint(
            step=1,
            epoch=1,
            key=f"runs/bench/whole-{digest}",
            digest=hashlib.sha256(digest.encode()).hexdigest(),
            size=1,
            generator_key=key,
            generator_digest=digest,
            generator_size=len(data),
            manifest_key="manifest",
            final=True,
        )
        models.point(session, model, leases.commit_checkpoint(session, run.id, claimed.attempt, new, {}, []).id)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def _end(process: psutil.Process) -> None:
    """With all its children, which not every server takes along."""
    processes = [*process.children(recursive=True), process]
    for each in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            each.terminate()
    for each in psutil.wait_procs(processes, 10)[1]:
        with contextlib.suppress(psutil.NoSuchProcess):
            each.kill()
