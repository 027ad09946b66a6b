"""StreamService: what happens, as it happens.

Orders, opportunities and alerts are never conflated: a subscriber that falls behind is ended and
reads anew. Of quotes only the newest matters, so a slow reader gets fewer of them.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence

import arbiter_pb2 as pb
from arbiter.api.control.alerts import Alerts
from arbiter.api.control.convert import Markets, exchange_of, moment, order_shown, venues_of
from arbiter.api.control.deps import ControlDeps
from arbiter.api.control.fan import FELL_BEHIND
from arbiter.api.control.guard import Call, TooMuch
from arbiter.api.control.markets import quote_shown
from arbiter.model.changes import Changes
from arbiter.model.errors import InvalidValue, NotFound
from arbiter.model.events import SignalSeen
from arbiter.model.ids import MANUAL, InstrumentId, VenueId
from arbiter.model.instruments import Instrument
from arbiter.model.plans import Family, Signal
from arbiter.runtime.hub import Publication, Subscription
from arbiter.runtime.hub import TooSlow as QueueFull
from arbiter.runtime.worked import Worked, leads

_FASTEST_MS = 20
_USUAL_MS = 200
MOST_QUOTE_STREAMS = 64
"""At once: each looks at its markets again and again on the engine's own loop."""


class StreamService:
    def __init__(self, deps: ControlDeps, markets: Markets) -> None:
        self._deps = deps
        self._markets = markets
        self.alerts = Alerts(deps)
        self._quote_streams = 0

    async def StreamOrders(
        self, request: pb.StreamOrdersRequest, call: Call
    ) -> AsyncIterator[pb.OrderUpdate]:
        venues = venues_of(request.exchange, self._markets.venues)
        subscription = self._deps.hub.subscribe()
        try:
            for order in self._deps.desk.live():
                if leads(order.first) and self._wanted(order, venues, request.manual_only):
                    yield self._update(order, snapshot=True)
            async for _, changes in _publications(subscription):
                for order in self._changed(changes):
                    if self._wanted(order, venues, request.manual_only):
                        yield self._update(order)
        finally:
            subscription.close()

    async def StreamQuotes(
        self, request: pb.StreamQuotesRequest, call: Call
    ) -> AsyncIterator[pb.Quote]:
        wanted = self._instruments(request)
        if self._quote_streams >= MOST_QUOTE_STREAMS:
            raise TooMuch(f"{MOST_QUOTE_STREAMS} streams of quotes are open already; end one first")
        # A look costs microseconds a market: whoever wants many gets fewer looks.
        pause_ms = max(request.interval_ms or _USUAL_MS, _FASTEST_MS, len(wanted))
        self._quote_streams += 1
        try:
            async for quote in self._quotes(wanted, pause_ms / 1_000):
                yield quote
        finally:
            self._quote_streams -= 1

    async def _quotes(
        self, wanted: Sequence[Instrument], pause_s: float
    ) -> AsyncIterator[pb.Quote]:
        board = self._deps.core.board
        sent: dict[InstrumentId, int] = {}
        while True:
            for instrument in wanted:
                quote = board.quote(instrument.id)
                if quote is None or sent.get(instrument.id) == quote.receive_ns:
                    continue
                sent[instrument.id] = quote.receive_ns
                yield quote_shown(instrument, quote, self._markets)
            await asyncio.sleep(pause_s)

    async def StreamOpportunities(
        self, request: pb.StreamOpportunitiesRequest, call: Call
    ) -> AsyncIterator[pb.Opportunity]:
        subscription = self._deps.hub.subscribe()
        try:
            async for events, _ in _publications(subscription):
                for event in events:
                    if isinstance(event, SignalSeen) and request.strategy in {
                        "",
                        event.signal.strategy,
                    }:
                        yield _opportunity(event.signal)
        finally:
            subscription.close()

    async def StreamAlerts(
        self, request: pb.StreamAlertsRequest, call: Call
    ) -> AsyncIterator[pb.Alert]:
        if request.recent < 0:
            raise InvalidValue(f"recent must not be negative, got {request.recent}")
        reader = self.alerts.news.read()
        try:
            recent = list(self.alerts.recent)
            for alert in recent[len(recent) - min(request.recent, len(recent)) :]:
                if alert.severity >= request.least:
                    yield alert
            async for alert in reader:
                if alert.severity >= request.least:
                    yield alert
        finally:
            reader.close()

    def _changed(self, changes: Changes) -> Iterator[Worked]:
        """Each order asked for once, however many that followed it moved."""
        seen = set()
        for order in changes.orders.values():
            first = order
            if not leads(order):
                others = self._deps.core.ledger.orders_of(order.trade_id)
                first = next((o for o in others if o.leg == order.leg and leads(o)), order)
            if first.client_order_id not in seen:
                seen.add(first.client_order_id)
                yield self._deps.desk.worked(first)

    def _wanted(self, order: Worked, venues: tuple[VenueId, ...] | None, by_hand: bool) -> bool:
        first = order.first
        if venues is not None and first.venue not in venues:
            return False
        if not by_hand:
            return True
        trade = self._deps.core.ledger.trade(first.trade_id)
        return first.strategy == MANUAL or (trade is not None and trade.family is Family.MANUAL)

    def _update(self, order: Worked, *, snapshot: bool = False) -> pb.OrderUpdate:
        return pb.OrderUpdate(
            order=order_shown(order, self._markets),
            client_order_id=order.first.client_order_id,
            strategy=order.first.strategy,
            reason=order.reason,
            snapshot=snapshot,
        )

    def _instruments(self, request: pb.StreamQuotesRequest) -> Sequence[Instrument]:
        if request.interval_ms < 0:
            raise InvalidValue(f"interval_ms must not be negative, got {request.interval_ms}")
        if request.market_ids:
            return [self._markets.find(request.exchange, each) for each in request.market_ids]
        venues = venues_of(request.exchange, self._markets.venues)
        found = [each for each in self._markets.all if venues is None or each.venue in venues]
        if not found:
            raise NotFound(f"nothing is listed there; there are {', '.join(self._markets.venues)}")
        return found


def _opportunity(signal: Signal) -> pb.Opportunity:
    return pb.Opportunity(
        number=signal.seq,
        strategy=signal.strategy,
        symbol=signal.symbol,
        buy_exchange=exchange_of(signal.buy_venue),
        sell_exchange=exchange_of(signal.sell_venue),
        buy_price=float(signal.buy_price),
        sell_price=float(signal.sell_price),
        edge=float(signal.edge),
        confidence=float(signal.confidence),
        executed=signal.executed,
        verdict=signal.verdict,
        detected_at=moment(signal.detected_ns),
    )


async def _publications(subscription: Subscription) -> AsyncIterator[Publication]:
    try:
        async for publication in subscription:
            yield publication
    except QueueFull:
        raise TooMuch(FELL_BEHIND) from None
