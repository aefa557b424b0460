"""Imports as a worker takes them from the queue."""

import hashlib
import threading
from collections.abc import Iterator

import pytest
import servers
from packing import MIDI, zipped
from sqlalchemy import text

from pianola.queue import IMPORT_FILES, send
from pianola.records import datasets, imports
from pianola.records.tables import Import

from .building import Workshop
from .web import Answer, Web, serving

DATA = zipped({f"{number}.mid": MIDI + bytes([number]) for number in range(20)})


@pytest.fixture
def server() -> Iterator[Web]:
    with serving() as web:
        yield web


@pytest.fixture
def shop(busy_workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    """A workshop whose workers may fetch from this machine."""
    monkeypatch.setenv("PIANOLA_IMPORT_PRIVATE", "true")
    monkeypatch.setenv("PIANOLA_SPOOL", str(busy_workshop.folder / "spool"))
    return busy_workshop


def ask(shop: Workshop, url: str) -> str:
    with shop.records.write() as session:
        dataset_id = datasets.create(session, "set", "piano", {}).id
        source = {"kind": "url", "url": url, "sha256": hashlib.sha256(DATA).hexdigest()}
        return imports.create(session, dataset_id, source).id


def row(shop: Workshop, import_id: str) -> Import:
    with shop.records.read() as session:
        return imports.get(session, import_id)


def ended(shop: Workshop, import_id: str) -> bool:
    return row(shop, import_id).state in ("succeeded", "failed")


def test_a_message_brings_the_files(shop: Workshop, server: Web) -> None:
    import_id = ask(shop, server.put("/set.zip", Answer(DATA)))
    with shop.worker():
        assert send(shop.celery(), IMPORT_FILES, import_id)
        servers.wait_for(lambda: ended(shop, import_id), 20, "the import")
    assert (row(shop, import_id).state, row(shop, import_id).files_added) == ("succeeded", 20)


def test_an_import_survives_its_worker(shop: Workshop, server: Web) -> None:
    never, at_once = threading.Event(), threading.Event()
    at_once.set()
    import_id = ask(shop, server.put("/set.zip", Answer(DATA, waits=never), Answer(DATA, waits=at_once)))
    with shop.worker() as worker:
        assert send(shop.celery(), IMPORT_FILES, import_id)
        servers.wait_for(lambda: server.asked, 20, "the download")
        worker.kill()
    never.set()
    assert row(shop, import_id).state == "running"
    spool = shop.folder / "spool"
    assert [path for path in spool.rglob("*") if path.is_file() and path.name != "lock"] == []
    with shop.records.write() as session:
        session.execute(text("UPDATE imports SET lease_until = created_at, sent_at = datetime(sent_at, '-1 hour')"))
    with shop.worker():
        servers.wait_for(lambda: ended(shop, import_id), 30, "the import, sent again by the reaper")
    done = row(shop, import_id)
    assert (done.state, done.files_added, done.attempt) == ("succeeded", 20, 2)
