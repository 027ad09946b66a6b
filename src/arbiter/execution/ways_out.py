"""Ways out of a lone leg: fill the missing leg (chase) or reverse the filled one (unwind).

Both trade the unmatched units once, so they are compared by what one unit brings after the taker
fee (or costs, when buying back) at the touch of that moment. A venue that has just refused or
filled nothing comes second, whatever it shows.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Protocol

import msgspec

from arbiter.execution.settings import ExecutionSettings, LoneLeg
from arbiter.model.ids import InstrumentId
from arbiter.model.instruments import Instrument
from arbiter.model.money import ONE, ZERO, plain
from arbiter.model.orders import Order, OrderStatus, Side
from arbiter.model.trades import Trade

CHASE = "c"
UNWIND = "u"
_BPS = Decimal("0.0001")


class MarketView(Protocol):
    def instrument(self, instrument: InstrumentId) -> Instrument: ...

    def touch(self, instrument: InstrumentId, side: Side) -> Decimal | None:
        """Price at which `side` would execute now (ask for a buy); None without a live quote."""
        ...


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """One order that would match the trade; `net` is per unit, after the taker fee, in quote."""

    role: str
    instrument: Instrument
    side: Side
    size: Decimal
    touch: Decimal
    limit: Decimal
    net: Decimal
    failures: int

    def __str__(self) -> str:
        verb = "chase" if self.role == CHASE else "unwind"
        word = "nets" if self.side is Side.SELL else "costs"
        return f"{verb} on {self.instrument.id} {word} {plain(self.net.quantize(_SHOWN))}"


_SHOWN = Decimal("1e-8")


class Outlook(msgspec.Struct, frozen=True, kw_only=True):
    """What can be done now: the best way first. `tradable` without ways: the markets are dark."""

    ways: tuple[Way, ...]
    tradable: bool
    """Worth an order: large enough to unwind, or to chase at a price within bounds."""
    notes: tuple[str, ...]
    """Why a way is not among them."""


def excess(trade: Trade) -> Decimal:
    """Base units that stand alone: > 0 bought and not sold, < 0 sold and not bought.

    A fee taken in base only makes it smaller, never larger: what a fee took is inventory's, and
    nobody can sell what was never received. A plan with one side has nothing to match.
    """
    gross = trade.bought - trade.sold
    if not gross or len({leg.side for leg in trade.legs}) == 1:
        return ZERO
    net = gross - trade.base_fees
    if gross > ZERO:
        return max(min(gross, net), ZERO)
    return min(max(gross, net), ZERO)


def outlook(
    trade: Trade,
    orders: Sequence[Order],
    over: Decimal,
    settings: ExecutionSettings,
    market: MarketView,
) -> Outlook:
    """Look at both ways out of `over` unmatched units (its sign as in `excess`)."""
    side = Side.SELL if over > ZERO else Side.BUY
    ways: list[Way] = []
    notes: list[str] = []
    tradable = False
    for leg in trade.legs:
        role = CHASE if leg.side is side else UNWIND
        instrument = market.instrument(leg.instrument)
        touch = market.touch(leg.instrument, side)
        size = instrument.floor_size(abs(over))
        problem = instrument.size_problem(size, touch or leg.planned_price)
        if problem is not None:
            notes.append(f"{instrument.id}: {plain(abs(over))} is below its {problem}")
            continue
        if touch is None:
            tradable = True
            notes.append(f"{instrument.id} shows no live quote")
            continue
        limit = reach(instrument, side, touch, settings.unwind_slippage_bps)
        if role == CHASE:
            bound = reach(instrument, side, leg.planned_price, settings.max_chase_bps)
            limit = max(limit, bound) if side is Side.SELL else min(limit, bound)
            if (touch < limit) if side is Side.SELL else (touch > limit):
                notes.append(
                    f"{instrument.id} at {plain(touch)} is more than {settings.max_chase_bps} bps "
                    f"from {plain(leg.planned_price)}"
                )
                continue
        tradable = True
        if instrument.size_problem(size, min(touch, limit)) is not None:
            limit = touch  # a venue holds the minimum value against the limit price
        fee = instrument.taker_fee
        ways.append(
            Way(
                role=role,
                instrument=instrument,
                side=side,
                size=size,
                touch=touch,
                limit=limit,
                net=touch * (ONE - fee if side is Side.SELL else ONE + fee),
                failures=failures(orders, leg.instrument),
            )
        )
    ways.sort(key=lambda way: _rank(way, settings.lone_leg))
    return Outlook(ways=tuple(ways), tradable=tradable, notes=tuple(notes))


def failures(orders: Sequence[Order], instrument: InstrumentId) -> int:
    """Count orders on an instrument that the venue gave nothing for, since its last fill."""
    count = 0
    for order in reversed(orders):
        if order.instrument != instrument or order.status is OrderStatus.ABANDONED:
            continue
        if order.filled_size:
            break
        if order.status is OrderStatus.REJECTED or order.leg in (CHASE, UNWIND):
            count += 1
    return count


def fruitless(orders: Sequence[Order]) -> int:
    """Count the newest chases and unwinds, on any venue, that filled nothing."""
    count = 0
    for order in reversed(orders):
        if order.status is OrderStatus.ABANDONED:
            continue
        if order.leg not in (CHASE, UNWIND) or order.filled_size:
            break
        count += 1
    return count


def _rank(way: Way, lone_leg: LoneLeg) -> tuple[int, int, Decimal]:
    worse = -way.net if way.side is Side.SELL else way.net
    preferred = way.role == (UNWIND if lone_leg is LoneLeg.UNWIND else CHASE)
    if lone_leg is LoneLeg.CHEAPEST:
        return way.failures, 0, worse
    return way.failures, 0 if preferred else 1, worse


def reach(instrument: Instrument, side: Side, price: Decimal, bps: int) -> Decimal:
    """Go `bps` beyond a price, on the tick that still executes."""
    slip = bps * _BPS
    if side is Side.BUY:
        return instrument.ceil_price(price * (ONE + slip))
    return instrument.floor_price(max(price * (ONE - slip), instrument.tick))
