"""Prints the packages by others that a service needs, from its pyproject.toml and those of our own that it names.

    python requirements.py SERVICE_FOLDER OUR_FOLDER ...

One a line. An image installs them before any code of ours is copied, so that a change in our code does not install
torch again.
"""

import re
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

REQUIREMENT = re.compile(r"(?P<name>pianola[\w-]*)(?:\[(?P<extras>[\w,\s-]+)\])?$")


def requirements(service: Path, ours: Sequence[Path]) -> list[str]:
    """What the service needs, with each of `ours` that it names replaced by what that and its named extras need."""
    projects = {project["name"]: project for project in map(_project, ours)}
    wanted, left = set(), list(_project(service)["dependencies"])
    while left:
        requirement = left.pop()
        if named := REQUIREMENT.match(requirement):
            project = projects[named["name"]]
            left += project["dependencies"]
            for extra in re.findall(r"[\w-]+", named["extras"] or ""):
                left += project["optional-dependencies"][extra]
        else:
            wanted.add(requirement)
    return sorted(wanted)


def _project(folder: Path) -> dict[str, Any]:
    project: dict[str, Any] = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    return project


if __name__ == "__main__":
    service, *ours = (Path(argument) for argument in sys.argv[1:])
    print(*requirements(service, ours), sep="\n")
