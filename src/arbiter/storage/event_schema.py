"""The table of event pairs: both rule texts as they were read, and who said they are one."""

from sqlalchemy import BigInteger, Boolean, Column, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from arbiter.storage.metadata import METADATA
from arbiter.storage.schema import MONEY


def _needed(name: str, kind: type | object) -> "Column[object]":
    return Column(name, kind, nullable=False)  # type: ignore[arg-type]


EVENT_PAIRS = Table(
    "event_pairs",
    METADATA,
    Column("id", Text, primary_key=True),
    _needed("first", JSONB),
    _needed("second", JSONB),
    _needed("polarity", Text),
    _needed("resolution_source", Text),
    _needed("void_rule", Text),
    _needed("opens_ns", BigInteger),
    _needed("closes_ns", BigInteger),
    _needed("payout_ns", BigInteger),
    _needed("recurs_ns", BigInteger),
    _needed("cap_usd", MONEY),
    _needed("state", Text),
    _needed("reason", Text),
    _needed("warnings", JSONB),
    _needed("score", MONEY),
    _needed("simulated", Boolean),
    _needed("proposed_by", Text),
    _needed("proposed_ns", BigInteger),
    Column("approved_by", Text, nullable=True),
    Column("approved_ns", BigInteger, nullable=True),
    _needed("updated_ns", BigInteger),
)
