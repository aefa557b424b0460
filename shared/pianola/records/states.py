"""The state machines: which state may follow which. Terminal states never change."""

from enum import StrEnum
from types import MappingProxyType
from typing import Final


class DatasetState(StrEnum):
    """A dataset takes files while open, is read while building, and never changes once built."""

    OPEN = "open"
    BUILDING = "building"
    BUILT = "built"
    FAILED = "failed"


class ImportState(StrEnum):
    """An import's states."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class EvaluationState(StrEnum):
    """An evaluation's states."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class RunState(StrEnum):
    """A run's states."""

    QUEUED = "queued"
    RUNNING = "running"
    CANCELLING = "cancelling"
    PAUSING = "pausing"
    PAUSED = "paused"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


TRANSITIONS: Final = MappingProxyType(
    {
        RunState.QUEUED: frozenset({RunState.RUNNING, RunState.CANCELLED, RunState.PAUSED}),
        RunState.RUNNING: frozenset(
            {
                RunState.SUCCEEDED,
                RunState.FAILED,
                RunState.CANCELLING,
                RunState.PAUSING,
                RunState.QUEUED,  # the lease was lost or given up
            }
        ),
        RunState.CANCELLING: frozenset({RunState.CANCELLED}),
        # A cancel overtakes a pause; a run that finishes before it could pause has finished.
        RunState.PAUSING: frozenset({RunState.PAUSED, RunState.CANCELLING, RunState.SUCCEEDED, RunState.FAILED}),
        RunState.PAUSED: frozenset({RunState.QUEUED, RunState.CANCELLED}),
        RunState.SUCCEEDED: frozenset(),
        RunState.FAILED: frozenset(),
        RunState.CANCELLED: frozenset(),
    }
)

TERMINAL: Final = frozenset(state for state, following in TRANSITIONS.items() if not following)
LEASED: Final = frozenset({RunState.RUNNING, RunState.CANCELLING, RunState.PAUSING})
"""States in which a worker holds the run."""


class WrongState(RuntimeError):
    """The run's state does not allow the transition."""

    def __init__(self, run_id: str, state: str, wanted: RunState) -> None:
        allowed = ", ".join(sorted(TRANSITIONS[RunState(state)])) or "nothing: it has ended"
        super().__init__(f"run {run_id} is {state} and cannot become {wanted} (possible from here: {allowed})")
        self.run_id, self.state, self.wanted = run_id, state, wanted


def sources(wanted: RunState) -> tuple[RunState, ...]:
    """The states from which `wanted` may follow."""
    return tuple(state for state, following in TRANSITIONS.items() if wanted in following)
