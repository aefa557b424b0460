"""The numbers of an evaluation beyond counts: music, fidelity, two-sample tests, copying and likelihood.

Every part has a bound on its windows, so that a dataset of any size takes about the same time. Most of it go to the
classifiers and to the importance-weighted bound.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pianola.codec.window import Bytes, Integers
from pianola.evaluation.copying import nearest_distances
from pianola.evaluation.features import Features, features
from pianola.evaluation.fidelity import TooFewVectors, fidelity
from pianola.evaluation.metrics import count
from pianola.evaluation.overlap import overlapped_area, shared_share
from pianola.models.conditions import Batch
from pianola.models.learner import Learner
from pianola.models.two_sample import CLASSIFIERS, TooFewToTell, two_sample
from pianola.records.tables import Json
from pianola_trainer.batches import Split, by_file, evenly, split
from pianola_trainer.orders import Orders
from pianola_trainer.points import labelled
from pianola_trainer.windows import PackedWindows

MOST: Final = 1000
"""Windows of a side for music, fidelity, the classifiers and the ordinary bound."""
MOST_SEARCHED: Final = 300
"""Windows of a side whose nearest training window is looked for."""
MOST_TRAINING: Final = 50_000
"""Training windows that they are compared with."""
MOST_WEIGHTED: Final = 64
"""Held-out windows of the importance-weighted bound."""
DRAWS: Final = 64
"""Positions drawn for each of them."""
_BLOCK: Final = 256
_BATCH: Final = 64
_WEIGHTED_BATCH: Final = 8

NO_HALVES: Final = "the dataset has a single window: it has no halves to compare"
NOTHING_HELD_OUT: Final = "the run held no window out"


@dataclass(frozen=True, eq=False)
class _Side:
    """Windows [n, 96, 96] and their features."""

    windows: Bytes
    features: Features


@dataclass(frozen=True, eq=False)
class Material:
    """What is compared: windows played [n, 96, 96], the dataset's, the run's two sides of them, a seed.

    The seed draws the order of the dataset's files, its halves, and the classifiers' first weights.
    """

    generated: Bytes
    windows: PackedWindows
    sides: Split
    seed: int
    orders: Orders

    def rows(self) -> tuple[Integers, list[Integers]]:
        """The dataset's rows by file, at most MOST, and those of its two halves, at most MOST each.

        No file is in both halves, unless the dataset has only one. No halves of a single window.
        """
        order = by_file(self.windows.file, self.seed)
        one = np.zeros(len(order), np.bool_)
        one[split(self.windows.file, 0.5, self.seed).held_out] = True
        halves = [order[one[order]], order[~one[order]]] if one.any() else []
        return evenly(order, MOST), [evenly(half, MOST) for half in halves]


def report_on(material: Material, restored: Callable[[], Learner[Any]]) -> Json:
    """What generated windows are like beside the dataset's, as JSON; `restored` gives the learner that is evaluated.

    generated is of at most 1,000 windows played; data of at most 1,000 of the dataset, evenly. Names that begin with
    data_, and `data` in fidelity and two_sample, are one half of the dataset's files compared with the other: what new
    pieces of the same kind reach. A model has learnt from most of both halves and may come nearer to the data. Shares
    and areas are 0..1. What cannot be said is null; `missing` then says why.

    music: windows (how many of generated, of data, and of each half); figures, for each figure of `features` the mean
        of generated and data (in that figure's unit), overlap and data_overlap (overlapped areas); lengths (shares of
        notes of 1..96 steps) and onset_positions (shares of notes that begin at step 0..11 of the beat), each with
        generated, data, shared and data_shared (the share the two histograms have in common).
    fidelity: generated and data, each precision, recall, density, coverage and windows (compared on each side).
    two_sample: classifiers (what they are); generated and data, each accuracy (the better one's), convolution,
        features, learnt_from and asked_about (windows of a side), seed, epochs. 0.5 cannot tell, 1 always can.
    copying: generated and held_out, medians of the distance to the nearest training window (Jaccard's: 0 the same, 1
        nothing in common); ratio, generated / held_out: far below 1 the model copies; windows (how many of each side).
    likelihood: in nats per held-out window, lower is better: bound (reconstruction + KL, by one draw a window);
        constant and pitch, the best prediction of those windows by one density and by one density a pitch; windows; and
        importance_weighted, on fewer windows: bound (the same), weighted, draws, windows. by: how held-out windows were
        chosen (see `Split`).
    missing: from the path of what is null, such as "two_sample.data", to a sentence.

    The same every time on one thread of one machine. Raises Asked between two parts, and within the long ones.
    """
    parts = _Parts(material)
    return {
        "music": parts.music(),
        "fidelity": parts.fidelity(),
        "two_sample": parts.two_sample(),
        "copying": parts.copying(),
        "likelihood": parts.likelihood(restored),
        "missing": parts.missing,
    }


class _Parts:
    """The report's parts; what they could not say is in `missing`."""

    def __init__(self, material: Material) -> None:
        self._material = material
        self.missing: dict[str, str] = {}
        rows, halves = material.rows()
        self._generated = self._side(_evenly_of(material.generated, MOST))
        self._data, *self._halves = (self._side(material.windows.of(some)) for some in (rows, *halves))

    def music(self) -> Json:
        """See `report_on`."""
        played, data = self._generated.features, self._data.features
        halves = [half.features for half in self._halves]
        if not halves:
            self.missing["music.data_overlap"] = NO_HALVES

        def shares(of: Callable[[Features], NDArray[np.int64]]) -> Json:
            return {
                "generated": _shares(of(played)),
                "data": _shares(of(data)),
                "shared": shared_share(of(played), of(data)),
                "data_shared": shared_share(*map(of, halves)) if halves else None,
            }

        return {
            "windows": {"generated": len(played), "data": len(data), "halves": [len(half) for half in halves]},
            "figures": {
                name: {
                    "generated": _mean(played.figures[name]),
                    "data": _mean(data.figures[name]),
                    "overlap": overlapped_area(played.figures[name], data.figures[name]),
                    "data_overlap": overlapped_area(*(half.figures[name] for half in halves)) if halves else None,
                }
                for name in data.figures
            },
            "lengths": shares(lambda side: side.lengths),
            "onset_positions": shares(lambda side: side.onset_positions),
        }

    def fidelity(self) -> Json:
        """See `report_on`."""

        def of(one: _Side, other: _Side) -> Json:
            found = fidelity(one.features.vectors, other.features.vectors)
            return found.to_json() | {"windows": min(len(one.windows), len(other.windows))}

        return self._beside("fidelity", of)

    def two_sample(self) -> Json:
        """See `report_on`."""
        seed, check = self._material.seed, self._material.orders.check

        def of(one: _Side, other: _Side) -> Json:
            vectors = one.features.vectors, other.features.vectors
            return two_sample(one.windows, other.windows, *vectors, seed, check).to_json()

        return {"classifiers": CLASSIFIERS, **self._beside("two_sample", of)}

    def copying(self) -> Json:
        """See `report_on`."""
        windows, sides = self._material.windows, self._material.sides
        training = evenly(sides.training, MOST_TRAINING)
        played = _evenly_of(self._material.generated, MOST_SEARCHED)
        unseen = windows.of(evenly(sides.held_out, MOST_SEARCHED))
        distances = nearest_distances(np.concatenate([played, unseen]), self._blocks(training))
        generated = float(np.median(distances[: len(played)]))
        held_out = float(np.median(distances[len(played) :])) if len(unseen) else None
        if held_out is None:
            self.missing["copying.held_out"] = NOTHING_HELD_OUT
        elif held_out == 0:
            self.missing["copying.ratio"] = "half of the held-out windows are among the training windows"
        return {
            "generated": generated,
            "held_out": held_out,
            "ratio": generated / held_out if held_out else None,
            "windows": {"generated": len(played), "held_out": len(unseen), "training": len(training)},
        }

    def likelihood(self, restored: Callable[[], Learner[Any]]) -> Json | None:
        """See `report_on`."""
        sides = self._material.sides
        rows = evenly(sides.held_out, MOST)
        few = evenly(rows, MOST_WEIGHTED)
        if not len(rows):
            self.missing["likelihood"] = NOTHING_HELD_OUT
            return None
        learner = restored()
        bound = learner.bound(self._batches(rows, _BATCH), 1)
        of_few = learner.bound(self._batches(few, _BATCH), 1)
        weighted = learner.bound(self._batches(few, _WEIGHTED_BATCH), DRAWS)
        if bound is None or of_few is None or weighted is None:
            self.missing["likelihood"] = f"the family {learner.preset.family} says nothing of how likely a window is"
            return None
        if not np.isfinite([bound, of_few, weighted]).all():
            self.missing["likelihood"] = "the model holds a held-out window for impossible"
            return None
        counts = count(self._blocks(rows))
        return {
            "bound": bound,
            "constant": counts.constant_nats,
            "pitch": counts.pitch_nats,
            "windows": len(rows),
            "importance_weighted": {"bound": of_few, "weighted": weighted, "draws": DRAWS, "windows": len(few)},
            "by": sides.by,
        }

    def _side(self, windows: Bytes) -> _Side:
        self._material.orders.check()
        return _Side(windows, features(windows, self._material.windows.lowest_pitch))

    def _beside(self, name: str, of: Callable[[_Side, _Side], Json]) -> Json:
        """The same comparison of generated windows with data, and of the data's halves; null where sides are small."""
        found: Json = {"generated": None, "data": None}
        pairs = {"generated": [self._generated, self._data], "data": self._halves}
        for which, pair in pairs.items():
            self._material.orders.check()
            try:
                if pair:
                    found[which] = of(*pair)
                else:
                    self.missing[f"{name}.{which}"] = NO_HALVES
            except (TooFewVectors, TooFewToTell) as few:
                self.missing[f"{name}.{which}"] = str(few)
        return found

    def _blocks(self, rows: Integers) -> Iterator[Bytes]:
        for start in range(0, len(rows), _BLOCK):
            self._material.orders.check()
            yield self._material.windows.of(rows[start : start + _BLOCK])

    def _batches(self, rows: Integers, size: int) -> Iterator[Batch]:
        for start in range(0, len(rows), size):
            self._material.orders.check()
            yield labelled(self._material.windows, rows[start : start + size])


def _evenly_of(windows: Bytes, most: int) -> Bytes:
    return windows[evenly(np.arange(len(windows)), most)]


def _mean(values: NDArray[np.float64]) -> float | None:
    """Over the windows that define the figure."""
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if len(defined) else None


def _shares(counts: NDArray[np.int64]) -> list[float]:
    shares: list[float] = (counts / max(int(counts.sum()), 1)).tolist()
    return shares
