"""How rounds end: alike, differently, called off, on one venue long before the other."""

from decimal import Decimal

import pytest
from msgspec.structs import replace

from arbiter.markets.event_catalogue import EventTopic
from arbiter.model.event_pairs import Review
from arbiter.model.money import ONE, ZERO
from arbiter.model.orders import OrderStatus
from tests.chaos.virtual_world import RECONCILE_S
from tests.scenarios.events.stage import EventStage, stage
from tests.scenarios.events.world import COMPLEMENT, KALSHI, POLYMARKET, SAME, START, StageSettings
from tests.scenarios.seeds import seeds

CAP = Decimal(120)
TOPICS = pytest.mark.parametrize("topic", [SAME, COMPLEMENT], ids=["same", "complement"])


def holding(world: EventStage, topic: EventTopic, *, turned: bool = False) -> None:
    """Open a pair and let it come to rest."""
    world.open_pair(topic, turned=turned)
    names = (world.first(topic), world.second(topic))
    world.run_until(lambda: all(map(world.held, names)) and world.whole(), 30.0)


@TOPICS
@pytest.mark.parametrize("seed", seeds(4))
@pytest.mark.parametrize("yes", [False, True])
def test_a_pair_held_to_payout_earns_whatever_the_outcome(
    seed: int, topic: EventTopic, yes: bool
) -> None:
    with stage(seed, topics=(topic,)) as world:
        holding(world, topic, turned=bool(seed % 2))
        orders = len(world.ledger.orders)
        world.decide(topic, yes)
        world.run(5.0)
        assert not world.held(world.first(topic))
        assert not world.held(world.second(topic))
        assert len(world.ledger.orders) == orders
        assert world.cash() > 2 * START
        world.verify()


@TOPICS
@pytest.mark.parametrize("seed", seeds(4))
def test_a_pair_at_its_cap_is_traded_back_when_prices_lie_the_other_way(
    seed: int, topic: EventTopic
) -> None:
    turned = bool(seed % 2)
    with stage(seed, topics=(topic,), cap_usd=CAP, max_position_size=Decimal(50)) as world:
        for _ in range(6):
            world.lean(topic, turned=turned, seconds=4.0)
            world.run(6.0)
        world.run_until(world.whole, 30.0)
        held = abs(world.held(world.first(topic)))
        desk = world.engine.desk
        left = CAP - desk.pair_exposure(world.pair.id)
        assert left < 5, "no order of the smaller venue fits any more"
        trades = world.ledger.next_trade_seq
        world.lean(topic, turned=turned, seconds=4.0)
        world.run(6.0)
        assert world.ledger.next_trade_seq == trades, "no more of it is bought"
        back = world.open_pair(topic, turned=not turned)
        world.run_until(lambda: world.now(back).state.terminal and world.whole(), 30.0)
        assert abs(world.held(world.first(topic))) < held
        assert desk.pair_exposure(world.pair.id) <= CAP
        world.verify()


@TOPICS
@pytest.mark.parametrize("seed", seeds(4))
@pytest.mark.parametrize("turned", [False, True])
def test_a_divergent_resolution_is_booked_and_loses_no_more_than_the_pairs_cap(
    seed: int, topic: EventTopic, turned: bool
) -> None:
    """Both legs lose; opening after opening has filled the cap before."""
    with stage(seed, topics=(topic,), cap_usd=CAP, max_position_size=Decimal(50)) as world:
        for _ in range(6):
            world.dislocate(world.first(topic), 0.06 if turned else -0.06, 4.0)
            shift = -0.06 if turned else 0.06
            world.dislocate(world.second(topic), -shift if topic is COMPLEMENT else shift, 4.0)
            world.run(6.0)
        world.run_until(world.whole, 30.0)
        assert len([t for t in world.trades() if len(t.legs) == 2]) > 1
        for name in (world.first(topic), world.second(topic)):
            world.resolve(name, ZERO if world.held(name) > ZERO else ONE)
        world.run(5.0)
        lost = 2 * START - world.cash()
        assert CAP / 2 < lost <= CAP
        assert sum(p.realized_pnl - p.fees for p in world.ledger.positions.values()) == -lost
        world.verify()


@TOPICS
@pytest.mark.parametrize("seed", seeds(4))
def test_a_divergent_resolution_in_our_favour_is_booked_too(seed: int, topic: EventTopic) -> None:
    with stage(seed, topics=(topic,)) as world:
        holding(world, topic)
        size = abs(world.held(world.first(topic)))
        for name in (world.first(topic), world.second(topic)):
            world.resolve(name, ONE if world.held(name) > ZERO else ZERO)
        world.run(5.0)
        assert world.cash() > 2 * START + size * Decimal("0.9")
        world.verify()


@TOPICS
@pytest.mark.parametrize("seed", seeds(4))
def test_a_round_called_off_gives_back_all_but_the_fees(seed: int, topic: EventTopic) -> None:
    with stage(seed, topics=(topic,)) as world:
        holding(world, topic, turned=bool(seed % 2))
        fees = sum((p.fees for p in world.ledger.positions.values()), ZERO)
        world.resolve(world.second(topic), None)
        world.run(seed % 3 * 10.0)
        world.resolve(world.first(topic), None)
        world.run(5.0)
        assert world.cash() == 2 * START - fees
        world.verify()


@TOPICS
@pytest.mark.parametrize("seed", seeds(4))
@pytest.mark.parametrize("restarts", [0, 1, 2])
@pytest.mark.parametrize("early", [0, 1])
def test_a_leg_whose_other_was_paid_waits_for_its_own_payout(
    seed: int, topic: EventTopic, restarts: int, early: int
) -> None:
    with stage(seed, topics=(topic,)) as world:
        holding(world, topic, turned=bool(seed % 2))
        names = (world.first(topic), world.second(topic))
        paid, waits = names[early], names[1 - early]
        held, orders = world.held(waits), len(world.ledger.orders)
        world.resolve(paid, ONE)
        world.run(0.0 if restarts and seed % 2 else 2.0)
        for _ in range(restarts):
            world.restart()
            world.run(3.0)
        world.run(30.0)
        assert not world.held(paid)
        assert world.held(waits) == held
        assert len(world.ledger.orders) == orders
        world.reopen(paid)
        world.settings = replace(world.settings, dislocation=0.2)
        world.run(10.0)
        assert world.held(waits) == held
        assert len(world.ledger.orders) == orders
        world.settings = replace(world.settings, dislocation=0.0)
        world.resolve(waits, ZERO)
        world.run(3.0)
        assert not world.held(waits)
        world.verify()


@pytest.mark.parametrize("seed", seeds(4))
def test_after_both_payouts_the_next_round_trades_and_its_lone_legs_are_reduced(seed: int) -> None:
    with stage(seed) as world:
        holding(world, SAME)
        world.decide(SAME, bool(seed % 2))
        world.run(3.0)
        for name in (world.first(), world.second()):
            world.reopen(name)
        world.run(1.0)
        world.verdicts = [False]
        world.open_pair()
        world.run_until(lambda: world.held(world.second()), 10.0)
        if seed % 2:
            world.restart()
        world.run_until(lambda: world.whole() and not world.held(world.second()), 30.0)
        world.verify()


@pytest.mark.parametrize("seed", seeds(4))
def test_a_fill_that_fails_after_the_other_leg_was_paid_is_taken_back(seed: int) -> None:
    """The waiting leg fails; nothing is held, and nothing bought in its place."""
    with stage(seed, confirm_s=(6.0, 6.0)) as world:
        world.verdicts = [False]
        world.open_pair()
        world.run_until(lambda: world.held(world.first()) and world.held(world.second()), 5.0)
        world.resolve(world.second(), ONE)
        world.run(1.0)
        if seed % 2:
            world.restart()
        world.run(12.0)
        assert not world.held(world.first())
        assert not world.held(world.second())
        assert world.total(POLYMARKET) == START
        world.verify()


@pytest.mark.parametrize("seed", seeds(4))
@pytest.mark.parametrize("restarted", [False, True])
def test_a_changed_rule_text_suspends_the_pair_within_one_poll_and_keeps_its_positions(
    seed: int, restarted: bool
) -> None:
    with stage(seed) as world:
        holding(world, SAME)
        held = world.held(world.first())
        told = world.listed[KALSHI].told
        told[0] = replace(told[0], rules=f"{told[0].rules} Ties count as NO.")
        if restarted:
            world.restart()
        else:
            world.run(10.1)
        assert world.pair.state is Review.SUSPENDED
        trades = len(world.trades())
        world.settings = replace(world.settings, dislocation=0.3)
        world.run(20.0)
        assert len(world.trades()) == trades
        assert world.held(world.first()) == held == -world.held(world.second())
        world.settings = replace(world.settings, dislocation=0.0)
        world.decide(SAME, bool(seed % 2))
        world.run(3.0)
        assert world.cash() > 2 * START
        world.verify()


@pytest.mark.parametrize("seed", seeds(4))
def test_kill_with_flatten_closes_open_pairs_and_proves_it(seed: int) -> None:
    with stage(seed, topics=(SAME, COMPLEMENT)) as world:
        holding(world, SAME)
        holding(world, COMPLEMENT, turned=True)
        if seed % 2:
            world.restart()
        report = world.kill(flatten=True)
        held = [abs(world.held(i.id)) for i in world.registry.instruments]
        assert report.flat is not any(held), report
        least = max(i.min_size for i in world.registry.instruments)
        assert max(held) < least  # less than that, a venue does not take back
        world.verify()


@pytest.mark.parametrize("seed", seeds(4))
def test_kill_without_flatten_keeps_pairs_and_says_so(seed: int) -> None:
    with stage(seed) as world:
        holding(world, SAME)
        held = world.held(world.first())
        report = world.kill(flatten=False)
        assert not report.flat
        assert all(proof.quiet and len(proof.positions) == 1 for proof in report.venues)
        world.run(20.0)
        assert world.held(world.first()) == held
        world.verify()


@pytest.mark.parametrize("seed", seeds(4))
def test_flatten_waits_for_fills_that_may_still_fail(seed: int) -> None:
    with stage(seed, confirm_s=(5.0, 5.0)) as world:
        world.verdicts = [bool(seed % 2)]
        world.open_pair()
        world.run_until(lambda: world.held(world.first()) and world.held(world.second()), 5.0)
        world.kill(flatten=True)
        world.run_until(lambda: not world.held(world.first()), 30.0)
        world.run_until(lambda: not world.held(world.second()), 30.0)
        world.verify()


@pytest.mark.parametrize("seed", seeds(12))
def test_a_restart_at_any_moment_of_a_trade_leaves_no_lone_leg(seed: int) -> None:
    with stage(seed, topics=(SAME, COMPLEMENT), confirm_s=(0.0, 2.0), failing=0.3) as world:
        world.open_pair(COMPLEMENT if seed % 3 == 0 else SAME)
        world.run(world.random.uniform(0.0, 0.08))
        world.crash()
        world.run(world.random.uniform(0.0, 5.0))
        world.start()
        world.run_until(world.whole, 60.0)
        assert all(o.status is not OrderStatus.CREATED for o in world.ledger.orders.values())
        world.run(2 * RECONCILE_S)
        world.verify()


@pytest.mark.parametrize("seed", seeds(24))
def test_rounds_failures_crashes_and_disorder_together(seed: int) -> None:
    settings = StageSettings(
        topics=(SAME, COMPLEMENT),
        dislocation=0.08,
        failing=0.25,
        confirm_s=(0.0, 8.0),
        max_position_size=Decimal(60),
    )
    with stage(seed, settings) as world:
        draw = world.random
        for _ in range(4):
            world.run(draw.uniform(2.0, 12.0))
            topic = draw.choice(settings.topics)
            names = [world.first(topic), world.second(topic)]
            draw.shuffle(names)
            fate = draw.random()
            for name in names:
                pays = draw.choice((ZERO, ONE))
                world.resolve(name, None if fate < 0.2 else pays)
                world.run(draw.choice((0.0, 0.5, 8.0)))
                if draw.random() < 0.4:
                    world.crash()
                    world.run(draw.uniform(0.0, 4.0))
                    world.start()
            for name in names:
                world.reopen(name)
        if draw.random() < 0.3:
            world.kill(flatten=draw.random() < 0.5)
        world.verify()
