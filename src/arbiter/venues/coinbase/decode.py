"""Coinbase's public messages, straight from bytes into records.

Source: docs.cdp.coinbase.com, "Advanced Trade WebSocket Channels". Every message of a connection,
whatever its channel, carries the next `sequence_num`. Numbers are within strings, times RFC 3339.
Every reader raises `BadFrame` and nothing else.
"""

from typing import Literal

import msgspec

from arbiter.venues.common.frames import Sequence, decoder
from arbiter.venues.common.times import When

Kind = Literal["snapshot", "update"]


class Level(msgspec.Struct, gc=False):
    side: Literal["bid", "offer"]
    price_level: float
    new_quantity: float
    """0 removes the level."""


class BookEvent(msgspec.Struct):
    type: Kind
    product_id: str
    updates: list[Level]


class BookMessage(msgspec.Struct):
    """``level2`` is subscribed to, ``l2_data`` comes."""

    channel: Literal["l2_data"]
    timestamp: When
    sequence_num: Sequence
    events: list[BookEvent]


class Trade(msgspec.Struct):
    name: str = msgspec.field(name="product_id")
    number: Sequence = msgspec.field(name="trade_id")
    """Rising within a product."""
    price: float
    size: float
    side: Literal["BUY", "SELL"]
    """Of the maker: the taker's is the other."""
    time: When


class TradeEvent(msgspec.Struct):
    type: Kind
    trades: list[Trade]


class TradeMessage(msgspec.Struct):
    channel: Literal["market_trades"]
    sequence_num: Sequence
    events: list[TradeEvent]


class Subscribed(msgspec.Struct):
    """All that the connection is subscribed to now."""

    subscriptions: dict[str, list[str]] = {}


class Notice(msgspec.Struct):
    """A heartbeat, what is subscribed to, or an error, which has no number."""

    channel: str = ""
    type: str = ""
    message: str = ""
    sequence_num: Sequence | None = None
    events: list[Subscribed] = []


class Candle(msgspec.Struct):
    start: int
    """Seconds."""
    low: float
    high: float
    open: float
    close: float
    volume: float


class Candles(msgspec.Struct):
    candles: list[Candle]


read_book = decoder(BookMessage)
read_trades = decoder(TradeMessage)
read_notice = decoder(Notice)
read_candles = decoder(Candles)
