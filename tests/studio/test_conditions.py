"""Labels and fine-tuning in the page: what a run is told, what its model is asked for, and going on from it."""

import re
import uuid
from pathlib import Path

from corpus import midi_files
from playwright.sync_api import Page, expect
from servers import Embedded

from pianola_cli.client import Client

from .hearing import (
    a_piece_of_a_seed,
    something_like_a_song,
    the_map,
    what_the_model_makes_of_a_song,
    what_the_model_makes_of_what_it_drew,
)
from .test_studio import RUN_SECONDS, state


def labelled(url: str, folder: Path, name: str) -> None:
    """A built dataset of two composers, two pieces each."""
    pieces = midi_files("small")[:4]
    for number, piece in enumerate(pieces):
        place = folder / ("Bach", "Satie")[number % 2] / piece.name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(piece.read_bytes())
    with Client(url) as client:
        client.create_dataset(name, options={"folder_labels": ["composer"]})
        client.upload(name, [folder])
        client.build(name)
        client.wait_for_dataset(name)


def the_way_to_another_seed_in_a_key(page: Page) -> None:
    """Drawn as asked, kept in the address, and taken away as one sample."""
    notes = page.locator("article canvas, article svg")
    page.get_by_label("Seed", exact=True).fill("1")
    page.get_by_label("To seed").fill("2")
    page.get_by_role("button", name="Draw the way").click()
    about = page.locator("#sample-about")
    expect(about).to_contain_text("8 windows on the way between seed 1 and 2")
    assert notes.count() > 0
    with page.expect_response(re.compile("/interpolations$")) as answered:
        page.get_by_label("Snap to").select_option("D major")
    told = answered.value.json()
    assert (told["n"], told["options"]["key"], told["options"]["label"]) == (8, "D major", "Satie")
    sounding = {note["pitch"] % 12 for window in told["windows"] for note in window["notes"]}
    assert sounding <= {2, 4, 6, 7, 9, 11, 1}
    expect(page.get_by_label("Temperature")).to_have_attribute("placeholder", f"{told['options']['temperature']:.3g}")
    with page.expect_response(re.compile("/interpolations$")) as again:
        page.reload()
    assert again.value.json()["id"] == told["id"], "the address is the music"
    with page.expect_download() as download:
        page.get_by_role("button", name="All as zip").click()
    assert download.value.suggested_filename.endswith("-1-2.zip")


def test_a_model_is_told_a_label_asked_for_it_and_gone_on_from(
    embedded: Embedded, refused_page: Page, tmp_path: Path
) -> None:
    page, name = refused_page, f"labels-{uuid.uuid4().hex[:8]}"
    labelled(embedded.url, tmp_path / "shelf", name)
    page.goto(f"{embedded.url}/#/new/run?dataset={name}")
    label = page.get_by_label("Label", exact=True)
    expect(label.locator("option")).to_have_text(["nothing", "composer (2 values)"])
    expect(page.get_by_label("Begin with").locator(f"option[value={name}]")).to_have_count(0)
    page.get_by_label("Preset").select_option("thesis")
    expect(label).to_be_hidden()
    page.get_by_label("Preset").select_option("default")
    label.select_option("composer")
    page.get_by_role("radio", name="epochs").check()
    page.get_by_label("Epochs", exact=True).last.fill("1")
    page.get_by_label("Model name").fill(name)
    page.get_by_role("button", name="Start the run").click()
    expect(page.locator("dt", has_text="Told").locator("xpath=following-sibling::dd")).to_have_text("composer")
    state(page, "succeeded", RUN_SECONDS)

    page.get_by_role("link", name="Hear it").click()
    windows = page.get_by_role("article")
    expect(windows).to_have_count(8, timeout=30_000)
    composer = page.get_by_label("Composer")
    expect(composer.locator("option")).to_have_text(["any", "Bach", "Satie"])
    composer.select_option("Satie")
    expect(page.locator("#sample-about")).to_contain_text("composer Satie")
    assert "label=Satie" in page.url
    page.reload()
    expect(page.locator("#sample-about")).to_contain_text("composer Satie")
    expect(composer).to_have_value("Satie")

    the_way_to_another_seed_in_a_key(page)
    with page.expect_response(re.compile("/interpolations$")):
        page.get_by_label("Snap to").select_option("")
    a_piece_of_a_seed(page)
    broken = tmp_path / "broken.mid"
    broken.write_bytes(b"not music")
    something_like_a_song(page, midi_files("small")[4], broken)
    what_the_model_makes_of_a_song(page, midi_files("small")[4])
    what_the_model_makes_of_what_it_drew(page)
    the_map(page)

    page.get_by_role("link", name="go on from it").click()
    expect(page.get_by_label("Begin with")).to_have_value(name)
    expect(page.get_by_label("Dataset").locator("option:checked")).to_contain_text(name)
    expect(label).to_have_value("composer")
    label.select_option("")
    page.get_by_label("Model name").fill("")
    page.get_by_role("button", name="Start the run").click()
    expect(label).to_have_accessible_description(re.compile(r"its model was told composer \(Bach, Satie\)"))
    label.select_option("composer")
    page.get_by_role("button", name="Start the run").click()
    began = page.locator("dt", has_text="Began with").locator("xpath=following-sibling::dd")
    expect(began).to_have_text(re.compile(r"a run's step \d+"))
    page.get_by_role("button", name="Cancel").click()
    began.get_by_role("link").click()
    expect(page.locator("dt", has_text="Began with")).to_have_count(0)
