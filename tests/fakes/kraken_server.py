"""Kraken's public streams of WebSocket version 2 and its candles, over books that move by themselves."""

import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from zlib import crc32

from tests.fakes.book_server import BookServer
from tests.fakes.moving_book import Pairs
from tests.fakes.wire_server import Client


class FakeKraken(BookServer):
    def __init__(self, symbols: Sequence[str], *, seed: int = 1) -> None:
        super().__init__(symbols, seed=seed)
        self.deaf_to_renewals = False
        """Grants a repeated subscription and sends no snapshot."""
        self._last: dict[str, bytes] = {}

    # What happens --------------------------------------------------------------------------

    def move(self, symbol: str) -> None:
        """Change one book and say so, by book and ticker."""
        self._change(symbol, told=True)

    def skip(self, symbol: str) -> None:
        """Change one book and lose the messages."""
        self._change(symbol, told=False)

    def repeat(self, symbol: str) -> None:
        """Send the last update of one book again."""
        self._publish(f"book:{symbol}", self._last[symbol])

    def broken_level(self, symbol: str) -> bytes:
        """Give an update with a level that cannot be."""
        return _frame("book", "update", self._book(symbol, [["27000.00", "-1.0"]], []))

    def trade(self, symbol: str, number: int, price: str, size: str, side: str) -> None:
        self._publish(
            f"trade:{symbol}", _frame("trade", "update", _trade(symbol, number, price, size, side))
        )

    # As a server ---------------------------------------------------------------------------

    def on_message(self, client: Client, message: dict[str, Any]) -> None:
        if message["method"] == "ping":
            client.say({"method": "pong", "time_in": _now(), "time_out": _now()})
            return
        params = message["params"]
        channel = params["channel"]
        for symbol in params["symbol"]:
            topic = f"{channel}:{symbol}"
            if symbol in self.refused:
                error = f"Currency pair not supported {symbol}"
                told = {"error": error, "method": "subscribe", "success": False, "symbol": symbol}
                client.say(told)
                continue
            again = symbol in self._seen(client)
            result = {"channel": channel, "symbol": symbol}
            client.say({"method": message["method"], "result": result, "success": True})
            if message["method"] == "unsubscribe":
                client.topics.discard(topic)
                continue
            client.topics.add(topic)
            if not self.stalled and not (again and self.deaf_to_renewals):
                client.send(self._snapshot(channel, symbol))
            self._seen(client).add(symbol)

    def get(self, path: str, query: dict[str, str]) -> Any:
        if path != "/0/public/OHLC":
            return None
        last = int(time.time()) // 60 * 60
        rows = [[last - 60 * n, "1.0", "3.0", "0.5", "2.0", "1.5", "7.5", 4] for n in range(720)]
        return {"error": [], "result": {query["pair"]: rows[::-1], "last": last - 60}}

    def _seen(self, client: Client) -> set[str]:
        seen: set[str] = client.__dict__.setdefault("seen", set())
        return seen

    def _snapshot(self, channel: str, symbol: str) -> bytes:
        book = self.books[symbol]
        if channel == "book":
            return _frame("book", "snapshot", self._book(symbol, book.bids(), book.asks()))
        if channel == "ticker":
            return _frame("ticker", "snapshot", self._ticker(symbol))
        old = [_trade(symbol, number, "1.0", "1.0", "buy") for number in (1, 2)]
        return _frame("trade", "snapshot", ",".join(old))

    def _change(self, symbol: str, *, told: bool) -> None:
        change = self.books[symbol].step(numbers=1)
        self._last[symbol] = _frame("book", "update", self._book(symbol, change.bids, change.asks))
        if told:
            self._publish(f"book:{symbol}", self._last[symbol])
            self._publish(f"ticker:{symbol}", _frame("ticker", "update", self._ticker(symbol)))

    def _publish(self, topic: str, data: bytes) -> None:
        if self.stalled or self.mute:
            return
        for client in self.clients:
            if topic in client.topics:
                client.send(data)

    def _ticker(self, symbol: str) -> str:
        (bid, bid_size), (ask, ask_size) = (
            side(1)[0] for side in (self.books[symbol].bids, self.books[symbol].asks)
        )
        return (
            f'{{"symbol":"{symbol}","bid":{bid},"bid_qty":{bid_size},"ask":{ask},'
            f'"ask_qty":{ask_size},"last":{bid},"timestamp":"{_now()}"}}'
        )

    def _book(self, symbol: str, bids: Pairs, asks: Pairs) -> str:
        book = self.books[symbol]
        digits = "".join(
            text.replace(".", "").lstrip("0")
            for side in (book.asks(10), book.bids(10))
            for level in side
            for text in level
        )
        return (
            f'{{"symbol":"{symbol}","bids":{_levels(bids)},"asks":{_levels(asks)},'
            f'"checksum":{crc32(digits.encode())},"timestamp":"{_now()}"}}'
        )


def _levels(pairs: Pairs) -> str:
    rows = [f'{{"price":{price},"qty":{size}}}' for price, size in pairs]
    return f"[{','.join(rows)}]"


def _trade(symbol: str, number: int, price: str, size: str, side: str) -> str:
    return json.dumps(
        {
            "symbol": symbol,
            "side": side,
            "price": float(price),
            "qty": float(size),
            "ord_type": "market",
            "trade_id": number,
            "timestamp": _now(),
        }
    )


def _frame(channel: str, kind: str, row: str) -> bytes:
    return f'{{"channel":"{channel}","type":"{kind}","data":[{row}]}}'.encode()


def _now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}Z"
