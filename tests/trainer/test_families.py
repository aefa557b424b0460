"""A family of one's own is one file: no other file knows of tests/families/marginals.py."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]

JOURNEY = """
import json, sys
import numpy as np
from pianola.models.presets import FAMILIES, describe, resolve
before = "torch" in sys.modules
from pianola.models.registry import load_generator
from pianola.records import runs
from trainer import making

run = making.undisturbed("marginals")
with run.system.records.read() as session:
    points = [point.values for point in runs.metrics(session, run.final.run_id)]
data = np.concatenate([making.scales(index, 9) for index in range(5)])
generator = load_generator(run.system.store.get(run.final.generator_key))
played = generator.windows(generator.positions(3, range(64)))
again = generator.windows(generator.positions(3, range(64)))
print(json.dumps({
    "families": list(FAMILIES),
    "described": describe()["families"][-1]["family"],
    "torch": before,
    "step": run.final.step,
    "losses": [point["validation_loss"] for point in points],
    "same": bool((played == again).all()),
    "density": float(played.mean() / data.mean()),
    "foreign": float(played[:, ~data.any((0, 2))].mean()),
}))
"""


def python(code: str, families: Path) -> "subprocess.CompletedProcess[str]":
    """Runs code in a process of its own that finds families in the folder, as its children do."""
    environment = {**os.environ, "PIANOLA_FAMILIES": str(families), "OMP_NUM_THREADS": "1"}
    environment["PYTHONPATH"] = os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)


def test_a_family_in_one_file_is_trained_checkpointed_and_played() -> None:
    done = python(JOURNEY, TESTS / "families")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["families"] == ["vae", "gan", "marginals"]  # its place is behind the others
    assert (said["described"], said["torch"]) == ("marginals", False)
    assert said["step"] == 27 and len(said["losses"]) == 3
    assert said["losses"][0] > 0
    assert said["same"]
    # Only training windows were counted; the held-out file is in another key.
    assert said["density"] == pytest.approx(1, abs=0.25)
    assert said["foreign"] < 0.01


TWO_KINDS = """
import dataclasses
from pianola.models.families import gan, vae
renamed = [dataclasses.replace(one, family="odd") for one in (*vae.FAMILY.presets, *gan.FAMILY.presets)]
FAMILY = dataclasses.replace(vae.FAMILY, name="odd", presets=tuple(renamed))
"""


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ("FAMILY = 3", "must have a FAMILY of the name odd"),
        ("from pianola.models.families.vae import FAMILY", "must have a FAMILY of the name odd"),
        (TWO_KINDS, "the presets must have options of one class"),
    ],
)
def test_a_file_that_is_no_family_is_said_by_name(tmp_path: Path, record: str, words: str) -> None:
    (tmp_path / "odd.py").write_text(record)
    done = python("import pianola.models.presets", tmp_path)
    assert done.returncode != 0
    assert f"BadFamily: {tmp_path / 'odd.py'}" in done.stderr
    assert words in done.stderr
