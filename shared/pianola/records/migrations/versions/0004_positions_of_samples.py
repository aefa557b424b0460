"""Samples at given positions instead of a seed's."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward. Samples keep their ids, though the same requests would make others now."""
    with op.batch_alter_table("samples") as batch_op:
        batch_op.add_column(sa.Column("z", sa.JSON(), nullable=True))
        batch_op.alter_column("seed", existing_type=sa.BigInteger(), nullable=True)
