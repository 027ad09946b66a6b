"""Matches that fail at settlement, and user events out of order or told twice."""

from decimal import Decimal

import pytest
from msgspec.structs import replace

from arbiter.markets.event_catalogue import EventTopic
from arbiter.matching.faults import FaultRates
from arbiter.model.money import ZERO
from arbiter.model.trades import TradeState
from tests.scenarios.events.stage import EventStage, stage
from tests.scenarios.events.world import COMPLEMENT, POLYMARKET, SAME, START, StageSettings
from tests.scenarios.seeds import seeds

SHUFFLED = FaultRates(reorder=0.3, duplicate=0.3, fill_after_end=0.3, delay_ms=4_000.0)


def flat(world: EventStage) -> bool:
    """Nothing is held but what is too small to be sold."""
    return all(abs(world.held(i.id)) < i.min_size for i in world.registry.instruments)


@pytest.mark.parametrize("seed", seeds(6))
@pytest.mark.parametrize("turned", [False, True])
def test_a_fill_that_fails_after_both_legs_is_as_if_it_had_never_been(
    seed: int, turned: bool
) -> None:
    with stage(seed, confirm_s=(5.0, 50.0)) as world:
        world.verdicts = [False]
        trade = world.open_pair(turned=turned)
        world.run_until(lambda: world.now(trade).state is TradeState.COMPLETED)
        first, second = world.first(), world.second()
        assert world.held(first) == -world.held(second) != ZERO
        assert world.ledger.unsettled(first)
        world.run_until(lambda: not world.held(first), 60.0)
        assert not world.ledger.unsettled(first)
        assert world.row(first).realized_pnl == ZERO
        assert world.total(POLYMARKET) == START
        world.run_until(lambda: flat(world), 10.0)
        fees = world.row(first).fees
        assert fees == ZERO
        world.verify()
        assert [alert.code for alert in world.alerts].count("FILL_FAILED") == 1


@pytest.mark.parametrize("seed", seeds(6))
def test_the_books_after_a_void_fill_are_those_of_a_venue_that_never_matched(seed: int) -> None:
    with stage(seed) as world:
        world.verdicts = [True]
        kept = world.open_pair()
        world.run_until(lambda: world.whole() and world.held(world.first()), 20.0)
        before = world.row(world.first())
        margin = world.ledger.margin_positions[world.first()]
        cash = world.total(POLYMARKET)
        world.run(2.0)
        world.verdicts = [False]
        failing = world.open_pair()
        assert failing.id != kept.id
        world.run_until(lambda: world.ledger.unsettled(world.first()), 5.0)
        world.run_until(lambda: not world.ledger.unsettled(world.first()), 10.0)
        after = world.row(world.first())
        assert replace(after, updated_ns=0) == replace(before, updated_ns=0)
        there = world.ledger.margin_positions[world.first()]
        assert replace(there, updated_ns=0) == replace(margin, updated_ns=0)
        assert world.total(POLYMARKET) == cash
        world.run_until(world.whole, 20.0)
        assert world.held(world.second()) == -world.held(world.first())
        world.verify()


@pytest.mark.parametrize("seed", seeds(6))
def test_a_fill_that_fails_while_its_trade_is_under_way_leaves_nothing_alone(seed: int) -> None:
    with stage(seed, confirm_s=(0.0, 0.3), rates=FaultRates(delay=0.5, delay_ms=2_500.0)) as world:
        world.verdicts = [False, False]
        world.open_pair()
        world.run_until(lambda: world.whole() and flat(world), 60.0)
        world.verify()


@pytest.mark.parametrize("seed", seeds(6))
def test_a_failure_told_before_its_fill_books_nothing(seed: int) -> None:
    """The word on a fill overtakes the fill, which then is told all the same, late and twice."""
    late = FaultRates(fill_after_end=1.0, delay_ms=9_000.0)
    with stage(seed, confirm_s=(0.0, 0.1), rates=late) as world:
        world.verdicts = [False] * 9
        world.open_pair()
        world.run(12.0)
        world.run_until(lambda: world.whole() and flat(world), 60.0)
        assert world.total(POLYMARKET) == START
        world.verify()


@pytest.mark.parametrize("seed", seeds(6))
def test_nothing_is_bought_again_before_the_last_word(seed: int) -> None:
    with stage(seed, confirm_s=(50.0, 50.0)) as world:
        trade = world.open_pair()
        world.settings = replace(world.settings, dislocation=0.2)
        world.run(40.0)
        assert world.ledger.unsettled(world.first())
        assert [t.id for t in world.trades()] == [trade.id]
        world.run(30.0)
        assert len(world.trades()) > 1
        world.verify()


@pytest.mark.parametrize("seed", seeds(6))
@pytest.mark.parametrize("topic", [SAME, COMPLEMENT])
@pytest.mark.parametrize("turned", [False, True])
def test_a_leg_that_does_not_fill_is_evened_out(seed: int, topic: EventTopic, turned: bool) -> None:
    with stage(seed, topics=(topic,)) as world:
        missing = (world.first, world.second)[seed % 2](topic)
        world.refusing.add(missing)
        world.run(0.5)
        trade = world.open_pair(topic, turned=turned)
        sides = {leg.side for leg in trade.legs}
        assert len(sides) == (2 if topic is SAME else 1)
        world.run(3.0)
        world.run_until(lambda: world.whole() and flat(world), 60.0)
        world.verify()


@pytest.mark.parametrize("seed", seeds(6))
def test_a_complement_pair_whose_fill_failed_is_evened_out(seed: int) -> None:
    with stage(seed, topics=(COMPLEMENT,)) as world:
        world.verdicts = [False]
        world.open_pair(COMPLEMENT, turned=bool(seed % 2))
        names = (world.first(COMPLEMENT), world.second(COMPLEMENT))
        world.run_until(lambda: all(map(world.held, names)), 5.0)
        assert world.held(world.first(COMPLEMENT)) == world.held(world.second(COMPLEMENT))
        world.run_until(lambda: world.whole() and flat(world), 60.0)
        world.verify()


@pytest.mark.parametrize("seed", seeds(16))
def test_user_events_out_of_order_and_told_twice_change_nothing(seed: int) -> None:
    settings = StageSettings(
        topics=(SAME, COMPLEMENT),
        rates=SHUFFLED,
        dislocation=0.1,
        failing=0.3,
        confirm_s=(0.0, 6.0),
        max_position_size=Decimal(40),
    )
    with stage(seed, settings) as world:
        world.run(45.0)
        assert world.trades()
        world.verify()
