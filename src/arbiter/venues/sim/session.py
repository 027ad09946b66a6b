"""One client's connection to the simulated venues.

Requests are answered in the order they complete; a frame that is not the protocol ends the
connection and touches nothing else. A reader too slow for the market data gets, once it has
caught up, the newest quote of each instrument it missed: memory stays bounded.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import cast

import numpy as np
import numpy.typing as npt

from arbiter.matching.faults import CallFate, Fault
from arbiter.matching.orders import OrderRequest
from arbiter.matching.private import PrivateReport
from arbiter.model.errors import VenueRefused
from arbiter.model.ids import InstrumentId, VenueId
from arbiter.model.reports import Absent, Refused
from arbiter.model.time import NS_PER_S
from arbiter.venues.sim import wire
from arbiter.venues.sim.house import UnknownVenue, VenueHouse

_CALLS: dict[type[wire.Request], str] = {
    wire.PlaceOrder: "submit",
    wire.CancelOrder: "cancel",
    wire.QueryOrder: "query",
    wire.ListOrders: "open_orders",
    wire.ListFills: "fills",
    wire.ListHoldings: "holdings",
    wire.ListInstruments: "instruments",
    wire.OpenVenue: "connect",
    wire.FollowReports: "follow",
    wire.ListPositions: "positions",
    wire.ListPayments: "payments",
    wire.SetLeverage: "leverage",
    wire.GetFunding: "funding",
    wire.GetHistory: "history",
    wire.ListLeader: "leader",
    wire.ListEvents: "instruments",
}
"""Requests that faults befall, as `matching.faults` calls them: all that are for one venue."""
_RETRY_AFTER_MS = 500

PublicRequest = wire.GetInfo | wire.OpenVenue | wire.ListInstruments | wire.GetHistory
MarginRequest = wire.ListPositions | wire.ListPayments | wire.SetLeverage | wire.GetFunding

Sender = Callable[[wire.AnyAnswer], None]

QUOTE_BACKLOG = 256 << 10
"""Unsent bytes past which quotes are kept back and conflated."""
REPORT_BACKLOG = 64 << 20
"""Unsent bytes past which the client is given up: it can reconnect and ask for what it missed."""


class Session(asyncio.Protocol):
    """`table` is the server's newest quote per row; `told` is called after anything was sent."""

    def __init__(
        self,
        house: VenueHouse,
        table: npt.NDArray[np.void],
        info: Callable[[int], wire.Info],
        now_ns: Callable[[], int],
        on_activity: Callable[[], None],
        sessions: set["Session"],
    ) -> None:
        self._house = house
        self._table = table
        self._info = info
        self._now_ns = now_ns
        self._on_activity = on_activity
        self._sessions = sessions
        self._reader = wire.FrameReader(wire.LARGEST_REQUEST)
        self._transport: asyncio.Transport | None = None
        self._wanted: npt.NDArray[np.bool_] | None = None
        self._all = False
        self._behind: npt.NDArray[np.bool_] = np.zeros(len(table), dtype=np.bool_)
        self._following: set[VenueId] = set()
        self.conflated = 0
        """Quotes that were replaced by newer ones before they could be sent."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are not of asyncio's class.
        self._transport = cast(asyncio.Transport, transport)
        self._sessions.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._wanted = None
        self._house.unlisten(self._on_report)
        self._sessions.discard(self)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """End at once; what is still to be sent is not."""
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        try:
            for kind, payload in self._reader.feed(data):
                if kind != wire.MESSAGE:
                    raise wire.BadFrame("clients send messages only")
                self._take(wire.read_request(payload))
        except wire.BadFrame:
            self.abort()
        self._on_activity()

    # Market data.

    @property
    def wants_quotes(self) -> bool:
        return self._wanted is not None

    def send_quotes(self, rows: npt.NDArray[np.intp], framed: bytes) -> None:
        """Send one batch; `framed` is the whole of it, ready for those who want everything."""
        transport, wanted = self._transport, self._wanted
        if transport is None or wanted is None:
            return
        if transport.get_write_buffer_size() > QUOTE_BACKLOG:
            mine = rows if self._all else rows[wanted[rows]]
            self.conflated += int(self._behind[mine].sum())
            self._behind[mine] = True
            return
        if self._behind.any():
            self._behind[rows] |= wanted[rows]
            missed = np.flatnonzero(self._behind)
            self._behind[:] = False
            transport.write(wire.frame(wire.QUOTES, self._table[missed].tobytes()))
        elif self._all:
            transport.write(framed)
        else:
            mine = rows[wanted[rows]]
            transport.write(wire.frame(wire.QUOTES, self._table[mine].tobytes()))

    # Requests.

    def _take(self, request: wire.AnyRequest) -> None:
        """Serve a request; faults may befall it on its way, there or back."""
        faults, call = self._house.faults, _CALLS.get(type(request))
        venue = self._venue_of(request)
        if faults is None or call is None or venue is None or request.plain:
            self._serve(request)
            return
        now_ns = self._now_ns()
        fate = faults.at(venue).on_call(call, now_ns)
        if fate.error is not None:
            self._send(_failed(request.id, fate.error))
        for delay_ns in fate.arrivals:
            _later(delay_ns, partial(self._arrive, request, fate))

    def _venue_of(self, request: wire.AnyRequest) -> VenueId | None:
        """Give the venue a request is for, where it is simulated here."""
        venue: VenueId | None = getattr(request, "venue", None)
        if isinstance(request, wire.GetHistory):
            row = self._house.row_of.get(request.instrument)
            venue = None if row is None else self._house.instruments[row].venue
        return venue if venue in self._house.venues else None

    def _arrive(self, request: wire.AnyRequest, fate: CallFate) -> None:
        answers: Sender = self._send
        if fate.answer is None or fate.error is not None:
            answers = _nobody
        elif fate.answer:
            answers = partial(_send_later, self._send, fate.answer)
        self._serve(request, answers)
        self._on_activity()

    def _serve(self, request: wire.AnyRequest, send: Sender | None = None) -> None:
        reply: Sender = send or self._send
        try:
            answer = self._answer(request, reply)
        except (UnknownVenue, VenueRefused) as error:
            answer = wire.Failed(id=request.id, reason=str(error))
        if answer is not None:
            reply(answer)
        if isinstance(request, wire.Subscribe):
            self._start_quotes(request)
        elif isinstance(request, wire.FollowReports):
            self._start_reports(request)

    def _answer(self, request: wire.AnyRequest, send: Sender) -> wire.AnyAnswer | None:
        house, now_ns = self._house, self._now_ns()
        if isinstance(request, wire.ListLeader):
            return house.leader_told(request)
        if isinstance(request, wire.ListEvents):
            told = house.event_listings(request.venue, now_ns)
            return wire.EventList(id=request.id, listings=told)
        match request:
            case wire.PlaceOrder(id=id_, venue=venue, order=order):
                closed = self._closed(venue, order, now_ns)
                if closed is not None:
                    return wire.Placed(id=id_, report=closed)
                house.submit(
                    venue, order, now_ns, lambda report: send(wire.Placed(id=id_, report=report))
                )
                return None
            case wire.CancelOrder(venue=venue, client_order_id=client_order_id):
                house.cancel(venue, client_order_id, now_ns)
                return wire.Done(id=request.id)
            case wire.QueryOrder(venue=venue, client_order_id=client_order_id):
                truth = house.exchange(venue).query(client_order_id, now_ns)
                if isinstance(truth, Absent):
                    return wire.OrderAnswer(id=request.id, absent=truth)
                return wire.OrderAnswer(id=request.id, order=truth)
            case wire.ListOrders(venue=venue, only_open=only_open):
                exchange = house.exchange(venue)
                orders = exchange.open_orders() if only_open else exchange.orders()
                return wire.OrderList(id=request.id, orders=orders)
            case wire.ListFills(venue=venue, since_ns=since_ns):
                fills = house.exchange(venue).fills_since(since_ns)
                return wire.FillList(id=request.id, fills=fills)
            case wire.ListHoldings(venue=venue):
                return wire.HoldingList(id=request.id, holdings=house.exchange(venue).holdings())
            case (
                wire.ListPositions() | wire.ListPayments() | wire.SetLeverage() | wire.GetFunding()
            ):
                return self._margin_answer(request, now_ns)
            case wire.GetInfo() | wire.OpenVenue() | wire.ListInstruments() | wire.GetHistory():
                return self._public_answer(request)
            case wire.Subscribe(instruments=instruments):
                return self._subscribed(request.id, instruments)
            case wire.FollowReports(venue=venue, after=after):
                _, last, missed = house.reports_after(venue, after)
                return wire.Following(id=request.id, last=last, missed=missed)

    def _public_answer(self, request: PublicRequest) -> wire.AnyAnswer:
        house = self._house
        match request:
            case wire.GetInfo():
                return self._info(request.id)
            case wire.OpenVenue(venue=venue):
                house.exchange(venue)
                return wire.Done(id=request.id)
            case wire.ListInstruments(venue=venue):
                instruments = list(house.exchange(venue).instruments)
                return wire.InstrumentList(id=request.id, instruments=instruments)
            case wire.GetHistory(instrument=instrument):
                history = house.history(instrument, request.id)
                return history or wire.Failed(id=request.id, reason=f"{instrument!r} is not listed")

    def _margin_answer(self, request: MarginRequest, now_ns: int) -> wire.AnyAnswer:
        house = self._house
        match request:
            case wire.ListPositions(venue=venue):
                margin = house.exchange(venue).margin
                told = margin.told(house.clock_ns(venue, now_ns))
                return wire.PositionList(id=request.id, positions=told, balances=margin.balances())
            case wire.ListPayments(venue=venue, since_ns=since_ns):
                margin = house.exchange(venue).margin
                return wire.PaymentList(
                    id=request.id,
                    payments=margin.payments_since(since_ns),
                    forced=margin.forced_since(since_ns),
                    settled=margin.settled_since(since_ns),
                )
            case wire.SetLeverage(venue=venue, instrument=instrument, leverage=leverage):
                house.exchange(venue).set_leverage(instrument, leverage, now_ns)
                return wire.Done(id=request.id)
            case wire.GetFunding(venue=venue):
                return wire.FundingList(id=request.id, rates=house.funding(venue, now_ns))

    def _closed(self, venue: VenueId, order: OrderRequest, now_ns: int) -> Refused | None:
        """Refuse at the door what never reaches the matching engine."""
        faults = self._house.faults
        why = None
        if faults is not None and venue in self._house.venues:
            why = faults.closed(venue, order.instrument, now_ns)
        if why is None and not self._house.trades(order.instrument, now_ns):
            why = "the market is closed: its round is being paid"
        if why is None:
            return None
        return Refused(
            venue=venue,
            at_ns=self._house.clock_ns(venue, now_ns),
            client_order_id=order.client_order_id,
            code="CLOSED",
            reason=why,
        )

    def _subscribed(self, request_id: int, instruments: list[InstrumentId]) -> wire.AnyAnswer:
        listed = self._house.row_of
        names = instruments or list(listed)
        unknown = [name for name in names if name not in listed]
        if unknown:
            return wire.Failed(id=request_id, reason=f"not listed: {', '.join(unknown[:5])}")
        known = [i.id for i in self._house.instruments]
        wanted = set(names)
        return wire.Subscribed(
            id=request_id, rows=[(listed[name], name) for name in known if name in wanted]
        )

    def _start_quotes(self, request: wire.Subscribe) -> None:
        """Begin with the newest quote of everything wanted that is not silent just now."""
        listed = self._house.row_of
        if not all(name in listed for name in request.instruments):
            return
        wanted = np.zeros(len(self._table), dtype=np.bool_)
        wanted[[listed[name] for name in request.instruments] or slice(None)] = True
        self._wanted = wanted
        self._all = bool(wanted.all())
        self._behind = wanted.copy()
        self._behind[self._house.dark_rows(self._now_ns())] = False
        self.send_quotes(np.empty(0, dtype=np.intp), b"")

    def _start_reports(self, request: wire.FollowReports) -> None:
        if request.venue not in self._house.venues:
            return
        reports, _, _ = self._house.reports_after(request.venue, request.after)
        if not self._following:
            self._house.listen(self._on_report)
        self._following.add(request.venue)
        for number, report in reports:
            self._on_report(request.venue, number, report)

    def _on_report(self, venue: VenueId, number: int, report: PrivateReport) -> None:
        if venue not in self._following:
            return
        message = wire.StreamReport(venue=venue, number=number, report=report)
        faults = self._house.faults
        if faults is None:
            self._send(message)
            return
        for delay_ns in faults.at(venue).on_report(report, self._now_ns()):
            _later(delay_ns, partial(self._send, message))

    def _send(self, answer: wire.AnyAnswer | wire.StreamReport) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        transport.write(wire.message(answer))
        if transport.get_write_buffer_size() > REPORT_BACKLOG:
            transport.abort()


def _failed(request_id: int, fault: Fault) -> wire.Failed:
    if fault is Fault.RATE_LIMITED:
        return wire.Failed(
            id=request_id,
            reason="too many requests",
            code=wire.RATE_LIMITED,
            retry_after_ms=_RETRY_AFTER_MS,
        )
    return wire.Failed(id=request_id, reason="internal error", code=wire.SERVER_ERROR)


def _nobody(_: wire.AnyAnswer) -> None:
    """The answer is lost."""


def _send_later(send: Sender, delay_ns: int, answer: wire.AnyAnswer) -> None:
    _later(delay_ns, partial(send, answer))


def _later(delay_ns: int, act: Callable[[], None]) -> None:
    if delay_ns:
        asyncio.get_running_loop().call_later(delay_ns / NS_PER_S, act)
    else:
        act()
