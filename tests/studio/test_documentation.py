"""The page at /docs in a real browser, on a system in which api and sampler share an address."""

from playwright.sync_api import Page, expect
from servers import Embedded


def test_the_documentation_shows_what_api_and_sampler_answer(embedded: Embedded, browser_page: Page) -> None:
    browser_page.goto(f"{embedded.url}/docs")
    for part, path, shape in (
        ("/openapi.json", "/v1/datasets/{dataset}/build", "NewDataset"),
        ("/sampler/openapi.json", "/v1/models/{name}/pieces", "NewPiece"),
    ):
        browser_page.get_by_label("Select a definition").select_option(part)
        expect(browser_page.locator(f'[data-path="{path}"]')).to_be_visible(timeout=20_000)
        expect(browser_page.locator(".models").get_by_text(shape, exact=True)).to_be_visible()
