"""The client: one method for everything a Pianola server does."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
from pydantic import ConfigDict, ValidationError

from pianola_cli.client import events
from pianola_cli.client.problems import NotPianola, StillGoing
from pianola_cli.client.resources import (
    Checkpoint,
    Dataset,
    DatasetFile,
    Evaluation,
    Event,
    Key,
    MetricPoint,
    Model,
    Plot,
    Resource,
    Run,
    Sample,
    SampleOptions,
    UploadReport,
)
from pianola_cli.client.transport import DEFAULT_URL, Transport
from pianola_cli.files import batches, find_files

R = TypeVar("R", bound=Resource)

_PAGE = 200
# An upload of 20 MB or a large sample takes its time; everything else answers in milliseconds.
_TIMEOUT_S = 120.0
_POLL_S = 0.5


class Client:
    """A Pianola server at `url`, with API key `key` where it asks for one.

    Every method raises ApiProblem when the server refuses and NoAnswer when none answers.
    """

    def __init__(self, url: str = DEFAULT_URL, key: str | None = None, timeout: float = _TIMEOUT_S) -> None:
        self._transport = Transport(url, key, timeout)

    @property
    def url(self) -> str:
        """The server's address."""
        return self._transport.url

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    # datasets

    def create_dataset(self, name: str, preset: str | None = None, options: Mapping[str, Any] | None = None) -> Dataset:
        """A new, empty dataset that is read with `preset`'s codec options, changed by `options`."""
        return self._post(
            Dataset, "/v1/datasets", {"name": name, "preset": preset, "options": dict(options or {}) or None}
        )

    def datasets(self) -> Iterator[Dataset]:
        """All datasets, newest first."""
        return self._items(Dataset, "/v1/datasets")

    def dataset(self, dataset: str) -> Dataset:
        """A dataset by id or name."""
        return self._get(Dataset, f"/v1/datasets/{_part(dataset)}")

    def upload(
        self, dataset: str, paths: Iterable[Path], told: Callable[[int, int], None] | None = None
    ) -> UploadReport:
        """Add the MIDI files and zips of `paths` (files or folders) to a dataset, many in each request.

        `told(done, of)` is called with numbers of files after each request. Raises NothingToRead.
        """
        path = f"/v1/datasets/{_part(dataset)}/files"
        files = find_files(paths)
        report = UploadReport()
        done = 0
        for batch in batches(files):
            with ExitStack() as opened:
                parts = [
                    ("files", (file.name, opened.enter_context(file.path.open("rb")), _media_type(file.path)))
                    for file in batch
                ]
                response = self._transport.send("POST", path, files=parts)
            report = report.plus(self._read(UploadReport, path, response))
            done += len(batch)
            if told:
                told(done, len(files))
        return report

    def dataset_files(self, dataset: str, verdict: str | None = None) -> Iterator[DatasetFile]:
        """The report: every file of a dataset, or those with `verdict` "accepted" or "refused"."""
        return self._items(DatasetFile, f"/v1/datasets/{_part(dataset)}/files", verdict=verdict)

    def build(self, dataset: str) -> Dataset:
        """Ask for a dataset to be built; the answer is the dataset while it builds."""
        return self._post(Dataset, f"/v1/datasets/{_part(dataset)}/build")

    def dataset_events(self, dataset: str, after: int = 0) -> Iterator[Event]:
        """What happens to a dataset, from event number `after` + 1 on, until it is built or failed."""
        return events.follow(self._transport, f"/v1/datasets/{_part(dataset)}/events", after)

    def wait_for_dataset(
        self, dataset: str, seconds: float = 3600, told: Callable[[Dataset], None] | None = None
    ) -> Dataset:
        """The dataset once it is built or failed; `told` sees every state in between. Raises StillGoing."""
        deadline = time.monotonic() + seconds
        while True:
            current = self.dataset(dataset)
            if told:
                told(current)
            if current.state != "building":
                return current
            if time.monotonic() > deadline:
                raise StillGoing(f"dataset {current.name}", current.state, seconds)
            time.sleep(_POLL_S)

    # runs

    def families(self) -> dict[str, Any]:
        """The catalogue of model families, presets and their run options, as the server describes them."""
        return self._get(_Catalogue, "/v1/families").model_dump()

    def train(
        self,
        dataset: str,
        family: str,
        preset: str = "default",
        options: Mapping[str, Any] | None = None,
        seed: int | None = None,
        model: str | None = None,
        device: str | None = None,
        idempotency_key: str | None = None,
    ) -> Run:
        """Submit a run. `model` is a name that will point at the result; `device` is "cpu" (if not given) or "gpu"."""
        body = {
            "dataset": dataset,
            "family": family,
            "preset": preset,
            "options": dict(options or {}) or None,
            "seed": seed,
            "model": model,
            "device": device,
        }
        return self._post(Run, "/v1/runs", body, idempotency_key)

    def runs(self, state: str | None = None, dataset: str | None = None) -> Iterator[Run]:
        """All runs, newest first, or those in `state` or of `dataset`."""
        return self._items(Run, "/v1/runs", state=state, dataset=dataset)

    def run(self, run_id: str) -> Run:
        """A run."""
        return self._get(Run, f"/v1/runs/{_part(run_id)}")

    def cancel(self, run_id: str) -> Run:
        """Ask a run to stop for good."""
        return self._post(Run, f"/v1/runs/{_part(run_id)}/cancel")

    def pause(self, run_id: str) -> Run:
        """Ask a run to stop after saving a checkpoint, to be resumed later."""
        return self._post(Run, f"/v1/runs/{_part(run_id)}/pause")

    def resume(self, run_id: str) -> Run:
        """Let a paused run go on."""
        return self._post(Run, f"/v1/runs/{_part(run_id)}/resume")

    def metrics(self, run_id: str) -> Iterator[MetricPoint]:
        """The metric points of a run, first to last."""
        return self._items(MetricPoint, f"/v1/runs/{_part(run_id)}/metrics")

    def events(self, run_id: str, after: int = 0) -> Iterator[Event]:
        """What happens to a run, from event number `after` + 1 on, as it happens, until the run has ended.

        Between events come those of kind "progress", without a number: the run's state and progress.
        """
        return events.follow(self._transport, f"/v1/runs/{_part(run_id)}/events", after)

    def wait(self, run_id: str, told: Callable[[Event], None] | None = None) -> Run:
        """The run once it has succeeded, failed or been cancelled; `told` sees every event."""
        for event in self.events(run_id):
            if told:
                told(event)
        return self.run(run_id)

    def checkpoints(self, run_id: str) -> Iterator[Checkpoint]:
        """The checkpoints of a run."""
        return self._items(Checkpoint, f"/v1/runs/{_part(run_id)}/checkpoints")

    def checkpoint_bytes(self, run_id: str, digest: str) -> bytes:
        """A checkpoint's safetensors file: whole, or its generating half, whichever has this digest."""
        path = f"/v1/runs/{_part(run_id)}/checkpoints/{_part(digest)}"
        return self._transport.send("GET", path, accept="*/*").content

    def plots(self, run_id: str) -> Iterator[Plot]:
        """The pictures of a run and of its evaluation."""
        return self._items(Plot, f"/v1/runs/{_part(run_id)}/plots")

    def plot_bytes(self, run_id: str, name: str) -> bytes:
        """One picture of a run."""
        return self._transport.send("GET", f"/v1/runs/{_part(run_id)}/plots/{quote(name)}", accept="*/*").content

    def evaluate(self, run_id: str, samples: int | None = None, seed: int | None = None) -> Evaluation:
        """Ask for a run's evaluation."""
        body = {name: value for name, value in (("samples", samples), ("seed", seed)) if value is not None}
        return self._post(Evaluation, f"/v1/runs/{_part(run_id)}/evaluation", body)

    def evaluation(self, run_id: str) -> Evaluation:
        """The latest evaluation of a run."""
        return self._get(Evaluation, f"/v1/runs/{_part(run_id)}/evaluation")

    def wait_for_evaluation(self, run_id: str, seconds: float = 3600) -> Evaluation:
        """The evaluation once it has succeeded or failed. Raises StillGoing."""
        deadline = time.monotonic() + seconds
        while not (current := self.evaluation(run_id)).ended:
            if time.monotonic() > deadline:
                raise StillGoing(f"the evaluation of {run_id}", current.state, seconds)
            time.sleep(_POLL_S)
        return current

    # models and samples

    def models(self) -> Iterator[Model]:
        """All models."""
        return self._items(Model, "/v1/models")

    def model(self, name: str) -> Model:
        """A model by name."""
        return self._get(Model, f"/v1/models/{_part(name)}")

    def name_model(self, name: str, run: str, checkpoint: str | None = None) -> Model:
        """Point `name` at a checkpoint of `run`: the latest, or the one with this digest."""
        return self._post(Model, "/v1/models", {"name": name, "run": run, "checkpoint": checkpoint})

    def sample(self, model: str, n: int = 1, options: SampleOptions | None = None) -> Sample:
        """Draw `n` windows from a model (a name or a checkpoint digest)."""
        return self._post(Sample, f"/v1/models/{_part(model)}/samples", _draw(n, options))

    def sample_bytes(self, model: str, media_type: str, n: int = 1, options: SampleOptions | None = None) -> bytes:
        """As `sample`, in another form: "audio/midi" (n = 1), "image/png" or "application/zip"."""
        path = f"/v1/models/{_part(model)}/samples"
        return self._transport.send("POST", path, json=_draw(n, options), accept=media_type).content

    def get_sample(self, sample_id: str) -> Sample:
        """A sample that was drawn before."""
        return self._get(Sample, f"/v1/samples/{_part(sample_id)}")

    def get_sample_bytes(self, sample_id: str, form: str, window: int | None = None) -> bytes:
        """A sample drawn before as `form` "midi", "png" or "zip"; `window` picks one of many."""
        path = f"/v1/samples/{_part(sample_id)}"
        return self._transport.send("GET", path, params={"format": form, "window": window}, accept="*/*").content

    # keys

    def create_key(self, name: str, scopes: Iterable[str], expires_days: int | None = None) -> Key:
        """A new API key; its secret is in this answer only."""
        return self._post(Key, "/v1/keys", {"name": name, "scopes": list(scopes), "expires_days": expires_days})

    def keys(self) -> Iterator[Key]:
        """All API keys, without their secrets."""
        return self._items(Key, "/v1/keys")

    def revoke_key(self, key_id: str) -> None:
        """Make a key useless from now on."""
        self._transport.send("DELETE", f"/v1/keys/{_part(key_id)}")

    def _get(self, kind: type[R], path: str) -> R:
        return self._read(kind, path, self._transport.send("GET", path))

    def _post(
        self, kind: type[R], path: str, body: Mapping[str, Any] | None = None, idempotency_key: str | None = None
    ) -> R:
        given = {name: value for name, value in (body or {}).items() if value is not None}
        return self._read(kind, path, self._transport.send("POST", path, json=given, idempotency_key=idempotency_key))

    def _items(self, kind: type[R], path: str, **filters: str | None) -> Iterator[R]:
        cursor: str | None = None
        while True:
            response = self._transport.send("GET", path, params={"limit": _PAGE, "cursor": cursor, **filters})
            page = self._read(_Page, path, response)
            for item in page.items:
                yield self._as(kind, path, item)
            cursor = page.next_cursor
            if not cursor:
                return

    def _read(self, kind: type[R], path: str, response: httpx.Response) -> R:
        try:
            return self._as(kind, path, response.json())
        except ValueError as error:
            raise NotPianola(self.url, path) from error

    def _as(self, kind: type[R], path: str, document: object) -> R:
        try:
            return kind.model_validate(document)
        except ValidationError as error:
            raise NotPianola(self.url, path) from error


class _Catalogue(Resource):
    model_config = ConfigDict(frozen=True, extra="allow")


class _Page(Resource):
    items: list[dict[str, Any]]
    next_cursor: str | None = None


def _part(text: str) -> str:
    """One segment of a path."""
    return quote(text, safe="")


def _draw(n: int, options: SampleOptions | None) -> dict[str, Any]:
    return {"n": n, **(options.model_dump(exclude_none=True) if options else {})}


def _media_type(path: Path) -> str:
    return "application/zip" if path.suffix.lower() == ".zip" else "audio/midi"
