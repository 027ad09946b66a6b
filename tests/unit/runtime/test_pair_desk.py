"""Event pairs under watch: suspended by another text, proposed once, approved by people alone."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from arbiter.ledger.ledger import Ledger
from arbiter.model.commands import ProposePair, ReviewPair
from arbiter.model.errors import (
    Conflict,
    InvalidValue,
    NotFound,
    OutcomeUnknown,
    VenueRefused,
    VenueUnreachable,
)
from arbiter.model.event_pairs import EventListing, EventPair, EventPairId, Polarity, Review
from arbiter.model.events import AlertRaised, Audited, EventPairReviewed
from arbiter.model.ids import Actor, VenueId
from arbiter.model.money import use_wide_context
from arbiter.model.time import NS_PER_DAY, NS_PER_HOUR
from arbiter.opportunities.matcher_settings import MatcherSettings
from arbiter.opportunities.pair_matcher import PairMatcher
from arbiter.ports.embedder import Vector
from arbiter.runtime.bus import CommandBus
from arbiter.runtime.hub import EventHub
from arbiter.runtime.pair_desk import BUILT_IN, PairDesk
from arbiter.runtime.pair_settings import PairDeskSettings
from arbiter.runtime.recorder import Recorder
from tests.fakes.clock import START_NS, FakeClock
from tests.fakes.journal import FakeJournal
from tests.unit.opportunities.event_listings import KALSHI, POLYMARKET, listing

ANN = Actor("user:ann")
RULES = "YES when the statement after the January 2026 meeting leaves the target range unchanged."


def fed(venue: VenueId, **more: Any) -> EventListing:
    values: dict[str, Any] = {
        "resolution_source": "Federal Reserve",
        "closes_ns": START_NS + NS_PER_DAY,
        "payout_ns": START_NS + NS_PER_DAY,
    }
    told = listing(venue, "fed", "Fed holds rates in January 2026?", RULES)
    return msgspec.structs.replace(told, **(values | more))


class Markets:
    """Both venues' listings, to be changed; silent when told so."""

    def __init__(self, *listings: EventListing) -> None:
        self.told = list(listings)
        self.silence: Exception | None = None

    async def listings(self) -> Sequence[EventListing]:
        if self.silence is not None:
            raise self.silence
        return tuple(self.told)


class FixedEmbedder:
    model = "fixed"

    def __init__(self, *vectors: Vector) -> None:
        self._vectors: Sequence[Vector] = vectors

    async def embed(self, texts: Sequence[str]) -> Sequence[Vector] | str:
        return self._vectors or "the model is away"

    async def close(self) -> None:
        return None


class House:
    def __init__(self, *listings: EventListing, embedder: FixedEmbedder | None = None) -> None:
        use_wide_context()
        self.clock = FakeClock()
        self.journal = FakeJournal()
        self.ledger = Ledger()
        recorder = Recorder(self.ledger, self.journal, EventHub(), self.clock)
        self.bus = CommandBus(ledger=self.ledger, recorder=recorder, strategies=())
        self.markets = Markets(*(listings or (fed(POLYMARKET), fed(KALSHI))))
        self.desk = PairDesk(
            ledger=self.ledger,
            recorder=recorder,
            sources={POLYMARKET: self.markets},
            matcher=PairMatcher(MatcherSettings()),
            settings=PairDeskSettings(),
            clock=self.clock,
            embedder=embedder,
        )

    @property
    def pair(self) -> EventPair:
        (pair,) = self.ledger.event_pairs.values()
        return pair

    async def review(self, state: Review, **more: Any) -> EventPair:
        await self.bus.execute(ReviewPair(actor=ANN, pair_id=self.pair.id, state=state, **more))
        return self.pair

    async def approved(self) -> EventPair:
        await self.desk.poll()
        return await self.review(Review.APPROVED)

    def change_rules(self) -> None:
        changed = msgspec.structs.replace(self.markets.told[1], rules=RULES + " Or cut by 25 bps.")
        self.markets.told[1] = changed


async def test_a_match_is_proposed_and_waits_for_a_person() -> None:
    house = House()
    await house.desk.poll()
    assert house.pair.state is Review.PROPOSED
    assert house.pair.approved_by is None
    assert house.pair.cap_usd == PairDeskSettings().cap_usd
    await house.desk.poll()
    assert len(house.ledger.event_pairs) == 1


async def test_an_approval_names_who_gave_it_and_is_audited() -> None:
    house = House()
    pair = await house.approved()
    assert (pair.state, pair.approved_by) == (Review.APPROVED, ANN)
    told = [event for event in house.journal.events if isinstance(event, Audited)]
    assert [(entry.actor, entry.action) for entry in told] == [
        ("engine", "pair.propose"),
        (ANN, "pair.approve"),
    ]
    assert told[-1].before == "proposed"


async def test_a_changed_rule_text_suspends_within_one_poll_and_says_so() -> None:
    house = House()
    await house.approved()
    house.change_rules()
    await house.desk.poll()
    assert house.pair.state is Review.SUSPENDED
    assert house.pair.reason.startswith("RULES_CHANGED: fed.KALSHI")
    (alert,) = [event for event in house.journal.events if isinstance(event, AlertRaised)]
    assert (alert.severity, alert.code) == ("warning", "PAIR_SUSPENDED")
    assert house.pair.id in alert.text


async def test_a_text_that_changed_while_no_engine_ran_trades_not_even_once() -> None:
    house = House()
    pair = await house.approved()
    assert house.desk.tradable() == [pair]
    later = House()
    later.ledger.restore(house.ledger.image())
    later.change_rules()
    seen: list[list[EventPair]] = [later.desk.tradable()]
    later.desk.when_looked(lambda: seen.append(later.desk.tradable()))
    await later.desk.poll()
    assert seen == [[], []]
    assert later.pair.state is Review.SUSPENDED


async def test_a_pair_is_tradable_from_the_first_look_until_it_closes() -> None:
    house = House()
    await house.approved()
    again = House()
    again.ledger.restore(house.ledger.image())
    assert again.desk.tradable() == []
    await again.desk.poll()
    assert [pair.id for pair in again.desk.tradable()] == [house.pair.id]
    again.clock.advance(2 * NS_PER_DAY)
    await again.desk.poll()
    assert again.desk.tradable() == []


async def test_a_pair_suspended_for_its_text_comes_back_only_as_a_new_proposal() -> None:
    house = House()
    await house.approved()
    house.change_rules()
    await house.desk.poll()
    with pytest.raises(Conflict, match="propose it anew"):
        await house.review(Review.APPROVED)
    house.clock.advance(2 * NS_PER_HOUR)
    await house.desk.poll()
    assert str(house.pair.state) == "suspended"
    first, second = house.pair.instruments
    anew = house.desk.propose(first, second, Polarity.SAME, None, ANN)
    await house.bus.execute(ProposePair(actor=ANN, pair=anew))
    assert house.pair.state is Review.PROPOSED
    assert house.pair.second.rules.endswith("25 bps.") or house.pair.first.rules.endswith("bps.")
    pair = await house.review(Review.APPROVED, acknowledged=True)
    assert pair.approved


async def test_blanks_at_line_ends_are_no_other_text() -> None:
    house = House()
    await house.approved()
    spaced = msgspec.structs.replace(house.markets.told[0], rules=f"{RULES}  \n")
    house.markets.told[0] = spaced
    await house.desk.poll()
    assert house.pair.approved


@pytest.mark.parametrize(
    "silence",
    [
        VenueUnreachable("no route"),
        OutcomeUnknown("502 bad gateway"),
        VenueRefused("no", code="404"),
    ],
    ids=["unreachable", "unknown", "refused"],
)
async def test_a_venue_that_is_silent_suspends_nothing(silence: Exception) -> None:
    house = House()
    await house.approved()
    house.markets.silence = silence
    await house.desk.poll()
    assert house.pair.approved


async def test_warnings_are_acknowledged_before_an_approval() -> None:
    house = House(fed(POLYMARKET, void_rule="pays NO"), fed(KALSHI))
    await house.desk.poll()
    assert house.pair.warnings
    with pytest.raises(InvalidValue, match=r"void: .*pays NO"):
        await house.review(Review.APPROVED)
    assert (await house.review(Review.APPROVED, acknowledged=True)).approved
    (told,) = [
        event
        for event in house.journal.events
        if isinstance(event, Audited) and event.action == "pair.approve"
    ]
    assert "acknowledged: void: " in told.after


async def test_an_approval_may_set_another_cap() -> None:
    house = House()
    await house.desk.poll()
    pair = await house.review(Review.APPROVED, cap_usd=Decimal(50))
    assert pair.cap_usd == 50
    await house.review(Review.SUSPENDED, reason="lunch")
    with pytest.raises(InvalidValue, match="cap must be positive"):
        await house.review(Review.APPROVED, cap_usd=Decimal(0))


async def test_suspended_and_approved_again_rejected_for_good() -> None:
    house = House()
    await house.approved()
    assert (await house.review(Review.SUSPENDED, reason="lunch")).reason == "lunch"
    assert (await house.review(Review.APPROVED)).reason == ""
    await house.review(Review.REJECTED, reason="other trigger")
    with pytest.raises(Conflict, match="is rejected"):
        await house.review(Review.APPROVED)
    house.clock.advance(2 * NS_PER_HOUR)
    await house.desk.poll()
    assert house.pair.state is Review.REJECTED


async def test_a_pair_over_or_unknown_cannot_be_approved() -> None:
    house = House()
    await house.desk.poll()
    house.clock.advance(2 * NS_PER_DAY)
    with pytest.raises(Conflict, match="window is over"):
        await house.review(Review.APPROVED)
    with pytest.raises(NotFound, match="no event pair"):
        await house.bus.execute(
            ReviewPair(actor=ANN, pair_id=EventPairId("x"), state=Review.REJECTED)
        )


async def test_an_approved_pair_is_not_replaced_by_a_proposal() -> None:
    house = House()
    pair = await house.approved()
    with pytest.raises(Conflict, match="is approved"):
        await house.bus.execute(ProposePair(actor=ANN, pair=pair))


async def test_built_in_pairs_are_approved_and_marked_simulated() -> None:
    house = House(fed(POLYMARKET, simulated=True), fed(KALSHI, simulated=True))
    await house.desk.poll()
    assert (house.pair.approved_by, house.pair.simulated) == (BUILT_IN, True)
    house.change_rules()
    await house.desk.poll()
    house.markets.told += [
        msgspec.structs.replace(one, instrument=f"{one.instrument}2", title="Cut in May 2026?")
        for one in house.markets.told
    ]
    await house.desk.poll()
    changed = [pair for pair in house.ledger.event_pairs.values() if "fed" in pair.id]
    assert all(not pair.approved for pair in changed)


async def test_a_built_in_pair_with_a_warning_waits_for_a_person() -> None:
    house = House(fed(POLYMARKET, simulated=True, void_rule="half"), fed(KALSHI, simulated=True))
    await house.desk.poll()
    assert house.pair.state is Review.PROPOSED


async def test_a_pair_named_by_hand_carries_what_speaks_against_it() -> None:
    house = House(fed(POLYMARKET), fed(KALSHI, title="Fed cuts 25 bps in January 2026?"))
    await house.desk.poll()
    assert not house.ledger.event_pairs
    first, second = (one.instrument for one in house.markets.told)
    pair = house.desk.propose(first, second, Polarity.COMPLEMENT, Decimal(10), ANN)
    assert any(warning.startswith("figures:") for warning in pair.warnings)
    with pytest.raises(NotFound, match="no venue lists"):
        house.desk.propose(first, msgspec.convert("X", str), Polarity.SAME, None, ANN)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("vectors", "proposed"),
    [(((1.0, 0.0), (1.0, 0.0)), 1), (((1.0, 0.0), (0.0, 1.0)), 0), ((), 0)],
)
async def test_embeddings_speak_against_a_pair_and_never_for_one(
    vectors: tuple[Vector, ...], proposed: int
) -> None:
    house = House(embedder=FixedEmbedder(*vectors))
    await house.desk.poll()
    assert len(house.ledger.event_pairs) == proposed


async def test_the_registry_folds_the_same_from_its_events() -> None:
    house = House()
    await house.approved()
    await house.review(Review.SUSPENDED, reason="lunch")
    again = Ledger()
    for event in house.journal.events:
        again.apply(event)  # type: ignore[arg-type]
    assert again.image() == house.ledger.image()
    restored = Ledger()
    restored.restore(house.ledger.image())
    assert restored.event_pairs == house.ledger.event_pairs
    assert [e.state for e in house.journal.events if isinstance(e, EventPairReviewed)] == [
        Review.APPROVED,
        Review.SUSPENDED,
    ]
