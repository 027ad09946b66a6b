"""The table of event pairs: both rule texts as they were read, and who said they are one."""

from sqlalchemy import BigInteger, Boolean, Column, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from arbiter.storage.metadata import METADATA, needed
from arbiter.storage.schema import MONEY

EVENT_PAIRS = Table(
    "event_pairs",
    METADATA,
    Column("id", Text, primary_key=True),
    needed("first", JSONB),
    needed("second", JSONB),
    needed("polarity", Text),
    needed("resolution_source", Text),
    needed("void_rule", Text),
    needed("opens_ns", BigInteger),
    needed("closes_ns", BigInteger),
    needed("payout_ns", BigInteger),
    needed("recurs_ns", BigInteger),
    needed("cap_usd", MONEY),
    needed("state", Text),
    needed("reason", Text),
    needed("warnings", JSONB),
    needed("score", MONEY),
    needed("simulated", Boolean),
    needed("proposed_by", Text),
    needed("proposed_ns", BigInteger),
    Column("approved_by", Text, nullable=True),
    Column("approved_ns", BigInteger, nullable=True),
    needed("updated_ns", BigInteger),
)
