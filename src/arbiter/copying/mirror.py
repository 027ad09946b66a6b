"""The one order that brings what we hold closer to a target, or why there is none.

An entry never pays more than the leader did plus the slippage allowed, and never more than
`max_position_size` in one order. An exit is bounded by the market alone: the leader has gone, and
waiting for his price would keep what he no longer wants.
"""

from decimal import Decimal

import msgspec

from arbiter.copying.settings import CopySettings
from arbiter.copying.targets import Target
from arbiter.model.instruments import Instrument, InstrumentKind
from arbiter.model.money import ONE, ZERO, plain, quotient
from arbiter.model.orders import Side
from arbiter.model.perpetuals import is_margined


class Touch(msgspec.Struct, frozen=True):
    """Fresh prices of a live market; None on a side nobody shows."""

    bid: Decimal | None
    ask: Decimal | None


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """An order to be planned: takes what is there up to `limit`, and ends."""

    side: Side
    size: Decimal
    """In the instrument's size unit, on its lot."""
    limit: Decimal
    planned_price: Decimal
    exits: bool


class Waiting(msgspec.Struct, frozen=True):
    """Nothing is ordered; the reason in words with numbers."""

    why: str


SETTLED = Waiting("")
"""What is held is the target, to the last lot."""


def next_order(
    target: Target,
    held: Decimal,
    instrument: Instrument,
    touch: Touch,
    max_position_size: Decimal,
    settings: CopySettings,
) -> Wanted | Waiting:
    """Compare the target with what is held, in the same units, and give one step between them."""
    goal = instrument.floor_size(_contracts(abs(target.size), instrument))
    goal *= instrument.contract_size
    missing = (goal if target.size > ZERO else -goal) - held
    if not missing:
        return SETTLED
    side = Side.BUY if missing > ZERO else Side.SELL
    shown = touch.ask if side is Side.BUY else touch.bid
    exits = bool(held) and (held > ZERO) != (missing > ZERO)
    units = min(abs(missing), abs(held)) if exits else abs(missing)
    if instrument.floor_size(_contracts(units, instrument)) <= ZERO:
        return SETTLED
    if shown is None or shown <= ZERO:
        return Waiting(f"{instrument.id} shows no price to {side.lower()} at")
    if exits:
        whole = is_margined(instrument) and units == abs(held)
        return _exit(units, side, shown, instrument, settings, whole=whole)
    return _entry(target, units, side, shown, instrument, max_position_size, settings)


def _exit(
    units: Decimal,
    side: Side,
    shown: Decimal,
    instrument: Instrument,
    settings: CopySettings,
    *,
    whole: bool,
) -> Wanted | Waiting:
    limit = _worse(shown, side, -settings.exit_slippage, instrument, away=True)
    size = instrument.floor_size(_contracts(units, instrument))
    return _checked(side, size, limit, shown, instrument, exits=True, closes=whole)


def _entry(
    target: Target,
    units: Decimal,
    side: Side,
    shown: Decimal,
    instrument: Instrument,
    max_position_size: Decimal,
    settings: CopySettings,
) -> Wanted | Waiting:
    price = target.price_of(units)
    if price is None or price <= ZERO:
        return Waiting(f"the leader's price in {instrument.id} is not known")
    limit = _worse(price, side, settings.slippage, instrument, away=False)
    if limit <= ZERO or (shown > limit if side is Side.BUY else shown < limit):
        return Waiting(
            f"{instrument.id} shows {plain(shown)} to {side.lower()}, "
            f"the leader's {plain(price)} allows {plain(limit)}"
        )
    affordable = quotient(max_position_size, _cost(limit, side, instrument))
    size = instrument.floor_size(_contracts(min(units, affordable), instrument))
    return _checked(side, size, limit, shown, instrument, exits=False)


def _checked(
    side: Side,
    size: Decimal,
    limit: Decimal,
    shown: Decimal,
    instrument: Instrument,
    *,
    exits: bool,
    closes: bool = False,
) -> Wanted | Waiting:
    """Hold a size against the venue's rules; what `closes` a position may be worth anything."""
    problem = instrument.size_problem(size, limit)
    if problem is not None and not (closes and problem == "min_notional"):
        return Waiting(f"{plain(size)} of {instrument.id} break its {problem}")
    return Wanted(side=side, size=size, limit=limit, planned_price=shown, exits=exits)


def _worse(
    price: Decimal, side: Side, by: Decimal, instrument: Instrument, *, away: bool
) -> Decimal:
    """Move a price by a fraction of what is traded, onto the tick.

    What is traded is YES on one side of a prediction market and NO, at 1 − price, on the other:
    a buyer of NO at 0.2 allows 5 % of 0.2, not of 0.8. Entries buy it and exits sell it, so that
    `by` is below zero for these; `away` rounds so that the order still reaches what it aims at.
    """
    binary = instrument.kind is InstrumentKind.BINARY
    long = (side is Side.BUY) != away
    if binary and not long:
        moved = ONE - (ONE - price) * (ONE + by)
    elif long:
        moved = price * (ONE + by)
    else:
        moved = price * (ONE - by)
    return _on_tick(moved, side, instrument, away=away)


def _on_tick(price: Decimal, side: Side, instrument: Instrument, *, away: bool) -> Decimal:
    tick = instrument.tick
    most = ONE - tick if instrument.kind is InstrumentKind.BINARY else None
    if price <= ZERO:
        return tick
    up = (side is Side.BUY) == away
    rounded = instrument.ceil_price(price) if up else instrument.floor_price(price)
    if away or side is Side.SELL:
        rounded = max(rounded, tick)
    if most is None or (side is Side.SELL and not away):
        return rounded
    return min(rounded, most)


def _cost(price: Decimal, side: Side, instrument: Instrument) -> Decimal:
    """Give what one unit costs at a price: NO is paid for with the rest of 1."""
    if instrument.kind is InstrumentKind.BINARY and side is Side.SELL:
        return max(ONE - price, instrument.tick)
    return price


def _contracts(units: Decimal, instrument: Instrument) -> Decimal:
    return quotient(units, instrument.contract_size)
