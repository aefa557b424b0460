"""What a run is checked for before it is queued, so that no worker finds out for its submitter."""

from pianola.models.presets import RunOptions
from pianola.records.tables import Dataset


class TooFewWindows(ValueError):
    """A dataset whose windows are too few to train on and to hold some out."""

    def __init__(self, dataset: str, windows: int, held_out: float) -> None:
        self.errors = [{"field": "held_out" if windows > 1 else "dataset", "message": self._say(windows, held_out)}]
        super().__init__(f"dataset {dataset!r} {self.errors[0]['message']}")
        self.dataset, self.windows, self.held_out = dataset, windows, held_out

    @staticmethod
    def _say(windows: int, held_out: float) -> str:
        if windows < 2:
            return f"has {windows} window{'' if windows == 1 else 's'}: add music to train on"
        return (
            f"has {windows} windows, of which held_out {held_out:g} keeps {round(windows * held_out)} for validation: "
            "there must be at least one to train on and one to validate with; add music or change held_out"
        )


def check_windows(dataset: Dataset, options: RunOptions) -> None:
    """Raise TooFewWindows unless there are windows to train on and, where some are held out, to validate with."""
    held = round(dataset.windows * options.held_out)
    if dataset.windows < 2 or held >= dataset.windows or (options.held_out > 0 and held == 0):
        raise TooFewWindows(dataset.name, dataset.windows, options.held_out)
