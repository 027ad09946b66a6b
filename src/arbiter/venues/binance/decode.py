"""Binance's market messages, straight from bytes into records.

Source: developers.binance.com, spot "WebSocket Streams" and USD-M futures "WebSocket Market
Streams". Times are ms, prices and sizes numbers within strings. Every reader raises `BadFrame`
and nothing else.
"""

from decimal import Decimal

import msgspec

from arbiter.venues.common.frames import Levels, Millis, Sequence, decoder


class BookTicker(msgspec.Struct, gc=False, kw_only=True):
    """``<symbol>@bookTicker``. Fields in the order of the message: they are then found sooner."""

    u: Sequence
    T: Millis = 0
    """Transaction time; futures only."""
    s: str
    b: float
    B: float
    a: float
    A: float


class DepthUpdate(msgspec.Struct):
    """``<symbol>@depth@100ms``: absolute sizes of the levels that changed in updates U…u."""

    s: str
    U: Sequence
    u: Sequence
    b: Levels
    a: Levels
    E: Millis
    T: Millis = 0
    pu: Sequence | None = None
    """Futures only: `u` of the message before."""

    @property
    def at_ms(self) -> int:
        return self.T or self.E


class DepthSnapshot(msgspec.Struct):
    """``/api/v3/depth``, ``/fapi/v1/depth``."""

    bids: Levels
    asks: Levels
    last: Sequence = msgspec.field(name="lastUpdateId")


class Trade(msgspec.Struct, gc=False):
    """``@trade`` (number `t`) and ``@aggTrade`` (number `a`)."""

    s: str
    p: float
    q: float
    T: Millis
    m: bool
    """The buyer was the maker: the taker sold."""
    t: Sequence | None = None
    a: Sequence | None = None


class MarkPrice(msgspec.Struct):
    """``<symbol>@markPrice@1s``."""

    s: str
    E: Millis
    p: Decimal
    """Mark."""
    r: Decimal
    """Funding rate of the settlement to come, per interval."""
    T: Millis
    """That settlement's time."""


class FundingInfo(msgspec.Struct):
    """An entry of ``/fapi/v1/fundingInfo``, which lists only what differs from the default."""

    symbol: str
    hours: int = msgspec.field(name="fundingIntervalHours", default=8)


class Complaint(msgspec.Struct):
    code: int = 0
    msg: str = ""


class Notice(msgspec.Struct):
    """Whatever is no market message: an answer to a request, a complaint, an announcement."""

    id: int | None = None
    e: str = ""
    """``serverShutdown``: connections are about to be closed."""
    error: Complaint | None = None
    code: int = 0
    msg: str = ""

    @property
    def refusal(self) -> str | None:
        """Why a request was refused; None when it was granted."""
        if self.error is not None:
            return f"{self.error.code} {self.error.msg}"
        return f"{self.code} {self.msg}" if self.code else None


class RestRefusal(msgspec.Struct):
    code: int
    msg: str


class Kline(msgspec.Struct, array_like=True):
    """A row of ``/api/v3/klines``; what follows is not read."""

    opens: Millis
    open: float
    high: float
    low: float
    close: float
    volume: float


read_ticker = decoder(BookTicker)
read_depth = decoder(DepthUpdate)
read_snapshot = decoder(DepthSnapshot)
read_trade = decoder(Trade)
read_mark = decoder(MarkPrice)
read_notice = decoder(Notice)
read_funding_info = decoder(list[FundingInfo])
read_klines = decoder(list[Kline])
read_refusal = decoder(RestRefusal)
