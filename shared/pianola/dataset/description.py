"""A dataset's statistics as people see them: figures and histograms as JSON, from the counts."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from pianola.codec.window import SIDE, STEPS_PER_QUARTER, Integers
from pianola.dataset.manifest import Manifest
from pianola.dataset.statistics import CELLS_OF_DENSITY, NOTES_OF_BAR, Statistics

_PITCHES: Final = 128
_TEMPO_OF_BAR: Final = 10
MOST_METRES: Final = 20
"""Time signatures that are named; windows in others are counted together."""


def describe(statistics: Statistics, manifest: Manifest) -> dict[str, Any]:
    """What the dataset is, as JSON values; of all windows that are kept. None stands for a mean of nothing.

    windows, held_out (windows), silent (windows without a note), notes (runs of lit steps in a window's row).
    files: total, accepted, refused; windows_in_file: from [k] and files [k], files with from[i] to from[i + 1] - 1
        windows.
    note_frequency: [128] the share of all lit steps that each MIDI pitch has (all 0 in silence).
    pitch_range: lowest and highest MIDI pitch; semitones from lowest to highest within a window: mean, windows [s].
    density: the share of lit cells: mean; bar, the width of a histogram's bar; windows [k].
    polyphony: pitches at once: mean over steps with any; steps [p] with p of them.
    onset_positions: [12] the share of notes that begin so many steps after a beat (a quarter note), each step weighed
        as if all came equally often; a window's first step is left out, where notes may have begun before.
    notes_in_window: mean, bar, windows [k]; the last of 65 bars is for all that have more.
    note_lengths: in steps, cut at the window's edge: mean; notes [l].
    tempo: in quarter notes a minute at the windows' first steps: median; bar, windows [k], the last of 41 for 400 and
        more.
    metres: windows by time signature, most frequent first, the 21st and later together as "other".
    velocity: None without velocities; else of notes, 1 to 127: mean; notes [v].
    labels: for each field values, windows by value, and unlabelled, the windows that have none.

    A histogram's bar i counts values from i x bar on (bar is 1 where it is not given); bars of 0 at its end are left
    away.
    """
    notes, lit = int(statistics.notes.sum()), int(statistics.lit.sum())
    return {
        "windows": statistics.windows,
        "held_out": statistics.held_out,
        "silent": statistics.silent,
        "notes": notes,
        "files": _files(statistics, manifest),
        "note_frequency": _note_frequency(statistics, manifest.options.codec.lowest_pitch),
        "pitch_range": _pitch_range(statistics, manifest.options.codec.lowest_pitch),
        "density": {
            "mean": _ratio(lit, statistics.windows * SIDE * SIDE),
            "bar": CELLS_OF_DENSITY / SIDE**2,
            "windows": _bars(statistics.density),
        },
        "polyphony": {
            "mean": _ratio(lit, int(statistics.polyphony[1:].sum())),
            "steps": _bars(statistics.polyphony),
        },
        "onset_positions": _onset_positions(statistics),
        "notes_in_window": {
            "mean": _ratio(notes, statistics.windows),
            "bar": NOTES_OF_BAR,
            "windows": _bars(statistics.notes_in_window),
        },
        "note_lengths": {"mean": _ratio(lit, notes), "notes": _bars(statistics.lengths)},
        "tempo": _tempo(statistics.tempo),
        "metres": _metres(statistics),
        "velocity": _velocity(statistics.velocity) if manifest.options.codec.velocity else None,
        "labels": _labels(statistics, manifest),
    }


def _files(statistics: Statistics, manifest: Manifest) -> dict[str, Any]:
    files = _bars(statistics.files)
    return {
        "total": manifest.files,
        "accepted": manifest.accepted,
        "refused": manifest.files - manifest.accepted,
        "windows_in_file": {"from": [2**power for power in range(len(files))], "files": files},
    }


def _note_frequency(statistics: Statistics, lowest_pitch: int) -> list[float]:
    frequency = np.zeros(_PITCHES)
    lit = statistics.lit[::-1]
    frequency[lowest_pitch : lowest_pitch + SIDE] = lit / max(1, int(lit.sum()))
    return [float(share) for share in frequency]


def _pitch_range(statistics: Statistics, lowest_pitch: int) -> dict[str, Any]:
    rows = np.flatnonzero(statistics.notes)
    lowest, highest = (lowest_pitch + SIDE - 1 - int(row) for row in (rows[-1], rows[0])) if len(rows) else (None, None)
    semitones = {"mean": _mean(statistics.ranges), "windows": _bars(statistics.ranges)}
    return {"lowest": lowest, "highest": highest, "semitones": semitones}


def _onset_positions(statistics: Statistics) -> list[float]:
    """Shares of the rates: onsets at a place / steps at that place, which a window's phase shifts."""
    # A window without its first step has 8 steps at each place, but 7 at that of its first step.
    steps = SIDE // STEPS_PER_QUARTER * statistics.windows - statistics.phases
    rates = statistics.onsets / np.maximum(1, steps)
    return [float(rate) for rate in rates / (rates.sum() or 1)]


def _tempo(tempo: Integers) -> dict[str, Any]:
    reached = np.cumsum(tempo)
    median = int(np.searchsorted(reached, (reached[-1] + 1) // 2)) if reached[-1] else None
    bars = np.add.reduceat(tempo, np.arange(0, len(tempo), _TEMPO_OF_BAR))
    return {"median": median, "bar": _TEMPO_OF_BAR, "windows": _bars(bars)}


def _metres(statistics: Statistics) -> dict[str, int]:
    ordered = sorted(statistics.metres.items(), key=lambda item: (-item[1], item[0]))
    other = sum(windows for _, windows in ordered[MOST_METRES:])
    return dict(ordered[:MOST_METRES]) | ({"other": other} if other else {})


def _velocity(velocity: Integers) -> dict[str, Any]:
    return {"mean": _mean(velocity), "notes": _bars(velocity)}


def _labels(statistics: Statistics, manifest: Manifest) -> dict[str, Any]:
    described = {}
    # What has no windows knows of no fields.
    counts: Sequence[Mapping[int, int]] = statistics.labels or [{}] * len(manifest.labels)
    for field, windows in zip(sorted(manifest.labels), counts, strict=True):
        values = {value: windows.get(number, 0) for number, value in enumerate(manifest.labels[field])}
        described[field] = {"values": values, "unlabelled": windows.get(-1, 0)}
    return described


def _bars(histogram: Integers) -> list[int]:
    bars: list[int] = np.trim_zeros(histogram, "b").tolist()
    return bars


def _mean(histogram: Integers) -> float | None:
    """The mean of the values whose numbers the bars are."""
    return _ratio(int((histogram * np.arange(len(histogram))).sum()), int(histogram.sum()))


def _ratio(one: int, other: int) -> float | None:
    return one / other if other else None
