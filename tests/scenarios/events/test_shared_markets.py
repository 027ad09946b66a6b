"""Several strategies on one event market: a venue nets them, and reduces only what is left."""

from decimal import Decimal

import pytest

from arbiter.model.events import TradeOpened
from arbiter.model.ids import ENGINE, InstrumentId, PlanId, StrategyId
from arbiter.model.money import ONE, ZERO
from arbiter.model.orders import OrderStatus, Side
from arbiter.model.plans import Family, Leg, Plan
from arbiter.model.trades import TradeState
from tests.scenarios.events.stage import EventStage, stage
from tests.scenarios.events.test_resolutions import holding
from tests.scenarios.events.world import SAME
from tests.scenarios.seeds import seeds

OTHER = StrategyId("manual")
SLIP = Decimal("0.2")


def take(world: EventStage, name: InstrumentId, contracts: Decimal) -> None:
    """Let another strategy buy (> 0) or sell contracts, all but what is too small for an order."""
    before = held_by_other(world, name)
    instrument = world.registry.by_id(name)
    while abs(left := before + contracts - held_by_other(world, name)) >= instrument.min_size:
        side = Side.BUY if left > ZERO else Side.SELL
        touch = world.engine.core.touch(name, side)
        if touch is not None:
            price = min(max(touch + SLIP * side.sign, instrument.tick), ONE - instrument.tick)
            opened = world.engine.core.propose(bid(world, name, side, abs(left), price))
            assert isinstance(opened, TradeOpened), str(opened)
        world.run(0.5)


def bid(world: EventStage, name: InstrumentId, side: Side, size: Decimal, price: Decimal) -> Plan:
    return Plan(
        id=PlanId(world.ids.new_id()),
        strategy=OTHER,
        family=Family.MANUAL,
        actor=ENGINE,
        symbol=world.registry.by_id(name).symbol,
        legs=(Leg(instrument=name, side=side, size=size, price=price, planned_price=price),),
        created_ns=world.clock.now_ns(),
    )


def held_by_other(world: EventStage, name: InstrumentId) -> Decimal:
    row = world.ledger.positions.get((OTHER, name))
    return ZERO if row is None else row.quantity


def refused(world: EventStage) -> list[str]:
    return [
        f"{order.client_order_id}: {order.reason}"
        for order in world.ledger.orders.values()
        if order.status is OrderStatus.REJECTED
    ]


def settled(world: EventStage) -> bool:
    return world.whole() and not world.ledger.open_trades()


@pytest.mark.parametrize("seed", seeds(4))
def test_flatten_asks_for_no_more_than_the_account_holds(seed: int) -> None:
    with stage(seed) as world:
        holding(world, SAME)
        name = world.first()
        take(world, name, -world.held(name))
        world.run_until(world.whole, 10.0)
        left = world.account(name)
        orders = len(world.ledger.orders)
        report = world.kill(flatten=True)
        world.run(10.0)
        assert not refused(world)
        assert world.account(name) == left
        least = world.registry.by_id(world.second()).min_size
        assert abs(world.account(world.second())) < least
        assert report.flat is not any(map(world.account, (name, world.second())))
        asked = list(world.ledger.orders.values())[orders:]
        assert {order.instrument for order in asked} == {world.second()}
        world.decide(SAME, bool(seed % 2))
        world.run(3.0)
        world.verify()


@pytest.mark.parametrize("seed", seeds(4))
def test_a_lone_leg_is_unwound_where_another_strategy_holds_the_other_side(seed: int) -> None:
    with stage(seed) as world:
        name, other = world.first(), world.second()
        turned = bool(seed % 2)
        against = Decimal(300) if turned else Decimal(-300)
        take(world, name, against)
        world.run_until(world.whole, 10.0)
        world.refusing.add(other)
        world.run(0.5)
        trade = world.open_pair(turned=turned)
        world.run_until(lambda: settled(world), 60.0)
        assert world.now(trade).state is TradeState.UNWOUND
        assert not world.held(name)
        assert world.account(name) == held_by_other(world, name)
        assert abs(against - held_by_other(world, name)) < world.registry.by_id(name).min_size
        assert not refused(world)
        world.decide(SAME, turned)
        world.run(3.0)
        world.verify()


@pytest.mark.parametrize("seed", seeds(4))
def test_a_leg_whose_other_match_failed_is_closed_against_another_strategy(seed: int) -> None:
    """The trade is over by then: it is the desk that finds the leg alone."""
    with stage(seed, confirm_s=(5.0, 8.0)) as world:
        name, other = world.first(), world.second()
        turned = bool(seed % 2)
        against = Decimal(-300) if turned else Decimal(300)
        take(world, other, against)
        world.run_until(world.whole, 20.0)
        world.verdicts = [False] * 9
        trade = world.open_pair(turned=turned)
        world.run_until(lambda: world.now(trade).state is TradeState.COMPLETED, 10.0)
        assert world.held(other)
        world.run_until(lambda: not world.held(name) and settled(world), 60.0)
        assert abs(world.held(other)) < world.registry.by_id(other).min_size
        assert world.account(other) == held_by_other(world, other) + world.held(other)
        assert not refused(world)
        world.decide(SAME, turned)
        world.run(3.0)
        world.verify()


@pytest.mark.parametrize("seed", seeds(4))
def test_a_held_trade_whose_leg_met_an_older_one_ends_and_its_pair_trades_again(seed: int) -> None:
    with stage(seed, max_position_size=Decimal(60)) as world:
        turned = bool(seed % 2)
        holding(world, SAME, turned=turned)
        name, other = world.first(), world.second()
        world.refusing.add(other)
        world.run(0.5)
        trade = world.open_pair(turned=not turned)
        world.run_until(lambda: world.now(trade).state is TradeState.HELD, 60.0)
        assert world.now(trade).bought != world.now(trade).sold
        world.refusing.add(name)
        world.refusing.discard(other)
        world.run_until(lambda: settled(world), 60.0)
        world.refusing.clear()
        world.run(60.0)  # the venue's refusals are forgotten
        again = world.open_pair(turned=turned)
        world.run_until(lambda: world.now(again).state.terminal, 10.0)
        assert len(again.legs) == 2
        world.verify()
