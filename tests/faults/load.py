"""What users do in a storm: builds, runs, cancels, pauses, all over HTTP and again until they are answered."""

import io
import itertools
import threading
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final

import httpx
import mido
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from pianola.queue import BUILD_CHUNK, COMMIT_DATASET, PLAN_BUILD, TRAIN_RUN, Task, send
from pianola.records.tables import Chunk, Dataset, Run

from .deployment import Deployment
from .invariants import Submitted

NETWORK: Final = "network"
NETWORK_EVERY: Final = 20
"""One run in so many trains networks, which takes ten times as long."""

TINY: Final = {"batch": 8, "threads": 1, "precision": "float32"}
RECIPES: Final[dict[str, dict[str, Any]]] = {
    # Counting takes no time, commits do: half of them a second each.
    "long": {"family": "marginals", "seed": 1, "options": {**TINY, "epochs": 60, "evaluate_every_steps": 50}},
    "short": {"family": "marginals", "seed": 2, "options": {**TINY, "epochs": 20, "evaluate_every_steps": 25}},
    NETWORK: {"family": "gan", "seed": 3, "options": {**TINY, "epochs": 4, "evaluate_every_steps": 6}},
}
"""Runs by name. What a storm trains is small, so that most of a run is what the protocol is about."""


@dataclass(frozen=True)
class Plan:
    """How much is asked for, over how many seconds."""

    runs: int
    builds: int
    seconds: float


class Users:
    """Submits `plan` in a thread of its own, and steers some of it; `submitted` says what was asked for."""

    def __init__(self, system: Deployment, plan: Plan, seed: int, music: list[Path]) -> None:
        self._system, self._plan, self._random = system, plan, Random(seed)
        self._archive = _zipped(music)
        self.submitted = Submitted(
            points={name: one["options"]["evaluate_every_steps"] for name, one in RECIPES.items()}
        )
        self.recipes = [name for name in RECIPES if name != NETWORK or plan.runs >= NETWORK_EVERY]
        self._names = itertools.count()
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=work, daemon=True) for work in (self._submit, self._build, self._steer, self._echo)
        ]
        self.failure: BaseException | None = None

    def prepare(self) -> None:
        """Before the storm: the dataset to train on, a build to compare with, and each recipe's undisturbed run."""
        self._dataset_of_scales()
        first = self._new_dataset("undisturbed", self._archive)
        self._wait_built(first)
        with self._system.records.read() as session:
            self.submitted.digest = str(session.get_one(Dataset, first).digest)
        self.submitted.datasets.append(first)
        for recipe in self.recipes:
            self.new_run(recipe)

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    @property
    def done(self) -> bool:
        """Whether all is asked for."""
        return not any(thread.is_alive() for thread in self._threads[:2])

    def stop(self) -> None:
        """Nobody steers any more; paused runs are resumed."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        with self._system.records.read() as session:
            waiting = session.scalars(select(Run.id).where(Run.state.in_(("pausing", "paused")))).all()
        for run_id in waiting:
            self._resume(run_id)

    def new_run(self, recipe: str) -> str:
        key = f"run {next(self._names)}"
        body = {"dataset": "scales", "preset": "default", **RECIPES[recipe]}
        run_id: str = self._post("/v1/runs", {"Idempotency-Key": key}, json=body).json()["id"]
        self.submitted.runs[key] = run_id
        self.submitted.recipes[run_id] = recipe
        return run_id

    def _submit(self) -> None:
        counting, number = self.recipes[:2], 0
        while len(self.submitted.runs) < self._plan.runs:
            number += 1
            self.new_run(NETWORK if number % NETWORK_EVERY == 0 else self._random.choice(counting))
            self._stop.wait(self._plan.seconds / self._plan.runs)

    def _build(self) -> None:
        for number in range(self._plan.builds - 1):
            self.submitted.datasets.append(self._new_dataset(f"songs {number}", self._archive))
            self._stop.wait(self._plan.seconds / self._plan.builds)

    def _steer(self) -> None:
        """Cancels one run in ten, pauses one in seven; either races whatever happens to it."""
        random = Random(self._plan.runs)
        while not self._stop.wait(self._plan.seconds / self._plan.runs):
            live = self._live()
            if not live:
                continue
            run_id, order = random.choice(live), random.random()
            if order < 0.1:
                answer = self._post(f"/v1/runs/{run_id}/cancel", accept=(409,))
                if answer.status_code == 202:
                    self.submitted.cancelled.add(run_id)
            elif order < 0.25:
                self._post(f"/v1/runs/{run_id}/pause", accept=(409,))
                self._stop.wait(random.uniform(0, 4))
                self._resume(run_id)

    def _live(self) -> list[str]:
        try:
            with self._system.records.read() as session:
                query = select(Run.id).where(Run.state.in_(("queued", "running")))
                return [run_id for run_id in session.scalars(query) if run_id in self.submitted.recipes][:6]
        except DBAPIError:
            return []

    def _resume(self, run_id: str) -> None:
        """It may have been cancelled, or have ended before it could pause; a pause under way is waited for."""
        for _ in range(60):
            answer = self._post(f"/v1/runs/{run_id}/resume", accept=(409,))
            if answer.status_code == 202 or "pausing" not in answer.text:
                return
            time.sleep(0.5)

    def _echo(self) -> None:
        """Every message comes once more, late: also those of what has ended long since."""
        random, seen, late = Random(self._plan.runs + 1), set[tuple[object, ...]](), list[tuple[float, Task, tuple]]()
        while not self._stop.wait(0.5):
            try:
                found = self._messages()
            except DBAPIError:
                continue
            for message in found - seen:
                late += [(time.monotonic() + random.choice((0.0, random.uniform(0, 30))), *message)]
            seen |= found
            for at, task, ids in [one for one in late if one[0] <= time.monotonic()]:
                send(self._system.celery, task, *ids)
                late.remove((at, task, ids))

    def _messages(self) -> set[tuple[Task, tuple[str | int, ...]]]:
        with self._system.records.read() as session:
            found = {(TRAIN_RUN, (run_id,)) for run_id in session.scalars(select(Run.id))}
            for dataset_id in session.scalars(select(Dataset.id)):
                found |= {(PLAN_BUILD, (dataset_id,)), (COMMIT_DATASET, (dataset_id,))}
            chunks = session.execute(select(Chunk.dataset_id, Chunk.number))
            return found | {(BUILD_CHUNK, (row.dataset_id, row.number)) for row in chunks}

    def _dataset_of_scales(self) -> None:
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as packed:
            for key in range(5):
                packed.writestr(f"{key}.mid", _scales(key))
        self._wait_built(self._new_dataset("scales", archive.getvalue()))

    def _new_dataset(self, name: str, archive: bytes) -> str:
        made = self._post("/v1/datasets", {"Idempotency-Key": f"new {name}"}, json={"name": name})
        dataset_id: str = made.json()["id"]
        # The same files again change nothing: an upload needs no key.
        self._post(f"/v1/datasets/{dataset_id}/files", files=[("files", ("music.zip", archive))])
        self._post(f"/v1/datasets/{dataset_id}/build", {"Idempotency-Key": f"build {name}"})
        return dataset_id

    def _wait_built(self, dataset_id: str) -> None:
        for _ in _patiently(60):
            with self._system.records.read() as session:
                if session.get_one(Dataset, dataset_id).state == "built":
                    return
        raise AssertionError(f"dataset {dataset_id} was not built before the storm")

    def _post(
        self, path: str, headers: dict[str, str] | None = None, accept: tuple[int, ...] = (), **body: Any
    ) -> httpx.Response:
        """Ask until it is answered, as the client does: the api may be away, or its database or store."""
        for _ in _patiently(180):
            try:
                answer = httpx.post(self._system.urls["api"] + path, headers=headers, timeout=30, **body)
            except httpx.TransportError:
                continue
            if answer.is_success or answer.status_code in accept:
                return answer
            if answer.status_code not in (429, 500, 502, 503):
                raise AssertionError(f"POST {path}: {answer.status_code} {answer.text}")
        raise AssertionError(f"POST {path} was not answered in 180 s")


def _patiently(seconds: float) -> Iterator[None]:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        yield
        time.sleep(0.3)


def _zipped(music: list[Path]) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for number, path in enumerate(music):
            packed.writestr(f"{number:03}.mid", path.read_bytes())
    return archive.getvalue()


def _scales(key: int) -> bytes:
    """Nine windows of a scale that each time begins higher."""
    file, data = mido.MidiFile(ticks_per_beat=12), io.BytesIO()
    track = file.add_track("scale")
    for window, degree in itertools.product(range(9), (0, 2, 4, 5, 7, 9, 11, 12)):
        note = 40 + key + window + degree
        track += [mido.Message("note_on", note=note, velocity=64, time=2 if len(track) > 1 else 0)]
        track += [mido.Message("note_off", note=note, time=10)]
    file.save(file=data)
    return data.getvalue()
