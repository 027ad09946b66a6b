"""Kraken's public messages, straight from bytes into records.

Source: docs.kraken.com, "Spot WebSocket v2" and "Market Data". Times are RFC 3339, prices and sizes
JSON numbers in full precision. Every reader raises `BadFrame` and nothing else.
"""

from typing import Annotated, Literal

import msgspec

from arbiter.venues.common.frames import Sequence, decoder
from arbiter.venues.common.times import When

Kind = Literal["snapshot", "update"]


class Quote(msgspec.Struct, gc=False):
    """A side that is empty is zero or null."""

    symbol: str
    bid: float | None = None
    bid_qty: float | None = None
    ask: float | None = None
    ask_qty: float | None = None
    timestamp: When | None = None


class TickerMessage(msgspec.Struct):
    channel: Literal["ticker"]
    type: Kind
    data: list[Quote]


class Level(msgspec.Struct, gc=False):
    """Both as they were written: the checksum is over their digits."""

    price: msgspec.Raw
    qty: msgspec.Raw


class Book(msgspec.Struct):
    symbol: str
    checksum: Annotated[int, msgspec.Meta(ge=0, lt=2**32)]
    bids: list[Level] = []
    asks: list[Level] = []
    timestamp: When | None = None


class BookMessage(msgspec.Struct):
    channel: Literal["book"]
    type: Kind
    data: list[Book]


class Trade(msgspec.Struct):
    name: str = msgspec.field(name="symbol")
    side: Literal["buy", "sell"]
    """Of the taker."""
    price: float
    qty: float
    number: Sequence = msgspec.field(name="trade_id")
    """Consecutive per market."""
    timestamp: When


class TradeMessage(msgspec.Struct):
    channel: Literal["trade"]
    type: Kind
    data: list[Trade]


class Subscribed(msgspec.Struct):
    symbol: str = ""


class Notice(msgspec.Struct):
    """An answer to a request of ours, a heartbeat, or the state of the system."""

    method: str = ""
    channel: str = ""
    success: bool | None = None
    error: str = ""
    symbol: str = ""
    result: Subscribed | None = None


class Candles(msgspec.Struct):
    """``/0/public/OHLC``: rows by the pair's name, and ``last``."""

    error: list[str]
    result: dict[str, list[list[float | str]] | int] = {}


read_ticker = decoder(TickerMessage)
read_book = decoder(BookMessage)
read_trades = decoder(TradeMessage)
read_notice = decoder(Notice)
read_candles = decoder(Candles)
