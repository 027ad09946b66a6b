"""Tables of fills that are matched before they are final."""

from sqlalchemy import BigInteger, Boolean, Column, Index, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from arbiter.storage.metadata import METADATA
from arbiter.storage.schema import MOMENT

SETTLING = Table(
    "settling",
    METADATA,
    Column("instrument", Text, primary_key=True),
    Column("account", JSONB, nullable=True),
    Column("positions", JSONB, nullable=False),
    Column("copies", JSONB, nullable=False),
    Column("steps", JSONB, nullable=False),
)
"""Per market the rows before its oldest fill that is not final, and what was booked since."""

SETTLED_FILLS = Table(
    "settled_fills",
    METADATA,
    Column("venue", Text, primary_key=True),
    Column("venue_trade_id", Text, primary_key=True),
    Column("instrument", Text, nullable=False),
    Column("ok", Boolean, nullable=False),
    Column("at_ns", BigInteger, nullable=False),
    Column("at", MOMENT, nullable=False),
)
"""The venues' last words; a fill that failed is not in `fills`."""
Index("ix_settled_fills_at_ns", SETTLED_FILLS.c.at_ns)
