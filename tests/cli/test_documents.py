"""What the documents say of the command is so: every command and option they name is there, and none is left out."""

import re
from pathlib import Path

import click
import pytest

from pianola_cli.main import main

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    path for pattern in ("*.md", "docs/*.md", "*/README.md", "services/*/README.md") for path in ROOT.glob(pattern)
)
SAID = re.compile(r"(?:^    (?:\.venv/bin/)?|`(?:\.venv/bin/)?|&& )pianola ([a-z][^`\n#&]*)", re.MULTILINE)


def meant(words: list[str]) -> list[click.Command]:
    """The commands of `dataset add ...` or `cancel`; of `dataset create|add` each."""
    found: list[click.Command] = [main]
    for word in words:
        groups = [command for command in found if isinstance(command, click.Group)]
        if not groups:
            break
        found = [group.commands[name] for group in groups for name in re.split(r"\\?\|", word)]
    return found


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_commands_and_options_that_a_document_names_are_there(document: Path) -> None:
    for line in SAID.findall(document.read_text(encoding="utf-8")):
        commands = meant(line.split())
        known = {option for command in commands for parameter in command.params for option in parameter.opts}
        named = set(re.findall(r"(?<![\w-])--?[a-z][\w-]*", line))
        assert named <= known | {"--help"}, line


def test_the_readme_of_the_command_names_every_command() -> None:
    said = (ROOT / "cli" / "README.md").read_text(encoding="utf-8")
    assert [name for name in main.commands if not re.search(rf"`(?:pianola )?{name}[ `]", said)] == []
