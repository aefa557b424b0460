"""The sampler under load, against LitServe and BentoML, which serve the very same generator with their batching on.

    python -m venv bench/.venv && bench/.venv/bin/pip install -r bench/serving/requirements.txt
    python bench/sampler.py [--data FOLDER] [--quick] [--rivals PYTHON] [--seconds S] [--vae FILE] [--gan FILE]

Each round starts each server of each model in turn, on the same machine as its clients, lets one client ask for windows
as MIDI, and then 32; every request has a seed of its own, so nobody answers from memory. The sampler keeps a row of
every sample; the rivals keep nothing. Figures are medians of the rounds. The generators are those of saved files, or
trained for a minute of processor time each. Then the sampler of the VAE answers --requests more, and what it holds is
looked at ten times on the way. Bars: one client p50 at most 15 ms and 0.8 times the better rival's; 32 clients at least
1.5 times the better rival's requests a second at no worse p99; no error; memory within 5 % of what it was half-way,
with the cache of samples full; the first sample under 4 s after the start of the process; a window as MIDI bytes
in under 1 ms. The ratio of the last line is the smallest of measured over asked for, over models and bars.
"""

import io
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import mido
import numpy as np
from common import REPOSITORY, arguments, music, report
from serving.contenders import Contender, Json, Running, contenders, load

from pianola.codec.roll import decode_notes
from pianola.codec.writer import write_midi

FAMILIES = ("vae", "gan")
MANY = 32
P50_MS, OF_RIVALS_P50 = 15.0, 0.8
OF_RIVALS_THROUGHPUT = 1.5
COLD_S = 4.0
MIDI_MS = 1.0
GROWTH = 1.05
LOOKS = 10
TRAINING_S = 60.0
SEEDS_OF_A_LOAD = 10_000_000


@dataclass
class Figures:
    """What was measured of one server with one model, a figure a round."""

    one: list[Json] = field(default_factory=list)
    many: list[Json] = field(default_factory=list)
    cold_s: list[float] = field(default_factory=list)
    processor_ms: list[float] = field(default_factory=list)
    """Of all its threads and processes, for a request of many clients."""

    @property
    def p50(self) -> float:
        """Milliseconds of one client."""
        return statistics.median(told["p50"] for told in self.one)

    @property
    def throughput(self) -> float:
        """Requests a second of many clients."""
        return statistics.median(told["requests"] / told["seconds"] for told in self.many)

    @property
    def p99(self) -> float:
        """Milliseconds of many clients."""
        return statistics.median(told["p99"] for told in self.many)

    @property
    def errors(self) -> int:
        """Of all rounds."""
        return int(sum(told["errors"] for told in (*self.one, *self.many)))

    def line(self, name: str) -> str:
        """Of the table."""
        return (
            f"{name:20}{self.p50:8.1f} ms{statistics.median(t['p99'] for t in self.one):8.1f} ms"
            f"{self.throughput:10.0f}/s{statistics.median(t['p50'] for t in self.many):8.0f} ms{self.p99:8.0f} ms"
            f"{statistics.median(self.processor_ms):9.1f} ms"
            f"{self.errors:8d}"
            f"{statistics.median(self.cold_s):8.1f} s"
        )


def train(family: str, data: Path, seconds: float, file: Path) -> Path:
    """Save a generator trained on the small data set in a process of its own, which takes torch along when it ends."""
    code = (
        "import sys; from pathlib import Path; from contestants import CLOCKS, Ours, train; "
        "from windows import packed_windows; import common; "
        "from pianola_trainer.batches import split; from pianola.models.registry import save_generator; "
        "family, data, seconds, file = sys.argv[1:]; "
        "windows = packed_windows(common.music(Path(data), 'small')); sides = split(windows.file, 0.2, 0); "
        "ours = Ours(family, windows, sides, 0, float(seconds), 1, precision='float32'); "
        "train(ours, float(seconds), CLOCKS['processor'], 60.0, lambda *_: False); ours.settle(); "
        "Path(file).write_bytes(save_generator(ours.learner, windows.lowest_pitch))"
    )
    command = [sys.executable, "-c", code, family, str(data), str(seconds), str(file)]
    subprocess.run(command, check=True, cwd=REPOSITORY / "bench")
    return file


def measure(
    contender: Contender, model: str, rivals: Path, seconds: float, first: int, into: Figures, log: Path
) -> None:
    """One server's part of a round."""
    with contender.serving(model, log) as running:
        alone = load(rivals, running, contender, 1, 0.01, first)
        into.cold_s.append(running.ready_s + alone["p50"] / 1000)
        load(rivals, running, contender, MANY, min(2.0, seconds), first + 1000)
        into.one.append(load(rivals, running, contender, 1, seconds, first + 100_000))
        spent = running.processor_seconds()
        into.many.append(load(rivals, running, contender, MANY, seconds, first + 1_000_000))
        into.processor_ms.append(1000 * (running.processor_seconds() - spent) / into.many[-1]["requests"])


def look(contender: Contender, model: str, rivals: Path, requests: int, log: Path) -> Iterator[tuple[int, float, int]]:
    """Requests so far, megabytes held, errors: after the first answers, and after each tenth of the requests."""
    part = max(1, requests // LOOKS)
    with contender.serving(model, log) as running:
        for number in range(LOOKS + 1):
            asked = part if number else min(part, 1000)
            told = _ask(rivals, running, contender, asked, 1_000_000_000 + number * SEEDS_OF_A_LOAD)
            yield number * part, running.megabytes(), int(told["errors"])


def _ask(rivals: Path, running: Running, contender: Contender, requests: int, first: int) -> Json:
    return load(rivals, running, contender, MANY, 3600, first, requests)


def midi_milliseconds(file: Path) -> float:
    """The median time from one window to its MIDI file, over windows that mido reads back to the same notes."""
    from pianola.models.registry import load_generator

    generator = load_generator(file.read_bytes())
    windows = generator.windows(np.stack([generator.draw(seed, 0) for seed in range(64)]))
    times = []
    for place in range(len(windows)):
        began = time.perf_counter()
        notes = decode_notes(windows[place : place + 1], generator.lowest_pitch)
        data = write_midi(notes)
        times.append(1000 * (time.perf_counter() - began))
        if _read(data) != sorted((note.pitch, note.start, note.length) for note in notes):
            raise SystemExit(f"mido reads other notes than window {place} has")
    return statistics.median(times)


def _read(data: bytes) -> list[tuple[int, int, int]]:
    now, begun, found = 0, {}, []
    for message in mido.MidiFile(file=io.BytesIO(data)).tracks[0]:
        now += message.time
        if message.type == "note_on":
            begun[message.note] = now // 40
        elif message.type == "note_off":
            start = begun.pop(message.note)
            found.append((message.note, start, now // 40 - start))
    return sorted(found)


def bars(model: str, figures: dict[str, Figures]) -> dict[str, float]:
    """How many times over each bar is met, by what it says."""
    ours, *others = figures.values()
    rival_p50 = min(each.p50 for each in others)
    quickest = max(others, key=lambda each: each.throughput)
    return {
        f"{model}: 1 client p50, to {P50_MS:g} ms": P50_MS / ours.p50,
        f"{model}: 1 client p50, to {OF_RIVALS_P50:g} of {rival_p50:.1f} ms": OF_RIVALS_P50 * rival_p50 / ours.p50,
        f"{model}: {MANY} clients, to {OF_RIVALS_THROUGHPUT:g} times {quickest.throughput:.0f}/s": ours.throughput
        / (OF_RIVALS_THROUGHPUT * quickest.throughput),
        f"{model}: {MANY} clients p99, to {quickest.p99:.0f} ms": quickest.p99 / ours.p99,
        f"{model}: first sample, to {COLD_S:g} s": COLD_S / statistics.median(ours.cold_s),
        f"{model}: errors, to 0": float(ours.errors == 0),
    }


def main() -> None:
    given = arguments(
        __doc__ or "",
        rivals={"type": Path, "default": REPOSITORY / "bench" / ".venv" / "bin" / "python", "help": "with the rivals"},
        rounds={"type": int, "default": 3, "help": "times each server is started"},
        seconds={"type": float, "default": 60.0, "help": "of each load"},
        requests={"type": int, "default": 50_000, "help": "in the look at memory; 0 leaves it out"},
        vae={"type": Path, "help": "a saved generator instead of one trained here"},
        gan={"type": Path, "help": "a saved generator instead of one trained here"},
    )
    if not given.rivals.exists():
        raise SystemExit(f"{given.rivals} is not there: see the first lines of {__file__} for how to make it")
    rounds, seconds, requests, training = given.rounds, given.seconds, given.requests, TRAINING_S
    if given.quick:
        rounds, seconds, requests, training = 1, 1.0, min(requests, 200), 1.0
    models = FAMILIES[:1] if given.quick else FAMILIES
    with tempfile.TemporaryDirectory(prefix="pianola-bench-") as folder:
        home = Path(folder)
        music(given.data, "small")
        files = {
            name: getattr(given, name) or train(name, given.data, training, home / f"{name}.safetensors")
            for name in models
        }
        files = {name: file.resolve() for name, file in files.items()}
        servers = contenders(home, files, given.rivals)
        figures = {model: {server.name: Figures() for server in servers} for model in models}
        loads = iter(range(0, 2**52, SEEDS_OF_A_LOAD))
        for _ in range(rounds):
            for model in models:
                for server in servers:
                    into = figures[model][server.name]
                    measure(server, model, given.rivals, seconds, next(loads), into, home / f"{server.name}.log")
        held = list(look(servers[0], models[0], given.rivals, requests, home / "memory.log")) if requests else []
        milliseconds = midi_milliseconds(files[models[0]])
    print(
        f"{'':20}{'1 client p50':>11}{'p99':>11}{f'{MANY} clients':>12}{'p50':>11}{'p99':>11}{'processor':>12}"
        f"{'errors':>8}{'cold':>10}"
    )
    for model, of_model in figures.items():
        for name, measured in of_model.items():
            print(measured.line(f"{name}, {model}"))
    met = {what: ratio for model in models for what, ratio in bars(model, figures[model]).items()}
    met[f"a window as MIDI bytes: {milliseconds:.2f} ms, to {MIDI_MS:g} ms"] = MIDI_MS / milliseconds
    if held:
        print("memory: " + ", ".join(f"{mb:.0f} MB after {asked}" for asked, mb, _ in held))
        settled = max(mb for _, mb, _ in held[: LOOKS // 2 + 1])
        met[f"memory after {requests} requests, to {GROWTH:g} of {settled:.0f} MB"] = GROWTH * settled / held[-1][1]
        met["errors meanwhile, to 0"] = float(not any(errors for *_, errors in held))
    for what, ratio in met.items():
        print(f"{'PASS' if ratio >= 1 else 'miss'} {ratio:6.2f} {what}")
    report("sampler", "LitServe, BentoML", min(met.values()), 1.0)


if __name__ == "__main__":
    main()
