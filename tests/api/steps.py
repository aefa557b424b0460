"""Steps that the api's tests are made of: requests, and what workers do to the records meanwhile."""

import hashlib
import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from apiflask import APIFlask
from werkzeug.test import TestResponse

from pianola.records import builds, datasets, leases
from pianola.records.tables import Run
from pianola_api.app import context_of

from .checked import CheckedClient

MIDI = b"MThd\0\0\0\6\0\0\0\1\0\x60MTrk\0\0\0\4\0\xff\x2f\0"


class Api:
    """An application, a client of it, and the workers it has none of."""

    def __init__(self, app: APIFlask) -> None:
        self.app = app
        self.context = context_of(app)
        self.client = cast(CheckedClient, app.test_client())

    def get(self, path: str, **arguments: Any) -> Any:
        response = self.client.get(path, **arguments)
        assert response.status_code == 200, response.text
        return response.json

    def post(self, path: str, status: int = 201, **arguments: Any) -> Any:
        response = self.client.post(path, **arguments)
        assert response.status_code == status, response.text
        return response.json

    def upload(self, dataset: str, files: Mapping[str, bytes], status: int = 201, **headers: str) -> Any:
        parts = [(io.BytesIO(data), name) for name, data in files.items()]
        return self.post(f"/v1/datasets/{dataset}/files", status, data={"files": parts}, headers=headers)

    def problem(self, response: TestResponse, status: int, code: str) -> dict[str, Any]:
        assert response.status_code == status, response.text
        assert response.content_type == "application/problem+json"
        told = cast(dict[str, Any], response.json)
        assert (told["status"], told["code"], told["type"]) == (status, code, f"urn:pianola:problem:{code}")
        assert told["title"]
        assert told["detail"]
        return told

    # what a preprocess worker does

    def build(self, dataset_id: str, windows: int = 50, **committed: Any) -> None:
        """Build a dataset that is building: .mid files are accepted, others refused."""
        for number in self.planned(dataset_id):
            self.build_chunk(dataset_id, number, windows)
        with self.context.records.write() as session:
            row = datasets.get(session, dataset_id)
            made = sum(chunk.windows for chunk in builds.chunks(session, dataset_id))
            done = builds.Committed(row.builds, "d" * 64, "manifest", windows=made)
            builds.commit_build(session, dataset_id, replace(done, **committed))

    def planned(self, dataset_id: str) -> list[int]:
        """The chunks of a dataset that is building."""
        with self.context.records.write() as session:
            return builds.plan(session, dataset_id)

    def build_chunk(self, dataset_id: str, number: int, windows: int = 50) -> None:
        with self.context.records.write() as session:
            work = builds.begin_chunk(session, dataset_id, number)
            assert work is not None
            verdicts = [
                builds.FileVerdict(file.position, True, windows, 400, {"percussion": 3}, [], None, None, None)
                if file.name.endswith(".mid")
                else builds.FileVerdict(file.position, False, 0, 0, {}, [], "not_midi", 0, "no header")
                for file in work.files
            ]
            builds.finish_chunk(session, dataset_id, number, builds.ChunkResult(work.build, verdicts, []))

    def built(self, name: str = "chorales", windows: int = 50, **committed: Any) -> Any:
        """A built dataset."""
        dataset = self.post("/v1/datasets", json={"name": name})
        self.upload(name, {"a.mid": MIDI, "b.txt": b"text"})
        self.post(f"/v1/datasets/{name}/build", 202)
        self.build(dataset["id"], windows, **committed)
        return self.get(f"/v1/datasets/{name}")

    # what a trainer does

    def claim(self, run_id: str) -> Run:
        with self.context.records.write() as session:
            run = leases.claim(session, run_id, "worker", 60)
        assert run is not None
        return run

    def evaluate_at(self, run: Run, step: int, final: bool = False, **measured: float) -> leases.NewCheckpoint:
        """Commit an evaluation point with a picture, where this was measured too."""
        whole, half, picture = f"whole {step}".encode(), f"half {step}".encode(), f"picture {step}".encode()
        folder = f"runs/{run.id}/a{run.attempt}/s{step}"
        for name, data in {"whole": whole, "half": half, "picture": picture}.items():
            self.context.store.put(f"{folder}/{name}", data)
        new = leases.NewCheckpoint(
            step=step,
            epoch=step // 10,
            key=f"{folder}/whole",
            digest=hashlib.sha256(whole).hexdigest(),
            size=len(whole),
            generator_key=f"{folder}/half",
            generator_digest=hashlib.sha256(half).hexdigest(),
            generator_size=len(half),
            manifest_key=f"{folder}/manifest",
            final=final,
        )
        plot = leases.NewArtefact(
            f"samples-{step}.png", "samples", step, f"{folder}/picture", "image/png", len(picture)
        )
        with self.context.records.write() as session:
            leases.commit_checkpoint(
                session, run.id, run.attempt, new, {"loss": 1 / step, "kl": 2.0} | measured, [plot]
            )
        return new

    def finish(self, run: Run) -> str:
        """The run succeeds; returns the id of its evaluation."""
        with self.context.records.write() as session:
            return leases.succeed(session, run.id, run.attempt, samples=1000, seed=0).id

    def trained(self, steps: Sequence[int] = (10, 20), held_out: Sequence[float] = (), **changes: Any) -> Any:
        """A run that has succeeded, of a dataset of its own; held_out: its loss on held-out windows at each step."""
        self.built()
        run_id = self.post("/v1/runs", json={"dataset": "chorales", "family": "vae", **changes})["id"]
        run = self.claim(run_id)
        losses = [{"validation_loss": loss} for loss in held_out] or [{} for _ in steps]
        for step, measured in zip(steps, losses, strict=True):
            self.evaluate_at(run, step, final=step == steps[-1], **measured)
        self.finish(run)
        return self.get(f"/v1/runs/{run_id}")


def zipped(files: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return stream.getvalue()
