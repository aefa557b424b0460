"""What evaluations' reports say, drawn: one report, or several runs' beside one another, with the data as a yardstick.

Every plot takes columns, (name, report) each; a report is the document of an evaluation, and one that lacks a figure
(an older one, or one that could not say it) has no bar there. The yardstick is of the first report that has it, as runs
that are compared share their dataset.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from pianola.evaluation.canvas import DATA, GENERATED, REFERENCE, Media, NothingToPlot, figure_of, rendered

Report = Mapping[str, Any]
Columns = Sequence[tuple[str, Report]]

MOST_COLUMNS: Final = 6
"""More bars beside one another cannot be told apart."""
_COLOURS: Final = (GENERATED, "#2a9d8f", "#9b5de5", "#c9a227", "#d1495b", "#5f7f3a")
_STEPS_OF_A_BEAT: Final = 12
_LONGEST: Final = 48

_ALIKE: Final = {
    "notes in a window": ("music.figures.notes.overlap", "music.figures.notes.data_overlap"),
    "notes at once": ("music.figures.polyphony.overlap", "music.figures.polyphony.data_overlap"),
    "share of longer notes": ("music.figures.qualified.overlap", "music.figures.qualified.data_overlap"),
    "mean length": ("music.figures.length.overlap", "music.figures.length.data_overlap"),
    "pitch classes": ("music.figures.pitch_class_entropy.overlap", "music.figures.pitch_class_entropy.data_overlap"),
    "likeness of beats": ("music.figures.self_similarity.overlap", "music.figures.self_similarity.data_overlap"),
    "lengths of notes": ("music.lengths.shared", "music.lengths.data_shared"),
    "places in the beat": ("music.onset_positions.shared", "music.onset_positions.data_shared"),
}
_FIDELITY: Final = {
    name: (f"fidelity.generated.{name}", f"fidelity.data.{name}")
    for name in ("precision", "recall", "density", "coverage")
}
_TOLD: Final = {
    "by the window": ("two_sample.generated.convolution", "two_sample.data.convolution"),
    "by its features": ("two_sample.generated.features", "two_sample.data.features"),
}
_COPYING: Final = {"median distance": ("copying.generated", "copying.held_out")}
_NATS: Final = {"the model": ("likelihood.bound", "")}


def frequency_plot(columns: Columns, media: Media = "png") -> bytes:
    """Note frequency of each column, a panel each, before the data's bars. Raises NothingToPlot."""
    _check(columns)
    found = [(name, bars) for name, report in columns if (bars := _bars(report)) is not None]
    if not found:
        raise NothingToPlot("no report has note frequencies")
    used = np.flatnonzero(np.sum([generated + data for _, (generated, data) in found], axis=0))
    low, high = (int(used[0]), int(used[-1])) if used.size else (60, 71)
    pitches = np.arange(low, high + 1)
    with figure_of(9, 1 + 1.7 * len(found)) as figure:
        panels = figure.subplots(len(found), 1, squeeze=False, sharex=True, sharey=True)[:, 0]
        for place, (axes, (name, (generated, data))) in enumerate(zip(panels, found, strict=True)):
            axes.bar(pitches, data[low : high + 1] * 100, 0.9, color=DATA, alpha=0.35, label="data")
            axes.bar(pitches, generated[low : high + 1] * 100, 0.45, color=_COLOURS[place], label=name)
            axes.set_title(f"{name}: largest difference {np.abs(generated - data).max():.3f}")
            axes.set_ylabel("lit steps, %")
            axes.grid(axis="x", visible=False)
        octaves = [pitch for pitch in pitches.tolist() if pitch % 12 == 0] or [low]
        panels[-1].set_xticks(octaves, [f"C{pitch // 12 - 1}" if pitch % 12 == 0 else str(pitch) for pitch in octaves])
        return rendered(figure, media)


def music_plot(columns: Columns, media: Media = "png") -> bytes:
    """How much is shared with the data, figure by figure, and the lengths of notes and places in the beat beside the
    data's. Raises NothingToPlot.
    """
    _check(columns)
    if not any(report.get("music") for _, report in columns):
        raise NothingToPlot("no report has figures of music")
    with figure_of(11, 6.2) as figure:
        grid = figure.add_gridspec(2, 2, width_ratios=(1.2, 1))
        alike, lengths, places = (figure.add_subplot(part) for part in (grid[:, 0], grid[0, 1], grid[1, 1]))
        _bars_of(alike, "Shared with the data (1 = all)", columns, _ALIKE, "data with data")
        _curves_of(lengths, "Lengths of notes, in steps of 1/12 beat", columns, "lengths", _LONGEST, 1)
        _curves_of(places, "Where in the beat notes begin, in 1/12", columns, "onset_positions", _STEPS_OF_A_BEAT, 0)
        return rendered(figure, media)


def honesty_plot(columns: Columns, media: Media = "png") -> bytes:
    """Fidelity, what classifiers tell, copying and the likelihood of held-out windows. Raises NothingToPlot."""
    _check(columns)
    parts = ("fidelity", "two_sample", "copying", "likelihood")
    if not any(report.get(part) for _, report in columns for part in parts):
        raise NothingToPlot("no report has fidelity, classifiers, copying or a likelihood")
    with figure_of(11, 6.2) as figure:
        (near, told), (copied, nats) = figure.subplots(2, 2)
        _bars_of(near, "Near the data, and everywhere in it (1 = as new data)", columns, _FIDELITY, "data with data")
        _bars_of(told, "Told from the data by a classifier", columns, _TOLD, "data with data")
        told.axvline(0.5, color=REFERENCE, linestyle="--", linewidth=1)
        told.set_xlim(0, 1)
        _bars_of(copied, "Distance to the nearest training window (0 = a copy)", columns, _COPYING, "held-out data")
        copied.set_xlim(0, 1)
        _bars_of(nats, "Nats to tell a held-out window (fewer is better)", columns, _NATS, "")
        for style, (label, path) in zip(
            ("--", ":"), (("by pitch alone", "pitch"), ("best constant", "constant")), strict=True
        ):
            level = _first(columns, f"likelihood.{path}")
            if level is not None:
                nats.axvline(level, color=REFERENCE, linestyle=style, linewidth=1, label=label)
        if nats.get_legend_handles_labels()[0]:
            nats.legend(fontsize=7)
        return rendered(figure, media)


PLOTS: Final = {"comparison_frequency": frequency_plot, "comparison_music": music_plot,
                "comparison_honesty": honesty_plot}  # fmt: skip
"""What puts several columns side by side, by kind."""


def _check(columns: Columns) -> None:
    if not 1 <= len(columns) <= MOST_COLUMNS:
        raise NothingToPlot(f"1 to {MOST_COLUMNS} runs are drawn side by side, found {len(columns)}")


def _bars(report: Report) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    frequency = report.get("note_frequency") or {}
    sides = [np.array(frequency.get(side, ()), np.float64) for side in ("generated", "data")]
    return (sides[0], sides[1]) if all(side.shape == (128,) for side in sides) else None


def _at(report: Report, path: str) -> float | None:
    """The number at a path, dots between names; None where there is none."""
    found: object = report
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return float(found) if isinstance(found, int | float) else None


def _first(columns: Columns, path: str) -> float | None:
    """The number at a path of the first report that has it."""
    return next((value for _, report in columns if (value := _at(report, path)) is not None), None)


def _bars_of(axes: Axes, title: str, columns: Columns, rows: Mapping[str, tuple[str, str]], yardstick: str) -> None:
    """Lying bars: for each row one of every column, and a mark where the yardstick is."""
    thick = 0.8 / len(columns)
    heights = np.arange(len(rows))
    for place, (name, report) in enumerate(columns):
        values = [_at(report, path) for path, _ in rows.values()]
        known = any(value is not None for value in values)
        axes.barh(
            heights + (place - (len(columns) - 1) / 2) * thick,
            [value or 0.0 for value in values],
            0.9 * thick,
            color=_COLOURS[place],
            label=name if known else f"{name}: not said",
        )
    yardsticks = [_first(columns, path) for _, path in rows.values()]
    marks = [(height, value) for height, value in zip(heights, yardsticks, strict=True) if value is not None]
    if marks:
        axes.vlines(
            [value for _, value in marks],
            [height - 0.42 for height, _ in marks],
            [height + 0.42 for height, _ in marks],
            color=DATA,
            linewidth=2,
            label=yardstick,
        )
    axes.set_yticks(heights, list(rows))
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.grid(axis="y", visible=False)
    axes.set_title(title)
    axes.legend(fontsize=7)


def _curves_of(axes: Axes, title: str, columns: Columns, name: str, most: int, first: int) -> None:
    """Shares in per cent by number from `first` on: a line for each column, the data's as an area."""

    def shares(report: Report, side: str) -> list[float]:
        return list(((report.get("music") or {}).get(name) or {}).get(side) or [])[:most]

    data = next((found for _, report in columns if (found := shares(report, "data"))), [])
    numbers = range(first, first + most)
    if data:
        axes.fill_between(
            numbers[: len(data)], np.array(data) * 100, step="mid", color=DATA, alpha=0.35, linewidth=0, label="data"
        )
    for place, (column, report) in enumerate(columns):
        found = shares(report, "generated")
        if found:
            axes.step(numbers[: len(found)], np.array(found) * 100, where="mid", color=_COLOURS[place], label=column)
    axes.set_xticks(range(0, first + most, _STEPS_OF_A_BEAT if most > _STEPS_OF_A_BEAT else 3))
    axes.set_ylabel("notes, %")
    axes.set_title(title)
    axes.legend(fontsize=7)
