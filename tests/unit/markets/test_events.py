"""Simulated event markets: one chance shown twice, decided alike, round after round."""

from decimal import Decimal

import numpy as np
import pytest
from msgspec.structs import replace

from arbiter.markets.event_settings import EventMarketSettings
from arbiter.markets.events import SIMULATED_TOPICS, EventMarket, Resolution, event_listings
from arbiter.model.event_pairs import Polarity
from arbiter.model.ids import VenueId
from arbiter.model.time import NS_PER_S
from arbiter.opportunities.matcher_settings import MatcherSettings
from arbiter.opportunities.pair_matcher import PairMatcher

T0 = 1_790_000_000 * NS_PER_S
SETTINGS = EventMarketSettings(round_seconds=20.0, pause_seconds=2.0, quotes_per_second=2_000.0)


def market(settings: EventMarketSettings = SETTINGS, now: int = T0, seed: int = 3) -> EventMarket:
    return EventMarket(settings, 7, np.random.default_rng(seed), now, {})


def resolved(
    made: EventMarket, seconds: float, step_s: float = 0.1
) -> list[tuple[int, Resolution]]:
    """Let time pass; what was resolved, with the moment."""
    found: list[tuple[int, Resolution]] = []
    for step in range(int(seconds / step_s)):
        now = T0 + int((step + 1) * step_s * NS_PER_S)
        made.step(now)
        found += [(now, each) for each in made.resolutions(now)]
    return found


def test_quotes_lie_between_nought_and_one_on_the_tick_and_never_cross() -> None:
    made = market()
    seen = 0
    for step in range(400):
        batch = made.step(T0 + step * NS_PER_S // 20)
        seen += len(batch)
        for row, bid, ask in zip(batch.rows, batch.bid, batch.ask, strict=True):
            assert 0.0 < bid < ask < 1.0
            tick = made.instruments[row].tick
            assert Decimal(repr(float(bid))) % tick == 0
            assert Decimal(repr(float(ask))) % tick == 0
        assert (batch.bid_size > 0).all()
        assert (batch.ask_size > 0).all()
    assert seen > 1_000


def test_every_market_resolves_every_round_alike_on_both_venues() -> None:
    made = market()
    found = resolved(made, 66.5)
    payouts = {(each.instrument, each.round): each.payout for _, each in found}
    assert len(payouts) == len(found)
    rounds = {(each.row // 2, each.round) for _, each in found}
    assert len(rounds) >= 2 * len(SIMULATED_TOPICS)
    for topic, number in rounds:
        about = SIMULATED_TOPICS[topic]
        first, second = (
            payouts[made.instruments[2 * topic + venue].id, number] for venue in range(2)
        )
        assert first is not None
        assert second is not None
        assert (first == second) is (about.polarity is Polarity.SAME)


def test_a_divergent_round_pays_both_legs_or_neither() -> None:
    made = market(replace(SETTINGS, divergent=1.0))
    found = {(each.row, each.round): each.payout for _, each in resolved(made, 30.0)}
    for (row, number), payout in found.items():
        if row % 2 == 0 and SIMULATED_TOPICS[row // 2].polarity is Polarity.SAME:
            assert found[row + 1, number] != payout


def test_a_round_that_is_called_off_pays_no_price() -> None:
    made = market(replace(SETTINGS, void=1.0))
    found = resolved(made, 30.0)
    assert found
    assert {each.payout for _, each in found} == {None}


def test_a_market_is_silent_from_its_close_to_its_next_opening() -> None:
    made = market()
    closed = 0
    for step in range(600):
        now = T0 + step * NS_PER_S // 20
        rows = set(made.step(now).rows.tolist())
        list(made.resolutions(now))
        for row in range(len(made.instruments)):
            topic = row // 2
            number = made.round_at(topic, now)
            if now >= made.closes_ns(topic, number):
                closed += 1
                assert row not in rows
    assert closed


def test_rounds_that_ended_while_nobody_looked_are_paid_before_anything_trades() -> None:
    before = market()
    memory = dict(before.resolved)
    later = T0 + 100 * NS_PER_S
    after = EventMarket(SETTINGS, 7, np.random.default_rng(9), later, memory)
    assert not any(after.trades(row, later) for row in range(len(after.instruments)))
    told = list(after.resolutions(later))
    assert len(told) == len(after.instruments)
    assert any(after.trades(row, later) for row in range(len(after.instruments)))
    assert not list(after.resolutions(later))


def test_prices_are_fair_the_chance_of_yes_is_the_price_at_the_close() -> None:
    settings = replace(SETTINGS, dislocations_per_minute=0.0)
    expected, paid = 0.0, 0.0
    for seed in range(30):
        made = EventMarket(settings, seed, np.random.default_rng(seed), T0, {})
        for step in range(250):
            now = T0 + (step + 1) * NS_PER_S // 10
            made.step(now)
            chances = [made.probability(row) for row in range(len(made.instruments))]
            for each in made.resolutions(now):
                expected += chances[each.row]
                paid += float(each.payout or 0)
    assert paid == pytest.approx(expected, rel=0.08)


def test_a_changed_text_is_another_one_from_then_on() -> None:
    settings = replace(SETTINGS, rules_change_after_seconds=60.0)
    kalshi = VenueId("kalshi")
    early, late = (event_listings(settings, kalshi, T0, T0 + at * NS_PER_S) for at in (59, 60))
    assert [a.rules_sha256 == b.rules_sha256 for a, b in zip(early, late, strict=True)] == [
        False,
        *[True] * (len(SIMULATED_TOPICS) - 1),
    ]


def test_every_listed_topic_pairs_up_and_keeps_its_words_from_round_to_round() -> None:
    told = [
        listing for venue in SETTINGS.listed for listing in event_listings(SETTINGS, venue, T0, T0)
    ]
    proposals = PairMatcher(MatcherSettings()).proposals(told)
    assert len(proposals) == len(SIMULATED_TOPICS)
    assert sum(not each.warnings for each in proposals) == len(SIMULATED_TOPICS) - 1
    again = [
        listing
        for venue in SETTINGS.listed
        for listing in event_listings(SETTINGS, venue, T0, T0 + 10**12)
    ]
    assert [each.rules_sha256 for each in told] == [each.rules_sha256 for each in again]
    assert event_listings(SETTINGS, VenueId("binance"), T0, T0) == []
