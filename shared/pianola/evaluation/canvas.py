"""Figures as PNG or SVG bytes, the same bytes for the same numbers (matplotlib, without a display).

Figures are made as objects on the Agg canvas, never through pyplot, whose figures would pile up in a long-lived worker.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.typing import RcKeyType

Media = Literal["png", "svg"]

GENERATED, DATA, REFERENCE = "#e8743b", "#33518f", "#8a8f9c"
_STYLE: dict[RcKeyType, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": "#c4c8d0",
    "axes.grid": True,
    "axes.labelcolor": "#3b4252",
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "figure.constrained_layout.use": True,
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "grid.color": "#e6e8ec",
    "legend.edgecolor": "none",
    "legend.facecolor": "white",
    "legend.framealpha": 0.9,
    "svg.fonttype": "path",
    # SVG identifiers are otherwise random.
    "svg.hashsalt": "pianola",
    "text.color": "#1c2029",
    "xtick.color": "#5b6270",
    "ytick.color": "#5b6270",
}
_DPI = 130
_ONE_AT_A_TIME = threading.Lock()


class NothingToPlot(ValueError):
    """Numbers that make no plot: none of the metric names wanted, or an array of the wrong shape."""

    def __init__(self, problem: str) -> None:
        self.problem = problem
        super().__init__(f"nothing to plot: {problem}")


@contextmanager
def figure_of(width: float, height: float) -> Iterator[Figure]:
    """A figure of so many inches in Pianola's style, which holds until the end of the block; one at a time."""
    # The style is matplotlib's own, for all threads.
    with _ONE_AT_A_TIME, mpl.rc_context(_STYLE):
        yield Figure(figsize=(width, height), dpi=_DPI)


def rendered(figure: Figure, media: Media) -> bytes:
    """The figure's bytes."""
    file = io.BytesIO()
    # The date and the library's version would make every picture differ.
    metadata = {"Date": None, "Creator": None} if media == "svg" else {"Software": None}
    figure.savefig(file, format=media, metadata=metadata)
    return file.getvalue()
