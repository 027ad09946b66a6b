"""What venues do to an account on margin without an order: funding, forced closes, settlement.

Everything is booked once, whether it comes over the stream, from a look after a lost connection
or from both, in any order.
"""

from collections.abc import Callable, Iterable

from arbiter.ledger.ledger import Ledger
from arbiter.model import events as ev
from arbiter.model.events import AlertRaised, FundingPaid, JournalEvent, PositionForced
from arbiter.model.money import plain
from arbiter.model.perpetuals import ForcedCause, ForcedClose, FundingPayment
from arbiter.model.reports import FillSettled, FundingReported, MarginReport
from arbiter.runtime.newest import Newest
from arbiter.runtime.recorder import Recorder


class MarginOutcomes:
    """`on_booked` is called after every booking: what comes without an order can cost as well."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        recorder: Recorder,
        on_booked: Callable[[], None] = lambda: None,
    ) -> None:
        self._ledger = ledger
        self._recorder = recorder
        self._on_booked = on_booked
        self._told: Newest[tuple[str, str]] = Newest()

    def on_report(self, report: MarginReport) -> None:
        if isinstance(report, FundingReported):
            self.book([report.payment], ())
        elif isinstance(report, FillSettled):
            self.settle(report)
        else:
            self.book((), [report.forced])

    def settle(self, report: FillSettled) -> None:
        """Book the venue's last word on a fill, once; a failure is worth telling."""
        if self._ledger.has_settled(report.venue, report.venue_trade_id):
            return
        now = self._recorder.now_ns()
        told: list[JournalEvent] = [
            ev.FillSettled(
                at_ns=now,
                venue=report.venue,
                instrument=report.instrument,
                venue_trade_id=report.venue_trade_id,
                ok=report.ok,
            )
        ]
        if not report.ok:
            text = f"{report.venue}: fill {report.venue_trade_id} of {report.instrument} failed"
            told.append(AlertRaised(at_ns=now, severity="warning", code="FILL_FAILED", text=text))
        self._recorder.record(*told)
        self._on_booked()

    def book(self, payments: Iterable[FundingPayment], forced: Iterable[ForcedClose]) -> int:
        """Book what the ledger lacks; gives how much that was."""
        events: list[JournalEvent] = []
        now = self._recorder.now_ns()
        seen: set[tuple[str, str]] = set()
        for payment in payments:
            key = (payment.venue, payment.payment_id)
            if key in seen or self._ledger.has_payment(payment.venue, payment.payment_id):
                continue
            seen.add(key)
            if payment.instrument in self._ledger.contracts:
                events.append(FundingPaid(at_ns=now, payment=payment))
            else:
                self._stranger(key, f"funding {plain(payment.amount)} {payment.asset}")
        booked = len(events)
        for close in forced:
            key = (close.venue, close.venue_trade_id)
            if key in seen or self._ledger.has_fill(close.venue, close.venue_trade_id):
                continue
            seen.add(key)
            if close.instrument not in self._ledger.contracts:
                self._stranger(key, f"{close.cause} of {plain(close.size)} {close.instrument}")
                continue
            booked += 1
            text = (
                f"{close.venue} closed {plain(close.size)} {close.instrument} at "
                f"{plain(close.price)}: {close.cause}"
            )
            paid_out = close.cause is ForcedCause.RESOLUTION
            alert = AlertRaised(
                at_ns=now,
                severity="info" if paid_out else "critical",
                code="RESOLUTION" if paid_out else "FORCED_CLOSE",
                text=text,
            )
            events += [PositionForced(at_ns=now, forced=close), alert]
        if events:
            self._recorder.record(*events)
            self._on_booked()
        return booked

    def _stranger(self, key: tuple[str, str], what: str) -> None:
        """Cash that no contract of ours accounts for: the reconciler books it as external."""
        if key not in self._told:
            self._told.add(key)
            text = f"{key[0]}: {what} on a contract that is not ours"
            now = self._recorder.now_ns()
            self._recorder.record(
                AlertRaised(at_ns=now, severity="warning", code="FOREIGN_MARGIN", text=text)
            )
