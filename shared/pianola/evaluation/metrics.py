"""Numbers that compare generated windows with a dataset's; both sides are counted by the same code.

Every figure derives from one `Counts` record, filled in a single pass over the windows, some hundred at a time, so that
memory stays bounded for any dataset. Figures published elsewhere are no yardstick: several circulating
implementations are wrong (see the docstrings), and step lengths differ.

Symbols in the formulas: x[w, r, t] is 1 where row r of window w sounds at step t; W windows of 96 rows x 96 steps. A
note is a longest run of lit steps in one row of one window; each window stands for itself, so a note that crosses from
one window into the next counts in both.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any

import numpy as np
from numpy.typing import NDArray

SIDE = 96
PITCHES = 128
QUALIFIED_STEPS = 3
POLYPHONIC_ABOVE = 2

Windows = NDArray[Any] | Iterable[NDArray[Any]]
"""[n, 96, 96] of 0 and 1 (any dtype), or an iterable of such batches, for windows that are not to be held at once."""

# 256 windows are 2.4 MB as uint8; the pass holds about six such arrays.
_BATCH = 256


class BadWindows(ValueError):
    """Windows that cannot be counted: a wrong shape, a value other than 0 and 1, or none at all."""

    def __init__(self, found: str) -> None:
        self.found = found
        super().__init__(f"windows must be an array [n, 96, 96] of 0 and 1 with n > 0, found {found}")


class BadLowestPitch(ValueError):
    """A lowest pitch whose 96 rows do not fit into MIDI's pitches."""

    def __init__(self, lowest_pitch: int) -> None:
        self.lowest_pitch = lowest_pitch
        super().__init__(f"lowest_pitch must be 0 to {PITCHES - SIDE} so that 96 rows fit, found {lowest_pitch}")


@dataclass(frozen=True, eq=False)
class Counts:
    """What was counted in a set of windows. Counts of two disjoint sets add up with `+`.

    lit_by_row: int64 [96], lit steps per row (row 0 is the highest pitch).
    notes_by_row: int64 [96], notes per row.
    """

    windows: int
    empty_windows: int
    qualified_notes: int
    sounding_steps: int
    polyphonic_steps: int
    lit_by_row: NDArray[np.int64]
    notes_by_row: NDArray[np.int64]

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            windows=self.windows + other.windows,
            empty_windows=self.empty_windows + other.empty_windows,
            qualified_notes=self.qualified_notes + other.qualified_notes,
            sounding_steps=self.sounding_steps + other.sounding_steps,
            polyphonic_steps=self.polyphonic_steps + other.polyphonic_steps,
            lit_by_row=self.lit_by_row + other.lit_by_row,
            notes_by_row=self.notes_by_row + other.notes_by_row,
        )

    @property
    def notes(self) -> int:
        """Number of notes: #{(w, r, t): x[w, r, t] = 1 and (t = 0 or x[w, r, t - 1] = 0)}."""
        return int(self.notes_by_row.sum())

    @property
    def lit(self) -> int:
        """Number of lit steps over all rows: sum of x."""
        return int(self.lit_by_row.sum())

    @property
    def empty_share(self) -> float:
        """Windows without a lit step / W.

        The black images of the 2022 thesis; MuseGAN's "EB" (Dong et al. 2018) for a window of two bars.
        """
        return self.empty_windows / self.windows

    @property
    def density(self) -> float:
        """Sum of x / (W x 96 x 96): the share of lit pixels."""
        return self.lit / (self.windows * SIDE * SIDE)

    @property
    def notes_per_window(self) -> float:
        """Notes / W."""
        return self.notes / self.windows

    @property
    def pitches_used(self) -> int:
        """Rows with at least one lit step, as in MusPy's `n_pitches_used` (0 to 96)."""
        return int(np.count_nonzero(self.lit_by_row))

    @property
    def qualified_share(self) -> float | None:
        """Notes of at least 3 steps / notes; None without notes. Low means music in crumbs.

        MuseGAN's "QN" (Dong et al. 2018). Three of its steps are a 32nd note, three of ours a 16th.
        """
        return self.qualified_notes / self.notes if self.notes else None

    @property
    def polyphony(self) -> float | None:
        """Sum of x / #{(w, t): some row sounds}: pitches at once while anything sounds; None in silence.

        As MusPy's `polyphony` (Dong et al. 2020).
        """
        return self.lit / self.sounding_steps if self.sounding_steps else None

    @property
    def polyphonic_share(self) -> float:
        """#{(w, t): more than 2 rows sound} / (W x 96).

        "Polyphonicity" of BinaryMuseGAN (Dong and Yang 2018).
        """
        return self.polyphonic_steps / (self.windows * SIDE)

    @property
    def constant_nats(self) -> float:
        """9216 h(density), h(p) = -p ln p - (1 - p) ln(1 - p): nats per window of the best constant prediction.

        A model that does not stay below it has learned nothing.
        """
        return SIDE * SIDE * float(_entropy(np.array(self.density)))

    @property
    def pitch_nats(self) -> float:
        """Sum over rows of 96 h(lit share of the row): nats per window of the best prediction from pitch alone."""
        return SIDE * float(_entropy(self.lit_by_row / (self.windows * SIDE)).sum())

    def note_frequency(self, lowest_pitch: int) -> NDArray[np.float64]:
        """Float64 [128]: lit steps of each pitch / lit steps of all, so the bars sum to 1 (all 0 in silence).

        The note-frequency bars of the 2022 thesis (Music generation with Neural Networks, Technical University of
        Crete). Row r holds pitch lowest_pitch + 95 - r; raises BadLowestPitch where the rows leave 0..127.
        """
        if not 0 <= lowest_pitch <= PITCHES - SIDE:
            raise BadLowestPitch(lowest_pitch)
        frequency = np.zeros(PITCHES)
        frequency[lowest_pitch : lowest_pitch + SIDE] = self.lit_by_row[::-1] / max(self.lit, 1)
        return frequency

    def to_json(self) -> dict[str, int | float | None]:
        """Every figure by name."""
        return {
            "windows": self.windows,
            "empty_share": self.empty_share,
            "density": self.density,
            "notes": self.notes,
            "notes_per_window": self.notes_per_window,
            "pitches_used": self.pitches_used,
            "qualified_share": self.qualified_share,
            "polyphony": self.polyphony,
            "polyphonic_share": self.polyphonic_share,
            "constant_nats": self.constant_nats,
            "pitch_nats": self.pitch_nats,
        }


def count(windows: Windows) -> Counts:
    """Counts of the windows, in one pass. Raises BadWindows."""
    return reduce(add, map(_count_batch, batches_of(windows)))


def note_frequency(windows: Windows, lowest_pitch: int) -> NDArray[np.float64]:
    """Float64 [128]: the share of all lit steps that each pitch has. See `Counts.note_frequency`."""
    return count(windows).note_frequency(lowest_pitch)


def largest_difference(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Maximum over pitches of |f(p) - g(p)|, by which the 2022 thesis compares its bars (0.04 to 0.06)."""
    return float(np.abs(one - other).max())


def total_difference(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Sum over pitches of |f(p) - g(p)|: 0 (the same) to 2 (nothing shared); twice the total variation distance.

    Where one side is silent its bars are all 0 and the sum is 1.
    """
    return float(np.abs(one - other).sum())


def compare(generated: Windows, data: Windows, lowest_pitch: int) -> dict[str, Any]:
    """Report on generated windows against a dataset's, ready for JSON (no NaN: what is undefined is None).

    Keys: lowest_pitch; generated and data, each `Counts.to_json()`; note_frequency with generated and data [128 numbers
    each]; largest_difference with largest_difference_pitch; total_difference; pitches_missing and pitches_foreign (MIDI
    pitches that only the data, or only the generated windows, use).
    Raises BadWindows, BadLowestPitch.
    """
    return compare_counts(count(generated), count(data), lowest_pitch)


def compare_counts(generated: Counts, data: Counts, lowest_pitch: int) -> dict[str, Any]:
    """The report of `compare`, from counts made before."""
    of_generated, of_data = generated.note_frequency(lowest_pitch), data.note_frequency(lowest_pitch)
    return {
        "lowest_pitch": lowest_pitch,
        "generated": generated.to_json(),
        "data": data.to_json(),
        "note_frequency": {"generated": of_generated.tolist(), "data": of_data.tolist()},
        "largest_difference": largest_difference(of_generated, of_data),
        "largest_difference_pitch": int(np.abs(of_generated - of_data).argmax()),
        "total_difference": total_difference(of_generated, of_data),
        "pitches_missing": np.flatnonzero((of_data > 0) & (of_generated == 0)).tolist(),
        "pitches_foreign": np.flatnonzero((of_generated > 0) & (of_data == 0)).tolist(),
    }


def batches_of(windows: Windows) -> Iterator[NDArray[np.bool_]]:
    """The windows as bool batches [n, 96, 96] of at most 256, checked. Raises BadWindows, also where there are none."""
    found = False
    for part in [windows] if isinstance(windows, np.ndarray) else windows:
        if part.ndim != 3 or part.shape[1:] != (SIDE, SIDE):
            raise BadWindows(f"shape {list(part.shape)}")
        for start in range(0, len(part), _BATCH):
            batch = part[start : start + _BATCH]
            lit = batch == 1
            strange = batch[~lit & (batch != 0)]
            if strange.size:
                raise BadWindows(f"the value {strange.flat[0]}")
            found = True
            yield lit
    if not found:
        raise BadWindows("no window")


def _count_batch(lit: NDArray[np.bool_]) -> Counts:
    """Counts of bool [n, 96, 96]."""
    onsets = lit.copy()
    onsets[:, :, 1:] &= ~lit[:, :, :-1]
    # A note is qualified where its onset is followed by two more lit steps; it cannot begin in the last two steps.
    qualified = onsets[:, :, : SIDE - QUALIFIED_STEPS + 1].copy()
    for later in range(1, QUALIFIED_STEPS):
        qualified &= lit[:, :, later : SIDE - QUALIFIED_STEPS + 1 + later]
    at_once = lit.sum(axis=1, dtype=np.uint8)
    return Counts(
        windows=len(lit),
        empty_windows=int((~at_once.any(axis=1)).sum()),
        qualified_notes=int(qualified.sum()),
        sounding_steps=int((at_once > 0).sum()),
        polyphonic_steps=int((at_once > POLYPHONIC_ABOVE).sum()),
        lit_by_row=lit.sum(axis=(0, 2), dtype=np.int64),
        notes_by_row=onsets.sum(axis=(0, 2), dtype=np.int64),
    )


def _entropy(share: NDArray[np.float64]) -> NDArray[np.float64]:
    """-p ln p - (1 - p) ln(1 - p) in nats, 0 at p = 0 and p = 1."""
    inside = np.clip(share, np.finfo(np.float64).tiny, 1.0)
    outside = np.clip(1.0 - share, np.finfo(np.float64).tiny, 1.0)
    entropy: NDArray[np.float64] = -(share * np.log(inside) + (1.0 - share) * np.log(outside))
    return entropy
