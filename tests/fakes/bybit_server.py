"""Bybit's public streams and reads over books that move by themselves."""

import json
import time
from collections.abc import Sequence
from typing import Any

from tests.fakes.book_server import BookServer
from tests.fakes.wire_server import Client


class FakeBybit(BookServer):
    def __init__(self, symbols: Sequence[str], *, seed: int = 1) -> None:
        super().__init__(symbols, seed=seed)
        self.deaf_to_renewals = False
        """Grants a repeated subscription and sends no snapshot."""
        self._last: dict[str, Any] = {}

    # What happens --------------------------------------------------------------------------

    def move(self, symbol: str) -> None:
        """Change one book and say so, at both depths."""
        self._change(symbol, told=True)

    def skip(self, symbol: str) -> None:
        """Change one book and lose the messages."""
        self._change(symbol, told=False)

    def repeat(self, symbol: str) -> None:
        """Send the last deltas of one book again."""
        for depth in (1, 50):
            self.publish(f"orderbook.{depth}.{symbol}", self._last[f"{depth}.{symbol}"])

    def broken_level(self, symbol: str) -> bytes:
        """Give an update, rightly numbered, with a level that cannot be."""
        data = {"s": symbol, "u": self.books[symbol].last + 1, "b": [["27000.00", "-1.0"]], "a": []}
        told = {"topic": f"orderbook.50.{symbol}", "type": "delta", "ts": 1, "data": data}
        return json.dumps(told).encode()

    def restart(self, symbol: str) -> None:
        """Number one book from 1 again, as the venue does after a restart of its own."""
        self.books[symbol].last = 1
        for depth in (1, 50):
            topic = f"orderbook.{depth}.{symbol}"
            self.publish(topic, self.snapshot(topic))

    def trade(self, symbol: str, price: str, size: str, side: str, name: str) -> None:
        row = {"T": _now_ms(), "s": symbol, "S": side, "v": size, "p": price, "i": name}
        self.publish(
            f"publicTrade.{symbol}",
            {
                "topic": f"publicTrade.{symbol}",
                "type": "snapshot",
                "ts": _now_ms(),
                "data": [{**row, "BT": False}],
            },
        )

    def ticker(self, symbol: str, kind: str, **fields: str) -> None:
        topic = f"tickers.{symbol}"
        data = {"symbol": symbol, **fields}
        self.publish(topic, {"topic": topic, "type": kind, "ts": _now_ms(), "data": data})

    # As a server ---------------------------------------------------------------------------

    def on_message(self, client: Client, message: dict[str, Any]) -> None:
        if message["op"] == "ping":
            client.say({"success": True, "ret_msg": "pong", "conn_id": "c", "op": "ping"})
            return
        topics, name = message["args"], message.get("req_id", "")
        if message["op"] == "unsubscribe":
            client.topics -= set(topics)
            client.say({"success": True, "ret_msg": "", "req_id": name, "op": "unsubscribe"})
            return
        unknown = sorted(set(topics) & self.refused)
        if unknown:
            why = f"Invalid topic: {unknown[0]}"
            client.say({"success": False, "ret_msg": why, "conn_id": "c", "op": "subscribe"})
            return
        client.topics |= set(topics)
        client.say({"success": True, "ret_msg": "", "req_id": name, "op": "subscribe"})
        for topic in topics:
            if topic.startswith("orderbook.") and not self.stalled:
                if name.startswith("again") and self.deaf_to_renewals:
                    continue
                client.say(self.snapshot(topic))

    def get(self, path: str, query: dict[str, str]) -> Any:
        if path != "/v5/market/kline":
            return None
        start, end, limit = (int(query[name]) for name in ("start", "end", "limit"))
        last = end // 60_000 * 60_000
        rows = [
            [str(opens), "1.0", "3.0", "0.5", "2.0", "7.5", "15.0"]
            for opens in range(last, start - 1, -60_000)
        ]
        result = {"symbol": query["symbol"], "category": query["category"], "list": rows[:limit]}
        return {"retCode": 0, "retMsg": "OK", "result": result}

    def snapshot(self, topic: str) -> dict[str, Any]:
        _, depth, symbol = topic.split(".")
        return self._message(int(depth), symbol, "snapshot", *self._levels(int(depth), symbol))

    def _change(self, symbol: str, *, told: bool) -> None:
        before = self._levels(1, symbol)
        change = self.books[symbol].step(numbers=1)
        after = self._levels(1, symbol)
        shallow = [_difference(old, new) for old, new in zip(before, after, strict=True)]
        messages = {
            1: self._message(1, symbol, "delta", *shallow),
            50: self._message(50, symbol, "delta", change.bids, change.asks),
        }
        for depth, message in messages.items():
            self._last[f"{depth}.{symbol}"] = message
            if told:
                self.publish(f"orderbook.{depth}.{symbol}", message)

    def _levels(self, depth: int, symbol: str) -> tuple[list[list[str]], list[list[str]]]:
        book = self.books[symbol]
        return book.bids(depth), book.asks(depth)

    def _message(self, depth: int, symbol: str, kind: str, bids: Any, asks: Any) -> dict[str, Any]:
        number, now = self.books[symbol].last, _now_ms()
        data = {"s": symbol, "b": bids, "a": asks, "u": number, "seq": number * 10}
        topic = f"orderbook.{depth}.{symbol}"
        return {"topic": topic, "type": kind, "ts": now, "data": data, "cts": now - 1}


def _difference(old: list[list[str]], new: list[list[str]]) -> list[list[str]]:
    gone = [[price, "0"] for price, _ in old if price not in {price for price, _ in new}]
    return gone + [level for level in new if level not in old]


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
