"""Binance's public streams and reads, spot or USD-M, over books that move by themselves."""

import json
import time
from collections.abc import Sequence
from typing import Any

from tests.fakes.book_server import BookServer
from tests.fakes.moving_book import Change
from tests.fakes.wire_server import Client

HOUR_MS = 3_600_000


class FakeBinance(BookServer):
    def __init__(self, symbols: Sequence[str], *, futures: bool = False, seed: int = 1) -> None:
        super().__init__(symbols, seed=seed)
        self.futures = futures
        self.intervals: list[dict[str, Any]] = []
        self.next_funding_ms = (time.time_ns() // 1_000_000 // HOUR_MS + 1) * HOUR_MS
        self.trade_number = 1_000
        self.stale_snapshots = 0
        """So many snapshots yet to come are older than the stream."""
        self._old: dict[str, dict[str, Any]] = {name: self._snapshot(name) for name in symbols}
        self._last: dict[str, dict[str, Any]] = {}

    # What happens --------------------------------------------------------------------------

    def move(self, symbol: str) -> None:
        """Change one book and say so."""
        change = self.books[symbol].step()
        self._last[symbol] = self._depth(symbol, change)
        self.publish(f"{symbol.lower()}@depth@100ms", self._last[symbol])
        self.publish(f"{symbol.lower()}@bookTicker", self.ticker(symbol))

    def skip(self, symbol: str) -> None:
        """Change one book and lose the message."""
        self.books[symbol].step()

    def repeat(self, symbol: str) -> None:
        """Send the last messages of one book again."""
        self.publish(f"{symbol.lower()}@depth@100ms", self._last[symbol])
        self.publish(f"{symbol.lower()}@bookTicker", self.ticker(symbol))

    def broken_level(self, symbol: str) -> bytes:
        """Give an update, rightly numbered, with a level that cannot be."""
        last = self.books[symbol].last
        change = Change(last, last + 1, last + 1, [["27000.00", "-1.0"]], [])
        return json.dumps(self._depth(symbol, change)).encode()

    def trade(self, symbol: str, price: str, size: str, *, buyer_is_maker: bool) -> None:
        kind, number = ("aggTrade", "a") if self.futures else ("trade", "t")
        self.trade_number += 1
        self.publish(
            f"{symbol.lower()}@{kind}",
            {
                "e": kind,
                "E": _now_ms(),
                "s": symbol,
                number: self.trade_number,
                "p": price,
                "q": size,
                "T": _now_ms(),
                "m": buyer_is_maker,
                "M": True,
            },
        )

    def mark(self, symbol: str, price: str, rate: str) -> None:
        self.publish(
            f"{symbol.lower()}@markPrice@1s",
            {
                "e": "markPriceUpdate",
                "E": _now_ms(),
                "s": symbol,
                "p": price,
                "i": price,
                "P": price,
                "r": rate,
                "T": self.next_funding_ms,
            },
        )

    # As a server ---------------------------------------------------------------------------

    def on_message(self, client: Client, message: dict[str, Any]) -> None:
        wanted = set(message["params"])
        if message["method"] == "SUBSCRIBE":
            if wanted & self.refused:
                error = {"code": 2, "msg": "Invalid request: unknown stream"}
                client.say({"error": error, "id": message["id"]})
                return
            client.topics |= wanted
        else:
            client.topics -= wanted
        client.say({"result": None, "id": message["id"]})

    def get(self, path: str, query: dict[str, str]) -> Any:
        if path in ("/api/v3/depth", "/fapi/v1/depth"):
            return self._served_snapshot(query["symbol"])
        if path == "/fapi/v1/fundingInfo":
            return self.intervals
        if path in ("/api/v3/klines", "/fapi/v1/klines"):
            return _klines(int(query["startTime"]), int(query["limit"]))
        if path.endswith("/exchangeInfo"):
            names = list(self.books) if path == "/api/v3/exchangeInfo" else []
            return {"timezone": "UTC", "symbols": [_listing(name) for name in names]}
        return None

    def ticker(self, symbol: str) -> dict[str, Any]:
        book = self.books[symbol]
        (bid, bid_size), (ask, ask_size) = book.bids(1)[0], book.asks(1)[0]
        told = {
            "u": book.last,
            "s": symbol,
            "b": bid,
            "B": bid_size,
            "a": ask,
            "A": ask_size,
        }
        if not self.futures:
            return told
        return {"e": "bookTicker", "E": _now_ms(), "T": _now_ms(), **told}

    def _depth(self, symbol: str, change: Change) -> dict[str, Any]:
        told = {
            "e": "depthUpdate",
            "E": _now_ms(),
            "s": symbol,
            "U": change.first,
            "u": change.last,
            "b": change.bids,
            "a": change.asks,
        }
        return {**told, "T": _now_ms(), "pu": change.before} if self.futures else told

    def _served_snapshot(self, symbol: str) -> dict[str, Any]:
        if self.stale_snapshots:
            self.stale_snapshots -= 1
            return self._old[symbol]
        return self._snapshot(symbol)

    def _snapshot(self, symbol: str) -> dict[str, Any]:
        book = self.books[symbol]
        return {"lastUpdateId": book.last, "bids": book.bids(), "asks": book.asks()}


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _klines(start_ms: int, limit: int) -> list[list[Any]]:
    first = -(-start_ms // 60_000) * 60_000
    last = min(first + limit * 60_000, _now_ms())
    return [
        [opens, "1.0", "3.0", "0.5", "2.0", "7.5", opens + 59_999, "15.0", 9, "1", "1", "0"]
        for opens in range(first, last, 60_000)
    ]


def _listing(symbol: str) -> dict[str, Any]:
    base, quote = symbol[:-4], symbol[-4:]
    return {
        "symbol": symbol,
        "status": "TRADING",
        "baseAsset": base,
        "baseAssetPrecision": 8,
        "quoteAsset": quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "orderTypes": ["LIMIT", "MARKET"],
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": [
            {
                "filterType": "PRICE_FILTER",
                "minPrice": "0.01000000",
                "maxPrice": "1000000.00000000",
                "tickSize": "0.01000000",
            },
            {
                "filterType": "LOT_SIZE",
                "minQty": "0.00100000",
                "maxQty": "9000.00000000",
                "stepSize": "0.00100000",
            },
        ],
        "permissions": ["SPOT"],
        "permissionSets": [["SPOT"]],
    }
