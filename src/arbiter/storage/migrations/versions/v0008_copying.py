"""Copy trading: subscriptions, what they hold, what their leaders did."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "copy_subscriptions",
        _needed("id", sa.Uuid()),
        _needed("venue", sa.Text()),
        _needed("wallet", sa.Text()),
        _needed("multiplier", sa.Numeric()),
        _needed("max_position_size", sa.Numeric()),
        _needed("enabled", sa.Boolean()),
        _needed("actor", sa.Text()),
        _needed("pauses", JSONB()),
        _needed("based", sa.Boolean()),
        _needed("created_ns", sa.BigInteger()),
        sa.Column("removed_ns", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_copy_subscriptions")),
    )
    op.create_table(
        "copy_positions",
        _needed("subscription", sa.Uuid()),
        _needed("instrument", sa.Text()),
        _needed("quantity", sa.Numeric()),
        _needed("cost", sa.Numeric()),
        _needed("realized_pnl", sa.Numeric()),
        _needed("fees", sa.Numeric()),
        _needed("fills", sa.BigInteger()),
        _needed("updated_ns", sa.BigInteger()),
        sa.PrimaryKeyConstraint("subscription", "instrument", name=op.f("pk_copy_positions")),
    )
    op.create_table(
        "leader_actions",
        _needed("venue", sa.Text()),
        _needed("wallet", sa.Text()),
        _needed("key", sa.Text()),
        _needed("kind", sa.Text()),
        _needed("market", sa.Text()),
        _needed("outcome", sa.Text()),
        _needed("size", sa.Numeric()),
        _needed("price", sa.Numeric()),
        _needed("decision", sa.Text()),
        sa.Column("start", sa.Numeric(), nullable=True),
        _needed("at_ns", sa.BigInteger()),
        _needed("at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("venue", "wallet", "key", name=op.f("pk_leader_actions")),
    )
    op.create_index(
        "ix_leader_actions_venue_wallet_at_ns", "leader_actions", ["venue", "wallet", "at_ns"]
    )


def _needed(name: str, kind: object) -> "sa.Column[object]":
    return sa.Column(name, kind, nullable=False)  # type: ignore[arg-type]
