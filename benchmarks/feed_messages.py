"""Messages in the venues' wire formats for the measurements of feeds: the same bytes for all."""

import json
import random
from collections.abc import Sequence
from decimal import Decimal

from arbiter.model.ids import Asset, InstrumentId, Symbol, VenueId
from arbiter.model.instruments import Instrument

SYMBOLS = tuple(f"C{number}USDT" for number in range(500))
DEPTH_SYMBOL = SYMBOLS[0]
BOOK_LEVELS = 1_000
"""Levels a side that a book begins with; Bybit's have 50."""
START_U = 1_000_000
_T0_MS = 1_790_000_000_000


def listing(market_id: str, venue: str) -> Instrument:
    base = market_id.removesuffix("USDT")
    return Instrument(
        id=InstrumentId(f"{market_id}.{venue.upper()}"),
        venue=VenueId(venue),
        market_id=market_id,
        symbol=Symbol(f"{base}/USDT"),
        base=Asset(base),
        quote=Asset("USDT"),
        settle=Asset("USDT"),
        tick=Decimal("0.01"),
        lot=Decimal("0.00001"),
        min_size=Decimal(0),
        min_notional=Decimal(5),
        maker_fee=Decimal("0.001"),
        taker_fee=Decimal("0.001"),
    )


def _text(message: object) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode()


def quotes(venue: str, count: int, seed: int, symbols: Sequence[str] = SYMBOLS) -> list[bytes]:
    """Make top-of-book messages of many instruments, numbers rising, prices moving a little."""
    rng = random.Random(seed)
    made = []
    for number in range(count):
        symbol = symbols[rng.randrange(len(symbols))]
        bid, at = 100 + rng.randrange(100) / 100, _T0_MS + seed * 1_000_000 + number
        sizes = [f"{rng.random() * 9 + 0.1:.8f}" for _ in range(2)]
        prices = [f"{bid:.8f}", f"{bid + 0.01:.8f}"]
        u = START_U + seed * 10_000_000 + number
        if venue == "binance":
            made.append(
                _text(
                    dict(
                        zip(
                            "usbBaA",
                            (u, symbol, prices[0], sizes[0], prices[1], sizes[1]),
                            strict=True,
                        )
                    )
                )
            )
        else:
            levels = {"b": [[prices[0], sizes[0]]], "a": [[prices[1], sizes[1]]]}
            data = {"s": symbol, **levels, "u": u, "seq": u * 3}
            topic = f"orderbook.1.{symbol}"
            made.append(
                _text({"topic": topic, "type": "snapshot", "ts": at, "data": data, "cts": at})
            )
    return made


class DepthMaker:
    """A book near 100.00 and what changes in it: mostly sizes, some levels come and go."""

    def __init__(self, venue: str, seed: int = 3) -> None:
        self.venue = venue
        self._rng = random.Random(seed)
        self._u = START_U
        levels = BOOK_LEVELS if venue == "binance" else 50
        self.bids = [[f"{100 - n * 0.01:.8f}", "1.00000000"] for n in range(1, levels + 1)]
        self.asks = [[f"{100 + n * 0.01:.8f}", "1.00000000"] for n in range(1, levels + 1)]
        self._reach = levels

    def snapshot(self) -> bytes:
        if self.venue == "binance":
            return _text({"lastUpdateId": self._u, "bids": self.bids, "asks": self.asks})
        return self._bybit("snapshot", self.bids, self.asks)

    def deltas(self, levels: int, count: int) -> list[bytes]:
        """Make messages of so many levels over both sides."""
        made = []
        for _ in range(count):
            bids = [self._level(-1) for _ in range((levels + 1) // 2)]
            asks = [self._level(1) for _ in range(levels // 2)]
            self._u += 1
            if self.venue == "binance":
                told = {"e": "depthUpdate", "E": _T0_MS, "s": DEPTH_SYMBOL}
                made.append(_text({**told, "U": self._u, "u": self._u, "b": bids, "a": asks}))
            else:
                made.append(self._bybit("delta", bids, asks))
        return made

    def _level(self, sign: int) -> list[str]:
        distance = min(int(self._rng.expovariate(0.1)) + 1, self._reach)
        gone = self._rng.random() < 0.3
        size = "0.00000000" if gone and distance > 1 else f"{self._rng.random() * 9 + 0.1:.8f}"
        return [f"{100 + sign * distance * 0.01:.8f}", size]

    def _bybit(self, kind: str, bids: list[list[str]], asks: list[list[str]]) -> bytes:
        data = {"s": DEPTH_SYMBOL, "b": bids, "a": asks, "u": self._u, "seq": self._u}
        topic = f"orderbook.50.{DEPTH_SYMBOL}"
        return _text({"topic": topic, "type": kind, "ts": _T0_MS, "data": data, "cts": _T0_MS})
