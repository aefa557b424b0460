"""What the page does with a model that plays, for the journey that has trained one."""

from pathlib import Path

from playwright.sync_api import Page, expect

from pianola.codec.reader import read_midi


def a_piece_of_a_seed(page: Page) -> None:
    """Objected to where it is too long, played from its roll, the same again from its address, and taken away whole."""
    piece = page.get_by_role("article", name="Piece", exact=True)
    page.get_by_label("Seed", exact=True).fill("1")
    page.get_by_label("Beats").fill("1000")
    page.get_by_role("button", name="Piece of this seed").click()
    expect(page.get_by_label("Beats")).to_be_focused()
    expect(page.get_by_label("Beats")).to_have_attribute("aria-invalid", "true")
    expect(piece).to_have_count(0)
    page.get_by_label("Beats").fill("32")
    page.get_by_label("Drift").fill("0.25")
    with page.expect_response("**/pieces") as answered:
        page.get_by_role("button", name="Piece of this seed").click()
    told = answered.value.json()
    assert (told["seed"], told["n"], told["options"]["drift"]) == (1, 4, 0.25)
    expect(piece).to_have_count(1)
    with page.expect_response("**/pieces") as again:
        page.reload()
    assert again.value.json()["id"] == told["id"], "the address is the music"
    expect(page.get_by_label("Beats")).to_have_value("32")
    expect(page.get_by_role("article")).to_have_count(1)
    with page.expect_download() as download:
        piece.get_by_role("button", name="as MIDI").click()
    taken = Path(download.value.path()).read_bytes()
    assert read_midi(taken).strikes.sum() == sum(len(window["notes"]) for window in told["windows"])
