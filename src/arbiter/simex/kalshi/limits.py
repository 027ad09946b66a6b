"""Kalshi's rate limits: tokens that come back by the second, for reads and writes apart."""

from arbiter.model.time import NS_PER_S

REQUEST, CANCEL = 10, 2
"""Tokens."""


class Bucket:
    """Holds what comes back in one second."""

    def __init__(self, per_second: float) -> None:
        self._per_second = per_second
        self._left = per_second
        self._at_ns = 0

    def take(self, tokens: int, now_ns: int) -> bool:
        gained = max(now_ns - self._at_ns, 0) / NS_PER_S * self._per_second
        self._left = min(self._left + gained, self._per_second)
        self._at_ns = max(self._at_ns, now_ns)
        if tokens > self._left:
            return False
        self._left -= tokens
        return True


class Limits:
    """Buckets by who asks; an address without a key is one of them."""

    def __init__(self, per_minute: int) -> None:
        """`per_minute` are the tokens of writes; reads have twice as many."""
        self._writes = per_minute / 60
        self._buckets: dict[tuple[str, bool], Bucket] = {}
        self.refused = 0

    def take(self, who: str, tokens: int, now_ns: int, *, write: bool) -> bool:
        bucket = self._buckets.get((who, write))
        if bucket is None:
            bucket = Bucket(self._writes if write else 2 * self._writes)
            self._buckets[who, write] = bucket
        passes = bucket.take(tokens, now_ns)
        self.refused += not passes
        return passes
