"""How long a run goes on: a number of epochs, or a time that counts over all its attempts."""

from dataclasses import dataclass

from pianola.models.family import RunOptions
from pianola_trainer.batches import Batches


@dataclass(frozen=True)
class Course:
    """The length of a run: steps, or seconds spent on steps (reading, evaluating and waiting are not counted)."""

    steps: int | None
    seconds: float | None

    @classmethod
    def of(cls, options: RunOptions, batches: Batches) -> "Course":
        """The length that the options ask for."""
        return cls(None if options.epochs is None else batches.steps(options.epochs), options.seconds)

    def fraction(self, step: int, elapsed: float) -> float:
        """How much of it is done, 0 to 1, after `step` steps that took `elapsed` seconds."""
        if self.steps is not None:
            return step / self.steps
        assert self.seconds is not None  # options give one of the two
        return min(1.0, elapsed / self.seconds)

    def done(self, step: int, elapsed: float) -> bool:
        """Whether nothing is left to do; there is always a first step."""
        return step > 0 and self.fraction(step, elapsed) >= 1
