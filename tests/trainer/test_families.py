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


SOURING = """
import dataclasses
from pianola.models.families.marginals import FAMILY as PLAIN, MarginalsLearner

class Souring(MarginalsLearner):
    def step(self, *told):
        values = super().step(*told)
        return {"train_loss": float("nan")} if self.steps_taken > 15 else values

presets = (dataclasses.replace(PLAIN.presets[0], family="souring"),)
FAMILY = dataclasses.replace(PLAIN, name="souring", learner=f"{__name__}:Souring", presets=presets)
"""

DIVERGING = """
import json, tempfile
from pathlib import Path
from pianola.objects import verified
from pianola.records import leases
from trainer import making

with tempfile.TemporaryDirectory() as folder, making.system(Path(folder)) as system:
    run_id = making.submit(system, making.built_dataset(system), "souring")
    with making.attempt(system, run_id, making.claim(system, run_id)) as process:
        code, refusal = process.wait(60), process.refusal()
        with system.records.write() as session:
            leases.fail(session, run_id, 1, refusal, process.last_words())
    kept = system.checkpoints(run_id)
    for row in kept:
        verified(system.store, row.key, row.digest)
    run = system.run(run_id)
    print(json.dumps({"code": code, "state": run.state, "error": run.error, "kept": [row.step for row in kept]}))
"""


def test_a_loss_that_becomes_nan_fails_the_run_at_once_and_its_last_good_checkpoint_is_kept(tmp_path: Path) -> None:
    (tmp_path / "souring.py").write_text(SOURING)
    done = python(DIVERGING, Path(f"{TESTS / 'families'}{os.pathsep}{tmp_path}"))
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert (said["code"], said["state"], said["kept"]) == (11, "failed", [12])
    assert "loss became NaN at step 16" in said["error"]
