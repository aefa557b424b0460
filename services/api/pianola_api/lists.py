"""Lists in pages: items, and a cursor that continues after the last one."""

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from pianola.records.paging import Page

Row = TypeVar("Row")
Item = TypeVar("Item")
Place = tuple[str | int, ...]


class BadCursor(ValueError):
    """A cursor that no answer of this list has given."""

    def __init__(self, cursor: str) -> None:
        super().__init__(f"{cursor!r} is not a next_cursor of this list: begin without a cursor")


def answer(page: Page[Row], item: Callable[[Row], Item]) -> dict[str, Any]:
    """A page of rows as the answer's `items` and `next_cursor`."""
    return {"items": [item(row) for row in page.rows], "next_cursor": page.next_cursor}


def cut(rows: Iterable[Row], place: Callable[[Row], Place], limit: int, cursor: str | None) -> Page[Row]:
    """Up to `limit` of `rows`, which are in the order of `place`, after the place that `cursor` holds.

    Raises BadCursor.
    """
    after = None if cursor is None else _place(cursor)
    try:
        rest: Sequence[Row] = [row for row in rows if after is None or place(row) > after]
    except TypeError:
        raise BadCursor(str(cursor)) from None
    more = len(rest) > limit
    rest = rest[:limit]
    return Page(rest, json.dumps(place(rest[-1])) if more else None)


def whole_number(cursor: str | None) -> int:
    """A cursor that is a number; 0 to begin with. Raises BadCursor."""
    if cursor is None:
        return 0
    # An event's number is a 32-bit column.
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 9):
        raise BadCursor(cursor)
    return int(cursor)


def _place(cursor: str) -> Place:
    try:
        values = json.loads(cursor)
    except (ValueError, RecursionError):
        raise BadCursor(cursor) from None
    if not isinstance(values, list) or not all(isinstance(value, str | int) for value in values):
        raise BadCursor(cursor)
    return tuple(values)
