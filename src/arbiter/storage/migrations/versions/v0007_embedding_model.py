"""Which model an embedding is of: only those of one model can be compared."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "agent_decisions",
        sa.Column("embedding_model", sa.Text, nullable=False, server_default="context-1"),
    )
    op.alter_column("agent_decisions", "embedding_model", server_default=None)
