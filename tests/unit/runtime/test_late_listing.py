"""Markets that are listed while the engine runs: sought, found, known to all in one step."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal

import pytest
from msgspec.structs import replace

from arbiter.model.copying import LeaderKind
from arbiter.model.errors import NotFound, VenueUnreachable
from arbiter.model.event_pairs import (
    EventPair,
    EventPairId,
    PairedMarket,
    Polarity,
    Review,
    rules_hash,
)
from arbiter.model.events import AlertRaised, EventPairProposed, EventPairReviewed
from arbiter.model.ids import Actor, InstrumentId, VenueId
from arbiter.model.instruments import Instrument
from arbiter.model.time import NS_PER_DAY, NS_PER_S
from arbiter.runtime.late_listing import LateListing
from tests.unit.runtime.copying import POLYMARKET, CopyStage, contract

ANN = Actor("ann")
LATE = contract("LATE")
BUY = LeaderKind.BUY


class Venue:
    """Lists what a test puts there; silent when told so."""

    def __init__(self, *listed: Instrument) -> None:
        self.listed = list(listed)
        self.silent = False
        self.asked: list[list[str]] = []
        self.followed: dict[InstrumentId, int] = {}

    async def find(self, names: Collection[str]) -> Sequence[Instrument]:
        self.asked.append(sorted(names))
        if self.silent:
            raise VenueUnreachable("no answer")
        return [i for i in self.listed if i.id in names or i.market_id in names]

    def follow(self, instruments: Sequence[Instrument], slots: Mapping[InstrumentId, int]) -> None:
        assert [i.id for i in instruments] == list(slots)
        self.followed |= slots


class Stage(CopyStage):
    def __init__(self, venue: Venue, room: int = 2) -> None:
        super().__init__(("M1",), room=room)
        self.venue = venue
        self.late = LateListing(
            core=self.desk.core, venues={POLYMARKET: venue}, clock=self.desk.clock
        )
        self.copying.seek = self.late.seek
        self.late.when_listed(self.copying.tick)

    async def looks(self, seconds: float = 0.0) -> None:
        """Let time pass, the desk look at its markets and the listing at what it seeks."""
        self.desk.clock.advance(int(seconds * NS_PER_S))
        self.copying.tick()
        await self.late.look()

    def alerts(self, code: str) -> list[str]:
        told = self.desk.journal.of(AlertRaised)
        return [e.text for e in told if isinstance(e, AlertRaised) and e.code == code]


async def test_market_a_leader_enters_later_is_listed_and_copied() -> None:
    stage = Stage(Venue(LATE))
    stage.follow()
    stage.tell(stage.act(BUY, 100, "LATE"))
    assert stage.sent() == []
    await stage.looks()
    assert stage.venue.followed == {LATE.id: stage.desk.registry.slot(LATE.id)}
    assert stage.ledger.contracts[LATE.id].kind is LATE.kind
    stage.shows("LATE")
    stage.copying.tick()
    order = stage.one()
    assert (order.instrument, order.size) == (LATE.id, Decimal(100))
    stage.desk.complete(order)
    held = stage.held(name="LATE")
    assert held is not None
    assert held.quantity == 100
    assert stage.alerts("COPY_UNLISTED") == []


async def test_market_that_takes_no_orders_is_told_once_and_asked_for_ever_more_rarely() -> None:
    stage = Stage(Venue())
    stage.follow()
    stage.tell(stage.act(BUY, 100, "LATE"))
    await stage.looks()
    for _ in range(3_600):
        await stage.looks(1.0)
    assert 5 < len(stage.venue.asked) < 15
    (told,) = stage.alerts("COPY_UNLISTED")
    assert told.endswith("takes orders under this name now: not copied")
    stage.venue.listed.append(LATE)
    await stage.looks(900.0)
    assert LATE.id in stage.venue.followed


async def test_silent_venue_is_asked_again_and_nothing_is_said_of_the_market() -> None:
    stage = Stage(Venue(LATE))
    stage.venue.silent = True
    stage.follow()
    stage.tell(stage.act(BUY, 100, "LATE"))
    await stage.looks()
    await stage.looks(1.0)
    assert len(stage.venue.asked) == 1
    stage.venue.silent = False
    await stage.looks(5.0)
    assert LATE.id in stage.venue.followed
    assert stage.alerts("COPY_UNLISTED") == []


async def test_what_the_leader_has_left_before_it_was_found_is_not_sought_any_longer() -> None:
    stage = Stage(Venue())
    stage.follow()
    stage.tell(stage.act(BUY, 100, "LATE"))
    await stage.looks()
    stage.tell(stage.act(LeaderKind.SELL, 100, "LATE"))
    asked = len(stage.venue.asked)
    await stage.looks(60.0)
    await stage.looks(900.0)
    assert len(stage.venue.asked) == asked


async def test_without_room_a_market_waits_for_the_next_start_and_somebody_is_told() -> None:
    stage = Stage(Venue(LATE, contract("LATER")), room=1)
    stage.follow()
    stage.tell(stage.act(BUY, 100, "LATE"), stage.act(BUY, 100, "LATER"))
    await stage.looks()
    assert len(stage.venue.followed) == 1
    assert len(stage.alerts("LISTING_FULL")) == 1
    await stage.looks(1.0)
    assert len(stage.alerts("COPY_UNLISTED")) == 1


async def test_other_venues_markets_are_not_sought_here() -> None:
    stage = Stage(Venue(LATE))
    assert stage.late.seek(VenueId("hyperliquid"), "BTC") == "BTC is not listed here"
    await stage.looks()
    assert stage.venue.asked == []


# Pairs.


def paired(instrument: InstrumentId, venue: VenueId) -> PairedMarket:
    rules = "As told."
    return PairedMarket(
        instrument=instrument,
        venue=venue,
        title="Late?",
        rules=rules,
        rules_sha256=rules_hash(rules),
    )


def enter(stage: Stage, state: Review) -> None:
    now = stage.desk.clock.now_ns()
    pair = EventPair(
        id=EventPairId("late"),
        first=paired(LATE.id, POLYMARKET),
        second=paired(InstrumentId("LATE.KALSHI"), VenueId("kalshi")),
        polarity=Polarity.SAME,
        resolution_source="",
        void_rule="",
        opens_ns=now,
        closes_ns=now + NS_PER_DAY,
        payout_ns=now + NS_PER_DAY,
        cap_usd=Decimal(100),
        proposed_by=ANN,
        proposed_ns=now,
        updated_ns=now,
    )
    record = stage.desk.core.recorder.record
    record(EventPairProposed(at_ns=now, pair=pair))
    if state is not Review.PROPOSED:
        record(EventPairReviewed(at_ns=now, pair_id=pair.id, state=state, actor=ANN))


@pytest.mark.parametrize(
    ("state", "listed"),
    [(Review.PROPOSED, True), (Review.APPROVED, True), (Review.REJECTED, False)],
)
async def test_markets_of_pairs_that_may_trade_are_listed(state: Review, listed: bool) -> None:
    stage = Stage(Venue(LATE))
    enter(stage, state)
    await stage.looks()
    assert (LATE.id in stage.venue.followed) is listed
    assert all(name != "LATE.KALSHI" for asked in stage.venue.asked for name in asked)


async def test_approved_pair_whose_market_cannot_be_found_is_told_of_once_until_it_is_over() -> (
    None
):
    stage = Stage(Venue())
    enter(stage, Review.APPROVED)
    for _ in range(10):
        await stage.looks(10.0)
    assert len(stage.alerts("PAIR_UNLISTED")) == 1
    await stage.looks(86_400.0)
    asked = len(stage.venue.asked)
    await stage.looks(86_400.0)
    assert len(stage.venue.asked) == asked


# For somebody who waits.


async def test_named_market_is_listed_at_once_and_an_unknown_one_is_refused_with_its_name() -> None:
    stage = Stage(Venue(LATE))
    await stage.late.find([LATE.id, contract("M1").id])
    assert stage.desk.registry.get(LATE.id) is LATE
    assert stage.venue.asked == [[LATE.id]]
    with pytest.raises(NotFound, match=r"OTHER\.POLYMARKET"):
        await stage.late.find([InstrumentId("OTHER.POLYMARKET")])
    with pytest.raises(NotFound, match="no venue"):
        await stage.late.find([InstrumentId("LATE.KALSHI")])


async def test_named_market_that_is_also_sought_is_listed_once() -> None:
    stage = Stage(Venue(LATE, replace(contract("LATER"), market_id="0xlater")))
    stage.late.seek(POLYMARKET, "LATE")
    await stage.late.find([LATE.id])
    await stage.late.look()
    assert len(stage.desk.registry.instruments) == 2


class Slow(Venue):
    """Gives its first answer when it is told to, and falls silent with it."""

    def __init__(self, *listed: Instrument) -> None:
        super().__init__(*listed)
        self.answers = asyncio.Event()

    async def find(self, names: Collection[str]) -> Sequence[Instrument]:
        if not self.asked:
            found = await super().find(names)
            await self.answers.wait()
            self.silent = True
            return found
        return await super().find(names)


async def test_search_that_somebody_who_waits_has_ended_fails_without_harm() -> None:
    venue = Slow(LATE)
    stage = Stage(venue)
    waiting = asyncio.create_task(stage.late.find([LATE.id]))
    await asyncio.sleep(0)
    stage.late.seek(POLYMARKET, LATE.id)
    looking = asyncio.create_task(stage.late.look())
    await asyncio.sleep(0)
    venue.answers.set()
    await waiting
    await looking
    assert len(venue.asked) == 2, "both asked, the look in vain"
    assert LATE.id in venue.followed
