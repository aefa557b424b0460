"""Versions of datasets, labels, hold-out, chunks that keep their results, imports."""

import sqlalchemy as sa
from alembic import op

from pianola.records import tables
from pianola.records.clock import database_now

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# For the rows that are there; what writes new ones gives every value.
_NOTHING = sa.text("'{}'")
_BY_CODE_POINT = sa.String(length=500, collation="C")


def upgrade() -> None:
    """Forward. A build under way begins again: its chunks lack what a build leaves now."""
    op.execute("DELETE FROM chunks WHERE dataset_id IN (SELECT id FROM datasets WHERE state = 'building')")
    _version_datasets()
    _widen_files()
    _widen_chunks()
    _create_imports()


def _version_datasets() -> None:
    with op.batch_alter_table("datasets") as batch_op:
        batch_op.add_column(sa.Column("version", sa.Integer(), server_default="1", nullable=False))
        batch_op.add_column(sa.Column("folder", sa.String(length=200), nullable=True))
        batch_op.add_column(sa.Column("parent_id", sa.String(length=200), nullable=True))
        batch_op.add_column(sa.Column("codec", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("labels", sa.JSON(), server_default=_NOTHING, nullable=False))
        batch_op.add_column(sa.Column("statistics_key", sa.String(length=200), nullable=True))
        batch_op.add_column(sa.Column("contact_sheet_key", sa.String(length=200), nullable=True))
        batch_op.add_column(sa.Column("files_reused", sa.Integer(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("windows_held_out", sa.Integer(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("duplicates", sa.JSON(), nullable=True))
        batch_op.add_column(sa.Column("builds", sa.Integer(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("building_at", tables.UtcDateTime(timezone=True), nullable=True))
    op.execute("UPDATE datasets SET folder = id")
    with op.batch_alter_table("datasets") as batch_op:
        batch_op.alter_column("folder", existing_type=sa.String(length=200), nullable=False)
        batch_op.drop_constraint("uq_datasets_name", type_="unique")
        batch_op.create_unique_constraint("uq_datasets_name_version", ["name", "version"])
        batch_op.create_foreign_key("fk_datasets_parent_id", "datasets", ["parent_id"], ["id"])


def _widen_files() -> None:
    with op.batch_alter_table("dataset_files") as batch_op:
        batch_op.drop_constraint("pk_dataset_files", type_="primary")
        batch_op.drop_constraint("uq_dataset_files_dataset_id_name", type_="unique")
        batch_op.drop_column("id")
        if op.get_bind().dialect.name == "postgresql":
            batch_op.alter_column("name", existing_type=sa.String(length=500), type_=_BY_CODE_POINT)
        batch_op.create_primary_key("pk_dataset_files", ["dataset_id", "name"])
        batch_op.add_column(sa.Column("labels", sa.JSON(), server_default=_NOTHING, nullable=False))
        batch_op.add_column(sa.Column("held_out", sa.Boolean(), server_default=sa.false(), nullable=False))
        batch_op.add_column(sa.Column("shard", sa.String(length=64), nullable=True))
        batch_op.add_column(sa.Column("row", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("duplicate_of", sa.String(length=500), nullable=True))
        batch_op.create_index("ix_dataset_files_sha256", ["dataset_id", "sha256"])


def _widen_chunks() -> None:
    with op.batch_alter_table("chunks") as batch_op:
        for count in ("attempts", "files", "accepted", "refused", "reused", "windows"):
            batch_op.add_column(sa.Column(count, sa.Integer(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("notes", sa.BigInteger(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("lease_until", tables.UtcDateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("done_at", tables.UtcDateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("page", sa.String(length=64), nullable=True))
        batch_op.add_column(sa.Column("fingerprints", sa.String(length=64), nullable=True))
        batch_op.add_column(sa.Column("statistics", sa.JSON(), nullable=True))
    op.execute("UPDATE chunks SET files = last - first + 1")


def _create_imports() -> None:
    op.create_table(
        "imports",
        sa.Column("id", sa.String(length=200), nullable=False),
        sa.Column("dataset_id", sa.String(length=200), nullable=False),
        sa.Column("source", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("losses", sa.Integer(), nullable=False),
        sa.Column("lease_until", tables.UtcDateTime(timezone=True), server_default=database_now(), nullable=False),
        sa.Column("sent_at", tables.UtcDateTime(timezone=True), server_default=database_now(), nullable=False),
        sa.Column("bytes_done", sa.BigInteger(), nullable=False),
        sa.Column("bytes_total", sa.BigInteger(), nullable=True),
        sa.Column("files_added", sa.Integer(), nullable=False),
        sa.Column("files_unchanged", sa.Integer(), nullable=False),
        sa.Column("files_replaced", sa.Integer(), nullable=False),
        sa.Column("files_skipped", sa.Integer(), nullable=False),
        sa.Column("skipped", sa.JSON(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("created_at", tables.UtcDateTime(timezone=True), server_default=database_now(), nullable=False),
        sa.Column("finished_at", tables.UtcDateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('queued', 'running', 'succeeded', 'failed')", name=op.f("ck_imports_state_known")
        ),
        sa.ForeignKeyConstraint(
            ["dataset_id"], ["datasets.id"], name=op.f("fk_imports_dataset_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_imports")),
    )
    with op.batch_alter_table("imports") as batch_op:
        batch_op.create_index("ix_imports_dataset", ["dataset_id", "id"])
