"""Tables of copy trading: subscriptions, what they hold, what their leaders did."""

from sqlalchemy import BigInteger, Boolean, Column, Index, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB

from arbiter.storage.metadata import METADATA, needed
from arbiter.storage.schema import MOMENT, MONEY

COPY_SUBSCRIPTIONS = Table(
    "copy_subscriptions",
    METADATA,
    Column("id", Uuid, primary_key=True),
    needed("venue", Text),
    needed("wallet", Text),
    needed("multiplier", MONEY),
    needed("max_position_size", MONEY),
    needed("enabled", Boolean),
    needed("actor", Text),
    needed("pauses", JSONB),
    needed("based", Boolean),
    needed("created_ns", BigInteger),
    Column("removed_ns", BigInteger, nullable=True),
)

COPY_POSITIONS = Table(
    "copy_positions",
    METADATA,
    Column("subscription", Uuid, primary_key=True),
    Column("instrument", Text, primary_key=True),
    needed("quantity", MONEY),
    needed("cost", MONEY),
    needed("realized_pnl", MONEY),
    needed("fees", MONEY),
    needed("fills", BigInteger),
    needed("updated_ns", BigInteger),
)

LEADER_ACTIONS = Table(
    "leader_actions",
    METADATA,
    Column("venue", Text, primary_key=True),
    Column("wallet", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    needed("kind", Text),
    needed("market", Text),
    needed("outcome", Text),
    needed("size", MONEY),
    needed("price", MONEY),
    needed("decision", Text),
    Column("start", MONEY, nullable=True),
    needed("at_ns", BigInteger),
    needed("at", MOMENT),
)
Index(
    "ix_leader_actions_venue_wallet_at_ns",
    LEADER_ACTIONS.c.venue,
    LEADER_ACTIONS.c.wallet,
    LEADER_ACTIONS.c.at_ns,
)
