"""Tables of perpetuals: contracts, positions on margin, funding payments, forced closes, pairs."""

from sqlalchemy import BigInteger, Boolean, Column, Index, Table, Text, Uuid, literal_column

from arbiter.storage.metadata import METADATA
from arbiter.storage.schema import MOMENT, MONEY


def _needed(name: str, kind: type | object) -> "Column[object]":
    return Column(name, kind, nullable=False)  # type: ignore[arg-type]


CONTRACTS = Table(
    "contracts",
    METADATA,
    Column("instrument", Text, primary_key=True),
    _needed("venue", Text),
    _needed("symbol", Text),
    _needed("kind", Text),
    _needed("base", Text),
    _needed("quote", Text),
    _needed("settle", Text),
    _needed("contract_size", MONEY),
    _needed("leverage", MONEY),
    _needed("settles_fills", Boolean),
)

MARGIN_POSITIONS = Table(
    "margin_positions",
    METADATA,
    Column("instrument", Text, primary_key=True),
    _needed("quantity", MONEY),
    _needed("value", MONEY),
    _needed("margin", MONEY),
    _needed("realized_pnl", MONEY),
    _needed("updated_ns", BigInteger),
)

FUNDING_PAYMENTS = Table(
    "funding_payments",
    METADATA,
    Column("venue", Text, primary_key=True),
    Column("payment_id", Text, primary_key=True),
    _needed("instrument", Text),
    _needed("amount", MONEY),
    _needed("asset", Text),
    _needed("rate", MONEY),
    _needed("mark", MONEY),
    _needed("quantity", MONEY),
    _needed("settled_ns", BigInteger),
    _needed("at_ns", BigInteger),
    _needed("at", MOMENT),
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
    _needed("instrument", Text),
    _needed("side", Text),
    _needed("size", MONEY),
    _needed("price", MONEY),
    _needed("fee", MONEY),
    _needed("fee_asset", Text),
    _needed("cause", Text),
    _needed("at_ns", BigInteger),
    _needed("at", MOMENT),
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
    _needed("strategy", Text),
    _needed("symbol", Text),
    _needed("long_instrument", Text),
    _needed("short_instrument", Text),
    _needed("long_venue", Text),
    _needed("short_venue", Text),
    _needed("open_trade", Uuid),
    _needed("planned_units", MONEY),
    _needed("entry_spread", MONEY),
    _needed("entry_price", MONEY),
    _needed("state", Text),
    _needed("reason", Text),
    _needed("opened_ns", BigInteger),
    Column("closed_ns", BigInteger, nullable=True),
    _needed("funding_collected", MONEY),
    _needed("payments", BigInteger),
    _needed("peak_profit", MONEY),
    Column("narrow_since_ns", BigInteger, nullable=True),
)
ACTIVE_PAIR = FUNDING_PAIRS.c.state != literal_column("'CLOSED'")
Index("ix_funding_pairs_active", FUNDING_PAIRS.c.id, postgresql_where=ACTIVE_PAIR)
Index("ix_funding_pairs_opened_ns", FUNDING_PAIRS.c.opened_ns)
