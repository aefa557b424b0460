"""Where a way begins and ends, and what a piece goes on from: windows that a request names."""

from dataclasses import replace

from pianola.records import samples
from pianola.records.samples import Recipe
from pianola_sampler.context import here
from pianola_sampler.drawing import OtherCheckpoint
from pianola_sampler.schemas import End


class NoSuchWindow(ValueError):
    """A window that the sample, or a file, does not have."""

    def __init__(self, window: int, n: int, field: str = "window", what: str = "the sample") -> None:
        has = "one window" if n == 1 else f"{n} windows"
        super().__init__(f"there is no window {window}: {what} has {has}, counted from 0")
        self.errors = [{"field": field, "message": str(self)}]


def origin(field: str, asked: End, plain: Recipe) -> Recipe:
    """The recipe whose window `asked.window` is meant by the request's `field`; `plain`: the model and how it plays.

    Raises NotFound, OtherCheckpoint, NoSuchWindow.
    """
    if asked.sample is None:
        given = None if asked.z is None else [asked.z]
        return replace(plain, seed=asked.seed, z=given, n=asked.window + 1)
    with here().records.read() as session:
        row = samples.get(session, asked.sample)
    if row.checkpoint != plain.checkpoint:
        raise OtherCheckpoint(field, row.id, row.checkpoint, plain.checkpoint)
    if asked.window >= row.n:
        raise NoSuchWindow(asked.window, row.n)
    return samples.recipe_of(row)
