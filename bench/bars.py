"""The bars that what is played is held to, and the table that says which are met."""

import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

Json = dict[str, Any]

SIZES: Final = ("small", "medium", "large")
FAMILIES: Final = ("vae", "gan")
DATA: Final = "data"
"""The column of the data's halves."""


@dataclass(frozen=True)
class Row:
    """A line of the table. `bars` are for SIZES in order; `by_all`: every family of `asked` must meet it, else the best
    one.
    """

    figure: str
    label: str
    bars: tuple[float, float, float]
    percent: bool = True
    at_least: bool = False
    by_all: bool = False
    asked: tuple[str, ...] = FAMILIES

    def bar(self, size: str) -> float:
        """Of a size."""
        return self.bars[SIZES.index(size)]

    def met(self, value: float | None, size: str) -> bool | None:
        """None where there is no value."""
        if value is None:
            return None
        return value >= self.bar(size) if self.at_least else value <= self.bar(size)

    def shown(self, value: float | None) -> str:
        """As the table writes it."""
        if value is None:
            return "-"
        return f"{100 * value:.1f} %" if self.percent else f"{value:.3f}"


ROWS: Final = (
    Row("empty_excess", "empty windows, above the data's", (0.005, 0.005, 0.005), by_all=True),
    Row("largest_difference", "largest note-frequency difference", (0.02, 0.01, 0.01), by_all=True),
    Row("pitches_shared", "pitches used, share of the data's", (0.90, 0.95, 0.97), at_least=True, by_all=True),
    Row("foreign_notes", "notes on pitches the data never uses", (0.01, 0.005, 0.005), by_all=True),
    Row("qualified_off", "qualified notes, off the data's by", (0.08, 0.05, 0.05)),
    Row("polyphony_off", "polyphony, off the data's by", (0.08, 0.05, 0.05)),
    Row("classifier", "two-sample classifier, the better one", (0.85, 0.80, 0.80), percent=False),
    Row("coverage", "coverage", (0.6, 0.7, 0.7), percent=False, at_least=True),
    Row("nats_share", "VAE nats, share of the thesis VAE's", (0.27, 0.30, 0.28), percent=False, asked=("vae",)),
    Row("copying", "nearest training window, to held-out's", (0.8, 0.9, 0.9), percent=False, at_least=True),
    Row("kl", "VAE nats that positions tell", (20, 20, 20), percent=False, at_least=True, asked=("vae",)),
)
BESIDE: Final = (
    ("nats", "nats per held-out window"),
    ("convolution", "classifier of windows"),
    ("features", "classifier of features"),
    ("precision", "precision"),
    ("recall", "recall"),
    ("density", "density"),
    ("total_difference", "total note-frequency difference"),
    ("notes_ratio", "notes a window, to the data's"),
    ("halfway_empty_excess", "halfway: empty windows above the data's"),
    ("halfway_largest_difference", "halfway: largest frequency difference"),
    ("halfway_qualified_off", "halfway: qualified notes, off by"),
    ("halfway_polyphony_off", "halfway: polyphony, off by"),
    ("training_density", "lit in training windows, to all"),
    ("held_out_density", "lit in held-out windows, to all"),
    ("best_at", "best moment, seconds"),
    ("steps", "steps"),
    ("windows_per_second", "windows learnt from in a second"),
    ("play_seconds", "seconds to play 1,000 windows"),
)


def medians(found: Mapping[int, Json], rival: Mapping[int, Json]) -> dict[str, float | None]:
    """The median of each figure over seeds; nats also as a share of the rival's with the same seed."""
    names = {name for result in found.values() for name, value in result.items() if isinstance(value, int | float)}
    known: dict[str, list[float]] = {
        name: [result[name] for result in found.values() if isinstance(result.get(name), int | float)] for name in names
    }
    known["nats_share"] = [
        result["nats"] / rival[seed]["nats"] for seed, result in found.items() if result.get("nats") and seed in rival
    ]
    return {name: statistics.median(values) if values else None for name, values in known.items()}


def verdict(row: Row, size: str, of_families: Mapping[str, float | None]) -> bool | None:
    """Whether the row's bar is met: by every family, or by one; None where that cannot be said yet."""
    met = [row.met(value, size) for value in of_families.values()]
    decided = not row.by_all  # what one family alone decides
    if decided in met:
        return decided
    return None if None in met else not decided


def table(size: str, cells: Mapping[str, Mapping[int, Json]]) -> tuple[list[str], list[bool | None]]:
    """The lines of a size's table and, row by row, whether its bar is met. cells: figures by model and seed."""
    columns = [name for name in (*FAMILIES, *(f"thesis-{name}" for name in FAMILIES), DATA) if cells.get(name)]
    rival = cells.get("thesis-vae", {})
    middle = {name: medians(cells[name], rival if name == "vae" else {}) for name in columns}
    headings = [f"{name} ({len(cells[name])} seeds)" for name in columns]
    lines = [f"{size:40}{'bar':>10}" + "".join(f"{heading:>22}" for heading in headings)]
    verdicts = []
    for row in ROWS:
        verdicts.append(verdict(row, size, {name: middle.get(name, {}).get(row.figure) for name in row.asked}))
        said = {True: "PASS", False: "miss", None: "?"}[verdicts[-1]]
        values = "".join(f"{_cell(row, middle[name].get(row.figure), name, size):>22}" for name in columns)
        lines.append(f"{row.label:40}{_bar(row, size):>10}{values}  {said}")
    for figure, label in BESIDE:
        known = [middle[name].get(figure) for name in columns]
        if any(value is not None for value in known):
            cells_of_line = "".join(f"{'-' if value is None else f'{value:.4g}':>22}" for value in known)
            lines.append(f"{label:40}{'':>10}{cells_of_line}")
    return lines, verdicts


def _bar(row: Row, size: str) -> str:
    return ("≥ " if row.at_least else "≤ ") + (f"{100 * row.bar(size):g} %" if row.percent else f"{row.bar(size):g}")


def _cell(row: Row, value: float | None, model: str, size: str) -> str:
    missed = " !" if model in row.asked and row.met(value, size) is False else "  "
    return row.shown(value) + missed
