"""Outcomes: what venues say about our orders, turned into events.

Reports are matched by client order id and never trusted for their order of arrival. Three rules:
unknown is asked for and never repeated; an order leaves tracking only on the venue's own last
word, with all its fills booked; a fill for any order we ever owned is booked once.
"""

from collections.abc import Iterable

from arbiter.ledger.ledger import Ledger
from arbiter.model.events import (
    AlertRaised,
    JournalEvent,
    OrderAccepted,
    OrderEnded,
    OrderFilled,
    OrderRejected,
    OutcomeKnown,
    OutcomeUnknown,
)
from arbiter.model.ids import ClientOrderId
from arbiter.model.orders import Fill, Order
from arbiter.model.reports import (
    Absent,
    Accepted,
    CancelRefused,
    Ended,
    Filled,
    OrderTruth,
    Refused,
    Unknown,
    VenueReport,
)
from arbiter.ports.outbox import Outbox
from arbiter.runtime.floor import TradingFloor
from arbiter.runtime.recorder import Recorder

ABSENT = "ABSENT"


class Outcomes:
    def __init__(
        self, *, ledger: Ledger, recorder: Recorder, outbox: Outbox, floor: TradingFloor
    ) -> None:
        self._ledger = ledger
        self._recorder = recorder
        self._outbox = outbox
        self._floor = floor

    def on_report(self, report: VenueReport) -> None:
        """Take one report; news of a trade wakes its state machine."""
        if isinstance(report, Filled):
            self._settle(report.fill.client_order_id, self._fill_events([report.fill]))
            return
        order = self._ledger.orders.get(report.client_order_id)
        if order is None:
            self._alarm("FOREIGN_ORDER", f"{report.venue} reports on {report.client_order_id}")
            return
        events = self._events(order, report)
        if events:
            self._settle(order.client_order_id, events)

    def book(self, fills: Iterable[Fill]) -> int:
        """Book the fills the ledger lacks; gives how many there were."""
        events = self._fill_events(fills)
        if events:
            self._recorder.record(*events)
        return len(events)

    def on_answer(self, order: Order, answer: OrderTruth | Absent, fills: Iterable[Fill]) -> None:
        """Take the venue's answer to a question about one order, with the fills it knows."""
        booked = self.book(fills)
        now_known = self._ledger.orders[order.client_order_id]
        events = self._answer_events(now_known, answer)
        if events:
            self._recorder.record(*events)
        if booked or events:
            self._floor.changed(order.trade_id)

    def _events(self, order: Order, report: VenueReport) -> list[JournalEvent]:
        now = self._recorder.now_ns()
        key = order.client_order_id
        match report:
            case Accepted(venue_order_id=venue_order_id):
                return [
                    *self._known(order),
                    OrderAccepted(at_ns=now, client_order_id=key, venue_order_id=venue_order_id),
                ]
            case Refused(code=code, reason=reason) if order.open:
                return [
                    *self._known(order),
                    OrderRejected(at_ns=now, client_order_id=key, code=code, reason=reason),
                ]
            case Unknown(why=why) if order.open and order.unknown_since_ns is None:
                return [OutcomeUnknown(at_ns=now, client_order_id=key, why=why)]
            case Ended(status=status, filled_size=filled_size, reason=reason) if order.open:
                if order.filled_size < filled_size:
                    self._outbox.ask(order)  # its last fills are still under way
                    return []
                return [
                    *self._known(order),
                    OrderEnded(at_ns=now, client_order_id=key, status=status, reason=reason),
                ]
            case CancelRefused() if order.open:
                self._outbox.ask(order)
        return []

    def _answer_events(self, order: Order, answer: OrderTruth | Absent) -> list[JournalEvent]:
        now = self._recorder.now_ns()
        key = order.client_order_id
        if order.status.terminal:
            return []
        if isinstance(answer, Absent):
            if order.venue_order_id is not None or order.filled_size:
                self._alarm("VENUE_FORGOT", f"{answer.venue} denies {key}, which it had accepted")
                return []
            reason = "the venue confirms that the order never arrived"
            return [
                *self._known(order),
                OrderRejected(at_ns=now, client_order_id=key, code=ABSENT, reason=reason),
            ]
        events: list[JournalEvent] = []
        if order.venue_order_id is None:
            accepted = answer.venue_order_id
            events.append(OrderAccepted(at_ns=now, client_order_id=key, venue_order_id=accepted))
        if order.filled_size < answer.filled_size:
            return events  # the trade's deadline asks again until every fill is here
        if answer.status.terminal:
            events.append(
                OrderEnded(at_ns=now, client_order_id=key, status=answer.status, reason="")
            )
        return [*self._known(order), *events]

    def _fill_events(self, fills: Iterable[Fill]) -> list[JournalEvent]:
        events: list[JournalEvent] = []
        seen: set[tuple[str, str]] = set()
        for fill in fills:
            key = (fill.venue, fill.venue_trade_id)
            if key in seen or self._ledger.has_fill(fill.venue, fill.venue_trade_id):
                continue
            seen.add(key)
            if fill.client_order_id in self._ledger.orders:
                events.append(OrderFilled(at_ns=self._recorder.now_ns(), fill=fill))
            else:
                text = f"{fill.venue} fill {fill.venue_trade_id} names {fill.client_order_id}"
                self._alarm("FOREIGN_FILL", text)
        return events

    def _settle(self, order: ClientOrderId, events: list[JournalEvent]) -> None:
        if not events:
            return
        self._recorder.record(*events)
        self._floor.changed(self._ledger.orders[order].trade_id)

    def _known(self, order: Order) -> list[JournalEvent]:
        if order.unknown_since_ns is None:
            return []
        now = self._recorder.now_ns()
        return [OutcomeKnown(at_ns=now, client_order_id=order.client_order_id)]

    def _alarm(self, code: str, text: str) -> None:
        now = self._recorder.now_ns()
        self._recorder.record(AlertRaised(at_ns=now, severity="critical", code=code, text=text))
