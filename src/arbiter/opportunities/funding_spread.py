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
from arbiter.model.time import NS_PER_S
from arbiter.opportunities.funding_settings import FundingSettings

_PEAK_STEPS = 20
"""A peak is noted when it has risen by this part of the trailing stop."""

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
    """What deciding on an exit needs of the past.

    The pair keeps peak and narrowness over a restart; a venue's trouble is looked at anew.
    """

    peak: Decimal = ZERO
    narrow_since_ns: int | None = None
    trouble_since_ns: int | None = None

    @classmethod
    def of(cls, pair: FundingPair) -> "PairMemory":
        return cls(peak=pair.peak_profit, narrow_since_ns=pair.narrow_since_ns)


class FundingSpread:
    def __init__(self, settings: FundingSettings) -> None:
        self._per_8h: dict[InstrumentId, tuple[Decimal, int, Decimal]] = {}
        """By rate and interval: venues tell the same ones again and again."""
        self.reconfigure(settings)

    def reconfigure(self, settings: FundingSettings) -> None:
        """Decide by other settings from now on."""
        s = self.settings = settings
        self._hour_ns = s.hour_ns
        self._hold_ns = s.hours_ns(s.hold_hours)
        self._longest_ns = s.hours_ns(s.max_duration_hours)
        self._quiet_before_ns = s.seconds_ns(s.quiet_before_seconds)
        self._quiet_after_ns = s.seconds_ns(s.quiet_after_seconds)
        self._oldest_rate_ns = int(s.max_rate_age_seconds * NS_PER_S)
        self._trouble_ns = int(s.trouble_seconds * NS_PER_S)
        self._peak_step = s.trailing_stop / _PEAK_STEPS

    def note(self, pair: FundingPair, memory: PairMemory) -> bool:
        """Whether the pair should be told what is remembered of it: what it forgets is little."""
        return (
            memory.narrow_since_ns != pair.narrow_since_ns
            or memory.peak - pair.peak_profit >= self._peak_step
        )

    def candidates(
        self, rates: Iterable[FundingRate], fee_of: FeeOf, now_ns: int
    ) -> list[FundingCandidate]:
        """Give what is worth opening among the rates of one symbol, best value first."""
        least = max(self.settings.min_funding_spread, ZERO)
        ready = [(self.per_8h(told), told) for told in rates if self._may_enter(told, now_ns)]
        found = [
            self._weigh(low, high, high_8h - low_8h, fee_of, now_ns)
            for low_8h, low in ready
            for high_8h, high in ready
            if low.venue != high.venue and high_8h > low_8h and high_8h - low_8h >= least
        ]
        worth = [c for c in found if self.worth_opening(c)]
        return sorted(worth, key=lambda c: (-c.value, c.long.instrument, c.short.instrument))

    def wide_enough(self, rates: Iterable[FundingRate]) -> bool:
        """Whether any two of these rates lie far enough apart, whatever else is to be said."""
        told = [self.per_8h(rate) for rate in rates]
        least = max(self.settings.min_funding_spread, ZERO)
        return len(told) > 1 and max(told) - min(told) >= least

    def worth_opening(self, candidate: FundingCandidate) -> bool:
        s = self.settings
        return candidate.spread >= s.min_funding_spread and candidate.value >= s.min_expected_value

    def _weigh(
        self,
        low: FundingRate,
        high: FundingRate,
        spread: Decimal,
        fee_of: FeeOf,
        now_ns: int,
    ) -> FundingCandidate:
        s = self.settings
        expected = high.rate * self.settlements_ahead(high, now_ns)
        expected -= low.rate * self.settlements_ahead(low, now_ns)
        costs = 2 * (fee_of(low.instrument) + fee_of(high.instrument)) + 4 * s.slippage
        return FundingCandidate(
            long=low,
            short=high,
            spread=spread,
            expected=expected,
            value=expected - costs - s.staleness_haircut,
        )

    def settlements_ahead(self, told: FundingRate, now_ns: int) -> int:
        """Settlements within the intended hold, by what the venue says of its interval now."""
        left = now_ns + self._hold_ns - told.next_funding_ns
        return 0 if left < 0 else 1 + left // (told.interval_hours * self._hour_ns)

    def _may_enter(self, told: FundingRate, now_ns: int) -> bool:
        """Fresh, and not within the quiet time around its settlement."""
        if not self.fresh(told, now_ns):
            return False
        until = told.next_funding_ns - now_ns
        since = told.interval_hours * self._hour_ns - until
        return until > self._quiet_before_ns and since >= self._quiet_after_ns

    def fresh(self, told: FundingRate, now_ns: int) -> bool:
        return now_ns - told.updated_ns <= self._oldest_rate_ns

    def per_8h(self, told: FundingRate) -> Decimal:
        """`told.per_8h`, divided once for each rate."""
        known = self._per_8h.get(told.instrument)
        if known is None or known[0] is not told.rate or known[1] != told.interval_hours:
            known = (told.rate, told.interval_hours, told.per_8h)
            self._per_8h[told.instrument] = known
        return known[2]

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
        if reason is None and now_ns - view.pair.opened_ns >= self._longest_ns:
            reason = "MAX_DURATION"
        return reason

    def _in_trouble(self, view: PairView, memory: PairMemory, now_ns: int) -> bool:
        if not view.trouble:
            memory.trouble_since_ns = None
            return False
        if memory.trouble_since_ns is None:
            memory.trouble_since_ns = now_ns
        return now_ns - memory.trouble_since_ns >= self._trouble_ns

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
        if self.per_8h(view.short) - self.per_8h(view.long) >= s.narrow_spread:
            memory.narrow_since_ns = None
            return False
        if memory.narrow_since_ns is None:
            memory.narrow_since_ns = now_ns
        period = max(view.long.interval_hours, view.short.interval_hours) * self._hour_ns
        return now_ns - memory.narrow_since_ns >= s.narrow_spread_exit_periods * period
