"""Public streams: best prices, numbered books with checksums, trades, tickers, marks, funding."""

from collections.abc import Callable
from typing import Any
from zlib import crc32

from arbiter.model.time import NS_PER_MS
from arbiter.simex.hub import Connection, Hub
from arbiter.simex.okx.public import BARS, Level, Public, level_row
from arbiter.simex.rest import encode
from arbiter.simex.tape import Print
from arbiter.simex.venue import Shown

_CHECKED = 25
_BARS = {f"candle{bar}": bar for bar in BARS}
_EVERY_SECOND = ("tickers", "mark-price", "funding-rate")


class PublicStreams:
    """`seqId` is the book's own number, the same for all readers, lost changes included."""

    def __init__(self, hub: Hub, public: Public) -> None:
        self._hub = hub
        self._public = public
        self._watched: set[Shown] = set()
        """Books that somebody has ever watched."""
        self._second: dict[str, Callable[[Shown], dict[str, Any]]] = {
            "tickers": public.ticker,
            "mark-price": public.mark,
            "funding-rate": public.rate,
        }

    def knows(self, path: str, channel: str, name: str) -> bool:
        shown = self._public.listed.get(name)
        if shown is None:
            return False
        if path.endswith("/business"):
            return channel in _BARS
        if channel in ("mark-price", "funding-rate"):
            return shown.perpetual
        return channel in ("bbo-tbt", "books", "books5", "trades", "tickers")

    def subscribed(self, connection: Connection, channel: str, name: str) -> None:
        """Send what a new reader starts from."""
        shown = self._public.listed[name]
        if channel == "bbo-tbt":
            connection.send(self._frame(channel, shown, [self._best(shown, crossed=False)]))
        elif channel == "books":
            self._show_book(shown)
            self._watched.add(shown)
            asks, bids = self._public.levels(shown)
            row = self._book(shown, asks, bids, -1, shown.book.told_id)
            connection.send(self._frame(channel, shown, [row], action="snapshot"))
        elif channel in _EVERY_SECOND:
            connection.send(self._frame(channel, shown, [self._second[channel](shown)]))

    def _frame(self, channel: str, shown: Shown, data: list[Any], **more: str) -> str:
        arg = {"channel": channel, "instId": shown.market_id}
        return encode({"arg": arg} | more | {"data": data}).decode()

    def _publish(self, channel: str, shown: Shown, data: list[Any], **more: str) -> None:
        topic = f"{channel}:{shown.market_id}"
        if self._hub.wanted(topic):
            self._hub.publish(topic, self._frame(channel, shown, data, **more))

    # Books.

    def show_depth(self) -> None:
        for shown in tuple(self._watched):
            self._show_book(shown)
        for shown in self._public.listed.values():
            if self._hub.wanted(f"books5:{shown.market_id}"):
                asks, bids = self._public.levels(shown, 5)
                row = {"asks": asks, "bids": bids, "instId": shown.market_id}
                at = {"ts": _at(shown), "seqId": shown.book.last_id}
                self._publish("books5", shown, [row | at])

    def _show_book(self, shown: Shown) -> None:
        changed = shown.book.changes()
        if changed is None or shown not in self._watched:
            return
        _, last, before, bids, asks = changed
        if not self._hub.wanted(f"books:{shown.market_id}"):
            return
        scale = self._public.scales[shown]
        changed_rows = [
            [level_row(scale, *level) for level in sorted(side.items())] for side in (asks, bids)
        ]
        row = self._book(shown, changed_rows[0], changed_rows[1][::-1], before, last)
        self._publish("books", shown, [row], action="update")

    def _book(
        self, shown: Shown, asks: list[Level], bids: list[Level], before: int, last: int
    ) -> dict[str, Any]:
        return {
            "asks": asks,
            "bids": bids,
            "ts": _at(shown),
            "checksum": checksum(*self._public.levels(shown, _CHECKED)),
            "seqId": last,
            "prevSeqId": before,
        }

    def show_top(self, shown: Shown, *, crossed: bool) -> None:
        if self._hub.wanted(f"bbo-tbt:{shown.market_id}"):
            self._publish("bbo-tbt", shown, [self._best(shown, crossed=crossed)])

    def _best(self, shown: Shown, *, crossed: bool) -> dict[str, Any]:
        bid, ask, bid_size, ask_size = shown.book.top
        if crossed:
            bid, ask = ask, bid
        scale = self._public.scales[shown]
        return {
            "asks": [level_row(scale, ask, ask_size)],
            "bids": [level_row(scale, bid, bid_size)],
            "ts": _at(shown),
            "seqId": shown.book.last_id,
        }

    # Trades, tickers, candles.

    def show_print(self, shown: Shown, made: Print) -> None:
        row = self._public.trade(shown, made) | {"count": "1", "seqId": shown.book.last_id}
        self._publish("trades", shown, [row])
        for channel in _BARS:
            if self._hub.wanted(f"{channel}:{shown.market_id}"):
                at, bar = next(reversed(shown.tape.bars.items()))
                self._publish(channel, shown, [self._public.candle(shown, at, bar)])

    def show_second(self) -> None:
        for shown in self._public.listed.values():
            for channel in _EVERY_SECOND:
                if self._hub.wanted(f"{channel}:{shown.market_id}"):
                    self._publish(channel, shown, [self._second[channel](shown)])


def checksum(asks: list[Level], bids: list[Level]) -> int:
    """Bid and ask in turn, best first, as written; the CRC32 as a signed number."""
    parts: list[str] = []
    for place in range(max(len(asks), len(bids))):
        for side in (bids, asks):
            if place < len(side):
                parts += side[place][:2]
    number = crc32(":".join(parts).encode())
    return number - (number >> 31 << 32)


def _at(shown: Shown) -> str:
    return str(shown.book.at_ns // NS_PER_MS)
