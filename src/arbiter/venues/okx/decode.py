"""OKX's public messages, straight from bytes into records.

Source: www.okx.com/docs-v5, "WebSocket", public channels. Times are ms, prices and sizes numbers
within strings; sizes of swaps are contracts. Every reader raises `BadFrame` and nothing else.
"""

from decimal import Decimal
from typing import Annotated, Literal

import msgspec

from arbiter.venues.common.frames import Millis, Sequence, decoder
from arbiter.venues.okx.checksum import Row

Before = Annotated[int, msgspec.Meta(ge=-1, le=2**62)]
Signed32 = Annotated[int, msgspec.Meta(ge=-(2**31), le=2**32)]
Best = list[tuple[float, float, str, str]]


class Arg(msgspec.Struct, gc=False):
    """What was subscribed to."""

    channel: str = ""
    name: str = msgspec.field(name="instId", default="")

    @property
    def topic(self) -> str:
        return f"{self.channel}:{self.name}"


class BestRow(msgspec.Struct, gc=False):
    asks: Best
    bids: Best
    ts: Millis
    number: Sequence = msgspec.field(name="seqId", default=0)


class BestMessage(msgspec.Struct, gc=False):
    """``bbo-tbt``: the best level of each side, whole each time."""

    arg: Arg
    data: list[BestRow]


class BookRow(msgspec.Struct, gc=False):
    asks: list[Row]
    bids: list[Row]
    ts: Millis
    number: Sequence = msgspec.field(name="seqId")
    before: Before = msgspec.field(name="prevSeqId", default=-1)
    """Number of the message before this one; −1 of a snapshot."""
    checksum: Signed32 = 0


class BookMessage(msgspec.Struct):
    """``books``: 400 levels as a snapshot, then what changed, ten times a second."""

    arg: Arg
    action: Literal["snapshot", "update"]
    data: list[BookRow]


class Trade(msgspec.Struct, gc=False):
    name: str = msgspec.field(name="instId")
    number: Sequence = msgspec.field(name="tradeId")
    price: float = msgspec.field(name="px")
    size: float = msgspec.field(name="sz")
    side: Literal["buy", "sell"]
    """Of the taker."""
    ts: Millis


class TradeMessage(msgspec.Struct):
    """``trades``: what one taker's order made at one price is one trade here."""

    arg: Arg
    data: list[Trade]


class Funding(msgspec.Struct):
    """``funding-rate`` and ``mark-price`` rows; each has its own half of the fields."""

    name: str = msgspec.field(name="instId")
    rate: Decimal | None = msgspec.field(name="fundingRate", default=None)
    due_ms: Millis | None = msgspec.field(name="fundingTime", default=None)
    """The settlement that the rate is for …"""
    after_ms: Millis | None = msgspec.field(name="nextFundingTime", default=None)
    """… and the one after it."""
    mark: Decimal | None = msgspec.field(name="markPx", default=None)


class FundingMessage(msgspec.Struct):
    arg: Arg
    data: list[Funding]


class Notice(msgspec.Struct):
    """An answer to a request of ours, or a word of the venue's."""

    event: str
    arg: Arg | None = None
    code: str = ""
    msg: str = ""
    id: str = ""


class Candles(msgspec.Struct):
    """``/api/v5/market/candles``."""

    code: str
    message: str = msgspec.field(name="msg", default="")
    rows: list[list[str]] = msgspec.field(name="data", default_factory=list)
    """[open time ms, open, high, low, close, volume, in base, in quote, finished], newest first."""


read_best = decoder(BestMessage)
read_book = decoder(BookMessage)
read_trades = decoder(TradeMessage)
read_funding = decoder(FundingMessage)
read_notice = decoder(Notice)
read_candles = decoder(Candles)
