"""Funding-rate arbitrage: which perpetual to hold long, which short, and when to let go.

A positive rate is paid by longs to shorts. With rates r over intervals of h hours, what a pair of
one notional collects over a hold is

    E = r_short · n_short − r_long · n_long        n = settlements of that leg within the hold

each leg at its own interval: a settlement that comes soon counts in full, one just missed not at
all. Rates are compared only over eight hours, r · 8 / h. The value of an entry is
E − 2·(fee_long + fee_short) − 4·slippage − haircut, with taker fees.
"""

from collections.abc import Callable, Iterable
from decimal import Decimal

import msgspec

from arbiter.model.ids import InstrumentId
from arbiter.model.money import ZERO
from arbiter.model.pairs import FundingPair
from arbiter.model.perpetuals import FundingRate
from arbiter.opportunities.funding_settings import FundingSettings

FeeOf = Callable[[InstrumentId], Decimal]
"""Taker fee of a perpetual, a fraction."""


class FundingCandidate(msgspec.Struct, frozen=True, kw_only=True):
    """A pair worth opening, as far as rates and fees say."""

    long: FundingRate
    short: FundingRate
    spread: Decimal
    """Short − long over eight hours."""
    expected: Decimal
    """Funding over the intended hold, a fraction of the notional."""
    value: Decimal
    """What is left of it after costs and the haircut."""


class PairView(msgspec.Struct, frozen=True, kw_only=True):
    """An open pair at one moment. Money in quote; None where it cannot be known now."""

    pair: FundingPair
    long: FundingRate | None
    short: FundingRate | None
    profit: Decimal | None
    """Closed at the touch: price PnL and funding, less fees paid and those of closing."""
    notional: Decimal
    distance: Decimal | None
    """Of the nearer leg's liquidation price from its mark, a fraction of the mark."""
    adl_rank: int
    trouble: str
    """Why a leg's venue cannot be relied on; empty when it can."""


class PairMemory(msgspec.Struct, kw_only=True):
    """What deciding on an exit needs of the past; a restart begins it anew."""

    peak: Decimal = ZERO
    narrow_since_ns: int | None = None
    trouble_since_ns: int | None = None


class FundingSpread:
    def __init__(self, settings: FundingSettings) -> None:
        self.settings = settings

    def candidates(
        self, rates: Iterable[FundingRate], fee_of: FeeOf, now_ns: int
    ) -> list[FundingCandidate]:
        """Give what is worth opening among the rates of one symbol, best value first."""
        ready = [told for told in rates if self._may_enter(told, now_ns)]
        found = [
            self._weigh(low, high, fee_of, now_ns)
            for low in ready
            for high in ready
            if low.venue != high.venue and high.per_8h > low.per_8h
        ]
        worth = [c for c in found if self.worth_opening(c)]
        return sorted(worth, key=lambda c: (-c.value, c.long.instrument, c.short.instrument))

    def worth_opening(self, candidate: FundingCandidate) -> bool:
        s = self.settings
        return candidate.spread >= s.min_funding_spread and candidate.value >= s.min_expected_value

    def _weigh(
        self, low: FundingRate, high: FundingRate, fee_of: FeeOf, now_ns: int
    ) -> FundingCandidate:
        s = self.settings
        expected = high.rate * self.settlements_ahead(high, now_ns)
        expected -= low.rate * self.settlements_ahead(low, now_ns)
        costs = 2 * (fee_of(low.instrument) + fee_of(high.instrument)) + 4 * s.slippage
        return FundingCandidate(
            long=low,
            short=high,
            spread=high.per_8h - low.per_8h,
            expected=expected,
            value=expected - costs - s.staleness_haircut,
        )

    def settlements_ahead(self, told: FundingRate, now_ns: int) -> int:
        """Settlements within the intended hold, by what the venue says of its interval now."""
        s = self.settings
        left = now_ns + s.hours_ns(s.hold_hours) - told.next_funding_ns
        return 0 if left < 0 else 1 + left // (told.interval_hours * s.hour_ns)

    def _may_enter(self, told: FundingRate, now_ns: int) -> bool:
        """Fresh, and not within the quiet time around its settlement."""
        s = self.settings
        if not self.fresh(told, now_ns):
            return False
        until = told.next_funding_ns - now_ns
        since = told.interval_hours * s.hour_ns - until
        quiet_before = s.seconds_ns(s.quiet_before_seconds)
        return until > quiet_before and since >= s.seconds_ns(s.quiet_after_seconds)

    def fresh(self, told: FundingRate, now_ns: int) -> bool:
        return now_ns - told.updated_ns <= int(self.settings.max_rate_age_seconds * 1_000_000_000)

    def exit_reason(self, view: PairView, memory: PairMemory, now_ns: int) -> str | None:
        """Say why an open pair should be closed now, the most urgent first; None to hold it."""
        s = self.settings
        if view.distance is not None and view.distance < s.min_liquidation_distance:
            return f"LIQUIDATION_NEAR: distance={view.distance:.4f}"
        if view.adl_rank >= s.max_adl_rank:
            return f"ADL_NEAR: rank={view.adl_rank}"
        if self._in_trouble(view, memory, now_ns):
            return f"VENUE_TROUBLE: {view.trouble}"
        reason = self._profit_reason(view, memory)
        if reason is None and self._narrow(view, memory, now_ns):
            reason = "SPREAD_REVERSED"
        if reason is None and now_ns - view.pair.opened_ns >= s.hours_ns(s.max_duration_hours):
            reason = "MAX_DURATION"
        return reason

    def _in_trouble(self, view: PairView, memory: PairMemory, now_ns: int) -> bool:
        if not view.trouble:
            memory.trouble_since_ns = None
            return False
        if memory.trouble_since_ns is None:
            memory.trouble_since_ns = now_ns
        return now_ns - memory.trouble_since_ns >= int(
            self.settings.trouble_seconds * 1_000_000_000
        )

    def _profit_reason(self, view: PairView, memory: PairMemory) -> str | None:
        s = self.settings
        if view.profit is None or not view.notional:
            return None
        share = view.profit / view.notional
        memory.peak = max(memory.peak, share)
        if share >= s.target_profit:
            return f"TARGET_PROFIT: profit={share:.5f}"
        if memory.peak >= s.trailing_start and memory.peak - share >= s.trailing_stop:
            return f"TRAILING_STOP: peak={memory.peak:.5f} profit={share:.5f}"
        return None

    def _narrow(self, view: PairView, memory: PairMemory, now_ns: int) -> bool:
        """Whether the spread has been below its floor for so many of the slower leg's intervals."""
        s = self.settings
        if view.long is None or view.short is None:
            return False
        if view.short.per_8h - view.long.per_8h >= s.narrow_spread:
            memory.narrow_since_ns = None
            return False
        if memory.narrow_since_ns is None:
            memory.narrow_since_ns = now_ns
        period = max(view.long.interval_hours, view.short.interval_hours) * s.hour_ns
        return now_ns - memory.narrow_since_ns >= s.narrow_spread_exit_periods * period
