"""Mutants and bombs through a build of the codec's compiled half with sanitizers: see test_compiled.py.

python -m codec.sanitized LIBRARY SEED MUTANTS      prints how many files were judged, and how many accepted
"""

import importlib.util
import sys
from pathlib import Path

from fuzz.bombs import BOMBS
from fuzz.mutants import mutants
from fuzz.properties import OPTIONS
from fuzz.seeds import sources

from pianola.codec import native
from pianola.codec.verdict import judge
from pianola.dataset.runs import find_runs


def main(library: Path, seed: int, count: int) -> None:
    specification = importlib.util.spec_from_file_location("pianola.codec._native", library)
    assert specification is not None
    assert specification.loader is not None
    native.module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(native.module)
    files = accepted = 0
    for data in (*mutants(sources(), seed, count), *(make() for make, _ in BOMBS.values())):
        for options in OPTIONS:
            verdict, windows = judge(data, options)
            find_runs(windows.lit)
            native.module.tally(windows.lit, windows.start)
            accepted += verdict.accepted
        files += 1
    print(files, accepted)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
