"""Alembic's environment: runs on the connection that pianola.records.migrate hands over."""

from alembic import context
from sqlalchemy import text

from pianola.records.tables import Table

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Table.metadata,
    # SQLite changes a table by copying it.
    render_as_batch=connection.dialect.name == "sqlite",
    compare_type=True,
    transaction_per_migration=True,
    user_module_prefix="tables.",
)
with context.begin_transaction():
    if connection.dialect.name == "postgresql":
        # A migration that cannot have its lock fails and leaves the services running.
        connection.execute(text("SET LOCAL lock_timeout = '10s'"))
    context.run_migrations()
