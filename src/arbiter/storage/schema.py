"""Tables of the journal and its projections.

A projection's columns carry the names of its record's fields, so that a record is its own row.
Money is NUMERIC without bounds, times are ns UTC in BIGINT (order and exactness) with a
TIMESTAMPTZ beside them where people query by hand. Projections hold no foreign keys: they are
folds over `events`, written in one transaction with it.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Double,
    Identity,
    Index,
    Integer,
    Numeric,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    literal_column,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from arbiter.storage.metadata import METADATA, needed

MONEY = Numeric(asdecimal=True)
MOMENT = DateTime(timezone=True)


EVENTS = Table(
    "events",
    METADATA,
    Column("seq", BigInteger, Identity(), primary_key=True),
    needed("at_ns", BigInteger),
    needed("at", MOMENT),
    needed("kind", Text),
    Column("trade_id", Uuid, nullable=True),
    needed("body", JSONB),
)
Index(
    "ix_events_trade_id",
    EVENTS.c.trade_id,
    EVENTS.c.seq,
    postgresql_where=text("trade_id IS NOT NULL"),
)

JOURNAL_HEAD = Table(
    "journal_head",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("writer", Uuid, nullable=True),
    Column("batch", BigInteger, nullable=False, server_default=text("0")),
    CheckConstraint("id = 1", name="one_row"),
)
"""Who writes the journal, and the number of the batch it committed last."""

ORDERS = Table(
    "orders",
    METADATA,
    Column("client_order_id", Text, primary_key=True),
    needed("strategy", Text),
    needed("actor", Text),
    needed("trade_id", Uuid),
    needed("leg", Text),
    needed("instrument", Text),
    needed("venue", Text),
    needed("symbol", Text),
    needed("side", Text),
    needed("type", Text),
    needed("time_in_force", Text),
    needed("post_only", Boolean),
    needed("reduce_only", Boolean),
    needed("size", MONEY),
    Column("price", MONEY, nullable=True),
    needed("planned_price", MONEY),
    needed("status", Text),
    Column("venue_order_id", Text, nullable=True),
    needed("filled_size", MONEY),
    needed("filled_value", MONEY),
    Column("lock_asset", Text, nullable=True),
    needed("lock", MONEY),
    Column("reserve_asset", Text, nullable=True),
    needed("reserve", MONEY),
    Column("reason", Text, nullable=True),
    Column("unknown_since_ns", BigInteger, nullable=True),
    needed("created_ns", BigInteger),
    needed("updated_ns", BigInteger),
    needed("created_at", MOMENT),
)
LIVE_STATUSES = ["CREATED", "SUBMITTED", "WORKING", "PARTIALLY_FILLED"]
OPEN_ORDER = ORDERS.c.status.in_([literal_column(f"'{status}'") for status in LIVE_STATUSES])
Index("ix_orders_created_ns", ORDERS.c.created_ns)
Index("ix_orders_trade_id", ORDERS.c.trade_id)
Index("ix_orders_strategy_created_ns", ORDERS.c.strategy, ORDERS.c.created_ns)
Index("ix_orders_instrument_created_ns", ORDERS.c.instrument, ORDERS.c.created_ns)
Index("ix_orders_status_created_ns", ORDERS.c.status, ORDERS.c.created_ns)
Index("ix_orders_venue_order_id", ORDERS.c.venue_order_id)
Index("ix_orders_open", ORDERS.c.client_order_id, postgresql_where=OPEN_ORDER)

FILLS = Table(
    "fills",
    METADATA,
    Column("seq", BigInteger, Identity(), primary_key=True),
    needed("venue", Text),
    needed("venue_trade_id", Text),
    needed("client_order_id", Text),
    needed("instrument", Text),
    needed("side", Text),
    needed("size", MONEY),
    needed("price", MONEY),
    needed("fee", MONEY),
    needed("fee_asset", Text),
    needed("liquidity", Text),
    needed("at_ns", BigInteger),
    needed("at", MOMENT),
    Column("strategy", Text, nullable=True),
    Column("trade_id", Uuid, nullable=True),
    UniqueConstraint("venue", "venue_trade_id"),
)
"""`strategy` and `trade_id` are copied from the fill's order."""
Index("ix_fills_at_ns", FILLS.c.at_ns)
Index("ix_fills_client_order_id", FILLS.c.client_order_id)
Index("ix_fills_strategy_at_ns", FILLS.c.strategy, FILLS.c.at_ns)
Index("ix_fills_instrument_at_ns", FILLS.c.instrument, FILLS.c.at_ns)
Index("ix_fills_trade_id", FILLS.c.trade_id)

TRADES = Table(
    "trades",
    METADATA,
    Column("id", Uuid, primary_key=True),
    needed("seq", BigInteger),
    needed("strategy", Text),
    needed("family", Text),
    needed("actor", Text),
    needed("symbol", Text),
    needed("quote", Text),
    needed("legs", JSONB),
    Column("signal_id", Uuid, nullable=True),
    Column("signal_seq", BigInteger, nullable=True),
    needed("min_edge", MONEY),
    needed("state", Text),
    needed("unknown", Boolean),
    needed("reason", Text),
    needed("started_ns", BigInteger),
    Column("completed_ns", BigInteger, nullable=True),
    needed("bought", MONEY),
    needed("spent", MONEY),
    needed("sold", MONEY),
    needed("received", MONEY),
    needed("fees_quote", MONEY),
    needed("base_fees", MONEY),
    needed("base_fees_value", MONEY),
    Column("pnl", MONEY, nullable=True),
    needed("started_at", MOMENT),
    UniqueConstraint("seq"),
)
ENDED_STATES = ["COMPLETED", "UNWOUND", "FAILED", "ABANDONED"]
OPEN_TRADE_STATE = TRADES.c.state.not_in([literal_column(f"'{state}'") for state in ENDED_STATES])
Index("ix_trades_started_ns", TRADES.c.started_ns)
Index("ix_trades_symbol_started_ns", TRADES.c.symbol, TRADES.c.started_ns)
Index("ix_trades_state_started_ns", TRADES.c.state, TRADES.c.started_ns)
Index("ix_trades_family_started_ns", TRADES.c.family, TRADES.c.started_ns)
Index("ix_trades_strategy_started_ns", TRADES.c.strategy, TRADES.c.started_ns)
Index(
    "ix_trades_family_state_symbol_started_ns",
    TRADES.c.family,
    TRADES.c.state,
    TRADES.c.symbol,
    TRADES.c.started_ns,
)
Index("ix_trades_open", TRADES.c.id, postgresql_where=OPEN_TRADE_STATE)
Index("ix_trades_completed_ns", TRADES.c.completed_ns)

SIGNALS = Table(
    "signals",
    METADATA,
    Column("id", Uuid, primary_key=True),
    needed("seq", BigInteger),
    needed("strategy", Text),
    needed("symbol", Text),
    needed("buy_instrument", Text),
    needed("sell_instrument", Text),
    needed("buy_venue", Text),
    needed("sell_venue", Text),
    needed("buy_price", MONEY),
    needed("sell_price", MONEY),
    needed("edge", MONEY),
    needed("confidence", MONEY),
    needed("detected_ns", BigInteger),
    needed("executed", Boolean),
    needed("verdict", Text),
    needed("detected_at", MOMENT),
    UniqueConstraint("seq"),
)
Index("ix_signals_detected_ns", SIGNALS.c.detected_ns)
Index("ix_signals_symbol_detected_ns", SIGNALS.c.symbol, SIGNALS.c.detected_ns)
Index("ix_signals_executed_detected_ns", SIGNALS.c.executed, SIGNALS.c.detected_ns)

BALANCES = Table(
    "balances",
    METADATA,
    Column("venue", Text, primary_key=True),
    Column("asset", Text, primary_key=True),
    needed("total", MONEY),
    needed("locked", MONEY),
    needed("baseline", MONEY),
    needed("updated_ns", BigInteger),
)

POSITIONS = Table(
    "positions",
    METADATA,
    Column("strategy", Text, primary_key=True),
    Column("instrument", Text, primary_key=True),
    needed("symbol", Text),
    needed("quantity", MONEY),
    needed("cost", MONEY),
    needed("realized_pnl", MONEY),
    needed("fees", MONEY),
    needed("number", BigInteger),
    needed("entered", MONEY),
    needed("entered_value", MONEY),
    needed("left", MONEY),
    needed("left_value", MONEY),
    needed("opened_ns", BigInteger),
    Column("closed_ns", BigInteger, nullable=True),
    needed("updated_ns", BigInteger),
)

CLOSED_POSITIONS = Table(
    "closed_positions",
    METADATA,
    Column("strategy", Text, primary_key=True),
    Column("instrument", Text, primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    needed("symbol", Text),
    needed("long", Boolean),
    needed("size", MONEY),
    needed("entered_value", MONEY),
    needed("left_value", MONEY),
    needed("realized_pnl", MONEY),
    needed("opened_ns", BigInteger),
    needed("closed_ns", BigInteger),
)
Index("ix_closed_positions_closed_ns", CLOSED_POSITIONS.c.closed_ns)
Index(
    "ix_closed_positions_instrument_closed_ns",
    CLOSED_POSITIONS.c.instrument,
    CLOSED_POSITIONS.c.closed_ns,
)

BUDGETS = Table(
    "budgets",
    METADATA,
    Column("strategy", Text, primary_key=True),
    Column("currency", Text, primary_key=True),
    Column("allocated", MONEY, nullable=True),
    needed("reserved", MONEY),
    needed("realized_pnl", MONEY),
    needed("total_fees", MONEY),
    needed("updated_ns", BigInteger),
)

RESIDUALS = Table(
    "residuals",
    METADATA,
    Column("strategy", Text, primary_key=True),
    Column("asset", Text, primary_key=True),
    Column("quote", Text, primary_key=True),
    needed("quantity", MONEY),
    needed("cost", MONEY),
    needed("realized_pnl", MONEY),
    needed("updated_ns", BigInteger),
)

TRADING_DAYS = Table(
    "trading_days",
    METADATA,
    Column("day_ns", BigInteger, primary_key=True, autoincrement=False),
    needed("realized", MONEY),
    needed("cumulative", MONEY),
    needed("peak", MONEY),
    needed("updated_ns", BigInteger),
)

PNL_MINUTES = Table(
    "pnl_minutes",
    METADATA,
    Column("minute_ns", BigInteger, primary_key=True, autoincrement=False),
    Column("strategy", Text, primary_key=True),
    needed("realized", MONEY),
)

STRATEGIES = Table(
    "strategies",
    METADATA,
    Column("strategy", Text, primary_key=True),
    needed("running", Boolean),
)

SETTINGS = Table(
    "settings",
    METADATA,
    Column("path", Text, primary_key=True),
    needed("before", Text),
    needed("after", Text),
    needed("actor", Text),
    needed("at_ns", BigInteger),
)
"""The last run-time change of each setting."""

KILL_SWITCH = Table(
    "kill_switch",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    needed("engaged", Boolean),
    needed("actor", Text),
    needed("reason", Text),
    needed("flatten", Boolean),
    needed("changed_ns", BigInteger),
    CheckConstraint("id = 1", name="one_row"),
)

AUDIT = Table(
    "audit",
    METADATA,
    Column("id", BigInteger, Identity(), primary_key=True),
    needed("at_ns", BigInteger),
    needed("at", MOMENT),
    needed("actor", Text),
    needed("action", Text),
    needed("entity", Text),
    needed("before", Text),
    needed("after", Text),
)
Index("ix_audit_at_ns", AUDIT.c.at_ns)
Index("ix_audit_actor_at_ns", AUDIT.c.actor, AUDIT.c.at_ns)

RUNS = Table(
    "runs",
    METADATA,
    Column("run_id", Text, primary_key=True),
    needed("mode", Text),
    needed("version", Text),
    needed("started_ns", BigInteger),
    Column("stopped_ns", BigInteger, nullable=True),
)
"""One row per start of an engine; `stopped_ns` stays empty when it was killed."""

CANDLES_1M = Table(
    "candles_1m",
    METADATA,
    Column("instrument", Text, primary_key=True),
    Column("open_ns", BigInteger, primary_key=True, autoincrement=False),
    needed("open", Double),
    needed("high", Double),
    needed("low", Double),
    needed("close", Double),
    needed("volume", Double),
)
