"""Tables of perpetuals: contracts, positions on margin, funding payments, forced closes, pairs."""

from sqlalchemy import BigInteger, Boolean, Column, Index, Table, Text, Uuid, literal_column

from arbiter.storage.metadata import METADATA, needed
from arbiter.storage.schema import MOMENT, MONEY

CONTRACTS = Table(
    "contracts",
    METADATA,
    Column("instrument", Text, primary_key=True),
    needed("venue", Text),
    needed("symbol", Text),
    needed("kind", Text),
    needed("base", Text),
    needed("quote", Text),
    needed("settle", Text),
    needed("contract_size", MONEY),
    needed("leverage", MONEY),
    needed("settles_fills", Boolean),
)

MARGIN_POSITIONS = Table(
    "margin_positions",
    METADATA,
    Column("instrument", Text, primary_key=True),
    needed("quantity", MONEY),
    needed("value", MONEY),
    needed("margin", MONEY),
    needed("realized_pnl", MONEY),
    needed("updated_ns", BigInteger),
)

FUNDING_PAYMENTS = Table(
    "funding_payments",
    METADATA,
    Column("venue", Text, primary_key=True),
    Column("payment_id", Text, primary_key=True),
    needed("instrument", Text),
    needed("amount", MONEY),
    needed("asset", Text),
    needed("rate", MONEY),
    needed("mark", MONEY),
    needed("quantity", MONEY),
    needed("settled_ns", BigInteger),
    needed("at_ns", BigInteger),
    needed("at", MOMENT),
)
Index("ix_funding_payments_at_ns", FUNDING_PAYMENTS.c.at_ns)
Index(
    "ix_funding_payments_instrument_at_ns",
    FUNDING_PAYMENTS.c.instrument,
    FUNDING_PAYMENTS.c.at_ns,
)

FORCED_CLOSES = Table(
    "forced_closes",
    METADATA,
    Column("venue", Text, primary_key=True),
    Column("venue_trade_id", Text, primary_key=True),
    needed("instrument", Text),
    needed("side", Text),
    needed("size", MONEY),
    needed("price", MONEY),
    needed("fee", MONEY),
    needed("fee_asset", Text),
    needed("cause", Text),
    needed("at_ns", BigInteger),
    needed("at", MOMENT),
)
Index("ix_forced_closes_at_ns", FORCED_CLOSES.c.at_ns)
RESOLUTION = FORCED_CLOSES.c.cause == literal_column("'resolution'")
Index(
    "ix_forced_closes_resolutions",
    FORCED_CLOSES.c.instrument,
    FORCED_CLOSES.c.at_ns,
    postgresql_where=RESOLUTION,
)

FUNDING_PAIRS = Table(
    "funding_pairs",
    METADATA,
    Column("id", Uuid, primary_key=True),
    needed("strategy", Text),
    needed("symbol", Text),
    needed("long_instrument", Text),
    needed("short_instrument", Text),
    needed("long_venue", Text),
    needed("short_venue", Text),
    needed("open_trade", Uuid),
    needed("planned_units", MONEY),
    needed("entry_spread", MONEY),
    needed("entry_price", MONEY),
    needed("state", Text),
    needed("reason", Text),
    needed("opened_ns", BigInteger),
    Column("closed_ns", BigInteger, nullable=True),
    needed("funding_collected", MONEY),
    needed("payments", BigInteger),
    needed("peak_profit", MONEY),
    Column("narrow_since_ns", BigInteger, nullable=True),
)
ACTIVE_PAIR = FUNDING_PAIRS.c.state != literal_column("'CLOSED'")
Index("ix_funding_pairs_active", FUNDING_PAIRS.c.id, postgresql_where=ACTIVE_PAIR)
Index("ix_funding_pairs_opened_ns", FUNDING_PAIRS.c.opened_ns)
