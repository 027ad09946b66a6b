"""Skew: how far each venue's side may be drawn down."""

from hypothesis import given
from hypothesis import strategies as st

from arbiter.model.orders import Side
from arbiter.risk.gate import Approved
from arbiter.risk.inventory import Inventory, SideState
from arbiter.risk.limits import RiskLimits
from tests.unit.risk.world import (
    BTC,
    BTC_A,
    BTC_B,
    NOW,
    USDT,
    A,
    B,
    D,
    World,
    leg,
    plan,
    spread_plan,
)


def test_rows_show_what_is_left_of_every_side() -> None:
    world = World()
    world.ledger.fund(A, BTC, "1.85")
    world.ledger.fund(B, BTC, "0.15")
    world.ledger.fund(A, USDT, "5000")
    rows = {(r.venue, r.asset): r for r in world.gate.inventory.rows(world.ledger.balances)}
    assert [(r.asset, r.venue) for r in rows.values()] == [
        (BTC, A),
        (BTC, B),
        (USDT, A),
        (USDT, B),
    ]
    assert rows[B, BTC].fraction == D("0.15")
    assert rows[B, BTC].share == D("0.075")
    assert rows[A, BTC].state is SideState.OK
    assert rows[B, BTC].state is SideState.LOW
    assert rows[A, USDT].state is SideState.STOPPED


def test_side_that_was_never_funded_has_no_floor() -> None:
    inventory = Inventory({(A, BTC): D(0)}, D("0.1"))
    assert inventory.floor(A, BTC) == 0
    assert inventory.rows({}) == ()


def test_emptied_inventory_is_shown_without_a_share() -> None:
    (row,) = Inventory({(A, BTC): D(1)}, D("0.1")).rows({})
    assert row.held == row.fraction == row.share == 0
    assert row.state is SideState.STOPPED


def test_rebalanced_inventory_is_measured_anew() -> None:
    world = World()
    world.ledger.fund(B, BTC, "0.1")
    assert world.verdict(spread_plan()).startswith("INVENTORY_SKEW")
    world.gate.rebase({(B, BTC): D("0.1")})
    assert world.verdict(spread_plan()) == "approved"


def test_thousand_trades_one_way_stop_while_both_sides_are_marketable() -> None:
    world = World(RiskLimits(max_total_exposure_usd=D(10**6)))
    traded = 0
    for _ in range(1_000):
        if not isinstance(world.gate.review(spread_plan(), NOW), Approved):
            break
        traded += 1
        world.ledger.spend(A, USDT, D("400.4"))
        world.ledger.spend(A, BTC, D("-0.01"))
        world.ledger.spend(B, BTC, D("0.01"))
        world.ledger.spend(B, USDT, D(-402))
    assert traded == 90  # bybit sold 0.9 of its 1 BTC
    assert world.ledger.free(B, BTC) == D("0.1")
    back = plan(leg(Side.BUY, BTC_B), leg(Side.SELL, BTC_A))
    assert world.verdict(back) == "approved"


@given(st.lists(st.booleans(), min_size=50, max_size=300), st.integers(1, 300))
def test_no_walk_of_directions_takes_a_side_below_its_floor(walk: list[bool], lots: int) -> None:
    world = World(RiskLimits(max_trade_usd=D(10**6), max_total_exposure_usd=D(10**6)))
    size = D(lots) / 1_000
    for there in walk:
        buy, sell = (BTC_A, BTC_B) if there else (BTC_B, BTC_A)
        wanted = plan(leg(Side.BUY, buy, str(size)), leg(Side.SELL, sell, str(size)))
        if isinstance(world.gate.review(wanted, NOW), Approved):
            bought_at, sold_at = (A, B) if there else (B, A)
            world.ledger.spend(bought_at, USDT, size * D(40_000) * D("1.001"))
            world.ledger.spend(bought_at, BTC, -size)
            world.ledger.spend(sold_at, BTC, size)
            world.ledger.spend(sold_at, USDT, -size * D(40_000))
        for venue in (A, B):
            for asset in (BTC, USDT):
                assert world.ledger.free(venue, asset) >= world.gate.inventory.floor(venue, asset)
