import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from .stack import BUILT, IMAGE, ROOT, Stack, deployed

_MEASURED = pytest.StashKey[list[str]]()
Measured = Callable[[str], None]


@pytest.fixture(scope="session")
def engine() -> dict[str, str]:
    """The environment by which `docker` finds an engine. Skips, and says why, where there is none."""
    if not os.environ.get("PIANOLA_TEST_CONTAINERS"):
        pytest.skip("images are built and containers started for minutes: `make test-containers`")
    if shutil.which("docker") is None:
        pytest.skip("there is no `docker` command")
    found: dict[str, str] = {}
    if starter := os.environ.get("PIANOLA_ENGINE_UP"):
        said = subprocess.run(["sh", "-c", f'eval "$({starter})" && env'], capture_output=True, text=True, check=True)
        lines = (line.partition("=") for line in said.stdout.splitlines())
        found = {name: value for name, _, value in lines if name.startswith("DOCKER_")}
    info = subprocess.run(["docker", "info"], env={**os.environ, **found}, capture_output=True, text=True, check=False)
    if info.returncode:
        pytest.skip(f"no container engine answers: {(info.stderr.strip() or info.stdout.strip()).splitlines()[-1]}")
    return found


@pytest.fixture(scope="session")
def measured(request: pytest.FixtureRequest) -> Measured:
    """Takes a line for the summary at the end: a time or a size."""
    return request.config.stash.setdefault(_MEASURED, []).append


@pytest.fixture(scope="module")
def stack(engine: dict[str, str], measured: Measured, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The checkout's images, built, and everything up from nothing. Its tests build on one another, in their order."""
    with deployed(engine, "pianola-test", ROOT, tmp_path_factory.mktemp("stack")) as made:
        os.environ["PIANOLA_COMMIT"] = commit("HEAD")
        start = time.monotonic()
        made.build()
        measured(f"build of the four images: {time.monotonic() - start:.0f} s")
        measured(f"`up --wait` from nothing: {made.up():.0f} s")
        yield made
    for name in BUILT:
        # What they were built from stays, as the builder's cache.
        made.docker("rmi", "--no-prune", IMAGE.format(name))


def commit(name: str) -> str:
    """The hash of a commit. Skips where this is no checkout of a repository that has it."""
    command = ["git", "-C", ROOT, "rev-parse", "--verify", f"{name}^{{commit}}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no commit {name} here: {done.stderr.strip()}")
    return done.stdout.strip()


def checkout(name: str, folder: Path) -> Path:
    """The files of a commit, in `folder`."""
    command = ["git", "-C", ROOT, "-c", "tar.umask=user", "archive", commit(name)]
    archive = subprocess.run(command, capture_output=True, check=True)
    subprocess.run(["tar", "-x", "-C", folder], input=archive.stdout, check=True)
    return folder


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    if lines := config.stash.get(_MEASURED, []):
        terminalreporter.section("measured")
        for line in lines:
            terminalreporter.write_line(line)
