"""The engine's side of the simulated venues: one feed for all of them, an order client for each.

Market data and orders travel on connections of their own, so that a burst of quotes never stands
before an order.
"""

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np

from arbiter.markets.candles import COLUMNS, to_candles
from arbiter.matching.orders import OrderRequest, request_of
from arbiter.model.errors import (
    NO_ANSWER,
    InvalidValue,
    OutcomeUnknown,
    RateLimited,
    TryAgain,
    VenueRefused,
    VenueUnreachable,
)
from arbiter.model.ids import ClientOrderId, InstrumentId, VenueId
from arbiter.model.instruments import Instrument
from arbiter.model.orders import Fill, Order
from arbiter.model.quotes import Candle
from arbiter.model.reports import (
    Absent,
    Accepted,
    Ended,
    Filled,
    Holding,
    OrderTruth,
    Refused,
    Unknown,
)
from arbiter.ports.clock import Clock
from arbiter.ports.venue import Answering, QuoteSink, ReportSink
from arbiter.venues.common.backoff import Backoff
from arbiter.venues.sim import wire
from arbiter.venues.sim.link import SimLink

SILENCE_S = 3.0
"""A subscribed server sends at least a heartbeat every half second; past this it is gone."""

CONNECT_S = 3.0
"""How long a venue may take to answer a new connection."""

NOT_SENT = "NOT_SENT"
"""Code of our own: the order never left, so the venue cannot have it."""

A = TypeVar("A", bound=wire.Answer)


class SimFeed:
    """Quotes of all simulated venues in `slots` (instrument to board slot)."""

    def __init__(
        self,
        home: Path,
        slots: Mapping[InstrumentId, int],
        venues: Sequence[VenueId],
        clock: Clock,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._home = home
        self._slots = dict(slots)
        self._venues = tuple(venues)
        self._clock = clock
        self._backoff = Backoff(draw)
        self._heard_ns = 0

    async def run(self, sink: QuoteSink) -> None:
        """Connect, decode, reconnect; returns only when cancelled."""
        connected = False
        while True:
            why = "stopped"
            try:
                link, rows = await self._connect(sink)
            except (VenueUnreachable, OutcomeUnknown, VenueRefused) as error:
                why = str(error)
            else:
                connected = True
                self._tell(sink, connected=True, reason="")
                self._backoff.reset()
                try:
                    why = await self._until_lost(link)
                finally:
                    link.close()
                    rows.clear()
            if connected:
                self._tell(sink, connected=False, reason=why)
                connected = False
            await asyncio.sleep(self._backoff.delay_s())

    async def _connect(self, sink: QuoteSink) -> tuple[SimLink, dict[int, int]]:
        """Subscribe. The rows are known before the first quote: the answer comes before them."""
        slot_of: dict[int, int] = {}
        on_quote, now_ns, iterate = sink.on_quote, self._clock.now_ns, wire.QUOTE.iter_unpack
        waiting: list[bytes] = []

        def on_quotes(payload: bytes) -> None:
            self._heard_ns = self._clock.monotonic_ns()
            if not slot_of:
                waiting.append(payload)
                return
            receive_ns = now_ns()
            for row, bid, ask, bid_size, ask_size, at_ns in iterate(payload):
                on_quote(slot_of[row], bid, ask, bid_size, ask_size, at_ns, receive_ns)

        link = await SimLink.connect(self._home, on_quotes=on_quotes)
        with ExitStack() as undo:
            undo.callback(link.close)
            request = wire.Subscribe(id=link.next_id(), instruments=list(self._slots))
            answer = expect(await link.ask(request, SILENCE_S), wire.Subscribed)
            undo.pop_all()
        slot_of.update((row, self._slots[name]) for row, name in answer.rows)
        self._heard_ns = self._clock.monotonic_ns()
        for payload in waiting:
            on_quotes(payload)
        return link, slot_of

    async def _until_lost(self, link: SimLink) -> str:
        """Wait until the connection ends or has been silent for too long; gives the reason."""
        while True:
            done, _ = await asyncio.wait([link.closed], timeout=SILENCE_S / 2)
            if done:
                return link.closed.result()
            silent_s = (self._clock.monotonic_ns() - self._heard_ns) / 1e9
            if silent_s > SILENCE_S:
                return f"silent for {silent_s:.1f} s"

    def _tell(self, sink: QuoteSink, *, connected: bool, reason: str) -> None:
        for venue in self._venues:
            sink.on_venue_health(venue, connected=connected, reason=reason)


class SimOrderClient:
    """Orders and account of one simulated venue, over one connection.

    The connection is made when first needed and kept up by `run`. After a reconnect the reports
    missed meanwhile are repeated by the venue; where it cannot, fills are fetched and orders of
    this client without an end are asked for, so that the sink learns of everything either way.
    """

    on_margin = False
    """Whether the venue knows reduce-only orders."""

    def __init__(
        self,
        home: Path,
        venue: VenueId,
        clock: Clock,
        timeout_s: float = 5.0,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._home = home
        self._venue = venue
        self._clock = clock
        self._timeout_s = timeout_s
        self._backoff = Backoff(draw)
        self._link: SimLink | None = None
        self._attempt: asyncio.Task[SimLink] | None = None
        self._sink: ReportSink | None = None
        self._last_number: int | None = None
        self._last_fill_ns = clock.now_ns()
        self._unended: dict[ClientOrderId, InstrumentId] = {}
        self.following = asyncio.Event()
        """Set while the private stream is being followed."""

    @property
    def venue(self) -> VenueId:
        return self._venue

    @property
    def connected(self) -> bool:
        return self._link is not None and self._link.up

    async def submit(self, order: Order) -> Accepted | Refused | Unknown:
        """Send once. `Refused` with code `NOT_SENT` means that nothing left this process.

        Raises `RateLimited` when the venue says that it was one request too many.
        """
        try:
            told = request_of(order, on_margin=self.on_margin)
            return await self._answer(order, *self._post(await self._up(), order, told))
        except (InvalidValue, VenueUnreachable) as error:
            return self._not_sent(order.client_order_id, str(error))

    def submit_now(self, order: Order) -> Answering | None:
        """Write an order to a connection that is up; see `ports.PromptClient`."""
        link = self._link
        if link is None or not link.up:
            return None
        try:
            told = request_of(order, on_margin=self.on_margin)
        except InvalidValue:
            return None
        return partial(self._answer, order, *self._post(link, order, told))

    def _post(self, link: SimLink, order: Order, told: OrderRequest) -> tuple[SimLink, int]:
        request = wire.PlaceOrder(id=link.next_id(), venue=self._venue, order=told)
        link.post(request)
        self._unended[order.client_order_id] = order.instrument
        return link, request.id

    async def _answer(
        self, order: Order, link: SimLink, request_id: int
    ) -> Accepted | Refused | Unknown:
        """Wait for the answer to an order that has left."""
        name = order.client_order_id
        try:
            answer = await link.answer(request_id, self._timeout_s)
        except RateLimited:
            self._unended.pop(name, None)
            raise
        except OutcomeUnknown as error:
            return Unknown(
                venue=self._venue,
                at_ns=self._clock.now_ns(),
                client_order_id=name,
                why=str(error),
            )
        except VenueRefused as error:
            self._unended.pop(name, None)
            return Refused(
                venue=self._venue,
                at_ns=self._clock.now_ns(),
                client_order_id=name,
                code=error.code,
                reason=str(error),
            )
        if not isinstance(answer, wire.Placed):
            return Unknown(
                venue=self._venue,
                at_ns=self._clock.now_ns(),
                client_order_id=name,
                why=f"answered with {type(answer).__name__}",
            )
        if isinstance(answer.report, Refused):
            self._unended.pop(name, None)
        return answer.report

    async def cancel(self, order: Order) -> None:
        """Ask to cancel; the outcome arrives as a report.

        `VenueUnreachable` when nothing was sent, `OutcomeUnknown` when no answer came.
        """
        link = await self._up()
        request = wire.CancelOrder(
            id=link.next_id(), venue=self._venue, client_order_id=order.client_order_id
        )
        expect(await link.ask(request, self._timeout_s), wire.Done)

    async def query(
        self, client_order_id: ClientOrderId, instrument: InstrumentId
    ) -> OrderTruth | Absent:
        link = await self._up()
        request = wire.QueryOrder(
            id=link.next_id(), venue=self._venue, client_order_id=client_order_id
        )
        answer = expect(await link.ask(request, self._timeout_s), wire.OrderAnswer)
        truth = answer.order or answer.absent
        if truth is None:
            raise OutcomeUnknown(f"{self._venue} answered neither yes nor no")
        return truth

    async def open_orders(self) -> Sequence[OrderTruth]:
        link = await self._up()
        request = wire.ListOrders(id=link.next_id(), venue=self._venue)
        return expect(await link.ask(request, self._timeout_s), wire.OrderList).orders

    async def fills_since(self, since_ns: int) -> Sequence[Fill]:
        link = await self._up()
        request = wire.ListFills(id=link.next_id(), venue=self._venue, since_ns=since_ns)
        return expect(await link.ask(request, self._timeout_s), wire.FillList).fills

    async def holdings(self) -> Sequence[Holding]:
        link = await self._up()
        request = wire.ListHoldings(id=link.next_id(), venue=self._venue)
        return expect(await link.ask(request, self._timeout_s), wire.HoldingList).holdings

    async def instruments(self) -> Sequence[Instrument]:
        link = await self._up()
        request = wire.ListInstruments(id=link.next_id(), venue=self._venue)
        return expect(await link.ask(request, self._timeout_s), wire.InstrumentList).instruments

    async def history(self, instrument: InstrumentId) -> Sequence[Candle]:
        """Give the one-minute candles of the day before these venues first started."""
        link = await self._up()
        request = wire.GetHistory(id=link.next_id(), instrument=instrument)
        answer = expect(await link.ask(request, self._timeout_s), wire.History)
        rows = np.frombuffer(answer.rows, dtype="<f8").reshape(-1, len(COLUMNS))
        return to_candles(instrument, rows, answer.end_ns)

    async def run(self, sink: ReportSink) -> None:
        """Serve the private stream; returns only when cancelled."""
        self._sink = sink
        try:
            while True:
                try:
                    link = await self._up()
                    await self._follow(link, sink)
                    self._backoff.reset()
                    self.following.set()
                    await asyncio.wait([link.closed])
                except NO_ANSWER:
                    self._drop()
                self.following.clear()
                await asyncio.sleep(self._backoff.delay_s())
        finally:
            self.following.clear()
            self._sink = None
            self._drop()

    async def aclose(self) -> None:
        """End the connection of a client that is not running."""
        if self._attempt is not None:
            self._attempt.cancel()
        link, self._link = self._link, None
        if link is not None:
            link.close()
            await asyncio.wait([link.closed])

    async def _up(self) -> SimLink:
        """Give the connection, made anew where it is gone; all who wait share one attempt."""
        link = self._link
        if link is not None and link.up:
            return link
        attempt = self._attempt
        if attempt is None or attempt.done():
            attempt = self._attempt = asyncio.ensure_future(self._connect())
            attempt.add_done_callback(_heard)
        return await asyncio.shield(attempt)

    async def _connect(self) -> SimLink:
        """Connect and shake hands with the venue; whatever fails, nothing of ours was sent."""
        link = await SimLink.connect(self._home, on_report=self._on_report)
        with ExitStack() as undo:
            undo.callback(link.close)
            try:
                request = wire.OpenVenue(id=link.next_id(), venue=self._venue)
                expect(await link.ask(request, min(self._timeout_s, CONNECT_S)), wire.Done)
            except (TryAgain, OutcomeUnknown) as error:
                raise VenueUnreachable(f"{self._venue} lets nobody in: {error}") from error
            undo.pop_all()
        self._link = link
        return link

    def _drop(self) -> None:
        if self._attempt is not None:
            self._attempt.cancel()
        if self._link is not None:
            self._link.close()
            self._link = None

    async def _follow(self, link: SimLink, sink: ReportSink) -> None:
        request = wire.FollowReports(id=link.next_id(), venue=self._venue, after=self._last_number)
        answer = expect(await link.ask(request, self._timeout_s), wire.Following)
        if self._last_number is None or answer.missed:
            self._last_number = max(self._last_number or 0, answer.last)
        if answer.missed:
            self._last_number = answer.last
            await self._make_up(sink)

    async def _make_up(self, sink: ReportSink) -> None:
        """Fetch what the stream can no longer repeat; what comes twice is booked once."""
        for fill in await self.fills_since(self._last_fill_ns):
            sink.on_report(Filled(venue=self._venue, at_ns=fill.at_ns, fill=fill))
        for name, instrument in list(self._unended.items()):
            truth = await self.query(name, instrument)
            if isinstance(truth, OrderTruth) and truth.status.terminal:
                self._unended.pop(name, None)
                sink.on_report(
                    Ended(
                        venue=self._venue,
                        at_ns=truth.at_ns,
                        client_order_id=name,
                        status=truth.status,
                        filled_size=truth.filled_size,
                        reason="learned after a lost connection",
                    )
                )

    def _on_report(self, message: wire.StreamReport) -> None:
        report = message.report
        self._last_number = message.number
        if isinstance(report, Filled):
            self._last_fill_ns = report.fill.at_ns
        elif isinstance(report, Ended):
            self._unended.pop(report.client_order_id, None)
        if self._sink is not None:
            self._sink.on_report(report)

    def _not_sent(self, name: ClientOrderId, why: str) -> Refused:
        return Refused(
            venue=self._venue,
            at_ns=self._clock.now_ns(),
            client_order_id=name,
            code=NOT_SENT,
            reason=f"not sent: {why}",
        )


def _heard(attempt: "asyncio.Task[SimLink]") -> None:
    """Take note of a failed attempt even when whoever asked for it is gone."""
    if not attempt.cancelled():
        attempt.exception()


def expect(answer: wire.AnyAnswer, kind: type[A]) -> A:
    """Check that an answer is what was asked for; anything else is `OutcomeUnknown`."""
    if not isinstance(answer, kind):
        raise OutcomeUnknown(f"expected {kind.__name__}, was answered {type(answer).__name__}")
    return answer
