"""What a run is checked for before it is queued, so that no worker finds out for its submitter."""

from pianola.models.presets import RunOptions
from pianola.records.tables import Dataset


class TooFewWindows(ValueError):
    """A dataset that has no window to train on, or none left beside those held out."""

    def __init__(self, dataset: str, windows: int, held_out: float) -> None:
        if windows:
            left = f"held_out {held_out:g} leaves none of its {windows} to train on: add music or lower held_out"
        else:
            left = "it has no windows: none of its files was accepted"
        super().__init__(f"dataset {dataset!r} is too small: {left}")
        self.errors = [{"field": "held_out" if windows else "dataset", "message": left}]
        self.dataset, self.windows, self.held_out = dataset, windows, held_out


def check_windows(dataset: Dataset, options: RunOptions) -> None:
    """Raise TooFewWindows unless there are windows to train on. Where some are held out, that is one at least."""
    held = max(1, round(dataset.windows * options.held_out)) if options.held_out else 0
    if dataset.windows - held < 1:
        raise TooFewWindows(dataset.name, dataset.windows, options.held_out)
