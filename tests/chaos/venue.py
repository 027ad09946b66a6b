"""One venue of the virtual world: a simulated exchange behind a faulty way to it."""

import asyncio
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import partial
from typing import TypeVar

from arbiter.matching.exchange import SimulatedExchange
from arbiter.matching.faults import Fault, Faults
from arbiter.matching.orders import request_of
from arbiter.model.errors import OutcomeUnknown, RateLimited
from arbiter.model.ids import Asset, ClientOrderId, InstrumentId, VenueId
from arbiter.model.instruments import Instrument
from arbiter.model.money import ZERO, from_float
from arbiter.model.orders import Fill, Order
from arbiter.model.perpetuals import (
    ForcedClose,
    FundingPayment,
    MarginBalance,
    VenuePosition,
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
from arbiter.model.time import NS_PER_MS, NS_PER_S
from arbiter.ports.venue import ReportSink
from tests.chaos.virtual_loop import VirtualClock, VirtualLoop

T = TypeVar("T")

TIMEOUT_S = 5.0
_DUPLICATE = "DUPLICATE_CLIENT_ORDER_ID"


class VirtualVenue:
    """Implements `ports.OrderClient` and `ports.MarginClient`; `sink` is whoever follows its private stream now."""

    def __init__(
        self,
        venue: VenueId,
        instruments: Sequence[Instrument],
        faults: Faults,
        loop: VirtualLoop,
        draw: Callable[[], float],
    ) -> None:
        self._venue = venue
        self.exchange = SimulatedExchange(venue, instruments)
        self.faults = faults
        self._loop = loop
        self._clock = VirtualClock(loop)
        self._draw = draw
        self.sink: ReportSink | None = None
        self.submitted: dict[ClientOrderId, int] = {}
        """How often each order was handed over by an engine."""
        self.refusals: list[str] = []
        """Reasons for which the next orders are refused, one each."""

    @property
    def venue(self) -> VenueId:
        return self._venue

    # The order client

    async def submit(self, order: Order) -> Accepted | Refused | Unknown:
        key = order.client_order_id
        self.submitted[key] = self.submitted.get(key, 0) + 1
        request = request_of(order, on_margin=order.instrument in self.exchange.margin)

        def arrive() -> VenueReport:
            refusal = self._closed(request.instrument)
            if refusal is None and self.refusals:
                refusal = self.refusals.pop(0)
            if refusal is not None:
                return self._refused(key, refusal)
            reports = self.exchange.submit(request, self._now())
            (answer,) = [r for r in reports if isinstance(r, Accepted | Refused)]
            self._tell([r for r in reports if r is not answer])
            return answer

        try:
            answer = await self._call("submit", arrive)
        except RateLimited as error:
            return self._refused(key, str(error))
        except OutcomeUnknown as error:
            return self._unknown(key, str(error))
        if isinstance(answer, Refused) and answer.reason.startswith(_DUPLICATE):
            return self._unknown(key, answer.reason)
        assert isinstance(answer, Accepted | Refused)
        return answer

    async def cancel(self, order: Order) -> None:
        def arrive() -> None:
            self._tell(self.exchange.cancel(order.client_order_id, self._now()))

        await self._call("cancel", arrive)

    async def query(
        self, client_order_id: ClientOrderId, instrument: InstrumentId
    ) -> OrderTruth | Absent:
        del instrument
        return await self._call("query", lambda: self.exchange.query(client_order_id, self._now()))

    async def open_orders(self) -> Sequence[OrderTruth]:
        return await self._call("open_orders", self.exchange.open_orders)

    async def fills_since(self, since_ns: int) -> Sequence[Fill]:
        return await self._call("fills", lambda: self.exchange.fills_since(since_ns))

    async def holdings(self) -> Sequence[Holding]:
        return await self._call("holdings", self.exchange.holdings)

    async def instruments(self) -> Sequence[Instrument]:
        return self.exchange.instruments

    # The margin account

    async def positions(self) -> Sequence[VenuePosition]:
        return await self._call("positions", lambda: self.exchange.margin.told(self._now()))

    async def margin_balances(self) -> Sequence[MarginBalance]:
        return await self._call("positions", self.exchange.margin.balances)

    async def payments_since(self, since_ns: int) -> Sequence[FundingPayment]:
        margin = self.exchange.margin
        return await self._call("payments", lambda: margin.payments_since(since_ns))

    async def forced_since(self, since_ns: int) -> Sequence[ForcedClose]:
        margin = self.exchange.margin
        return await self._call("payments", lambda: margin.forced_since(since_ns))

    async def settled_since(self, since_ns: int) -> Sequence[FillSettled]:
        """A match is final here."""
        del since_ns
        return ()

    async def set_leverage(self, instrument: InstrumentId, leverage: Decimal) -> None:
        def arrive() -> None:
            self.exchange.set_leverage(instrument, leverage, self._now())

        await self._call("leverage", arrive)

    async def run(self, sink: ReportSink) -> None:
        self.sink = sink
        try:
            await asyncio.Event().wait()
        finally:
            if self.sink is sink:
                self.sink = None

    # The world's side

    def quote(self, instrument: InstrumentId, bid: float, ask: float, size: float) -> None:
        """Show a top of book; of what is shown, less may be there."""
        bid_size, ask_size = self.faults.shown(size), self.faults.shown(size)
        self._tell(self.exchange.on_quote(instrument, bid, ask, bid_size, ask_size, self._now()))

    def mark(self, instrument: InstrumentId, price: float) -> None:
        """Tell a perpetual's mark; what has no margin left for it is liquidated."""
        self._tell(self.exchange.on_mark(instrument, from_float(price), self._now()))

    def move(self, asset: Asset, delta: Decimal) -> None:
        """Change a balance as nobody of ours asked for (deposit, reward, manual trade)."""
        state = self.exchange.state()
        total, locked = state.balances.get(asset, (ZERO, ZERO))
        state.balances[asset] = (max(total + delta, locked), locked)
        self.exchange.restore(state, self._now())
        self.faults.counts[Fault.EXTERNAL_CHANGE] += 1

    def exchange_total(self, asset: str) -> Decimal:
        return self.totals().get(Asset(asset), ZERO)

    def totals(self) -> dict[Asset, Decimal]:
        return {held.asset: held.total for held in self.exchange.holdings()}

    async def _call(self, kind: str, arrive: Callable[[], T]) -> T:
        """Carry a request there and its answer back; what arrives, arrives whoever still waits."""
        fate = self.faults.on_call(kind, self._clock.monotonic_ns())
        answer: asyncio.Future[T] = self._loop.create_future()

        def at_venue() -> None:
            if self.faults.active(Fault.BLACKHOLE, self._clock.monotonic_ns()):
                return
            result = arrive()
            if fate.answer is not None and fate.error is None:
                self._later(fate.answer + self._travel_ns(), lambda: _set(answer, result))

        for delay in fate.arrivals:
            self._later(delay + self._travel_ns(), at_venue)
        if fate.error is not None:
            await asyncio.sleep(self._travel_ns() / NS_PER_S)
            if fate.error is Fault.RATE_LIMITED:
                raise RateLimited(f"{self._venue} answers 429", retry_after_ms=500)
            raise OutcomeUnknown(f"{self._venue} answers 500")
        try:
            async with asyncio.timeout(TIMEOUT_S):
                return await answer
        except TimeoutError:
            raise OutcomeUnknown(f"{self._venue} did not answer in {TIMEOUT_S} s") from None

    def _closed(self, instrument: InstrumentId) -> str | None:
        now = self._clock.monotonic_ns()
        if self.faults.active(Fault.DELISTING, now, instrument):
            self.faults.counts[Fault.DELISTING] += 1
            return "BadSymbol: delisted"
        if self.faults.active(Fault.MAINTENANCE, now):
            self.faults.counts[Fault.MAINTENANCE] += 1
            takers = self.faults.refuses_takers(now)
            return "post-only mode" if takers else "425: the engine restarts"
        return None

    def _tell(self, reports: Sequence[VenueReport]) -> None:
        """Send reports down the private stream, in order unless a fault says otherwise."""
        travel = self._travel_ns()
        for number, report in enumerate(reports):
            for delay in self.faults.on_report(report, self._clock.monotonic_ns()):
                self._later(travel + number + delay, partial(self._deliver, report))

    def _deliver(self, report: VenueReport) -> None:
        if self.sink is not None:
            self.sink.on_report(report)

    def _later(self, delay_ns: int, act: Callable[[], None]) -> None:
        self._loop.call_later(delay_ns / NS_PER_S, act)

    def _travel_ns(self) -> int:
        return int((2 + 8 * self._draw()) * NS_PER_MS)

    def _now(self) -> int:
        return self.faults.clock_ns(self._clock.monotonic_ns()) + self._epoch_ns

    @property
    def _epoch_ns(self) -> int:
        return self._clock.now_ns() - self._clock.monotonic_ns()

    def _refused(self, key: ClientOrderId, why: str) -> Refused:
        return Refused(
            venue=self._venue, at_ns=self._now(), client_order_id=key, code="X", reason=why
        )

    def _unknown(self, key: ClientOrderId, why: str) -> Unknown:
        return Unknown(venue=self._venue, at_ns=self._now(), client_order_id=key, why=why)


def _set(future: "asyncio.Future[T]", result: T) -> None:
    if not future.done():
        future.set_result(result)
