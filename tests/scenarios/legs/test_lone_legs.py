"""One leg filled and the other did not: flat again in time, once, with the loss on the books."""

from decimal import Decimal

import pytest
from msgspec.structs import replace

from arbiter.execution.settings import ExecutionSettings, LegOrder, LoneLeg
from arbiter.matching.faults import Fault, FaultRates, Scripted
from arbiter.model.events import OrderFilled, TradeOpened
from arbiter.model.ids import Actor, Asset, ClientOrderId, InstrumentId
from arbiter.model.money import ZERO
from arbiter.model.orders import OrderStatus, Side, TimeInForce
from arbiter.model.plans import Family, Leg, Plan
from arbiter.model.reports import OrderTruth
from arbiter.model.time import NS_PER_MS
from arbiter.model.trades import Trade, TradeState
from tests.scenarios.legs.stage import BUY_AT, QUIET, SELL_AT, Stage, stage
from tests.scenarios.seeds import seeds

SEEDS = seeds(6)
FLAT = ExecutionSettings(flat_ms=20_000)

FAILURES = {
    "refused": "rejected by the matching engine",
    "below the minimum": "MIN_NOTIONAL: notional=4 min_notional=5",
    "no margin": "INSUFFICIENT_BALANCE: BTC needed=1 free=0",
}


def refused(world: Stage) -> list[Trade]:
    """Trades with a refused leg: a spread may be taken from both of the other venues at once."""
    return [
        trade
        for trade in world.trades()
        if any(order.status is OrderStatus.REJECTED for order in world.orders(trade))
    ]


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("seed", SEEDS)
def test_a_refused_second_leg_leaves_by_one_way_out_and_the_result_is_booked(
    seed: int, failure: str
) -> None:
    with stage(seed) as world:
        world.seller.refusals.append(FAILURES[failure])
        world.open_spread()
        world.run_until(lambda: refused(world), 20)
        trade = world.finish(refused(world)[0], 20)
        ways = [o for o in world.orders(trade) if o.leg in ("u", "c")]
        assert [o.status for o in ways] == [OrderStatus.FILLED]
        unwound = ways[0].leg == "u"  # else the refused leg came cheaper a moment later
        assert trade.state is (TradeState.UNWOUND if unwound else TradeState.COMPLETED)
        assert unwound or seed >= 6, "the seeds of every run reverse the first leg"
        assert trade.pnl is not None
        assert (trade.pnl < ZERO) == unwound
        assert FAILURES[failure] in trade.reason
        assert world.alerts["LONE_LEG"] == 1
        world.verify()
        (budget,) = world.engine.ledger.budgets.values()
        assert Decimal(0) <= budget.reserved < 1, "all but the cost of what is below a lot"


@pytest.mark.parametrize(
    "fault", [Fault.DROP_REQUEST, Fault.DROP_RESPONSE, Fault.SERVER_ERROR, Fault.RATE_LIMITED]
)
@pytest.mark.parametrize("seed", SEEDS)
def test_a_second_leg_without_an_answer_is_settled_by_what_its_venue_says(
    seed: int, fault: Fault
) -> None:
    with stage(seed) as world:
        world.seller.faults.follow([Scripted("submit", 1, fault)])
        trade = world.finish(world.open_spread(), 20)
        second = world.orders(trade)[1]
        told = world.seller.exchange.query(second.client_order_id, world.clock.now_ns())
        filled = told.filled_size if isinstance(told, OrderTruth) else ZERO
        assert second.filled_size == filled, "what the venue did is what was booked"
        assert (trade.state is TradeState.UNWOUND) == any(o.leg == "u" for o in world.orders(trade))
        world.verify()


@pytest.mark.parametrize("seed", SEEDS)
def test_a_leg_that_finds_no_size_is_matched_elsewhere_or_reversed(seed: int) -> None:
    with stage(seed) as world:
        trade = world.open_spread(seconds=0.26)
        world.mids["BTC"] *= 0.97  # gone from everywhere before the legs arrive
        world._step()
        trade = world.finish(trade, 20)
        assert trade.state.terminal
        world.verify()


def test_hold_and_alert_leaves_the_leg_to_a_person_until_told_to_flatten() -> None:
    execution = ExecutionSettings(lone_leg=LoneLeg.HOLD, flat_ms=20_000)
    with stage(execution=execution) as world:
        world.seller.refusals.append("no")
        trade = world.open_spread()
        world.run(30)
        assert world.now(trade).state is TradeState.HELD
        assert world.alerts["UNHEDGED"] == 1
        assert {o.leg for o in world.orders(trade)} == {"a", "b"}
        world.engine.core.floor.flatten()
        assert world.finish(trade, 20).state is TradeState.UNWOUND
        world.verify()


def test_two_failed_unwinds_are_retried_from_state_until_flat() -> None:
    with stage() as world:
        world.seller.refusals.append("no")
        world.buyer.refusals[:] = []
        trade = world.open_spread()
        world.buyer.refusals += ["no", "no"] if not world.orders(trade)[0].filled_size else []
        world.run_until(lambda: world.now(trade).bought > ZERO, 5)
        world.buyer.refusals[:] = ["no", "no"]
        ended = world.finish(trade, 30)
        assert ended.residual == ZERO or abs(ended.residual) < Decimal("0.01")
        world.verify()


# A resting leg whose fill crosses its cancel


def _rest_and_hedge(world: Stage, size: Decimal) -> Trade:
    """Rest a buy a little below the market, to be sold on the other venue as it fills."""
    price = Decimal(str(round(world.mids["BTC"] * 0.998, 2)))
    worst = (price * Decimal("0.97")).quantize(Decimal("0.01"))
    plan = Plan(
        strategy=world.engine.core.spot.settings.strategy,
        family=Family.SPOT,
        actor=Actor("user:maker"),
        symbol=world.registry.by_id(InstrumentId(f"BTCUSDT.{BUY_AT.upper()}")).symbol,
        legs=(
            Leg(
                instrument=InstrumentId(f"BTCUSDT.{BUY_AT.upper()}"),
                side=Side.BUY,
                size=size,
                price=price,
                planned_price=price,
                time_in_force=TimeInForce.GTC,
            ),
            Leg(
                instrument=InstrumentId(f"BTCUSDT.{SELL_AT.upper()}"),
                side=Side.SELL,
                size=size,
                price=worst,
                planned_price=price,
            ),
        ),
        created_ns=world.clock.now_ns(),
    )
    opened = world.engine.core.propose(plan)
    assert isinstance(opened, TradeOpened), str(opened)
    return opened.trade


@pytest.mark.parametrize("seed", seeds(12))
def test_a_fill_that_crosses_its_cancel_is_hedged_exactly_once(seed: int) -> None:
    execution = replace(FLAT, leg_order=LegOrder.SEQUENTIAL, leg_timeout_ms=1_000)
    rates = FaultRates(fill_after_end=0.5, fill_before_ack=0.5, delay_ms=400)
    with stage(seed, execution=execution, rates=rates) as world:
        size = Decimal(1)
        world.buyer.faults.follow([Scripted("cancel", 1, Fault.DELAY)])
        trade = _rest_and_hedge(world, size)
        world.run_until(world.buyer.exchange.open_orders, 2)
        world.run(0.9 + world.random.random() * 0.4)
        world.dislocate(BUY_AT, "BTC", -0.006, 2.0)  # the market comes to the resting order
        ended = world.finish(trade, 40)
        fills = [e.fill for e in world.of(OrderFilled) if isinstance(e, OrderFilled)]
        bought = sum((f.size for f in fills if f.side is Side.BUY), ZERO)
        sold = sum((f.size for f in fills if f.side is Side.SELL), ZERO)
        assert ended.bought == bought
        assert abs(bought - sold) < Decimal("0.12"), (
            "never 0, never twice: at most a minimum's rest"
        )
        world.verify()


# Requests that vanish, answers that vanish, requests that are late


@pytest.mark.parametrize("seed", seeds(25))
def test_no_intent_ever_becomes_two_orders_however_answers_are_lost(seed: int) -> None:
    rates = FaultRates(
        drop_request=0.2,
        drop_response=0.3,
        server_error=0.2,
        duplicate=0.2,
        delay=0.1,
        delay_ms=60_000,
    )
    late = FaultRates(delay_ms=rates.delay_ms)  # what is under way arrives before the end
    with stage(seed, rates=late, dislocation=0.1, cooldown_s=0.5) as world:
        for venue in world.venues.values():
            venue.faults.afflict(rates)
        world.run(20)
        assert world.engine.ledger.next_trade_seq > 1
        world.verify()
        for venue in world.venues.values():
            ids = [truth.client_order_id for truth in venue.exchange.orders()]
            assert len(ids) == len(set(ids))
            assert set(venue.submitted.values()) <= {1}


def test_a_request_that_arrives_after_no_such_order_is_taken_back() -> None:
    rates = FaultRates(delay_ms=40_000)
    with stage(2, rates=rates) as world:
        world.seller.faults.follow([Scripted("submit", 1, Fault.DELAY)])
        trade = world.open_spread()
        ended = world.finish(trade, 30)
        late = ClientOrderId(f"{world.orders(trade)[1].client_order_id}")
        assert world.engine.ledger.orders[late].status is OrderStatus.REJECTED
        world.run(60)
        assert ended.state.terminal
        world.verify()


@pytest.mark.parametrize("seed", range(8))
def test_every_rest_of_partial_fills_is_seen_and_the_rest_is_hedged(seed: int) -> None:
    rates = FaultRates(partial_fill=1.0)
    with stage(seed, dislocation=0.1, rates=rates, cooldown_s=0.3) as world:
        world.run(40)
        world.verify()
        ledger = world.engine.ledger
        strategy = world.engine.core.spot.settings.strategy
        left = sum((t.residual for t in ledger.closed_trades.values()), ZERO)
        seen = ledger.residuals.get((strategy, Asset("BTC"), Asset("USDT")))
        assert (seen.quantity if seen else ZERO) == left
        moved = world.base_everywhere() - 150
        assert moved == left, "what the venues hold more or less is what is shown as left over"
        assert abs(left) * 100 < 40, "large leftovers are traded away"


def test_quiet_settings_trade_at_all() -> None:
    with stage(settings=QUIET) as world:
        assert world.finish(world.open_spread(), 10).state is TradeState.COMPLETED
        assert FLAT.flat_ms * NS_PER_MS > world.flat_after_ns[-1] if world.flat_after_ns else True
        world.verify()
