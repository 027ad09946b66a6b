"""The table of what clients asked for under ids of their own."""

from sqlalchemy import BigInteger, Column, Table, Text

from arbiter.storage.metadata import METADATA
from arbiter.storage.schema import MONEY

PLACED_ORDERS = Table(
    "placed_orders",
    METADATA,
    Column("actor", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("client_order_id", Text, nullable=False),
    Column("instrument", Text, nullable=False),
    Column("side", Text, nullable=False),
    Column("size", MONEY, nullable=False),
    Column("price", MONEY, nullable=True),
    Column("at_ns", BigInteger, nullable=False),
)
