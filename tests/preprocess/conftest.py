from collections.abc import Iterator
from pathlib import Path

import pytest
from corpus import midi_files

from .building import Workshop
from .importing import Importer
from .web import Web, serving


@pytest.fixture
def workshop(tmp_path: Path, sqlite_url: str) -> Workshop:
    """Records and a store; no broker, no worker."""
    return Workshop(tmp_path, sqlite_url)


@pytest.fixture
def busy_workshop(tmp_path: Path, sqlite_url: str, broker_url: str) -> Workshop:
    """Records, a store and a broker."""
    return Workshop(tmp_path, sqlite_url, broker_url)


@pytest.fixture(scope="session")
def music() -> dict[str, bytes]:
    """A few pieces that are in order."""
    return {path.name: path.read_bytes() for path in midi_files("small")[:6]}


@pytest.fixture(scope="session")
def dirty() -> dict[str, bytes]:
    """Files of which many must be refused."""
    return {path.name: path.read_bytes() for path in midi_files("dirty")}


@pytest.fixture
def server() -> Iterator[Web]:
    with serving() as web:
        yield web


@pytest.fixture
def importer(workshop: Workshop) -> Iterator[Importer]:
    made = Importer(workshop)
    yield made
    spool = workshop.folder / "spool"
    assert not spool.exists() or list(spool.iterdir()) == []
