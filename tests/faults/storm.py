"""A storm: the whole system at work while faults strike it, from one seed; then what has to hold is looked at.

    PYTHONPATH=tests python -m faults.storm --seed 0 --runs 200 --builds 20 --faults 300

It prints what was lost, doubled and stuck, all of which must be 0, and ends with 1 where one of them is not.
"""

import argparse
import logging
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

import structlog
from corpus import midi_files
from preprocess.web import serving
from sqlalchemy import func, select

from pianola.operations.garbage import Site, collect
from pianola.records.runs import count_by_state
from pianola.records.states import TERMINAL
from pianola.records.tables import Attempt, Dataset, Evaluation, Run

from .deployment import Deployment, deployed
from .invariants import INVARIANTS, Remains, final, report, weights
from .load import Plan, Users
from .weather import Weather

SORTS: Final = ("lost", "doubled", "stuck")


@dataclass(frozen=True)
class Outcome:
    """What broke, in sentences that begin with lost, doubled or stuck; and what there was of everything.

    heard: the sampler's answers by kind. swept: objects that garbage collection took in the end.
    """

    broken: list[str]
    faults: dict[str, int]
    states: dict[str, int]
    attempts: int
    heard: dict[str, int]
    swept: int
    seconds: float

    def count(self, sort: str) -> int:
        return sum(sentence.startswith(sort) for sentence in self.broken)


def storm(
    seed: int,
    runs: int,
    builds: int,
    faults: int,
    *,
    pace: float,
    outage: float,
    files: int,
    patience: float,
    keep_logs: Path | None = None,
) -> Outcome:
    """A storm of so many faults, `pace` seconds apart, on so many runs and builds; what it left.

    outage: seconds for which the store is gone at a time. files: of each build. patience: seconds that everything may
    take to end after the last fault.
    """
    music = [*midi_files("medium")[: files * 4 // 5], *midi_files("dirty")[: files // 5]]
    with serving() as web, deployed() as system:
        began = time.monotonic()
        users = Users(system, Plan(runs, builds, faults * pace * 0.9), seed, music, web)
        try:
            users.prepare()
            _wait(lambda: _ended(system), patience)
            for recipe, run_id in zip(users.recipes, users.submitted.runs.values(), strict=True):
                users.submitted.references[recipe] = weights(system.store, final(system.records, run_id))
                users.submitted.reports[recipe] = report(system.records, run_id)
            weather = Weather(system, seed, outage)
            users.start()
            _wait(weather.strike_a_run, patience)
            for _ in range(faults - 1):
                weather.strike()
                _wait(lambda: weather.tick() or False, pace)
            weather.clear()
            _wait(lambda: weather.tick() or users.done, patience)
            users.stop()
            _wait(lambda: weather.tick() or _ended(system), patience)
            system.stop()
            users.submitted.heard, users.submitted.misheard = users.listener.heard, users.listener.misheard
            swept = sum(1 for _ in collect(Site(system.records, system.store, None), grace=timedelta(0)))
            remains = Remains(system.records, system.store, users.submitted)
            broken = [sentence for holds in INVARIANTS for sentence in holds(remains)]
        finally:
            users.close()
            if keep_logs is not None:
                keep_logs.mkdir(parents=True, exist_ok=True)
                for log in system.folder.glob("*.log"):
                    shutil.copy(log, keep_logs)
        with system.records.read() as session:
            states = {state: count for state, count in count_by_state(session).items() if count}
            attempts = session.scalar(select(func.count()).select_from(Attempt)) or 0
        heard = dict(users.submitted.heard)
        return Outcome(broken, dict(weather.counts), states, attempts, heard, swept, time.monotonic() - began)


def _wait(condition: Callable[[], bool], seconds: float) -> bool:
    until = time.monotonic() + seconds
    while not (met := condition()) and time.monotonic() < until:
        time.sleep(0.1)
    return met


def _ended(system: Deployment) -> bool:
    with system.records.read() as session:
        running = session.scalar(select(func.count()).select_from(Run).where(Run.state.not_in(TERMINAL)))
        building = session.scalar(select(func.count()).select_from(Dataset).where(Dataset.state == "building"))
        evaluating = session.scalar(
            select(func.count()).select_from(Evaluation).where(Evaluation.finished_at.is_(None))
        )
    return not running and not building and not evaluating


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description="Faults on the whole system at work; see tests/faults/README.md")
    for name, default in {"seed": 0, "runs": 200, "builds": 20, "faults": 300, "files": 120}.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    for name, value in {"pace": 2.0, "outage": 30.0, "patience": 480.0}.items():
        parser.add_argument(f"--{name}", type=float, default=value)
    parser.add_argument("--keep-logs", type=Path)
    asked = parser.parse_args()
    # What this process says itself is what it asked for.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    outcome = storm(**vars(asked))
    for sentence in outcome.broken:
        print(sentence)
    print(f"{sum(outcome.faults.values())} faults: {', '.join(f'{n} {name}' for name, n in outcome.faults.items())}")
    print(f"{asked.builds} builds; {asked.runs} runs ({outcome.states}) in {outcome.attempts} attempts")
    print(f"the sampler's answers: {outcome.heard}; {outcome.swept} objects were garbage")
    print(f"{outcome.seconds:.0f} s; " + ", ".join(f"{sort} {outcome.count(sort)}" for sort in SORTS))
    return 1 if outcome.broken else 0


if __name__ == "__main__":
    sys.exit(main())
