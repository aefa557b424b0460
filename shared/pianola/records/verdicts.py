"""What builds say of files, as rows: written by place, found again by content."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from pianola.records.open import plan_for_values
from pianola.records.tables import FILES, Json


@dataclass(frozen=True)
class FileVerdict:
    """What a build says of the file at `position`: fields as in the report, and where its windows begin."""

    position: int
    accepted: bool
    windows: int
    notes: int
    left_out: Json
    warnings: list[str]
    code: str | None
    offset: int | None
    reason: str | None
    shard: str | None = None
    row: int | None = None


_COLUMNS: Final = tuple(field.name for field in fields(FileVerdict) if field.name not in ("position", "accepted"))


def write_verdicts(session: Session, dataset_id: str, verdicts: Sequence[FileVerdict]) -> None:
    """Give the files their verdicts."""
    rows = [
        {"at": verdict.position, "verdict": "accepted" if verdict.accepted else "refused"}
        | {f"new_{name}": getattr(verdict, name) for name in _COLUMNS}
        for verdict in verdicts
    ]
    values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in _COLUMNS} | {"verdict": bindparam("verdict")}
    if rows:
        session.connection().execute(
            update(FILES).where(FILES.c.dataset_id == dataset_id, FILES.c.position == bindparam("at")).values(values),
            rows,
        )


def find_verdicts(session: Session, dataset_id: str, sha256s: Sequence[str]) -> dict[str, FileVerdict]:
    """The verdicts on these contents, by sha256; none of a file that the reader gave up on: that one is tried again."""
    plan_for_values(session)
    rows = session.execute(
        select(FILES.c.sha256, FILES.c.verdict, FILES.c.position, *(FILES.c[name] for name in _COLUMNS))
        .where(FILES.c.dataset_id == dataset_id, FILES.c.sha256.in_(sha256s), FILES.c.verdict.is_not(None))
        .where(FILES.c.code.is_(None) | ~FILES.c.code.startswith("reader_", autoescape=True))
        # Of the same content under two names the first is found.
        .order_by(FILES.c.position.desc())
    ).mappings()
    return {
        row["sha256"]: FileVerdict(
            position=row["position"], accepted=row["verdict"] == "accepted", **{name: row[name] for name in _COLUMNS}
        )
        for row in rows
    }


def name_duplicates(session: Session, dataset_id: str, pairs: Sequence[tuple[int, int]]) -> None:
    """For every (position left out, position kept): the name of the second stands with the first."""
    kept = FILES.alias()
    name = select(kept.c.name).where(kept.c.dataset_id == dataset_id, kept.c.position == bindparam("of"))
    statement = (
        update(FILES)
        .where(FILES.c.dataset_id == dataset_id, FILES.c.position == bindparam("at"))
        .values(duplicate_of=name.scalar_subquery())
    )
    if pairs:
        session.connection().execute(statement, [{"at": left_out, "of": of} for left_out, of in pairs])
