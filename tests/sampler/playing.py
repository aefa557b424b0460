"""Models for the sampler's tests: untrained generators in a local store, with the rows of the runs that left them."""

import hashlib
import itertools
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

from flask.testing import FlaskClient

from pianola.codec.options import PRESETS
from pianola.models.presets import resolve
from pianola.objects import LocalStore
from pianola.records import Records, builds, datasets, leases, models, open_records, runs
from pianola.records.verdicts import FileVerdict
from pianola.settings import SamplerSettings
from pianola_http.context import EXTENSION
from pianola_sampler.app import create_app
from pianola_sampler.context import Context

LOWEST_PITCH = 17
_numbers = itertools.count(1)


@cache
def generator(seed: int, family: str = "gan", preset: str = "default") -> bytes:
    """The generating half of a learner that has learnt nothing: it plays noise, always the same."""
    import torch

    from pianola.models.registry import create_learner, save_generator

    learner = create_learner(family, preset, resolve(family, preset, {}), seed, 0.05)
    if family == "vae":
        # It draws from where windows lie, so it has to have seen some.
        windows = torch.rand(8, 1, 96, 96, generator=torch.Generator().manual_seed(seed)) < 0.05
        learner.calibrate([(windows.float(), None)])
    return save_generator(learner, LOWEST_PITCH)


@cache
def told_generator(family: str = "vae", values: tuple[str, ...] = ("Bach", "Satie")) -> bytes:
    """One that was told a composer, with windows that are high under the first and low under the other."""
    import torch

    from pianola.models.conditions import Condition
    from pianola.models.registry import create_learner, save_generator

    learner = create_learner(family, "default", resolve(family, "default", {}), 1, 0.05, len(values))
    windows = torch.zeros(8, 1, 96, 96)
    windows[::2, :, 20:24, ::4] = 1
    windows[1::2, :, 70:74, ::4] = 1
    learner.calibrate([(windows, torch.arange(8) % len(values))])
    return save_generator(learner, LOWEST_PITCH, Condition("composer", values))


@dataclass
class Stage:
    """Records and a store of a test's own, and the sampler on them."""

    folder: Path
    database_url: str
    records: Records = field(init=False)
    store: LocalStore = field(init=False)

    def __post_init__(self) -> None:
        self.records = open_records(self.database_url)
        self.store = LocalStore(self.folder / "objects")

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PIANOLA_DATABASE_URL": self.database_url,
            "PIANOLA_BROKER_URL": "redis://127.0.0.1:1/0",
            "PIANOLA_OBJECTS_DIR": str(self.folder / "objects"),
            "PIANOLA_AUTH": "none",
        }

    def settings(self, auth: Literal["keys", "none"] = "none", **others: Any) -> SamplerSettings:
        return SamplerSettings(
            database_url=self.database_url,
            broker_url="redis://127.0.0.1:1/0",
            objects_dir=self.folder / "objects",
            auth=auth,
            **others,
        )

    def client(self, auth: Literal["keys", "none"] = "none", **others: Any) -> FlaskClient:
        """A client of a new sampler with these settings."""
        client: FlaskClient = create_app(self.settings(auth, **others)).test_client()
        return client

    def dataset(self) -> str:
        """A dataset that counts as built; its id."""
        with self.records.write() as session:
            dataset = datasets.create(session, f"songs {next(_numbers)}", "piano", PRESETS["piano"].to_json())
            datasets.add_files(session, dataset.id, [datasets.NewFile("a.mid", "0" * 64, 1)])
        with self.records.write() as session:
            builds.start_build(session, dataset.id)
            builds.plan(session, dataset.id)
            work = builds.begin_chunk(session, dataset.id, 0)
            assert work is not None
            verdict = FileVerdict(0, True, 9, 40, {}, [], None, None, None)
            builds.finish_chunk(session, dataset.id, 0, builds.ChunkResult(work.build, [verdict], []))
            builds.commit_build(session, dataset.id, builds.Committed(work.build, "0" * 64, "manifest", 9))
        return dataset.id

    def checkpoint(
        self,
        data: bytes,
        model: str | None = None,
        dataset: str | None = None,
        family: str = "gan",
        latent: bytes | None = None,
        **options: object,
    ) -> str:
        """Commit a checkpoint whose generating half is `data`; its digest. `model` will point at it.

        Its run has these options and is of `dataset`, where one is given; latent: the table of positions kept with it.
        """
        number = next(_numbers)
        digest = hashlib.sha256(data).hexdigest()
        key = f"runs/test/generator-{digest}"
        self.store.put(key, data)
        of = dataset or self.dataset()
        with self.records.write() as session:
            found = datasets.get(session, of)
            run = runs.submit(session, found, family=family, preset="default", options=options, seed=1, queue="train")
        kept = []
        if latent is not None:
            name, place = f"latent-{number}.safetensors", f"runs/{run.id}/latent"
            self.store.put(place, latent)
            kept = [leases.NewArtefact(name, "latent", number, place, "application/vnd.safetensors", len(latent))]
        with self.records.write() as session:
            claimed = leases.claim(session, run.id, "worker", 60)
            assert claimed is not None
            new = leases.NewCheckpoint(
                step=number,
                epoch=1,
                key=f"runs/test/whole-{digest}",
                digest=whole(digest),
                size=1,
                generator_key=key,
                generator_digest=digest,
                generator_size=len(data),
                manifest_key="manifest",
                final=True,
            )
            committed = leases.commit_checkpoint(session, run.id, claimed.attempt, new, {}, kept)
            if model is not None:
                models.point(session, model, committed.id)
        return digest


def whole(digest: str) -> str:
    """The digest of the whole checkpoint whose generating half has `digest`."""
    return hashlib.sha256(digest.encode()).hexdigest()


def context_of(client: FlaskClient) -> Context:
    context: Context = client.application.extensions[EXTENSION]
    return context
