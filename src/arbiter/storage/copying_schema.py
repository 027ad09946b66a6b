"""Tables of copy trading: subscriptions, what they hold, what their leaders did."""

from sqlalchemy import BigInteger, Boolean, Column, Index, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB

from arbiter.storage.metadata import METADATA
from arbiter.storage.schema import MOMENT, MONEY


def _needed(name: str, kind: type | object) -> "Column[object]":
    return Column(name, kind, nullable=False)  # type: ignore[arg-type]


COPY_SUBSCRIPTIONS = Table(
    "copy_subscriptions",
    METADATA,
    Column("id", Uuid, primary_key=True),
    _needed("venue", Text),
    _needed("wallet", Text),
    _needed("multiplier", MONEY),
    _needed("max_position_size", MONEY),
    _needed("enabled", Boolean),
    _needed("actor", Text),
    _needed("pauses", JSONB),
    _needed("based", Boolean),
    _needed("created_ns", BigInteger),
    Column("removed_ns", BigInteger, nullable=True),
)

COPY_POSITIONS = Table(
    "copy_positions",
    METADATA,
    Column("subscription", Uuid, primary_key=True),
    Column("instrument", Text, primary_key=True),
    _needed("quantity", MONEY),
    _needed("cost", MONEY),
    _needed("realized_pnl", MONEY),
    _needed("fees", MONEY),
    _needed("fills", BigInteger),
    _needed("updated_ns", BigInteger),
)

LEADER_ACTIONS = Table(
    "leader_actions",
    METADATA,
    Column("venue", Text, primary_key=True),
    Column("wallet", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    _needed("kind", Text),
    _needed("market", Text),
    _needed("outcome", Text),
    _needed("size", MONEY),
    _needed("price", MONEY),
    _needed("decision", Text),
    Column("start", MONEY, nullable=True),
    _needed("at_ns", BigInteger),
    _needed("at", MOMENT),
)
Index(
    "ix_leader_actions_venue_wallet_at_ns",
    LEADER_ACTIONS.c.venue,
    LEADER_ACTIONS.c.wallet,
    LEADER_ACTIONS.c.at_ns,
)
