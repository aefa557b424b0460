"""What ends a run for good, whoever tries it: errors whose message the run's owner reads."""

from collections.abc import Mapping, Sequence
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


class BatchTooSmall(CannotTrain):
    """There is nothing to do for some of an attempt's processes."""

    def __init__(self, batch: int, processes: int) -> None:
        super().__init__(
            f"a batch has {batch} windows, fewer than the {processes} processes that train on this worker "
            "(PIANOLA_PROCESSES): raise batch, add files to the dataset, or use a worker with fewer"
        )
        self.batch, self.processes = batch, processes


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


class Collapsed(CannotTrain):
    """What the run plays has been nearly silent for several evaluation points in a row."""

    def __init__(self, heard: Sequence[tuple[int, float]], density: float, good: int | None) -> None:
        """heard: step and density of each of them, 0 to 1. density: the data's. good: the last step that was not so."""
        seen = ", ".join(f"{share:.2%} at step {step}" for step, share in heard)
        kept = (
            f"the checkpoint of step {good} is the last that plays and can be given a model name"
            if good is not None
            else "no checkpoint plays"
        )
        super().__init__(
            f"the model fell silent: of what it plays are lit {seen}, under a tenth of the data's {density:.2%}; "
            f"{kept}; try a lower learning_rate, another seed or the default preset, or collapse_points null"
        )
        self.heard, self.density, self.good = heard, density, good


class NothingHeldOut(CannotTrain):
    """The run is to stop by a held-out loss, and no window is held out."""

    def __init__(self, patience: int) -> None:
        super().__init__(
            f"patience {patience} goes by the loss on held-out windows, and none is held out: raise held_out or leave "
            "patience null"
        )
        self.patience = patience


class NoCondition(CannotTrain):
    """The label field that the model is to be told is none of the dataset's, or tells nothing apart."""

    def __init__(self, field: str, fields: Sequence[str]) -> None:
        known = ", ".join(fields) if fields else "none"
        super().__init__(
            f"condition {field!r} is no label field of the dataset with at least two values; its label fields: {known}"
        )
        self.field = field


class DatasetUnreadable(CannotTrain):
    """The dataset's objects are not those its record names."""

    def __init__(self, dataset: str, reason: Exception) -> None:
        super().__init__(f"dataset {dataset!r} cannot be read: {reason}; build it again under another name")
        self.dataset = dataset


class CheckpointUnreadable(CannotTrain):
    """The checkpoint to evaluate, or to begin from, is not what its record names."""

    def __init__(self, digest: str, reason: Exception) -> None:
        super().__init__(f"checkpoint {digest} cannot be read: {reason}")
        self.digest = digest


class OtherNetworks(CannotTrain):
    """The checkpoint to begin from has the weights of other networks than this version makes."""

    def __init__(self, digest: str, reason: Exception) -> None:
        super().__init__(
            f"the weights of checkpoint {digest} do not fit the networks of this version; begin from a checkpoint that "
            f"this version trained ({' '.join(str(reason).split())})"
        )
        self.digest = digest
