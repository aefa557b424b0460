"""Evaluations count the attempts that came to nothing, apart from the number that fences them."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward. Those that are there begin to count anew."""
    with op.batch_alter_table("evaluations") as batch_op:
        batch_op.add_column(sa.Column("barren_attempts", sa.Integer(), nullable=False, server_default="0"))
