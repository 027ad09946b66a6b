"""Books of tokens: a market has one book, and its two tokens show it from either side."""

import hashlib
from typing import Any

import msgspec

from arbiter.simex.depth import Scale
from arbiter.simex.polymarket.gamma import Listed
from arbiter.simex.polymarket.words import YES

Levels = list[tuple[int, int]]


class TokenBook:
    """One token's book as text; prices in ticks."""

    def __init__(self, listed: Listed, outcome: int) -> None:
        self._listed = listed
        self.outcome = outcome
        self.token = listed.tokens[outcome]
        self._scale: Scale = listed.shown.book.scale
        instrument = listed.shown.instrument
        self.tick = instrument.tick
        self._ticks = round(1 / float(instrument.tick))

    def sides(self) -> tuple[Levels, Levels]:
        """Bids and asks of this token, best first; both within 0..1."""
        bids, asks = self._listed.shown.book.levels()
        bids = [level for level in bids if 0 < level[0] < self._ticks]
        asks = [level for level in asks if 0 < level[0] < self._ticks]
        if self.outcome == YES:
            return bids, asks
        return self._turned(asks), self._turned(bids)

    def told(self, at_ms: int) -> dict[str, Any]:
        """The book as REST tells it: the best level of a side comes last."""
        bids, asks = self.sides()
        made: dict[str, Any] = {
            "market": self._listed.condition,
            "asset_id": self.token,
            "timestamp": str(at_ms),
            "hash": "",
            "bids": [self.level(*level) for level in reversed(bids)],
            "asks": [self.level(*level) for level in reversed(asks)],
            "min_order_size": f"{self._listed.shown.instrument.min_size}",
            "tick_size": f"{self.tick}",
            "neg_risk": self._listed.neg_risk,
            "last_trade_price": self._listed.last_price,
        }
        made["hash"] = hashlib.sha1(msgspec.json.encode(made), usedforsecurity=False).hexdigest()
        return made

    def level(self, price: int, lots: int) -> dict[str, str]:
        return {"price": self._scale.price(price), "size": self._scale.size(lots)}

    def changes(
        self, bids: dict[int, int], asks: dict[int, int], whole: dict[str, Any]
    ) -> list[dict[str, str]]:
        """Changed levels of YES as this token has them, each with the hash of the whole book."""
        made = []
        best = {
            "best_bid": whole["bids"][-1]["price"] if whole["bids"] else "0",
            "best_ask": whole["asks"][-1]["price"] if whole["asks"] else "1",
        }
        for side, levels in (("BUY", bids), ("SELL", asks)):
            for price, lots in levels.items():
                if not 0 < price < self._ticks:
                    continue
                shown = side if self.outcome == YES else _OTHER[side]
                at = price if self.outcome == YES else self._ticks - price
                size = self._scale.size(lots) if lots else "0"
                made.append(
                    {
                        "asset_id": self.token,
                        "price": self._scale.price(at),
                        "size": size,
                        "side": shown,
                        "hash": whole["hash"],
                    }
                    | best
                )
        return made

    def _turned(self, levels: Levels) -> Levels:
        return [(self._ticks - price, lots) for price, lots in levels]


_OTHER = {"BUY": "SELL", "SELL": "BUY"}
