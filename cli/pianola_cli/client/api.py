"""The client: one method for everything a Pianola server does."""

from __future__ import annotations

import time
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pydantic import ConfigDict

from pianola_cli.client import events
from pianola_cli.client.datasets import Datasets
from pianola_cli.client.problems import StillGoing
from pianola_cli.client.requests import POLL_S, part
from pianola_cli.client.resources.keys import Key
from pianola_cli.client.resources.models import LatentMap, Model, Sample, SampleOptions, Vectors
from pianola_cli.client.resources.resource import Resource
from pianola_cli.client.resources.runs import Checkpoint, Comparison, Evaluation, Event, MetricPoint, Plot, Run


class Client(Datasets):
    """A Pianola server at `url`, with API key `key` where it asks for one.

    Every method raises ApiProblem when the server refuses and NoAnswer when none answers.

    >>> with Client("http://127.0.0.1:8470") as pianola:
    ...     run = pianola.train("waltzes", "vae", options={"seconds": 60}, model="vienna")
    """

    # runs

    def families(self) -> dict[str, Any]:
        """The catalogue of model families, presets and their run options, as the server describes them."""
        return self._get(_Catalogue, "/v1/families").model_dump()

    def train(
        self,
        dataset: str,
        family: str | None = None,
        preset: str | None = None,
        options: Mapping[str, Any] | None = None,
        seed: int | None = None,
        model: str | None = None,
        device: str | None = None,
        idempotency_key: str | None = None,
        from_checkpoint: str | None = None,
    ) -> Run:
        """Submit a run. `model` is a name that will point at the result; `device` is "cpu" (if not given) or "gpu".

        from_checkpoint: the model's name, run's id or checkpoint's digest whose weights it begins with (fine-tuning);
        then family, preset and the option condition are its own, if not given. The preset is else "default".
        """
        body = {
            "dataset": dataset,
            "family": family,
            "preset": preset,
            "options": dict(options or {}) or None,
            "seed": seed,
            "model": model,
            "device": device,
            "from_checkpoint": from_checkpoint,
        }
        return self._post(Run, "/v1/runs", body, idempotency_key)

    def runs(self, state: str | None = None, dataset: str | None = None) -> Iterator[Run]:
        """All runs, newest first, or those in `state` or of `dataset`."""
        return self._items(Run, "/v1/runs", state=state, dataset=dataset)

    def run(self, run_id: str) -> Run:
        """A run."""
        return self._get(Run, f"/v1/runs/{part(run_id)}")

    def cancel(self, run_id: str) -> Run:
        """Ask a run to stop for good."""
        return self._post(Run, f"/v1/runs/{part(run_id)}/cancel")

    def pause(self, run_id: str) -> Run:
        """Ask a run to stop after saving a checkpoint, to be resumed later."""
        return self._post(Run, f"/v1/runs/{part(run_id)}/pause")

    def resume(self, run_id: str) -> Run:
        """Let a paused run go on."""
        return self._post(Run, f"/v1/runs/{part(run_id)}/resume")

    def metrics(self, run_id: str) -> Iterator[MetricPoint]:
        """The metric points of a run, first to last."""
        return self._items(MetricPoint, f"/v1/runs/{part(run_id)}/metrics")

    def events(self, run_id: str, after: int = 0) -> Iterator[Event]:
        """What happens to a run, from event number `after` + 1 on, as it happens, until the run has ended.

        Between events come those of kind "progress", without a number: the run's state and progress.
        """
        return events.follow(self._transport, f"/v1/runs/{part(run_id)}/events", after)

    def wait(self, run_id: str, told: Callable[[Event], None] | None = None) -> Run:
        """The run once it has succeeded, failed or been cancelled; `told` sees every event."""
        for event in self.events(run_id):
            if told:
                told(event)
        return self.run(run_id)

    def checkpoints(self, run_id: str) -> Iterator[Checkpoint]:
        """The checkpoints of a run."""
        return self._items(Checkpoint, f"/v1/runs/{part(run_id)}/checkpoints")

    def checkpoint_bytes(self, run_id: str, digest: str) -> bytes:
        """A checkpoint's safetensors file: whole, or its generating half, whichever has this digest."""
        path = f"/v1/runs/{part(run_id)}/checkpoints/{part(digest)}"
        return self._bytes(path)

    def plots(self, run_id: str) -> Iterator[Plot]:
        """The pictures of a run and of its evaluation."""
        return self._items(Plot, f"/v1/runs/{part(run_id)}/plots")

    def plot_bytes(self, run_id: str, name: str) -> bytes:
        """One picture of a run."""
        return self._bytes(f"/v1/runs/{part(run_id)}/plots/{quote(name)}")

    def evaluate(self, run_id: str, samples: int | None = None, seed: int | None = None) -> Evaluation:
        """Ask for a run's evaluation."""
        body = {name: value for name, value in (("samples", samples), ("seed", seed)) if value is not None}
        return self._post(Evaluation, f"/v1/runs/{part(run_id)}/evaluation", body)

    def evaluation(self, run_id: str) -> Evaluation:
        """The latest evaluation of a run."""
        return self._get(Evaluation, f"/v1/runs/{part(run_id)}/evaluation")

    def wait_for_evaluation(self, run_id: str, seconds: float = 3600) -> Evaluation:
        """The evaluation once it has succeeded or failed. Raises StillGoing."""
        deadline = time.monotonic() + seconds
        while not (current := self.evaluation(run_id)).ended:
            if time.monotonic() > deadline:
                raise StillGoing(f"the evaluation of {run_id}", current.state, seconds)
            time.sleep(POLL_S)
        return current

    def comparison(self, run_ids: Sequence[str]) -> Comparison:
        """The newest evaluations of up to six runs on one dataset, and the plots that show them side by side."""
        return self._get(Comparison, "/v1/comparisons", {"runs": ",".join(run_ids)})

    def comparison_plot_bytes(self, run_ids: Sequence[str], name: str) -> bytes:
        """One of those plots."""
        return self._bytes(f"/v1/comparisons/plots/{part(name)}", {"runs": ",".join(run_ids)})

    # models and samples

    def models(self) -> Iterator[Model]:
        """All models."""
        return self._items(Model, "/v1/models")

    def model(self, name: str) -> Model:
        """A model by name."""
        return self._get(Model, f"/v1/models/{part(name)}")

    def name_model(self, name: str, run: str, checkpoint: str | None = None) -> Model:
        """Point `name` at a checkpoint of `run`: the latest, or the one with this digest."""
        return self._post(Model, "/v1/models", {"name": name, "run": run, "checkpoint": checkpoint})

    def sample(self, model: str, n: int = 1, options: SampleOptions | None = None) -> Sample:
        """Draw `n` windows from a model (a name or a checkpoint digest); of given positions, one each."""
        return self._post(Sample, f"/v1/models/{part(model)}/samples", _draw(n, options))

    def sample_bytes(self, model: str, media_type: str, n: int = 1, options: SampleOptions | None = None) -> bytes:
        """As `sample`, in another form: "audio/midi" or "audio/wav" (n = 1), "image/png", "application/zip" ..."""
        path = f"/v1/models/{part(model)}/samples"
        return self._transport.send("POST", path, json=_draw(n, options), accept=media_type).content

    def interpolate(
        self,
        model: str,
        begin: Mapping[str, Any],
        to: Mapping[str, Any],
        steps: int = 8,
        way: str = "slerp",
        options: SampleOptions | None = None,
    ) -> Sample:
        """Windows on the way between two, kept as a sample.

        begin, to: {"seed": 7}, {"sample": id, "window": 0}, {"z": [...]} or `uploaded(path)`.
        way: "slerp", along an arc, or "linear".
        options: without seed and z.
        """
        body = options.model_dump(exclude_none=True) if options else {}
        body |= {"from": dict(begin), "to": dict(to), "steps": steps, "way": way}
        return self._post(Sample, f"/v1/models/{part(model)}/interpolations", body)

    def play(
        self,
        model: str,
        beats: int = 64,
        drift: float | None = None,
        begin: Mapping[str, Any] | None = None,
        options: SampleOptions | None = None,
    ) -> Sample:
        """A piece of 16 to 512 quarter notes, whole windows of 8, kept as a sample whose windows are one music.

        drift: how far it may move from how it begins, 0 to 1. begin: {"sample": id, "window": 0}, {"seed": 7} or
        {"z": [...]} to go on from, instead of the window that the seed draws. options: without z and at.
        """
        body = options.model_dump(exclude_none=True) if options else {}
        body |= {"beats": beats}
        body |= {} if drift is None else {"drift": drift}
        body |= {} if begin is None else {"from": dict(begin)}
        return self._post(Sample, f"/v1/models/{part(model)}/pieces", body)

    def vary(
        self,
        model: str,
        source: Mapping[str, Any],
        strength: float | None = None,
        n: int = 1,
        options: SampleOptions | None = None,
    ) -> Sample:
        """`n` variations of music, kept as a sample: strength 0 is the music itself, 1 new music near it.

        source: `uploaded(path)`, or {"sample": id}; with "window", the first, and "windows", how many. options: without
        z and at.
        """
        body = options.model_dump(exclude_none=True) if options else {}
        body |= {"source": dict(source), "n": n} | ({} if strength is None else {"strength": strength})
        return self._post(Sample, f"/v1/models/{part(model)}/variations", body)

    def reconstruct(self, model: str, source: Mapping[str, Any], options: SampleOptions | None = None) -> Sample:
        """What a model makes of music, kept as a sample; source as of `vary`, options without seed, z and at."""
        body = options.model_dump(exclude_none=True) if options else {}
        return self._post(Sample, f"/v1/models/{part(model)}/reconstructions", body | {"source": dict(source)})

    def vectors(self, model: str) -> Vectors:
        """The directions of a model along which its music gets denser, higher, longer ..."""
        return self._get(Vectors, f"/v1/models/{part(model)}/vectors")

    def map(self, model: str, field: str | None = None) -> LatentMap:
        """Where the windows of a model's dataset lie in its latent space; `field` is the label field to show."""
        return self._get(LatentMap, f"/v1/models/{part(model)}/map", {"field": field})

    def map_bytes(self, model: str, form: str, field: str | None = None) -> bytes:
        """The map as a picture, coloured by label: `form` is png or svg."""
        return self._bytes(f"/v1/models/{part(model)}/map", {"format": form, "field": field})

    def get_sample(self, sample_id: str) -> Sample:
        """A sample that was drawn before."""
        return self._get(Sample, f"/v1/samples/{part(sample_id)}")

    def get_sample_bytes(self, sample_id: str, form: str, window: int | None = None) -> bytes:
        """A sample drawn before as `form` (midi, wav, musicxml, png, svg or zip); `window` picks one of many."""
        path = f"/v1/samples/{part(sample_id)}"
        return self._bytes(path, {"format": form, "window": window})

    def delete_sample(self, sample_id: str) -> None:
        """Forget a sample."""
        self._transport.send("DELETE", f"/v1/samples/{part(sample_id)}")

    # keys

    def create_key(self, name: str, scopes: Iterable[str], expires_days: int | None = None) -> Key:
        """A new API key; its secret is in this answer only."""
        return self._post(Key, "/v1/keys", {"name": name, "scopes": list(scopes), "expires_days": expires_days})

    def keys(self) -> Iterator[Key]:
        """All API keys, without their secrets."""
        return self._items(Key, "/v1/keys")

    def revoke_key(self, key_id: str) -> None:
        """Make a key useless from now on."""
        self._transport.send("DELETE", f"/v1/keys/{part(key_id)}")


def uploaded(path: Path, **more: Any) -> dict[str, Any]:
    """A MIDI file as a source of variations and reconstructions, or as an end of an interpolation or a piece.

    more: window, which of the file; of a source also windows, how many from there on.
    """
    return {"midi": b64encode(path.read_bytes()).decode(), "name": path.name, **more}


class _Catalogue(Resource):
    model_config = ConfigDict(frozen=True, extra="allow")


def _draw(n: int, options: SampleOptions | None) -> dict[str, Any]:
    body = options.model_dump(exclude_none=True) if options else {}
    return body if ("z" in body or "at" in body) and n == 1 else {"n": n, **body}
