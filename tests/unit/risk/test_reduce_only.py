"""Reduce-only plans: always possible, and never more than a reduction."""

import msgspec
import pytest

from arbiter.model.holdings import KillSwitch
from arbiter.model.ids import Actor, ClientOrderId, StrategyId, TradeId
from arbiter.model.instruments import InstrumentKind
from arbiter.model.money import ZERO
from arbiter.model.orders import Order, OrderStatus, Side
from arbiter.model.plans import Family
from arbiter.risk.limits import RiskLimits
from tests.unit.risk.world import (
    BTC,
    BTC_A,
    BTC_B,
    NOW,
    SPOT,
    USDT,
    A,
    B,
    D,
    World,
    instrument,
    leg,
    open_trade,
    plan,
    reduction,
)


@pytest.fixture
def stopped() -> World:
    """Everything that can refuse an opening refuses."""
    world = World(RiskLimits(max_trade_usd=D(1), max_total_exposure_usd=D(1)))
    world.ledger.kill_switch = KillSwitch(engaged=True)
    world.ledger.strategies[SPOT] = False
    world.ledger.today = D(-5_000)
    world.ledger.cumulative_pnl = D(-5_000)
    world.ledger.allocate(SPOT, USDT, "0")
    world.engine.families.clear()
    world.engine.started = False
    world.engine.journal_healthy = False
    world.board.unhealthy |= {A, B}
    world.board.ages[BTC_A] = None
    world.rates.clear()
    world.ledger.hold(SPOT, BTC_A, "0.5")
    world.ledger.hold(SPOT, BTC_B, "-0.5")
    return world


def test_reduction_passes_whatever_stops_openings(stopped: World) -> None:
    assert stopped.verdict(reduction(Side.SELL, BTC_A, "0.5")) == "approved"
    assert stopped.verdict(reduction(Side.BUY, BTC_B, "0.5")) == "approved"


def test_reduction_that_would_flip_the_position_is_refused(stopped: World) -> None:
    assert (
        stopped.verdict(reduction(Side.SELL, BTC_A, "0.5001"))
        == "NOT_REDUCING: instrument=BTCUSDT.BINANCE side=SELL size=0.5001 reducible=0.5"
    )


def test_reduction_that_would_add_to_the_position_is_refused(stopped: World) -> None:
    assert (
        stopped.verdict(reduction(Side.BUY, BTC_A, "0.1"))
        == "NOT_REDUCING: instrument=BTCUSDT.BINANCE side=BUY size=0.1 reducible=0"
    )


def test_nothing_can_be_reduced_where_nothing_is_held() -> None:
    assert World().verdict(reduction(Side.SELL, BTC_A, "0.1")).startswith("NOT_REDUCING")


def test_reduction_still_obeys_the_instrument(stopped: World) -> None:
    assert stopped.verdict(reduction(Side.SELL, BTC_A, "0.00015")).startswith("LOT_SIZE")
    assert stopped.verdict(reduction(Side.SELL, BTC_A, "0.0002")).startswith("MIN_NOTIONAL")


def under_way(**changes: object) -> Order:
    """0.3 BTC of a reduction that still works at binance; `changes` make another order of it."""
    order = Order(
        client_order_id=ClientOrderId("x-u1"),
        strategy=SPOT,
        actor=Actor("engine"),
        trade_id=TradeId(open_trade(1).id),
        leg="u",
        instrument=BTC_A,
        venue=A,
        symbol=open_trade(1).symbol,
        side=Side.SELL,
        reduce_only=True,
        size=D("0.4"),
        filled_size=D("0.1"),
        price=D(40_000),
        planned_price=D(40_000),
        status=OrderStatus.PARTIALLY_FILLED,
        created_ns=NOW,
        updated_ns=NOW,
    )
    return msgspec.structs.replace(order, **changes)


def test_reductions_under_way_count_against_the_next_one(stopped: World) -> None:
    resting = under_way()
    stopped.ledger.orders[resting.client_order_id] = resting
    assert stopped.verdict(reduction(Side.SELL, BTC_A, "0.2")) == "approved"
    assert stopped.verdict(reduction(Side.SELL, BTC_A, "0.3")).endswith("reducible=0.2")


@pytest.mark.parametrize(
    "changes",
    [
        {"status": OrderStatus.CANCELLED},
        {"reduce_only": False},
        {"strategy": StrategyId("another")},
        {"instrument": BTC_B},
        {"side": Side.BUY},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_only_open_reductions_of_the_same_position_count_against_the_next_one(
    stopped: World, changes: dict[str, object]
) -> None:
    other = under_way(**changes)
    stopped.ledger.orders[other.client_order_id] = other
    assert stopped.verdict(reduction(Side.SELL, BTC_A, "0.5")) == "approved"


def test_unwind_reduces_its_trade_whatever_earlier_trades_moved() -> None:
    world = World()
    world.ledger.hold(SPOT, BTC_A, "-3")  # earlier trades sold here; this one bought 0.01
    half_done = open_trade(9, bought="0.01")
    world.ledger.trades = {half_done.id: half_done}
    assert world.verdict(reduction(Side.SELL, BTC_A, "0.01")) == "approved"
    assert world.verdict(reduction(Side.SELL, BTC_A, "0.02")).startswith("NOT_REDUCING")


def test_unwind_buys_back_what_was_sold_alone() -> None:
    world = World()
    half_done = open_trade(9, sold="0.01")
    world.ledger.trades = {half_done.id: half_done}
    assert world.verdict(reduction(Side.BUY, BTC_B, "0.01")) == "approved"
    assert world.verdict(reduction(Side.SELL, BTC_B, "0.01")).endswith("reducible=0")


def test_unwind_reaches_for_no_trade_of_another_strategy_or_market() -> None:
    world = World()
    elsewhere = open_trade(8, bought="0.01", buy_at=BTC_B, sell_at=BTC_B)
    not_ours = msgspec.structs.replace(open_trade(9, bought="0.01"), strategy=StrategyId("another"))
    world.ledger.trades = {one.id: one for one in (elsewhere, not_ours)}
    assert world.verdict(reduction(Side.SELL, BTC_A, "0.01")).endswith("reducible=0")


@pytest.mark.parametrize(
    ("kind", "reducible"), [(InstrumentKind.LINEAR, "1"), (InstrumentKind.INVERSE, "0")]
)
def test_what_stands_alone_is_counted_in_contracts_and_never_in_inverse_ones(
    kind: InstrumentKind, reducible: str
) -> None:
    world = World()
    world.registry.instruments[BTC_A] = instrument(
        BTC_A, A, kind=kind, contract_size="0.01", lot="1"
    )
    half_done = open_trade(9, bought="0.01")
    world.ledger.trades = {half_done.id: half_done}
    assert world.verdict(reduction(Side.SELL, BTC_A, "2")).endswith(f"reducible={reducible}")


def test_hedged_trade_leaves_nothing_to_unwind() -> None:
    world = World()
    hedged = open_trade(9, bought="0.01", sold="0.01")
    world.ledger.trades = {hedged.id: hedged}
    assert world.verdict(reduction(Side.SELL, BTC_A, "0.01")).endswith("reducible=0")


def test_reduction_takes_no_budget_and_locks_no_more_than_is_there(stopped: World) -> None:
    stopped.ledger.fund(A, BTC, "0.3")
    approved = stopped.approved(reduction(Side.SELL, BTC_A, "0.5"))
    assert approved.locks == ((BTC, D("0.3")),)
    assert approved.reserve == ((USDT, ZERO),)


def test_remainder_of_a_position_on_margin_may_be_worth_less_than_an_order(stopped: World) -> None:
    tiny = reduction(Side.SELL, BTC_A, "0.0002")
    assert stopped.verdict(tiny).startswith("MIN_NOTIONAL")
    stopped.registry.instruments[BTC_A] = instrument(BTC_A, A, kind=InstrumentKind.LINEAR)
    assert stopped.verdict(tiny) == "approved"
    assert stopped.verdict(reduction(Side.SELL, BTC_A, "0.0001")).startswith("MIN_SIZE")


def test_opening_on_margin_must_be_worth_an_order() -> None:
    world = World()
    world.registry.instruments[BTC_A] = instrument(BTC_A, A, kind=InstrumentKind.LINEAR)
    tiny = plan(leg(Side.BUY, BTC_A, "0.0002"), family=Family.FUNDING)
    assert world.verdict(tiny).startswith("MIN_NOTIONAL")


def test_closing_on_margin_locks_nothing(stopped: World) -> None:
    stopped.registry.instruments[BTC_A] = instrument(BTC_A, A, kind=InstrumentKind.LINEAR)
    approved = stopped.approved(reduction(Side.SELL, BTC_A, "0.5"))
    assert approved.locks == ((USDT, ZERO),)


def test_legs_of_one_reduction_lock_no_balance_twice(stopped: World) -> None:
    stopped.ledger.fund(A, BTC, "0.3")
    both = plan(leg(Side.SELL, BTC_A, "0.2"), leg(Side.SELL, BTC_A, "0.2"), reduce_only=True)
    assert stopped.approved(both).locks == ((BTC, D("0.2")), (BTC, D("0.1")))
