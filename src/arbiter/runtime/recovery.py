"""Recovery: starting up is asking every venue what happened while nobody was looking.

Fills the ledger lacks are booked, orders without a last word are asked for and closed, balances
that moved without us are booked as external. Nothing is opened before this ends; doing it again
changes nothing.
"""

import asyncio
from collections.abc import Mapping, Sequence

import msgspec
import structlog

from arbiter.ledger.ledger import Ledger
from arbiter.model.errors import OutcomeUnknown, TryAgain
from arbiter.model.events import (
    AlertRaised,
    BalanceOpened,
    ExternalChange,
    OrderAbandoned,
    TradeAdvanced,
)
from arbiter.model.ids import VenueId
from arbiter.model.money import plain
from arbiter.model.orders import Fill, Order, OrderStatus
from arbiter.model.reports import Absent, Holding
from arbiter.model.trades import Trade, TradeState
from arbiter.ports.venue import OrderClient
from arbiter.runtime.floor import TradingFloor
from arbiter.runtime.outcomes import Outcomes
from arbiter.runtime.recorder import Recorder

log = structlog.get_logger(__name__)

NEVER_SENT = "the engine stopped before it was sent"
_PATIENCE_S = 0.5
"""Between two attempts to reach a venue or to see an order closed."""


class VenueRecovery(msgspec.Struct, frozen=True, kw_only=True):
    """What was found and mended at one venue."""

    venue: VenueId
    fills_booked: int
    orders_closed: int
    balances_opened: int
    external_changes: int


class Recovery:
    def __init__(
        self,
        *,
        ledger: Ledger,
        recorder: Recorder,
        outcomes: Outcomes,
        floor: TradingFloor,
        clients: Mapping[VenueId, OrderClient],
    ) -> None:
        self._ledger = ledger
        self._recorder = recorder
        self._outcomes = outcomes
        self._floor = floor
        self._clients = clients

    async def run(self, since_ns: int) -> list[VenueRecovery]:
        """Bring the ledger to what the venues say, then take up the open trades.

        `since_ns` bounds how far back fills are asked for. A venue that does not answer is asked
        again until it does: without its word nothing can be known to be flat.
        """
        self._floor.hush()
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._venue(client, since_ns), name=f"recover {venue}")
                for venue, client in self._clients.items()
            ]
        for trade in tuple(self._ledger.open_trades()):
            self._classify(trade)
        self._floor.resume(tuple(self._ledger.open_trades()))
        return [task.result() for task in tasks]

    async def _venue(self, client: OrderClient, since_ns: int) -> VenueRecovery:
        while True:
            try:
                return await self._ask_all(client, since_ns)
            except (TryAgain, OutcomeUnknown) as error:
                log.warning("venue does not answer yet", venue=client.venue, why=str(error))
                await asyncio.sleep(_PATIENCE_S)

    async def _ask_all(self, client: OrderClient, since_ns: int) -> VenueRecovery:
        fills = await client.fills_since(since_ns)
        booked = self._outcomes.book(fills)
        closed = 0
        for order in self._orders_at(client.venue):
            await self._close(client, order, fills)
            closed += 1
        opened, external = self._compare(await client.holdings())
        return VenueRecovery(
            venue=client.venue,
            fills_booked=booked,
            orders_closed=closed,
            balances_opened=opened,
            external_changes=external,
        )

    def _orders_at(self, venue: VenueId) -> list[Order]:
        return [o for o in self._ledger.orders.values() if o.venue == venue and o.open]

    async def _close(self, client: OrderClient, order: Order, fills: Sequence[Fill]) -> None:
        """Ask about one order until it has its last word; cancel it while it works."""
        cancelled = False
        while True:
            order = self._ledger.orders[order.client_order_id]
            if order.status.terminal:
                return
            answer = await client.query(order.client_order_id, order.instrument)
            if isinstance(answer, Absent) and order.status is OrderStatus.CREATED:
                self._abandon(order)
                return
            own = [fill for fill in fills if fill.client_order_id == order.client_order_id]
            self._outcomes.on_answer(order, answer, own)
            order = self._ledger.orders[order.client_order_id]
            if order.status.terminal:
                return
            if not cancelled:
                await client.cancel(order)
                cancelled = True
            fills = await client.fills_since(order.created_ns)
            await asyncio.sleep(_PATIENCE_S)

    def _abandon(self, order: Order) -> None:
        self._recorder.record(
            OrderAbandoned(
                at_ns=self._recorder.now_ns(),
                client_order_id=order.client_order_id,
                reason=NEVER_SENT,
            )
        )

    def _compare(self, holdings: Sequence[Holding]) -> tuple[int, int]:
        """Book what the venue holds and the ledger does not know; give (opened, external)."""
        opened = external = 0
        for held in holdings:
            now = self._recorder.now_ns()
            balance = self._ledger.balances.get((held.venue, held.asset))
            if balance is None:
                self._recorder.record(
                    BalanceOpened(at_ns=now, venue=held.venue, asset=held.asset, total=held.total)
                )
                opened += 1
            elif balance.total != held.total:
                delta = held.total - balance.total
                text = (
                    f"{held.venue} holds {plain(held.total)} {held.asset}, "
                    f"{plain(delta)} more than the ledger; booked as external"
                )
                self._recorder.record(
                    ExternalChange(
                        at_ns=now,
                        venue=held.venue,
                        asset=held.asset,
                        delta=delta,
                        reason="found at start",
                    ),
                    AlertRaised(at_ns=now, severity="warning", code="EXTERNAL_CHANGE", text=text),
                )
                external += 1
        return opened, external

    def _classify(self, trade: Trade) -> None:
        """Give a trade that had only been planned the state its orders are in."""
        if trade.state is not TradeState.PLANNED:
            return
        orders = self._ledger.orders_of(trade.id)
        never = all(order.status is OrderStatus.ABANDONED for order in orders)
        self._recorder.record(
            TradeAdvanced(
                at_ns=self._recorder.now_ns(),
                trade_id=trade.id,
                state=TradeState.ABANDONED if never else TradeState.WORKING,
                reason=NEVER_SENT if never else "found at the venue after a restart",
            )
        )
