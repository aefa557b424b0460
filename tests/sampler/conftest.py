from pathlib import Path

import pytest
from flask.testing import FlaskClient

from .playing import Stage, generator


@pytest.fixture(scope="session")
def first() -> bytes:
    """A generator."""
    return generator(1)


@pytest.fixture(scope="session")
def second() -> bytes:
    """Another one."""
    return generator(2)


@pytest.fixture
def stage(tmp_path: Path, sqlite_url: str) -> Stage:
    """Records and a store, without models."""
    return Stage(tmp_path, sqlite_url)


@pytest.fixture
def client(stage: Stage, first: bytes) -> FlaskClient:
    """A sampler with one model, `waltz`."""
    stage.checkpoint(first, "waltz")
    return stage.client()
