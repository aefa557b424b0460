"""Which build a task is at work on: what goes wrong with it ends that build, and no later one of the same dataset."""

from dataclasses import dataclass


@dataclass
class UnderWay:
    """The number of the build, None where the task has not come to that; and what the task raised, as it was: Celery
    hands on what it cannot pickle as another error.
    """

    build: int | None = None
    error: Exception | None = None
