"""USD rates: what a currency is worth, by an explicit table with ages, never by its name.

A dollar token is not a dollar: each currency that limits in USD may meet has a row, with where
its rate comes from. A rate that nobody wrote down, or that has grown too old, is no rate.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal

import msgspec

from arbiter.model.errors import InvalidValue
from arbiter.model.ids import Asset
from arbiter.model.money import ONE, ZERO

USD = Asset("USD")


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """USD per unit; `as_of_ns` None is a person's word that it holds until changed."""

    usd: Decimal
    source: str
    as_of_ns: int | None = None

    def __post_init__(self) -> None:
        if not self.usd.is_finite() or self.usd <= ZERO:
            raise InvalidValue(f"a USD rate must be positive, got {self.usd} from {self.source}")


class UsdRates:
    """The conversion table; USD itself is always 1."""

    def __init__(self, rates: Mapping[Asset, Rate], *, max_age_ns: int) -> None:
        if max_age_ns <= 0:
            raise InvalidValue(f"max_age_ns must be more than 0, got {max_age_ns}")
        self._rates = {USD: Rate(usd=ONE, source="definition"), **rates}
        self._max_age_ns = max_age_ns

    @property
    def rows(self) -> Mapping[Asset, Rate]:
        return self._rates

    def update(self, currency: Asset, rate: Rate) -> None:
        """Take a newer rate; one that is older than the one held is ignored."""
        held = self._rates.get(currency)
        if (
            held is None
            or held.as_of_ns is None
            or rate.as_of_ns is None
            or rate.as_of_ns >= held.as_of_ns
        ):
            self._rates[currency] = rate

    def at(self, currency: Asset, now_ns: int) -> Decimal | None:
        """Give USD per unit, or None where the rate is unknown or too old."""
        rate = self._rates.get(currency)
        if rate is None:
            return None
        if rate.as_of_ns is not None and now_ns - rate.as_of_ns > self._max_age_ns:
            return None
        return rate.usd

    def lookup(self, now_ns: Callable[[], int]) -> Callable[[Asset], Decimal | None]:
        """Bind the table to a clock, as the gate wants it."""
        return lambda currency: self.at(currency, now_ns())
