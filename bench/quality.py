"""How good what is played is: `vae` and `gan` beside the thesis's networks, given the same time on the same windows.

    python bench/quality.py [--data FOLDER] [--sizes small medium large] [--families vae gan] [--rivals vae gan]
        [--seeds 0 1 2] [--seconds 1200] [--threads N] [--processor-time] [--samples 3000]
        [--results FILE] [--again] [--table] [--quick]

Each model of each size and seed is trained for --seconds, plays --samples windows, and is compared with the data; what
was found is added to --results at once. A later call does what is missing there, so the whole, which takes hours, may
be done in pieces; --again measures anew, --table measures nothing. The table gives medians over the seeds found so far.

What is the same for all: the windows (option set `piano`), the files held out (drawn from the seed, as for a run), the
threads, the clock. The clock runs during optimizer steps alone, and no model pays for being looked at: every 30 seconds
of it, a VAE is asked about 512 held-out windows, and the moment that a run would keep plays; of the thesis's the best.
--processor-time counts the process's processor seconds on all its threads, so that several single-threaded runs beside
each other are fair; 20 minutes of two busy cores are 2,400 of those.

Bounds are reconstruction + KL in nats per held-out window; `halfway` is what a model plays halfway between
two positions that it drew, a third as many windows. `data` is one half of the data set's files beside the other.
"""

import hashlib
import json
import os
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import common
import numpy as np
import torch
from bars import DATA, FAMILIES, SIZES, Json, table
from contestants import CLOCKS, MOST_BOUNDED, Contestant, Ours, ThesisGan, ThesisVae, train
from windows import digest, packed_windows

import pianola.models
from pianola.codec.window import Bytes, Integers
from pianola.evaluation.copying import nearest_distances
from pianola.evaluation.features import features
from pianola.evaluation.fidelity import TooFewVectors, Vectors, fidelity
from pianola.evaluation.metrics import Counts, compare_counts, count
from pianola.models.family import RunOptions
from pianola.models.presets import find_preset
from pianola.models.two_sample import TooFewToTell, two_sample
from pianola_trainer.batches import Split, by_file, evenly, split
from pianola_trainer.windows import PackedWindows

LOOK_EVERY: Final = 30.0
SAMPLES: Final = 3000
"""Windows that each plays: 1,000 drawn from the data itself lack up to a twelfth of its pitches."""
MOST: Final = 1000
"""Windows of the data beside them, and so of either side for what looks at both sides together."""
MOST_SEARCHED: Final = 300
THESIS_HELD_OUT: Final = RunOptions(epochs=1).held_out


@dataclass(frozen=True)
class Contest:
    """What a result is of; two results with the same `key` say the same. `source` tells states of our code apart."""

    size: str
    seed: int
    model: str
    seconds: float
    clock: str
    threads: int
    samples: int
    windows: PackedWindows
    music: str

    @property
    def key(self) -> Json:
        """JSON."""
        facts = {name: getattr(self, name) for name in ("size", "seed", "model", "samples", "threads", "music")}
        if self.model == DATA:
            return facts
        facts |= {"seconds": self.seconds, "clock": self.clock}
        if self.model in FAMILIES:
            preset = find_preset(self.model, "default")
            facts |= {"options": preset.options.model_dump(mode="json"), "network": dict(preset.network)}
        return facts


def source() -> str:
    """Tells one state of `pianola.models` from another: 12 hexadecimal digits."""
    folder = Path(pianola.models.__path__[0])
    return hashlib.sha256(b"".join(file.read_bytes() for file in sorted(folder.rglob("*.py")))).hexdigest()[:12]


def read_results(file: Path) -> list[Json]:
    """Every result in the file, oldest first; a line that was cut short is none."""
    if not file.is_file():
        return []
    found = []
    for line in file.read_text().splitlines():
        try:
            found.append(json.loads(line))
        except json.JSONDecodeError:
            print(f"left out a line of {file} that is no JSON")
    return found


def newest(results: Sequence[Json], key: Json) -> Json | None:
    """The last result with this key."""
    same = [result for result in results if result["key"] == json.loads(json.dumps(key))]
    return same[-1] if same else None


def figures(generated: Bytes, data: Bytes, everything: Iterator[Bytes], lowest_pitch: int, seed: int) -> Json:
    """What is played beside `data`, windows [m, 96, 96] kept together by file; counts are against all windows."""
    played, given = features(generated, lowest_pitch), features(data, lowest_pitch)
    counted = _counted(count(generated), count(everything), lowest_pitch)
    return counted | _told(generated, data, played.vectors, given.vectors, seed)


def _counted(of_generated: Counts, of_data: Counts, lowest_pitch: int) -> Json:
    compared = compare_counts(of_generated, of_data, lowest_pitch)
    ours, theirs = compared["generated"], compared["data"]
    used = of_data.lit_by_row > 0

    def off(name: str) -> float:
        return abs(float(ours[name] or 0.0) / float(theirs[name]) - 1)

    return {
        "empty_excess": max(0.0, ours["empty_share"] - theirs["empty_share"]),
        "largest_difference": compared["largest_difference"],
        "total_difference": compared["total_difference"],
        "pitches_shared": float((of_generated.lit_by_row[used] > 0).mean()),
        "foreign_notes": float(of_generated.notes_by_row[~used].sum() / max(of_generated.notes, 1)),
        "qualified_off": off("qualified_share"),
        "polyphony_off": off("polyphony"),
        "notes_ratio": ours["notes_per_window"] / theirs["notes_per_window"],
    }


def on_ways(model: Contestant, samples: int) -> Json:
    """The same counts of windows halfway between two that the model plays."""
    halfway = model.halfway(samples)
    if halfway is None:
        return {}
    windows = model.windows
    counted = _counted(count(halfway), count(windows.blocks()), windows.lowest_pitch)
    return {f"halfway_{name}": value for name, value in counted.items()}


def _told(one: Bytes, other: Bytes, of_one: Vectors, of_other: Vectors, seed: int) -> Json:
    """What looks at both sides together; nothing where they are too small for it."""
    try:
        told = two_sample(one, other, of_one, of_other, seed)
        near = fidelity(of_one, of_other)
    except (TooFewToTell, TooFewVectors) as few:
        print(f"  no classifiers, no coverage: {few}")
        return {}
    seen = {"classifier": told.accuracy, "convolution": told.convolution, "features": told.features}
    return seen | near.to_json()


def copying(generated: Bytes, windows: PackedWindows, sides: Split) -> float | None:
    """Median distance to the nearest training window, as a share of held-out windows'."""
    played = generated[evenly(np.arange(len(generated)), MOST_SEARCHED)]
    unseen = windows.of(evenly(sides.held_out, MOST_SEARCHED))
    training = (windows.of(part) for part in np.split(sides.training, range(256, len(sides.training), 256)))
    distances = nearest_distances(np.concatenate([played, unseen]), training)
    held_out = float(np.median(distances[len(played) :]))
    return float(np.median(distances[: len(played)])) / held_out if held_out else None


def contestant(contest: Contest) -> Contestant:
    windows, seed, threads = contest.windows, contest.seed, contest.threads
    if contest.model in FAMILIES:
        share = find_preset(contest.model, "default").options.held_out
        return Ours(contest.model, windows, split(windows.file, share, seed), seed, contest.seconds, threads)
    kind = {"thesis-vae": ThesisVae, "thesis-gan": ThesisGan}[contest.model]
    return kind(windows, split(windows.file, THESIS_HELD_OUT, seed), seed, threads)


def measure(contest: Contest) -> Json:
    """Train, play and compare; the figures."""
    windows, seed = contest.windows, contest.seed
    order = by_file(windows.file, seed)
    if contest.model == DATA:
        one = np.zeros(len(order), np.bool_)
        one[split(windows.file, 0.5, seed).held_out] = True
        half, other = (windows.of(evenly(rows, contest.samples)) for rows in (order[one[order]], order[~one[order]]))
        sides = split(windows.file, find_preset("vae", "default").options.held_out, seed)
        all_lit = windows.density(order)
        return {
            **figures(half, other, iter([other]), windows.lowest_pitch, seed),
            "training_density": windows.density(sides.training) / all_lit,
            "held_out_density": windows.density(sides.held_out) / all_lit,
        }
    model = contestant(contest)
    course: list[tuple[float, float]] = []

    def told(elapsed: float, nats: float | None) -> bool:
        shown = "" if nats is None else f", {nats:.1f} nats per held-out window"
        print(f"  {elapsed:7.0f} s, step {model.steps}{shown}", flush=True)
        if nats is not None:
            course.append((elapsed, nats))
        return False

    elapsed = train(model, contest.seconds, CLOCKS[contest.clock], LOOK_EVERY, told)
    model.settle()
    bounded = evenly(model.sides.held_out, MOST_BOUNDED)
    nats = model.nats(bounded)
    began = time.perf_counter()
    generated = model.play(contest.samples)
    played = time.perf_counter() - began
    return {
        **figures(generated, _data(windows, order), windows.blocks(), windows.lowest_pitch, seed),
        "copying": copying(generated, windows, model.sides),
        "nats": nats,
        "kl": model.kl(bounded),
        **on_ways(model, contest.samples // 3),
        "course": course,
        "best_at": min(course, key=lambda point: point[1])[0] if course else None,
        "steps": model.steps,
        "windows_per_second": model.steps * model.batch / elapsed,
        "play_seconds": played * 1000 / contest.samples,
    }


def _data(windows: PackedWindows, order: Integers) -> Bytes:
    return windows.of(evenly(order, MOST))


def corpora(data: Path, sizes: Sequence[str]) -> dict[str, PackedWindows]:
    """The windows of each size; one size alone where the data is not there, or is one folder."""
    found: dict[str, PackedWindows] = {}
    seen: set[tuple[Path, ...]] = set()
    for size in sizes:
        files = common.music(data, size)
        if tuple(files) in seen:
            print(f"{size} would be the same music as {next(iter(found))}: it is left out")
            continue
        seen.add(tuple(files))
        found[size] = packed_windows(files)
    return found


def contests(given: Any, windows: Mapping[str, PackedWindows]) -> Iterator[Contest]:
    models = [DATA, *given.families, *(f"thesis-{name}" for name in given.rivals)]
    for size, of_size in windows.items():
        music = digest(of_size)
        for seed in given.seeds:
            for model in models:
                yield Contest(
                    size, seed, model, given.seconds, given.clock, given.threads, given.samples, of_size, music
                )


def main() -> None:
    scratch = Path(tempfile.gettempdir())
    given = common.arguments(
        __doc__ or "",
        sizes={"nargs": "+", "choices": SIZES, "default": list(SIZES), "help": "data sets"},
        families={"nargs": "*", "choices": FAMILIES, "default": list(FAMILIES), "help": "ours"},
        rivals={"nargs": "*", "choices": FAMILIES, "default": list(FAMILIES), "help": "the thesis's"},
        seeds={"nargs": "+", "type": int, "default": [0, 1, 2], "help": "of the runs"},
        seconds={"type": float, "default": 1200.0, "help": "to train each for"},
        threads={"type": int, "default": os.cpu_count(), "help": "CPU threads of each"},
        samples={"type": int, "default": SAMPLES, "help": "windows that each plays"},
        processor_time={"action": "store_true", "help": "count processor seconds, not those of the wall clock"},
        results={"type": Path, "default": scratch / "pianola-bench-quality.jsonl", "help": "file of what was found"},
        again={"action": "store_true", "help": "measure anew what is there"},
        table={"action": "store_true", "help": "print the table, measure nothing"},
    )
    given.clock = "processor" if given.processor_time else "wall"
    if given.quick:
        given.sizes, given.seeds, given.seconds, given.samples = given.sizes[:1], given.seeds[:1], 1.0, 80
        given.results, given.again = scratch / "pianola-bench-quality-quick.jsonl", True
    torch.set_num_threads(given.threads)
    windows = corpora(given.data, given.sizes)
    found = {(one.size, one.model, one.seed): one for one in contests(given, windows)}
    # What is imported by now is what is measured, whatever becomes of the files.
    state = source()
    if not given.table:
        for contest in found.values():
            _add(contest, state, given.results, given.again)
    results = read_results(given.results)
    verdicts: list[bool | None] = []
    for size in windows:
        cells: dict[str, dict[int, Json]] = {}
        for (of_size, model, seed), contest in found.items():
            result = newest(results, contest.key) if of_size == size else None
            if result is not None:
                cells.setdefault(model, {})[seed] = result["figures"]
                if model in FAMILIES and result["source"] != state:
                    print(f"{size} {model} seed {seed} was measured with another state of pianola.models: see --again")
        lines, of_size_verdicts = table(size, cells)
        print("\n" + "\n".join(lines))
        verdicts += of_size_verdicts
    passed = sum(one is True for one in verdicts)
    unknown = sum(one is None for one in verdicts)
    print(f"\n{passed} bars of {len(verdicts)} passed, {unknown} not measured; ! marks a figure that misses its bar")
    common.report("quality", "the bars, beside thesis.py", passed / len(verdicts), 1.0)


def _add(contest: Contest, state: str, results: Path, again: bool) -> None:
    """Measure, unless it is there, and add it to the file."""
    name = f"{contest.size}, {contest.model}, seed {contest.seed}"
    if not again and newest(read_results(results), contest.key) is not None:
        print(f"{name}: is in {results}")
        return
    print(f"{name}: {contest.seconds:g} s of {contest.clock} time, {contest.threads} threads", flush=True)
    result = {"key": contest.key, "figures": measure(contest), "source": state, "machine": common.machine()}
    results.parent.mkdir(parents=True, exist_ok=True)
    with results.open("a") as file:
        file.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
