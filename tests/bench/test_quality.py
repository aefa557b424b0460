import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from corpus import data_folder

from pianola.models.presets import find_preset

BENCH = Path(__file__).parents[2] / "bench"


def quality(*words: str) -> str:
    """What the benchmark prints, on one thread."""
    command = [sys.executable, str(BENCH / "quality.py"), "--data", str(data_folder("small")), "--threads", "1", *words]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout


def test_what_was_measured_is_kept_and_not_measured_again(tmp_path: Path) -> None:
    results = tmp_path / "some" / "results.jsonl"
    words = ("--sizes", "small", "--seeds", "5", "--families", "vae", "--rivals", "--samples", "96", "--seconds", "0.5")
    first = quality(*words, "--results", str(results))
    kept = results.read_text()
    assert [json.loads(line)["key"]["model"] for line in kept.splitlines()] == ["data", "vae"]
    of_vae = json.loads(kept.splitlines()[1])
    assert of_vae["key"]["options"] == find_preset("vae", "default").options.model_dump(mode="json")
    assert of_vae["figures"]["nats"] > 0 and of_vae["figures"]["steps"] >= 1
    # The last line was cut short, as by a kill: it is measured anew, the whole one is not.
    results.write_text(kept[: len(kept) - 40])
    again = quality(*words, "--results", str(results))
    assert "small, data, seed 5: is in" in again
    assert "small, vae, seed 5: 0.5 s of wall time" in again
    assert "vae (1 seeds)" in first and "thesis-vae" not in first
    report = json.loads(again.splitlines()[-1])
    assert report["bench"] == "quality" and report["holds"] is False  # nothing plays after half a second
    # Another time to train in is another result.
    told = quality(*words[:-1], "1", "--results", str(results), "--table")
    assert "vae (" not in told and "data (1 seeds)" in told


def cells(**of_models: float) -> dict[str, dict[int, dict[str, float]]]:
    return {
        model.replace("_", "-"): {seed: {"nats": value + 10 * (seed == 2), "coverage": 0.65} for seed in range(3)}
        for model, value in of_models.items()
    }


def test_the_table_takes_medians_and_the_rivals_nats_of_the_same_seed() -> None:
    import bars

    lines, verdicts = bars.table("small", cells(vae=100.0, thesis_vae=500.0))
    by_figure = dict(zip([row.figure for row in bars.ROWS], zip(lines[1:], verdicts, strict=False), strict=False))
    line, verdict = by_figure["nats_share"]
    assert verdict is True and " 0.200 " in line and line.endswith("PASS")
    assert by_figure["coverage"][1] is True
    assert by_figure["copying"] == (by_figure["copying"][0], None)  # nobody measured it
    assert bars.table("large", cells(vae=150.0, thesis_vae=500.0))[1][8] is False


@pytest.mark.parametrize(
    ("figure", "vae", "gan", "met"),
    [
        ("empty_excess", 0.0, 0.0, True),
        ("empty_excess", 0.0, 0.1, False),  # both must meet this one
        ("empty_excess", 0.0, None, None),
        ("coverage", 0.9, 0.1, True),  # one is enough
        ("coverage", 0.1, None, None),
        ("coverage", 0.1, 0.2, False),
        ("coverage", 0.9, None, True),
    ],
)
def test_the_first_rows_ask_all_families_the_others_the_better_one(
    figure: str, vae: float | None, gan: float | None, met: bool | None
) -> None:
    import bars

    row = next(row for row in bars.ROWS if row.figure == figure)
    assert bars.verdict(row, "small", {"vae": vae, "gan": gan}) is met


@pytest.mark.parametrize("figure", ["nats_share", "kl"])
def test_what_is_asked_of_vae_alone(figure: str) -> None:
    import bars

    def of(**values: float | None) -> tuple[str, bool | None]:
        lines, verdicts = bars.table("small", {name: {0: {figure: value}} for name, value in values.items()})
        place = [row.figure for row in bars.ROWS].index(figure)
        return lines[1 + place], verdicts[place]

    row = next(row for row in bars.ROWS if row.figure == figure)
    bad = 0.0 if row.at_least else 1.0
    assert bars.verdict(row, "small", {"vae": None}) is None
    line, met = of(gan=bad)
    assert met is None and "!" not in line
    if figure != "nats_share":  # which is reckoned from the rival's
        line, met = of(vae=bad, gan=bad)
        assert met is False and line.count("!") == 1
        assert of(vae=row.bar("small"), gan=bad)[1] is True
