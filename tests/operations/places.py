"""Systems to back up, restore and clear up: on SQLite and a folder, or on PostgreSQL and S3."""

import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from pianola.objects import ObjectStore, open_store
from pianola.records import Records, open_records
from pianola.settings import SamplerSettings, Settings
from pianola_sampler.app import create_app
from pianola_trainer.child import Child
from pianola_trainer.tasks import ATTEMPT


@dataclass(frozen=True)
class Place:
    """One system's records and store, and the variables by which processes find them."""

    folder: Path
    environment: Mapping[str, str]

    @property
    def settings(self) -> Settings:
        with patch.dict(os.environ, self.environment):
            return Settings()

    @contextmanager
    def opened(self) -> Iterator[tuple[Records, ObjectStore]]:
        records = open_records(self.settings.database_url)
        yield records, open_store(self.settings)
        records.dispose()

    @contextmanager
    def attempt(self, run_id: str, number: int) -> Iterator[Child]:
        """The attempt's own process."""
        workspace = self.folder / f"{run_id}-a{number}"
        workspace.mkdir(parents=True)
        with patch.dict(os.environ, self.environment):
            child = Child(ATTEMPT, [run_id, str(number)], workspace, threads=1)
        try:
            yield child
        finally:
            child.close()

    def sampler(self) -> Any:
        """A client of a sampler."""
        with patch.dict(os.environ, self.environment):
            return create_app(SamplerSettings(auth="none", port=0)).test_client()


def place(folder: Path, database_url: str, store: Mapping[str, str]) -> Place:
    """A system: nothing is made or migrated."""
    always = {"PIANOLA_BROKER_URL": "redis://127.0.0.1:1/0", "PIANOLA_TORCH_THREADS": "1"}
    return Place(folder, {**always, "PIANOLA_DATABASE_URL": database_url, **store})


def small(folder: Path) -> Place:
    """On SQLite and a folder."""
    folder.mkdir()
    return place(folder, f"sqlite:///{folder}/records.sqlite", {"PIANOLA_OBJECTS_DIR": str(folder / "objects")})


def large(folder: Path, request: pytest.FixtureRequest) -> Place:
    """On PostgreSQL, migrated, and a bucket of its own on an S3 server."""
    folder.mkdir()
    bucket = f"place-{uuid.uuid4().hex}"
    return place(folder, request.getfixturevalue("postgres_url"), request.getfixturevalue("s3").environment(bucket))
