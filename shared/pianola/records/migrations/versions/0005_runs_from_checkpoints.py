"""Runs that begin with the weights of a checkpoint."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward. The runs that are there began with weights of their seed's."""
    with op.batch_alter_table("runs") as batch_op:
        batch_op.add_column(sa.Column("from_checkpoint_id", sa.String(length=200), nullable=True))
        batch_op.create_foreign_key("fk_runs_from_checkpoint_id", "checkpoints", ["from_checkpoint_id"], ["id"])
