"""What users do in a storm: uploads, imports, builds, runs, cancels, pauses, evaluations, all over HTTP and again until
they are answered.
"""

import hashlib
import io
import itertools
import threading
import time
import zipfile
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final

import httpx
import mido
from preprocess.web import Answer, Web
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from pianola.records.tables import Dataset, Import, Run

from .deployment import Deployment
from .echo import echo
from .invariants import Submitted
from .listener import Listener

MODEL: Final = "waltz"
"""The name of what one of the undisturbed runs learns, which is listened to."""
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
    """Submits `plan` in threads of its own, and steers some of it; `submitted` says what was asked for. `web` is where
    imports come from.
    """

    def __init__(self, system: Deployment, plan: Plan, seed: int, music: list[Path], web: Web) -> None:
        self._system, self._plan, self._seed = system, plan, seed
        self._archive = _zipped(music)
        address, digest = web.put("/music.zip", Answer(self._archive)), hashlib.sha256(self._archive).hexdigest()
        self._source = {"kind": "url", "url": address, "sha256": digest}
        self.submitted = Submitted(
            points={name: one["options"]["evaluate_every_steps"] for name, one in RECIPES.items()}
        )
        self.recipes = [name for name in RECIPES if name != NETWORK or plan.runs >= NETWORK_EVERY]
        self.listener = Listener(system, MODEL)
        self._names = itertools.count()
        self._stop, self._over = threading.Event(), threading.Event()
        self._threads = ThreadPoolExecutor(5)
        self._asking: list[Future[None]] = []
        self._beside: list[Future[None]] = []

    def prepare(self) -> None:
        """Before the storm: the dataset to train on, a build to compare with, and each recipe's undisturbed run."""
        self._dataset_of_scales()
        first = self._new_dataset("undisturbed", self._archive)
        self._wait_built(first)
        with self._system.records.read() as session:
            self.submitted.digest = str(session.get_one(Dataset, first).digest)
        self.submitted.datasets.append(first)
        for number, recipe in enumerate(self.recipes):
            self.new_run(recipe, model=None if number else MODEL)

    def start(self) -> None:
        """The runs of `prepare` have ended."""
        self.listener.prepare()
        self._asking = [self._threads.submit(work) for work in (self._submit, self._build)]
        self._beside = [
            self._threads.submit(self._steer),
            self._threads.submit(echo, self._system, self._seed, self._stop),
            self._threads.submit(self.listener.listen, self._stop),
        ]

    @property
    def done(self) -> bool:
        """Whether all is asked for."""
        return all(work.done() for work in self._asking)

    def stop(self) -> None:
        """Nobody steers any more; paused runs are resumed. Raises what kept a user from going on."""
        self._stop.set()
        for work in (*self._asking, *self._beside):
            work.result()
        self._threads.shutdown()
        with self._system.records.read() as session:
            waiting = session.scalars(select(Run.id).where(Run.state.in_(("pausing", "paused")))).all()
        for run_id in waiting:
            self._resume(run_id)

    def close(self) -> None:
        """Nobody waits for an answer any more."""
        self._over.set()
        self._stop.set()

    def _patiently(self, seconds: float) -> Iterator[None]:
        until = time.monotonic() + seconds
        yield
        while time.monotonic() < until and not self._over.wait(0.3):
            yield

    def new_run(self, recipe: str, model: str | None = None) -> str:
        key = f"run {next(self._names)}"
        body = {"dataset": "scales", "preset": "default", "model": model, **RECIPES[recipe]}
        run_id: str = self._post("/v1/runs", {"Idempotency-Key": key}, json=body).json()["id"]
        self.submitted.runs[key] = run_id
        self.submitted.recipes[run_id] = recipe
        return run_id

    def _submit(self) -> None:
        random, counting, number = Random(self._seed), self.recipes[:2], 0
        while len(self.submitted.runs) < self._plan.runs:
            number += 1
            self.new_run(NETWORK if number % NETWORK_EVERY == 0 else random.choice(counting))
            self._stop.wait(self._plan.seconds / self._plan.runs)

    def _build(self) -> None:
        """Every second dataset is imported, the others are uploaded."""
        for number in range(self._plan.builds - 1):
            began = time.monotonic()
            music = self._archive if number % 2 else None
            self.submitted.datasets.append(self._new_dataset(f"songs {number}", music))
            self._stop.wait(self._plan.seconds / self._plan.builds - (time.monotonic() - began))

    def _steer(self) -> None:
        """Cancels one run in ten, pauses one in seven, has one in ten evaluated; all race whatever happens to it."""
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
            elif order < 0.35:
                # Before its first checkpoint there is nothing to evaluate.
                self._post(f"/v1/runs/{run_id}/evaluation", accept=(404,), json={"samples": 20, "seed": 1})

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

    def _dataset_of_scales(self) -> None:
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as packed:
            for key in range(5):
                packed.writestr(f"{key}.mid", _scales(key))
        self._wait_built(self._new_dataset("scales", archive.getvalue()))

    def _new_dataset(self, name: str, archive: bytes | None) -> str:
        """A dataset that is being built of an upload, or of an import where there is no archive."""
        made = self._post("/v1/datasets", {"Idempotency-Key": f"new {name}"}, json={"name": name})
        dataset_id: str = made.json()["id"]
        if archive is None:
            self._import(dataset_id)
        else:
            # The same files again change nothing: an upload needs no key.
            self._post(f"/v1/datasets/{dataset_id}/files", files=[("files", ("music.zip", archive))])
        self._post(f"/v1/datasets/{dataset_id}/build", {"Idempotency-Key": f"build {name}"})
        return dataset_id

    def _import(self, dataset_id: str) -> None:
        """Until one has succeeded: a full spool ends an import, and says so."""
        for number in range(10):
            key = {"Idempotency-Key": f"import {number} into {dataset_id}"}
            asked = self._post(f"/v1/datasets/{dataset_id}/imports", key, json=self._source)
            self.submitted.imports.append(asked.json()["id"])
            if self._wait_imported(asked.json()["id"]):
                return
        raise AssertionError(f"nothing could be imported into {dataset_id}")

    def _wait_imported(self, import_id: str) -> bool:
        for _ in self._patiently(180):
            try:
                with self._system.records.read() as session:
                    row = session.get_one(Import, import_id)
            except DBAPIError:
                continue
            if row.finished_at is not None:
                return row.state == "succeeded"
        raise AssertionError(f"import {import_id} has not ended in 180 s")

    def _wait_built(self, dataset_id: str) -> None:
        for _ in self._patiently(60):
            with self._system.records.read() as session:
                if session.get_one(Dataset, dataset_id).state == "built":
                    return
        raise AssertionError(f"dataset {dataset_id} was not built before the storm")

    def _post(
        self, path: str, headers: dict[str, str] | None = None, accept: tuple[int, ...] = (), **body: Any
    ) -> httpx.Response:
        """Ask until it is answered, as the client does: the api may be away, or its database or store."""
        for _ in self._patiently(180):
            try:
                answer = httpx.post(self._system.urls["api"] + path, headers=headers, timeout=30, **body)
            except httpx.TransportError:
                continue
            if answer.is_success or answer.status_code in accept:
                return answer
            if answer.status_code not in (429, 503):
                raise AssertionError(f"POST {path}: {answer.status_code} {answer.text}")
        raise AssertionError(f"POST {path} was not answered in 180 s")


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
