"""The real decision core in the latency benchmark: everything but the commit and the network.

``python -m benchmarks.latency_core QUOTES_FD ORDERS_FD``. The journal is in memory and commits at
once; the outbox, its tasks and the supervisor are the engine's own, and orders are written as its venues write
them.
"""

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Any, cast

import uvloop

from arbiter.execution.settings import ExecutionSettings
from arbiter.kernels.warm import warm
from arbiter.ledger.ledger import Ledger
from arbiter.model.changes import Changes
from arbiter.model.events import BalanceOpened, Event
from arbiter.model.ids import Asset, ClientOrderId, VenueId, VenueOrderId
from arbiter.model.money import use_wide_context
from arbiter.model.orders import Fill, Liquidity, Order, OrderStatus
from arbiter.model.reports import Accepted, Ended, Filled, Refused, Unknown
from arbiter.opportunities.spot_settings import SpotSettings
from arbiter.ports.journal import Journal
from arbiter.ports.venue import Answering, OrderClient
from arbiter.risk.limits import RiskLimits
from arbiter.runtime.assembly import CoreSettings, assemble_core
from arbiter.runtime.clock import SystemClock, SystemIds
from arbiter.runtime.collector import spare_the_collector
from arbiter.runtime.core import TradingCore
from arbiter.runtime.hub import EventHub
from arbiter.runtime.outbox import LiveOutbox
from arbiter.runtime.supervisor import Supervisor
from benchmarks.bench_quote_cost import VENUES, make_registry
from benchmarks.latency_links import OrderLink, QuoteLink, connect
from benchmarks.latency_wire import SYMBOLS, FillOnWire, OrderOnWire

RICH = Decimal(10_000_000)


class AtOnce:
    """A journal whose commits take no time."""

    healthy = True

    def append(
        self,
        events: Sequence[Event],
        changes: Changes,
        then: Callable[[], None] | None = None,
    ) -> None:
        del events, changes
        if then is not None:
            then()


class Venue:
    """Submits over the benchmark's connection; whatever is accepted fills at once."""

    def __init__(self, venue: VenueId, link: OrderLink, sent: dict[str, Order]) -> None:
        self._venue = venue
        self._link = link
        self._sent = sent

    async def submit(self, order: Order) -> Accepted | Refused | Unknown:
        return await self.submit_now(order)()

    def submit_now(self, order: Order) -> Answering:
        self._sent[order.client_order_id] = order
        self._link.post(
            OrderOnWire(
                id=order.client_order_id,
                instrument=order.instrument,
                side=order.side,
                size=str(order.size),
                price=str(order.price),
            )
        )
        return partial(self._answer, order)

    async def _answer(self, order: Order) -> Accepted | Refused | Unknown:
        await self._link.answer(order.client_order_id)
        return Accepted(
            venue=self._venue,
            at_ns=time.time_ns(),
            client_order_id=order.client_order_id,
            venue_order_id=VenueOrderId(f"v-{order.client_order_id}"),
        )


class Fills:
    """Turns the venue's answers into reports."""

    def __init__(self) -> None:
        self.sent: dict[str, Order] = {}
        self.core: TradingCore | None = None

    def take(self, answer: FillOnWire) -> None:
        core, order = self.core, self.sent.pop(answer.id)
        assert core is not None
        now = time.time_ns()
        fill = Fill(
            venue=order.venue,
            venue_trade_id=f"t-{answer.id}",
            client_order_id=ClientOrderId(answer.id),
            instrument=order.instrument,
            side=order.side,
            size=order.size,
            price=order.planned_price,
            fee=order.size * order.planned_price / 1000,
            fee_asset="USDT",
            liquidity=Liquidity.TAKER,
            at_ns=now,
        )
        core.on_report(Filled(venue=order.venue, at_ns=now, fill=fill))
        core.on_report(
            Ended(
                venue=order.venue,
                at_ns=now,
                client_order_id=ClientOrderId(answer.id),
                status=OrderStatus.FILLED,
                filled_size=order.size,
            )
        )


def make_core(clients: Mapping[VenueId, Any], journal: Journal) -> tuple[TradingCore, LiveOutbox]:
    """Assemble a core that trades every wide spread, with funds and limits out of the way."""
    clock = SystemClock()
    registry = make_registry(SYMBOLS)
    outbox = LiveOutbox(cast(Mapping[VenueId, OrderClient], clients), clock)
    core = assemble_core(
        CoreSettings(
            mode="sim",
            spot=SpotSettings(
                use_trend_filter=False, cooldown_seconds=0.1, max_trades_per_hour=1_000_000
            ),
            limits=RiskLimits(
                max_concurrent_trades=1_000,
                max_total_exposure_usd=RICH,
                capital_base_usd=RICH,
                daily_loss_limit_usd=RICH,
            ),
            execution=ExecutionSettings(),
        ),
        registry=registry,
        ledger=Ledger(),
        clock=clock,
        ids=SystemIds(),
        journal=journal,
        outbox=outbox,
        hub=EventHub(),
        usd_rate={Asset("USDT"): Decimal(1)}.get,
        baselines={},
    )
    for instrument in registry.instruments:
        for asset in (instrument.base, instrument.quote):
            if (instrument.venue, asset) not in core.ledger.balances:
                now = clock.now_ns()
                core.recorder.record(
                    BalanceOpened(at_ns=now, venue=instrument.venue, asset=asset, total=RICH)
                )
    for venue in VENUES:
        core.on_venue_health(VenueId(venue), connected=True, reason="")
    core.rebase()
    core.state.started = True
    return core, outbox


async def main() -> None:
    """Run until the quotes end."""
    warm()
    use_wide_context()
    fills = Fills()
    orders = await connect(int(sys.argv[2]), lambda: OrderLink(fills.take))
    clients = {VenueId(v): Venue(VenueId(v), orders, fills.sent) for v in VENUES}
    core, outbox = make_core(clients, AtOnce())
    fills.core = core
    async with Supervisor() as supervisor:
        outbox.open(core, supervisor.spawn)
        spare_the_collector()
        quotes = await connect(int(sys.argv[1]), lambda: QuoteLink(core.on_quote))
        await quotes.ended
        if supervisor.failure is not None:
            raise SystemExit(supervisor.failure)
    orders.close()


if __name__ == "__main__":
    uvloop.run(main())
