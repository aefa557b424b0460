"""A run's curves, its latent space and what it plays by pitch, as PNG or SVG bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from pianola.evaluation.canvas import DATA, GENERATED, REFERENCE, Media, NothingToPlot, figure_of, rendered
from pianola.evaluation.plane import Plane

Points = Sequence[tuple[int, Mapping[str, float]]]
"""A run's metric points: (step, values by metric name), in order of steps."""

# Colours of matplotlib's map repeat after it; more files than that cannot be told apart by eye anyway.
_COLOURS = 20
_LONGEST_NAME = 30


def note_frequency_plot(generated: NDArray[np.float64], data: NDArray[np.float64], media: Media = "png") -> bytes:
    """Bars of the share of lit steps per pitch, generated beside data; both float64 [128].

    The 2022 thesis's note-frequency chart, with both sides in one picture. Raises NothingToPlot.
    """
    if generated.shape != (128,) or data.shape != (128,):
        raise NothingToPlot(f"frequencies must have shape [128], found {generated.shape} and {data.shape}")
    used = np.flatnonzero((generated > 0) | (data > 0))
    low, high = (int(used[0]), int(used[-1])) if used.size else (60, 71)
    pitches = np.arange(low, high + 1)
    with figure_of(9, 3.4) as figure:
        axes = figure.subplots()
        axes.bar(pitches - 0.2, data[low : high + 1] * 100, 0.4, color=DATA, label="data")
        axes.bar(pitches + 0.2, generated[low : high + 1] * 100, 0.4, color=GENERATED, label="generated")
        octaves = [pitch for pitch in pitches.tolist() if pitch % 12 == 0] or [low]
        axes.set_xticks(octaves, [f"C{pitch // 12 - 1}" if pitch % 12 == 0 else str(pitch) for pitch in octaves])
        axes.set_xlim(low - 1, high + 1)
        axes.grid(axis="x", visible=False)
        axes.set_ylabel("share of lit steps, %")
        largest = float(np.abs(generated - data).max())
        axes.set_title(f"Note frequency: largest difference {largest:.3f}")
        axes.legend(loc="upper right")
        return rendered(figure, media)


def loss_curves(points: Points, baselines: Mapping[str, float] | None = None, media: Media = "png") -> bytes:
    """Losses over steps: for a VAE the loss, reconstruction and KL each in its panel, training and validation in each;
    for a GAN generator and discriminator in one.

    baselines: nats per window by name, drawn as level lines beside the reconstruction (`Counts.constant_nats` ...).
    Raises NothingToPlot.
    """
    panels: list[tuple[str, str, dict[str, tuple[str, str]]]] = [
        ("Loss", "as optimised", _two_sides("loss")),
        ("Reconstruction", "nats per window", _two_sides("reconstruction")),
        ("KL divergence", "nats per window", _two_sides("kl")),
        (
            "Loss",
            "as optimised",
            {"generator_loss": ("generator", GENERATED), "discriminator_loss": ("discriminator", DATA)},
        ),
    ]
    found = [panel for panel in panels if _has_any(points, panel[2])]
    if not found:
        raise NothingToPlot("no point has a loss")
    with figure_of(max(5.0, 4.0 * len(found)), 3.2) as figure:
        for axes, (title, unit, lines) in zip(figure.subplots(1, len(found), squeeze=False)[0], found, strict=True):
            _draw_lines(axes, points, lines)
            if title == "Reconstruction":
                for style, (name, level) in zip(("--", ":", "-."), (baselines or {}).items(), strict=False):
                    axes.axhline(level, color=REFERENCE, linestyle=style, linewidth=1, label=name)
            axes.set_title(title)
            axes.set_ylabel(unit)
            axes.legend()
        return rendered(figure, media)


def accuracy_curves(points: Points, media: Media = "png") -> bytes:
    """The discriminator's accuracy on real and on generated windows over steps. Raises NothingToPlot."""
    lines = {"accuracy_real": ("on data", DATA), "accuracy_fake": ("on generated", GENERATED)}
    if not _has_any(points, lines):
        raise NothingToPlot("no point has accuracy_real or accuracy_fake")
    with figure_of(5.5, 3.2) as figure:
        axes = figure.subplots()
        axes.axhline(0.5, color=REFERENCE, linestyle="--", linewidth=1, label="chance")
        _draw_lines(axes, points, lines)
        axes.set_ylim(-0.03, 1.03)
        axes.set_title("Accuracy of the discriminator")
        axes.legend()
        return rendered(figure, media)


def latent_scatter(
    positions: NDArray[Any],
    files: NDArray[Any] | None = None,
    media: Media = "png",
    labels: Sequence[str | None] | None = None,
) -> bytes:
    """Where the encoder puts windows: positions [n, d] on two axes, coloured by label [n] if given, else by file [n].

    d = 2 is drawn as it is; more dimensions are projected on their first two principal components. Labels beyond the
    twenty that most windows have, and windows without one, are grey. Raises NothingToPlot.
    """
    if positions.ndim != 2 or not len(positions) or not positions.shape[1] or not np.isfinite(positions).all():
        raise NothingToPlot(f"latent positions must be finite numbers [n, d], found shape {list(positions.shape)}")
    if files is not None and files.shape != (len(positions),):
        raise NothingToPlot(f"{list(files.shape)} file numbers for {len(positions)} positions")
    plane = Plane.of(positions)
    planar = plane.points(positions)
    size = float(np.clip(3000 / len(planar), 2, 24))
    # Points as pixels even in SVG: 16,000 of them would be megabytes of markup.
    dots: dict[str, Any] = {"s": size, "alpha": 0.75, "linewidths": 0, "rasterized": True}
    with figure_of(5.2 if labels is None else 7.2, 4.8) as figure:
        axes = figure.subplots()
        if labels is not None:
            _scatter_by_label(axes, planar, labels, dots)
        elif files is not None:
            ranks = np.unique(files, return_inverse=True)[1] % _COLOURS
            axes.scatter(planar[:, 0], planar[:, 1], c=ranks, cmap="tab20", vmin=0, vmax=_COLOURS - 1, **dots)
        else:
            axes.scatter(planar[:, 0], planar[:, 1], color=DATA, **dots)
        axes.set_xlabel(plane.names[0])
        axes.set_ylabel(plane.names[1])
        by = "label" if labels is not None else "file" if files is not None else None
        axes.set_title(f"Latent space: {len(planar):,} windows" + (f", coloured by {by}" if by else ""))
        return rendered(figure, media)


def _scatter_by_label(
    axes: Axes, planar: NDArray[np.float64], labels: Sequence[str | None], dots: Mapping[str, Any]
) -> None:
    values = np.array(["" if label is None else label for label in labels])
    found, counts = np.unique(values[values != ""], return_counts=True)
    shown = np.sort(found[np.argsort(-counts, kind="stable")[:_COLOURS]])
    others = ~np.isin(values, shown)
    if others.any():
        axes.scatter(planar[others, 0], planar[others, 1], color=REFERENCE, label="others", **dots)
    colours = mpl.colormaps["tab20"]
    for rank, value in enumerate(shown.tolist()):
        of_label = values == value
        # Half of a long name is enough, and $ would begin a formula.
        name = (value if len(value) <= _LONGEST_NAME else value[: _LONGEST_NAME - 1] + "…").replace("$", r"\$")
        axes.scatter(planar[of_label, 0], planar[of_label, 1], color=colours(rank), label=name, **dots)
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), markerscale=max(1.0, 3 / dots["s"] ** 0.5))


def _two_sides(name: str) -> dict[str, tuple[str, str]]:
    return {f"train_{name}": ("training", DATA), f"validation_{name}": ("validation", GENERATED)}


def _has_any(points: Points, names: Mapping[str, object]) -> bool:
    return any(name in values for _, values in points for name in names)


def _draw_lines(axes: Axes, points: Points, lines: Mapping[str, tuple[str, str]]) -> None:
    for name, (label, colour) in lines.items():
        steps = [step for step, values in points if name in values]
        if steps:
            heights = [values[name] for _, values in points if name in values]
            axes.plot(steps, heights, color=colour, label=label, linewidth=1.5, marker="." if len(steps) < 40 else "")
    axes.set_xlabel("step")
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
