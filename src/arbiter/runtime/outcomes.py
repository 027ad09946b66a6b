"""Outcomes: what venues say about our orders, turned into events.

Reports are matched by client order id and never trusted for their order of arrival. Three rules:
unknown is asked for and never repeated; an order leaves tracking only on the venue's own last
word, with all its fills booked; a fill for any order we ever owned is booked once.
"""

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal

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
    TradeAdvanced,
)
from arbiter.model.ids import Asset, TradeId
from arbiter.model.orders import Fill, Order, OrderStatus
from arbiter.model.reports import (
    Absent,
    Accepted,
    CancelRefused,
    Ended,
    Filled,
    OrderReport,
    OrderTruth,
    Refused,
    Unknown,
)
from arbiter.model.trades import Trade, TradeState
from arbiter.ports.outbox import Outbox
from arbiter.runtime.floor import TradingFloor
from arbiter.runtime.newest import Newest
from arbiter.runtime.recorder import Recorder

ABSENT = "ABSENT"
NOT_SENT = "NOT_SENT"
"""Code of a client's own refusal: the order never left."""

_NEVER_THERE = frozenset({OrderStatus.REJECTED, OrderStatus.ABANDONED})


class Outcomes:
    """`value_fee` gives what a fee in a third asset is worth in a quote currency, None when nobody
    knows; `on_refusal` is told of every order a venue refused (True) or accepted (False)."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        recorder: Recorder,
        outbox: Outbox,
        floor: TradingFloor,
        value_fee: Callable[[Fill, Asset], Decimal | None] = lambda _fill, _quote: None,
        on_refusal: Callable[[Order, bool], None] = lambda _order, _refused: None,
    ) -> None:
        self._on_refusal = on_refusal
        self._value_fee = value_fee
        self._told: Newest[tuple[str, str]] = Newest()
        self._ledger = ledger
        self._recorder = recorder
        self._outbox = outbox
        self._floor = floor

    def on_report(self, report: OrderReport) -> None:
        """Take one report; news of a trade wakes its state machine."""
        self.on_reports((report,))

    def on_reports(self, reports: Iterable[OrderReport]) -> None:
        """Take what was told at one moment: book all of it, then wake each trade once.

        An acceptance changes nothing about a fill that follows, and is booked together with it.
        """
        woken: dict[TradeId, None] = {}
        accepted: Sequence[JournalEvent] = ()
        for report in reports:
            if isinstance(report, Filled):
                self._book((report.fill,), woken, accepted)
                accepted = ()
                continue
            if accepted:
                self._recorder.record(*accepted)
                accepted = ()
            order = self._ledger.orders.get(report.client_order_id)
            if order is None:
                self._alarm("FOREIGN_ORDER", f"{report.venue} reports on {report.client_order_id}")
                continue
            events = self._events(order, report)
            if events:
                woken[order.trade_id] = None
                if type(report) is Accepted:
                    accepted = events
                else:
                    self._recorder.record(*events)
        if accepted:
            self._recorder.record(*accepted)
        for trade_id in woken:
            self._floor.changed(trade_id)

    def book(self, fills: Iterable[Fill]) -> int:
        """Book the fills the ledger lacks and wake their trades; gives how many there were."""
        woken: dict[TradeId, None] = {}
        count = self._book(fills, woken)
        for trade_id in woken:
            self._floor.changed(trade_id)
        return count

    def _book(
        self,
        fills: Iterable[Fill],
        woken: dict[TradeId, None],
        before: Sequence[JournalEvent] = (),
    ) -> int:
        """Book fills after what came before them, in one transaction; note whom to wake."""
        events: list[JournalEvent] = []
        late: dict[TradeId, None] = {}
        for fill, order in self._new(fills):
            now, worth = self._recorder.now_ns(), self._worth_of_fee(order, fill)
            events.append(OrderFilled(at_ns=now, fill=fill, fee_in_quote=worth))
            trade_id = order.trade_id
            woken[trade_id] = None
            if trade_id not in self._ledger.trades:
                late[trade_id] = None
        if events:
            self._recorder.record(*before, *events, *self._opened_again(late))
            self._raise_alarms()
        elif before:
            self._recorder.record(*before)
        return len(events)

    def _opened_again(self, late: Iterable[TradeId]) -> list[JournalEvent]:
        """Open closed trades again in the very transaction that books their late fills."""
        events: list[JournalEvent] = []
        for trade_id in late:
            trade = self._ledger.closed_trades.get(trade_id)
            if trade is not None:
                now = self._recorder.now_ns()
                text = f"trade {trade.seq} had ended as {trade.state} and got a fill: open again"
                events += [
                    TradeAdvanced(
                        at_ns=now, trade_id=trade_id, state=TradeState.WORKING, reason="late fill"
                    ),
                    AlertRaised(at_ns=now, severity="warning", code="LATE_FILL", text=text),
                ]
        return events

    def book_recalled(self, fill: Fill, order: Order, trade: Trade) -> None:
        """Book a fill of an order that had left memory, told with its records."""
        if self._ledger.has_fill(fill.venue, fill.venue_trade_id):
            return
        now = self._recorder.now_ns()
        text = f"trade {trade.seq} had ended as {trade.state} long ago and got a fill: open again"
        worth = self._worth_of_fee(order, fill)
        self._recorder.record(
            OrderFilled(at_ns=now, fill=fill, fee_in_quote=worth, order=order, trade=trade),
            TradeAdvanced(
                at_ns=now, trade_id=trade.id, state=TradeState.WORKING, reason="late fill"
            ),
            AlertRaised(at_ns=now, severity="warning", code="LATE_FILL", text=text),
        )
        self._raise_alarms()
        self._floor.changed(trade.id)

    def on_answer(self, order: Order, answer: OrderTruth | Absent, fills: Iterable[Fill]) -> None:
        """Take the venue's answer to a question about one order, with the fills it knows."""
        self.book(fills)
        now_known = self._ledger.orders[order.client_order_id]
        events = self._answer_events(now_known, answer)
        if events:
            self._recorder.record(*events)
            self._floor.changed(order.trade_id)

    def forgotten(self, order: Order) -> None:
        """End an order that its venue had accepted, and now neither shows as open nor knows.

        For whoever has asked for it, for all open orders and for all fills, and was answered.
        """
        text = f"{order.venue} no longer knows {order.client_order_id}, which it had accepted"
        self._alarm("VENUE_FORGOT", text)
        self._recorder.record(
            *self._known(order),
            OrderEnded(
                at_ns=self._recorder.now_ns(),
                client_order_id=order.client_order_id,
                status=OrderStatus.CANCELLED,
                reason=text,
            ),
        )
        self._floor.changed(order.trade_id)

    def _events(self, order: Order, report: OrderReport) -> list[JournalEvent]:
        now = self._recorder.now_ns()
        key = order.client_order_id
        match report:  # what comes oftenest stands first
            case Ended(status=status, filled_size=filled_size, reason=reason):
                if order.filled_size < filled_size:
                    self._outbox.ask(order)  # its last fills are still under way
                    return []
                if not order.open:
                    return []
                return [
                    *self._known(order),
                    OrderEnded(at_ns=now, client_order_id=key, status=status, reason=reason),
                ]
            case Accepted(venue_order_id=venue_order_id):
                if order.venue_order_id == venue_order_id and order.unknown_since_ns is None:
                    return []
                self._on_refusal(order, False)
                if order.status in _NEVER_THERE:
                    self._back_from_the_dead(order)
                return [
                    *self._known(order),
                    OrderAccepted(at_ns=now, client_order_id=key, venue_order_id=venue_order_id),
                ]
            case Refused(code=code, reason=reason) if order.open:
                if order.venue_order_id is not None or order.filled_size:
                    self._outbox.ask(order)  # it was accepted: this refuses something else
                    return []
                if code != NOT_SENT:
                    self._on_refusal(order, True)
                return [
                    *self._known(order),
                    OrderRejected(at_ns=now, client_order_id=key, code=code, reason=reason),
                ]
            case Unknown(why=why) if order.open and order.unknown_since_ns is None:
                return [OutcomeUnknown(at_ns=now, client_order_id=key, why=why)]
            case CancelRefused() if order.open:
                self._outbox.ask(order)
        return []

    def _answer_events(self, order: Order, answer: OrderTruth | Absent) -> list[JournalEvent]:
        now = self._recorder.now_ns()
        key = order.client_order_id
        if order.status.terminal:
            if isinstance(answer, OrderTruth) and not answer.status.terminal:
                self._back_from_the_dead(order)
            return []
        if isinstance(answer, Absent):
            if (
                order.venue_order_id is not None
                or order.filled_size
                or self._floor.in_flight(order)
            ):
                return []  # asked for again; see `forgotten` and `ExecutionSettings.absent_after_ms`
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

    def _back_from_the_dead(self, order: Order) -> None:
        """A request arrived after its venue had said there was no such order: take it back."""
        self._alarm(
            "LATE_ARRIVAL",
            f"{order.venue} works {order.client_order_id}, which had ended as {order.status}",
        )
        self._outbox.cancel(order)

    def _new(self, fills: Iterable[Fill]) -> list[tuple[Fill, Order]]:
        """Give the fills that are ours and not booked yet, each with its order."""
        found: list[tuple[Fill, Order]] = []
        seen: set[tuple[str, str]] = set()
        for fill in fills:
            key = (fill.venue, fill.venue_trade_id)
            if key in seen or self._ledger.has_fill(fill.venue, fill.venue_trade_id):
                continue
            seen.add(key)
            order = self._ledger.orders.get(fill.client_order_id)
            if order is None:
                text = f"{fill.venue} fill {fill.venue_trade_id} names {fill.client_order_id}"
                self._alarm_once("FOREIGN_FILL", key, text)
            elif (order.venue, order.instrument, order.side) != (
                fill.venue,
                fill.instrument,
                fill.side,
            ):
                text = (
                    f"{fill.venue} fill {fill.venue_trade_id} is {fill.side} {fill.instrument}, "
                    f"{order.client_order_id} is {order.side} {order.instrument}"
                )
                self._alarm_once("FILL_CONTRADICTS", key, text)
            else:
                found.append((fill, order))
        return found

    def _worth_of_fee(self, order: Order, fill: Fill) -> Decimal | None:
        if not fill.fee:
            return None
        base, _, quote = order.symbol.partition("/")
        if fill.fee_asset in (base, quote):
            return None
        return self._value_fee(fill, Asset(quote))

    def _raise_alarms(self) -> None:
        """Tell people what the ledger booked and found strange."""
        while self._ledger.alarms:
            alarm = self._ledger.alarms.popleft()
            self._alarm(alarm.code, f"{alarm.client_order_id}: {alarm.text}")

    def _alarm_once(self, code: str, key: tuple[str, str], text: str) -> None:
        if key not in self._told:
            self._told.add(key)
            self._alarm(code, text)

    def _known(self, order: Order) -> list[JournalEvent]:
        if order.unknown_since_ns is None:
            return []
        now = self._recorder.now_ns()
        return [OutcomeKnown(at_ns=now, client_order_id=order.client_order_id)]

    def _alarm(self, code: str, text: str) -> None:
        now = self._recorder.now_ns()
        self._recorder.record(AlertRaised(at_ns=now, severity="critical", code=code, text=text))
