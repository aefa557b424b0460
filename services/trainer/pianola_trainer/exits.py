"""How an attempt's process ends: exit codes that its supervisor understands. Any other code is a crash."""

from enum import IntEnum


class Exit(IntEnum):
    """Exit codes of `pianola_trainer.attempt` and `pianola_trainer.evaluation_attempt`."""

    FINISHED = 0
    RELEASED = 10
    """It let go because it was asked to."""
    REFUSED = 11
    """No attempt can succeed: the reason is in the workspace's `refusal` file."""
    STALE = 12
    """It no longer holds what it worked on, and wrote nothing more."""
    ORPHANED = 13
    """Its supervisor is gone."""
    AWAY = 15
    """The store or the database did not answer for long, or the disk is full: in the `refusal` file."""
    RANK_LOST = 14
    """Another process of the attempt ended: a crash like any other."""
