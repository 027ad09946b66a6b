"""Residuals: what trades left over, sold or bought back once a venue would take an order for it."""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from arbiter.execution.ways_out import MarketView, reach
from arbiter.model.holdings import Position, Residual
from arbiter.model.ids import InstrumentId, StrategyId
from arbiter.model.instruments import Instrument, InstrumentKind
from arbiter.model.money import ZERO
from arbiter.model.orders import Side
from arbiter.model.plans import Leg


def hedge(
    residual: Residual,
    positions: Mapping[tuple[StrategyId, InstrumentId], Position],
    listed: Iterable[Instrument],
    market: MarketView,
    slippage_bps: int,
) -> Leg | None:
    """Give the order that takes most out of a residual now, or None while it is too small.

    It only reduces: never more than the strategy's own position where it trades. Among venues
    that could take it, the best price wins; the limit lies `slippage_bps` beyond the touch.
    """
    side = Side.SELL if residual.quantity > ZERO else Side.BUY
    best: Leg | None = None
    for instrument in listed:
        pair = (instrument.base, instrument.quote)
        if instrument.kind is not InstrumentKind.SPOT or pair != (residual.asset, residual.quote):
            continue
        leg = _leg(instrument, side, residual, positions, market, slippage_bps)
        if leg is not None and (best is None or _better(leg, best)):
            best = leg
    return best


def _leg(
    instrument: Instrument,
    side: Side,
    residual: Residual,
    positions: Mapping[tuple[StrategyId, InstrumentId], Position],
    market: MarketView,
    slippage_bps: int,
) -> Leg | None:
    position = positions.get((residual.strategy, instrument.id))
    touch = market.touch(instrument.id, side)
    if position is None or touch is None or position.quantity * residual.quantity <= ZERO:
        return None
    size = instrument.floor_size(min(abs(position.quantity), abs(residual.quantity)))
    limit: Decimal = reach(instrument, side, touch, slippage_bps)
    if instrument.size_problem(size, min(touch, limit)) is not None:
        return None
    return Leg(instrument=instrument.id, side=side, size=size, price=limit, planned_price=touch)


def _better(leg: Leg, than: Leg) -> bool:
    if leg.side is Side.SELL:
        return leg.planned_price > than.planned_price
    return leg.planned_price < than.planned_price
