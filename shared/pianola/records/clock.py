"""The database's clock, in SQL: leases are compared on one clock, never on a worker's."""

from typing import Any

from sqlalchemy import DateTime, Float, literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


class database_now(FunctionElement[Any]):  # noqa: N801  # reads as the SQL function it is
    """The database's time now, plus `seconds`: statement time in UTC, not the transaction's start."""

    type = DateTime(timezone=True)
    # The seconds are a parameter: statements are compiled once, which takes longer than to run them.
    inherit_cache = True

    def __init__(self, seconds: float = 0) -> None:
        super().__init__(*([literal(float(seconds), Float)] if seconds else []))


@compiles(database_now, "sqlite")
def _sqlite(element: database_now, compiler: SQLCompiler, **keywords: Any) -> str:
    # SQLAlchemy stores six decimals; strftime gives three.
    seconds = compiler.process(element.clauses, **keywords)
    later = f", printf('%+.3f seconds', {seconds})" if seconds else ""
    return f"(strftime('%Y-%m-%d %H:%M:%f', 'now'{later}) || '000')"


@compiles(database_now, "postgresql")
def _postgresql(element: database_now, compiler: SQLCompiler, **keywords: Any) -> str:
    seconds = compiler.process(element.clauses, **keywords)
    return f"(clock_timestamp() + make_interval(secs => {seconds}))" if seconds else "clock_timestamp()"
