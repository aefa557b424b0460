"""Coverage-guided fuzzing of the codec: `python tests/fuzz/guided.py SECONDS FOLDER [SEED]`.

Bytes that break a property, take too long or too much memory are left in FOLDER, and the exit status is not 0. With
atheris the codec tells which of its branches the bytes reached, and what reaches a new one is changed further; half of
the changes are those of mutants.py. Where atheris has no wheel, hypothesis makes the bytes for the same properties.
"""

import hashlib
import random
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

try:
    import atheris
except ImportError:
    atheris = None

# Atheris sees the branches of what is imported while it looks on. Where numbers are compared it also looks at both, and
# there it never lets go of an array that comes of it: that is for the one module that has magic words and no arrays.
if atheris is None:
    from fuzz import seeds
    from fuzz.mutants import mutant, taken_apart
    from fuzz.properties import holds

    from pianola.codec.reader import Limits
else:
    from atheris.import_hook import HookManager

    with atheris.instrument_imports(include=["pianola"]):
        import pianola.codec.chunks  # noqa: F401  # to be looked at
    with HookManager({"pianola"}, set(), enable_loader_override=True, trace_dataflow=False):
        from fuzz import seeds
        from fuzz.mutants import mutant, taken_apart
        from fuzz.properties import holds

        from pianola.codec.reader import Limits

LONGEST: Final = 4_096
"""Bytes of an input: long enough for every branch, short enough for thousands in a second."""
LIMITS: Final = Limits(steps=4_800)
"""A time of three bytes makes a file of 196,608 steps, and every such input would cost a second for nothing new."""
MOST_SECONDS: Final = 10
MOST_MEGABYTES: Final = 512
"""above the peak the process begins with, which Linux hands on from its parent, for everything that atheris keeps"""


def main() -> int:
    """Fuzz; the exit status is 0 where nothing was found."""
    seconds, folder = int(sys.argv[1]), Path(sys.argv[2])
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else random.SystemRandom().randrange(1, 2**31)
    if atheris is None:
        print(f"atheris has no wheel for this machine: hypothesis instead, seed {seed}", flush=True)
        return with_hypothesis(seconds, folder, seed)
    print(f"atheris, seed {seed}", flush=True)
    return with_atheris(seconds, folder, seed)


def with_atheris(seconds: int, folder: Path, seed: int) -> int:
    """The fuzzer drives: it writes what it finds to `folder` and ends the process itself."""
    others = [taken_apart(piece) for piece in seeds.pieces()]

    def change(data: bytes, most: int, seed: int) -> bytes:
        chance = random.Random(seed)
        if chance.random() < 0.5:
            return bytes(atheris.Mutate(data, most))
        return mutant([taken_apart(data), chance.choice(others)], chance)[:most]

    with tempfile.TemporaryDirectory() as corpus:
        for place, piece in enumerate(seeds.pieces()):
            Path(corpus, f"{place}.mid").write_bytes(piece)
        options = {
            "max_total_time": seconds,
            "max_len": LONGEST,
            "timeout": MOST_SECONDS,
            "rss_limit_mb": MOST_MEGABYTES + peak_megabytes(),
            "seed": seed,
            "artifact_prefix": f"{folder}/",
            "print_final_stats": 1,
        }
        atheris.Setup(
            [sys.argv[0], *(f"-{name}={value}" for name, value in options.items()), corpus],
            lambda data: holds(data, LIMITS),
            custom_mutator=change,
        )
        atheris.Fuzz()
    return 0


def peak_megabytes() -> int:
    """The most memory this process has held, or its parent when it was started."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def with_hypothesis(seconds: int, folder: Path, seed: int) -> int:
    """Rounds of some hundred examples until the time is up; hypothesis makes what it finds as small as it can."""
    import hypothesis
    from hypothesis import strategies as some

    known = [taken_apart(piece) for piece in seeds.pieces()]
    broken = some.integers(0, 2**63).map(lambda number: mutant(known, random.Random(number)))
    failing = b""

    @hypothesis.settings(max_examples=500, deadline=None, database=None)
    @hypothesis.given(some.one_of(broken, some.binary(max_size=LONGEST)))
    def one_round(data: bytes) -> None:
        nonlocal failing
        try:
            holds(data, LIMITS)
        except BaseException:
            failing = data
            raise

    until, rounds = time.monotonic() + seconds, 0
    while time.monotonic() < until:
        try:
            hypothesis.seed(seed + rounds)(one_round)()
        except BaseException:
            (folder / f"crash-{hashlib.sha1(failing).hexdigest()}").write_bytes(failing)
            raise
        rounds += 1
    print(f"{rounds * 500:,} examples, nothing found")
    return 0


if __name__ == "__main__":
    sys.exit(main())
