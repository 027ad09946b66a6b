"""An agent position as a fold of its fills, and the prices at which it is closed by itself."""

from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from msgspec.structs import replace

from arbiter.agents.settings import TradingRules
from arbiter.model.agents import AgentPosition, position_id
from arbiter.model.ids import TradeId
from arbiter.model.instruments import Instrument
from arbiter.model.money import ONE, ZERO
from arbiter.model.orders import Fill, Side


class Trigger(StrEnum):
    STOP_LOSS = "stop loss"
    TAKE_PROFIT = "take profit"


def opened(
    session: UUID, instrument: Instrument, trade: TradeId, round_id: UUID | None, at_ns: int
) -> AgentPosition:
    """Begin a position; it holds nothing until its first fill is folded in."""
    return AgentPosition(
        id=position_id(trade),
        session_id=session,
        symbol=instrument.symbol,
        venue=instrument.venue,
        instrument=instrument.id,
        opening_trade=trade,
        round_id=round_id,
        entry_ns=at_ns,
        updated_ns=at_ns,
    )


def filled(position: AgentPosition, fill: Fill, instrument: Instrument) -> AgentPosition:
    """Fold one execution in; a sale that leaves too little for an order closes the position."""
    in_base = fill.fee if fill.fee_asset == instrument.base else ZERO
    in_quote = fill.fee if fill.fee_asset == instrument.quote else ZERO
    value = fill.size * fill.price
    fees = position.fees + in_base * fill.price + in_quote
    if fill.side is Side.BUY:
        return replace(
            position,
            size=position.size + fill.size,
            bought=position.bought + fill.size - in_base,
            spent=position.spent + value,
            fees=fees,
            updated_ns=fill.at_ns,
        )
    after = replace(
        position,
        sold=position.sold + fill.size + in_base,
        received=position.received + value + in_base * fill.price,  # before fees
        fees=fees,
        updated_ns=fill.at_ns,
    )
    if sellable(after, instrument, fill.price):
        return after
    return replace(after, dust=after.held, exit_ns=fill.at_ns)


def sellable(position: AgentPosition, instrument: Instrument, price: Decimal) -> Decimal:
    """Give what an order could sell of it now: on the lot; 0 where that is below the minimum."""
    size = instrument.floor_size(max(position.held, ZERO))
    return ZERO if instrument.size_problem(size, price) is not None else size


def protected(
    position: AgentPosition, rules: TradingRules, instrument: Instrument
) -> AgentPosition:
    """Attach stop-loss and take-profit around the average entry, on the tick."""
    entry = position.entry_price
    stop = entry * (ONE - Decimal(repr(rules.default_stop_loss)))
    profit = entry * (ONE + Decimal(repr(rules.default_take_profit)))
    return replace(
        position,
        stop_loss=instrument.floor_price(max(stop, instrument.tick)),
        take_profit=instrument.ceil_price(profit),
    )


def triggered(position: AgentPosition, bid: Decimal) -> Trigger | None:
    """Say whether a position is to be closed at this bid."""
    if position.stop_loss is not None and bid <= position.stop_loss:
        return Trigger.STOP_LOSS
    if position.take_profit is not None and bid >= position.take_profit:
        return Trigger.TAKE_PROFIT
    return None
