import re
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest

from .conftest import ROOT, SERVICES


@pytest.fixture(params=SERVICES)
def dockerfile(request: pytest.FixtureRequest) -> Path:
    return ROOT / "services" / str(request.param) / "Dockerfile"


def instructions(dockerfile: Path) -> list[str]:
    """One a line, without comments and with lines joined."""
    text = re.sub(r"^#.*\n", "", dockerfile.read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    return [re.sub(r"\s+", " ", line.strip()) for line in text.splitlines() if line.strip()]


def test_hadolint_finds_nothing(dockerfile: Path) -> None:
    hadolint = Path(sys.executable).parent / "hadolint"
    done = subprocess.run([hadolint, "--no-color", dockerfile], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_built_in_two_stages_and_run_in_another_as_nobody_in_particular(dockerfile: Path) -> None:
    lines = instructions(dockerfile)
    assert [line for line in lines if line.startswith("FROM ")] == [
        "FROM python:3.11-slim AS packages",
        "FROM python:3.11-slim AS ours",
        "FROM python:3.11-slim",
    ]
    last = lines[lines.index("FROM python:3.11-slim") :]
    assert "USER 10001:10001" in last
    assert not any(line.startswith("RUN") and "pip" in line for line in last)
    service = dockerfile.parent.name
    assert f'CMD ["python", "-m", "pianola_{service}"]' in last
    assert any(line.startswith("HEALTHCHECK") for line in last)
    assert "PIANOLA_COMMIT" in lines[-1], "labels come last: a commit's name must not make the layers before it anew"


def test_packages_by_others_are_installed_without_a_line_of_our_code(dockerfile: Path) -> None:
    """So that a change in our code leaves their layer as it is, in the builder's cache and in every registry."""
    lines = instructions(dockerfile)
    packages = lines[: lines.index("FROM python:3.11-slim AS ours")]
    copied = {source for line in packages if line.startswith("COPY ") for source in line.split()[1:-1]}
    assert all(
        Path(source).name == "pyproject.toml" or not source.startswith(("shared", "http", "services"))
        for source in copied
    )
    assert "COPY --from=packages /opt/pianola /opt/pianola" in lines
    assert "COPY --from=ours /opt/pianola/lib /opt/pianola/lib" in lines


def test_the_classic_builder_understands_it(dockerfile: Path) -> None:
    text = dockerfile.read_text()
    for needs_buildkit in ("--mount", "--link", "--chmod", "# syntax", "<<"):
        assert needs_buildkit not in text


def test_it_copies_only_itself_and_what_is_in_the_build_context(dockerfile: Path) -> None:
    ignored = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    kept = [line.removeprefix("!") for line in ignored if line.startswith("!")]
    assert ignored[0] == "*"
    sources = [
        source
        for line in instructions(dockerfile)
        if line.startswith("COPY ") and "--from" not in line
        for source in line.split()[1:-1]
    ]
    assert sources
    for source in sources:
        assert (ROOT / source).exists()
        assert any(fnmatch(source.rstrip("/"), pattern) or source.startswith(f"{pattern}/") for pattern in kept), source
        assert not source.startswith("services/") or source.startswith(f"services/{dockerfile.parent.name}/")


def ours(service: str) -> list[Path]:
    """Our distributions that the service's image has besides the service itself, as its Dockerfile copies them."""
    lines = instructions(ROOT / "services" / service / "Dockerfile")
    return [ROOT / folder for folder in ("shared", "http") if f"COPY {folder}/ {folder}/" in lines]


def requirements(service: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, ROOT / "deploy/requirements.py", ROOT / "services" / service, *ours(service)],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split("\n")[:-1]


def test_only_trainer_and_sampler_have_torch() -> None:
    with_torch = {name for name in SERVICES if any(line.startswith("torch==") for line in requirements(name))}
    assert with_torch == {"trainer", "sampler"}
    with_plots = {name for name in SERVICES if any(line.startswith("matplotlib") for line in requirements(name))}
    assert with_plots == {"api", "sampler", "trainer"}


def test_only_services_that_listen_have_a_web_framework() -> None:
    named = {name: {re.split(r"\W", line)[0] for line in requirements(name)} for name in SERVICES}
    assert {name for name in SERVICES if named[name] & {"apiflask", "gunicorn"}} == {"api", "sampler"}


@pytest.mark.parametrize("service", SERVICES)
def test_what_is_installed_is_what_was_copied(service: str) -> None:
    (install,) = [line for line in instructions(ROOT / "services" / service / "Dockerfile") if "pip wheel" in line]
    folders = [*(folder.name for folder in ours(service)), f"services/{service}"]
    assert " ".join(f"./{folder}" for folder in folders) in install


@pytest.mark.parametrize("service", SERVICES)
def test_requirements_are_all_by_others_and_complete(service: str) -> None:
    listed = requirements(service)
    assert not [line for line in listed if line.startswith("pianola")]
    for folder in (*ours(service), ROOT / "services" / service):
        own = tomllib.loads((folder / "pyproject.toml").read_text())["project"]["dependencies"]
        assert {line for line in own if not line.startswith("pianola")} <= set(listed)
