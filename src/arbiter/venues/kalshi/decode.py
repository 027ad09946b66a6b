"""Kalshi's stream messages, straight from bytes into records.

Source: docs.kalshi.com, "Websockets". Prices are dollars and sizes contracts, both numbers within
strings; times are ms. Every reader raises `BadFrame` and nothing else.
"""

from typing import Any, Literal

import msgspec

from arbiter.venues.common.frames import Levels, Millis, Sequence, decoder


class BookBody(msgspec.Struct, gc=False):
    """A snapshot has the levels, a delta the rest; both sides are priced as YES."""

    ticker: str = msgspec.field(name="market_ticker")
    price: float = msgspec.field(name="price_dollars", default=0.0)
    delta: float = msgspec.field(name="delta_fp", default=0.0)
    """Contracts more or less at the price."""
    side: Literal["", "yes", "no"] = ""
    ts_ms: Millis = 0
    yes: Levels = msgspec.field(name="yes_dollars_fp", default_factory=list)
    """Bids; left out where there are none."""
    no: Levels = msgspec.field(name="no_dollars_fp", default_factory=list)


class BookMessage(msgspec.Struct, gc=False):
    type: Literal["orderbook_snapshot", "orderbook_delta"]
    sid: int
    seq: Sequence
    msg: BookBody


class Trade(msgspec.Struct, gc=False):
    id: str = msgspec.field(name="trade_id")
    ticker: str = msgspec.field(name="market_ticker")
    price: float = msgspec.field(name="yes_price_dollars")
    size: float = msgspec.field(name="count_fp")
    ts_ms: Millis
    side: Literal["bid", "ask"] = msgspec.field(name="taker_book_side")


class TradeMessage(msgspec.Struct, gc=False):
    type: Literal["trade"]
    sid: int
    seq: Sequence
    msg: Trade


class Notice(msgspec.Struct):
    """An answer to a command; numbered like data where it belongs to a subscription."""

    type: Literal["subscribed", "unsubscribed", "ok", "error"]
    id: int = 0
    sid: int = 0
    seq: Sequence = 0
    msg: Any = None

    @property
    def subscription(self) -> int:
        """The new subscription's number; 0 for any other answer."""
        if self.type != "subscribed" or not isinstance(self.msg, dict):
            return 0
        told = self.msg.get("sid")
        return told if isinstance(told, int) else 0

    @property
    def refusal(self) -> str:
        """``8 Unknown channel name``."""
        if not isinstance(self.msg, dict):
            return "refused"
        return f"{self.msg.get('code', '')} {self.msg.get('msg', '')}".strip()

    @property
    def code(self) -> int:
        told = self.msg.get("code") if isinstance(self.msg, dict) else None
        return told if isinstance(told, int) else 0


read_book = decoder(BookMessage)
read_trade = decoder(TradeMessage)
read_notice = decoder(Notice)
