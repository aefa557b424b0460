"""The plan of a build: the files' order, who is held out, the labels' vocabulary, and the cut into chunks.

All of it is decided by the files and the options, so the same files give the same plan wherever and however often it
is made. Memory is bounded whatever the number of files: the database sorts, Python streams.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Text, cast, func, insert, select, update
from sqlalchemy.orm import Session

from pianola.dataset.holdout import is_held_out, rank
from pianola.dataset.labels import Vocabulary, vocabulary
from pianola.dataset.options import DatasetOptions
from pianola.records.open import set_local
from pianola.records.tables import FILES, Chunk, Dataset, Json

CHUNK_FILES: Final = 1024
CHUNK_BYTES: Final = 3 * 2**20
"""bounds of a chunk: small enough to be read again when its worker dies, large enough for a shard of some MB"""

_STREAMED: Final = 5000  # rows fetched at a time
_WRITTEN: Final = 1000  # rows of a statement


@dataclass
class _HeldOut:
    """Which contents the seed holds out, and the two that would be next to change sides."""

    share: float
    seed: int
    some: bool = False
    all: bool = True
    lowest: tuple[float, str] = (2.0, "")
    highest: tuple[float, str] = (-1.0, "")

    def takes(self, sha256: str) -> bool:
        """Whether this content is held out."""
        taken = is_held_out(sha256, self.share, self.seed)
        self.some, self.all = self.some or taken, self.all and taken
        place = (rank(sha256, self.seed), sha256)
        self.lowest, self.highest = min(self.lowest, place), max(self.highest, place)
        return taken


def plan_files(session: Session, dataset: Dataset) -> tuple[int, Vocabulary]:
    """Give every file its place and its side, add the chunks, and return their number and the labels' vocabulary.

    Raises BadLabels where the labels are too many.
    """
    options = DatasetOptions.from_json(dataset.options)
    words = vocabulary(_labels(session, dataset.id))
    _order(session, dataset.id)
    if options.held_out:
        _hold_out(session, dataset.id, _HeldOut(options.held_out, options.held_out_seed))
    return _cut(session, dataset.id), words


def _labels(session: Session, dataset_id: str) -> Iterator[Json]:
    """The different labels that files have; the database leaves out repetitions, of which there are many."""
    text = cast(FILES.c.labels, Text)
    query = select(text).where(FILES.c.dataset_id == dataset_id, text != "{}").distinct()
    for (found,) in session.execute(query, execution_options={"yield_per": _STREAMED}):
        yield json.loads(found)


def _order(session: Session, dataset_id: str) -> None:
    """Positions 0, 1, 2 ... in the order of names by code points; nothing is left of an earlier build."""
    # Files that were added just now are in no statistics: PostgreSQL would expect one row, and compare all with all.
    set_local(session, "enable_nestloop", "off")
    place = func.row_number().over(order_by=FILES.c.name)
    ordered = select(FILES.c.name, place.label("place")).where(FILES.c.dataset_id == dataset_id).subquery()
    session.execute(
        update(FILES)
        .where(FILES.c.dataset_id == dataset_id, FILES.c.name == ordered.c.name)
        .values(
            position=ordered.c.place - 1,
            held_out=False,
            verdict=None,
            windows=0,
            notes=0,
            left_out={},
            warnings=[],
            code=None,
            offset=None,
            reason=None,
            shard=None,
            row=None,
            duplicate_of=None,
        )
    )


def _hold_out(session: Session, dataset_id: str, held_out: _HeldOut) -> None:
    """Mark the files that are held out: at least one and not all, where there are two different contents."""
    taken: list[int] = []
    for position, sha256 in _stream(session, dataset_id, FILES.c.sha256):
        if held_out.takes(sha256):
            taken.append(position)
        if len(taken) == _WRITTEN:
            _mark(session, dataset_id, FILES.c.position.in_(taken), True)
            taken.clear()
    _mark(session, dataset_id, FILES.c.position.in_(taken), True)
    if held_out.lowest == held_out.highest:
        _mark(session, dataset_id, FILES.c.held_out, False)
    elif not held_out.some:
        _mark(session, dataset_id, FILES.c.sha256 == held_out.lowest[1], True)
    elif held_out.all:
        _mark(session, dataset_id, FILES.c.sha256 == held_out.highest[1], False)


def _mark(session: Session, dataset_id: str, which: ColumnElement[bool], side: bool) -> None:
    session.execute(update(FILES).where(FILES.c.dataset_id == dataset_id, which).values(held_out=side))


def _cut(session: Session, dataset_id: str) -> int:
    """Chunks of at most CHUNK_FILES files and, unless one file is larger, CHUNK_BYTES; returns their number."""
    cuts: list[tuple[int, int]] = []
    first = held = last = 0
    for last, size in _stream(session, dataset_id, FILES.c.size):
        if last > first and (last - first >= CHUNK_FILES or held + size > CHUNK_BYTES):
            cuts.append((first, last - 1))
            first, held = last, 0
        held += size
    cuts.append((first, last))
    rows = [
        {"dataset_id": dataset_id, "number": number, "first": a, "last": b, "files": b - a + 1}
        for number, (a, b) in enumerate(cuts)
    ]
    session.execute(insert(Chunk), rows)
    return len(rows)


def _stream(session: Session, dataset_id: str, column: Any) -> Iterator[tuple[int, Any]]:
    """Every file's position and `column`, by position."""
    query = select(FILES.c.position, column).where(FILES.c.dataset_id == dataset_id).order_by(FILES.c.position)
    yield from session.execute(query, execution_options={"yield_per": _STREAMED})
