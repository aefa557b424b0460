"""A small storm: the whole system under faults of every kind that a minute has room for."""

from .storm import storm


def test_nothing_is_lost_doubled_or_stuck_in_a_storm() -> None:
    outcome = storm(seed=5, runs=14, builds=4, faults=30, pace=1.5, outage=6, files=12, patience=240)
    assert outcome.broken == []
    assert sum(outcome.faults.values()) == 30
    assert outcome.attempts > 14, "no run was disturbed"
