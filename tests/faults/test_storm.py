"""A small storm: the whole system under faults of every kind that a minute has room for."""

from .storm import storm


def test_nothing_is_lost_doubled_or_stuck_in_a_storm() -> None:
    outcome = storm(seed=5, runs=8, builds=3, faults=16, pace=1.5, outage=6, files=12, patience=240)
    assert outcome.broken == []
    assert sum(outcome.faults.values()) == 16
    assert outcome.attempts > 8, "no run was disturbed"
