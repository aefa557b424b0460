"""The measurement at the start of a run with precision "auto": which way of computing its steps is fastest here.

Candidates take the same real steps in turn, each with a learner of its own that is thrown away: the run's weights and
random numbers do not notice, and what other processes do meets all alike.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Final

import structlog
import torch

from pianola.models.precision import Precision, has_bfloat16_units
from pianola_trainer.setup import Setup
from pianola_trainer.stepping import Steps

PROBE_SECONDS: Final = 2.0
"""For each of the two questions; what a slow network's fewest rounds take comes on top."""
FEWEST_ROUNDS: Final = 3
MOST_ROUNDS: Final = 20
WORTH_A_CHANGE: Final = 1.1
"""So many times as fast as the plain way has another to be."""
WORTH_MORE_THREADS: Final = 1.15
"""So many times as fast has a step to be in three of four rounds: on busy cores threads wait for one another, at times
for long, and a second core that gains less is better left to others."""
HOPELESS: Final = 3.0
"""A candidate that took so many times as long as the first one in the first round is tried no more."""

MakeSteps = Callable[[Setup], Steps]
_log = structlog.get_logger("probe")


@dataclass(frozen=True)
class _Timed:
    """Seconds of one candidate's steps, round by round."""

    setup: Setup
    seconds: list[float]

    def gain(self, other: "_Timed", share: float) -> float:
        """In all but this share of the rounds it was at least so many times as fast as the other, on the same step."""
        rounds = sorted(theirs / ours for theirs, ours in zip(other.seconds, self.seconds, strict=False))
        return rounds[int(share * len(rounds))]


def probe(plain: Setup, make_steps: MakeSteps, batch: int) -> Setup:
    """The fastest way here, from the plain one and others with at most its threads.

    make_steps: steps of a new learner, computed as told. batch: windows of one step. Leaves torch's threads as the last
    candidate had them.
    """
    on_cpu = plain.device == "cpu"
    first = replace(plain, threads=1) if on_cpu else plain
    precisions: list[Precision] = ["float32", "bfloat16"] if has_bfloat16_units() else ["float32"]
    timed = _time(
        [replace(first, precision=one, channels_last=last) for last in (True, False) for one in precisions], make_steps
    )
    best = timed[0]
    for other in timed[1:]:
        if other.gain(best, 1 / 2) >= WORTH_A_CHANGE:
            best = other
    if best.setup.threads < plain.threads:
        best, more = _time([best.setup, replace(best.setup, threads=plain.threads)], make_steps)
        timed.append(more)
        if more.gain(best, 1 / 4) >= WORTH_MORE_THREADS:
            best = more
    speeds = {way.setup.name: round(batch / median(way.seconds), 1) for way in timed}
    _log.info("probed", chosen=best.setup.name, windows_per_second=speeds)
    return replace(best.setup, windows_per_second=speeds)


def _time(ways: Sequence[Setup], make_steps: MakeSteps) -> list[_Timed]:
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        trying = [(_Timed(way, []), make_steps(way)) for way in ways]
        found = [timed for timed, _ in trying]
        # The first step makes caches, threads and kernels.
        for timed, steps in trying:
            torch.set_num_threads(timed.setup.threads)
            steps.take(0.0)
        until = time.monotonic() + PROBE_SECONDS
        for done in range(MOST_ROUNDS):
            if done >= FEWEST_ROUNDS and time.monotonic() >= until:
                break
            for timed, steps in trying:
                torch.set_num_threads(timed.setup.threads)
                began = time.perf_counter()
                steps.take(0.0)
                timed.seconds.append(time.perf_counter() - began)
            trying = [one for one in trying if one[0].seconds[0] <= HOPELESS * found[0].seconds[0]]
    return found
