"""Counting trades by their state without reading them."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_trades_family_state_symbol_started_ns",
        "trades",
        ["family", "state", "symbol", "started_ns"],
    )
