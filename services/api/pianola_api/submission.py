"""What a run is checked for before it is queued, so that no worker finds out for its submitter."""

from collections.abc import Mapping

from pianola.models.presets import RunOptions
from pianola.records.tables import Dataset


class TooFewWindows(ValueError):
    """A dataset that has no window to train on, or none left beside those held out; `field` is what decided it."""

    def __init__(self, dataset: str, field: str, message: str) -> None:
        super().__init__(f"dataset {dataset!r} is too small: {message}")
        self.errors = [{"field": field, "message": message}]


class HeldOutAlready(ValueError):
    """A run that chooses what is held out, on a dataset that has chosen already."""

    def __init__(self, dataset: str, share: float) -> None:
        message = f"dataset {dataset!r} holds out {share:g} of its files itself, for every run: leave this out"
        super().__init__(f"held_out: {message}")
        self.errors = [{"field": "held_out", "message": message}]


def check_hold_out(dataset: Dataset, given: Mapping[str, object]) -> None:
    """Raise HeldOutAlready where the options `given` for a run say what is held out, and the dataset does too."""
    share = dataset.options.get("held_out", 0)
    if share and "held_out" in given:
        raise HeldOutAlready(dataset.name, share)


def check_windows(dataset: Dataset, options: RunOptions) -> None:
    """Raise TooFewWindows unless there are windows to train on. Where some are held out, that is one at least."""
    windows, share = dataset.windows, dataset.options.get("held_out", 0)
    if not windows:
        raise TooFewWindows(dataset.name, "dataset", "it has no windows: none of its files was accepted")
    if share:
        if not dataset.windows_held_out:
            left = (
                f"its own hold-out of {share:g} holds out no window, as those files gave none: create it with another "
            )
            raise TooFewWindows(dataset.name, "dataset", left + "held_out_seed")
        if windows <= dataset.windows_held_out:
            left = f"its own hold-out of {share:g} leaves none of its {windows} to train on: add music to it"
            raise TooFewWindows(dataset.name, "dataset", left)
    elif options.held_out and windows <= max(1, round(windows * options.held_out)):
        left = f"held_out {options.held_out:g} leaves none of its {windows} to train on: add music or lower held_out"
        raise TooFewWindows(dataset.name, "held_out", left)
