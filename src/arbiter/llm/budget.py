"""The day's budget: tokens and dollars since 00:00 UTC, with a hard stop.

What a question may cost at most is set aside before it is asked, so that questions under way
together cannot overspend either.
"""

from decimal import Decimal

from arbiter.model.money import ZERO, plain
from arbiter.model.time import day_start


class DailyBudget:
    """`spent_*` is what went since 00:00 UTC before this start."""

    def __init__(
        self,
        *,
        tokens: int,
        cost_usd: Decimal,
        now_ns: int,
        spent_tokens: int = 0,
        spent_usd: Decimal = ZERO,
    ) -> None:
        self._most_tokens = tokens
        self._most_usd = cost_usd
        self._day = day_start(now_ns)
        self.tokens = spent_tokens
        self.cost_usd = spent_usd
        self._held_tokens = 0
        self._held_usd = ZERO

    def hold(self, tokens: int, cost_usd: Decimal, now_ns: int) -> str | None:
        """Set aside what a question may cost; a text says why it may not be asked."""
        if day_start(now_ns) != self._day:
            self._day = day_start(now_ns)
            self.tokens, self.cost_usd = 0, ZERO
        wanted = self.tokens + self._held_tokens + tokens
        if wanted > self._most_tokens:
            return f"the day's token budget is used up: {self.tokens} of {self._most_tokens}"
        usd = self.cost_usd + self._held_usd + cost_usd
        if usd > self._most_usd:
            used, most = plain(self.cost_usd), plain(self._most_usd)
            return f"the day's cost budget is used up: {used} of {most} USD"
        self._held_tokens += tokens
        self._held_usd += cost_usd
        return None

    def settle(self, held_tokens: int, held_usd: Decimal, tokens: int, cost_usd: Decimal) -> None:
        """Give back what was set aside and book what it really was."""
        self._held_tokens -= held_tokens
        self._held_usd -= held_usd
        self.tokens += tokens
        self.cost_usd += cost_usd
