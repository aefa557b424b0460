"""Every command of docs/operations.md is run by tests/containers as it is written, or the page says why not."""

import ast
import re

from .conftest import ROOT

PAGE = (ROOT / "docs/operations.md").read_text()
PROGRAM = r"(?:docker|make|pianola|git|curl|grep|find|chmod|python) "
SHOWN, NOT_RUN = PAGE.split("\n## What the test does not run\n")


def commands(text: str) -> set[str]:
    """What a reader can run: lines of blocks, and commands between words."""
    blocks = re.findall(rf"^    ({PROGRAM}.*)$", text, flags=re.MULTILINE)
    return {*blocks, *re.findall(rf"`({PROGRAM}[^`]*)`", text)}


def run_as_written() -> set[str]:
    """The commands that tests/containers gives to `Stack.as_written`."""
    calls = (
        node
        for file in (ROOT / "tests/containers").glob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "as_written"
    )
    return {ast.literal_eval(call.args[0]) for call in calls}


def test_every_command_is_run_or_the_page_says_why_not() -> None:
    rows = [line.split(" | ") for line in NOT_RUN.splitlines() if line.startswith("| `")]
    assert all(len(row) == 2 and len(row[1]) > 10 for row in rows), "a row is a command and a reason"
    excused = set().union(*(commands(row[0]) for row in rows))
    shown, run = commands(SHOWN) - {"make test-containers"}, run_as_written()
    assert shown - run - excused == set(), "neither run nor excused"
    assert run - shown == set(), "run, but not on the page"
    assert excused - shown == set(), "excused, but not on the page"
