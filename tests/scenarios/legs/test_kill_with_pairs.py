"""The kill switch while funding pairs are open: flat means that no position is left."""

from collections.abc import Iterator
from decimal import Decimal

import pytest
from msgspec.structs import replace

from arbiter.matching.faults import Fault, FaultRates, Scripted
from arbiter.model.events import OrderFilled, OrdersAdded, PositionsCrossed, TradeOpened
from arbiter.model.ids import ENGINE, MANUAL, Asset, InstrumentId
from arbiter.model.money import ONE, ZERO
from arbiter.model.orders import Side
from arbiter.model.pairs import FundingPair, PairState
from arbiter.model.plans import Family, Leg, Plan
from arbiter.model.time import NS_PER_S
from arbiter.runtime.kill import KillReport
from arbiter.runtime.kill_proof import VenueProof
from tests.scenarios.legs.stage import QUIET, Stage, stage
from tests.scenarios.legs.test_bad_venues import lasting
from tests.scenarios.legs.test_kill_and_reconcile import kill
from tests.scenarios.seeds import seeds

LONG, SHORT = InstrumentId("BTCUSDT-PERP.BINANCE"), InstrumentId("BTCUSDT-PERP.BYBIT")
COIN = InstrumentId("BTCUSDT.OKX")


@pytest.fixture
def world() -> Iterator[Stage]:
    """Holds one open pair: long at binance, short at bybit."""
    with stage(perpetuals=("BTC",)) as world:
        world.run_until(lambda: _states(world) == [PairState.OPEN], 20)
        yield world


def _states(world: Stage) -> list[PairState]:
    return [pair.state for pair in world.engine.ledger.active_pairs()]


def pair_of(world: Stage) -> FundingPair:
    (pair,) = world.engine.ledger.active_pairs()
    return pair


def at(report: KillReport, venue: str) -> VenueProof:
    (proof,) = [proof for proof in report.venues if proof.venue == venue]
    return proof


def held(world: Stage) -> dict[str, Decimal]:
    """What the venues themselves hold open."""
    return {
        name: position.quantity
        for venue in world.venues.values()
        for name, position in venue.exchange.margin.positions.items()
        if position.quantity
    }


def reducing_orders(world: Stage) -> list[bool]:
    """Whether each order since the pair opened may only reduce."""
    orders = [
        order
        for event in world.durable.events()
        if isinstance(event, TradeOpened | OrdersAdded)
        for order in event.orders
        if order.instrument in (LONG, SHORT)
    ]
    return [order.reduce_only for order in orders][2:]


def test_a_hedged_pair_is_an_open_position_and_not_flat(world: Stage) -> None:
    report = kill(world)
    size = held(world)[LONG]
    assert size > ZERO
    assert not report.flat
    assert at(report, "okx").flat
    binance = at(report, "binance")
    assert (binance.quiet, binance.flat) == (True, False)
    assert binance.positions == (f"{LONG} long {size}, paired with {SHORT}",)
    world.run(10)
    assert _states(world) == [PairState.OPEN], "nobody asked for it to be closed"
    assert held(world) == {LONG: size, SHORT: -size}


def test_positions_that_stay_are_told_without_waiting(world: Stage) -> None:
    began = world.loop.now_ns
    kill(world)
    assert world.loop.now_ns - began < 3 * NS_PER_S


def test_flatten_closes_both_legs_together_and_proves_it(world: Stage) -> None:
    pair = pair_of(world)
    report = kill(world, flatten=True)
    assert report.flat
    assert all(proof.positions == () for proof in report.venues)
    assert held(world) == {}
    assert world.engine.ledger.pairs[pair.id].state is PairState.CLOSED
    assert world.engine.ledger.pairs[pair.id].reason == "KILL_SWITCH: a test"
    assert reducing_orders(world) == [True, True], "one reduction with both legs"
    assert [len(e.orders) for e in world.of(TradeOpened) if isinstance(e, TradeOpened)] == [2, 2]
    world.verify()


def test_flatten_after_a_plain_kill_closes_what_that_one_left(world: Stage) -> None:
    assert not kill(world).flat
    assert kill(world, flatten=True).flat
    assert held(world) == {}
    world.verify()


def test_a_plain_kill_does_not_ask_a_flatten_back(world: Stage) -> None:
    lasting(world, "bybit", Fault.BLACKHOLE, 30)
    kill(world, flatten=True)
    kill(world)
    assert world.engine.ledger.kill_switch.flatten
    world.run(60)
    assert held(world) == {}
    world.verify()


def test_a_pair_with_one_dark_venue_stays_hedged_until_both_can_be_closed(world: Stage) -> None:
    lasting(world, "bybit", Fault.BLACKHOLE, 40)
    world.run(4)  # its quotes are stale by now
    size = held(world)[LONG]
    report = kill(world, flatten=True)
    assert not report.flat
    dark = at(report, "bybit")
    assert not dark.reachable
    assert dark.positions == (f"{SHORT} short {size}, paired with {LONG} (not asked)",)
    assert at(report, "binance").positions == (f"{LONG} long {size}, paired with {SHORT}",)
    assert held(world) == {LONG: size, SHORT: -size}, "no leg is left alone on purpose"
    world.run(60)
    assert held(world) == {}
    assert kill(world).flat
    world.verify()


def test_flatten_while_the_database_is_away_closes_once_it_is_back(world: Stage) -> None:
    world.engine.journal.fail_until(world.loop.now_ns + 30 * NS_PER_S)
    report = kill(world, flatten=True)
    assert not report.durable
    assert not report.flat
    assert all(at(report, venue).positions for venue in ("binance", "bybit"))
    world.run(60)
    assert held(world) == {}
    assert kill(world, flatten=True).flat
    world.verify()


def test_flatten_goes_on_after_a_crash(world: Stage) -> None:
    lasting(world, "bybit", Fault.BLACKHOLE, 20)
    world.run(4)
    assert not kill(world, flatten=True).flat
    world.crash()
    world.start()
    world.run(60)
    assert held(world) == {}
    assert kill(world).flat


@pytest.mark.parametrize("seed", seeds(5))
def test_flatten_reaches_flat_through_lost_and_late_messages(seed: int) -> None:
    with stage(seed, perpetuals=("BTC",)) as world:
        world.run_until(lambda: _states(world) == [PairState.OPEN], 20)
        rates = FaultRates(
            drop_response=0.2, drop_report=0.2, delay=0.2, delay_ms=400, partial_fill=0.5
        )
        for venue in world.venues.values():
            venue.faults.afflict(rates)
        kill(world, flatten=True)
        world.run(60)
        world.heal()
        world.run(20)
        assert kill(world, flatten=True).flat
        assert held(world) == {}
        assert all(reducing_orders(world))
        world.verify()


def test_a_position_the_ledger_does_not_know_is_told(world: Stage) -> None:
    """What somebody else opened in the account is named, and is not ours to close."""
    from arbiter.matching.orders import OrderRequest
    from arbiter.model.ids import ClientOrderId

    assert kill(world, flatten=True).flat
    world.venue("bybit").exchange.submit(
        OrderRequest(
            client_order_id=ClientOrderId("by-hand"),
            instrument=SHORT,
            side=Side.BUY,
            size=Decimal("0.5"),
            price=Decimal(1_000),
        ),
        world.clock.now_ns(),
    )
    report = kill(world)
    assert at(report, "bybit").positions == (f"{SHORT} long 0.5 (not in the ledger)",)
    assert not report.flat
    assert Asset("USDT") in world.venue("bybit").totals()
    assert world.of(OrderFilled)


def test_no_pair_opens_before_both_venues_have_confirmed_the_leverage() -> None:
    world = Stage(1, replace(QUIET, perpetuals=("BTC",)))
    try:
        lost = [Scripted("leverage", nth, Fault.DROP_REQUEST) for nth in (1, 2)]
        world.venue("bybit").faults.follow(lost)
        world.start()
        world.run(2)
        assert world.engine.desk.unready == {SHORT}
        assert _states(world) == []
        world.run_until(lambda: _states(world) == [PairState.OPEN], 40)
        assert world.engine.desk.unready == set()
        assert world.venue("bybit").exchange.margin.leverage() == {SHORT: Decimal(3)}
        assert kill(world, flatten=True).flat
        world.verify()
    finally:
        world.close()


def by_hand(world: Stage, name: InstrumentId, side: Side, size: Decimal) -> None:
    """Buy or sell so much as a person would, through the touch."""
    touch = world.engine.core.touch(name, side)
    assert touch is not None
    listed = world.registry.by_id(name)
    price = listed.floor_price(touch * (ONE + side.sign * Decimal("0.01")))
    plan = Plan(
        strategy=MANUAL,
        family=Family.MANUAL,
        actor=ENGINE,
        symbol=listed.symbol,
        legs=(Leg(instrument=name, side=side, size=size, price=price, planned_price=touch),),
        created_ns=world.clock.now_ns(),
    )
    opened = world.engine.core.propose(plan)
    assert isinstance(opened, TradeOpened), str(opened)
    world.run_until(lambda: not _is_open(world, opened), 10)


def _is_open(world: Stage, opened: TradeOpened) -> bool:
    return any(order.open for order in world.engine.ledger.orders_of(opened.trade.id))


def held_by_hand(world: Stage) -> dict[InstrumentId, Decimal]:
    rows = world.engine.ledger.positions.items()
    return {n: row.quantity for (owner, n), row in rows if owner == MANUAL and row.quantity}


@pytest.mark.parametrize("side", [Side.BUY, Side.SELL])
def test_flatten_closes_what_was_ordered_by_hand_beside_the_pairs(world: Stage, side: Side) -> None:
    size = held(world)[LONG]
    by_hand(world, LONG, side, world.registry.by_id(LONG).floor_size(size / 2))
    by_hand(world, COIN, Side.BUY, ONE)
    owned = world.venue("okx").exchange_total("BTC")
    assert not kill(world).flat
    world.run(10)
    assert set(held_by_hand(world)) == {LONG, COIN}, "nobody asked for it to be closed"
    assert kill(world, flatten=True).flat
    assert held(world) == {}
    assert held_by_hand(world) == {}
    assert owned - world.venue("okx").exchange_total("BTC") == ONE
    world.verify()


def test_flatten_of_what_was_ordered_by_hand_goes_on_after_a_crash(world: Stage) -> None:
    by_hand(world, COIN, Side.BUY, ONE)
    lasting(world, "okx", Fault.BLACKHOLE, 20)
    world.run(4)
    assert not kill(world, flatten=True).flat
    world.crash()
    world.start()
    world.run(60)
    assert held_by_hand(world) == {}
    assert kill(world).flat


def test_flatten_ends_a_leg_that_another_strategy_is_against_and_closes_the_rest(
    world: Stage,
) -> None:
    """The venue holds nothing there any more, so it has nothing to reduce."""
    size = held(world)[LONG]
    by_hand(world, LONG, Side.SELL, size)
    world.run_until(lambda: held(world) == {SHORT: -size}, 10)
    report = kill(world, flatten=True)
    assert report.flat
    assert held(world) == {}
    (cross,) = world.of(PositionsCrossed)
    assert isinstance(cross, PositionsCrossed)
    assert {part.contracts for part in cross.parts} == {size, -size}
    assert not any(row.quantity for row in world.engine.ledger.positions.values())
    assert not world.engine.ledger.active_pairs()
    world.verify()
