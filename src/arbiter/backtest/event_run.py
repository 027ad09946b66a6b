"""A recorded pair of event markets through the live engine: what would it have locked in?

Desk, gate, ledger and leg machine are the live ones, over simulated exchanges (`event_world`). Both
books of a row are shown as one, which nobody could have seen: they were not taken at one moment.
"""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal

import msgspec

from arbiter.backtest.event_recording import BookTop, EventRecording
from arbiter.backtest.event_trades import EventFill, fill_of
from arbiter.backtest.event_world import EventWorld, Top
from arbiter.backtest.settings import BacktestSettings
from arbiter.execution.settings import ExecutionSettings
from arbiter.model.changes import Changes
from arbiter.model.event_pairs import EventPair
from arbiter.model.events import Event, OrderFilled, SignalSeen, TradeAdvanced, TradeOpened
from arbiter.model.ids import ClientOrderId, SignalId, TradeId, VenueId
from arbiter.model.instruments import Instrument
from arbiter.model.money import ZERO, plain, quotient
from arbiter.model.orders import Order
from arbiter.model.time import NS_PER_DAY, rfc3339
from arbiter.model.trades import Trade, TradeState
from arbiter.opportunities.event_settings import EventSettings
from arbiter.risk.limits import RiskLimits

_CAME_TO_NOTHING = (TradeState.ABANDONED, TradeState.FAILED)


class EventTrade(msgspec.Struct, frozen=True, kw_only=True):
    """A trade's line of the report; money in dollars, prices of YES."""

    at: str
    first: str
    """``BUY 0.51``: BUY takes YES, SELL takes NO; ``BUY -`` where nothing was filled."""
    second: str
    size: Decimal
    cost: Decimal
    fees: Decimal
    capital: Decimal
    net: Decimal


class EventReport(msgspec.Struct, frozen=True, kw_only=True):
    venues: tuple[VenueId, VenueId]
    first: str
    last: str
    rows: int
    refused_quotes: int
    bucket_minutes: float
    min_spread: Decimal
    payout: str
    openings: int
    """Distinct ones, whichever way round."""
    trades: tuple[EventTrade, ...]
    refusals: Mapping[str, int]
    """Openings in so many rows that came to nothing, by what stopped them."""
    contracts: Decimal
    alone: Decimal
    """Contracts of one leg that were left without the other; counted as worth nothing."""
    order_ms: float
    """From a decision to its orders' arrival, as modelled."""
    locked: Decimal
    """Cost of all trades with their fees, until the payout."""
    fees: Decimal
    capital: Decimal
    profit: Decimal
    """At the payout when both venues resolve alike, before capital cost."""
    net: Decimal
    annual_return: Decimal | None
    """Profit over the capital and the time it is locked; None without trades."""
    divergence_loss: Decimal
    """When the venues resolve differently and both legs lose: everything spent."""
    cap: Decimal
    best_gross: Decimal | None
    best_net: Decimal | None
    """Of a contract, in any row and either way; None without a row that has both books."""
    edges: tuple[tuple[int, float, float], ...]
    """Time (ns), gross and net of the better way, a contract."""
    payout_given: bool
    seconds: float


def run(
    recording: EventRecording,
    instruments: tuple[Instrument, Instrument],
    pair: EventPair,
    settings: EventSettings,
    *,
    limits: RiskLimits,
    execution: ExecutionSettings,
    backtest: BacktestSettings,
    payout_given: bool = True,
) -> EventReport:
    """Live through all rows; the same recording and settings, the same report."""
    began = time.perf_counter()
    world = EventWorld(
        instruments,
        pair,
        settings,
        limits,
        execution,
        backtest,
        start_ns=recording.rows[0].at_ns,
    )
    observer = _Observer(recording, world, pair, settings)
    for row in recording.rows:
        world.advance(row.at_ns)
        world.show(_top(row.first), _top(row.second))
        observer.note_edge(row.at_ns)
    world.finish()
    order_ms = backtest.commit_latency_ms + backtest.order_latency_ms
    return observer.report(payout_given, order_ms, time.perf_counter() - began)


def _top(book: BookTop) -> Top:
    return book.bid, book.ask, book.bid_size, book.ask_size


class _Observer:
    """What is seen of a run, beside the ledger."""

    def __init__(
        self,
        recording: EventRecording,
        world: EventWorld,
        pair: EventPair,
        settings: EventSettings,
    ) -> None:
        self._recording = recording
        self._world = world
        self._pair = pair
        self._settings = settings
        self._refusals: Counter[str] = Counter()
        self._openings: set[SignalId] = set()
        self._trades: dict[TradeId, Trade] = {}
        """Openings as they ended: the ledger forgets them sooner than a long recording ends."""
        self._orders: dict[TradeId, dict[ClientOrderId, Order]] = {}
        self._fees: dict[TradeId, Decimal] = {}
        self._edges: list[tuple[int, float, float]] = []
        self._best_gross: Decimal | None = None
        world.desk.passed_by = self._refuse
        world.hub.listen(self._watch)

    def note_edge(self, at_ns: int) -> None:
        """Look at both ways round as the row left them."""
        ways = self._world.desk.spread.ways(self._pair, at_ns)
        if ways:
            edge = ways[0].edge
            gross = max(quotient(way.edge.gross, way.edge.size) for way in ways)
            if self._best_gross is None or gross > self._best_gross:
                self._best_gross = gross
            self._edges.append((at_ns, float(gross), float(edge.per_contract)))

    def _refuse(self, why: str) -> None:
        self._refusals[why.partition("=")[0]] += 1

    def _watch(self, events: Sequence[Event], changes: Changes) -> None:
        ledger = self._world.ledger
        for event in events:
            if isinstance(event, SignalSeen):
                self._openings.add(event.signal.id)
            elif isinstance(event, TradeOpened):
                if len(event.trade.legs) == 2 and not event.orders[0].reduce_only:
                    self._orders[event.trade.id] = {}
            elif isinstance(event, OrderFilled):
                order = event.order or ledger.orders[event.fill.client_order_id]
                paid = self._fees.get(order.trade_id, ZERO)
                self._fees[order.trade_id] = paid + event.fill.fee
            elif isinstance(event, TradeAdvanced) and event.state in _CAME_TO_NOTHING:
                self._refuse(event.reason or event.state)
        self._trades.update(
            (key, row) for key, row in changes.trades.items() if key in self._orders
        )
        for key, order in changes.orders.items():
            if order.trade_id in self._orders:
                self._orders[order.trade_id][key] = order

    def _fills(self) -> list[EventFill]:
        fills = map(self._fill, self._trades.values())
        return [fill for fill in fills if fill is not None]

    def _fill(self, trade: Trade) -> EventFill | None:
        lockup = self._world.desk.spread.lockup(self._pair, trade.started_ns)
        fees = self._fees.get(trade.id, ZERO)
        return fill_of(trade, tuple(self._orders[trade.id].values()), fees, lockup)

    def report(self, payout_given: bool, order_ms: float, seconds: float) -> EventReport:
        fills, rows = self._fills(), self._recording.rows
        nets = [net for _, _, net in self._edges]
        locked = sum((fill.spent for fill in fills), ZERO)
        faults = self._world.core.board.fault_counts.values()
        return EventReport(
            venues=self._recording.venues,
            first=rfc3339(rows[0].at_ns),
            last=rfc3339(rows[-1].at_ns),
            rows=len(rows),
            refused_quotes=sum(sum(counts.values()) for counts in faults),
            bucket_minutes=round(self._recording.bucket_s / 60, 1),
            min_spread=self._settings.min_spread,
            payout=rfc3339(self._pair.payout_ns),
            openings=len(self._openings),
            trades=tuple(_line(fill) for fill in fills),
            refusals=dict(self._refusals),
            contracts=sum((fill.size for fill in fills), ZERO),
            alone=sum((fill.alone for fill in fills), ZERO),
            order_ms=order_ms,
            locked=locked,
            fees=sum((fill.fees for fill in fills), ZERO),
            capital=sum((fill.capital for fill in fills), ZERO),
            profit=sum((fill.profit for fill in fills), ZERO),
            net=sum((fill.net for fill in fills), ZERO),
            annual_return=self._annual(fills),
            divergence_loss=locked,
            cap=self._pair.cap_usd,
            best_gross=self._best_gross,
            best_net=Decimal(repr(max(nets))) if nets else None,
            edges=tuple(self._edges),
            payout_given=payout_given,
            seconds=seconds,
        )

    def _annual(self, fills: list[EventFill]) -> Decimal | None:
        """Σ profit / Σ (capital · years)."""
        dollar_days = sum(
            (fill.spent * (self._pair.payout_ns - fill.at_ns) / NS_PER_DAY for fill in fills), ZERO
        )
        if dollar_days <= ZERO:
            return None
        profit = sum((fill.profit for fill in fills), ZERO)
        return quotient(profit * 365, dollar_days)


def _line(fill: EventFill) -> EventTrade:
    legs = [
        f"{side} {plain(price) if price else '-'}"
        for side, price in zip(fill.sides, fill.prices, strict=True)
    ]
    return EventTrade(
        at=rfc3339(fill.at_ns),
        first=legs[0],
        second=legs[1],
        size=fill.size,
        cost=fill.cost,
        fees=fill.fees,
        capital=fill.capital,
        net=fill.net,
    )
