"""Recovery: starting up is asking every venue what happened while nobody was looking.

The reconciler's look is repeated at each venue until every order there has its last word and the
balances agree. Nothing is opened before this ends; doing it again changes nothing.
"""

import asyncio
from collections.abc import Mapping

import structlog

from arbiter.ledger.ledger import Ledger
from arbiter.model.errors import NO_ANSWER
from arbiter.model.events import AlertRaised, TradeAdvanced
from arbiter.model.ids import VenueId
from arbiter.model.orders import OrderStatus
from arbiter.model.time import NS_PER_S
from arbiter.model.trades import Trade, TradeState
from arbiter.ports.venue import OrderClient
from arbiter.runtime.floor import TradingFloor
from arbiter.runtime.outcomes import Outcomes
from arbiter.runtime.reconciled import VenueRecovery, sum_of
from arbiter.runtime.reconciler import (
    FILL_MARGIN_NS,
    NEVER_SENT,
    Reconciler,
)
from arbiter.runtime.recorder import Recorder

__all__ = ["NEVER_SENT", "Recovery", "VenueRecovery"]

log = structlog.get_logger(__name__)

_PATIENCE_S = 0.5
"""Between two looks at a venue that does not answer or has not closed everything."""


class Recovery:
    def __init__(
        self,
        *,
        ledger: Ledger,
        recorder: Recorder,
        outcomes: Outcomes,
        floor: TradingFloor,
        clients: Mapping[VenueId, OrderClient],
        reconciler: Reconciler,
    ) -> None:
        self._ledger = ledger
        self._recorder = recorder
        self._outcomes = outcomes
        self._floor = floor
        self._clients = clients
        self._reconciler = reconciler

    async def run(self, since_ns: int) -> list[VenueRecovery]:
        """Bring the ledger to what the venues say, then take up the open trades.

        `since_ns` bounds how far back fills are asked for. A venue that does not answer is asked
        again until it does: without its word nothing can be known to be flat.
        """
        self._floor.hush()
        waiting = set(self._clients)
        attending = asyncio.create_task(self._attend(waiting), name="attend to open trades")
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(
                        self._venue(client, since_ns, waiting), name=f"recover {venue}"
                    )
                    for venue, client in self._clients.items()
                ]
        finally:
            attending.cancel()
        self._take_up(waiting)
        self._floor.resume(tuple(self._ledger.open_trades()))
        return [task.result() for task in tasks]

    def _take_up(self, waiting: set[VenueId]) -> None:
        """Go on with the trades whose venues have all answered: a lone leg cannot wait for others."""
        for trade in tuple(self._ledger.open_trades()):
            if not self._venues_of(trade) & waiting:
                self._classify(trade)
                current = self._ledger.trades.get(trade.id)
                if current is not None:
                    self._floor.take_up(current)

    def _venues_of(self, trade: Trade) -> set[VenueId]:
        return {order.venue for order in self._ledger.orders_of(trade.id)}

    async def _attend(self, waiting: set[VenueId]) -> None:
        """Look after open trades while venues are still silent: a late fill may open one again."""
        loop = asyncio.get_running_loop()
        late = loop.time() + self._floor.flat_after_ns / NS_PER_S
        while True:
            await asyncio.sleep(_PATIENCE_S)
            self._take_up(waiting)
            if loop.time() >= late:
                self._hold(waiting)

    def _hold(self, waiting: set[VenueId]) -> None:
        """Hold the trades that a silent venue keeps open for too long, and call a person."""
        for trade in tuple(self._ledger.open_trades()):
            missing = self._venues_of(trade) & waiting
            if not missing or trade.state is TradeState.HELD:
                continue
            now = self._recorder.now_ns()
            why = f"no answer from {', '.join(sorted(missing))} since the start"
            text = f"trade {trade.seq} {trade.symbol} is held: {why}"
            self._recorder.record(
                TradeAdvanced(at_ns=now, trade_id=trade.id, state=TradeState.HELD, reason=why),
                AlertRaised(at_ns=now, severity="critical", code="UNHEDGED", text=text),
            )

    async def _venue(
        self, client: OrderClient, since_ns: int, waiting: set[VenueId]
    ) -> VenueRecovery:
        """Look until nothing is open and nothing differs; give the sum of what was mended.

        Where a row cannot be read, balances are not compared: then it is enough that every order
        has its last word, for nothing new is opened at that venue.
        """
        loop = asyncio.get_running_loop()
        began = loop.time()
        total = VenueRecovery(venue=client.venue)
        oldest = min(
            (o.created_ns for o in self._reconciler.open_at(client.venue)), default=since_ns
        )
        margin_since_ns = min(since_ns, oldest) - FILL_MARGIN_NS
        since_ns -= FILL_MARGIN_NS
        while True:
            grace = loop.time() - began < self._floor.absent_after_ns / 1e9
            try:
                found = await self._reconciler.look(
                    client,
                    since_ns,
                    starting=True,
                    grace=grace,
                    margin_since_ns=margin_since_ns,
                )
            except NO_ANSWER as error:
                log.warning("venue does not answer yet", venue=client.venue, why=str(error))
            else:
                total = sum_of(total, found)
                seen = self._reconciler.seen_from(client.venue)
                if seen is not None:
                    since_ns = margin_since_ns = seen
                settled = not self._reconciler.unsettled_at(client.venue)
                if settled and (found.agrees or found.unread):
                    waiting.discard(client.venue)
                    self._take_up(waiting)
                    return total
            await asyncio.sleep(_PATIENCE_S)

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
