"""How a run's attempts compute."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward. A run under way has none yet: its next attempt chooses."""
    with op.batch_alter_table("runs") as batch_op:
        batch_op.add_column(sa.Column("setup", sa.JSON(), nullable=True))
