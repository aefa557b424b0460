"""The measurement at the start of a run with precision "auto": which way of computing its steps is fastest here.

Candidates take the same real steps in turn, each with a learner of its own that is thrown away: the run's weights and
random numbers do not notice, and what other processes do meets all alike.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import median, quantiles
from typing import Final

import structlog
import torch

from pianola.models.precision import has_bfloat16_units
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

    def gains(self, plain: "_Timed") -> list[float]:
        """How many times as fast as the plain way it was, round by round: both took the same step then."""
        return [theirs / ours for theirs, ours in zip(plain.seconds, self.seconds, strict=True)]


def probe(plain: Setup, make_steps: MakeSteps, batch: int) -> Setup:
    """The fastest way here, from the plain one and others with at most its threads.

    make_steps: steps of a new learner, computed as told. batch: windows of one step. Leaves torch's threads as the last
    candidate had them.
    """
    on_gpu = plain.device != "cpu"
    one = replace(plain, threads=1) if not on_gpu else plain
    ways = [one, replace(one, channels_last=not one.channels_last)]
    if has_bfloat16_units():
        ways += [replace(way, precision="bfloat16") for way in ways]
    timed = _time(ways, make_steps)
    gains = [(median(other.gains(timed[0])), other.setup) for other in timed[1:]]
    gain, best = max(gains, key=lambda found: found[0], default=(1.0, one))
    chosen = best if gain >= WORTH_A_CHANGE else one
    if chosen.threads < plain.threads:
        few, *many = _time([chosen, replace(chosen, threads=plain.threads)], make_steps)
        timed += many
        if many and quantiles(many[0].gains(few), n=4)[0] >= WORTH_MORE_THREADS:
            chosen = many[0].setup
    speeds = {way.setup.name: round(batch / median(way.seconds), 1) for way in timed}
    _log.info("probed", chosen=chosen.name, windows_per_second=speeds)
    return replace(chosen, windows_per_second=speeds)


def _time(ways: Sequence[Setup], make_steps: MakeSteps) -> list[_Timed]:
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        candidates = [(_Timed(way, []), make_steps(way)) for way in ways]
        # The first step makes caches, threads and kernels.
        for timed, steps in candidates:
            torch.set_num_threads(timed.setup.threads)
            steps.take(0.0)
        until = time.monotonic() + PROBE_SECONDS
        for done in range(MOST_ROUNDS):
            if done >= FEWEST_ROUNDS and time.monotonic() >= until:
                break
            for timed, steps in candidates:
                torch.set_num_threads(timed.setup.threads)
                began = time.perf_counter()
                steps.take(0.0)
                timed.seconds.append(time.perf_counter() - began)
            if done == 0:
                slowest = HOPELESS * candidates[0][0].seconds[0]
                candidates = [one for one in candidates if one[0].seconds[0] <= slowest]
    return [timed for timed, _ in candidates]
