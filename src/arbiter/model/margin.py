"""What a venue asks of those who trade on margin: tiers, and how far leverage may go."""

from decimal import Decimal

import msgspec

from arbiter.model.errors import InvalidValue
from arbiter.model.money import ONE, ZERO


class MarginTier(msgspec.Struct, frozen=True, kw_only=True):
    """Maintenance margin of a notional up to `up_to` is notional × `rate` − `deduction`.

    Amounts in the settlement currency; `up_to` None is the last tier. Deductions make the
    maintenance margin continuous where one tier passes into the next.
    """

    up_to: Decimal | None
    rate: Decimal
    deduction: Decimal = ZERO


class MarginTerms(msgspec.Struct, frozen=True, kw_only=True):
    max_leverage: Decimal
    tiers: tuple[MarginTier, ...]
    """By rising notional; the last has no bound."""
    liquidation_fee: Decimal = ZERO
    """Fraction of the notional that a forced close costs, as far as margin is left."""

    def __post_init__(self) -> None:
        if not self.max_leverage.is_finite() or self.max_leverage < ONE:
            raise InvalidValue(f"max_leverage must be 1 or more, got {self.max_leverage}")
        bounds = [tier.up_to for tier in self.tiers]
        if not bounds or bounds[-1] is not None or None in bounds[:-1]:
            raise InvalidValue("margin tiers need exactly one without a bound, the last")
        if any(not ZERO <= tier.rate < ONE for tier in self.tiers):
            raise InvalidValue("a maintenance rate lies in 0..1")

    def tier_of(self, notional: Decimal) -> MarginTier:
        for tier in self.tiers:
            if tier.up_to is None or notional <= tier.up_to:
                return tier
        return self.tiers[-1]

    def maintenance(self, notional: Decimal) -> Decimal:
        """Margin below which a position of this notional is liquidated."""
        tier = self.tier_of(notional)
        return notional * tier.rate - tier.deduction


def tiers(*steps: tuple[Decimal | None, Decimal]) -> tuple[MarginTier, ...]:
    """Make tiers of (bound, rate) with the deductions that keep the maintenance continuous."""
    made: list[MarginTier] = []
    deduction = last = ZERO
    bound = ZERO
    for up_to, rate in steps:
        deduction += bound * (rate - last)
        made.append(MarginTier(up_to=up_to, rate=rate, deduction=deduction))
        last = rate
        bound = ZERO if up_to is None else up_to
    return tuple(made)
