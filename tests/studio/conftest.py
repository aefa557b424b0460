"""Pages for tests in which the server says no: the browser logs every such answer as an error."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page


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
