"""A simulated exchange that also lists prediction markets: they close, pay out and open again.

On some of these venues a match is not final: a fill stands until it is confirmed, or fails and is
taken back as if it had never been. A market pays out only what is final.
"""

from decimal import Decimal

from arbiter.matching.book import Book
from arbiter.matching.exchange import SimulatedExchange
from arbiter.model.errors import InvalidValue
from arbiter.model.ids import InstrumentId
from arbiter.model.instruments import Instrument, InstrumentKind
from arbiter.model.money import ONE, ZERO
from arbiter.model.orders import Fill, OrderStatus
from arbiter.model.reports import FillSettled, ForcedReported, VenueReport


class EventExchange(SimulatedExchange):
    def list_market(self, instrument: Instrument) -> None:
        """Take orders in one more market, as if it had been listed from the start."""
        if instrument.kind is not InstrumentKind.BINARY or instrument.id in self._books:
            raise InvalidValue(f"{instrument.id} is listed already, or no event market")
        self._books[instrument.id] = Book(instrument)
        self._margin.list_market(instrument)

    def pending_fills(self) -> list[Fill]:
        """Fills that wait for their confirmation, oldest first."""
        waiting = {step.venue_trade_id for step in self._margin.settlements.pending()}
        return [fill for fill in self._fills if fill.venue_trade_id in waiting]

    def settle_fill(self, venue_trade_id: str, ok: bool, now_ns: int) -> list[VenueReport]:
        """Confirm a fill or let it fail; what is final already, or unknown, changes nothing."""
        self._arrive_until(now_ns)
        self._settle(venue_trade_id, ok, self._stamp(now_ns))
        self._commit(now_ns)
        return self._travel.left(now_ns)

    def close_market(self, instrument: InstrumentId, now_ns: int) -> list[VenueReport]:
        """Take no more orders and cancel those that rest; positions stay."""
        self._arrive_until(now_ns)
        self._close(instrument, "the market has closed", self._stamp(now_ns))
        self._commit(now_ns)
        return self._travel.left(now_ns)

    def resolve(
        self, instrument: InstrumentId, price: Decimal | None, now_ns: int
    ) -> list[VenueReport]:
        """Pay out at 1, 0 or what a void market is worth; None gives back what was paid.

        The market is closed first and everything matched in it confirmed.
        """
        if price is not None and not ZERO <= price <= ONE:
            raise InvalidValue(f"{instrument} cannot pay {price}")
        self._arrive_until(now_ns)
        at_ns = self._stamp(now_ns)
        self._close(instrument, "the market was resolved", at_ns)
        for step in self._margin.settlements.pending():
            found = self._margin.settlements.find(step.venue_trade_id)
            if found is not None and found[0] == instrument:
                self._settle(step.venue_trade_id, True, at_ns)
        paid = self._margin.resolve(instrument, price, str(self._next_trade), at_ns)
        if paid is not None:
            self._next_trade += 1
            self._said.append(ForcedReported(venue=self.venue, at_ns=at_ns, forced=paid))
        self._commit(now_ns)
        return self._travel.left(now_ns)

    def open_market(self, instrument: InstrumentId, now_ns: int) -> list[VenueReport]:
        """List a market anew, for its next round."""
        self._arrive_until(now_ns)
        self._margin.shut(instrument, closed=False)
        self._commit(now_ns)
        return self._travel.left(now_ns)

    def _close(self, instrument: InstrumentId, why: str, at_ns: int) -> None:
        self._margin.shut(instrument, closed=True)
        book = self._books[instrument]
        book.quote(0.0, 0.0, 0.0, 0.0)
        for order in list(book.resting.values()):
            del book.resting[order.client_order_id]
            self._end(order, OrderStatus.CANCELLED, why, at_ns)

    def _settle(self, venue_trade_id: str, ok: bool, at_ns: int) -> None:
        found = self._margin.settlements.find(venue_trade_id)
        if found is None:
            return
        instrument, step = found
        told = FillSettled(
            venue=self.venue,
            at_ns=at_ns,
            instrument=instrument,
            venue_trade_id=venue_trade_id,
            ok=ok,
        )
        if ok:
            self._margin.confirm(told)
        else:
            self._margin.void(told)
            self._fills = [f for f in self._fills if f.venue_trade_id != venue_trade_id]
            order = None
            if step.client_order_id is not None:
                order = self._orders.get(step.client_order_id)
            if order is not None:
                after = order.voided(step.size, at_ns)
                self._account.relock(order.lock_asset, after.locked - order.locked)
                if not after.status.terminal:
                    self._books[instrument].resting[after.client_order_id] = after
                self._keep(after)
        self._said.append(told)
