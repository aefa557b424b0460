import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[2] / "bench"


def test_without_the_rivals_it_says_how_to_get_them(tmp_path: Path) -> None:
    command = [sys.executable, str(BENCH / "sampler.py"), "--rivals", str(tmp_path / "python")]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "is not there" in ended.stderr
    assert (BENCH / "serving" / "requirements.txt").exists()


def test_each_bar_is_held_to_the_better_rival() -> None:
    # By its file: the sampler's own tests are called `sampler`, too.
    spec = importlib.util.spec_from_file_location("bench_sampler", BENCH / "sampler.py")
    assert spec is not None and spec.loader is not None
    sampler = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sampler)

    def figures(p50: float, requests: float, p99: float, errors: int = 0) -> object:
        one = {"requests": 10, "errors": 0, "seconds": 1, "p50": p50, "p99": p50}
        many = {"requests": requests, "errors": errors, "seconds": 2, "p50": p99, "p99": p99}
        return sampler.Figures([one] * 3, [many] * 3, [2.0])

    measured = {"ours": figures(8, 600, 50), "slow": figures(20, 100, 20), "quick": figures(10, 300, 100)}
    assert list(sampler.bars("vae", measured).values()) == pytest.approx([15 / 8, 1, 600 / 450, 2, 2, 1])
    assert list(sampler.bars("vae", {**measured, "ours": figures(8, 600, 50, errors=1)}).values())[-1] == 0
