"""A simulated exchange: one customer against a displayed market.

It has no clock, no randomness and no transport of its own, and so serves simulated venues, paper
trading and backtests alike. Calls queue what was sent; matching happens when it arrives, reports
leave when they are due, and every call gives back the reports due by its time.

The customer trades against the displayed top of book only. An aggressive order takes up to the
displayed size at that price; a resting order is filled at its own price as maker once the market
has come to it, again up to the displayed size.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from itertools import islice

import msgspec

from arbiter.matching import fees, rules
from arbiter.matching.accounts import Account
from arbiter.matching.book import Book
from arbiter.matching.codes import Refusal, venue_code
from arbiter.matching.latency import NO_LATENCY, LatencySettings
from arbiter.matching.margin import MarginAccount
from arbiter.matching.orders import OrderRequest, VenueOrder, marketable
from arbiter.matching.private import PRIVATE_REPORTS
from arbiter.matching.settlement import settle_spot
from arbiter.matching.state import ExchangeState, Step
from arbiter.matching.travel import Travel
from arbiter.model.ids import Asset, ClientOrderId, InstrumentId, VenueId
from arbiter.model.instruments import Instrument, InstrumentKind
from arbiter.model.money import ZERO, plain
from arbiter.model.orders import Fill, Liquidity, OrderStatus, Side, TimeInForce
from arbiter.model.perpetuals import ForcedCause
from arbiter.model.reports import (
    Absent,
    Accepted,
    CancelRefused,
    Ended,
    Filled,
    ForcedReported,
    FundingReported,
    Holding,
    OrderTruth,
    Refused,
    VenueReport,
)

# Looking a member up on its enum costs more than comparing with it.
_FOK = TimeInForce.FOK
_TAKER = Liquidity.TAKER
_BINARY = InstrumentKind.BINARY
_FILLED = OrderStatus.FILLED

KEEP_ENDED = 100_000
"""Ended orders and fills a venue can still be asked about; older ones are forgotten."""


class _Lock(msgspec.Struct, frozen=True, gc=False):
    """What an order locks of `asset`: per unit of its size, and all of it."""

    asset: Asset
    rate: Decimal
    amount: Decimal


class _CancelRequest:
    __slots__ = ("client_order_id",)

    def __init__(self, client_order_id: ClientOrderId) -> None:
        self.client_order_id = client_order_id


def _forget(_: Step) -> None:
    return


def _half() -> float:
    return 0.5


def _same(now_ns: int) -> int:
    return now_ns


class SimulatedExchange:
    """One venue. `record` is told each step before any report of it can leave.

    `stamp` gives the venue's own time for a true one: what it tells carries that, however far its
    clock is off; what travels, travels in true time.
    """

    def __init__(
        self,
        venue: VenueId,
        instruments: Iterable[Instrument],
        latency: LatencySettings = NO_LATENCY,
        *,
        draw: Callable[[], float] = _half,
        record: Callable[[Step], None] = _forget,
        keep_ended: int = KEEP_ENDED,
        stamp: Callable[[int], int] = _same,
    ) -> None:
        self.venue = venue
        self._travel: Travel[OrderRequest | _CancelRequest, VenueReport] = Travel(latency, draw)
        self._keep_ended = keep_ended
        self._books = {i.id: Book(i) for i in instruments}
        self._by_pair = {(b.instrument.base, b.instrument.quote): b for b in self._books.values()}
        self._stamp = stamp
        self._record = record
        self._account = Account()
        self._margin = MarginAccount(
            venue, (book.instrument for book in self._books.values()), self._account
        )
        self._orders: dict[ClientOrderId, VenueOrder] = {}
        self._fills: list[Fill] = []
        self._next_order = 1
        self._next_trade = 1
        self._private_reports = 0
        self._changed: dict[ClientOrderId, VenueOrder] = {}
        self._new_fills: list[Fill] = []
        self._said: list[VenueReport] = []

    # What a customer can ask for.

    def submit(self, request: OrderRequest, now_ns: int) -> list[VenueReport]:
        """Send an order."""
        self._travel.send(request, now_ns)
        return self.due(now_ns)

    def cancel(self, client_order_id: ClientOrderId, now_ns: int) -> list[VenueReport]:
        """Send a cancel."""
        self._travel.send(_CancelRequest(client_order_id), now_ns)
        return self.due(now_ns)

    def query(self, client_order_id: ClientOrderId, now_ns: int) -> OrderTruth | Absent:
        """Answer by client order id; what has not arrived yet is absent."""
        self._arrive_until(now_ns)
        order = self._orders.get(client_order_id)
        if order is None:
            at_ns = self._stamp(now_ns)
            return Absent(venue=self.venue, client_order_id=client_order_id, at_ns=at_ns)
        return order.truth(self.venue)

    def open_orders(self) -> list[OrderTruth]:
        return [
            order.truth(self.venue)
            for book in self._books.values()
            for order in book.resting.values()
        ]

    def orders(self) -> list[OrderTruth]:
        """All orders still remembered, oldest first."""
        return [order.truth(self.venue) for order in self._orders.values()]

    def fills_since(self, since_ns: int) -> list[Fill]:
        """Fills with venue time >= `since_ns`, oldest first; a clock may have been set back."""
        return [fill for fill in self._fills if fill.at_ns >= since_ns]

    def holdings(self) -> list[Holding]:
        account = self._account
        return [
            Holding(
                venue=self.venue,
                asset=asset,
                free=account.free(asset),
                locked=account.locked(asset),
            )
            for asset in account
        ]

    @property
    def instruments(self) -> Sequence[Instrument]:
        return [book.instrument for book in self._books.values()]

    # The margin account.

    @property
    def margin(self) -> MarginAccount:
        """Positions, payments and forced closes, to read."""
        return self._margin

    def set_leverage(self, instrument: InstrumentId, leverage: Decimal, now_ns: int) -> None:
        """Of positions to come. `VenueRefused` while one is open, or beyond what there is."""
        book = self._books.get(instrument)
        resting = {} if book is None else book.resting
        for order in self._margin.set_leverage(instrument, leverage, tuple(resting.values())):
            resting[order.client_order_id] = order
            self._keep(order)
        self._commit(now_ns)

    # What the market and time do.

    def on_quote(
        self,
        instrument: InstrumentId,
        bid: float,
        ask: float,
        bid_size: float,
        ask_size: float,
        now_ns: int,
    ) -> list[VenueReport]:
        """Show a new top of book; what had arrived before it is matched against the old one."""
        travel = self._travel
        if travel.arriving:
            self._arrive_until(now_ns)
        book = self._books[instrument]
        book.quote(bid, ask, bid_size, ask_size)
        if book.resting:
            self._cross(book, now_ns)
        return travel.left(now_ns) if travel.leaving else []

    def on_mark(self, instrument: InstrumentId, mark: Decimal, now_ns: int) -> list[VenueReport]:
        """Take a new mark; a position without its maintenance margin is liquidated at once."""
        self._arrive_until(now_ns)
        if self._margin.liquidated(instrument, mark):
            self._force(instrument, Decimal(1), ForcedCause.LIQUIDATION, now_ns)
        return self._travel.left(now_ns)

    def deleverage(
        self, instrument: InstrumentId, fraction: Decimal, now_ns: int
    ) -> list[VenueReport]:
        """Close a part of what is held, at the mark, as auto-deleveraging does."""
        self._arrive_until(now_ns)
        self._force(instrument, fraction, ForcedCause.ADL, now_ns)
        return self._travel.left(now_ns)

    def settle_funding(
        self, instrument: InstrumentId, rate: Decimal, mark: Decimal, settled_ns: int, now_ns: int
    ) -> list[VenueReport]:
        """Pay or take funding on what is open now, for the settlement of `settled_ns`."""
        self._arrive_until(now_ns)
        at_ns = self._stamp(now_ns)
        payment = self._margin.pay_funding(instrument, rate, mark, settled_ns, at_ns)
        if payment is not None:
            self._said.append(FundingReported(venue=self.venue, at_ns=at_ns, payment=payment))
            self._commit(now_ns)
        return self._travel.left(now_ns)

    def _force(
        self, instrument: InstrumentId, fraction: Decimal, cause: ForcedCause, now_ns: int
    ) -> None:
        """Cancel what rests in the market, as the venues do first, then close."""
        book, at_ns = self._books[instrument], self._stamp(now_ns)
        for order in list(book.resting.values()):
            del book.resting[order.client_order_id]
            self._end(order, OrderStatus.CANCELLED, f"cancelled before a {cause}", at_ns)
        close = self._margin.force(instrument, fraction, cause, str(self._next_trade), at_ns)
        if close is not None:
            self._next_trade += 1
            self._said.append(ForcedReported(venue=self.venue, at_ns=at_ns, forced=close))
        self._commit(now_ns)

    def due(self, now_ns: int) -> list[VenueReport]:
        """Match what has arrived by now; give the reports that have travelled long enough."""
        travel = self._travel
        if travel.arriving:
            self._arrive_until(now_ns)
        return travel.left(now_ns) if travel.leaving else []

    @property
    def next_due_ns(self) -> int | None:
        """When `due` has something to do next, None when nothing is under way."""
        return self._travel.next_due_ns

    # Standing of the account.

    def open_account(self, balances: Mapping[Asset, Decimal], now_ns: int) -> list[Asset]:
        """Give starting balances to assets never seen here before; say which those were."""
        opened = [asset for asset in balances if asset not in self._account]
        for asset in opened:
            self._account.move(asset, balances[asset])
        if opened:
            self._commit(now_ns)
        return opened

    def move(self, asset: Asset, delta: Decimal, now_ns: int) -> None:
        """Change a balance as no order does (deposit, withdrawal); what is locked stays."""
        self._account.move(asset, max(delta, min(-self._account.free(asset), ZERO)))
        self._commit(now_ns)

    @property
    def private_reports(self) -> int:
        """How many reports the private stream has been given since the venue exists."""
        return self._private_reports

    def state(self) -> ExchangeState:
        return ExchangeState(
            venue=self.venue,
            orders=list(self._orders.values()),
            fills=list(self._fills),
            balances=self._account.snapshot(),
            positions=self._margin.unlisted.positions | self._margin.positions,
            leverage=self._margin.unlisted.leverage | self._margin.leverage(),
            payments=list(self._margin.payments),
            forced=list(self._margin.forced),
            settling=self._margin.unlisted.settling | self._margin.settlements.rows,
            settled=list(self._margin.settlements.settled),
            closed=self._margin.settlements.closed,
            private_reports=self._private_reports,
            next_order=self._next_order,
            next_trade=self._next_trade,
        )

    def restore(self, state: ExchangeState, now_ns: int) -> None:
        """Take up a stored state; open orders in markets no longer listed are cancelled."""
        self._account.set(state.balances)
        self._orders = {order.client_order_id: order for order in state.orders}
        self._fills = list(state.fills)
        self._margin.restore(state)
        self._next_order, self._next_trade = state.next_order, state.next_trade
        self._private_reports = state.private_reports
        delisted = []
        for order in state.orders:
            if order.status.terminal:
                continue
            book = self._books.get(order.request.instrument)
            if book is None:
                delisted.append(order)
            else:
                book.resting[order.client_order_id] = order
        for order in delisted:
            why = "the market is no longer listed"
            self._end(order, OrderStatus.CANCELLED, why, self._stamp(now_ns))
        if delisted:
            self._commit(now_ns)

    # Arrival and departure.

    def _arrive_until(self, now_ns: int) -> None:
        for at, message in self._travel.arrived(now_ns):
            if isinstance(message, OrderRequest):
                self._on_order(message, self._stamp(at))
            else:
                self._on_cancel(message.client_order_id, self._stamp(at))
            self._commit(at)

    def _commit(self, at_ns: int) -> None:
        """Record the step, then let its reports travel, in the order they were said."""
        said = self._said
        private = 0
        for report in said:
            if type(report) in PRIVATE_REPORTS:
                private += 1
        self._private_reports += private
        balances = self._account.take_touched()
        margin = self._margin.take_news()
        closed = margin.closed
        news = self._changed or balances or margin.leverage or private or closed is not None
        if news and self._record is not _forget:
            self._record(
                Step(
                    venue=self.venue,
                    at_ns=at_ns,
                    orders=tuple(self._changed.values()),
                    fills=tuple(self._new_fills),
                    balances=balances,
                    positions=margin.positions,
                    leverage=margin.leverage,
                    payments=margin.payments,
                    forced=margin.forced,
                    settling=margin.settling,
                    settled=margin.settled,
                    closed=closed,
                    reports=tuple(said),
                    private_reports=self._private_reports,
                    next_order=self._next_order,
                    next_trade=self._next_trade,
                )
            )
        self._travel.tell(said, at_ns)
        self._changed, self._new_fills, self._said = {}, [], []
        self._forget_old()

    def _forget_old(self) -> None:
        """Drop a tenth at a time, so that the cost is spread."""
        keep = self._keep_ended
        if len(self._orders) > keep * 11 // 10:
            surplus = len(self._orders) - keep
            ended = (key for key, order in self._orders.items() if order.status.terminal)
            for key in list(islice(ended, surplus)):
                del self._orders[key]
        if len(self._fills) > keep * 11 // 10:
            del self._fills[:-keep]
        if self._margin.contracts:
            self._margin.forget_all_but(keep)

    # Matching.

    def _on_order(self, request: OrderRequest, at_ns: int) -> None:
        book = self._books.get(request.instrument)
        best = None if book is None else book.best(request.side)
        checked = self._check(request, book, best)
        if not isinstance(checked, _Lock):
            refusal, why = checked
            self._said.append(
                Refused(
                    venue=self.venue,
                    at_ns=at_ns,
                    client_order_id=request.client_order_id,
                    code=venue_code(self.venue, refusal),
                    reason=f"{refusal}: {why}" if why else str(refusal),
                )
            )
            return
        assert book is not None, "an order in an unknown market is refused"
        order = self._accept(request, checked, at_ns)
        if request.time_in_force is _FOK and not self._fillable(order, book):
            self._end(order, OrderStatus.EXPIRED, "could not be filled in full", at_ns)
        else:
            if best is not None and marketable(request, best):
                order = self._fill(order, book, best, _TAKER, at_ns)
            if not order.status.terminal:
                if request.immediate:
                    self._end(order, OrderStatus.EXPIRED, "no more displayed size", at_ns)
                else:
                    book.resting[order.client_order_id] = order

    def _check(
        self, request: OrderRequest, book: Book | None, best: Decimal | None
    ) -> rules.Problem | _Lock:
        """Say why an order is refused, or what it locks; `best` is what it would trade at."""
        if book is None:
            return Refusal.UNKNOWN_INSTRUMENT, request.instrument
        if request.client_order_id in self._orders:
            return Refusal.DUPLICATE_ID, request.client_order_id
        if request.instrument in self._margin.settlements.closed:
            return Refusal.NO_MARKET, f"{request.instrument} is closed"
        instrument = book.instrument
        problem = rules.shape_problem(request, instrument)
        if problem is not None:
            return problem
        price = request.price if request.price is not None else best
        if price is None:
            return Refusal.NO_MARKET, "nothing is displayed"
        problem = rules.size_problem(request, instrument, price)
        if problem is not None:
            return problem
        if request.post_only and marketable(request, best):
            return Refusal.WOULD_TAKE, ""
        if request.reduce_only:
            if self._margin.reducible(instrument.id, request.side) > ZERO:
                return _Lock(instrument.settle, ZERO, ZERO)
            return Refusal.NOT_REDUCING, f"{instrument.id} has nothing to reduce"
        if instrument.id in self._margin.contracts:
            rate = self._margin.lock_rate(instrument.id, request.side, price)
            if best is not None and best != price and marketable(request, best):
                # Sold above its limit, a contract is worth more, and takes more margin.
                rate = max(rate, self._margin.lock_rate(instrument.id, request.side, best))
            asset = instrument.settle
        else:
            rate, asset = fees.lock_rate(instrument, request.side, price)
        need, free = request.size * rate, self._account.free(asset)
        if need > free:
            return Refusal.BALANCE, f"{asset} needed={plain(need)} free={plain(free)}"
        return _Lock(asset, rate, need)

    def _accept(self, request: OrderRequest, lock: _Lock, at_ns: int) -> VenueOrder:
        order = VenueOrder(
            request=request,
            number=self._next_order,
            lock_asset=lock.asset,
            lock_rate=lock.rate,
            accepted_ns=at_ns,
            updated_ns=at_ns,
        )
        self._next_order += 1
        self._account.relock(lock.asset, lock.amount)
        self._keep(order)
        self._said.append(
            Accepted(
                venue=self.venue,
                at_ns=at_ns,
                client_order_id=request.client_order_id,
                venue_order_id=order.venue_order_id,
            )
        )
        return order

    def _fillable(self, order: VenueOrder, book: Book) -> bool:
        return (
            marketable(order.request, book.best(order.request.side))
            and self._executable(order, book) >= order.remaining
        )

    def _executable(self, order: VenueOrder, book: Book) -> Decimal:
        """Size that is displayed for an order and that it may take."""
        side = order.request.side
        size = min(order.remaining, book.available(side))
        if order.request.reduce_only:
            size = min(size, self._margin.reducible(book.instrument.id, side))
        return size

    def _cross(self, book: Book, now_ns: int) -> None:
        at_ns = self._stamp(now_ns)
        for order in book.crossed():
            price = order.request.price
            assert price is not None, "only limit orders rest"
            after = self._fill(order, book, price, Liquidity.MAKER, at_ns)
            if after.status.terminal:
                del book.resting[order.client_order_id]
            elif after is not order:
                book.resting[order.client_order_id] = after
        if self._said:
            self._commit(now_ns)

    def _fill(
        self, order: VenueOrder, book: Book, price: Decimal, liquidity: Liquidity, at_ns: int
    ) -> VenueOrder:
        """Execute as much as is displayed; gives the same order back when that is nothing."""
        request, instrument, side = order.request, book.instrument, order.request.side
        on_margin = instrument.id in self._margin.contracts
        size = self._executable(order, book)
        if size <= ZERO:
            return order
        book.take(side, size)
        units: Decimal | None = None
        if instrument.kind is _BINARY:
            units = fees.event_units(instrument, side, size, price, liquidity)
            fee, units = fees.event_charge(instrument, order.fee_units, units)
            fee_asset = instrument.settle
        else:
            fee, fee_asset = fees.charge(
                instrument, side, size, price, liquidity, self._account.free, self._value
            )
        fill = Fill(
            venue=self.venue,
            venue_trade_id=str(self._next_trade),
            client_order_id=request.client_order_id,
            instrument=instrument.id,
            side=side,
            size=size,
            price=price,
            fee=fee,
            fee_asset=fee_asset,
            liquidity=liquidity,
            at_ns=at_ns,
        )
        self._next_trade += 1
        filled = order.filled_size + size
        done = filled == request.size
        status = _FILLED if done else OrderStatus.PARTIALLY_FILLED
        after = order.changed(status, filled, at_ns, units)
        self._account.relock(order.lock_asset, after.locked - order.locked)
        if on_margin:
            self._margin.settle(fill)
        else:
            settle_spot(self._account, instrument, fill)
        self._fills.append(fill)
        self._new_fills.append(fill)
        self._keep(after)
        self._said.append(Filled(venue=self.venue, at_ns=at_ns, fill=fill))
        if done:
            self._say_ended(after, "", at_ns)
        return after

    def _on_cancel(self, client_order_id: ClientOrderId, at_ns: int) -> None:
        order = self._orders.get(client_order_id)
        if order is None or order.status.terminal:
            refusal = Refusal.UNKNOWN_ORDER if order is None else Refusal.ALREADY_ENDED
            why = "no such order" if order is None else f"the order is {order.status}"
            self._said.append(
                CancelRefused(
                    venue=self.venue,
                    at_ns=at_ns,
                    client_order_id=client_order_id,
                    code=venue_code(self.venue, refusal),
                    reason=f"{refusal}: {why}",
                )
            )
        else:
            del self._books[order.request.instrument].resting[client_order_id]
            self._end(order, OrderStatus.CANCELLED, "cancelled by the customer", at_ns)

    def _end(self, order: VenueOrder, status: OrderStatus, why: str, at_ns: int) -> None:
        after = order.changed(status, order.filled_size, at_ns)
        self._account.relock(order.lock_asset, -order.locked)
        self._keep(after)
        self._say_ended(after, why, at_ns)

    def _say_ended(self, order: VenueOrder, why: str, at_ns: int) -> None:
        self._said.append(
            Ended(
                venue=self.venue,
                at_ns=at_ns,
                client_order_id=order.request.client_order_id,
                status=order.status,
                filled_size=order.filled_size,
                reason=why,
            )
        )

    def _keep(self, order: VenueOrder) -> None:
        key = order.request.client_order_id
        self._orders[key] = self._changed[key] = order

    def _value(self, asset: Asset, quote: Asset) -> Decimal | None:
        book = self._by_pair.get((asset, quote))
        return book.best(Side.SELL) if book is not None else None
