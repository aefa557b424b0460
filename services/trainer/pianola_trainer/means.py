"""Means over the steps between two evaluation points."""

from collections import defaultdict
from collections.abc import Mapping


class Means:
    """Means of what steps measured, each weighed by its windows, and their speed."""

    def __init__(self) -> None:
        self._sums: defaultdict[str, float] = defaultdict(float)
        self._windows = 0
        self._seconds = 0.0

    def add(self, values: Mapping[str, float], windows: int, seconds: float) -> None:
        """Count one step of so many windows that took so long."""
        for name, value in values.items():
            self._sums[name] += value * windows
        self._windows += windows
        self._seconds += seconds

    @property
    def windows_per_second(self) -> float | None:
        """The speed of the steps alone; None before the first."""
        return self._windows / self._seconds if self._windows else None

    def take(self) -> dict[str, float]:
        """The means, and windows_per_second; counting begins again."""
        means = {name: total / self._windows for name, total in self._sums.items()}
        if (speed := self.windows_per_second) is not None:
            means["windows_per_second"] = speed
        self._sums.clear()
        self._windows, self._seconds = 0, 0.0
        return means
