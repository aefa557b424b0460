"""api, preprocess and the CLI run on a machine without torch: here every import of it fails."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from corpus import data_folder

NO_TORCH = """
import sys
from importlib.abc import MetaPathFinder

class NoTorch(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] == "torch":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, NoTorch())
"""


def run(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", NO_TORCH + code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=dict(os.environ))


def test_torch_cannot_be_imported_here() -> None:
    assert "No module named 'torch'" in run("import torch").stderr


@pytest.mark.parametrize(
    "module",
    [
        "pianola_api.app",
        "pianola_preprocess.worker",
        "pianola_cli.main",
        "pianola_cli.client",
        "pianola_cli.local.supervisor",
    ],
)
def test_it_is_imported_without_torch(module: str) -> None:
    result = run(f"import {module}")
    assert result.returncode == 0, result.stderr


def test_the_api_is_made_without_torch(tmp_path: Path) -> None:
    code = f"""
from pianola.settings import ApiSettings
from pianola_api.app import create_app
settings = ApiSettings(database_url="sqlite:///{tmp_path}/records.sqlite", broker_url="redis://127.0.0.1:1/0",
                       objects_dir="{tmp_path}/objects", auth="none")
app = create_app(settings)
answer = app.test_client().get("/v1/families")
assert answer.status_code == 200, answer.text
print(sorted(answer.json))
"""
    result = run(code)
    assert result.returncode == 0, result.stderr


def test_files_are_inspected_without_torch() -> None:
    folder = str(data_folder("small"))
    result = run("from pianola_cli.main import main; main(sys.argv[1:])", "inspect", folder)
    assert result.returncode == 0, result.stderr
    assert "0 refused" in result.stdout
