"""What ends a run for good, whoever tries it: errors whose message the run's owner reads."""

from collections.abc import Mapping
from typing import Literal


class CannotTrain(RuntimeError):
    """The run cannot succeed as it is; the message says why and what to change."""


class NoWindows(CannotTrain):
    """The dataset leaves nothing to train on."""

    def __init__(self, windows: int, held_out: float) -> None:
        super().__init__(
            f"nothing to train on: the dataset has {windows} windows and held_out is {held_out:g}; "
            "add files to it or lower held_out"
        )
        self.windows, self.held_out = windows, held_out


class OneSided(CannotTrain):
    """The dataset has a hold-out of its own, and one side of it has no window."""

    def __init__(self, dataset: str, options: Mapping[str, object], side: Literal["held-out", "training"]) -> None:
        others = "larger" if side == "held-out" else "smaller"
        super().__init__(
            f"dataset {dataset!r} has no window on its {side} side (held_out {options.get('held_out')}, held_out_seed "
            f"{options.get('held_out_seed')}): the files there were refused or left out; make a dataset with another "
            f"held_out_seed, a {others} held_out or more files"
        )
        self.dataset, self.side = dataset, side


class Diverged(CannotTrain):
    """A number that training depends on is no longer finite."""

    def __init__(self, what: str, value: float, step: int, learning_rate: float) -> None:
        found = "NaN" if value != value else "infinite"
        super().__init__(f"{what} became {found} at step {step}: lower learning_rate (now {learning_rate:g})")
        self.what, self.step, self.learning_rate = what, step, learning_rate


class DatasetUnreadable(CannotTrain):
    """The dataset's objects are not those its record names."""

    def __init__(self, dataset: str, reason: Exception) -> None:
        super().__init__(f"dataset {dataset!r} cannot be read: {reason}; build it again under another name")
        self.dataset = dataset


class CheckpointUnreadable(CannotTrain):
    """The checkpoint to evaluate is not what its record names."""

    def __init__(self, digest: str, reason: Exception) -> None:
        super().__init__(f"checkpoint {digest} cannot be read: {reason}")
        self.digest = digest
