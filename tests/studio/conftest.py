"""Pages for tests in which the server says no, which the browser logs as errors; and for tests of single modules."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from .serving import Modules, serve


@pytest.fixture
def refused_page(browser: Browser) -> Iterator[Page]:
    """A fresh page; the test fails when anything but a refused request came to the console."""
    context = browser.new_context()
    page = context.new_page()
    errors: list[str] = []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    context.close()
    assert [error for error in errors if not error.startswith("Failed to load resource")] == []


@pytest.fixture(scope="module")
def modules() -> Iterator[Modules]:
    with serve() as served:
        yield served


@pytest.fixture
def run(modules: Modules, browser_page: Page) -> Any:
    """Runs the body of an async function in which `load(name)` imports a module of the studio."""
    browser_page.goto(modules.url)
    head = "async (given) => { const load = (name) => import(`/studio/${name}`);"
    return lambda body, given=None: browser_page.evaluate(f"{head} {body} }}", given)
