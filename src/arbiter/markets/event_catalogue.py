"""Topics of the simulated prediction markets: each a title and a rule text per venue.

The events are made up. Two texts of a topic say the same in each venue's manner, so that comparing
them is real work; a market keeps its text for as long as it is open, as a changed one suspends its
pair. `WAITING` is a topic whose venues pay differently when it is called off: its pair is proposed
and waits for a person.
"""

import msgspec

from arbiter.model.event_pairs import EventListing, Polarity
from arbiter.model.ids import InstrumentId, VenueId
from arbiter.model.time import to_datetime

POLYMARKET, KALSHI = VenueId("polymarket"), VenueId("kalshi")
ROUND = "the round's close"
"""The moment of decision of a market that recurs."""
_RETURNED = "stakes are returned at cost"


class Wording(msgspec.Struct, frozen=True):
    """``{when}`` stands for the moment of decision."""

    title: str
    rules: str
    outcome: str = ""


class EventTopic(msgspec.Struct, frozen=True, kw_only=True):
    """One event and how both venues put it."""

    name: str
    """Part of the markets' names: ``BTC-ABOVE``."""
    category: str
    source: str
    polymarket: Wording
    kalshi: Wording
    polarity: Polarity = Polarity.SAME
    odds: float = 0.5
    """Of YES on Polymarket, when it opens."""
    void_rules: tuple[str, str] = (_RETURNED, _RETURNED)

    def wording(self, venue: VenueId) -> Wording:
        return self.polymarket if venue == POLYMARKET else self.kalshi


def _level(
    name: str, asset: str, level: str, source: str, *, category: str = "crypto", odds: float
) -> EventTopic:
    return EventTopic(
        name=name,
        category=category,
        source=source,
        odds=odds,
        polymarket=Wording(
            f"Will {asset} be above {level} on {{when}}?",
            f"YES when the {source} value of {asset} on {{when}} is above {level}; NO otherwise.",
        ),
        kalshi=Wording(
            f"{asset} on {{when}}?",
            f"Resolves to YES if {asset} is above {level} by the {source} value on {{when}}.",
            outcome=f"above {level}",
        ),
    )


def _game(name: str, winner: str, loser: str, league: str, *, odds: float) -> EventTopic:
    return EventTopic(
        name=name,
        category="sports",
        source=f"{league} result",
        odds=odds,
        polymarket=Wording(
            f"{winner} beat {loser} on {{when}}?",
            f"YES when {winner} beat {loser} in the game that ends on {{when}}, by the {league}.",
        ),
        kalshi=Wording(
            f"Will {winner} defeat {loser} on {{when}}?",
            f"Resolves to YES if {winner} defeat {loser}, as the {league} has it, on {{when}}.",
        ),
    )


TOPICS: tuple[EventTopic, ...] = (
    _level("BTC-ABOVE", "Bitcoin", "$64,000", "Crypto Index", odds=0.55),
    _level("ETH-ABOVE", "Ethereum", "$3,400", "Crypto Index", odds=0.45),
    _level("SOL-ABOVE", "Solana", "$155", "Crypto Index", odds=0.35),
    _level("GOLD-ABOVE", "Gold", "$2,450", "Metals Fix", category="economics", odds=0.62),
    _level("OIL-ABOVE", "Crude oil", "$78", "Energy Fix", category="economics", odds=0.4),
    _level(
        "HEAT-NORTH",
        "Northport temperature",
        "25°C",
        "Northport Airport",
        category="weather",
        odds=0.5,
    ),
    _game("HARBOUR-NORTH", "Harbour City", "Northfield", "Coastal League", odds=0.58),
    _game("RIVER-HILL", "Riverside", "Hillford", "Coastal League", odds=0.47),
    EventTopic(
        name="RATE-HOLD",
        category="economics",
        source="Central Bank statement",
        odds=0.7,
        polymarket=Wording(
            "No change in Central Bank rates on {when}?",
            "YES when the Central Bank's statement of {when} leaves its rate where it was.",
        ),
        kalshi=Wording(
            "Will the Central Bank hold rates on {when}?",
            "Resolves to YES if the statement of {when} leaves the Central Bank's rate unchanged.",
        ),
    ),
    EventTopic(
        name="JOBLESS-CAP",
        category="economics",
        source="Labour Office",
        odds=0.42,
        polarity=Polarity.COMPLEMENT,
        polymarket=Wording(
            "Will unemployment be above 4.2% on {when}?",
            "YES when the Labour Office's figure of {when} for unemployment is above 4.2%.",
        ),
        kalshi=Wording(
            "Unemployment on {when}?",
            "Resolves to YES if unemployment is at most 4.2% in the Labour Office's figure of {when}.",
            outcome="at most 4.2%",
        ),
    ),
    EventTopic(
        name="MAYOR-NOT",
        category="politics",
        source="Harbour City council",
        odds=0.52,
        polarity=Polarity.COMPLEMENT,
        polymarket=Wording(
            "Will Harbour City elect Marlow on {when}?",
            "YES when the count of {when} makes Marlow mayor of Harbour City, by its council.",
        ),
        kalshi=Wording(
            "Will Harbour City not elect Marlow on {when}?",
            "Resolves to NO if Marlow is mayor of Harbour City by the count of {when}, else to YES.",
        ),
    ),
    EventTopic(
        name="VOTE-BUDGET",
        category="politics",
        source="Parliament record",
        odds=0.6,
        polymarket=Wording(
            "Will Parliament pass the Budget on {when}?",
            "YES when the Parliament's record of {when} has the Budget passed; NO otherwise.",
        ),
        kalshi=Wording(
            "Parliament to pass the Budget on {when}?",
            "Resolves to YES if the Budget is passed in the record of Parliament of {when}.",
        ),
    ),
)
WAITING = EventTopic(
    name="LAUNCH",
    category="science",
    source="Space Agency",
    odds=0.5,
    void_rules=("resolves to NO", _RETURNED),
    polymarket=Wording(
        "Will the Space Agency launch Meridian on {when}?",
        "YES when the Space Agency's log of {when} has Meridian lifted off; NO otherwise.",
    ),
    kalshi=Wording(
        "Space Agency to launch Meridian on {when}?",
        "Resolves to YES if Meridian has lifted off by the Space Agency's log of {when}.",
    ),
)


def listing(
    topic: EventTopic,
    venue: VenueId,
    instrument: InstrumentId,
    *,
    opens_ns: int,
    closes_ns: int,
    payout_ns: int,
    recurs_ns: int = 0,
) -> EventListing:
    """Word a topic for one venue and one moment of decision, `closes_ns`, or for every round's."""
    words = topic.wording(venue)
    when = ROUND if recurs_ns else _moment(closes_ns)
    return EventListing(
        instrument=instrument,
        venue=venue,
        title=words.title.format(when=when),
        rules=words.rules.format(when=when),
        outcome=words.outcome,
        category=topic.category,
        resolution_source=topic.source,
        void_rule=topic.void_rules[0 if venue == POLYMARKET else 1],
        opens_ns=opens_ns,
        closes_ns=closes_ns,
        payout_ns=payout_ns,
        recurs_ns=recurs_ns,
        simulated=True,
    )


def _moment(at_ns: int) -> str:
    moment = to_datetime(at_ns)
    return f"{moment:%B} {moment.day}, {moment.year} at {moment:%H:%M} UTC"
