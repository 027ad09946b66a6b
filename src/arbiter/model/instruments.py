"""Instruments: what is traded where, and the rounding that belongs to it."""

from decimal import Decimal
from enum import StrEnum

import msgspec

from arbiter.model.errors import InvalidValue
from arbiter.model.event_fees import EventFee
from arbiter.model.ids import Asset, InstrumentId, Symbol, VenueId
from arbiter.model.margin import MarginTerms
from arbiter.model.money import ONE, ZERO, ceil_to, floor_to, remainder


class InstrumentKind(StrEnum):
    SPOT = "spot"
    LINEAR = "linear"
    """Perpetual margined and settled in the quote currency."""
    INVERSE = "inverse"
    """Perpetual margined and settled in the base currency."""
    BINARY = "binary"
    """Prediction-market contract paying 1 or 0."""


_SPOT, _INVERSE, _BINARY = InstrumentKind.SPOT, InstrumentKind.INVERSE, InstrumentKind.BINARY


class FeeCharge(StrEnum):
    """In which asset a venue takes its trading fee."""

    QUOTE = "quote"
    RECEIVED = "received"
    """From what the order receives: base on a buy, quote on a sell (Binance without BNB)."""
    THIRD = "third"
    """In `fee_asset`, whatever is traded (BNB, KCS …)."""


class Instrument(msgspec.Struct, frozen=True, kw_only=True):
    """One tradable thing on one venue.

    `size` of an order is in base units for spot and in contracts otherwise; one contract stands
    for `contract_size` base units (linear), quote units (inverse) or payouts of 1 (binary).
    """

    id: InstrumentId
    venue: VenueId
    market_id: str
    """The venue's own name for it: ``BTCUSDT``, ``BTC-USDT``, ``XBT/USDT``."""
    symbol: Symbol
    kind: InstrumentKind = InstrumentKind.SPOT
    base: Asset
    quote: Asset
    settle: Asset
    """Currency of margin, fees and PnL; the quote for spot."""
    tick: Decimal
    """Finest price step, quote per base."""
    price_digits: int | None = None
    """Most significant digits of a price that is no whole number; None is any number."""
    lot: Decimal
    """Size step, in the unit of `size`."""
    min_size: Decimal
    min_notional: Decimal
    """Smallest size × price × contract size, in quote."""
    contract_size: Decimal = ONE
    wire_unit: Decimal = ONE
    """Size that one unit on the venue's wire stands for, where a venue counts in other units than
    `size` does (OKX's swaps). Its adapter converts; nobody else looks at it."""
    maker_fee: Decimal
    """Fraction of notional; negative is a rebate."""
    taker_fee: Decimal
    fee_charge: FeeCharge = FeeCharge.QUOTE
    fee_asset: Asset | None = None
    """Only with `FeeCharge.THIRD`."""
    margin: MarginTerms | None = None
    """Only of perpetuals."""
    event_fee: EventFee | None = None
    """Only of binary contracts: what a taker pays instead of `taker_fee`."""
    settles_fills: bool = False
    """A fill is matched first and later confirmed, or fails and is void."""

    def __post_init__(self) -> None:
        for name in ("tick", "lot", "contract_size", "wire_unit"):
            value: Decimal = getattr(self, name)
            if not value.is_finite() or value <= 0:
                raise InvalidValue(f"{self.id}: {name} must be positive, got {value}")
        for name in ("min_size", "min_notional"):
            value = getattr(self, name)
            if not value.is_finite() or value < 0:
                raise InvalidValue(f"{self.id}: {name} must not be negative, got {value}")
        if self.fee_charge is FeeCharge.THIRD and self.fee_asset is None:
            raise InvalidValue(f"{self.id}: fees in a third asset need fee_asset")
        if self.price_digits is not None and self.price_digits < 1:
            raise InvalidValue(f"{self.id}: price_digits must be positive, got {self.price_digits}")
        if (self.event_fee is not None or self.settles_fills) and self.kind is not _BINARY:
            raise InvalidValue(f"{self.id}: only a binary contract has event fees or settles fills")

    def floor_size(self, size: Decimal) -> Decimal:
        """Round a size down to the lot. Negative or NaN is an `InvalidValue`."""
        if not size.is_finite() or size < ZERO:
            raise InvalidValue(f"{self.id}: a size must be zero or more, got {size}")
        return floor_to(size, self.lot)

    def floor_price(self, price: Decimal) -> Decimal:
        """Round a price down to the tick: for a sell limit that must still be marketable."""
        self._check_price(price)
        return floor_to(price, self.price_step(price))

    def ceil_price(self, price: Decimal) -> Decimal:
        """Round a price up to the tick: for a buy limit that must still be marketable."""
        self._check_price(price)
        return ceil_to(price, self.price_step(price))

    def price_step(self, price: Decimal) -> Decimal:
        """Give the step of prices of this magnitude: the tick, or a coarser power of ten."""
        if self.price_digits is None:
            return self.tick
        exponent = min(price.adjusted() + 1 - self.price_digits, 0)
        return max(ONE.scaleb(exponent), self.tick)

    def on_tick(self, price: Decimal) -> bool:
        """Whether the venue takes an order at this price (> 0)."""
        return not remainder(price, self.price_step(price))

    def notional(self, size: Decimal, price: Decimal) -> Decimal:
        """Value of `size` at `price`, in quote (for inverse contracts: in quote by definition)."""
        if self.kind is _INVERSE:
            return size * self.contract_size
        return size * price * self.contract_size

    def size_problem(self, size: Decimal, price: Decimal) -> str | None:
        """Say which rule a size breaks (``lot``, ``min_size``, ``min_notional``), if any."""
        if size <= ZERO or remainder(size, self.lot):
            return "lot"
        if size < self.min_size:
            return "min_size"
        if self.notional(size, price) < self.min_notional:
            return "min_notional"
        return None

    @property
    def least_size(self) -> Decimal:
        """Smallest size of any order, whatever it is worth."""
        return max(self.lot, self.min_size)

    def is_dust(self, quantity: Decimal, price: Decimal | None) -> bool:
        """Whether no order that the venue takes would make a signed quantity smaller.

        What is held on margin may be closed whatever it is worth. Without a price nothing is known
        of a value, and size alone decides.
        """
        size = self.floor_size(abs(quantity))
        if size < self.least_size:
            return True
        if price is None or self.kind is not _SPOT:
            return False
        return self.notional(size, price) < self.min_notional

    def _check_price(self, price: Decimal) -> None:
        if not price.is_finite() or price <= ZERO:
            raise InvalidValue(f"{self.id}: a price must be positive, got {price}")
