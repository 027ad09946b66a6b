"""The built-in events: every topic is one contract on both venues, and no two topics are."""

from datetime import UTC, datetime, timedelta

import pytest

from arbiter.markets.event_catalogue import KALSHI, POLYMARKET, TOPICS, WAITING, EventTopic, listing
from arbiter.model.event_pairs import EventListing
from arbiter.model.ids import InstrumentId
from arbiter.model.time import NS_PER_S, from_datetime
from arbiter.opportunities.matcher_settings import MatcherSettings
from arbiter.opportunities.pair_matcher import PairMatcher

MATCHER = PairMatcher(MatcherSettings())
CLOSES = datetime(2026, 11, 21, 14, 5, tzinfo=UTC)


def both(topic: EventTopic, closes: datetime = CLOSES) -> list[EventListing]:
    ends = from_datetime(closes)
    return [
        listing(
            topic,
            venue,
            InstrumentId(f"{topic.name}-{closes:%H%M}.{venue.upper()}"),
            opens_ns=ends - 600 * NS_PER_S,
            closes_ns=ends,
            payout_ns=ends + 30 * NS_PER_S,
        )
        for venue in (POLYMARKET, KALSHI)
    ]


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_both_wordings_of_a_topic_are_one_contract(topic: EventTopic) -> None:
    verdict = MATCHER.compare(*both(topic))
    assert verdict.differences == ()
    assert verdict.warnings == ()
    assert verdict.polarity is topic.polarity
    assert 0.1 < topic.odds < 0.9


def test_a_topic_with_two_void_rules_waits_for_a_person() -> None:
    verdict = MATCHER.compare(*both(WAITING))
    assert verdict.matches
    assert [warning.partition(":")[0] for warning in verdict.warnings] == ["void"]


def test_rounds_of_all_topics_pair_up_each_with_its_own_moment() -> None:
    moments = [CLOSES + timedelta(minutes=5 * n) for n in range(6)]
    topics = (*TOPICS, WAITING)
    markets = [market for topic in topics for at in moments for market in both(topic, at)]
    found = MATCHER.proposals(markets)
    assert len(topics) >= 12
    assert len(found) == len(topics) * len(moments)
    for proposal in found:
        assert proposal.first.closes_ns == proposal.second.closes_ns
        name = proposal.first.instrument.partition(".")[0]
        assert proposal.second.instrument.startswith(f"{name}.")
