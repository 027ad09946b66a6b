"""One token's book, and the proof that nothing of it was missed.

There is no sequence number. Every change tells the best prices after it, and the hash of the whole
book: SHA-1 over its JSON with an empty hash. The recipe is trusted as soon as it gives a snapshot's
own hash, and as long as changes bear it out; the best prices are held against each change always.
"""

import hashlib
from enum import Enum
from typing import Any

import msgspec

from arbiter.venues.common.depth_book import DepthBook
from arbiter.venues.common.frames import BadFrame
from arbiter.venues.polymarket.decode import Change, Event, Level, number

_DOUBTS = 5
"""So many snapshots in a row whose changes belie the recipe, and it is dropped."""


class Step(Enum):
    APPLIED = "applied"
    WAITING = "waiting"
    GAP = "gap"


class TokenBook:
    """`least` and `tick` are as the venue writes them, for where a snapshot does not say."""

    def __init__(self, token: str, tick: str, least: str) -> None:
        self.token = token
        self.in_step = False
        self.book = DepthBook()
        self.checks = 0
        """Changes whose hash was made and fitted."""
        self._bids: dict[float, Level] = {}
        self._asks: dict[float, Level] = {}
        self._frame: dict[str, Any] = {}
        self._tick, self._least = tick, least
        self._hashed = False
        self._fitted = False
        self._doubts = 0

    def snapshot(self, told: Event) -> None:
        """Start anew; `BadFrame` for a book that cannot be."""
        self.in_step = False
        self._bids = {number(level.price): level for level in told.bids}
        self._asks = {number(level.price): level for level in told.asks}
        self.book.replace(
            [(price, number(level.size)) for price, level in self._bids.items()],
            [(price, number(level.size)) for price, level in self._asks.items()],
        )
        if self.book.crossed:
            raise BadFrame(f"a crossed snapshot of {self.token[:12]}…")
        if told.tick_size:
            self._tick = told.tick_size
        if told.min_order_size:
            self._least = told.min_order_size
        self._frame = {"market": told.market, "last": told.last_trade_price}
        if told.neg_risk is not None:
            self._frame["neg_risk"] = told.neg_risk
        self._hashed = self._doubts < _DOUBTS and self._recipe(told)
        self._fitted = False
        self.in_step = True

    def changed(self, told: list[Change], timestamp: str) -> Step:
        """Apply one message's changes of this token."""
        if not self.in_step:
            return Step.WAITING
        for change in told:
            self._apply(change)
        last = told[-1]
        if self.book.crossed or not self._best_is(last):
            self.in_step = False
            return Step.GAP
        if self._hashed and last.hash:
            if self._hash(timestamp) != last.hash:
                self._doubts = 0 if self._fitted else self._doubts + 1
                self.in_step = False
                return Step.GAP
            self._fitted, self._doubts = True, 0
            self.checks += 1
        return Step.APPLIED

    def traded(self, price: str) -> None:
        """Part of what is hashed."""
        self._frame["last"] = price

    def new_tick(self, tick: str) -> None:
        self._tick = tick

    def _apply(self, change: Change) -> None:
        price, size = number(change.price), number(change.size)
        if change.side not in ("BUY", "SELL"):
            raise BadFrame(f"a change of side {change.side[:20]!r}")
        bids = change.side == "BUY"
        levels = self._bids if bids else self._asks
        if size:
            levels[price] = Level(change.price, change.size)
        else:
            levels.pop(price, None)
        row = [(price, size)]
        self.book.change(row if bids else [], [] if bids else row)

    def _best_is(self, told: Change) -> bool:
        if told.best_bid and number(told.best_bid) != self.book.best_bid:
            return False
        if not told.best_ask:
            return True
        ask = number(told.best_ask)
        # An empty side is told as 1, or as 0.
        return ask == self.book.best_ask if self._asks else ask in (0.0, 1.0)

    def _recipe(self, told: Event) -> bool:
        """Whether the hash of a snapshot can be made; says which way the market's risk is."""
        if not told.hash:
            return False
        known = self._frame.get("neg_risk")
        for guess in (False, True) if known is None else (known,):
            self._frame["neg_risk"] = guess
            if self._hash(told.timestamp) == told.hash:
                return True
        return False

    def _hash(self, timestamp: str) -> str:
        made = {
            "market": self._frame["market"],
            "asset_id": self.token,
            "timestamp": timestamp,
            "hash": "",
            "bids": [self._bids[price] for price in sorted(self._bids)],
            "asks": [self._asks[price] for price in sorted(self._asks, reverse=True)],
            "min_order_size": self._least,
            "tick_size": self._tick,
            "neg_risk": self._frame["neg_risk"],
            "last_trade_price": self._frame["last"],
        }
        return hashlib.sha1(msgspec.json.encode(made), usedforsecurity=False).hexdigest()
