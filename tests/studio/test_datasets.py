"""Datasets in the studio on the running system: what the data is, versions, imports, labels."""

import functools
import hashlib
import itertools
import re
import threading
import uuid
import zipfile
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import servers
from corpus import midi_files
from playwright.sync_api import Locator, Page, expect
from servers import Embedded

BUILD_SECONDS = 90
IMPORT_SECONDS = 60


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    """A running `pianola up` that may fetch from this machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PIANOLA_IMPORT_PRIVATE", "true")
        with servers.embedded(tmp_path_factory.mktemp("studio")) as running:
            yield running


@pytest.fixture
def web(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder, and the address at which it is served."""

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Say nothing: the tests look at what arrives."""

    folder = tmp_path / "web"
    folder.mkdir()
    handler = functools.partial(Handler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield folder, f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture
def pieces(tmp_path: Path) -> list[Path]:
    """Four files in two folders, each folder a composer's."""
    files = []
    for i, source in enumerate(midi_files("small")[:4]):
        file = tmp_path / "music" / ("clementi" if i < 2 else "kuhlau") / source.name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(source.read_bytes())
        files.append(file)
    return files


def state(page: Page, wanted: str, seconds: float = BUILD_SECONDS) -> None:
    expect(page.locator(".title-row .badge")).to_have_attribute("data-state", wanted, timeout=seconds * 1000)


def fact(page: Page, name: str) -> Locator:
    """What a list of facts says under `name`."""
    return page.locator(".facts div").filter(has=page.get_by_text(name, exact=True)).locator("dd").first


def make(page: Page, url: str, folder: Path, options: dict[str, str] | None = None, build: bool = True) -> str:
    """A dataset of the folder, made in the form; its name."""
    name = f"studio-{uuid.uuid4().hex[:8]}"
    page.goto(f"{url}/#/new/dataset")
    page.get_by_label("Choose a folder").set_input_files(folder)
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_text("Advanced").click()
    for label, value in (options or {}).items():
        control = page.get_by_label(label, exact=True)
        if control.evaluate("(one) => one.localName") == "select":
            control.select_option(value)
        else:
            control.fill(value)
    page.get_by_label("Build as soon as").set_checked(build)
    page.get_by_role("button", name=re.compile("^Create dataset with")).click()
    expect(page.get_by_role("heading", name=name)).to_be_visible()
    if build:
        state(page, "built")
    return name


def decoded(picture: Locator) -> int:
    """Width in pixels of a picture that has arrived."""
    return int(picture.evaluate("(image) => image.decode().then(() => image.naturalWidth)"))


def test_a_built_dataset_says_what_its_music_is(system: Embedded, browser_page: Page, pieces: list[Path]) -> None:
    page = browser_page
    options = {"Held out": "0.25", "Duplicates": "windows", "Hop": "48", "Labels from folders": "book, composer"}
    make(page, system.url, pieces[0].parents[1], options)
    expect(fact(page, "Held out")).to_contain_text("25 % of the files, seed 0")
    expect(fact(page, "Duplicates left out")).to_contain_text("window")
    expect(page.get_by_text("hop: 48; duplicates: identical windows left out; held out: 0.25")).to_be_visible()

    statistics = page.get_by_role("region", name="Statistics")
    windows = fact(page, "Windows").inner_text()
    for title in ["Tempo", "Notes in a window", "Density"]:
        chart = statistics.get_by_role("figure").filter(has_text=title)
        expect(chart.locator(".chart-where")).to_contain_text(f"{windows} window")
        assert chart.locator(".bar").count() > 0, title
    keyboard = statistics.get_by_role("img", name=re.compile("Share of lit steps by pitch"))
    keyboard.press("End")
    expect(statistics.get_by_text(re.compile(r"^B\d: 0"))).to_be_visible()
    expect(statistics.get_by_role("list", name="Metre: windows by metre").get_by_role("listitem").first).to_be_visible()
    composers = statistics.get_by_role("list", name="Composer: windows by value")
    assert {words.split("\n")[0] for words in composers.get_by_role("listitem").all_inner_texts()} == {
        "clementi",
        "kuhlau",
    }

    sheet = page.get_by_role("region", name="Contact sheet")
    assert decoded(sheet.get_by_role("img")) > 96
    address = sheet.get_by_role("link", name="Show it in full size").get_attribute("href")
    assert page.request.get(f"{system.url}{address}").headers["content-type"] == "image/png"

    report = page.get_by_role("table", name=re.compile("4 files"))
    expect(report.get_by_text("held out from training")).not_to_have_count(0)
    expect(report.get_by_text("composer: kuhlau")).to_have_count(2)


def test_more_files_make_the_next_version(
    system: Embedded, browser_page: Page, pieces: list[Path], tmp_path: Path
) -> None:
    page = browser_page
    name = make(page, system.url, pieces[0].parents[1])
    more = tmp_path / "more.mid"
    more.write_bytes(midi_files("small")[4].read_bytes())
    page.get_by_text("Add more files").click()
    page.get_by_label("Choose files").set_input_files(more)
    page.get_by_role("button", name="Add these files to version 2").click()
    expect(page.get_by_role("heading", name=f"{name}, version 2")).to_be_visible()
    page.get_by_role("button", name="Build from 5 files").click()
    state(page, "built")
    expect(fact(page, "Taken over")).to_have_text("4 files")

    versions = page.get_by_role("table", name=f"Versions of {name}")
    expect(versions.get_by_role("row")).to_have_count(3)
    versions.get_by_role("link", name="Version 1").click()
    expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible()
    expect(page.get_by_text("This is not the newest version")).to_be_visible()
    expect(page.get_by_text("Add more files")).to_have_count(0)
    page.get_by_role("link", name="Train a model on it").click()
    expect(page.get_by_label("Dataset", exact=True)).to_have_value(f"{name}@1")


def test_files_are_fetched_from_an_address(
    system: Embedded, refused_page: Page, pieces: list[Path], web: tuple[Path, str]
) -> None:
    page, (folder, address) = refused_page, web
    make(page, system.url, pieces[0].parents[1], build=False)
    with zipfile.ZipFile(folder / "more.zip", "w") as packed:
        packed.write(midi_files("small")[4], "sonata.mid")
        packed.writestr("readme.txt", "no music")
    page.get_by_text("Or fetch them").click()
    page.get_by_label("Address", exact=True).fill(f"{address}/more.zip")
    page.get_by_role("button", name="Fetch").click()
    digest = page.get_by_label("SHA-256")
    expect(digest).to_have_accessible_description(re.compile("it is 64 hexadecimal digits in small letters, got ''"))
    digest.fill(hashlib.sha256((folder / "more.zip").read_bytes()).hexdigest())
    page.get_by_role("button", name="Fetch").click()

    imports = page.get_by_role("table", name=re.compile("^Imports into"))
    expect(imports.locator(".badge")).to_have_attribute("data-state", "succeeded", timeout=IMPORT_SECONDS * 1000)
    fetched, added = imports.get_by_role("cell").nth(1), imports.get_by_role("cell").nth(2)
    expect(fetched).to_have_text(re.compile(r"^[\d.]+ kB$"))
    expect(added).to_have_text("1")
    imports.get_by_text("1 file not taken").click()
    expect(imports.get_by_text("readme.txt")).to_be_visible()
    expect(page.get_by_role("button", name="Build from 5 files")).to_be_enabled()
    expect(page.get_by_role("rowheader", name="sonata.mid")).to_be_visible()


def test_what_cannot_be_fetched_says_why(
    system: Embedded, browser_page: Page, pieces: list[Path], web: tuple[Path, str]
) -> None:
    page, (folder, address) = browser_page, web
    make(page, system.url, pieces[0].parents[1], build=False)
    (folder / "one.mid").write_bytes(pieces[0].read_bytes())
    page.get_by_text("Or fetch them").click()
    page.get_by_label("Address", exact=True).fill(f"{address}/one.mid")
    page.get_by_label("SHA-256").fill("0" * 64)
    page.get_by_role("button", name="Fetch").click()
    imports = page.get_by_role("table", name=re.compile("^Imports into"))
    expect(imports.locator(".badge")).to_have_attribute("data-state", "failed", timeout=IMPORT_SECONDS * 1000)
    expect(imports.get_by_text(re.compile("sha256", re.IGNORECASE))).to_be_visible()
    expect(imports.get_by_role("button", name="Try again")).to_be_enabled()


def test_a_well_known_set_asks_for_its_licence(system: Embedded, refused_page: Page, pieces: list[Path]) -> None:
    page = refused_page
    make(page, system.url, pieces[0].parents[1], build=False)
    page.get_by_text("Or fetch them").click()
    page.get_by_label("A well-known set").check()
    page.get_by_label("Set", exact=True).select_option("nottingham")
    licence = page.get_by_role("link", name="GPL-3.0")
    expect(licence).to_have_attribute("href", re.compile("^https://www.gnu.org/"))
    accept = page.get_by_label("I accept the licence")
    expect(accept).not_to_be_checked()
    page.get_by_role("button", name="Fetch").click()
    expect(accept).to_have_attribute("aria-invalid", "true")
    expect(accept).to_have_accessible_description(re.compile("GPL-3.0"))
    accept.check()
    page.get_by_label("Set", exact=True).select_option("maestro-v3")
    expect(accept).not_to_be_checked()
    page.get_by_role("link", name="New dataset with these").click()
    expect(page.get_by_label("Name", exact=True)).to_have_value("maestro-v3")
    expect(page.get_by_label("Labels from folders")).to_have_value("year")
    expect(page.get_by_label("Velocity")).to_be_checked()


def test_labels_come_from_a_table_and_are_counted(
    system: Embedded, refused_page: Page, pieces: list[Path], tmp_path: Path
) -> None:
    page = refused_page
    name = make(page, system.url, pieces[0].parents[1], build=False)
    names = page.get_by_role("table", name=re.compile("4 files")).get_by_role("rowheader").all_inner_texts()
    table = tmp_path / "labels.csv"
    page.get_by_text("Labels from a table").click()

    table.write_text("piece,genre\nx,y\n")
    page.get_by_label("CSV file").set_input_files(table)
    page.get_by_role("button", name="Send the labels").click()
    expect(page.get_by_role("alert")).to_contain_text("file")

    table.write_text("file,genre\n" + "".join(f'"{one}",sonatina\n' for one in names) + "elsewhere.mid,waltz\n")
    page.get_by_label("CSV file").set_input_files(table)
    page.get_by_role("button", name="Send the labels").click()
    expect(page.get_by_text("4 files labelled with genre.")).to_be_visible()
    page.get_by_text("1 name in the table that no file has").click()
    expect(page.get_by_text("elsewhere.mid")).to_be_visible()
    expect(page.get_by_text("genre: sonatina")).to_have_count(4)

    page.get_by_role("button", name="Build from 4 files").click()
    state(page, "built")
    genres = page.get_by_role("list", name="Genre: windows by value")
    expect(genres.get_by_role("listitem")).to_have_count(1)
    expect(genres.get_by_role("listitem")).to_contain_text(f"sonatina{fact(page, 'Windows').inner_text()}")

    table.write_text(f'file,mood\n"{names[0]}",calm\nnowhere.mid,calm\n')
    page.get_by_text("Add more files").click()
    page.get_by_text("Labels from a table").click()
    page.get_by_label("CSV file").set_input_files(table)
    page.get_by_role("button", name="Send the labels").click()
    expect(page.get_by_role("heading", name=f"{name}, version 2")).to_be_visible()
    expect(page.get_by_text("1 file labelled with mood.")).to_be_visible()
    expect(page.get_by_text("1 name in the table that no file has")).to_be_visible()
    expect(page.get_by_text("genre: sonatina, mood: calm")).to_be_visible()


@pytest.mark.parametrize("width", [360, 1440])
def test_every_part_of_a_dataset_fits_and_is_named(
    system: Embedded, browser_page: Page, pieces: list[Path], width: int
) -> None:
    page = browser_page
    page.set_viewport_size({"width": width, "height": 800})
    name = make(page, system.url, pieces[0].parents[1], {"Labels from folders": "book, composer"})
    for place in [f"/datasets/{name}", "/new/dataset"]:
        page.goto(f"{system.url}/#{place}")
        expect(page.locator("main h1")).to_be_visible()
        expect(page.locator("main .loading")).to_have_count(0)
        page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, place
        nameless = page.locator("input, select, button, a, progress, [role=img], [tabindex='0']").evaluate_all(
            """(parts) => parts
                .filter((one) => !one.labels?.length && !one.ariaLabel && !one.textContent.trim())
                .map((one) => one.outerHTML)"""
        )
        assert nameless == [], place
        levels = page.locator("h1, h2, h3").evaluate_all("(all) => all.map((one) => Number(one.localName[1]))")
        assert levels[0] == 1
        assert all(after - before <= 1 for before, after in itertools.pairwise(levels)), levels
