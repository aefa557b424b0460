import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SERVICES = ("api", "preprocess", "trainer", "sampler")

Compose = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def made_env(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A .env as `make env` writes it."""
    file = tmp_path_factory.mktemp("env") / ".env"
    subprocess.run([ROOT / "deploy/make-env.sh", file], check=True, capture_output=True)
    return file


@pytest.fixture(scope="session")
def compose() -> Compose:
    """Runs `docker-compose ARGUMENTS` on docker-compose.yml, with nothing of this machine's environment but PATH.

    The compose program alone, out of a Python package: to read a file it needs no engine.
    """

    def run(*arguments: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [Path(sys.executable).parent / "docker-compose", "-f", ROOT / "docker-compose.yml", *arguments],
            env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", **variables},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.fixture(scope="session")
def project(compose: Compose, made_env: Path) -> dict[str, Any]:
    """docker-compose.yml as compose understands it, with every profile."""
    done = compose("--env-file", made_env, "--profile", "*", "config", "--format", "json")
    assert done.returncode == 0, done.stderr
    read: dict[str, Any] = json.loads(done.stdout)
    return read
