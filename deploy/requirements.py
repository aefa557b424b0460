"""Prints the packages by others that a service needs, from its pyproject.toml and that of `pianola`, one a line.

    python requirements.py SHARED_FOLDER SERVICE_FOLDER

An image installs them before any code of ours is copied, so that a change in our code does not install torch again.
"""

import re
import sys
import tomllib
from pathlib import Path
from typing import Any

OURS = re.compile(r"pianola(?:\[(?P<extras>[\w,\s-]+)\])?$")


def requirements(shared: Path, service: Path) -> list[str]:
    """The service's own requirements, with `pianola[extras]` replaced by what `pianola` and these extras need."""
    pianola = _project(shared)
    wanted = set()
    for requirement in _project(service)["dependencies"]:
        if ours := OURS.match(requirement):
            wanted.update(pianola["dependencies"])
            for extra in (ours["extras"] or "").replace(" ", "").split(","):
                wanted.update(pianola["optional-dependencies"][extra] if extra else [])
        else:
            wanted.add(requirement)
    return sorted(wanted)


def _project(folder: Path) -> dict[str, Any]:
    project: dict[str, Any] = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    return project


if __name__ == "__main__":
    print(*requirements(Path(sys.argv[1]), Path(sys.argv[2])), sep="\n")
