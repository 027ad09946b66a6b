"""Hyperliquid's public streams over books that move by themselves."""

import json
import time
from collections.abc import Sequence
from typing import Any

from tests.fakes.book_server import BookServer
from tests.fakes.wire_server import Client


class FakeHyperliquid(BookServer):
    def __init__(self, symbols: Sequence[str], *, seed: int = 1) -> None:
        super().__init__(symbols, seed=seed)
        self._last: dict[str, list[Any]] = {}
        self._at_ms = 0

    # What happens --------------------------------------------------------------------------

    def move(self, symbol: str) -> None:
        """Change one book and say so."""
        self.books[symbol].step(numbers=1)
        self._last[symbol] = self._messages(symbol)
        self._tell(symbol)

    def skip(self, symbol: str) -> None:
        """Change one book and lose the messages: the next is whole again."""
        self.books[symbol].step(numbers=1)

    def repeat(self, symbol: str) -> None:
        """Send the last messages of one book again."""
        self._tell(symbol)

    def trade(self, symbol: str, price: str, size: str, side: str, number: int) -> None:
        row = {"coin": symbol, "side": side, "px": price, "sz": size, "tid": number}
        row |= {"time": self._now_ms(), "hash": "0x0", "users": ["0x1", "0x2"]}
        self.publish(f"trades:{symbol}", {"channel": "trades", "data": [row]})

    # As a server ---------------------------------------------------------------------------

    def on_message(self, client: Client, message: dict[str, Any]) -> None:
        if message["method"] == "ping":
            client.say({"channel": "pong"})
            return
        wanted = message["subscription"]
        topic = f"{wanted['type']}:{wanted['coin']}"
        if topic in self.refused:
            shown = json.dumps(wanted, separators=(",", ":"))
            client.say({"channel": "error", "data": f"Invalid subscription {shown}"})
            return
        client.topics.add(topic)
        answer = {"method": "subscribe", "subscription": wanted | {"nSigFigs": None}}
        client.say({"channel": "subscriptionResponse", "data": answer})
        if topic.startswith(("bbo:", "l2Book:")) and not self.stalled:
            for told in self._messages(wanted["coin"]):
                if told["channel"] == wanted["type"]:
                    client.say(told)

    def get(self, path: str, query: dict[str, str]) -> Any:
        return None

    def _tell(self, symbol: str) -> None:
        for told in self._last[symbol]:
            self.publish(f"{told['channel']}:{symbol}", told)

    def _messages(self, symbol: str) -> list[Any]:
        book, now = self.books[symbol], self._now_ms()
        sides = [
            [{"px": price, "sz": size, "n": 1} for price, size in side]
            for side in (book.bids(20), book.asks(20))
        ]
        best = {"coin": symbol, "time": now, "bbo": [sides[0][0], sides[1][0]]}
        whole = {"coin": symbol, "time": now, "levels": sides}
        return [{"channel": "bbo", "data": best}, {"channel": "l2Book", "data": whole}]

    def _now_ms(self) -> int:
        self._at_ms = max(self._at_ms, time.time_ns() // 1_000_000)
        return self._at_ms
