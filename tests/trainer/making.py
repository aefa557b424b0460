"""What the trainer's tests begin with: a small built dataset, runs of it, and the trainer's own processes."""

import atexit
import functools
import itertools
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from subprocess import Popen
from unittest.mock import patch

import numpy as np
import psutil
import safetensors.numpy
import servers
from numpy.typing import NDArray

from pianola.codec.revision import CODEC_REVISION
from pianola.codec.windows import Windows, pack
from pianola.dataset.manifest import Manifest, manifest_bytes, manifest_digest
from pianola.dataset.options import dataset_options
from pianola.dataset.shard_writer import ShardWriter
from pianola.models.presets import resolve
from pianola.objects import LocalStore
from pianola.objects.layout import dataset_key, manifest_key, sidecar_key
from pianola.records import Records, builds, datasets, leases, open_records, runs
from pianola.records.migrate import upgrade
from pianola.records.tables import Checkpoint, Run
from pianola.records.verdicts import FileVerdict
from pianola_trainer.child import Child
from pianola_trainer.tasks import ATTEMPT

Arrays = dict[str, NDArray[np.generic]]

TINY = {"batch": 8, "epochs": 6, "evaluate_every_steps": 12, "threads": 1, "precision": "float32"}
"""Options of a run of seconds: of 45 windows 9 are held out; six times the others are 27 steps of 8."""
STEPS = 27
POINTS = [12, 24, 27]

_numbers = itertools.count()
_stack = ExitStack()
atexit.register(_stack.close)


@dataclass
class System:
    """Records, objects and a spool in one folder."""

    folder: Path
    records: Records
    store: LocalStore
    broker_url: str = "redis://127.0.0.1:1/0"
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def spool(self) -> Path:
        return self.folder / "spool"

    @property
    def log(self) -> Path:
        return self.folder / "trainer.log"

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PIANOLA_DATABASE_URL": self.records.url.render_as_string(hide_password=False),
            "PIANOLA_BROKER_URL": self.broker_url,
            "PIANOLA_OBJECTS_DIR": str(self.folder / "objects"),
            "PIANOLA_SPOOL": str(self.spool),
            "PIANOLA_POLL_SECONDS": "0.1",
            "PIANOLA_TORCH_THREADS": "1",
            "PIANOLA_WARM": "false",
            **self.settings,
        }

    def run(self, run_id: str) -> Run:
        with self.records.read() as session:
            return runs.get(session, run_id)

    def state(self, run_id: str) -> str:
        return self.run(run_id).state

    def checkpoints(self, run_id: str) -> list[Checkpoint]:
        with self.records.read() as session:
            return list(runs.checkpoints(session, run_id))

    def wait_for_state(self, run_id: str, state: str, seconds: float = 120) -> Run:
        try:
            servers.wait_for(lambda: self.state(run_id) == state, seconds, f"run {state}")
        except AssertionError as error:
            run, said = self.run(run_id), self.log.read_text()[-4000:] if self.log.exists() else ""
            raise AssertionError(f"{error}; it is {run.state} ({run.error})\n{said}") from None
        return self.run(run_id)

    def damage(self, key: str) -> None:
        """Change one bit of an object."""
        data = self.store.get(key)
        self.store.put(key, data[:-1] + bytes([data[-1] ^ 1]))

    def left_in_spool(self) -> list[str]:
        return sorted(str(path.relative_to(self.spool)) for path in self.spool.rglob("*") if path.name != "lock")


@contextmanager
def system(folder: Path, database_url: str | None = None, **settings: str) -> Iterator[System]:
    """A system of its own in `folder`: a local store, and SQLite there unless migrated records are given."""
    records = open_records(database_url or f"sqlite:///{folder}/records.sqlite")
    if database_url is None:
        upgrade(records)
    yield System(folder, records, LocalStore(folder / "objects"), settings=settings)
    records.dispose()


@contextmanager
def worker(system: System) -> Iterator["Popen[bytes]"]:
    """A trainer, as `python -m pianola_trainer`."""
    with servers.process([sys.executable, "-m", "pianola_trainer"], system.environment, system.log) as process:
        yield process


def built_dataset(system: System, windows: tuple[int, ...] = (9, 9, 9, 9, 9)) -> str:
    """A built dataset of files with so many windows, each file a scale in a key of its own; returns its id."""
    return built(system, [PlannedFile(scales(index, count)) for index, count in enumerate(windows)])


@dataclass
class PlannedFile:
    """A file of a dataset to build: its windows [n, 96, 96], the side it is on and its label numbers."""

    windows: NDArray[np.uint8]
    held_out: bool = False
    labels: tuple[int, ...] = ()


def built(
    system: System,
    files: list[PlannedFile],
    labels: dict[str, tuple[str, ...]] | None = None,
    kept: list[bool] | None = None,
    **options: object,
) -> str:
    """A built dataset of these files and options, of whose windows only some are kept; returns its id."""
    chosen = dataset_options("piano", options)
    new = [datasets.NewFile(f"{index}.mid", f"{index:064x}", 100) for index in range(len(files))]
    with system.records.write() as session:
        dataset = datasets.create(session, f"scales {next(_numbers)}", "piano", chosen.to_json())
        datasets.add_files(session, dataset.id, new)
    writer = ShardWriter(
        lambda key, data: system.store.put(dataset_key(dataset.folder, key), data), len(labels) if labels else 0
    )
    for position, file in enumerate(files):
        writer.add(position, packed(file.windows), file.held_out, file.labels)
    shards = tuple(writer.close())
    mask = np.ones(writer.statistics.windows, np.bool_) if kept is None else np.array(kept)
    held_out = np.repeat([file.held_out for file in files], [len(file.windows) for file in files])
    manifest = Manifest(
        codec=CODEC_REVISION,
        options=chosen,
        files=len(files),
        accepted=sum(len(file.windows) > 0 for file in files),
        notes=8 * len(mask),
        windows=int(mask.sum()),
        held_out=int((mask & held_out).sum()),
        labels=labels or {},
        shards=shards,
        kept=None if kept is None else sidecar(system, dataset.folder, np.packbits(mask).tobytes()),
    )
    key = manifest_key(dataset.folder, manifest_digest(manifest))
    system.store.put(key, manifest_bytes(manifest))
    with system.records.write() as session:
        builds.start_build(session, dataset.id)
        builds.plan(session, dataset.id)
    with system.records.write() as session:
        work = builds.begin_chunk(session, dataset.id, 0)
        assert work is not None
        verdicts = [
            FileVerdict(position, True, len(file.windows), 8 * len(file.windows), {}, [], None, None, None)
            for position, file in enumerate(files)
        ]
        builds.finish_chunk(session, dataset.id, 0, builds.ChunkResult(work.build, verdicts, []))
        committed = builds.Committed(work.build, manifest_digest(manifest), key, manifest.windows, manifest.held_out)
        builds.commit_build(session, dataset.id, committed)
    return dataset.id


def sidecar(system: System, folder: str, data: bytes) -> str:
    """Put an object that a manifest names; returns its sha256."""
    digest = sha256(data).hexdigest()
    system.store.put(sidecar_key(folder, digest), data)
    return digest


def packed(windows: NDArray[np.uint8]) -> Windows:
    """Windows [n, 96, 96] as the codec gives those of a file."""
    rows = len(windows)
    metre = np.tile(np.array([4, 4], np.uint8), (rows, 1))
    return Windows(pack(windows), np.arange(rows, dtype=np.int32) * 96, np.full(rows, 120, np.float32), metre)


def scales(key: int, count: int) -> NDArray[np.uint8]:
    """Windows [count, 96, 96]: eight notes of 10 steps, one on each beat, up a scale that each time begins higher."""
    windows = np.zeros((count, 96, 96), np.uint8)
    for window, beat in itertools.product(range(count), range(8)):
        row = 80 - key - window - (0, 2, 4, 5, 7, 9, 11, 12)[beat]
        windows[window, row, 12 * beat : 12 * beat + 10] = 1
    return windows


def submit(
    system: System,
    dataset_id: str,
    family: str = "vae",
    preset: str = "default",
    model: str | None = None,
    source: Checkpoint | None = None,
    **options: object,
) -> str:
    """A queued run with TINY options and these, beginning from `source`; returns its id. Its task is not sent."""
    resolved = resolve(family, preset, {**TINY, **options}).model_dump(mode="json")
    with system.records.write() as session:
        dataset = datasets.get(session, dataset_id)
        run = runs.submit(
            session,
            dataset,
            family=family,
            preset=preset,
            options=resolved,
            seed=7,
            queue="train",
            model=model,
            from_checkpoint=source,
        )
        return run.id


def claim(system: System, run_id: str, lease_seconds: float = 1200) -> int:
    """Claim the run without a worker; returns the attempt's number."""
    with system.records.write() as session:
        run = leases.claim(session, run_id, "test", lease_seconds)
    assert run is not None
    return run.attempt


@contextmanager
def attempt(system: System, run_id: str, number: int) -> Iterator[Child]:
    """The attempt's own process, without a supervisor."""
    workspace = system.folder / f"{run_id}-a{number}"
    workspace.mkdir()
    with patch.dict(os.environ, system.environment):
        child = Child(ATTEMPT, [run_id, str(number)], workspace, threads=1)
    try:
        yield child
    finally:
        child.close()


def tensors(system: System, checkpoint: Checkpoint) -> Arrays:
    """Everything that was learnt up to the checkpoint."""
    loaded: Arrays = safetensors.numpy.load(system.store.get(checkpoint.key))
    return loaded


def assert_same_weights(one: Arrays, other: Arrays) -> None:
    """Bit for bit."""
    assert one.keys() == other.keys()
    different = [name for name in one if one[name].tobytes() != other[name].tobytes()]
    assert not different


@dataclass(frozen=True)
class Undisturbed:
    """A run of TINY options in a system of its own, trained without a supervisor or any disturbance."""

    system: System
    dataset: str
    final: Checkpoint
    weights: Arrays


def lasting() -> System:
    """A system that lasts as long as the tests."""
    folder = tempfile.TemporaryDirectory(prefix="pianola-trainer-")
    return _stack.enter_context(system(Path(_stack.enter_context(folder))))


@functools.cache
def undisturbed(family: str = "vae", preset: str = "default") -> Undisturbed:
    """Trained once a session: what runs of the same dataset, options and seed have to end with."""
    made = lasting()
    dataset = built_dataset(made)
    run_id = submit(made, dataset, family, preset)
    with attempt(made, run_id, claim(made, run_id)) as process:
        assert process.wait(120) == 0, process.last_words()
    final = made.checkpoints(run_id)[-1]
    return Undisturbed(made, dataset, final, tensors(made, final))


def children_of(pid: int) -> list[int]:
    """Ids of a process's children, and of theirs."""
    return [child.pid for child in psutil.Process(pid).children(recursive=True)]


def alive(pid: int) -> bool:
    """Whether the process runs (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
