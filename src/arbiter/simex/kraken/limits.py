"""Kraken's counters: they rise with every call and sink at a pace of their own.

A key has one for reads, which rises by 1, by 2 for histories. Each market has one of the trading
engine's, which rises by 1 for an order and by up to 8 for a cancel, the younger the order the more.
The figures are those of the tier "Pro".
"""

from arbiter.model.time import NS_PER_S

CALLS_MOST, CALLS_DECAY = 20.0, 1.0
TRADING_MOST, TRADING_DECAY = 180.0, 3.75
ADD_COST = 1.0
_CANCEL_COSTS = ((5, 8.0), (10, 6.0), (15, 5.0), (45, 4.0), (90, 2.0), (300, 1.0))
"""Cost of cancelling an order younger than so many seconds."""


class Counter:
    def __init__(self, most: float, decay_per_s: float) -> None:
        self._most = most
        self._decay = decay_per_s
        self._count = 0.0
        self._at_ns = 0

    def add(self, cost: float, now_ns: int) -> bool:
        """Count; False when that is more than allowed."""
        gone_s = max(now_ns - self._at_ns, 0) / NS_PER_S
        self._count = max(0.0, self._count - gone_s * self._decay)
        self._at_ns = max(self._at_ns, now_ns)
        if self._count + cost > self._most:
            return False
        self._count += cost
        return True


def cancel_cost(age_ns: int) -> float:
    for seconds, cost in _CANCEL_COSTS:
        if age_ns < seconds * NS_PER_S:
            return cost
    return 0.0
