"""Loss, drawdown and slots climb the same steps."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from arbiter.risk.limits import RiskLimits
from arbiter.risk.staircase import HALF, Level
from tests.unit.risk.world import NOW, USDT, A, B, D, World, open_trade, spread_plan


@pytest.mark.parametrize(
    ("loss", "level"),
    [
        ("-300", Level.NORMAL),  # a profit uses nothing of the limit
        ("0", Level.NORMAL),
        ("499.99", Level.NORMAL),
        ("500", Level.WARNING),
        ("799.99", Level.WARNING),
        ("800", Level.CRITICAL),
        ("999.99", Level.CRITICAL),
        ("1000", Level.BREACH),
        ("5000", Level.BREACH),
    ],
)
def test_daily_loss_climbs_the_staircase(loss: str, level: Level) -> None:
    world = World()
    world.ledger.today = -D(loss)
    assert world.gate.assess(NOW).daily_loss.level is level


def test_drawdown_is_measured_from_the_peak_of_trading_equity() -> None:
    world = World(RiskLimits(capital_base_usd=D(10_000)))
    world.ledger.peak_pnl, world.ledger.cumulative_pnl = D(2_000), D(1_700)
    drawdown = world.gate.assess(NOW).drawdown
    assert drawdown.used == D("2.5")  # 300 of 12 000
    assert drawdown.fraction == D("0.5")
    assert drawdown.level is Level.WARNING


def test_falling_price_of_inventory_is_no_drawdown() -> None:
    world = World()
    world.rates[USDT] = D("0.01")
    for venue in (A, B):
        world.ledger.fund(venue, USDT, "1")
    assert world.gate.assess(NOW).level is Level.NORMAL


def test_warning_halves_sizes() -> None:
    world = World()
    assert world.gate.size_scale(NOW) == 1
    world.ledger.today = D(-500)
    assert world.gate.size_scale(NOW) == HALF


def test_warning_still_opens_and_critical_does_not() -> None:
    world = World()
    world.ledger.today = D(-500)
    assert world.verdict(spread_plan()) == "approved"
    world.ledger.today = D(-800)
    assert world.verdict(spread_plan()).startswith("DAILY_LOSS")


def test_full_loss_is_a_breach_that_closes_everything() -> None:
    world = World()
    world.ledger.cumulative_pnl = D(-500)
    assessment = world.gate.assess(NOW)
    assert assessment.breached
    assert assessment.level is Level.BREACH


def test_full_slots_are_critical_but_never_close_everything() -> None:
    world = World()
    world.ledger.trades = {(t := open_trade(n)).id: t for n in (1, 2, 3)}
    assessment = world.gate.assess(NOW)
    assert assessment.concurrency.level is Level.CRITICAL
    assert not assessment.breached


@given(
    today=st.integers(-2_000, 500),
    peak=st.integers(0, 3_000),
    fallen=st.integers(0, 1_000),
    slots=st.integers(0, 3),
)
@example(today=-1_000, peak=0, fallen=0, slots=0)
@example(today=0, peak=0, fallen=500, slots=0)
@example(today=-999, peak=0, fallen=499, slots=3)
def test_a_breach_is_the_same_looked_for_alone_or_with_all_else(
    today: int, peak: int, fallen: int, slots: int
) -> None:
    world = World()
    world.ledger.today = D(today)
    world.ledger.peak_pnl, world.ledger.cumulative_pnl = D(peak), D(peak - fallen)
    world.ledger.trades = {(t := open_trade(n + 1)).id: t for n in range(slots)}
    assert world.gate.breached(NOW) is world.gate.assess(NOW).breached


@pytest.mark.parametrize(("limit", "last_opened"), [(1, 1), (3, 3), (5, 4), (10, 8)])
def test_slots_are_handed_out_up_to_four_fifths(limit: int, last_opened: int) -> None:
    world = World(RiskLimits(max_concurrent_trades=limit, max_total_exposure_usd=D(10**6)))
    while world.verdict(spread_plan()) == "approved":
        trade = open_trade(len(world.ledger.trades) + 1)
        world.ledger.trades[trade.id] = trade
    assert len(world.ledger.trades) == last_opened


def test_warnings_name_each_limit_that_is_not_normal() -> None:
    world = World()
    assert world.gate.assess(NOW).warnings == ()
    world.ledger.today = D(-512)
    world.ledger.trades = {(t := open_trade(n)).id: t for n in (1, 2)}
    assert world.gate.assess(NOW).warnings == (
        "daily loss at 51.2% of its limit: 512 of 1000 USD",
        "concurrent trades at 66.7% of its limit: 2 of 3 trades",
    )
