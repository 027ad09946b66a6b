"""The kill switch proves what it says, and a reconciliation mends what it finds."""

import json
from collections.abc import Awaitable
from decimal import Decimal
from typing import TypeVar

from arbiter.execution.settings import ExecutionSettings, LoneLeg
from arbiter.matching.faults import Fault, FaultRates, Scripted, Window
from arbiter.matching.orders import OrderRequest
from arbiter.model.commands import EngageKillSwitch
from arbiter.model.events import AlertRaised, OrderFilled, TradeOpened
from arbiter.model.ids import Actor, Asset, ClientOrderId, InstrumentId, VenueId
from arbiter.model.orders import OrderStatus, Side
from arbiter.model.time import NS_PER_S
from arbiter.runtime.kill import KillReport
from arbiter.runtime.reconciled import ReconcileReport
from arbiter.runtime.reconciler import reconcile
from tests.scenarios.legs.stage import Stage, stage
from tests.scenarios.legs.test_bad_venues import lasting, resting_buy

T = TypeVar("T")


def wait(world: Stage, work: Awaitable[T]) -> T:
    return world.loop.run_until_complete(work)


def kill(world: Stage, *, flatten: bool = False) -> KillReport:
    command = EngageKillSwitch(actor=Actor("cli"), reason="a test", flatten=flatten)
    return wait(world, world.engine.kill_switch.engage(command))


def rest_orders(world: Stage, count: int) -> None:
    for number in range(count):
        price = Decimal(str(round(world.mids["BTC"] * 0.9, 2))) - number
        assert isinstance(world.engine.core.propose(resting_buy(world, price)), TradeOpened)
    world.run_until(lambda: len(world.venue("okx").exchange.open_orders()) == count, 5)


def test_the_kill_switch_cancels_everything_and_proves_it() -> None:
    with stage() as world:
        rest_orders(world, 3)
        report = kill(world)
        assert report.flat
        assert report.durable
        assert world.venue("okx").exchange.open_orders() == []
        world.dislocate("bybit", "BTC", 0.02, 2)
        world.run(3)
        assert world.engine.ledger.kill_switch.engaged
        assert all(t.family != "spot" for t in world.trades())
        world.verify()


def test_a_venue_that_does_not_answer_is_never_said_to_be_flat() -> None:
    with stage() as world:
        rest_orders(world, 2)
        lasting(world, "okx", Fault.BLACKHOLE, 60)
        report = kill(world)
        flat = {proof.venue: proof.flat for proof in report.venues}
        assert flat == {"binance": True, "bybit": True, "okx": False}
        (dark,) = [proof for proof in report.venues if proof.venue == "okx"]
        assert len(dark.open_orders) == 2
        world.run(70)
        assert kill(world).flat
        world.verify()


def test_the_kill_switch_works_while_the_database_is_away() -> None:
    with stage() as world:
        rest_orders(world, 2)
        world.engine.journal.fail_until(world.loop.now_ns + 30 * NS_PER_S)
        began = world.loop.now_ns
        report = kill(world)
        assert not report.durable
        assert world.venue("okx").exchange.open_orders() == []
        assert world.loop.now_ns - began < 6 * NS_PER_S
        world.run(40)
        world.crash()
        world.start()
        assert world.engine.ledger.kill_switch.engaged, "latched across a restart"
        world.verify()


def test_an_order_without_its_last_word_keeps_a_venue_from_being_flat() -> None:
    with stage() as world:
        world.seller.faults.follow([Scripted("submit", 1, Fault.DROP_RESPONSE)])
        world.seller.faults.afflict(FaultRates(drop_report=1.0))
        trade = world.open_spread()
        world.run_until(lambda: world.now(trade).state == "WORKING", 2)
        world.seller.faults.windows.append(
            Window(fault=Fault.BLACKHOLE, start_ns=0, end_ns=world.loop.now_ns + 20 * NS_PER_S)
        )
        report = kill(world)
        assert not report.flat
        world.seller.faults.heal()
        world.finish(trade, 40)
        assert kill(world).flat
        world.verify()


def test_flatten_closes_a_leg_that_was_held_for_a_person() -> None:
    settings = ExecutionSettings(flat_ms=20_000, lone_leg=LoneLeg.HOLD)
    with stage(execution=settings) as world:
        world.seller.refusals.append("no")
        world.open_spread()
        world.run(3)
        assert not kill(world).flat
        assert kill(world, flatten=True).flat
        world.verify()


def test_orders_that_are_not_ours_are_cancelled_too() -> None:
    with stage() as world:
        world.venue("bybit").exchange.submit(
            OrderRequest(
                client_order_id=ClientOrderId("by-hand"),
                instrument=InstrumentId("BTCUSDT.BYBIT"),
                side=Side.BUY,
                size=Decimal(1),
                price=Decimal(50),
            ),
            world.clock.now_ns(),
        )
        assert kill(world).flat
        assert world.venue("bybit").exchange.open_orders() == []


def told(world: Stage) -> ReconcileReport:
    return wait(world, reconcile(world.engine.reconciler))


def test_a_ledger_that_agrees_is_left_alone() -> None:
    with stage() as world:
        world.finish(world.open_spread(), 10)
        world.run(1)
        before = len(world.durable.batches)
        report = told(world)
        world.run(1)
        assert report.agrees
        assert report.lines() == [f"{venue}: agrees" for venue in world.venues]
        assert json.loads(report.json())["agrees"] is True
        assert len(world.durable.batches) == before


def test_a_deposit_is_found_booked_and_told() -> None:
    with stage() as world:
        place = (VenueId("bybit"), Asset("USDT"))
        world.moved[place] = Decimal(250)
        world.venue("bybit").move(place[1], Decimal(250))
        report = told(world)
        assert report.agrees
        assert "bybit: agrees; 1 external changes booked" in report.lines()
        world.verify()


def test_orders_that_rest_hide_no_change_of_balance() -> None:
    with stage() as world:
        rest_orders(world, 2)
        place = (VenueId("okx"), Asset("BTC"))
        world.moved[place] = Decimal(2)
        world.venue("okx").move(place[1], Decimal(2))
        assert told(world).agrees
        assert world.external[place] == 1
        assert kill(world).flat
        world.verify()


def test_a_dark_venue_is_told_as_such() -> None:
    with stage() as world:
        lasting(world, "okx", Fault.BLACKHOLE, 60)
        report = told(world)
        assert not report.agrees
        assert any(line.startswith("okx: no answer") for line in report.lines())


def test_a_fill_nobody_told_of_is_found_by_the_next_look() -> None:
    with stage() as world:
        rest_orders(world, 1)
        world.run(3)
        world.venue("okx").faults.afflict(FaultRates(drop_report=1.0))
        world.dislocate("okx", "BTC", -0.2, 1.5)
        world.run(1)
        assert world.venue("okx").exchange.fills_since(0)
        told(world)
        world.run(1)
        assert world.of(OrderFilled)
        world.verify()


def test_a_late_arrival_after_no_such_order_is_cancelled_and_told() -> None:
    with stage() as world:
        world.venue("okx").faults.afflict(FaultRates(delay_ms=1.0))
        rest_orders(world, 1)
        (key,) = world.venue("okx").submitted
        order = world.engine.ledger.orders[key]
        world.run(1)
        assert order.status is not OrderStatus.REJECTED
        world.engine.core.outcomes.forgotten(world.engine.ledger.orders[key])
        assert world.engine.ledger.orders[key].status is OrderStatus.CANCELLED
        told(world)
        world.run(1)
        assert world.venue("okx").exchange.open_orders() == []
        codes = [e.code for e in world.of(AlertRaised) if isinstance(e, AlertRaised)]
        assert {"VENUE_FORGOT", "LATE_ARRIVAL"} <= set(codes)
        world.verify()


def test_a_fill_of_an_order_that_had_left_memory_is_recalled_booked_and_mended() -> None:
    with stage(2, closed_kept=3, rates=FaultRates(delay_ms=59_000)) as world:
        world.seller.faults.follow([Scripted("submit", 1, Fault.DELAY)])
        world.open_spread()
        orders = world.engine.ledger.orders
        world.run_until(lambda: any(o.status is OrderStatus.REJECTED for o in orders.values()), 20)
        (lost,) = [o for o in orders.values() if o.status is OrderStatus.REJECTED]
        world.dislocate("bybit", "BTC", 0.05, 90)  # others trade, and the late order will fill
        world.run_until(lambda: lost.client_order_id not in orders, 30)
        world.run(60)
        world.engine.core.state.stopping = True
        fills = world.seller.exchange.fills_since(0)
        assert any(f.client_order_id == lost.client_order_id for f in fills)
        world.run(20)
        world.settle()
        assert world.alerts["LATE_FILL"] == 1
        assert world._differences() == []
        assert not world.engine.ledger.open_trades()
        assert not world.external
