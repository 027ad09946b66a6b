"""Two prediction venues in virtual time: rounds that pay, matches that settle later or fail."""

import asyncio
from decimal import Decimal

import msgspec

from arbiter.books.registry import MarketRegistry
from arbiter.markets.event_catalogue import TOPICS, EventTopic, listing
from arbiter.markets.event_settings import EVENT_VENUES
from arbiter.markets.events import event_id, list_event
from arbiter.matching.faults import FaultRates, Faults
from arbiter.model.event_pairs import EventListing, Polarity
from arbiter.model.ids import InstrumentId, VenueId
from arbiter.model.money import ONE, ZERO
from arbiter.model.time import NS_PER_DAY, NS_PER_MINUTE, NS_PER_S
from tests.chaos.virtual_world import VirtualWorld
from tests.fakes.clock import START_NS
from tests.scenarios.events.engine import EventEngine
from tests.scenarios.events.venues import EventVenue, Listed

POLYMARKET, KALSHI = VenueId("polymarket"), VenueId("kalshi")
SAME = next(topic for topic in TOPICS if topic.polarity is Polarity.SAME)
COMPLEMENT = next(topic for topic in TOPICS if topic.polarity is Polarity.COMPLEMENT)
START = Decimal(10_000)
LONG_NS = 365 * NS_PER_DAY


class StageSettings(msgspec.Struct, frozen=True, kw_only=True):
    topics: tuple[EventTopic, ...] = (SAME,)
    rates: FaultRates = FaultRates()
    cap_usd: Decimal = Decimal(1_000)
    max_position_size: Decimal = Decimal(100)
    dislocation: float = 0.0
    """Chance per topic and quote round that one venue's price goes astray."""
    confirm_s: tuple[float, float] = (1.0, 3.0)
    """From a match to its settlement, at least and at most."""
    failing: float = 0.0


class EventWorld(VirtualWorld):
    engine: EventEngine
    venues: dict[VenueId, EventVenue]

    def __init__(self, seed: int, settings: StageSettings) -> None:
        super().__init__(seed)
        self.settings = settings
        venues = (POLYMARKET, KALSHI)
        by_venue = {
            venue: [list_event(topic, EVENT_VENUES[venue]) for topic in settings.topics]
            for venue in venues
        }
        self.registry = MarketRegistry([i for listed in by_venue.values() for i in listed])
        self.listed = {
            venue: Listed([self._listing(topic, venue) for topic in settings.topics])
            for venue in venues
        }
        self.venues = {}
        for venue in venues:
            faults = Faults(settings.rates, self.random.random)
            at = EventVenue(venue, by_venue[venue], faults, self.loop, self.random.random)
            at.exchange.open_account({at.asset: START}, START_NS - NS_PER_MINUTE)
            self.venues[venue] = at
        self.closed: set[InstrumentId] = set()
        self.mids = {topic.name: 0.5 for topic in settings.topics}
        self.astray: dict[InstrumentId, tuple[float, int]] = {}
        self.refusing: set[InstrumentId] = set()
        self.verdicts: list[bool] = []
        """Of the next matches that are settled; after these, chance decides."""
        self.settling = True
        self._due: dict[str, int] = {}
        self.begin()

    def make_engine(self) -> EventEngine:
        return EventEngine(
            self,
            self.listed,
            cap_usd=self.settings.cap_usd,
            max_position_size=self.settings.max_position_size,
        )

    def start(self) -> None:
        super().start()
        self.run(0.6)

    # The market

    def dislocate(self, name: InstrumentId, shift: float, seconds: float = 1.0) -> None:
        """Let one market's YES price go astray, in dollars."""
        self.astray[name] = (shift, self.loop.now_ns + int(seconds * NS_PER_S))

    def first(self, topic: EventTopic = SAME) -> InstrumentId:
        return event_id(topic, POLYMARKET)

    def second(self, topic: EventTopic = SAME) -> InstrumentId:
        return event_id(topic, KALSHI)

    def resolve(self, name: InstrumentId, price: Decimal | None) -> None:
        self.closed.add(name)
        self.venue_of(name).resolve(name, price)

    def reopen(self, name: InstrumentId) -> None:
        self.closed.discard(name)
        self.venue_of(name).reopen(name)

    def decide(self, topic: EventTopic, yes: bool) -> None:
        """Resolve both legs alike, by the pair's polarity."""
        other = yes is (topic.polarity is Polarity.SAME)
        self.resolve(self.first(topic), ONE if yes else ZERO)
        self.resolve(self.second(topic), ONE if other else ZERO)

    async def run_market(self) -> None:
        while True:
            await asyncio.sleep(0.25)
            self._settle_matches()
            for topic in self.settings.topics:
                self._move(topic)

    def _move(self, topic: EventTopic) -> None:
        draw = self.random
        names = (self.first(topic), self.second(topic))
        mid = min(max(self.mids[topic.name] + draw.gauss(0, 0.002), 0.15), 0.85)
        self.mids[topic.name] = mid
        if not self.healed and draw.random() < self.settings.dislocation:
            shift = draw.choice((-1, 1)) * draw.uniform(0.05, 0.12)
            self.dislocate(draw.choice(names), shift, draw.uniform(0.3, 2.5))
        for name in names:
            turned = topic.polarity is Polarity.COMPLEMENT and name == names[1]
            self._quote(name, 1 - mid if turned else mid)

    def _quote(self, name: InstrumentId, mid: float) -> None:
        now, at = self.loop.now_ns, self.venue_of(name)
        if not self.engine.dead:
            self.engine.core.on_venue_health(at.venue, connected=True, reason="")
        if name in self.closed:
            return
        shift, until = self.astray.get(name, (0.0, 0))
        mid = min(max(mid + (shift if now < until else 0.0), 0.05), 0.95)
        bid, ask = round(mid - 0.01, 2), round(mid + 0.01, 2)
        size = float(self.random.randint(40, 400))
        shown = 0.0 if name in self.refusing else size
        at.quote(name, bid, ask, shown)
        if at.faults.on_quote(name, now) is None:
            delay = self.random.uniform(0.002, 0.02)
            self.loop.call_later(delay, self._hear, name, bid, ask, size)

    def _hear(self, name: InstrumentId, bid: float, ask: float, size: float) -> None:
        if not self.engine.dead:
            now = self.clock.now_ns()
            slot = self.registry.slot(name)
            self.engine.core.on_quote(slot, bid, ask, size, size, now, now)

    def _settle_matches(self) -> None:
        for at in self.venues.values():
            for fill in at.events.pending_fills():
                key, now = fill.venue_trade_id, self.loop.now_ns
                wait = int(self.random.uniform(*self.settings.confirm_s) * NS_PER_S)
                due = self._due.setdefault(key, now + wait)
                if self.settling and due <= now:
                    at.settle(fill, self._verdict())

    def _verdict(self) -> bool:
        if self.verdicts:
            return self.verdicts.pop(0)
        return self.random.random() >= self.settings.failing

    def _listing(self, topic: EventTopic, venue: VenueId) -> EventListing:
        end = START_NS + LONG_NS
        name = event_id(topic, venue)
        return msgspec.structs.replace(
            listing(topic, venue, name, opens_ns=0, closes_ns=end, payout_ns=end), simulated=True
        )

    def venue_of(self, name: InstrumentId) -> EventVenue:
        return self.venues[self.registry.by_id(name).venue]
