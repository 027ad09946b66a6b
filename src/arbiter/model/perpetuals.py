"""Contracts on margin: what they pay, and the arithmetic of a position on isolated margin.

The simulated venues and the ledger use these very functions, so that both come to the same figure
to the last digit. One contract of size c is worth, in the settlement currency, u(p) = c·p when
linear and u(p) = c/p when inverse; q contracts (signed) bought at e make

    linear   q·(u(p) − u(e))          inverse   q·(u(e) − u(p))

Opening adds to `value` at u(price); closing takes a part out and realizes the difference.

A binary contract is a linear one with full collateral: its price stays in 0..1, so a long can lose
no more than n·p and a short no more than n·(1 − p), and exactly that is its margin. It knows no
leverage, no funding and no liquidation; a resolution closes it at 1, at 0 or at a stated price.
"""

from decimal import Decimal
from enum import StrEnum

import msgspec
from msgspec.structs import replace

from arbiter.model.errors import InvalidValue
from arbiter.model.ids import Asset, InstrumentId, Symbol, VenueId
from arbiter.model.instruments import Instrument, InstrumentKind
from arbiter.model.margin import MarginTerms
from arbiter.model.money import ONE, ZERO, quotient
from arbiter.model.orders import Side

_BINARY = InstrumentKind.BINARY
_PERPETUAL = (InstrumentKind.LINEAR, InstrumentKind.INVERSE)
_MARGINED = (*_PERPETUAL, _BINARY)


def is_perpetual(instrument: Instrument) -> bool:
    return instrument.kind in _PERPETUAL


def is_margined(instrument: Instrument) -> bool:
    """Whether it is held as a position against margin: a perpetual or a binary contract."""
    return instrument.kind in _MARGINED


class Contract(msgspec.Struct, frozen=True, kw_only=True):
    """What an account holds on margin: the listing's terms and the leverage set there."""

    instrument: InstrumentId
    venue: VenueId
    symbol: Symbol
    kind: InstrumentKind
    base: Asset
    quote: Asset
    settle: Asset
    contract_size: Decimal
    leverage: Decimal = ONE
    settles_fills: bool = False
    """Fills are confirmed, or fail, some time after they were matched."""

    def __post_init__(self) -> None:
        if self.kind not in _MARGINED:
            raise InvalidValue(f"{self.instrument} is not traded on margin")
        if not self.leverage.is_finite() or self.leverage < ONE:
            raise InvalidValue(f"{self.instrument}: leverage must be 1 or more")
        if self.kind is _BINARY and self.leverage != ONE:
            raise InvalidValue(f"{self.instrument}: a binary contract is fully collateralised")

    @property
    def inverse(self) -> bool:
        return self.kind is InstrumentKind.INVERSE

    def unit_value(self, price: Decimal) -> Decimal:
        """One contract in the settlement currency."""
        return quotient(self.contract_size, price) if self.inverse else self.contract_size * price

    def margin(self, quantity: Decimal, value: Decimal) -> Decimal:
        """What signed contracts that stand at `value` have to set aside."""
        if self.kind is _BINARY:
            return value if quantity >= ZERO else -quantity * self.contract_size - value
        return quotient(value, self.leverage) if value else ZERO

    def units(self, contracts: Decimal, price: Decimal) -> Decimal:
        """Base units that so many contracts stand for; an inverse one's depend on the price."""
        amount = contracts * self.contract_size
        return quotient(amount, price) if self.inverse else amount


def contract_of(instrument: Instrument, leverage: Decimal) -> Contract:
    return Contract(
        instrument=instrument.id,
        venue=instrument.venue,
        symbol=instrument.symbol,
        kind=instrument.kind,
        base=instrument.base,
        quote=instrument.quote,
        settle=instrument.settle,
        contract_size=instrument.contract_size,
        leverage=leverage,
        settles_fills=instrument.settles_fills,
    )


class MarginPosition(msgspec.Struct, frozen=True, kw_only=True):
    """What an account holds of one contract, all strategies together."""

    instrument: InstrumentId
    quantity: Decimal = ZERO
    """Signed contracts."""
    value: Decimal = ZERO
    """Σ unit values at entry of the open contracts, in the settlement currency, never negative."""
    margin: Decimal = ZERO
    """Set aside for this position alone."""
    realized_pnl: Decimal = ZERO
    """Before fees and funding, over its whole life, in the settlement currency."""
    updated_ns: int = 0


def executed(
    position: MarginPosition, contract: Contract, contracts: Decimal, price: Decimal, at_ns: int
) -> MarginPosition:
    """Buy (> 0) or sell (< 0) contracts: enlarge at cost, close at average cost, flip with the rest."""
    before = position.quantity
    after = before + contracts
    unit = contract.unit_value(price)
    size = abs(contracts)
    if not before or (before > ZERO) == (contracts > ZERO):
        value = position.value + size * unit
        return _with(position, contract, after, value, ZERO, at_ns)
    if size > abs(before):
        flat = executed(position, contract, -before, price, at_ns)
        return executed(flat, contract, after, price, at_ns)
    part = quotient(position.value * size, abs(before)) if after else position.value
    gain = size * unit - part
    gain = gain if (before > ZERO) != contract.inverse else -gain
    return _with(position, contract, after, position.value - part, gain, at_ns)


def _with(
    position: MarginPosition,
    contract: Contract,
    quantity: Decimal,
    value: Decimal,
    gain: Decimal,
    at_ns: int,
) -> MarginPosition:
    return replace(
        position,
        quantity=quantity,
        value=value,
        margin=contract.margin(quantity, value),
        realized_pnl=position.realized_pnl + gain,
        updated_ns=at_ns,
    )


def unrealized(position: MarginPosition, contract: Contract, mark: Decimal) -> Decimal:
    """What closing at the mark would realize, in the settlement currency."""
    return _gain(position, contract, abs(position.quantity) * contract.unit_value(mark))


def _gain(position: MarginPosition, contract: Contract, worth: Decimal) -> Decimal:
    """What contracts that stand at `position.value` have gained when they are worth so much now."""
    gain = worth - position.value
    return gain if (position.quantity > ZERO) != contract.inverse else -gain


def entry_price(position: MarginPosition, contract: Contract) -> Decimal | None:
    """Average price of the open contracts, to 18 places; None when flat."""
    size = abs(position.quantity) * contract.contract_size
    if not size:
        return None
    if contract.inverse:
        return quotient(size, position.value)
    return quotient(position.value, size)


def must_be_liquidated(
    position: MarginPosition, contract: Contract, terms: MarginTerms, mark: Decimal
) -> bool:
    """Whether margin and unrealized PnL no longer cover the maintenance margin at the mark."""
    if not position.quantity:
        return False
    notional = abs(position.quantity) * contract.unit_value(mark)
    gain = _gain(position, contract, notional)
    return position.margin + gain <= terms.maintenance(notional)


def liquidation_price(
    position: MarginPosition, contract: Contract, terms: MarginTerms
) -> Decimal | None:
    """Mark at which the position is liquidated; None when no price does it.

    Solves margin + PnL(p) = rate·N(p) − deduction in the tier that holds N(p).
    """
    if not position.quantity:
        return None
    for tier in terms.tiers:
        price = _price_at(position, contract, tier.rate, tier.deduction)
        if price is None:
            continue
        notional = abs(position.quantity) * contract.unit_value(price)
        if terms.tier_of(notional) is tier:
            return price
    return None


def bankruptcy_price(position: MarginPosition, contract: Contract) -> Decimal | None:
    """Price at which the whole margin is lost: nobody's forced close is booked beyond it."""
    return _price_at(position, contract, ZERO, ZERO)


def _price_at(
    position: MarginPosition, contract: Contract, rate: Decimal, deduction: Decimal
) -> Decimal | None:
    size = abs(position.quantity) * contract.contract_size
    cover = position.margin + deduction
    if (position.quantity > ZERO) != contract.inverse:
        notional, share = position.value - cover, ONE - rate
    else:
        notional, share = position.value + cover, ONE + rate
    # The notional at which it happens; linear: size·p, inverse: size/p.
    if notional <= ZERO:
        return None
    if contract.inverse:
        return quotient(size * share, notional)
    return quotient(notional, size * share)


class FundingRate(msgspec.Struct, frozen=True, kw_only=True):
    """One perpetual's funding as its venue tells it now; a positive rate is paid by longs."""

    instrument: InstrumentId
    venue: VenueId
    symbol: Symbol
    rate: Decimal
    """Fraction of the notional per the venue's own interval."""
    interval_hours: int
    next_funding_ns: int
    mark: Decimal
    updated_ns: int
    """When it was fetched."""

    def __post_init__(self) -> None:
        if self.interval_hours <= 0:
            raise InvalidValue(f"{self.instrument}: a funding interval of {self.interval_hours} h")
        if not self.rate.is_finite() or not self.mark.is_finite() or self.mark <= ZERO:
            raise InvalidValue(f"{self.instrument}: rate {self.rate} at mark {self.mark}")

    @property
    def per_8h(self) -> Decimal:
        """The rate over eight hours: the only form in which two venues may be compared."""
        return quotient(self.rate * 8, Decimal(self.interval_hours))


class FundingPayment(msgspec.Struct, frozen=True, kw_only=True):
    """What one settlement brought or took, as confirmed by the venue."""

    venue: VenueId
    payment_id: str
    """The venue's own; with the venue it keys a payment, once."""
    instrument: InstrumentId
    amount: Decimal
    """In `asset`; positive is received."""
    asset: Asset
    rate: Decimal
    mark: Decimal
    quantity: Decimal
    """Signed contracts held at the settlement."""
    settled_ns: int
    """The settlement it belongs to."""
    at_ns: int
    """When the venue booked it, which may be later."""


class ForcedCause(StrEnum):
    LIQUIDATION = "liquidation"
    ADL = "adl"
    """Auto-deleveraging: a winner is closed because a loser's margin did not suffice."""
    RESOLUTION = "resolution"
    """A binary contract is paid out: every position in it ends at the stated price."""


class ForcedClose(msgspec.Struct, frozen=True, kw_only=True):
    """A position, or a part of it, that the venue closed without an order of ours."""

    venue: VenueId
    venue_trade_id: str
    """Shares its numbers with fills."""
    instrument: InstrumentId
    side: Side
    """SELL closes a long."""
    size: Decimal
    """Zero for a resolution that found the account as a whole flat."""
    price: Decimal
    """Of a resolution 1, 0, or what a void market pays: its own price, or that of entry."""
    fee: Decimal
    fee_asset: Asset
    cause: ForcedCause
    at_ns: int

    @property
    def contracts(self) -> Decimal:
        return self.size * self.side.sign


class VenuePosition(msgspec.Struct, frozen=True, kw_only=True):
    """A position as its venue tells it."""

    instrument: InstrumentId
    quantity: Decimal
    entry_price: Decimal
    mark_price: Decimal
    unrealized_pnl: Decimal
    leverage: Decimal
    liquidation_price: Decimal | None
    margin: Decimal
    adl_rank: int = 0
    """0..4; 4 is closed first."""
    at_ns: int


class MarginBalance(msgspec.Struct, frozen=True, kw_only=True):
    """A margin account in one currency; total = wallet + unrealized, free = total − reserved."""

    venue: VenueId
    asset: Asset
    wallet: Decimal
    unrealized: Decimal
    reserved: Decimal
    """Margin of positions and of open orders."""

    @property
    def total(self) -> Decimal:
        return self.wallet + self.unrealized

    @property
    def free(self) -> Decimal:
        return self.total - self.reserved
