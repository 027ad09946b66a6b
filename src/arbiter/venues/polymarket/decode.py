"""The market stream's messages, straight from bytes into records.

Source: docs.polymarket.com, "Market Channel". Prices and sizes are texts, kept as such: the book's
hash is made over them. A frame is one event, or a list of them.
"""

import msgspec

from arbiter.venues.common.frames import BadFrame, decoder


class Level(msgspec.Struct, gc=False):
    price: str
    size: str


class Change(msgspec.Struct, gc=False):
    """One level at its new size; the hash is the whole book's after it."""

    asset_id: str
    price: str
    size: str
    side: str
    hash: str = ""
    best_bid: str = ""
    best_ask: str = ""


class Event(msgspec.Struct):
    event_type: str = ""
    asset_id: str = ""
    market: str = ""
    timestamp: str = "0"
    hash: str = ""
    bids: list[Level] = []
    asks: list[Level] = []
    last_trade_price: str = ""
    tick_size: str = ""
    min_order_size: str = ""
    neg_risk: bool | None = None
    price_changes: list[Change] = []
    new_tick_size: str = ""
    price: str = ""
    size: str = ""
    side: str = ""
    assets_ids: list[str] = []


_read = decoder(Event | list[Event])  # type: ignore[arg-type]


def read_events(data: bytes) -> list[Event]:
    """`BadFrame` and nothing else for what cannot be read."""
    told = _read(data)
    return told if isinstance(told, list) else [told]


def number(text: str) -> float:
    """A price or a size."""
    try:
        value = float(text)
    except ValueError:
        raise BadFrame(f"{text[:40]!r} is no number") from None
    if not 0.0 <= value < 1e15:
        raise BadFrame(f"{text[:40]!r} is out of any range")
    return value


def at_ns(event: Event) -> int:
    """The venue's time; 0 where it tells none."""
    told = event.timestamp
    if not told.isdecimal() or len(told) > 15:
        raise BadFrame(f"{told[:40]!r} is no time")
    return int(told) * 1_000_000
