"""Which build a task is at work on: what goes wrong with it ends that build, and no later one of the same dataset."""

from dataclasses import dataclass


@dataclass
class UnderWay:
    """The number of the build; None where the task has not come to that."""

    build: int | None = None
