"""A recorded pair of event markets through the live rules: what would it have locked in?

The rules are the live ones: openings, sizes, caps, fees and capital cost come from the same code.
Both legs are filled at the touch of their row, which nobody could have done for sure: the two
books of a row were not taken at one moment.
"""

import time
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal

import msgspec

from arbiter.backtest.agenda import SeededIds, VirtualClock
from arbiter.backtest.event_account import EventAccount, EventFill
from arbiter.backtest.event_recording import BookTop, EventRecording
from arbiter.books.board import BoardSettings, QuoteBoard
from arbiter.books.registry import MarketRegistry
from arbiter.model.event_pairs import EventPair
from arbiter.model.ids import VenueId
from arbiter.model.instruments import Instrument
from arbiter.model.money import ZERO, quotient, use_wide_context
from arbiter.model.plans import Plan
from arbiter.model.time import NS_PER_DAY, rfc3339
from arbiter.opportunities.event_edge import edge_of
from arbiter.opportunities.event_pair import EventSpread, Opening
from arbiter.opportunities.event_settings import EventSettings
from arbiter.runtime.clock import SignalIds


class EventTrade(msgspec.Struct, frozen=True, kw_only=True):
    """A trade's line of the report; money in dollars, prices of YES."""

    at: str
    first: str
    """``BUY 0.51``: BUY takes YES, SELL takes NO."""
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
    cash: Decimal,
    payout_given: bool = True,
) -> EventReport:
    """Live through all rows; the same recording and settings, the same report."""
    began = time.perf_counter()
    use_wide_context()
    desk = _Desk(recording, instruments, pair, settings, cash)
    for row in recording.rows:
        desk.show(row.at_ns, row.first, row.second)
    return desk.report(payout_given, time.perf_counter() - began)


class _Desk:
    """The live rules over an account of its own."""

    def __init__(
        self,
        recording: EventRecording,
        instruments: tuple[Instrument, Instrument],
        pair: EventPair,
        settings: EventSettings,
        cash: Decimal,
    ) -> None:
        self._recording = recording
        self._pair = pair
        self._settings = settings
        registry = MarketRegistry(instruments)
        self._board = QuoteBoard(registry, BoardSettings(max_age_ns=settings.max_age_ns))
        self._slots = [registry.slot(instrument.id) for instrument in instruments]
        self._clock = VirtualClock()
        ids = SignalIds(SeededIds(self._clock, 7), lambda: 1)
        self._spread = EventSpread(settings, self._board, registry, ids)
        self._spread.watch([pair], simulated=False)
        self._account = EventAccount(dict.fromkeys(recording.venues, cash))
        self._refusals: Counter[str] = Counter()
        self._refused_quotes = 0
        self._openings = 0
        self._edges: list[tuple[int, float, float]] = []
        self._best_gross: Decimal | None = None
        for venue in recording.venues:
            self._board.set_venue_health(venue, True)

    def show(self, at_ns: int, first: BookTop, second: BookTop) -> None:
        self._clock.set(at_ns)
        for slot, top in zip(self._slots, (first, second), strict=True):
            code = self._board.update(
                slot, top.bid, top.ask, top.bid_size, top.ask_size, at_ns, at_ns
            )
            self._refused_quotes += code < 0
        self._note_edge(at_ns)
        opening = self._spread.consider(self._pair, at_ns)
        if opening is not None:
            self._openings += opening.new
            self._trade(opening, at_ns)

    def _note_edge(self, at_ns: int) -> None:
        ways = self._spread.ways(self._pair, at_ns)
        if ways:
            edge = ways[0].edge
            gross = max(quotient(way.edge.gross, way.edge.size) for way in ways)
            if self._best_gross is None or gross > self._best_gross:
                self._best_gross = gross
            self._edges.append((at_ns, float(gross), float(edge.per_contract)))

    def _trade(self, opening: Opening, at_ns: int) -> None:
        if self._spread.resting(self._pair.id, at_ns):
            return
        plan = self._spread.plan(opening, self._account, at_ns)
        if isinstance(plan, str):
            self._refuse(opening, plan, at_ns)
            return
        gone = self._spread.gone(plan, at_ns)
        if gone is not None:
            self._refuse(opening, gone, at_ns)
            return
        self._account.book(plan, opening, self._capital(plan, opening, at_ns), at_ns)
        self._spread.note_traded(opening, at_ns)

    def _refuse(self, opening: Opening, why: str, at_ns: int) -> None:
        self._refusals[why.partition("=")[0]] += 1
        self._spread.note_refused(opening, at_ns)

    def _capital(self, plan: Plan, opening: Opening, at_ns: int) -> Decimal:
        lockup = self._spread.lockup(self._pair, at_ns)
        return edge_of(opening.legs, plan.legs[0].size, lockup).capital

    def report(self, payout_given: bool, seconds: float) -> EventReport:
        fills, rows = self._account.fills, self._recording.rows
        nets = [net for _, _, net in self._edges]
        return EventReport(
            venues=self._recording.venues,
            first=rfc3339(rows[0].at_ns),
            last=rfc3339(rows[-1].at_ns),
            rows=len(rows),
            refused_quotes=self._refused_quotes,
            bucket_minutes=round(self._recording.bucket_s / 60, 1),
            min_spread=self._settings.min_spread,
            payout=rfc3339(self._pair.payout_ns),
            openings=self._openings,
            trades=tuple(_line(fill) for fill in fills),
            refusals=dict(self._refusals),
            contracts=sum((fill.size for fill in fills), ZERO),
            locked=self._account.total_exposure(),
            fees=sum((fill.fees for fill in fills), ZERO),
            capital=sum((fill.capital for fill in fills), ZERO),
            profit=sum((fill.profit for fill in fills), ZERO),
            net=sum((fill.net for fill in fills), ZERO),
            annual_return=self._annual(fills),
            divergence_loss=self._account.total_exposure(),
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
    legs = [f"{side} {price}" for side, price in zip(fill.sides, fill.prices, strict=True)]
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
