"""Perpetuals: contracts, positions on margin, funding payments, forced closes, funding pairs."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _accounts()
    _payments()
    _pairs()


def _needed(name: str, kind: object) -> "sa.Column[object]":
    return sa.Column(name, kind, nullable=False)  # type: ignore[arg-type]


def _accounts() -> None:
    op.create_table(
        "contracts",
        _needed("instrument", sa.Text()),
        _needed("venue", sa.Text()),
        _needed("symbol", sa.Text()),
        _needed("kind", sa.Text()),
        _needed("base", sa.Text()),
        _needed("quote", sa.Text()),
        _needed("settle", sa.Text()),
        _needed("contract_size", sa.Numeric()),
        _needed("leverage", sa.Numeric()),
        sa.PrimaryKeyConstraint("instrument", name=op.f("pk_contracts")),
    )
    op.create_table(
        "margin_positions",
        _needed("instrument", sa.Text()),
        _needed("quantity", sa.Numeric()),
        _needed("value", sa.Numeric()),
        _needed("margin", sa.Numeric()),
        _needed("realized_pnl", sa.Numeric()),
        _needed("updated_ns", sa.BigInteger()),
        sa.PrimaryKeyConstraint("instrument", name=op.f("pk_margin_positions")),
    )


def _payments() -> None:
    op.create_table(
        "funding_payments",
        _needed("venue", sa.Text()),
        _needed("payment_id", sa.Text()),
        _needed("instrument", sa.Text()),
        _needed("amount", sa.Numeric()),
        _needed("asset", sa.Text()),
        _needed("rate", sa.Numeric()),
        _needed("mark", sa.Numeric()),
        _needed("quantity", sa.Numeric()),
        _needed("settled_ns", sa.BigInteger()),
        _needed("at_ns", sa.BigInteger()),
        _needed("at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("venue", "payment_id", name=op.f("pk_funding_payments")),
    )
    op.create_index("ix_funding_payments_at_ns", "funding_payments", ["at_ns"])
    op.create_index(
        "ix_funding_payments_instrument_at_ns", "funding_payments", ["instrument", "at_ns"]
    )
    op.create_table(
        "forced_closes",
        _needed("venue", sa.Text()),
        _needed("venue_trade_id", sa.Text()),
        _needed("instrument", sa.Text()),
        _needed("side", sa.Text()),
        _needed("size", sa.Numeric()),
        _needed("price", sa.Numeric()),
        _needed("fee", sa.Numeric()),
        _needed("fee_asset", sa.Text()),
        _needed("cause", sa.Text()),
        _needed("at_ns", sa.BigInteger()),
        _needed("at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("venue", "venue_trade_id", name=op.f("pk_forced_closes")),
    )
    op.create_index("ix_forced_closes_at_ns", "forced_closes", ["at_ns"])


def _pairs() -> None:
    op.create_table(
        "funding_pairs",
        _needed("id", sa.Uuid()),
        _needed("strategy", sa.Text()),
        _needed("symbol", sa.Text()),
        _needed("long_instrument", sa.Text()),
        _needed("short_instrument", sa.Text()),
        _needed("long_venue", sa.Text()),
        _needed("short_venue", sa.Text()),
        _needed("open_trade", sa.Uuid()),
        _needed("planned_units", sa.Numeric()),
        _needed("entry_spread", sa.Numeric()),
        _needed("entry_price", sa.Numeric()),
        _needed("state", sa.Text()),
        _needed("reason", sa.Text()),
        _needed("opened_ns", sa.BigInteger()),
        sa.Column("closed_ns", sa.BigInteger(), nullable=True),
        _needed("funding_collected", sa.Numeric()),
        _needed("payments", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_funding_pairs")),
    )
    op.create_index(
        "ix_funding_pairs_active",
        "funding_pairs",
        ["id"],
        postgresql_where=sa.text("state <> 'CLOSED'"),
    )
    op.create_index("ix_funding_pairs_opened_ns", "funding_pairs", ["opened_ns"])
