"""Cursor pages: rows in the order of one unique column, continued after the last one seen."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import Select
from sqlalchemy.orm import InstrumentedAttribute, Session

Row = TypeVar("Row")


@dataclass(frozen=True)
class Page(Generic[Row]):
    """Rows, and the cursor that continues after them; None at the end."""

    rows: Sequence[Row]
    next_cursor: str | None


def page(
    session: Session,
    query: Select[Row],
    by: InstrumentedAttribute[Any],
    limit: int,
    cursor: str | None,
    *,
    newest_first: bool = True,
) -> Page[Row]:
    """Up to `limit` rows of `query` in the order of the unique column `by`, after the row that `cursor` names."""
    if cursor is not None:
        value: Any = int(cursor) if by.type.python_type is int else cursor
        query = query.where(by < value if newest_first else by > value)
    rows = session.scalars(query.order_by(by.desc() if newest_first else by).limit(limit + 1)).all()
    more = len(rows) > limit
    rows = rows[:limit]
    return Page(rows, str(getattr(rows[-1], by.key)) if more else None)
