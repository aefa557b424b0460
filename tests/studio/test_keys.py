"""The studio on an api that asks for keys."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import servers
from corpus import midi_files
from playwright.sync_api import Page, expect

from pianola.records import keys, open_records
from pianola.records.keys import Scope


@pytest.fixture
def guarded(sqlite_url: str, tmp_path: Path) -> Iterator[tuple[str, str, str]]:
    """An api with two keys; yields its URL, a key that may only read and one that may write."""
    records = open_records(sqlite_url)
    with records.write() as session:
        _, reading = keys.create(session, "reader", [Scope.READ])
        _, writing = keys.create(session, "writer", [Scope.WRITE])
    records.dispose()
    port = servers.free_port()
    environment = {
        "PIANOLA_DATABASE_URL": sqlite_url,
        "PIANOLA_BROKER_URL": "redis://127.0.0.1:1/0",
        "PIANOLA_OBJECTS_DIR": str(tmp_path / "objects"),
        "PIANOLA_PORT": str(port),
        "PIANOLA_AUTH": "keys",
    }
    url = f"http://127.0.0.1:{port}"
    with servers.process([sys.executable, "-m", "pianola_api"], environment, tmp_path / "api.log"):
        servers.wait_for(lambda: servers.answers(f"{url}/livez"), 30, "api alive")
        yield url, reading, writing


def enter(page: Page, key: str) -> None:
    page.get_by_label("API key").fill(key)
    page.get_by_role("button", name="Use this key").click()


def create(page: Page) -> None:
    page.get_by_role("link", name="New dataset").first.click()
    page.get_by_label("Choose files").set_input_files(midi_files("small")[:2])
    page.get_by_label("Name", exact=True).fill("with key")
    page.get_by_label("Build as soon as").uncheck()
    page.get_by_role("button", name="Create dataset with 2 files").click()


def test_a_key_is_asked_for_and_kept_in_the_tab_alone(guarded: tuple[str, str, str], refused_page: Page) -> None:
    url, reading, writing = guarded
    page = refused_page
    page.goto(f"{url}/#/datasets")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    enter(page, "pk_wrong")
    expect(dialog).to_be_visible()
    enter(page, reading)
    expect(page.get_by_role("heading", name="No dataset yet")).to_be_visible()

    create(page)
    expect(page.get_by_role("alert")).to_contain_text("write")

    page.get_by_role("button", name="Forget key").click()
    page.get_by_role("navigation", name="Studio").get_by_role("link", name="Datasets").click()
    enter(page, writing)
    create(page)
    expect(page.get_by_role("heading", name="with key")).to_be_visible()
    expect(page.get_by_role("row")).to_have_count(3)

    page.reload()
    expect(page.get_by_role("heading", name="with key")).to_be_visible()
    assert page.evaluate("localStorage.length") == 0
    assert page.evaluate("document.cookie") == ""
    other = page.context.new_page()
    other.goto(f"{url}/#/datasets")
    expect(other.get_by_role("dialog")).to_be_visible()
