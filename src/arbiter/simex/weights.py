"""Request weights of one address at one venue: counted by the minute, then refused, then banned."""

import msgspec

from arbiter.model.time import NS_PER_MINUTE, NS_PER_S

REPRIEVE = 25
"""Requests past the limit that are only told "slow down"; whoever goes on is banned."""
BAN_NS = 30 * NS_PER_S
"""Of a first ban; each further one lasts twice as long."""


class Verdict(msgspec.Struct, frozen=True):
    """Whether a request may pass; `retry_after_ns` and `banned` tell why it may not."""

    used: int
    retry_after_ns: int = 0
    banned: bool = False

    @property
    def passes(self) -> bool:
        return not self.retry_after_ns


class WeightMeter:
    def __init__(self, per_minute: int) -> None:
        self.per_minute = per_minute
        self._minute = 0
        self._used = 0
        self._beyond = 0
        self._bans = 0
        self._banned_until_ns = 0
        self.refused = 0
        self.most_used = 0
        """In any minute so far."""

    @property
    def bans(self) -> int:
        return self._bans

    def take(self, weight: int, now_ns: int) -> Verdict:
        minute = now_ns // NS_PER_MINUTE
        if minute != self._minute:
            self._minute, self._used, self._beyond = minute, 0, 0
        if now_ns < self._banned_until_ns:
            self.refused += 1
            return Verdict(self._used, self._banned_until_ns - now_ns, banned=True)
        self._used += weight
        self.most_used = max(self.most_used, self._used)
        if self._used <= self.per_minute:
            return Verdict(self._used)
        self.refused += 1
        self._beyond += 1
        if self._beyond > REPRIEVE:
            self._banned_until_ns = now_ns + (BAN_NS << min(self._bans, 12))
            self._bans += 1
            return Verdict(self._used, self._banned_until_ns - now_ns, banned=True)
        return Verdict(self._used, (minute + 1) * NS_PER_MINUTE - now_ns)

    def ban(self, now_ns: int, for_ns: int) -> None:
        """Shut the address out, whatever it has used."""
        self._banned_until_ns = now_ns + for_ns
        self._bans += 1
