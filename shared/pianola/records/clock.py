"""The database's clock, in SQL: leases are compared on one clock, never on a worker's."""

from typing import Any

from sqlalchemy import DateTime
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


class database_now(FunctionElement[Any]):  # noqa: N801  # reads as the SQL function it is
    """The database's time now, plus `seconds`: statement time in UTC, not the transaction's start."""

    type = DateTime(timezone=True)
    inherit_cache = False

    def __init__(self, seconds: float = 0) -> None:
        super().__init__()
        self.seconds = float(seconds)


@compiles(database_now, "sqlite")
def _sqlite(element: database_now, compiler: SQLCompiler, **_: Any) -> str:
    # SQLAlchemy stores six decimals; strftime gives three.
    return f"(strftime('%Y-%m-%d %H:%M:%f', 'now', '{element.seconds:+.3f} seconds') || '000')"


@compiles(database_now, "postgresql")
def _postgresql(element: database_now, compiler: SQLCompiler, **_: Any) -> str:
    return f"(clock_timestamp() + interval '{element.seconds:.3f} seconds')"
