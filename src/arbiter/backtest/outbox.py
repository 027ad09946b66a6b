"""The way out in virtual time: orders go to simulated exchanges, answers come back on the agenda.

An exchange is shown the newest quotes when something arrives there, not quote by quote: what lay
between is never looked at, for our orders end on arrival. Orders that rest are told of by
`resting`, and then every quote has to be shown (`show`).
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from arbiter.backtest.agenda import Agenda, VirtualClock
from arbiter.books.board import QuoteBoard
from arbiter.matching.exchange import SimulatedExchange
from arbiter.matching.orders import request_of
from arbiter.model.ids import InstrumentId, TradeId, VenueId
from arbiter.model.instruments import FeeCharge
from arbiter.model.orders import Order, TimeInForce
from arbiter.model.reports import VenueReport
from arbiter.model.time import NS_PER_MS
from arbiter.runtime.outbox import Answers

# Looking a member up on its enum costs more than comparing with it.
_GTC = TimeInForce.GTC


class _Venue:
    """An exchange with the quotes it was last shown."""

    def __init__(
        self, exchange: SimulatedExchange, board: QuoteBoard, ids: list[InstrumentId | None]
    ) -> None:
        self.exchange = exchange
        self.due_ns: int | None = None
        self._tops = board.tops(exchange.venue)
        self._ids = ids
        self._shown: NDArray[np.float64] = self._tops.copy()
        self._rows = {found: row for row, found in enumerate(ids) if found is not None}
        self._alone = not any(i.fee_charge is FeeCharge.THIRD for i in exchange.instruments)
        """Nothing that happens in one market there looks at the price of another."""

    def show_one(self, instrument: InstrumentId, now_ns: int) -> list[VenueReport]:
        """Show what an order that ends on arrival will meet."""
        if not self._alone:
            return self.show(now_ns)
        row = self._rows[instrument]
        top = self._tops[row].tolist()
        if top == self._shown[row].tolist():
            return []
        self._shown[row] = top
        bid, ask, bid_size, ask_size, *_ = top
        return self.exchange.on_quote(instrument, bid, ask, bid_size, ask_size, now_ns)

    def show(self, now_ns: int) -> list[VenueReport]:
        """Show the exchange every quote that is new to it."""
        changed = np.flatnonzero((self._tops != self._shown).any(axis=1))
        reports: list[VenueReport] = []
        for row in changed.tolist():
            instrument = self._ids[row]
            if instrument is not None:
                bid, ask, bid_size, ask_size = self._tops[row, :4].tolist()
                reports += self.exchange.on_quote(instrument, bid, ask, bid_size, ask_size, now_ns)
        self._shown[changed] = self._tops[changed]
        return reports


class Deliveries(Answers, Protocol):
    def on_reports(self, reports: Sequence[VenueReport]) -> None: ...


class BacktestOutbox:
    """`ports.Outbox` over one simulated exchange per venue; `open` it before the first quote."""

    def __init__(
        self,
        exchanges: Mapping[VenueId, SimulatedExchange],
        agenda: Agenda,
        clock: VirtualClock,
        round_trip_ms: float,
    ) -> None:
        self._exchanges = exchanges
        self._agenda = agenda
        self._clock = clock
        self._round_trip_ns = round(round_trip_ms * NS_PER_MS)
        self._venues: dict[VenueId, _Venue] = {}
        self._answers: Deliveries | None = None
        self._may_rest = False

    def open(self, answers: Deliveries, board: QuoteBoard) -> None:
        """Say where answers go and where quotes are."""
        self._answers = answers
        symbols = board.registry.symbols
        for venue, exchange in self._exchanges.items():
            listed = [board.registry.find(venue, symbol) for symbol in symbols]
            ids = [None if found is None else found.id for found in listed]
            self._venues[venue] = _Venue(exchange, board, ids)

    @property
    def resting(self) -> bool:
        """An order of ours lies in some book and waits for the market."""
        if self._may_rest:
            self._may_rest = any(e.open_orders() for e in self._exchanges.values())
        return self._may_rest

    def show(self) -> None:
        """Let every exchange see the newest quotes now."""
        for venue in self._venues.values():
            self._deliver(venue, venue.show(self._clock.now_ns()))

    def tell(self, venue: VenueId, reports: list[VenueReport]) -> None:
        """Hand over what a venue said of itself, and see to the rest when it is due."""
        self._deliver(self._venues[venue], reports)

    # Nothing may come back before the caller has recorded that it asked: all goes by the agenda.

    def send(self, order: Order) -> None:
        self._agenda.at(self._clock.now_ns(), partial(self._submit, order))

    def cancel(self, order: Order) -> None:
        self._agenda.at(self._clock.now_ns(), partial(self._cancel, order))

    def ask(self, order: Order) -> None:
        self._agenda.at(self._clock.now_ns() + self._round_trip_ns, partial(self._answer, order))

    def wake(self, at_ns: int, trade: TradeId) -> Callable[[], object]:
        number = self._agenda.at(at_ns, partial(self._back().on_wake, trade))
        return partial(self._agenda.drop, number)

    def _submit(self, order: Order) -> None:
        venue = self._venues[order.venue]
        now = self._clock.now_ns()
        exchange = venue.exchange
        self._may_rest |= order.time_in_force is _GTC
        if self._may_rest:
            earlier = venue.show(now - 1)
        else:
            earlier = venue.show_one(order.instrument, now - 1)
        on_margin = order.reduce_only and order.instrument in exchange.margin
        request = request_of(order, on_margin=on_margin)
        self._deliver(venue, earlier + exchange.submit(request, now))

    def _cancel(self, order: Order) -> None:
        venue = self._venues[order.venue]
        now = self._clock.now_ns()
        earlier = venue.show(now - 1)
        self._deliver(venue, earlier + venue.exchange.cancel(order.client_order_id, now))

    def _answer(self, order: Order) -> None:
        venue = self._venues[order.venue]
        now = self._clock.now_ns()
        self._deliver(venue, venue.show(now - 1))
        truth = venue.exchange.query(order.client_order_id, now)
        fills = [
            fill
            for fill in venue.exchange.fills_since(order.created_ns)
            if fill.client_order_id == order.client_order_id
        ]
        self._back().on_answer(order, truth, fills)
        self._deliver(venue, [])

    def _service(self, venue: _Venue, at_ns: int) -> None:
        """What arrives at a moment meets the quotes received before it."""
        if venue.due_ns != at_ns:
            return  # something earlier came up and this was asked for anew
        venue.due_ns = None
        earlier = venue.show(at_ns - 1)
        self._deliver(venue, earlier + venue.exchange.due(at_ns))

    def _deliver(self, venue: _Venue, reports: list[VenueReport]) -> None:
        """Hand reports over and see to it that the exchange is called again in time."""
        if reports:
            self._back().on_reports(reports)
        due = venue.exchange.next_due_ns
        if due is not None and (venue.due_ns is None or due < venue.due_ns):
            venue.due_ns = due
            self._agenda.at(due, partial(self._service, venue, due))

    def _back(self) -> Deliveries:
        if self._answers is None:
            raise RuntimeError("the outbox was not opened")
        return self._answers
