"""Bybit's public messages, straight from bytes into records.

Source: bybit-exchange.github.io/docs/v5, "WebSocket Stream: Public". Times are ms, prices and
sizes numbers within strings. Every reader raises `BadFrame` and nothing else.
"""

from decimal import Decimal
from typing import Literal

import msgspec

from arbiter.venues.common.frames import Levels, Millis, Sequence, decoder


class BookData(msgspec.Struct, gc=False):
    b: Levels
    a: Levels
    u: Sequence
    """Consecutive; 1 is a restart of the venue's own."""


class BookMessage(msgspec.Struct, gc=False):
    """``orderbook.<depth>.<symbol>``."""

    topic: str
    type: Literal["snapshot", "delta"]
    ts: Millis
    """When it was made for sending."""
    data: BookData
    cts: Millis = 0
    """When the matching engine made it."""


class Trade(msgspec.Struct, gc=False):
    T: Millis
    s: str
    S: Literal["Buy", "Sell"]
    """Side of the taker."""
    v: float
    p: float
    i: str


class TradeMessage(msgspec.Struct):
    """``publicTrade.<symbol>``."""

    topic: str
    data: list[Trade]


class TickerData(msgspec.Struct):
    """A snapshot has every field, a delta those that changed."""

    symbol: str
    mark: Decimal | None = msgspec.field(name="markPrice", default=None)
    rate: Decimal | None = msgspec.field(name="fundingRate", default=None)
    next_ms: Millis | None = msgspec.field(name="nextFundingTime", default=None)
    hours: int | None = msgspec.field(name="fundingIntervalHour", default=None)


class TickerMessage(msgspec.Struct):
    """``tickers.<symbol>`` of perpetuals."""

    topic: str
    type: Literal["snapshot", "delta"]
    ts: Millis
    data: TickerData


class TopicAnswers(msgspec.Struct):
    failed: list[str] = msgspec.field(name="failTopics", default_factory=list)


class Notice(msgspec.Struct):
    """An answer to a request of ours."""

    op: str
    success: bool | None = None
    ret_msg: str = ""
    req_id: str = ""
    data: TopicAnswers | None = None


class KlineList(msgspec.Struct):
    rows: list[list[str]] = msgspec.field(name="list")
    """[open time ms, open, high, low, close, volume, turnover], newest first."""


class Klines(msgspec.Struct):
    """``/v5/market/kline``."""

    code: int = msgspec.field(name="retCode")
    message: str = msgspec.field(name="retMsg", default="")
    result: KlineList | None = None


read_book = decoder(BookMessage)
read_trades = decoder(TradeMessage)
read_ticker = decoder(TickerMessage)
read_notice = decoder(Notice)
read_klines = decoder(Klines)
