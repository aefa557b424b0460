import re
import stat
import subprocess
from pathlib import Path

from .conftest import ROOT

SCRIPT = ROOT / "deploy/make-env.sh"


def make_env(file: Path) -> str:
    return subprocess.run([SCRIPT, file], check=True, capture_output=True, text=True).stdout


def values(file: Path) -> dict[str, str]:
    return dict(line.split("=", 1) for line in file.read_text().splitlines() if line and line[0] != "#")


def test_every_secret_is_random_and_readable_by_its_owner_alone(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    assert "wrote" in make_env(one)
    make_env(other)
    assert stat.S_IMODE(one.stat().st_mode) == 0o600
    secrets = values(one)
    assert set(secrets) == {"POSTGRES_PASSWORD", "REDIS_PASSWORD", "S3_ACCESS_KEY", "S3_SECRET_KEY"}
    assert re.fullmatch("[0-9a-f]{20}", secrets.pop("S3_ACCESS_KEY"))
    assert all(re.fullmatch("[0-9a-f]{40}", secret) for secret in secrets.values())
    assert len({*secrets.values(), *values(other).values()}) == 3 + 4


def test_a_file_that_is_there_is_never_touched(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("POSTGRES_PASSWORD=kept\n")
    assert "stays as it is" in make_env(file)
    assert file.read_text() == "POSTGRES_PASSWORD=kept\n"


def test_the_example_names_every_variable_of_the_compose_file() -> None:
    used = set(re.findall(r"\$\{(\w+)", (ROOT / "docker-compose.yml").read_text()))
    named = set(re.findall(r"^#?([A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), flags=re.MULTILINE))
    assert named == used | {"COMPOSE_PROFILES"}


def test_the_file_with_secrets_is_never_committed_or_sent_to_a_build() -> None:
    assert ".env" in (ROOT / ".gitignore").read_text().splitlines()
    assert not [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!.env")]
