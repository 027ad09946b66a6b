"""Trading spot signals by hand: execute one, or cancel what is under way."""

import asyncio
from decimal import Decimal

import msgspec

from arbiter.model.denials import DenialCode, Denied, deny
from arbiter.model.errors import InvalidValue
from arbiter.model.events import SignalSeen
from arbiter.model.ids import Actor
from arbiter.model.money import common_step, floor_to, from_float, plain
from arbiter.model.plans import Plan, Signal
from arbiter.model.trades import Trade, TradeState
from arbiter.runtime.core import TradingCore

TOO_LATE = "its orders are all at their end or unwinding"


class Refusal(msgspec.Struct, frozen=True):
    """Why nothing was done, in words; `denied` when it was the gate."""

    reason: str
    denied: Denied | None = None


class SpotDesk:
    def __init__(self, core: TradingCore) -> None:
        self._core = core

    async def execute(
        self, signal: Signal, quantity: Decimal | None, actor: Actor
    ) -> Trade | Refusal:
        """Trade a signal at the prices of this moment; returns once the intents are durable.

        `quantity` in base units; None takes what sizing gives. The edge must still stand.
        """
        plan = self._plan(signal, quantity, actor)
        if isinstance(plan, Refusal):
            return plan
        opened = self._core.propose(plan)
        if isinstance(opened, Denied):
            return Refusal(str(opened), opened)
        now = self._core.recorder.now_ns()
        self._core.spot.note_traded(signal, now)
        executed = msgspec.structs.replace(signal, executed=True, verdict="")
        durable = asyncio.Event()
        self._core.recorder.record(SignalSeen(at_ns=now, signal=executed), then=durable.set)
        await durable.wait()
        return opened.trade

    def cancel(self, trade: Trade, actor: Actor) -> Refusal | None:
        """Withdraw what was not sent and ask the venues to cancel the rest.

        What one leg filled alone is dealt with as after any other failed leg.
        """
        if trade.state not in {TradeState.PLANNED, TradeState.WORKING}:
            return Refusal(f"Trade {trade.seq} is {trade.state.lower()}: {TOO_LATE}")
        self._core.floor.withdraw(trade.id, f"cancelled by {actor}")
        return None

    def _plan(self, signal: Signal, quantity: Decimal | None, actor: Actor) -> Plan | Refusal:
        core = self._core
        if signal.executed:
            return Refusal(f"Signal {signal.seq} was executed already")
        now = core.recorder.now_ns()
        buy, sell = (core.registry.slot(i) for i in (signal.buy_instrument, signal.sell_instrument))
        ask, bid = core.board.quote_at(buy), core.board.quote_at(sell)
        if ask is None or bid is None:
            gone = deny(DenialCode.QUOTE_MISSING, symbol=signal.symbol)
            return Refusal(str(gone), gone)
        edge, needed = core.board.edge(buy, sell), core.spot.settings.min_profit_threshold
        if edge < float(needed):
            gone = deny(DenialCode.EDGE_GONE, edge=f"{edge:.6f}", needed=needed)
            return Refusal(str(gone), gone)
        current = msgspec.structs.replace(
            signal, buy_price=from_float(ask.ask), sell_price=from_float(bid.bid)
        )
        scale = core.gate.size_scale(now)
        plan = core.spot.plan(current, core.gate.spendable, now, scale)
        if isinstance(plan, str):
            return Refusal(plan)
        plan = msgspec.structs.replace(plan, actor=actor)
        return plan if quantity is None else self._sized(plan, quantity, ask.ask_size, bid.bid_size)

    def _sized(
        self, plan: Plan, quantity: Decimal, ask_size: float, bid_size: float
    ) -> Plan | Refusal:
        """Take the asked quantity, on both lots and within what both books show."""
        buy, sell = (self._core.registry.by_id(leg.instrument) for leg in plan.legs)
        step = common_step(buy.lot, sell.lot)
        size = floor_to(quantity, step)
        if size <= 0:
            return Refusal(f"quantity {plain(quantity)} is below the lot of {plain(step)}")
        shown = min(from_float(ask_size), from_float(bid_size))
        if size > shown:
            return Refusal(f"quantity {plain(size)} is more than both books show: {plain(shown)}")
        try:
            legs = tuple(msgspec.structs.replace(leg, size=size) for leg in plan.legs)
        except InvalidValue as error:
            return Refusal(str(error))
        return msgspec.structs.replace(plan, legs=legs)
