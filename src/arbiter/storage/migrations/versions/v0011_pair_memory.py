"""What deciding on a pair's exit needs of the past, so that a restart forgets none of it."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "funding_pairs",
        sa.Column("peak_profit", sa.Numeric, nullable=False, server_default="0"),
    )
    op.alter_column("funding_pairs", "peak_profit", server_default=None)
    op.add_column("funding_pairs", sa.Column("narrow_since_ns", sa.BigInteger))
