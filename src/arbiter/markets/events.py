"""Simulated event markets: rounds of one probability per topic, shown by two venues.

The log odds of a topic wander during a round; the probability at the close decides by chance, so
that no price is better than another. The chance of a round is drawn from the seed and the round's
number alone: both venues, and the same venues after a restart, come to the same outcome. Times are
whole multiples since the epoch, staggered over the topics. Time is handed in.
"""

from collections.abc import Iterator
from decimal import Decimal

import msgspec
import numpy as np
from msgspec.structs import replace

from arbiter.markets.event_catalogue import TOPICS, WAITING, EventTopic, listing
from arbiter.markets.event_settings import EVENT_VENUES, EventMarketSettings, EventVenue
from arbiter.markets.grid import Floats, Grid, Rows
from arbiter.markets.simulator import QuoteBatch
from arbiter.model.event_pairs import EventListing, Polarity
from arbiter.model.ids import Asset, InstrumentId, Symbol, VenueId
from arbiter.model.instruments import Instrument, InstrumentKind
from arbiter.model.money import ONE, ZERO
from arbiter.model.time import NS_PER_S

SIMULATED_TOPICS = (*TOPICS, WAITING)
LISTED_FOR_NS = 3_650 * 86_400 * NS_PER_S
_LONGEST_STEP_S = 1.0
_LEAST, _MOST = 0.02, 0.98
_BASIS_S = 20.0


class Resolution(msgspec.Struct, frozen=True, kw_only=True):
    """A round of one market ends."""

    row: int
    instrument: InstrumentId
    round: int
    payout: Decimal | None
    """Of one contract; None where the round is called off and stakes are returned at cost."""


class EventMarket:
    """Topics × venues; rows in the order of `instruments`, all venues of a topic together."""

    def __init__(
        self,
        settings: EventMarketSettings,
        seed: int,
        rng: np.random.Generator,
        now_ns: int,
        resolved: dict[str, int],
    ) -> None:
        self.settings = settings
        self.resolved = resolved
        """The last round of every topic that was paid; the caller remembers it."""
        self.topics = SIMULATED_TOPICS if settings.enabled else ()
        self._venues = [EVENT_VENUES[venue] for venue in settings.listed]
        self.instruments = tuple(
            list_event(topic, venue) for topic in self.topics for venue in self._venues
        )
        n, n_topics = len(self.instruments), len(self.topics)
        self._seed = seed
        self._rng = rng
        self._topic_of: Rows = np.repeat(np.arange(n_topics, dtype=np.intp), len(self._venues))
        self._turned = np.array(
            [
                topic.polarity is Polarity.COMPLEMENT and venue.venue != self._venues[0].venue
                for topic in self.topics
                for venue in self._venues
            ],
            dtype=np.bool_,
        )
        self._ticks = Grid([i.tick for i in self.instruments])
        self._lots = Grid([i.lot for i in self.instruments])
        self._odds: Floats = np.array([_logit(topic.odds) for topic in self.topics])
        self._basis: Floats = rng.standard_normal(n) * settings.basis
        self._away: Floats = np.zeros(n)
        self._back_ns = np.zeros(n, dtype=np.int64)
        self._round = [self.round_at(topic, now_ns) for topic in range(n_topics)]
        for topic, number in enumerate(self._round):
            resolved.setdefault(self.topics[topic].name, number - 1)
        self._opened: list[int | None] = [None] * n_topics
        self._rotation: Rows = rng.permutation(n).astype(np.intp)
        self._next = 0
        self._owed = 0.0
        self._last_ns = now_ns
        self.dislocations_started = 0

    # Rounds

    def round_at(self, topic: int, now_ns: int) -> int:
        """Number of the round that runs, or has ended last, in this topic's market."""
        return (now_ns - self._offset_ns(topic)) // self.settings.recurs_ns

    def closes_ns(self, topic: int, number: int) -> int:
        opens = number * self.settings.recurs_ns + self._offset_ns(topic)
        return opens + int(self.settings.round_seconds * NS_PER_S)

    def trades(self, row: int, now_ns: int) -> bool:
        """Whether a market's round runs and everything before it has been paid."""
        topic = int(self._topic_of[row])
        number = self.round_at(topic, now_ns)
        paid = self.resolved[self.topics[topic].name] >= number - 1
        return paid and now_ns < self.closes_ns(topic, number)

    def resolutions(self, now_ns: int) -> Iterator[Resolution]:
        """Give what has ended since the last call, also while nobody was there to see it."""
        for topic, about in enumerate(self.topics):
            number = self.round_at(topic, now_ns)
            if now_ns < self.closes_ns(topic, number):
                number -= 1
            if self.resolved[about.name] >= number:
                continue
            self.resolved[about.name] = number
            for offset, payout in enumerate(self._outcome(topic, number)):
                row = topic * len(self._venues) + offset
                yield Resolution(
                    row=row,
                    instrument=self.instruments[row].id,
                    round=number,
                    payout=payout,
                )
            self._begin(topic, number + 1)

    def openings(self, now_ns: int) -> Iterator[int]:
        """Rows whose next round has begun since the last call."""
        for topic in range(len(self.topics)):
            number = self.round_at(topic, now_ns)
            if number != self._opened[topic]:
                self._opened[topic] = number
                first = topic * len(self._venues)
                yield from range(first, first + len(self._venues))

    def _outcome(self, topic: int, number: int) -> list[Decimal | None]:
        """Payout of YES on each venue."""
        draw = np.random.default_rng([self._seed, 5, topic, number]).random(4)
        probability = float(_probability(self._odds[topic]))
        if draw[1] < self.settings.void:
            return [None] * len(self._venues)
        first = bool(draw[0] < probability)
        outcomes = [first] * len(self._venues)
        if draw[2] < self.settings.divergent:
            outcomes[-1] = not outcomes[-1]
        rows = range(topic * len(self._venues), (topic + 1) * len(self._venues))
        return [
            ONE if outcome != bool(self._turned[row]) else ZERO
            for outcome, row in zip(outcomes, rows, strict=True)
        ]

    def _begin(self, topic: int, number: int) -> None:
        """Start a round near the topic's usual odds."""
        self._round[topic] = number
        spread = 0.0 if self.settings.steady else 0.3
        self._odds[topic] = _logit(self.topics[topic].odds) + self._rng.normal(0.0, spread)

    def _offset_ns(self, topic: int) -> int:
        return topic * self.settings.recurs_ns // max(len(self.topics), 1)

    # Prices

    def shift(self, row: int, dollars: float) -> None:
        """Keep one venue's price so far away from the probability, until told otherwise."""
        self._away[row] = dollars
        self._back_ns[row] = np.iinfo(np.int64).max

    def probability(self, row: int) -> float:
        """Of YES in this market, before what sets the venues apart."""
        probability = float(_probability(self._odds[self._topic_of[row]]))
        return 1.0 - probability if self._turned[row] else probability

    def mark(self, row: int) -> Decimal:
        return Decimal(f"{self.probability(row):.4f}")

    def all_quotes(self, now_ns: int) -> QuoteBatch:
        self.advance(now_ns)
        return self._quote(np.arange(len(self.instruments), dtype=np.intp), now_ns)

    def step(self, now_ns: int) -> QuoteBatch:
        """Advance to `now_ns` and give the quotes due of markets that trade."""
        dt_s = self.advance(now_ns)
        n = len(self.instruments)
        self._owed += self.settings.quotes_per_second * dt_s
        count = min(int(self._owed), n)
        self._owed = min(self._owed - count, float(n))
        first = self._next
        self._next = (first + count) % n if n else 0
        rows = np.take(self._rotation, np.arange(first, first + count), mode="wrap")
        return self._quote(rows, now_ns)

    def advance(self, now_ns: int) -> float:
        dt_s = min(max(now_ns - self._last_ns, 0) / NS_PER_S, _LONGEST_STEP_S)
        self._last_ns = max(self._last_ns, now_ns)
        s, rng, n = self.settings, self._rng, len(self.instruments)
        if dt_s <= 0.0 or not n:
            return dt_s
        wandering = s.volatility * float(np.sqrt(dt_s / s.round_seconds))
        self._odds = self._odds + rng.standard_normal(len(self._odds)) * wandering
        keep = float(np.exp(-dt_s / _BASIS_S))
        fresh = s.basis * float(np.sqrt(1.0 - keep * keep))
        self._basis = self._basis * keep + rng.standard_normal(n) * fresh
        self._away[self._back_ns <= now_ns] = 0.0
        count = int(rng.poisson(s.dislocations_per_minute / 60.0 * dt_s))
        for row in rng.integers(0, n, count).tolist():
            size = float(rng.uniform(s.smallest, s.largest))
            self._away[row] = size if rng.random() < 0.5 else -size
            self._back_ns[row] = now_ns + int(s.hold_seconds * NS_PER_S)
        self.dislocations_started += count
        return dt_s

    def _quote(self, rows: Rows, now_ns: int) -> QuoteBatch:
        """Price what trades: 0 < bid < ask < 1 on the tick grid, sizes in whole lots."""
        trading = [row for row in rows.tolist() if self.trades(row, now_ns)]
        rows = np.array(trading, dtype=np.intp)
        s, rng, k = self.settings, self._rng, len(rows)
        yes = _probability(self._odds[self._topic_of[rows]])
        yes = np.where(self._turned[rows], 1.0 - yes, yes)
        mid = np.clip(yes + self._basis[rows] + self._away[rows], _LEAST, _MOST)
        noise = 0.0 if s.steady else 1.0
        half = 0.004 + np.abs(rng.standard_normal(k)) * 0.003 * noise
        bid_ticks = np.maximum(self._ticks.floor(mid - half, rows), 1.0)
        most = self._ticks.floor(np.ones(k), rows) - 1.0
        ask_ticks = np.minimum(
            np.maximum(self._ticks.ceil(mid + half, rows), bid_ticks + 1.0), most
        )
        bid_ticks = np.minimum(bid_ticks, ask_ticks - 1.0)
        bid, ask = self._ticks.at(bid_ticks, rows), self._ticks.at(ask_ticks, rows)
        depth = s.depth * np.exp(rng.standard_normal((2, k)) * 0.5 * noise)
        bid_size = self._lots.at(np.maximum(self._lots.floor(depth[0], rows), 1.0), rows)
        ask_size = self._lots.at(np.maximum(self._lots.floor(depth[1], rows), 1.0), rows)
        return QuoteBatch(rows, bid, ask, bid_size, ask_size, now_ns)


def event_listings(
    settings: EventMarketSettings, venue: VenueId, first_ns: int, now_ns: int
) -> list[EventListing]:
    """What a venue says of its markets; they recur for years."""
    if venue not in settings.listed:
        return []
    recurs = settings.recurs_ns
    listings = [
        listing(
            topic,
            venue,
            event_id(topic, venue),
            opens_ns=0,
            closes_ns=first_ns + LISTED_FOR_NS,
            payout_ns=_first_payout(settings, number),
            recurs_ns=recurs,
        )
        for number, topic in enumerate(SIMULATED_TOPICS)
    ]
    after_s = settings.rules_change_after_seconds
    if after_s and venue == settings.listed[-1] and now_ns - first_ns >= after_s * NS_PER_S:
        said = f"{listings[0].rules} Corrections that come within an hour count."
        listings[0] = replace(listings[0], rules=said)
    return listings


def _first_payout(settings: EventMarketSettings, topic: int) -> int:
    offset = topic * settings.recurs_ns // len(SIMULATED_TOPICS)
    return offset + int(settings.round_seconds * NS_PER_S)


def event_id(topic: EventTopic, venue: VenueId) -> InstrumentId:
    return InstrumentId(f"{topic.name}.{venue.upper()}")


def event_symbol(topic: EventTopic) -> Symbol:
    return Symbol(f"{topic.name}/USD:EVENT")


def list_event(topic: EventTopic, venue: EventVenue) -> Instrument:
    """The YES side of a topic's market on one venue."""
    return Instrument(
        id=event_id(topic, venue.venue),
        venue=venue.venue,
        market_id=topic.name,
        symbol=event_symbol(topic),
        kind=InstrumentKind.BINARY,
        base=Asset(topic.name),
        quote=venue.settle,
        settle=venue.settle,
        tick=venue.tick,
        lot=venue.lot,
        min_size=venue.min_size,
        min_notional=ZERO,
        maker_fee=ZERO,
        taker_fee=ZERO,
        event_fee=venue.fee,
        settles_fills=venue.settles_fills,
    )


def _logit(probability: float) -> float:
    return float(np.log(probability / (1.0 - probability)))


def _probability(odds: Floats) -> Floats:
    probability: Floats = 1.0 / (1.0 + np.exp(-odds))
    return probability
