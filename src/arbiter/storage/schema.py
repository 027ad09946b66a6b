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

from arbiter.storage.metadata import METADATA

MONEY = Numeric(asdecimal=True)
MOMENT = DateTime(timezone=True)


def _needed(name: str, kind: type | object) -> "Column[object]":
    return Column(name, kind, nullable=False)  # type: ignore[arg-type]


EVENTS = Table(
    "events",
    METADATA,
    Column("seq", BigInteger, Identity(), primary_key=True),
    _needed("at_ns", BigInteger),
    _needed("at", MOMENT),
    _needed("kind", Text),
    Column("trade_id", Uuid, nullable=True),
    _needed("body", JSONB),
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
    _needed("strategy", Text),
    _needed("actor", Text),
    _needed("trade_id", Uuid),
    _needed("leg", Text),
    _needed("instrument", Text),
    _needed("venue", Text),
    _needed("symbol", Text),
    _needed("side", Text),
    _needed("type", Text),
    _needed("time_in_force", Text),
    _needed("post_only", Boolean),
    _needed("reduce_only", Boolean),
    _needed("size", MONEY),
    Column("price", MONEY, nullable=True),
    _needed("planned_price", MONEY),
    _needed("status", Text),
    Column("venue_order_id", Text, nullable=True),
    _needed("filled_size", MONEY),
    _needed("filled_value", MONEY),
    Column("lock_asset", Text, nullable=True),
    _needed("lock", MONEY),
    Column("reserve_asset", Text, nullable=True),
    _needed("reserve", MONEY),
    Column("reason", Text, nullable=True),
    Column("unknown_since_ns", BigInteger, nullable=True),
    _needed("created_ns", BigInteger),
    _needed("updated_ns", BigInteger),
    _needed("created_at", MOMENT),
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
    _needed("venue", Text),
    _needed("venue_trade_id", Text),
    _needed("client_order_id", Text),
    _needed("instrument", Text),
    _needed("side", Text),
    _needed("size", MONEY),
    _needed("price", MONEY),
    _needed("fee", MONEY),
    _needed("fee_asset", Text),
    _needed("liquidity", Text),
    _needed("at_ns", BigInteger),
    _needed("at", MOMENT),
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
    _needed("seq", BigInteger),
    _needed("strategy", Text),
    _needed("family", Text),
    _needed("actor", Text),
    _needed("symbol", Text),
    _needed("quote", Text),
    _needed("legs", JSONB),
    Column("signal_id", Uuid, nullable=True),
    Column("signal_seq", BigInteger, nullable=True),
    _needed("min_edge", MONEY),
    _needed("state", Text),
    _needed("unknown", Boolean),
    _needed("reason", Text),
    _needed("started_ns", BigInteger),
    Column("completed_ns", BigInteger, nullable=True),
    _needed("bought", MONEY),
    _needed("spent", MONEY),
    _needed("sold", MONEY),
    _needed("received", MONEY),
    _needed("fees_quote", MONEY),
    _needed("base_fees", MONEY),
    _needed("base_fees_value", MONEY),
    Column("pnl", MONEY, nullable=True),
    _needed("started_at", MOMENT),
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
    _needed("seq", BigInteger),
    _needed("strategy", Text),
    _needed("symbol", Text),
    _needed("buy_instrument", Text),
    _needed("sell_instrument", Text),
    _needed("buy_venue", Text),
    _needed("sell_venue", Text),
    _needed("buy_price", MONEY),
    _needed("sell_price", MONEY),
    _needed("edge", MONEY),
    _needed("confidence", MONEY),
    _needed("detected_ns", BigInteger),
    _needed("executed", Boolean),
    _needed("verdict", Text),
    _needed("detected_at", MOMENT),
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
    _needed("total", MONEY),
    _needed("locked", MONEY),
    _needed("baseline", MONEY),
    _needed("updated_ns", BigInteger),
)

POSITIONS = Table(
    "positions",
    METADATA,
    Column("strategy", Text, primary_key=True),
    Column("instrument", Text, primary_key=True),
    _needed("symbol", Text),
    _needed("quantity", MONEY),
    _needed("cost", MONEY),
    _needed("realized_pnl", MONEY),
    _needed("fees", MONEY),
    _needed("number", BigInteger),
    _needed("entered", MONEY),
    _needed("entered_value", MONEY),
    _needed("left", MONEY),
    _needed("left_value", MONEY),
    _needed("opened_ns", BigInteger),
    Column("closed_ns", BigInteger, nullable=True),
    _needed("updated_ns", BigInteger),
)

CLOSED_POSITIONS = Table(
    "closed_positions",
    METADATA,
    Column("strategy", Text, primary_key=True),
    Column("instrument", Text, primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    _needed("symbol", Text),
    _needed("long", Boolean),
    _needed("size", MONEY),
    _needed("entered_value", MONEY),
    _needed("left_value", MONEY),
    _needed("realized_pnl", MONEY),
    _needed("opened_ns", BigInteger),
    _needed("closed_ns", BigInteger),
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
    _needed("reserved", MONEY),
    _needed("realized_pnl", MONEY),
    _needed("total_fees", MONEY),
    _needed("updated_ns", BigInteger),
)

RESIDUALS = Table(
    "residuals",
    METADATA,
    Column("strategy", Text, primary_key=True),
    Column("asset", Text, primary_key=True),
    Column("quote", Text, primary_key=True),
    _needed("quantity", MONEY),
    _needed("cost", MONEY),
    _needed("realized_pnl", MONEY),
    _needed("updated_ns", BigInteger),
)

TRADING_DAYS = Table(
    "trading_days",
    METADATA,
    Column("day_ns", BigInteger, primary_key=True, autoincrement=False),
    _needed("realized", MONEY),
    _needed("cumulative", MONEY),
    _needed("peak", MONEY),
    _needed("updated_ns", BigInteger),
)

STRATEGIES = Table(
    "strategies",
    METADATA,
    Column("strategy", Text, primary_key=True),
    _needed("running", Boolean),
)

SETTINGS = Table(
    "settings",
    METADATA,
    Column("path", Text, primary_key=True),
    _needed("before", Text),
    _needed("after", Text),
    _needed("actor", Text),
    _needed("at_ns", BigInteger),
)
"""The last run-time change of each setting."""

KILL_SWITCH = Table(
    "kill_switch",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    _needed("engaged", Boolean),
    _needed("actor", Text),
    _needed("reason", Text),
    _needed("flatten", Boolean),
    _needed("changed_ns", BigInteger),
    CheckConstraint("id = 1", name="one_row"),
)

AUDIT = Table(
    "audit",
    METADATA,
    Column("id", BigInteger, Identity(), primary_key=True),
    _needed("at_ns", BigInteger),
    _needed("at", MOMENT),
    _needed("actor", Text),
    _needed("action", Text),
    _needed("entity", Text),
    _needed("before", Text),
    _needed("after", Text),
)
Index("ix_audit_at_ns", AUDIT.c.at_ns)
Index("ix_audit_actor_at_ns", AUDIT.c.actor, AUDIT.c.at_ns)

RUNS = Table(
    "runs",
    METADATA,
    Column("run_id", Text, primary_key=True),
    _needed("mode", Text),
    _needed("version", Text),
    _needed("started_ns", BigInteger),
    Column("stopped_ns", BigInteger, nullable=True),
)
"""One row per start of an engine; `stopped_ns` stays empty when it was killed."""

CANDLES_1M = Table(
    "candles_1m",
    METADATA,
    Column("instrument", Text, primary_key=True),
    Column("open_ns", BigInteger, primary_key=True, autoincrement=False),
    _needed("open", Double),
    _needed("high", Double),
    _needed("low", Double),
    _needed("close", Double),
    _needed("volume", Double),
)
