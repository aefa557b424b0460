"""Imports: from recipes; and that nothing half-done stays of any."""

import threading
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import servers
from packing import MIDI, zipped
from sqlalchemy import text

from pianola.intake import recipes
from pianola.objects import StoreUnavailable
from pianola.records import imports
from pianola_preprocess.importing import fail_import, run_import

from .importing import ARCHIVE, Importer, sha256
from .web import Answer
from .web import Web as Server


def test_a_recipe_is_fetched_checked_and_placed(
    importer: Importer, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = zipped({"set-1/midi/Bach/a.mid": MIDI, "set-1/midi/Songs/b.mid": MIDI, "set-1/README.md": b"x"})
    recipe = recipes.Recipe(
        name="set-1",
        title="Set 1",
        about="",
        homepage="",
        url=server.put("/zip/1", Answer(data)),
        sha256=sha256(data),
        size=len(data),
        files=1,
        licence="CC0",
        licence_url="https://creativecommons.org/publicdomain/zero/1.0/",
        attribution="",
        root="set-1/midi/",
        left_out=("Songs/",),
    )
    monkeypatch.setattr(recipes, "RECIPES", {"set-1": recipe})
    row = importer.run({"kind": "recipe", "recipe": "set-1", "accept_licence": True})
    assert (row.state, row.files_added, row.files_skipped) == ("succeeded", 1, 0)
    assert importer.names() == ["Bach/a.mid"]


def test_a_recipe_whose_licence_is_not_accepted_fetches_nothing(importer: Importer) -> None:
    for source in (
        {"kind": "recipe", "recipe": "maestro-v3"},
        {"kind": "recipe", "recipe": "maestro-v3", "accept_licence": False},
    ):
        row = importer.run(source, import_private=False)
        assert "CC BY-NC-SA 4.0" in str(row.error)
        assert "accept it" in str(row.error)
    assert "there are maestro-v3" in str(importer.run({"kind": "recipe", "recipe": "x", "accept_licence": True}).error)


@pytest.mark.parametrize("source", [{}, {"kind": "ftp"}, {"kind": "url", "url": "http://example.org"}, {"kind": "s3"}])
def test_a_source_of_no_kind_is_answered_with_those_there_are(importer: Importer, source: Mapping[str, object]) -> None:
    assert "is not a source" in str(importer.run(dict(source)).error)


class FailingStore:
    """A store that is away from its second object on."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.puts = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def put(self, key: str, data: bytes) -> None:
        self.puts += 1
        if self.puts == 2:
            raise StoreUnavailable("write", "it is away")
        self._store.put(key, data)


def test_an_outage_of_the_store_gives_the_import_back_and_the_next_try_ends_it(
    importer: Importer, server: Server
) -> None:
    data = zipped(ARCHIVE)
    source = {"kind": "url", "url": server.put("/set.zip", Answer(data)), "sha256": sha256(data)}
    with pytest.raises(StoreUnavailable):
        importer.run(source, FailingStore(importer.workshop.store))
    (import_id,) = _ids(importer)
    assert (importer.row(import_id).state, importer.names()) == ("queued", [])
    run_import(importer.workshop.records, importer.workshop.store, importer.settings(), import_id)
    assert importer.row(import_id).state == "succeeded"
    assert importer.names() == ["one/a.mid", "one/b.mid"]


def test_a_conflict_adds_nothing_of_the_import(importer: Importer, server: Server) -> None:
    importer.workshop.add(importer.dataset_id, {"one/b.mid": MIDI})
    data = zipped(ARCHIVE)
    row = importer.url(server.put("/set.zip", Answer(data)), data)
    assert "'one/b.mid'" in str(row.error)
    assert importer.names() == ["one/b.mid"]


def test_a_dataset_that_was_closed_meanwhile_takes_nothing(importer: Importer, server: Server) -> None:
    data = zipped(ARCHIVE)
    import_id = importer.ask({"kind": "url", "url": server.put("/set.zip", Answer(data)), "sha256": sha256(data)})
    with importer.workshop.records.write() as session:
        session.execute(text("UPDATE datasets SET state = 'built' WHERE id = :id"), {"id": importer.dataset_id})
    run_import(importer.workshop.records, importer.workshop.store, importer.settings(), import_id)
    assert "is built" in str(importer.row(import_id).error)


def test_a_second_delivery_finds_nothing_to_do(importer: Importer, server: Server) -> None:
    data = zipped(ARCHIVE)
    import_id = importer.ask({"kind": "url", "url": server.put("/set.zip", Answer(data)), "sha256": sha256(data)})
    for _ in range(2):
        run_import(importer.workshop.records, importer.workshop.store, importer.settings(), import_id)
    assert len(server.asked) == 1
    assert importer.row(import_id).attempt == 1


def test_the_lease_is_kept_while_the_import_takes_its_time(importer: Importer, server: Server) -> None:
    data = zipped(ARCHIVE)
    arrived, go_on = threading.Event(), threading.Event()
    import_id = importer.ask({"kind": "url", "url": server.put("/set.zip", Answer(data)), "sha256": sha256(data)})
    settings = importer.settings(lease_seconds=1, heartbeat_seconds=0.1)
    work = threading.Thread(
        target=run_import,
        args=(importer.workshop.records, _Waiting(importer.workshop.store, arrived, go_on), settings, import_id),
    )
    work.start()
    assert arrived.wait(10)
    first = importer.row(import_id).lease_until
    servers.wait_for(lambda: importer.row(import_id).lease_until > first, 10, "a heartbeat")
    servers.wait_for(lambda: importer.row(import_id).bytes_done == len(data), 10, "progress")
    assert importer.row(import_id).bytes_total == len(data)
    with importer.workshop.records.write() as session:
        assert imports.claim(session, import_id, 1) is None
    go_on.set()
    work.join(10)
    assert importer.row(import_id).state == "succeeded"


def test_whoever_lost_the_lease_adds_nothing(importer: Importer, server: Server) -> None:
    data = zipped(ARCHIVE)
    arrived, go_on = threading.Event(), threading.Event()
    import_id = importer.ask({"kind": "url", "url": server.put("/set.zip", Answer(data)), "sha256": sha256(data)})
    work = threading.Thread(
        target=run_import,
        args=(
            importer.workshop.records,
            _Waiting(importer.workshop.store, arrived, go_on),
            importer.settings(heartbeat_seconds=60),
            import_id,
        ),
    )
    work.start()
    assert arrived.wait(10)
    with importer.workshop.records.write() as session:
        session.execute(text("UPDATE imports SET attempt = attempt + 1"))
    go_on.set()
    work.join(10)
    assert (importer.row(import_id).state, importer.names()) == ("running", [])


class _Waiting:
    """A store that waits before its first object."""

    def __init__(self, store: Any, arrived: threading.Event, go_on: threading.Event) -> None:
        self._store, self._arrived, self._go_on = store, arrived, go_on

    def __getattr__(self, name: str) -> Callable[..., Any]:
        self._arrived.set()
        assert self._go_on.wait(20)
        found: Callable[..., Any] = getattr(self._store, name)
        return found


def test_a_fault_of_pianola_ends_the_import(importer: Importer) -> None:
    import_id = importer.ask({"kind": "s3", "bucket": "b", "prefix": ""})
    with importer.workshop.records.write() as session:
        imports.claim(session, import_id, 60)
    fail_import(importer.workshop.records, import_id, "a fault in Pianola")
    fail_import(importer.workshop.records, import_id, "a later one")
    assert importer.row(import_id).error == "a fault in Pianola"


def test_many_skipped_files_are_counted_and_the_first_are_named(importer: Importer, server: Server) -> None:
    data = zipped({"a.mid": MIDI} | {f"{number}.txt": b"" for number in range(300)})
    row = importer.url(server.put("/set.zip", Answer(data)), data)
    assert (row.files_added, row.files_skipped, len(row.skipped)) == (1, 300, 100)


def _ids(importer: Importer) -> list[str]:
    with importer.workshop.records.read() as session:
        return [row.id for row in imports.list_page(session, importer.dataset_id, 10, None).rows]
