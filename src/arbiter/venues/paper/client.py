"""A paper venue: an order client whose venue is a simulated exchange in this process.

It is shown the real venue's quotes, and remembers its account in a folder of its own: a restart
finds the orders, fills and balances where they were. Orders and reports travel as long as they
would to the real venue.
"""

import asyncio
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path

from arbiter.matching.event_exchange import EventExchange
from arbiter.matching.latency import LatencySettings
from arbiter.matching.orders import request_of
from arbiter.matching.state import ExchangeState, fold
from arbiter.model.errors import InvalidValue
from arbiter.model.ids import Asset, ClientOrderId, InstrumentId, VenueId
from arbiter.model.instruments import Instrument
from arbiter.model.orders import Fill, Order
from arbiter.model.perpetuals import (
    ForcedClose,
    FundingPayment,
    FundingRate,
    MarginBalance,
    VenuePosition,
    is_margined,
)
from arbiter.model.reports import (
    Absent,
    Accepted,
    FillSettled,
    Holding,
    OrderTruth,
    Refused,
    Unknown,
    VenueReport,
)
from arbiter.model.time import NS_PER_S
from arbiter.ports.clock import Clock
from arbiter.ports.venue import ReportSink
from arbiter.venues.sim.store import Snapshot, Store

_NOT_SENT = "NOT_SENT"
_NEAR = LatencySettings()


class PaperClient:
    """Implements `ports.OrderClient` and, for contracts on margin, `ports.MarginClient`."""

    def __init__(
        self,
        venue: VenueId,
        instruments: Iterable[Instrument],
        balances: Mapping[Asset, Decimal],
        folder: Path,
        clock: Clock,
        latency: LatencySettings = _NEAR,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._venue = venue
        self._clock = clock
        self._listed = {i.id: i for i in instruments}
        self._on_margin = any(is_margined(i) for i in self._listed.values())
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._store = Store(folder)
        snapshot, steps = self._store.load()
        known = next((s for s in snapshot.venues if s.venue == venue), ExchangeState(venue=venue))
        self._exchange = EventExchange(
            venue, self._listed.values(), latency, draw=draw, record=self._store.append
        )
        now = clock.now_ns()
        self._exchange.restore(fold(known, steps), now)
        self._exchange.open_account(balances, now)
        self._sink: ReportSink | None = None
        self._waiting: dict[ClientOrderId, asyncio.Future[Accepted | Refused]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._due: dict[InstrumentId, FundingRate] = {}
        self.following = asyncio.Event()

    @property
    def venue(self) -> VenueId:
        return self._venue

    def quoted(
        self, instrument: InstrumentId, bid: float, ask: float, bid_size: float, ask_size: float
    ) -> None:
        """Show a real quote; a crossed or empty one shows nothing."""
        if not (0.0 < bid < ask and bid_size > 0.0 and ask_size > 0.0):
            return
        now = self._clock.now_ns()
        self._deliver(self._exchange.on_quote(instrument, bid, ask, bid_size, ask_size, now))

    def funded(self, rates: Iterable[FundingRate]) -> None:
        """Take published funding: marks at once, payments when a settlement has passed."""
        now = self._clock.now_ns()
        for rate in rates:
            if rate.instrument not in self._listed or rate.venue != self._venue:
                continue
            before = self._due.get(rate.instrument)
            self._due[rate.instrument] = rate
            self._deliver(self._exchange.on_mark(rate.instrument, rate.mark, now))
            if before is not None and before.next_funding_ns <= now < rate.next_funding_ns:
                self._deliver(
                    self._exchange.settle_funding(
                        rate.instrument, before.rate, rate.mark, before.next_funding_ns, now
                    )
                )

    def admit(self, instruments: Iterable[Instrument], _slots: Mapping[InstrumentId, int]) -> None:
        """Take orders in these event markets too."""
        for instrument in instruments:
            self._listed[instrument.id] = instrument
            self._exchange.list_market(instrument)

    def resolved(self, instrument: InstrumentId, payout: Decimal) -> None:
        """Pay a market out, and take no more orders there."""
        self._deliver(self._exchange.resolve(instrument, payout, self._clock.now_ns()))

    # ports.OrderClient

    async def submit(self, order: Order) -> Accepted | Refused | Unknown:
        name = order.client_order_id
        try:
            request = request_of(order, on_margin=self._on_margin)
        except InvalidValue as error:
            return Refused(
                venue=self._venue,
                at_ns=self._clock.now_ns(),
                client_order_id=name,
                code=_NOT_SENT,
                reason=f"not sent: {error}",
            )
        answer: asyncio.Future[Accepted | Refused] = asyncio.get_running_loop().create_future()
        self._waiting[name] = answer
        self._deliver(self._exchange.submit(request, self._clock.now_ns()))
        return await answer

    async def cancel(self, order: Order) -> None:
        self._deliver(self._exchange.cancel(order.client_order_id, self._clock.now_ns()))

    async def query(
        self, client_order_id: ClientOrderId, instrument: InstrumentId
    ) -> OrderTruth | Absent:
        return self._exchange.query(client_order_id, self._clock.now_ns())

    async def open_orders(self) -> Sequence[OrderTruth]:
        return self._exchange.open_orders()

    async def fills_since(self, since_ns: int) -> Sequence[Fill]:
        return self._exchange.fills_since(since_ns)

    async def holdings(self) -> Sequence[Holding]:
        return self._exchange.holdings()

    async def instruments(self) -> Sequence[Instrument]:
        return list(self._listed.values())

    async def run(self, sink: ReportSink) -> None:
        self._sink = sink
        self.following.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.following.clear()
            self._sink = None
            if self._timer is not None:
                self._timer.cancel()
            self.close()

    def close(self) -> None:
        """Fold what was stored into one snapshot."""
        self._store.compact(Snapshot(venues=[self._exchange.state()]))
        self._store.close()

    # ports.MarginClient

    async def positions(self) -> Sequence[VenuePosition]:
        return self._exchange.margin.told(self._clock.now_ns())

    async def margin_balances(self) -> Sequence[MarginBalance]:
        return self._exchange.margin.balances()

    async def payments_since(self, since_ns: int) -> Sequence[FundingPayment]:
        return self._exchange.margin.payments_since(since_ns)

    async def forced_since(self, since_ns: int) -> Sequence[ForcedClose]:
        return self._exchange.margin.forced_since(since_ns)

    async def settled_since(self, since_ns: int) -> Sequence[FillSettled]:
        """A match is final here."""
        del since_ns
        return ()

    async def set_leverage(self, instrument: InstrumentId, leverage: Decimal) -> None:
        self._exchange.set_leverage(instrument, leverage, self._clock.now_ns())

    # Delivery.

    def _deliver(self, reports: Iterable[VenueReport]) -> None:
        for report in reports:
            if isinstance(report, Accepted | Refused):
                waiting = self._waiting.pop(report.client_order_id, None)
                if waiting is not None and not waiting.done():
                    waiting.set_result(report)
            elif self._sink is not None:
                self._sink.on_report(report)
        self._schedule()

    def _schedule(self) -> None:
        due_ns = self._exchange.next_due_ns
        if due_ns is None:
            return
        if self._timer is not None:
            self._timer.cancel()
        delay_s = max(due_ns - self._clock.now_ns(), 0) / NS_PER_S
        self._timer = asyncio.get_running_loop().call_later(delay_s, self._on_due)

    def _on_due(self) -> None:
        self._timer = None
        self._deliver(self._exchange.due(self._clock.now_ns()))
