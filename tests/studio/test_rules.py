"""Rules for every file of the studio: nothing inline or from elsewhere, no markup from strings, no unused rules."""

import re
from pathlib import Path

import pytest

STUDIO = Path(__file__).parents[2] / "services" / "api" / "pianola_api" / "studio"
MODULES = sorted(STUDIO.rglob("*.js"))
SHEETS = sorted(STUDIO.glob("*.css"))
PAGE = (STUDIO / "index.html").read_text(encoding="utf-8")
MOST_LINES = 300
NAMESPACE = "http://www.w3.org/2000/svg"


def named(path: Path) -> str:
    return path.relative_to(STUDIO).as_posix()


@pytest.mark.parametrize("module", MODULES, ids=named)
def test_no_string_becomes_markup_or_program(module: Path) -> None:
    text = module.read_text(encoding="utf-8")
    ways = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|DOMParser|srcdoc"
    assert re.findall(ways, text) == []


@pytest.mark.parametrize("module", MODULES, ids=named)
def test_a_module_is_small(module: Path) -> None:
    assert len(module.read_text(encoding="utf-8").splitlines()) < MOST_LINES


@pytest.mark.parametrize("module", MODULES, ids=named)
def test_imports_lead_to_files(module: Path) -> None:
    text = module.read_text(encoding="utf-8")
    for target in re.findall(r"""(?:from|import)\s*\(?\s*["']([^"']+)["']""", text):
        assert target.startswith("."), f"{target}: only the studio's own modules"
        assert (module.parent / target).is_file(), target


@pytest.mark.parametrize("path", [*MODULES, *SHEETS, STUDIO / "index.html"], ids=named)
def test_nothing_comes_from_elsewhere(path: Path) -> None:
    text = path.read_text(encoding="utf-8").replace(NAMESPACE, "")
    assert re.findall(r"https?://|[\"'(]//\w", text) == []


@pytest.mark.parametrize("sheet", SHEETS, ids=named)
def test_every_class_that_a_sheet_dresses_is_worn(sheet: Path) -> None:
    worn = PAGE + "".join(module.read_text(encoding="utf-8") for module in MODULES)
    begun = tuple(re.findall(r"([\w-]+-)\$\{", worn))
    selectors = re.sub(r"/\*.*?\*/|\{[^{}]*\}", " ", sheet.read_text(encoding="utf-8"), flags=re.DOTALL)
    classes = set(re.findall(r"\.([a-z][\w-]*)", selectors))
    assert classes, "a sheet of nothing"
    unworn = [one for one in classes if not re.search(rf"(?<![\w-]){one}(?![\w-])", worn) and not one.startswith(begun)]
    assert unworn == []


def test_the_page_has_nothing_inline() -> None:
    assert re.findall(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=", PAGE) == []


def test_the_page_links_to_files() -> None:
    links = re.findall(r'(?:href|src)="/studio/([^"]+)"', PAGE)
    assert len(links) >= 5
    assert [link for link in links if not (STUDIO / link).is_file()] == []
