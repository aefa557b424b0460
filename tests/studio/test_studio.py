"""The studio in a real browser on the running system: MIDI files in at one end, sound out at the other."""

import hashlib
import io
import re
import uuid
import zipfile
from pathlib import Path
from typing import Literal

import pytest
from corpus import midi_files
from playwright.sync_api import Locator, Page, expect
from servers import Embedded

from pianola_sampler import sound

from .hearing import denser_music_of_a_seed

BUILD_SECONDS = 60
RUN_SECONDS = 400  # an idle machine takes a tenth: two busy cores train, evaluate and draw the page at once


def name_of_test() -> str:
    return f"studio-{uuid.uuid4().hex[:8]}"


def choose(page: Page, section: str) -> None:
    page.get_by_role("navigation", name="Studio").get_by_role("link", name=section).click()


def state(page: Page, wanted: str, seconds: float) -> None:
    expect(page.locator(".title-row .badge")).to_have_attribute("data-state", wanted, timeout=seconds * 1000)


def make_dataset(page: Page, url: str, name: str, files: list[Path]) -> None:
    page.goto(url)
    choose(page, "Datasets")
    page.get_by_role("link", name="New dataset").first.click()
    page.get_by_label("Choose files").set_input_files(files)
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_role("button", name=f"Create dataset with {len(files)} files").click()
    expect(page.get_by_role("heading", name=name)).to_be_visible()
    state(page, "built", BUILD_SECONDS)


def start_run(page: Page, model: str, batch: int) -> None:
    page.get_by_role("link", name="Train a model on it").click()
    page.get_by_role("radio", name="epochs").check()
    page.get_by_label("Epochs", exact=True).last.fill("1")
    page.get_by_label("Batch").fill(str(batch))
    page.get_by_label("Model name").fill(model)
    page.get_by_text("More options").click()
    page.get_by_label("Threads").fill("1")
    page.get_by_role("button", name="Start the run").click()


def loudest(page: Page, milliseconds: int) -> float:
    """The largest sample heard while the page plays."""
    return float(
        page.evaluate(
            """async (milliseconds) => {
                let most = 0;
                for (const end = performance.now() + milliseconds; performance.now() < end; ) {
                    await new Promise((resolve) => setTimeout(resolve, 20));
                    most = Math.max(most, window.pianola.peak());
                }
                return most;
            }""",
            milliseconds,
        )
    )


def saved(page: Page, button: Locator) -> bytes:
    with page.expect_download() as download:
        button.click()
    return Path(download.value.path()).read_bytes()


def test_from_midi_files_to_sound(embedded: Embedded, browser_page: Page, tmp_path: Path) -> None:
    page, name = browser_page, name_of_test()
    broken = tmp_path / "broken.mid"
    broken.write_bytes(b"not music")
    pieces = midi_files("small")
    make_dataset(page, embedded.url, name, [*pieces, broken])

    report = page.get_by_role("table")
    expect(report.get_by_role("row")).to_have_count(len(pieces) + 2)
    page.get_by_role("link", name="Refused 1").click()
    expect(report.get_by_role("row")).to_have_count(2)
    expect(report.get_by_role("rowheader")).to_have_text("broken.mid")
    page.reload()
    expect(report.get_by_role("row")).to_have_count(2)
    page.go_back()
    expect(report.get_by_role("row")).to_have_count(len(pieces) + 2)

    start_run(page, name, batch=16)
    expect(page.get_by_role("heading", name=f"vae default on {name}")).to_be_visible()
    chart = page.get_by_role("figure").filter(has_text="Reconstruction")
    expect(chart.locator("polyline").first).to_be_attached(timeout=RUN_SECONDS * 1000)
    state(page, "succeeded", RUN_SECONDS)
    expect(chart.get_by_text("held out")).to_be_visible()
    grid = page.get_by_role("img", name=re.compile("Windows drawn at each evaluation"))
    expect(grid).to_be_visible()
    assert grid.evaluate("(image) => image.decode().then(() => image.naturalWidth)") > 96
    expect(page.get_by_role("table", name="Evaluation")).to_be_visible(timeout=RUN_SECONDS * 1000)
    expect(page.get_by_role("table", name="Surprise at unseen music")).to_be_visible()
    expect(page.get_by_role("table", name="Copied or new").get_by_role("rowheader")).to_have_count(2)
    # What plays is the checkpoint that is best on held-out windows.
    best = page.get_by_role("row").filter(has=page.locator(".best:visible"))
    expect(best).to_have_count(1)
    step = page.locator("dt", has_text="Best step").locator("xpath=following-sibling::dd").inner_text()
    expect(best.get_by_role("rowheader")).to_contain_text(step)
    generator = saved(page, best.get_by_role("button", name=re.compile("^generator")))

    page.set_viewport_size({"width": 400, "height": 800})
    page.get_by_text("Events", exact=True).click()
    expect(page.locator(".events")).to_contain_text("succeeded")
    assert page.evaluate("document.documentElement.scrollWidth") <= 400, "long events are broken into lines"
    page.set_viewport_size({"width": 1280, "height": 800})

    page.get_by_role("link", name="Hear it").click()
    expect(page.locator("dd code").first).to_have_attribute("title", hashlib.sha256(generator).hexdigest())
    windows = page.get_by_role("article")
    expect(windows).to_have_count(8)
    # A model this young may leave a window silent; then its button rests.
    audible = windows.filter(has=page.get_by_role("button", name=re.compile("^Play"), disabled=False)).first
    sounding = page.get_by_role("article", name=audible.get_attribute("aria-label"), exact=True)
    assert page.evaluate("window.pianola.peak()") == 0
    sounding.get_by_role("button", name=re.compile("^Play")).click()
    assert loudest(page, 1500) > 0.01
    sounding.get_by_role("button", name=re.compile("^Stop")).click()
    assert saved(page, sounding.get_by_role("button", name=re.compile("as MIDI"))).startswith(b"MThd")
    assert saved(page, sounding.get_by_role("button", name=re.compile("as a picture"))).startswith(b"\x89PNG")
    assert saved(page, sounding.get_by_role("button", name=re.compile("as MusicXML"))).startswith(b"<?xml")
    if sound.AVAILABLE:
        assert saved(page, sounding.get_by_role("button", name=re.compile("as sound"))).startswith(b"RIFF")
    assert saved(page, page.get_by_role("button", name="All as zip")).startswith(b"PK")

    drawn = page.get_by_label("Seed", exact=True).input_value()
    words = windows.first.inner_text()
    page.reload()
    expect(windows).to_have_count(8)
    assert (page.get_by_label("Seed", exact=True).input_value(), windows.first.inner_text()) == (drawn, words)
    page.get_by_role("button", name="New windows").click()
    expect(page.get_by_label("Seed", exact=True)).not_to_have_value(drawn)
    denser_music_of_a_seed(page)


def test_a_midi_file_has_the_tempo_that_is_heard(embedded: Embedded, browser_page: Page) -> None:
    page, name = browser_page, name_of_test()
    make_dataset(page, embedded.url, name, midi_files("small")[:3])
    start_run(page, name, batch=16)
    state(page, "succeeded", RUN_SECONDS)
    page.get_by_role("link", name="Hear it").click()
    page.get_by_label("Tempo").fill("90")
    taken = saved(page, page.get_by_role("button", name="Download Window 1 as MIDI"))
    microseconds = round(60_000_000 / 90)
    assert b"\xff\x51\x03" + microseconds.to_bytes(3, "big") in taken
    assert "tempo=90" in page.url


def test_files_come_from_a_folder_and_from_a_dropped_zip(
    embedded: Embedded, browser_page: Page, tmp_path: Path
) -> None:
    page, name = browser_page, name_of_test()
    one, two, three, *_ = midi_files("small")
    folder = tmp_path / "sonatinas"
    (folder / "second book").mkdir(parents=True)
    (folder / one.name).write_bytes(one.read_bytes())
    (folder / "second book" / two.name).write_bytes(two.read_bytes())
    (folder / "notes.txt").write_text("not music")
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        packed.write(three, three.name)
        packed.writestr("cover.jpg", b"no")
    page.goto(f"{embedded.url}/#/new/dataset")
    page.get_by_label("Choose a folder").set_input_files(folder)
    expect(page.get_by_text("1 file left out")).to_be_visible()
    expect(page.get_by_label("Name", exact=True)).to_have_value("sonatinas")
    transfer = page.evaluate_handle(
        """(bytes) => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([new Uint8Array(bytes)], "more.zip", { type: "application/zip" }));
            return transfer;
        }""",
        list(archive.getvalue()),
    )
    page.get_by_text("Drop MIDI files, a folder or a zip here").dispatch_event("drop", {"dataTransfer": transfer})
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Build as soon as").uncheck()
    page.get_by_role("button", name="Create dataset with 3 files").click()
    names = page.get_by_role("table").get_by_role("rowheader")
    expect(names).to_have_count(3)
    found = {text.split("/")[-1] for text in names.all_inner_texts()}
    assert found == {one.name, two.name, three.name}
    assert f"sonatinas/second book/{two.name}" in names.all_inner_texts()
    expect(page.get_by_text("cover.jpg")).to_be_visible()
    page.get_by_role("button", name="Build from 3 files").click()
    state(page, "built", BUILD_SECONDS)


def test_objections_stand_at_their_fields(embedded: Embedded, refused_page: Page) -> None:
    page, name = refused_page, name_of_test()
    page.goto(f"{embedded.url}/#/new/dataset")
    page.get_by_label("Name", exact=True).fill("/")
    page.get_by_role("button", name="Create dataset").click()
    expect(page.get_by_label("Name", exact=True)).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_label("Name", exact=True)).to_be_focused()
    make_dataset(page, embedded.url, name, midi_files("small")[:2])
    page.get_by_role("link", name="Train a model on it").click()
    page.get_by_label("Batch").fill("0")
    page.get_by_role("button", name="Start the run").click()
    batch = page.get_by_label("Batch")
    expect(batch).to_be_focused()
    expect(batch).to_have_accessible_description(re.compile("batch must be 1..4096, got 0"))
    page.goto(f"{embedded.url}/#/runs/run_nowhere")
    expect(page.get_by_role("alert")).to_contain_text("run_nowhere")


def test_a_run_is_paused_resumed_and_cancelled(embedded: Embedded, browser_page: Page) -> None:
    page, name = browser_page, name_of_test()
    make_dataset(page, embedded.url, name, midi_files("small")[:3])
    page.get_by_role("link", name="Train a model on it").click()
    page.get_by_label("Family").select_option("gan")
    page.get_by_role("button", name="Start the run").click()
    state(page, "running", RUN_SECONDS)
    page.get_by_role("button", name="Pause").click()
    state(page, "paused", RUN_SECONDS)
    page.get_by_role("button", name="Resume").click()
    state(page, "running", RUN_SECONDS)
    page.get_by_role("button", name="Cancel").click()
    state(page, "cancelled", RUN_SECONDS)
    expect(page.get_by_role("button", name="Pause")).to_have_count(0)
    page.get_by_text("Events", exact=True).click()
    kinds = page.locator(".events b").all_inner_texts()
    assert [kind for kind in kinds if kind in ("paused", "resumed", "cancelled")] == ["paused", "resumed", "cancelled"]


@pytest.mark.parametrize("width", [400, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_view_fits_and_has_names_for_its_controls(
    embedded: Embedded, browser_page: Page, width: int, scheme: Literal["light", "dark"]
) -> None:
    page = browser_page
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.set_viewport_size({"width": width, "height": 800})
    for place in ["/", "/datasets", "/new/dataset", "/runs", "/new/run", "/models"]:
        page.goto(f"{embedded.url}/#{place}")
        expect(page.locator("main h1")).to_be_visible()
        expect(page.locator("main .loading")).to_have_count(0)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, place
        nameless = page.locator("input, select, button, a").evaluate_all(
            """(controls) => controls
                .filter((one) => !one.labels?.length && !one.ariaLabel && !one.textContent.trim())
                .map((one) => one.outerHTML)"""
        )
        assert nameless == [], place
