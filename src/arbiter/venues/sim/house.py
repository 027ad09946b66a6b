"""The simulated venues together: one market, an exchange per venue, one store.

Synchronous; the server around it owns sockets and time. Everything a customer may learn of its
account passes `_deliver`, everything it asks for passes the methods called by a session: faults
can be put in at either.
"""

from collections import deque
from collections.abc import Callable, Iterable
from decimal import Decimal
from functools import partial

import numpy as np

from arbiter.markets.assets import base_assets
from arbiter.markets.candles import backfill
from arbiter.markets.event_settings import EVENT_VENUES
from arbiter.markets.events import EventMarket, event_listings
from arbiter.markets.inverse import starting_base
from arbiter.markets.leader import Quotes, SimulatedLeader
from arbiter.markets.perpetual_settings import perpetual_venue
from arbiter.markets.perpetuals import PerpetualMarket
from arbiter.markets.simulator import MarketSimulator, QuoteBatch
from arbiter.matching.event_exchange import EventExchange
from arbiter.matching.exchange import SimulatedExchange
from arbiter.matching.faults import Fault
from arbiter.matching.orders import OrderRequest
from arbiter.matching.private import PrivateReport
from arbiter.matching.state import ExchangeState, Step, fold
from arbiter.model.errors import InvalidValue
from arbiter.model.event_pairs import EventListing
from arbiter.model.ids import Asset, ClientOrderId, InstrumentId, VenueId
from arbiter.model.instruments import Instrument, InstrumentKind
from arbiter.model.money import floor_to
from arbiter.model.perpetuals import FundingRate
from arbiter.model.reports import (
    Accepted,
    Refused,
    VenueReport,
)
from arbiter.model.time import NS_PER_S
from arbiter.venues.sim.faults import HouseFaults, Move
from arbiter.venues.sim.settings import SimSettings
from arbiter.venues.sim.store import MarketMemory, Snapshot, Store
from arbiter.venues.sim.wire import History, LeaderTold, ListLeader

KEEP_REPORTS = 10_000
"""Private reports per venue that can be repeated to a client that was away."""

_SETTLE_EVERY_NS = NS_PER_S // 4

ReportListener = Callable[[VenueId, int, PrivateReport], None]
AnswerListener = Callable[[Accepted | Refused], None]


class UnknownVenue(InvalidValue):
    """A request named a venue that is not simulated here."""


class VenueHouse:
    """All simulated venues of one data folder."""

    def __init__(self, settings: SimSettings, store: Store, now_ns: int) -> None:
        self.settings = settings
        self._store = store
        memory = store.load_market() or MarketMemory(first_ns=now_ns)
        memory.starts += 1
        seed = settings.markets.seed
        self.market = MarketSimulator(
            settings.markets, np.random.default_rng([seed, 0, memory.starts])
        )
        self.market.resume(memory.offsets)
        self.perpetuals = PerpetualMarket(
            settings.perpetuals,
            np.random.default_rng([seed, 3, memory.starts]),
            now_ns,
            memory.first_ns,
        )
        self.events = EventMarket(
            settings.events,
            seed,
            np.random.default_rng([seed, 6, memory.starts]),
            now_ns,
            memory.resolved,
        )
        self.instruments: tuple[Instrument, ...] = (
            *self.market.instruments,
            *self.perpetuals.instruments,
            *self.events.instruments,
        )
        self._n_spot = len(self.market.instruments)
        self._events_from = self._n_spot + len(self.perpetuals.instruments)
        self._memory = memory
        self.save_market()
        self._history: np.ndarray[tuple[int, ...], np.dtype[np.float64]] | None = None
        self.row_of: dict[InstrumentId, int] = {
            instrument.id: row for row, instrument in enumerate(self.instruments)
        }
        self.faults: HouseFaults | None = None
        """What goes wrong here; None where nothing does."""
        if settings.faults.enabled:
            self.faults = HouseFaults(settings.faults, self.instruments, settings.venues, now_ns)
        draw = np.random.default_rng([seed, 1, memory.starts]).random
        self._exchanges: dict[VenueId, SimulatedExchange] = {
            venue: (EventExchange if venue in settings.events.listed else SimulatedExchange)(
                venue,
                [i for i in self.instruments if i.venue == venue],
                settings.latency,
                draw=draw,
                record=self._on_step,
                stamp=partial(self.clock_ns, venue),
            )
            for venue in settings.venues
        }
        self._event_exchanges = {
            venue: exchange
            for venue, exchange in self._exchanges.items()
            if isinstance(exchange, EventExchange)
        }
        self._settles_ns = now_ns
        self._luck = np.random.default_rng([seed, 7, memory.starts]).random
        self.leader: SimulatedLeader | None = None
        if settings.leader.enabled:
            self.leader = SimulatedLeader(
                settings.leader,
                self.instruments,
                np.random.default_rng([seed, 4, memory.starts]),
                now_ns,
                store.load_leader(),
            )
        self._by_row = [self._exchanges[i.venue] for i in self.instruments]
        self._ids = [i.id for i in self.instruments]
        self._recent: dict[VenueId, deque[PrivateReport]] = {}
        self._delivered: dict[VenueId, int] = {}
        self._listeners: list[ReportListener] = []
        self._waiting: dict[tuple[VenueId, ClientOrderId], deque[AnswerListener]] = {}
        self._dormant: list[ExchangeState] = []
        self._restore(now_ns)
        self.on_batch(self.first_quotes(now_ns), now_ns)

    @property
    def venues(self) -> tuple[VenueId, ...]:
        return tuple(self._exchanges)

    @property
    def first_ns(self) -> int:
        return self._memory.first_ns

    def exchange(self, venue: VenueId) -> SimulatedExchange:
        try:
            return self._exchanges[venue]
        except KeyError:
            raise UnknownVenue(f"{venue!r} is not simulated here") from None

    def clock_ns(self, venue: VenueId, now_ns: int) -> int:
        """Give the venue's own time: a fault may have set its clock wrong."""
        return now_ns if self.faults is None else self.faults.at(venue).clock_ns(now_ns)

    def dark_rows(self, now_ns: int) -> list[int]:
        """Rows of venues that say nothing at the moment."""
        if self.faults is None:
            return []
        silent = {
            venue
            for venue in self._exchanges
            for fault in (Fault.BLACKHOLE, Fault.STALL)
            if self.faults.at(venue).active(fault, now_ns)
        }
        return [row for row, listed in enumerate(self.instruments) if listed.venue in silent]

    # The market.

    def first_quotes(self, now_ns: int) -> QuoteBatch:
        """Quote everything once."""
        return self._joined(
            self.market.all_quotes(now_ns),
            self.perpetuals.all_quotes(now_ns, self.market.mids()),
            self.events.all_quotes(now_ns),
        )

    def step(self, now_ns: int) -> QuoteBatch:
        """Let the markets move to now and give the quotes due, spot and perpetual.

        Marks are told, and funding falls due, before the quotes are shown.
        """
        if self.perpetuals.squeeze_due(now_ns):
            self.market.jump(0, self.settings.perpetuals.squeeze_size)
            batch = self._joined(
                self.market.step(now_ns),
                self.perpetuals.all_quotes(now_ns, self.market.mids()),
                self._step_events(now_ns),
            )
            self._on_marks(now_ns)
            self._deleverage(now_ns)
            return batch
        batch = self._joined(
            self.market.step(now_ns),
            self.perpetuals.step(now_ns, self.market.mids()),
            self._step_events(now_ns),
        )
        self._on_marks(now_ns)
        for due in self.perpetuals.settlements(now_ns):
            exchange = self._by_row[self._n_spot + due.row]
            reports = exchange.settle_funding(
                due.instrument, due.rate, due.mark, due.settled_ns, now_ns
            )
            self._deliver(exchange.venue, reports)
        return batch

    def funding(self, venue: VenueId, now_ns: int) -> list[FundingRate]:
        """What a venue publishes of its perpetuals' funding."""
        self.exchange(venue)
        return [told for told in self.perpetuals.rates(now_ns) if told.venue == venue]

    def _on_marks(self, now_ns: int) -> None:
        """Tell marks where something is held or was never told."""
        for row, instrument in enumerate(self.perpetuals.instruments):
            exchange = self._by_row[self._n_spot + row]
            margin = exchange.margin
            if margin.quantity(instrument.id) or instrument.id not in margin.marks:
                reports = exchange.on_mark(instrument.id, self.perpetuals.mark(row), now_ns)
                self._deliver(exchange.venue, reports)
        for row, instrument in enumerate(self.events.instruments):
            exchange = self._by_row[self._events_from + row]
            margin = exchange.margin
            if margin.quantity(instrument.id) or instrument.id not in margin.marks:
                reports = exchange.on_mark(instrument.id, self.events.mark(row), now_ns)
                self._deliver(exchange.venue, reports)

    def _deleverage(self, now_ns: int) -> None:
        """Close a part of every position of the first symbol that the jump made a winner."""
        share = Decimal(repr(self.settings.perpetuals.deleverage_share))
        if not share:
            return
        symbol = self.perpetuals.instruments[0].symbol
        for row, instrument in enumerate(self.perpetuals.instruments):
            exchange = self._by_row[self._n_spot + row]
            gains = {p.instrument: p.unrealized_pnl for p in exchange.margin.told(now_ns)}
            if instrument.symbol == symbol and gains.get(instrument.id, Decimal(0)) > 0:
                reports = exchange.deleverage(instrument.id, share, now_ns)
                self._deliver(exchange.venue, reports)

    def _step_events(self, now_ns: int) -> QuoteBatch:
        """Pay rounds that have ended, open the next ones, settle matches, then quote."""
        self._pay_rounds(now_ns)
        for row in self.events.openings(now_ns):
            listed = self.events.instruments[row]
            exchange = self._event_exchanges[listed.venue]
            self._deliver(listed.venue, exchange.open_market(listed.id, now_ns))
        self._settle_matches(now_ns)
        return self.events.step(now_ns)

    def _pay_rounds(self, now_ns: int) -> None:
        ended = list(self.events.resolutions(now_ns))
        for round_ in ended:
            listed = self.events.instruments[round_.row]
            exchange = self._event_exchanges[listed.venue]
            self._deliver(listed.venue, exchange.resolve(listed.id, round_.payout, now_ns))
            if self.leader is not None and listed.venue == self.leader.settings.venue:
                self.leader.resolve(listed, now_ns)
        if ended:
            # A round that was paid is not paid again by a process that takes over.
            self.save_market()
            if self.leader is not None:
                self._store.save_leader(self.leader.memory)

    def _settle_matches(self, now_ns: int) -> None:
        """Confirm what was matched long enough ago; some of it fails, where that is asked for."""
        if now_ns < self._settles_ns:
            return
        self._settles_ns = now_ns + _SETTLE_EVERY_NS
        s = self.settings.events
        before_ns = now_ns - int(s.confirm_seconds * NS_PER_S)
        for venue, exchange in self._event_exchanges.items():
            for fill in exchange.pending_fills():
                if fill.at_ns <= before_ns:
                    ok = self._luck() >= s.failing
                    settled = exchange.settle_fill(fill.venue_trade_id, ok, now_ns)
                    self._deliver(venue, settled)

    def trades(self, instrument: InstrumentId, now_ns: int) -> bool:
        """Whether orders are taken: an event market is closed between two rounds."""
        row = self.row_of.get(instrument)
        if row is None or row < self._events_from:
            return True
        return self.events.trades(row - self._events_from, now_ns)

    def event_listings(self, venue: VenueId, now_ns: int) -> list[EventListing]:
        """What a venue says of its event markets."""
        self.exchange(venue)
        return event_listings(self.settings.events, venue, self.first_ns, now_ns)

    def _joined(self, spot: QuoteBatch, perpetual: QuoteBatch, events: QuoteBatch) -> QuoteBatch:
        """Number the perpetuals after the spot instruments, and event markets after those."""
        batches = [spot, perpetual, events]
        rows = (0, self._n_spot, self._events_from)
        return QuoteBatch(
            np.concatenate([b.rows + first for b, first in zip(batches, rows, strict=True)]),
            np.concatenate([b.bid for b in batches]),
            np.concatenate([b.ask for b in batches]),
            np.concatenate([b.bid_size for b in batches]),
            np.concatenate([b.ask_size for b in batches]),
            spot.at_ns,
        )

    def on_batch(self, batch: QuoteBatch, now_ns: int) -> None:
        """Show new quotes to the exchanges and deliver what follows from them."""
        if self.faults is not None:
            batch = self.faults.thinned(batch)
        by_row, ids = self._by_row, self._ids
        for row, bid, ask, bid_size, ask_size in zip(
            batch.rows.tolist(),
            batch.bid.tolist(),
            batch.ask.tolist(),
            batch.bid_size.tolist(),
            batch.ask_size.tolist(),
            strict=True,
        ):
            reports = by_row[row].on_quote(ids[row], bid, ask, bid_size, ask_size, now_ns)
            if reports:
                self._deliver(by_row[row].venue, reports)

    # The trader whose activity is public.

    def let_leader_act(self, now_ns: int, quotes: Quotes) -> None:
        """Let him trade, and remember it before anybody can read it."""
        if self.leader is not None and self.leader.step(now_ns, quotes):
            self._store.save_leader(self.leader.memory)

    def leader_told(self, request: ListLeader) -> LeaderTold:
        leader = self.leader
        if leader is None or (request.venue, request.wallet) != (
            leader.settings.venue,
            leader.wallet,
        ):
            return LeaderTold(id=request.id)
        return LeaderTold(
            id=request.id,
            actions=leader.actions_since(request.since_ns),
            holdings=leader.holdings(),
        )

    def let_faults_begin(self, now_ns: int) -> None:
        if self.faults is not None:
            for move in self.faults.step(now_ns):
                self._move(move, now_ns)

    def _move(self, move: Move, now_ns: int) -> None:
        """Change a balance behind the customer's back."""
        exchange = self.exchange(move.venue)
        asset = move.asset or Asset(self.settings.markets.quote)
        free = {held.asset: held.free for held in exchange.holdings()}.get(asset)
        if free is None:
            return
        delta = move.amount
        if delta is None:
            delta = floor_to(free * Decimal(repr(abs(move.share))), Decimal("0.01"))
            delta = delta if move.share > 0 else -delta
        exchange.move(asset, delta, now_ns)

    def history(self, instrument: InstrumentId, request_id: int) -> History | None:
        """Give the back-filled day of an instrument; it ends when the venues first started."""
        row = self.row_of.get(instrument)
        if row is None or row >= self._n_spot:
            return None
        if self._history is None:
            seed = self.settings.markets.seed
            self._history = backfill(self.settings.markets, np.random.default_rng([seed, 2]))
        return History(
            id=request_id, end_ns=self.first_ns, rows=self._history[row].astype("<f8").tobytes()
        )

    # Orders.

    def submit(
        self, venue: VenueId, request: OrderRequest, now_ns: int, answer: AnswerListener
    ) -> None:
        """Send an order; `answer` is called once with its acceptance or refusal."""
        exchange = self.exchange(venue)
        key = (venue, request.client_order_id)
        self._waiting.setdefault(key, deque()).append(answer)
        self._deliver(venue, exchange.submit(request, now_ns))

    def cancel(self, venue: VenueId, client_order_id: ClientOrderId, now_ns: int) -> None:
        self._deliver(venue, self.exchange(venue).cancel(client_order_id, now_ns))

    def deliver_due(self, now_ns: int) -> None:
        """Let arrive and leave what has travelled long enough."""
        for venue, exchange in self._exchanges.items():
            due = exchange.next_due_ns
            if due is not None and due <= now_ns:
                self._deliver(venue, exchange.due(now_ns))

    @property
    def next_due_ns(self) -> int | None:
        times = [e.next_due_ns for e in self._exchanges.values()]
        return min((at for at in times if at is not None), default=None)

    # The private stream.

    def listen(self, listener: ReportListener) -> None:
        """Call `listener` with every private report of every venue, numbered from 1 per venue."""
        self._listeners.append(listener)

    def unlisten(self, listener: ReportListener) -> None:
        if listener in self._listeners:
            self._listeners.remove(listener)

    def reports_after(
        self, venue: VenueId, after: int | None
    ) -> tuple[list[tuple[int, PrivateReport]], int, bool]:
        """Give the delivered reports after a number, the newest number, and whether some are gone.

        Numbers above the newest come from a store that no longer exists: all is gone then.
        """
        exchange = self.exchange(venue)
        last = self._delivered[venue]
        if after is None or after == last:
            return [], last, False
        recent = self._recent[venue]
        first = exchange.private_reports - len(recent) + 1
        numbered = [
            (number, report)
            for number, report in enumerate(recent, first)
            if after < number <= last
        ]
        return numbered, last, after > last or after + 1 < first

    # Memory.

    def save_market(self) -> None:
        self._memory.offsets = self.market.offsets()
        self._store.save_market(self._memory)

    def compact(self) -> None:
        """Fold the log of steps into a snapshot."""
        self._store.compact(
            Snapshot(
                venues=[*self._dormant, *(e.state() for e in self._exchanges.values())],
                recent={venue: list(reports) for venue, reports in self._recent.items()},
            )
        )

    def compact_if_large(self) -> None:
        if self._store.large:
            self.compact()

    def _restore(self, now_ns: int) -> None:
        """Take up the stored accounts; assets and venues that are new get starting balances.

        Venues that are stored but no longer simulated keep their state for when they come back.
        """
        snapshot, steps = self._store.load()
        by_venue: dict[VenueId, list[Step]] = {}
        for step in steps:
            by_venue.setdefault(step.venue, []).append(step)
        states = {state.venue: state for state in snapshot.venues}
        for venue in sorted({*states, *by_venue, *self._exchanges}):
            state = states.get(venue) or ExchangeState(venue=venue)
            state = fold(state, by_venue.get(venue, ()))
            self._recent[venue] = _recent(snapshot, by_venue, venue)
            exchange = self._exchanges.get(venue)
            if exchange is None:
                self._dormant.append(state)
                continue
            exchange.restore(state, now_ns)
            exchange.open_account(self._starting_balances(venue), now_ns)
            # What was recorded and not yet told is told to whoever asks for what it missed.
            exchange.due(2**63)
            self._delivered[venue] = exchange.private_reports

    def _starting_balances(self, venue: VenueId) -> dict[Asset, Decimal]:
        s = self.settings
        if venue in s.events.listed:
            exact = s.starting_balances.get(venue, {})
            start = {EVENT_VENUES[venue].settle: s.starting_quote}
            return start | {Asset(asset): amount for asset, amount in exact.items()}
        if venue not in s.markets.venues:
            settle = {
                i.settle: s.starting_quote
                for i in self.instruments
                if i.venue == venue and i.kind is InstrumentKind.LINEAR
            }
            if perpetual_venue(venue).contract_usd is not None:
                for base in base_assets(s.perpetuals.inverse):
                    settle[base.name] = starting_base(base, s.starting_base_usd)
            exact = s.starting_balances.get(venue, {})
            return settle | {Asset(asset): amount for asset, amount in exact.items()}
        balances = {Asset(s.markets.quote): s.starting_quote}
        n_venues = len(s.markets.venues)
        for row, instrument in enumerate(self.market.instruments):
            if instrument.venue == venue and instrument.base not in balances:
                mid = self.market.mid(row // n_venues)
                amount = floor_to(s.starting_base_usd / mid, instrument.lot)
                balances[instrument.base] = amount
        exact = s.starting_balances.get(venue, {})
        balances.update((Asset(asset), amount) for asset, amount in exact.items())
        return balances

    def _on_step(self, step: Step) -> None:
        self._store.append(step)
        self._recent[step.venue].extend(_private(step.reports))

    def _deliver(self, venue: VenueId, reports: Iterable[VenueReport]) -> None:
        for report in reports:
            if isinstance(report, Accepted | Refused):
                self._answer(venue, report)
            elif isinstance(report, PrivateReport):
                self._delivered[venue] += 1
                for listener in self._listeners:
                    listener(venue, self._delivered[venue], report)

    def _answer(self, venue: VenueId, report: Accepted | Refused) -> None:
        key = (venue, report.client_order_id)
        waiting = self._waiting.get(key)
        if waiting:
            waiting.popleft()(report)
            if not waiting:
                del self._waiting[key]


def _private(reports: Iterable[VenueReport]) -> list[PrivateReport]:
    return [r for r in reports if isinstance(r, PrivateReport)]


def _recent(
    snapshot: Snapshot, steps: dict[VenueId, list[Step]], venue: VenueId
) -> deque[PrivateReport]:
    recent: deque[PrivateReport] = deque(snapshot.recent.get(venue, ()), maxlen=KEEP_REPORTS)
    for step in steps.get(venue, ()):
        recent.extend(_private(step.reports))
    return recent
