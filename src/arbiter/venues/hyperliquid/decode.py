"""Hyperliquid's public messages, straight from bytes into records.

Source: hyperliquid.gitbook.io, "WebSocket: Subscriptions" and "Info endpoint". Times are ms, prices
and sizes numbers within strings. Every reader raises `BadFrame` and nothing else.
"""

from decimal import Decimal
from typing import Any, Literal

import msgspec

from arbiter.venues.common.frames import Millis, decoder


class Level(msgspec.Struct, gc=False):
    px: float
    sz: float


class Best(msgspec.Struct, gc=False):
    coin: str
    time: Millis
    bbo: tuple[Level | None, Level | None]
    """None where a side is empty."""


class BestMessage(msgspec.Struct, gc=False):
    """``bbo`` of one coin, sent with every block that changes it."""

    channel: Literal["bbo"]
    data: Best


class Book(msgspec.Struct):
    coin: str
    time: Millis
    levels: tuple[list[Level], list[Level]]
    """Bids, asks, best first; 20 a side."""


class BookMessage(msgspec.Struct):
    """``l2Book`` of one coin, whole every time."""

    channel: Literal["l2Book"]
    data: Book


class Trade(msgspec.Struct, gc=False):
    coin: str
    side: Literal["A", "B"]
    """Of the taker: ``A`` sold, ``B`` bought."""
    px: float
    sz: float
    time: Millis
    tid: int


class TradeMessage(msgspec.Struct):
    channel: Literal["trades"]
    data: list[Trade]


class Context(msgspec.Struct):
    funding: Decimal
    """Of the running hour, as a fraction."""
    mark: Decimal = msgspec.field(name="markPx")


class CoinContext(msgspec.Struct):
    coin: str
    ctx: Context


class ContextMessage(msgspec.Struct):
    """``activeAssetCtx`` of one coin."""

    channel: Literal["activeAssetCtx"]
    data: CoinContext


class Notice(msgspec.Struct):
    """An answer: ``subscriptionResponse``, ``pong``, or ``error`` with a text."""

    channel: Literal["subscriptionResponse", "pong", "error"]
    data: Any = None


class Candle(msgspec.Struct):
    """Of ``candleSnapshot``."""

    t: Millis
    """When it opened."""
    o: float
    h: float
    l: float  # noqa: E741
    c: float
    v: float


class Predicted(msgspec.Struct):
    next_ms: Millis = msgspec.field(name="nextFundingTime")
    hours: int = msgspec.field(name="fundingIntervalHours", default=1)


Predictions = list[tuple[str, list[tuple[str, Predicted | None]]]]
"""``predictedFundings``: by coin, then by venue; ``HlPerp`` is Hyperliquid itself."""

read_best = decoder(BestMessage)
read_book = decoder(BookMessage)
read_trades = decoder(TradeMessage)
read_context = decoder(ContextMessage)
read_notice = decoder(Notice)
read_candles = decoder(list[Candle])
read_predictions = decoder(Predictions)
