"""The journal, its projections and the candles."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    _journal()
    _trading()
    _holdings()
    _switches()
    _candles()
    op.execute("INSERT INTO journal_head (id, batch) VALUES (1, 0)")


def _journal() -> None:
    op.create_table(
        "events",
        sa.Column("seq", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("at_ns", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("trade_id", sa.Uuid(), nullable=True),
        sa.Column("body", postgresql.JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_events")),
    )
    op.create_index(
        "ix_events_trade_id",
        "events",
        ["trade_id", "seq"],
        postgresql_where=sa.text("trade_id IS NOT NULL"),
    )
    op.create_table(
        "journal_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("writer", sa.Uuid(), nullable=True),
        sa.Column("batch", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_journal_head_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_journal_head")),
    )
    op.create_table(
        "runs",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("started_ns", sa.BigInteger(), nullable=False),
        sa.Column("stopped_ns", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_runs")),
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("at_ns", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column("before", sa.Text(), nullable=False),
        sa.Column("after", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
    )
    op.create_index("ix_audit_actor_at_ns", "audit", ["actor", "at_ns"])
    op.create_index("ix_audit_at_ns", "audit", ["at_ns"])


def _trading() -> None:
    op.create_table(
        "trades",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("strategy", sa.Text(), nullable=False),
        sa.Column("family", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("quote", sa.Text(), nullable=False),
        sa.Column("legs", postgresql.JSONB(), nullable=False),
        sa.Column("signal_id", sa.Uuid(), nullable=True),
        sa.Column("signal_seq", sa.BigInteger(), nullable=True),
        sa.Column("min_edge", sa.Numeric(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("unknown", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("started_ns", sa.BigInteger(), nullable=False),
        sa.Column("completed_ns", sa.BigInteger(), nullable=True),
        sa.Column("bought", sa.Numeric(), nullable=False),
        sa.Column("spent", sa.Numeric(), nullable=False),
        sa.Column("sold", sa.Numeric(), nullable=False),
        sa.Column("received", sa.Numeric(), nullable=False),
        sa.Column("fees_quote", sa.Numeric(), nullable=False),
        sa.Column("base_fees", sa.Numeric(), nullable=False),
        sa.Column("base_fees_value", sa.Numeric(), nullable=False),
        sa.Column("pnl", sa.Numeric(), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trades")),
        sa.UniqueConstraint("seq", name=op.f("uq_trades_seq")),
    )
    op.create_index("ix_trades_completed_ns", "trades", ["completed_ns"])
    op.create_index("ix_trades_family_started_ns", "trades", ["family", "started_ns"])
    op.create_index(
        "ix_trades_open",
        "trades",
        ["id"],
        postgresql_where=sa.text("(state NOT IN ('COMPLETED', 'UNWOUND', 'FAILED', 'ABANDONED'))"),
    )
    op.create_index("ix_trades_started_ns", "trades", ["started_ns"])
    op.create_index("ix_trades_state_started_ns", "trades", ["state", "started_ns"])
    op.create_index("ix_trades_strategy_started_ns", "trades", ["strategy", "started_ns"])
    op.create_index("ix_trades_symbol_started_ns", "trades", ["symbol", "started_ns"])
    op.create_table(
        "orders",
        sa.Column("client_order_id", sa.Text(), nullable=False),
        sa.Column("strategy", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("trade_id", sa.Uuid(), nullable=False),
        sa.Column("leg", sa.Text(), nullable=False),
        sa.Column("instrument", sa.Text(), nullable=False),
        sa.Column("venue", sa.Text(), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("time_in_force", sa.Text(), nullable=False),
        sa.Column("post_only", sa.Boolean(), nullable=False),
        sa.Column("reduce_only", sa.Boolean(), nullable=False),
        sa.Column("size", sa.Numeric(), nullable=False),
        sa.Column("price", sa.Numeric(), nullable=True),
        sa.Column("planned_price", sa.Numeric(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("venue_order_id", sa.Text(), nullable=True),
        sa.Column("filled_size", sa.Numeric(), nullable=False),
        sa.Column("filled_value", sa.Numeric(), nullable=False),
        sa.Column("lock_asset", sa.Text(), nullable=True),
        sa.Column("lock", sa.Numeric(), nullable=False),
        sa.Column("reserve_asset", sa.Text(), nullable=True),
        sa.Column("reserve", sa.Numeric(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("unknown_since_ns", sa.BigInteger(), nullable=True),
        sa.Column("created_ns", sa.BigInteger(), nullable=False),
        sa.Column("updated_ns", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("client_order_id", name=op.f("pk_orders")),
    )
    op.create_index("ix_orders_created_ns", "orders", ["created_ns"])
    op.create_index("ix_orders_instrument_created_ns", "orders", ["instrument", "created_ns"])
    op.create_index(
        "ix_orders_open",
        "orders",
        ["client_order_id"],
        postgresql_where=sa.text(
            "status IN ('CREATED', 'SUBMITTED', 'WORKING', 'PARTIALLY_FILLED')"
        ),
    )
    op.create_index("ix_orders_status_created_ns", "orders", ["status", "created_ns"])
    op.create_index("ix_orders_strategy_created_ns", "orders", ["strategy", "created_ns"])
    op.create_index("ix_orders_trade_id", "orders", ["trade_id"])
    op.create_table(
        "fills",
        sa.Column("seq", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("venue", sa.Text(), nullable=False),
        sa.Column("venue_trade_id", sa.Text(), nullable=False),
        sa.Column("client_order_id", sa.Text(), nullable=False),
        sa.Column("instrument", sa.Text(), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("size", sa.Numeric(), nullable=False),
        sa.Column("price", sa.Numeric(), nullable=False),
        sa.Column("fee", sa.Numeric(), nullable=False),
        sa.Column("fee_asset", sa.Text(), nullable=False),
        sa.Column("liquidity", sa.Text(), nullable=False),
        sa.Column("at_ns", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("strategy", sa.Text(), nullable=True),
        sa.Column("trade_id", sa.Uuid(), nullable=True),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_fills")),
        sa.UniqueConstraint("venue", "venue_trade_id", name=op.f("uq_fills_venue_venue_trade_id")),
    )
    op.create_index("ix_fills_at_ns", "fills", ["at_ns"])
    op.create_index("ix_fills_client_order_id", "fills", ["client_order_id"])
    op.create_index("ix_fills_instrument_at_ns", "fills", ["instrument", "at_ns"])
    op.create_index("ix_fills_strategy_at_ns", "fills", ["strategy", "at_ns"])
    op.create_index("ix_fills_trade_id", "fills", ["trade_id"])
    op.create_table(
        "signals",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("strategy", sa.Text(), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("buy_instrument", sa.Text(), nullable=False),
        sa.Column("sell_instrument", sa.Text(), nullable=False),
        sa.Column("buy_venue", sa.Text(), nullable=False),
        sa.Column("sell_venue", sa.Text(), nullable=False),
        sa.Column("buy_price", sa.Numeric(), nullable=False),
        sa.Column("sell_price", sa.Numeric(), nullable=False),
        sa.Column("edge", sa.Numeric(), nullable=False),
        sa.Column("confidence", sa.Numeric(), nullable=False),
        sa.Column("detected_ns", sa.BigInteger(), nullable=False),
        sa.Column("executed", sa.Boolean(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("detected_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signals")),
        sa.UniqueConstraint("seq", name=op.f("uq_signals_seq")),
    )
    op.create_index("ix_signals_detected_ns", "signals", ["detected_ns"])
    op.create_index("ix_signals_executed_detected_ns", "signals", ["executed", "detected_ns"])
    op.create_index("ix_signals_symbol_detected_ns", "signals", ["symbol", "detected_ns"])


def _holdings() -> None:
    op.create_table(
        "balances",
        sa.Column("venue", sa.Text(), nullable=False),
        sa.Column("asset", sa.Text(), nullable=False),
        sa.Column("total", sa.Numeric(), nullable=False),
        sa.Column("locked", sa.Numeric(), nullable=False),
        sa.Column("baseline", sa.Numeric(), nullable=False),
        sa.Column("updated_ns", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("venue", "asset", name=op.f("pk_balances")),
    )
    op.create_table(
        "positions",
        sa.Column("strategy", sa.Text(), nullable=False),
        sa.Column("instrument", sa.Text(), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Numeric(), nullable=False),
        sa.Column("cost", sa.Numeric(), nullable=False),
        sa.Column("realized_pnl", sa.Numeric(), nullable=False),
        sa.Column("fees", sa.Numeric(), nullable=False),
        sa.Column("opened_ns", sa.BigInteger(), nullable=False),
        sa.Column("closed_ns", sa.BigInteger(), nullable=True),
        sa.Column("updated_ns", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("strategy", "instrument", name=op.f("pk_positions")),
    )
    op.create_table(
        "budgets",
        sa.Column("strategy", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("allocated", sa.Numeric(), nullable=True),
        sa.Column("reserved", sa.Numeric(), nullable=False),
        sa.Column("realized_pnl", sa.Numeric(), nullable=False),
        sa.Column("total_fees", sa.Numeric(), nullable=False),
        sa.Column("updated_ns", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("strategy", "currency", name=op.f("pk_budgets")),
    )
    op.create_table(
        "residuals",
        sa.Column("strategy", sa.Text(), nullable=False),
        sa.Column("asset", sa.Text(), nullable=False),
        sa.Column("quote", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Numeric(), nullable=False),
        sa.Column("cost", sa.Numeric(), nullable=False),
        sa.Column("realized_pnl", sa.Numeric(), nullable=False),
        sa.Column("updated_ns", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("strategy", "asset", "quote", name=op.f("pk_residuals")),
    )
    op.create_table(
        "trading_days",
        sa.Column("day_ns", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("realized", sa.Numeric(), nullable=False),
        sa.Column("cumulative", sa.Numeric(), nullable=False),
        sa.Column("peak", sa.Numeric(), nullable=False),
        sa.Column("updated_ns", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("day_ns", name=op.f("pk_trading_days")),
    )


def _switches() -> None:
    op.create_table(
        "strategies",
        sa.Column("strategy", sa.Text(), nullable=False),
        sa.Column("running", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("strategy", name=op.f("pk_strategies")),
    )
    op.create_table(
        "settings",
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("before", sa.Text(), nullable=False),
        sa.Column("after", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("at_ns", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("path", name=op.f("pk_settings")),
    )
    op.create_table(
        "kill_switch",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("engaged", sa.Boolean(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("flatten", sa.Boolean(), nullable=False),
        sa.Column("changed_ns", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_kill_switch_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kill_switch")),
    )


def _candles() -> None:
    op.create_table(
        "candles_1m",
        sa.Column("instrument", sa.Text(), nullable=False),
        sa.Column("open_ns", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("open", sa.Double(), nullable=False),
        sa.Column("high", sa.Double(), nullable=False),
        sa.Column("low", sa.Double(), nullable=False),
        sa.Column("close", sa.Double(), nullable=False),
        sa.Column("volume", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("instrument", "open_ns", name=op.f("pk_candles_1m")),
    )
