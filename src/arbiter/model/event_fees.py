"""What prediction markets charge, as configuration.

A fee is a function of what one contract of the bought outcome costs, c in 0..1: a YES bought at
0.30 and a NO bought at 0.30 cost the same. Its shape is one of `FeeForm`; the sum over an order's
contracts is then rounded up, once per order, to the venue's step.
"""

from decimal import Decimal, InvalidOperation
from enum import StrEnum

import msgspec

from arbiter.model.errors import InvalidValue
from arbiter.model.money import ONE, ZERO, ceil_to

_HALF = Decimal("0.5")
_BASIS_POINT = Decimal("0.0001")


class FeeForm(StrEnum):
    QUADRATIC = "quadratic"
    """rate · c · (1 − c) per contract: Kalshi, with rate 0.07."""
    NOTIONAL = "notional"
    """rate · c per contract."""
    NEARER_SIDE = "nearer_side"
    """rate · min(c, 1 − c) per contract: Polymarket's per-market basis points."""


class EventFee(msgspec.Struct, frozen=True, kw_only=True):
    """A venue's or a market's taker fee, in dollars."""

    form: FeeForm = FeeForm.NOTIONAL
    rate: Decimal = ZERO
    """0.07 for Kalshi; basis points / 10,000 for Polymarket; 0 charges nothing."""
    step: Decimal = ZERO
    """An order's fee is rounded up to a multiple of it; 0 leaves every digit."""

    def __post_init__(self) -> None:
        if not self.rate.is_finite() or not ZERO <= self.rate <= ONE:
            raise InvalidValue(f"an event fee's rate must be 0..1, got {self.rate}")
        if not self.step.is_finite() or self.step < ZERO:
            raise InvalidValue(f"an event fee's step must be 0 or more, got {self.step}")

    def unit(self, cost: Decimal) -> Decimal:
        """Fee of one contract that costs `cost` (0..1), before rounding."""
        if self.form is FeeForm.QUADRATIC:
            return self.rate * cost * (ONE - cost)
        if self.form is FeeForm.NEARER_SIDE:
            return self.rate * min(cost, ONE - cost)
        return self.rate * cost

    def of(self, size: Decimal, cost: Decimal) -> Decimal:
        """Fee of an order of `size` contracts filled at one cost, rounded up."""
        return self.rounded(size * self.unit(cost))

    def rounded(self, fee: Decimal) -> Decimal:
        """Round an order's whole fee up; for one filled at several costs, their sum of units."""
        return ceil_to(fee, self.step) if self.step else fee

    def worst_unit(self, low: Decimal, high: Decimal) -> Decimal:
        """Largest fee of one contract bought anywhere between two costs."""
        at_ends = max(self.unit(low), self.unit(high))
        peaked = self.form is not FeeForm.NOTIONAL and low < _HALF < high
        return max(at_ends, self.unit(_HALF)) if peaked else at_ends


FREE = EventFee()


def kalshi_fee(rate: Decimal = Decimal("0.07")) -> EventFee:
    """0.07 · p · (1 − p) per contract, rounded up to the cent per order."""
    return EventFee(form=FeeForm.QUADRATIC, rate=rate, step=Decimal("0.01"))


def polymarket_fee(basis_points: Decimal) -> EventFee:
    """A market's own basis points on the nearer side of the price, to the smallest unit of pUSD."""
    return EventFee(
        form=FeeForm.NEARER_SIDE, rate=basis_points * _BASIS_POINT, step=Decimal("0.000001")
    )


def parse_fee(text: str) -> EventFee:
    """Read a fee as the configuration has it: ``quadratic 0.07 0.01``, form, rate and step."""
    parts = text.split()
    try:
        form, rate, step = parts[0], Decimal(parts[1]), Decimal(parts[2] if len(parts) > 2 else 0)
        if len(parts) > 3:
            raise ValueError(parts[3])
        return EventFee(form=FeeForm(form), rate=rate, step=step)
    except (IndexError, InvalidOperation, ValueError):
        forms = ", ".join(FeeForm)
        raise InvalidValue(
            f"must be a form ({forms}), a rate and a step, like 'quadratic 0.07 0.01'"
        ) from None
