"""Public streams of WebSocket version 2: tickers, books with their checksum, trades, candles."""

from collections.abc import Sequence
from typing import Any
from zlib import crc32

import msgspec

from arbiter.simex.hub import Connection, Hub
from arbiter.simex.kraken import rows, words
from arbiter.simex.rest import encode
from arbiter.simex.tape import Print
from arbiter.simex.venue import Shown, VenueServer

DEPTHS = (10, 25, 100, 500, 1000)
INTERVALS = (1, 5, 15, 30, 60, 240, 1_440, 10_080, 21_600)
_CHECKED = 10
_TRADES = 50

Side = list[tuple[int, int]]


class PublicStreams:
    """A topic is a channel, what sets it apart, and a market: ``book:25:BTC/USDT``."""

    def __init__(self, server: VenueServer, hub: Hub) -> None:
        self._server = server
        self._hub = hub
        self.listed = {words.stream_name(s.instrument): s for s in server.shown.values()}
        self._told: dict[tuple[Shown, int], tuple[Side, Side]] = {}
        """The levels last sent at a depth."""
        self._lost: dict[Shown, int] = {}

    def topic(self, params: dict[str, Any], symbol: str) -> str | None:
        """Name what a subscription asks for; None when there is no such thing."""
        channel = params.get("channel")
        kind = {
            "ticker": params.get("event_trigger", "trades"),
            "book": params.get("depth", 10),
            "trade": "",
            "ohlc": params.get("interval", 1),
        }.get(str(channel))
        known = {
            "ticker": ("bbo", "trades"),
            "book": DEPTHS,
            "trade": ("",),
            "ohlc": INTERVALS,
        }.get(str(channel), ())
        return f"{channel}:{kind}:{symbol}" if kind in known else None

    def snapshot(self, connection: Connection, topic: str) -> None:
        """Send what a new reader starts from."""
        channel, kind, symbol = topic.split(":")
        shown = self.listed[symbol]
        if channel == "ticker":
            connection.send(self._ticker(shown, "snapshot", shown.book.top))
        elif channel == "book":
            connection.send(self._book_snapshot(shown, int(kind)))
        elif channel == "trade":
            newest = list(shown.tape.trades)[-_TRADES:]
            connection.send(_frame("trade", "snapshot", [_trade(shown, one) for one in newest]))
        elif shown.tape.bars:
            connection.send(self._candle(shown, "snapshot", int(kind)))

    # Top of book and trades.

    def show_top(self, shown: Shown, *, crossed: bool) -> None:
        topic = f"ticker:bbo:{words.stream_name(shown.instrument)}"
        if self._hub.wanted(topic):
            bid, ask, bid_size, ask_size = shown.book.top
            if crossed:
                bid, ask = ask, bid
            top = (bid, ask, bid_size, ask_size)
            self._hub.publish(topic, self._ticker(shown, "update", top))

    def show_print(self, shown: Shown, made: Print) -> None:
        symbol = words.stream_name(shown.instrument)
        if self._hub.wanted(f"trade::{symbol}"):
            frame = _frame("trade", "update", [_trade(shown, made)])
            self._hub.publish(f"trade::{symbol}", frame)
        topic = f"ticker:trades:{symbol}"
        if self._hub.wanted(topic):
            self._hub.publish(topic, self._ticker(shown, "update", shown.book.top))
        for interval in INTERVALS:
            topic = f"ohlc:{interval}:{symbol}"
            if self._hub.wanted(topic):
                self._hub.publish(topic, self._candle(shown, "update", interval))

    def _ticker(self, shown: Shown, kind: str, top: tuple[int, int, int, int]) -> str:
        scale, bar = shown.book.scale, shown.tape.day()
        last = bar.close or top[0]
        row = {
            "symbol": words.stream_name(shown.instrument),
            "bid": _raw(scale.price(top[0])),
            "bid_qty": _raw(scale.size(top[2])),
            "ask": _raw(scale.price(top[1])),
            "ask_qty": _raw(scale.size(top[3])),
            "last": _raw(scale.price(last)),
            "volume": _raw(scale.size(bar.volume)),
            "vwap": _raw(scale.price(last)),
            "low": _raw(scale.price(bar.low or last)),
            "high": _raw(scale.price(bar.high or last)),
            "change": 0.0,
            "change_pct": 0.0,
            "timestamp": rows.stamp(shown.book.at_ns),
        }
        return _frame("ticker", kind, [row])

    def _candle(self, shown: Shown, kind: str, interval: int) -> str:
        scale = shown.book.scale
        opens, bar = next(reversed(shown.tape.bars.items()))
        row = {
            "symbol": words.stream_name(shown.instrument),
            "open": _raw(scale.price(bar.open)),
            "high": _raw(scale.price(bar.high)),
            "low": _raw(scale.price(bar.low)),
            "close": _raw(scale.price(bar.close)),
            "trades": bar.count,
            "volume": _raw(scale.size(bar.volume)),
            "vwap": _raw(scale.price(bar.close)),
            "interval_begin": rows.stamp(opens * 1_000_000),
            "interval": interval,
            "timestamp": rows.stamp((opens + 60_000) * 1_000_000),
        }
        return _frame("ohlc", kind, [row])

    # Books.

    def show_depth(self) -> None:
        for shown in {shown for shown, _ in self._told}:
            self._show_book(shown)

    def _show_book(self, shown: Shown) -> None:
        symbol = words.stream_name(shown.instrument)
        bids, asks = shown.book.levels()
        missed = shown.book.lost != self._lost.get(shown, 0)
        self._lost[shown] = shown.book.lost
        for depth in DEPTHS:
            before = self._told.get((shown, depth))
            if before is None:
                continue
            topic = f"book:{depth}:{symbol}"
            if not self._hub.wanted(topic):
                del self._told[shown, depth]
                continue
            now = (bids[:depth], asks[:depth])
            self._told[shown, depth] = now
            if missed or now == before:
                continue  # a lost message is one that nobody gets
            changed = (_changes(before[0], now[0], bids), _changes(before[1], now[1], asks))
            self._hub.publish(topic, self._book(shown, "update", *changed, now))

    def _book_snapshot(self, shown: Shown, depth: int) -> str:
        """Readers of one depth share its updates: the others are brought up to here first."""
        if (shown, depth) in self._told:
            self._show_book(shown)
        bids, asks = shown.book.levels()
        now = (bids[:depth], asks[:depth])
        self._told[shown, depth] = now
        return self._book(shown, "snapshot", *now, now)

    def _book(
        self, shown: Shown, kind: str, bids: Side, asks: Side, whole: tuple[Side, Side]
    ) -> str:
        scale = shown.book.scale

        def levels(side: Side) -> list[dict[str, msgspec.Raw]]:
            return [{"price": _raw(scale.price(p)), "qty": _raw(scale.size(s))} for p, s in side]

        row = {
            "symbol": words.stream_name(shown.instrument),
            "bids": levels(bids),
            "asks": levels(asks),
            "checksum": checksum(
                [(scale.price(p), scale.size(s)) for p, s in whole[1]],
                [(scale.price(p), scale.size(s)) for p, s in whole[0]],
            ),
            "timestamp": rows.stamp(shown.book.at_ns),
        }
        return _frame("book", kind, [row])


def checksum(asks: Sequence[tuple[str, str]], bids: Sequence[tuple[str, str]]) -> int:
    """CRC32 over the ten best of either side, best first, as their texts of price and size."""
    texts = [text for side in (asks, bids) for level in side[:_CHECKED] for text in level]
    return crc32("".join(text.replace(".", "").lstrip("0") for text in texts).encode())


def _changes(before: Side, now: Side, whole: Side) -> Side:
    """Give what is new or other, and what went; a level that only fell out of sight is not told."""
    old, there = dict(before), dict(whole)
    gone = [(price, 0) for price in old if price not in there]
    return gone + [level for level in now if old.get(level[0]) != level[1]]


def _trade(shown: Shown, made: Print) -> dict[str, Any]:
    scale = shown.book.scale
    return {
        "symbol": words.stream_name(shown.instrument),
        "side": "sell" if made.sold else "buy",
        "price": _raw(scale.price(made.price)),
        "qty": _raw(scale.size(made.size)),
        "ord_type": "market",
        "trade_id": made.number,
        "timestamp": rows.stamp(made.at_ms * 1_000_000),
    }


def _frame(channel: str, kind: str, data: list[Any]) -> str:
    return encode({"channel": channel, "type": kind, "data": data}).decode()


def _raw(text: str) -> msgspec.Raw:
    return msgspec.Raw(text.encode())
