"""Fills that are matched before they are final, and resolutions by market."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "contracts",
        sa.Column("settles_fills", sa.Boolean, nullable=False, server_default=sa.false()),
    )
    op.alter_column("contracts", "settles_fills", server_default=None)
    op.create_table(
        "settling",
        sa.Column("instrument", sa.Text(), nullable=False),
        sa.Column("account", JSONB(), nullable=True),
        sa.Column("positions", JSONB(), nullable=False),
        sa.Column("copies", JSONB(), nullable=False),
        sa.Column("steps", JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("instrument", name=op.f("pk_settling")),
    )
    op.create_table(
        "settled_fills",
        sa.Column("venue", sa.Text(), nullable=False),
        sa.Column("venue_trade_id", sa.Text(), nullable=False),
        sa.Column("instrument", sa.Text(), nullable=False),
        sa.Column("ok", sa.Boolean(), nullable=False),
        sa.Column("at_ns", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("venue", "venue_trade_id", name=op.f("pk_settled_fills")),
    )
    op.create_index("ix_settled_fills_at_ns", "settled_fills", ["at_ns"])
    op.create_index(
        "ix_forced_closes_resolutions",
        "forced_closes",
        ["instrument", "at_ns"],
        postgresql_where=sa.text("cause = 'resolution'"),
    )
