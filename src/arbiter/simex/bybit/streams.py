"""Public streams: books as a snapshot and deltas numbered by `u`, trades, tickers, candles."""

from collections.abc import Callable
from typing import Any

from arbiter.model.time import NS_PER_MS
from arbiter.simex.bybit import words
from arbiter.simex.bybit.public import INTERVALS
from arbiter.simex.hub import Connection, Hub
from arbiter.simex.rest import encode
from arbiter.simex.tape import Print
from arbiter.simex.venue import Shown, VenueServer

_DEPTHS = ("50", "200", "500", "1000")
_CHANNELS = ("publicTrade", "tickers")


class PublicStreams:
    """The numbers `u` of a book count its frames, for all readers alike, lost ones included."""

    def __init__(
        self, server: VenueServer, hub: Hub, ticker: Callable[[Shown], dict[str, Any]]
    ) -> None:
        self._server = server
        self._hub = hub
        self._ticker = ticker
        self._listed = {
            (words.category_of(shown.instrument), shown.market_id): shown
            for shown in server.shown.values()
        }
        self._watched: dict[Shown, int] = {}
        """Frames so far of deep books that somebody has ever watched."""
        self._tops: dict[Shown, tuple[int, tuple[int, int, int, int]]] = {}
        """Frames so far of best prices, and what the last one showed."""

    def knows(self, category: str, topic: str) -> bool:
        parts = topic.split(".")
        if (category, parts[-1]) not in self._listed:
            return False
        if parts[0] == "orderbook" and len(parts) == 3:
            return parts[1] in (*_DEPTHS, "1")
        if parts[0] == "kline" and len(parts) == 3:
            return parts[1] in INTERVALS
        return parts[0] in _CHANNELS and len(parts) == 2

    def subscribed(self, connection: Connection, category: str, topics: list[str]) -> None:
        """Send what a new reader starts from."""
        for topic in topics:
            kind, *rest = str(topic).split(".")
            shown = self._listed.get((category, rest[-1] if rest else ""))
            if shown is None:
                continue
            if kind == "orderbook" and rest[0] == "1":
                connection.send(self._top_snapshot(shown))
            elif kind == "orderbook":
                self._show_book(shown)
                frames = self._watched.setdefault(shown, 1)
                connection.send(self._snapshot(shown, rest[0], frames + shown.book.lost))
            elif kind == "tickers":
                connection.send(self._tickers(shown, "snapshot"))

    def _frame(self, topic: str, kind: str, data: Any, **more: Any) -> str:
        told = {"topic": topic, "type": kind, "ts": self._server.now_ms(), "data": data} | more
        return encode(told).decode()

    def _topic(self, shown: Shown, topic: str) -> str:
        return f"{words.category_of(shown.instrument)}:{topic}"

    # Books.

    def _snapshot(self, shown: Shown, depth: str, number: int) -> str:
        bids, asks = shown.book.levels()
        scale = shown.book.scale
        data = {
            "s": shown.market_id,
            "b": [[scale.price(p), scale.size(s)] for p, s in bids],
            "a": [[scale.price(p), scale.size(s)] for p, s in asks],
            "u": number,
            "seq": shown.book.last_id,
        }
        cts = shown.book.at_ns // NS_PER_MS
        return self._frame(f"orderbook.{depth}.{shown.market_id}", "snapshot", data, cts=cts)

    def show_depth(self) -> None:
        for shown in tuple(self._watched):
            self._show_book(shown)

    def _show_book(self, shown: Shown) -> None:
        if shown not in self._watched:
            shown.book.changes()
            return
        changed = shown.book.changes()
        if changed is None:
            return
        _, last, _, bids, asks = changed
        self._watched[shown] += 1
        scale = shown.book.scale
        data = {
            "s": shown.market_id,
            "b": [[scale.price(p), scale.size(s) if s else "0"] for p, s in bids.items()],
            "a": [[scale.price(p), scale.size(s) if s else "0"] for p, s in asks.items()],
            "u": self._watched[shown] + shown.book.lost,
            "seq": last,
        }
        cts = shown.book.at_ns // NS_PER_MS
        for depth in _DEPTHS:
            name = f"orderbook.{depth}.{shown.market_id}"
            topic = self._topic(shown, name)
            if self._hub.wanted(topic):
                self._hub.publish(topic, self._frame(name, "delta", data, cts=cts))

    def _top_snapshot(self, shown: Shown) -> str:
        frames, _ = self._tops.get(shown, (1, None))
        top = shown.book.top
        self._tops[shown] = (frames, top)
        scale = shown.book.scale
        data = {
            "s": shown.market_id,
            "b": [[scale.price(top[0]), scale.size(top[2])]],
            "a": [[scale.price(top[1]), scale.size(top[3])]],
            "u": frames + shown.book.lost,
            "seq": shown.book.last_id,
        }
        cts = shown.book.at_ns // NS_PER_MS
        return self._frame(f"orderbook.1.{shown.market_id}", "snapshot", data, cts=cts)

    def show_top(self, shown: Shown, *, crossed: bool) -> None:
        name = f"orderbook.1.{shown.market_id}"
        topic = self._topic(shown, name)
        held = self._tops.get(shown)
        if held is None:
            return
        frames, before = held
        top = shown.book.top
        if crossed:
            top = (top[1], top[0], top[2], top[3])
        self._tops[shown] = (frames + 1, top)
        if not self._hub.wanted(topic):
            return
        scale = shown.book.scale
        data = {
            "s": shown.market_id,
            "b": _change(scale, before[0], top[0], top[2]),
            "a": _change(scale, before[1], top[1], top[3]),
            "u": frames + 1 + shown.book.lost,
            "seq": shown.book.last_id,
        }
        cts = shown.book.at_ns // NS_PER_MS
        self._hub.publish(topic, self._frame(name, "delta", data, cts=cts))

    # Trades, tickers, candles.

    def show_print(self, shown: Shown, made: Print) -> None:
        name = f"publicTrade.{shown.market_id}"
        topic, scale = self._topic(shown, name), shown.book.scale
        if self._hub.wanted(topic):
            data = {
                "T": made.at_ms,
                "s": shown.market_id,
                "S": "Sell" if made.sold else "Buy",
                "v": scale.size(made.size),
                "p": scale.price(made.price),
                "L": "PlusTick",
                "i": f"{made.number:08x}-eaf0-5e87-8a5b-000000000000",
                "BT": False,
                "seq": shown.book.last_id,
            }
            self._hub.publish(topic, self._frame(name, "snapshot", [data]))
        for interval, minutes in INTERVALS.items():
            kline = f"kline.{interval}.{shown.market_id}"
            if self._hub.wanted(self._topic(shown, kline)):
                frame = self._frame(kline, "snapshot", [self._candle(shown, interval, minutes)])
                self._hub.publish(self._topic(shown, kline), frame)

    def _candle(self, shown: Shown, interval: str, minutes: int) -> dict[str, Any]:
        scale = shown.book.scale
        opens, bar = next(reversed(shown.tape.bars.items()))
        return {
            "start": opens,
            "end": opens + minutes * 60_000 - 1,
            "interval": interval,
            "open": scale.price(bar.open),
            "close": scale.price(bar.close),
            "high": scale.price(bar.high),
            "low": scale.price(bar.low),
            "volume": scale.size(bar.volume),
            "turnover": "0",
            "confirm": False,
            "timestamp": self._server.now_ms(),
        }

    def show_second(self) -> None:
        for shown in self._listed.values():
            topic = self._topic(shown, f"tickers.{shown.market_id}")
            if self._hub.wanted(topic):
                kind = "delta" if shown.perpetual else "snapshot"
                self._hub.publish(topic, self._tickers(shown, kind))

    def _tickers(self, shown: Shown, kind: str) -> str:
        data = self._ticker(shown)
        return self._frame(f"tickers.{shown.market_id}", kind, data, cs=shown.book.last_id)


def _change(scale: Any, before: int, now: int, size: int) -> list[list[str]]:
    """The old best level goes when the price moved."""
    gone = [[scale.price(before), "0"]] if before != now else []
    return [*gone, [scale.price(now), scale.size(size)]]
