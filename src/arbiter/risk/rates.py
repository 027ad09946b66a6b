"""USD rates: what a currency is worth, by an explicit table with ages, never by its name.

A dollar token is not a dollar: each currency that limits in USD may meet has a row, with where
its rate comes from. A rate that nobody told, or that has grown too old, is no rate.

Two kinds of rate: a person's word, which holds until it is changed, and what a market said, which
ages. Where a currency has a market, the market is what counts, and its silence is no rate: it is
not made up for by the word.
"""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal

import msgspec

from arbiter.model.errors import InvalidValue
from arbiter.model.ids import Asset
from arbiter.model.money import ONE, ZERO
from arbiter.model.time import NS_PER_S

USD = Asset("USD")
DOLLAR_TOKENS = tuple(Asset(name) for name in ("USDT", "USDC", "FDUSD", "TUSD", "USD1"))
"""Taken at par until a person or a market says otherwise."""


class UsdRateSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`words` are USD per unit, over the dollar tokens at par."""

    words: Mapping[Asset, Decimal] = {}
    max_age_s: Decimal = Decimal(60)
    """How old a market's rate may grow."""

    def __post_init__(self) -> None:
        if not self.max_age_s.is_finite() or self.max_age_s <= ZERO:
            raise InvalidValue(f"usd_rate_max_age_s must be more than 0, got {self.max_age_s}")
        for currency, usd in self.words.items():
            known = next((name for name in (USD, *DOLLAR_TOKENS) if name == currency.upper()), None)
            if not usd.is_finite() or usd <= ZERO:
                raise InvalidValue(
                    f"usd_rates.{currency} must be a number above 0 (USD per unit), got {usd}"
                )
            if known is not None and known != currency:
                raise InvalidValue(f"usd_rates.{currency}: did you mean {known}?")
            if currency == USD and usd != ONE:
                raise InvalidValue(f"usd_rates.USD is 1 by definition, got {usd}")

    @property
    def max_age_ns(self) -> int:
        return int(self.max_age_s * NS_PER_S)

    def word(self, currency: Asset) -> Decimal | None:
        """Give USD per unit as written down; None where nobody did."""
        if currency == USD:
            return ONE
        return self.words.get(currency, ONE if currency in DOLLAR_TOKENS else None)


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """USD per unit; `as_of_ns` None is a person's word that it holds until changed."""

    usd: Decimal
    source: str
    as_of_ns: int | None = None

    def __post_init__(self) -> None:
        if not self.usd.is_finite() or self.usd <= ZERO:
            raise InvalidValue(f"a USD rate must be positive, got {self.usd} from {self.source}")


class RateRow(msgspec.Struct, frozen=True, kw_only=True):
    """One currency's rate as it is shown."""

    currency: Asset
    usd: Decimal
    source: str
    as_of_ns: int | None
    fresh: bool
    """Whether anything may be opened on it."""


class UsdRates:
    """The conversion table; USD itself is always 1."""

    def __init__(self, settings: UsdRateSettings) -> None:
        self.max_age_ns = settings.max_age_ns
        self._rates = {USD: Rate(usd=ONE, source="definition")}
        for currency in dict.fromkeys((*DOLLAR_TOKENS, *sorted(settings.words))):
            word = settings.word(currency)
            if currency != USD and word is not None:
                source = "settings" if currency in settings.words else "par"
                self._rates[currency] = Rate(usd=word, source=source)
        self._followed: frozenset[Asset] = frozenset()

    @property
    def currencies(self) -> tuple[Asset, ...]:
        """All of the table, in the order in which one is valued by another: USD comes first."""
        return tuple(self._rates)

    def follow(self, currencies: Iterable[Asset]) -> None:
        """Have these told by markets from now on: until one speaks, they have no rate."""
        self._followed = frozenset(currencies)

    def take(self, currency: Asset, rate: Rate) -> None:
        """Put what a market says in the place of what was held."""
        self._rates[currency] = rate

    def rate(self, currency: Asset, now_ns: int) -> Rate | None:
        """Give the rate with its source; None where it is unknown or too old."""
        rate = self._rates.get(currency)
        if rate is None or (rate.as_of_ns is None and currency in self._followed):
            return None
        if rate.as_of_ns is not None and now_ns - rate.as_of_ns > self.max_age_ns:
            return None
        return rate

    def at(self, currency: Asset, now_ns: int) -> Decimal | None:
        """Give USD per unit, or None where the rate is unknown or too old."""
        rate = self.rate(currency, now_ns)
        return None if rate is None else rate.usd

    def lookup(self, now_ns: Callable[[], int]) -> Callable[[Asset], Decimal | None]:
        """Bind the table to a clock, as the gate wants it."""
        return lambda currency: self.at(currency, now_ns())

    def worth(self, currency: Asset) -> Decimal | None:
        """Give the last rate, however old: to value what is held, never to open on it."""
        rate = self._rates.get(currency)
        return None if rate is None else rate.usd

    def rows(self, now_ns: int) -> list[RateRow]:
        return [
            RateRow(
                currency=currency,
                usd=rate.usd,
                source=rate.source,
                as_of_ns=rate.as_of_ns,
                fresh=self.rate(currency, now_ns) is not None,
            )
            for currency, rate in self._rates.items()
        ]
