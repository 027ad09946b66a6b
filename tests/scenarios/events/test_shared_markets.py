"""Several strategies on one event market: a venue nets them, and reduces only what is left."""

from decimal import Decimal

import pytest

from arbiter.model.events import Audited, PositionsCrossed, TradeOpened
from arbiter.model.ids import ENGINE, InstrumentId, StrategyId, VenueId
from arbiter.model.money import ONE, ZERO, plain
from arbiter.model.orders import OrderStatus, Side
from arbiter.model.plans import Family, Leg, Plan
from arbiter.model.trades import TradeState
from arbiter.opportunities.event_settings import EVENT_ARBITRAGE
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


def bid(
    world: EventStage,
    name: InstrumentId,
    side: Side,
    size: Decimal,
    price: Decimal,
    strategy: StrategyId = OTHER,
) -> Plan:
    return Plan(
        strategy=strategy,
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


@pytest.mark.parametrize("seed", seeds(4))
def test_a_rest_too_small_for_an_order_keeps_no_pair_from_trading(seed: int) -> None:
    """Polymarket sells no fewer than five contracts, so three that stand alone there stay."""
    with stage(seed, max_position_size=Decimal(60)) as world:
        turned = bool(seed % 2)
        holding(world, SAME, turned=turned)
        name, other = world.first(), world.second()
        side = Side.SELL if world.held(other) > ZERO else Side.BUY
        price = Decimal("0.02") if side is Side.SELL else Decimal("0.98")
        sold = bid(world, other, side, Decimal(3), price, EVENT_ARBITRAGE)
        assert isinstance(world.engine.core.propose(sold), TradeOpened)
        world.run_until(lambda: settled(world), 10.0)
        assert abs(world.held(name) + world.held(other)) == 3
        again = world.open_pair(turned=turned)
        world.run_until(lambda: world.now(again).state.terminal, 10.0)
        assert world.now(again).state is TradeState.COMPLETED
        world.run_until(lambda: settled(world), 30.0)
        assert abs(world.held(name) + world.held(other)) == 3
        # The other way round it meets what is there, and what is over lies where one can be sold.
        back = world.open_pair(turned=not turned)
        world.run_until(lambda: world.now(back).state.terminal, 10.0)
        world.verify()


def worth(world: EventStage, name: InstrumentId) -> Decimal:
    """What all strategies together made in a market, and would by closing at the same price."""
    total = ZERO
    for (_, other), row in world.ledger.positions.items():
        if other == name:
            total += row.realized_pnl + (-row.cost if row.quantity > ZERO else row.cost)
    return total


def crossed(world: EventStage) -> list[PositionsCrossed]:
    return [event for event in world.durable.events() if isinstance(event, PositionsCrossed)]


def against(world: EventStage, name: InstrumentId, part: int = 1) -> None:
    """Hold a pair, and let another strategy take the other side of a part of one leg."""
    holding(world, SAME)
    take(world, name, -world.held(name) / part)
    world.run_until(world.whole, 10.0)


@pytest.mark.parametrize("seed", seeds(4))
def test_flatten_ends_what_strategies_hold_against_each_other(seed: int) -> None:
    with stage(seed) as world:
        name = world.first()
        against(world, name, part=1 + seed % 2)
        before, cash = worth(world, name), world.total(VenueId("polymarket"))
        alike = not world.account(name)
        report = world.kill(flatten=True)
        world.run(10.0)
        (cross,) = crossed(world)
        assert {part.strategy for part in cross.parts} == {EVENT_ARBITRAGE, OTHER}
        least = world.registry.by_id(name).min_size
        assert all(abs(row.quantity) < least for row in world.rows(name))
        assert len({row.quantity > ZERO for row in world.rows(name)}) <= 1
        assert world.account(name) == sum((row.quantity for row in world.rows(name)), ZERO)
        if alike:
            assert worth(world, name) == before, "the cross made nothing and lost nothing"
            assert world.total(VenueId("polymarket")) == cash
        if not any(world.account(n) for n in (name, world.second())):
            assert report.flat
        audits = [e for e in world.durable.events() if isinstance(e, Audited)]
        (audit,) = [a for a in audits if a.action == "positions.cross"]
        assert audit.entity == f"instrument:{name}"
        assert audit.after.endswith("left: nothing") is alike
        assert not refused(world)
        world.verify()


def test_a_plain_kill_tells_what_is_against_each_other_and_leaves_it() -> None:
    with stage(1) as world:
        name = world.first()
        against(world, name)
        report = world.kill(flatten=False)
        world.run(5.0)
        assert not crossed(world)
        (proof,) = [each for each in report.venues if each.venue == "polymarket"]
        assert not proof.flat
        size, other = plain(world.held(name)), plain(-held_by_other(world, name))
        sides = (f"event-arbitrage long {size}", f"manual short {other}")
        if world.held(name) < ZERO:
            sides = (f"event-arbitrage short {size[1:]}", f"manual long {other[1:]}")
        told = f"{name} in the books: {', '.join(sides)}, which the venue nets"
        assert told in proof.positions


def test_flatten_never_claims_flat_while_the_books_cannot_be_crossed_yet() -> None:
    """A fill that may still fail keeps them open; they end once it is final."""
    with stage(2) as world:
        name = world.first()
        holding(world, SAME)
        world.settling = False
        take(world, name, -world.held(name))
        world.run(1.0)
        assert world.ledger.unsettled(name)
        report = world.kill(flatten=True)
        assert not report.flat
        assert not crossed(world)
        assert any("which the venue nets" in text for v in report.venues for text in v.positions)
        world.settling = True
        world.run(15.0)
        assert crossed(world)
        assert len({row.quantity > ZERO for row in world.rows(name)}) <= 1
        world.verify()


def test_a_flatten_that_was_cut_off_is_crossed_after_the_next_start() -> None:
    with stage(3) as world:
        name = world.first()
        holding(world, SAME)
        world.settling = False
        take(world, name, -world.held(name))
        world.run(1.0)
        world.kill(flatten=True)
        world.crash()
        world.settling = True
        world.start()
        world.run(15.0)
        assert len(crossed(world)) == 1
        assert len({row.quantity > ZERO for row in world.rows(name)}) <= 1
        world.verify()
