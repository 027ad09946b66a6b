"""Coinbase's public streams and candles, over books that move by themselves."""

import json
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from tests.fakes.book_server import BookServer
from tests.fakes.moving_book import Pairs
from tests.fakes.wire_server import Client


class FakeCoinbase(BookServer):
    """Every connection's messages are numbered from 0."""

    def __init__(self, symbols: Sequence[str], *, seed: int = 1) -> None:
        super().__init__(symbols, seed=seed)
        self._last: dict[Client, dict[str, dict[str, Any]]] = {}
        self._numbers: dict[Client, int] = {}

    # What happens --------------------------------------------------------------------------

    def move(self, symbol: str) -> None:
        """Change one book and say so."""
        change = self.books[symbol].step(numbers=1)
        event = _book(symbol, "update", change.bids, change.asks)
        self._each(f"level2:{symbol}", lambda client: self._tell(client, symbol, event))

    def skip(self, symbol: str) -> None:
        """Change one book and lose the message."""
        self.books[symbol].step(numbers=1)
        self._each(f"level2:{symbol}", self._number)

    def repeat(self, symbol: str) -> None:
        """Send the last message of one book again."""
        self._each(f"level2:{symbol}", lambda client: client.say(self._last[client][symbol]))

    def broken_level(self, symbol: str) -> bytes:
        """Give the one client's next update, with a level that cannot be."""
        (client,) = self.clients
        event = _book(symbol, "update", [["27000.00", "-1.0"]], [])
        return json.dumps(self._frame(client, "l2_data", event)).encode()

    def trade(self, symbol: str, number: int, price: str, size: str, side: str) -> None:
        row = _trade(symbol, number, price, size, side)
        event = {"type": "update", "trades": [row]}
        self._each(
            f"market_trades:{symbol}",
            lambda client: client.say(self._frame(client, "market_trades", event)),
        )

    # As a server ---------------------------------------------------------------------------

    def on_message(self, client: Client, message: dict[str, Any]) -> None:
        channel, products = message["channel"], message.get("product_ids", [])
        unknown = sorted(set(products) & self.refused)
        if unknown:
            client.say({"type": "error", "message": f"{unknown[0]} is not a valid product"})
            return
        client.topics |= {f"{channel}:{product}" for product in products or [""]}
        if not self.stalled:
            for product in products:
                self._begin(client, channel, product)
        held: dict[str, list[str]] = {}
        for topic in sorted(client.topics):
            name, _, product = topic.partition(":")
            held.setdefault(name, []).append(product)
        client.say(self._frame(client, "subscriptions", {"subscriptions": held}))

    def get(self, path: str, query: dict[str, str]) -> Any:
        if not path.endswith("/candles"):
            return None
        start, end = int(query["start"]), int(query["end"])
        rows = [
            {"start": str(at), "low": "0.5", "high": "3.0", "open": "1.0"}
            | {"close": "2.0", "volume": "7.5"}
            for at in range(start // 60 * 60, end + 1, 60)
            if start <= at <= end
        ]
        return {"candles": rows[::-1]}

    def _begin(self, client: Client, channel: str, product: str) -> None:
        if channel == "level2":
            book = self.books[product]
            self._tell(client, product, _book(product, "snapshot", book.bids(), book.asks()))
        elif channel == "market_trades":
            old = [_trade(product, number, "1.0", "1.0", "BUY") for number in (2, 1)]
            event = {"type": "snapshot", "trades": old}
            client.say(self._frame(client, channel, event))

    def _tell(self, client: Client, symbol: str, event: dict[str, Any]) -> None:
        told = self._frame(client, "l2_data", event)
        self._last.setdefault(client, {})[symbol] = told
        client.say(told)

    def _each(self, topic: str, act: Callable[[Client], object]) -> None:
        if self.stalled or self.mute:
            return
        for client in list(self.clients):
            if topic in client.topics:
                act(client)

    def _number(self, client: Client) -> int:
        number = self._numbers.get(client, 0)
        self._numbers[client] = number + 1
        return number

    def _frame(self, client: Client, channel: str, event: dict[str, Any]) -> dict[str, Any]:
        return {
            "channel": channel,
            "client_id": "",
            "timestamp": _now(),
            "sequence_num": self._number(client),
            "events": [event],
        }


def _book(symbol: str, kind: str, bids: Pairs, asks: Pairs) -> dict[str, Any]:
    updates = [
        {"side": side, "event_time": _now(), "price_level": price, "new_quantity": size}
        for side, pairs in (("bid", bids), ("offer", asks))
        for price, size in pairs
    ]
    return {"type": kind, "product_id": symbol, "updates": updates}


def _trade(symbol: str, number: int, price: str, size: str, side: str) -> dict[str, str]:
    row = {"trade_id": str(number), "product_id": symbol, "price": price, "size": size}
    return row | {"side": side, "time": _now()}


def _now() -> str:
    at = datetime.fromtimestamp(time.time(), UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S.%f}Z"
