"""The close-out: while the kill switch flattens, positions that no other desk looks after are closed.

Funding pairs, event pairs, copies and agents' sessions are closed by the desks that opened them;
nobody watches over what was ordered by hand. Every decision is made from state: what the ledger
holds, what is under way, what the board shows. One order at a time closes what is left of a
position, by reduction alone; one that fills nothing, or is refused, is followed by a longer pause.
"""

import asyncio
from collections.abc import Iterator, Sequence
from decimal import Decimal

import msgspec
import structlog

from arbiter.execution.single import rests
from arbiter.execution.under_way import pause_ns
from arbiter.execution.ways_out import reach
from arbiter.model.agents import session_of
from arbiter.model.changes import Changes
from arbiter.model.denials import Denied
from arbiter.model.events import (
    Event,
    FillSettled,
    KillSwitchEngaged,
    PositionsCrossed,
    TradeAdvanced,
)
from arbiter.model.holdings import Position
from arbiter.model.ids import ENGINE, MANUAL, InstrumentId, StrategyId, TradeId
from arbiter.model.instruments import Instrument, InstrumentKind
from arbiter.model.money import ONE, ZERO
from arbiter.model.orders import Side
from arbiter.model.plans import Family, Leg, Plan
from arbiter.model.trades import Trade
from arbiter.ports.clock import Clock
from arbiter.runtime.core import TradingCore
from arbiter.runtime.looking import look_again
from arbiter.runtime.netting import in_account, reducible

LOOK_S = 1.0

log = structlog.get_logger(__name__)

Key = tuple[StrategyId, InstrumentId]


class _Tries(msgspec.Struct):
    """What came of the last attempts at one position; times are monotonic ns."""

    fruitless: int = 0
    next_ns: int = 0
    last: TradeId | None = None
    """Ordered, and not yet looked at since it ended."""


class CloseOut:
    """Runs for as long as the engine does; `watch` is a listener of the hub.

    `agents` says whether the agents' desk runs beside it. Where it does not, what its sessions
    still hold is closed here too.
    """

    def __init__(self, *, core: TradingCore, clock: Clock, agents: bool) -> None:
        self._core = core
        self._clock = clock
        self._agents = agents
        self._tries: dict[Key, _Tries] = {}
        self._wake = asyncio.Event()

    def watch(self, events: Sequence[Event], changes: Changes) -> None:
        del changes
        for event in events:
            if isinstance(event, KillSwitchEngaged | FillSettled | PositionsCrossed) or (
                isinstance(event, TradeAdvanced) and event.state.terminal
            ):
                self._wake.set()
                return

    async def run(self) -> None:
        await look_again(self._wake, self.tick, LOOK_S)

    def tick(self) -> None:
        """Look at every position of ours, while the kill switch is engaged to flatten."""
        state, latch = self._core.state, self._core.ledger.kill_switch
        if not (latch.engaged and latch.flatten):
            self._tries.clear()
            return
        if not state.started or state.stopping:
            return
        now = self._clock.monotonic_ns()
        for row in tuple(self._core.ledger.positions.values()):
            instrument = self._core.registry.get(row.instrument)
            if row.quantity and instrument is not None and self._is_ours(row.strategy):
                self._look(row, instrument, now)

    def _is_ours(self, strategy: StrategyId) -> bool:
        return strategy == MANUAL or (not self._agents and session_of(strategy) is not None)

    def _look(self, row: Position, instrument: Instrument, now: int) -> None:
        spot = instrument.kind is InstrumentKind.SPOT
        if spot and row.quantity < ZERO:
            return  # sold out of inventory: nothing of it is open
        tries = self._note_end((row.strategy, row.instrument), now)
        if now < tries.next_ns or self._core.ledger.unsettled(row.instrument):
            return
        under_way = list(self._under_way(row))
        if under_way:
            self._make_way(under_way, tries, now)
            return
        leg = self._closing(row, instrument)
        if leg is not None:
            self._order(row, leg, tries, now)

    def _note_end(self, key: Key, now: int) -> _Tries:
        """Rest after an order that filled nothing; longer with each."""
        tries = self._tries.setdefault(key, _Tries())
        trade = None if tries.last is None else self._core.ledger.trade(tries.last)
        if trade is not None and trade.state.terminal:
            tries.last = None
            if trade.bought or trade.sold:
                tries.fruitless = tries.next_ns = 0
            else:
                self._rest(tries, now)
        return tries

    def _under_way(self, row: Position) -> Iterator[Trade]:
        for trade in self._core.ledger.open_trades():
            if trade.strategy == row.strategy and any(
                leg.instrument == row.instrument for leg in trade.legs
            ):
                yield trade

    def _make_way(self, trades: Sequence[Trade], tries: _Tries, now: int) -> None:
        """Cancel once more what rests in a book: a cancel may be lost, or a person may order on."""
        ledger, floor = self._core.ledger, self._core.floor
        for trade in trades:
            if any(rests(order) for order in ledger.orders_of(trade.id)):
                floor.withdraw(trade.id, f"makes way: kill switch: {ledger.kill_switch.reason}")
                self._rest(tries, now)

    def _closing(self, row: Position, instrument: Instrument) -> Leg | None:
        """A marketable limit against what is held; None without a quote or for dust."""
        side = Side.SELL if row.quantity > ZERO else Side.BUY
        touch = self._core.touch(instrument.id, side)
        if touch is None:
            return None
        size = instrument.floor_size(self._there(row, instrument, side))
        limit = reach(instrument, side, touch, self._core.floor.settings.unwind_slippage_bps)
        if instrument.kind is InstrumentKind.BINARY:
            limit = min(limit, ONE - instrument.tick)
        if instrument.is_dust(size, limit):
            limit = instrument.floor_price(touch)  # at its touch it may be worth enough
            if instrument.is_dust(size, limit):
                return None
        return Leg(instrument=instrument.id, side=side, size=size, price=limit, planned_price=touch)

    def _there(self, row: Position, instrument: Instrument, side: Side) -> Decimal:
        """What may be closed of a position now.

        Of a coin no more than is free where it was bought; of a contract no more than the account,
        in which the venue nets all strategies, has left once orders under way are filled. What is
        held against another strategy is ended in the books.
        """
        ledger = self._core.ledger
        own = reducible(ledger, row.strategy, row.instrument, side)
        if instrument.kind is InstrumentKind.SPOT:
            return max(min(own, ledger.free(instrument.venue, instrument.base)), ZERO)
        if row.instrument not in ledger.margin_positions:
            return own
        taken = sum(
            (
                order.remaining
                for order in ledger.orders.values()
                if order.open and order.instrument == row.instrument and order.side is side
            ),
            ZERO,
        )
        return max(min(own, in_account(ledger, row.instrument, side) - taken), ZERO)

    def _order(self, row: Position, leg: Leg, tries: _Tries, now: int) -> None:
        plan = Plan(
            strategy=row.strategy,
            family=Family.MANUAL,
            actor=ENGINE,
            symbol=row.symbol,
            legs=(leg,),
            reduce_only=True,
            created_ns=self._clock.now_ns(),
        )
        decision = self._core.propose(plan)
        if isinstance(decision, Denied):
            log.warning("position not closed", instrument=row.instrument, why=str(decision))
            self._rest(tries, now)
            return
        tries.last = decision.trade.id

    def _rest(self, tries: _Tries, now: int) -> None:
        tries.next_ns = now + pause_ns(tries.fruitless, self._core.floor.settings)
        tries.fruitless += 1
