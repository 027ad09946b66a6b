"""Every refusal of the gate, with the text a trader reads."""

import msgspec
import pytest

from arbiter.model.errors import UnknownSymbol
from arbiter.model.holdings import KillSwitch
from arbiter.model.ids import Asset, InstrumentId, StrategyId, VenueId
from arbiter.model.instruments import InstrumentKind
from arbiter.model.orders import Side
from arbiter.model.plans import Family
from arbiter.model.time import NS_PER_MS
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
    spread_plan,
)


@pytest.fixture
def world() -> World:
    return World()


def test_a_sound_spread_is_approved(world: World) -> None:
    assert world.verdict(spread_plan()) == "approved"


def test_engaged_kill_switch_opens_nothing(world: World) -> None:
    world.ledger.kill_switch = KillSwitch(engaged=True, actor="user:alice", reason="odd fills")
    assert world.verdict(spread_plan()) == "KILL_SWITCH: actor=user:alice reason='odd fills'"


def test_mode_that_only_watches_a_family_opens_nothing_of_it(world: World) -> None:
    world.engine.mode = "live"
    world.engine.families.discard(Family.SPOT)
    assert world.verdict(spread_plan()) == "MODE_FORBIDS: mode=live family=spot"


def test_stopped_strategy_opens_nothing(world: World) -> None:
    world.ledger.strategies[SPOT] = False
    assert world.verdict(spread_plan()) == "STRATEGY_STOPPED: strategy=spot-arbitrage"


def test_nothing_is_opened_before_recovery_is_done(world: World) -> None:
    world.engine.started = False
    assert world.verdict(spread_plan()) == "STARTING_UP"


def test_nothing_is_opened_that_could_not_be_remembered(world: World) -> None:
    world.engine.journal_healthy = False
    assert world.verdict(spread_plan()) == "STORAGE_DOWN"


def test_nothing_is_opened_towards_an_unhealthy_venue(world: World) -> None:
    world.board.unhealthy.add(B)
    assert world.verdict(spread_plan()) == "VENUE_UNHEALTHY: venue=bybit"


def test_quote_older_than_the_threshold_is_not_traded_on(world: World) -> None:
    world.board.ages[BTC_B] = 2_001 * NS_PER_MS
    assert (
        world.verdict(spread_plan())
        == "QUOTE_STALE: instrument=BTCUSDT.BYBIT age_ms=2001 limit_ms=2000"
    )


def test_quote_exactly_at_the_threshold_is_fresh(world: World) -> None:
    world.board.ages[BTC_B] = 2_000 * NS_PER_MS
    assert world.verdict(spread_plan()) == "approved"


def test_market_without_a_quote_is_not_traded(world: World) -> None:
    world.board.ages[BTC_A] = None
    assert world.verdict(spread_plan()) == "QUOTE_MISSING: instrument=BTCUSDT.BINANCE"


def test_unknown_outcome_blocks_new_risk_on_its_markets(world: World) -> None:
    world.ledger.trades = {(t := open_trade(7, unknown=True)).id: t}
    assert (
        world.verdict(spread_plan())
        == "UNKNOWN_OUTCOME_ON_PAIR: instrument=BTCUSDT.BINANCE trade=7"
    )


def test_unknown_outcome_elsewhere_does_not_block(world: World) -> None:
    okx, kraken = InstrumentId("BTCUSDT.OKX"), InstrumentId("BTCUSDT.KRAKEN")
    for name in (okx, kraken):
        world.registry.instruments[name] = instrument(name, VenueId("okx"))
    elsewhere = open_trade(7, unknown=True, buy_at=okx, sell_at=kraken)
    world.ledger.trades = {elsewhere.id: elsewhere}
    assert world.verdict(spread_plan()) == "approved"


def test_size_off_the_lot_is_refused_before_the_venue_can(world: World) -> None:
    assert (
        world.verdict(spread_plan("0.00015"))
        == "LOT_SIZE: instrument=BTCUSDT.BINANCE size=0.00015 step=0.0001"
    )


def test_leg_off_the_other_legs_step_is_refused() -> None:
    # 0.012 is on binance's lot of 0.0001, bybit trades in steps of 0.005.
    world = World(lot_b="0.005")
    mismatched = plan(leg(Side.BUY, BTC_A, "0.012"), leg(Side.SELL, BTC_B, "0.01"))
    assert (
        world.verdict(mismatched)
        == "LOT_SIZE: instrument=BTCUSDT.BINANCE size=0.012 other=BTCUSDT.BYBIT step=0.005"
    )


def test_size_below_the_venues_minimum_is_refused(world: World) -> None:
    assert (
        world.verdict(spread_plan("0.0001"))
        == "MIN_SIZE: instrument=BTCUSDT.BINANCE size=0.0001 minimum=0.0002"
    )


def test_order_worth_less_than_the_venues_minimum_is_refused(world: World) -> None:
    assert (
        world.verdict(spread_plan("0.0002"))
        == "MIN_NOTIONAL: instrument=BTCUSDT.BINANCE notional=8 minimum=10"
    )


def test_limit_price_off_the_tick_is_refused(world: World) -> None:
    assert (
        world.verdict(spread_plan(buy_price="40000.001"))
        == "TICK_SIZE: instrument=BTCUSDT.BINANCE price=40000.001 step=0.01"
    )


def test_currency_without_a_fresh_usd_rate_is_not_taken_for_a_dollar(world: World) -> None:
    world.rates.clear()
    assert world.verdict(spread_plan()) == "RATE_MISSING: currency=USDT"


def test_open_trade_that_cannot_be_valued_blocks_new_exposure(world: World) -> None:
    eur = InstrumentId("BTCEUR.KRAKEN")
    world.registry.instruments[eur] = instrument(eur, VenueId("kraken"), quote=Asset("EUR"))
    held = open_trade(3, sell_at=eur)
    world.ledger.trades = {held.id: held}
    assert world.verdict(spread_plan()) == "RATE_MISSING: currency=EUR"


def test_trade_worth_more_than_one_trade_may_be_is_refused(world: World) -> None:
    assert world.verdict(spread_plan("0.04")) == "TRADE_SIZE: notional=1608 limit=1500"


def test_depegged_quote_is_valued_at_its_rate(world: World) -> None:
    world.rates[USDT] = D("0.9")
    assert world.verdict(spread_plan("0.04")) == "approved"


def test_exposure_counts_the_larger_leg_of_each_trade_once() -> None:
    world = World(RiskLimits(max_total_exposure_usd=D(1_000), max_concurrent_trades=10))
    world.ledger.trades = {(t := open_trade(n)).id: t for n in (1, 2)}
    assert world.verdict(spread_plan()) == "TOTAL_EXPOSURE: exposure=804 needed=402 limit=1000"
    assert world.verdict(spread_plan("0.004")) == "approved"


def test_ended_trades_give_their_exposure_back() -> None:
    world = World(RiskLimits(max_total_exposure_usd=D(1_000), max_concurrent_trades=10))
    world.ledger.trades = {(t := open_trade(n)).id: t for n in (1, 2)}
    assert world.verdict(spread_plan()).startswith("TOTAL_EXPOSURE")
    world.ledger.trades.popitem()
    assert world.verdict(spread_plan()) == "approved"


def test_no_slot_is_left_when_concurrency_is_critical(world: World) -> None:
    world.ledger.trades = {(t := open_trade(n)).id: t for n in (1, 2, 3)}
    assert world.verdict(spread_plan()) == "CONCURRENT_TRADES: open=3 limit=3"


def test_third_of_three_slots_can_be_used(world: World) -> None:
    world.ledger.trades = {(t := open_trade(n)).id: t for n in (1, 2)}
    assert world.verdict(spread_plan()) == "approved"


def test_nothing_is_opened_from_four_fifths_of_the_daily_loss_on(world: World) -> None:
    world.ledger.today = D("-799.99")
    assert world.verdict(spread_plan()) == "approved"
    world.ledger.today = D(-800)
    assert world.verdict(spread_plan()) == "DAILY_LOSS: loss=800 limit=1000 level=critical"


def test_nothing_is_opened_from_four_fifths_of_the_drawdown_on(world: World) -> None:
    world.ledger.peak_pnl = D(0)
    world.ledger.cumulative_pnl = D("-399.99")
    assert world.verdict(spread_plan()) == "approved"
    world.ledger.cumulative_pnl = D(-400)
    assert world.verdict(spread_plan()) == "DRAWDOWN: percent=4 limit=5 level=critical"


def test_selling_stops_before_a_venue_runs_out_of_base(world: World) -> None:
    world.ledger.fund(B, BTC, "0.105")
    assert (
        world.verdict(spread_plan())
        == "INVENTORY_SKEW: venue=bybit asset=BTC free=0.105 needed=0.01 floor=0.1"
    )


def test_buying_stops_before_a_venue_runs_out_of_quote(world: World) -> None:
    world.ledger.fund(A, USDT, "5400")
    assert (
        world.verdict(spread_plan())
        == "INVENTORY_SKEW: venue=binance asset=USDT free=5400 needed=400.4 floor=5000"
    )


def test_direction_that_refills_an_exhausted_side_stays_open(world: World) -> None:
    world.ledger.fund(B, BTC, "0.1")
    world.ledger.fund(A, USDT, "5000")
    back = plan(leg(Side.BUY, BTC_B), leg(Side.SELL, BTC_A))
    assert world.verdict(spread_plan()).startswith("INVENTORY_SKEW")
    assert world.verdict(back) == "approved"


def test_person_may_sell_inventory_below_the_floor(world: World) -> None:
    world.ledger.fund(B, BTC, "0.02")
    by_hand = plan(leg(Side.SELL, BTC_B), family=Family.MANUAL)
    assert world.verdict(by_hand) == "approved"


def test_need_above_the_available_budget_is_refused(world: World) -> None:
    world.ledger.allocate(SPOT, USDT, "500")
    world.ledger.reserve(SPOT, USDT, D(480))
    assert (
        world.verdict(spread_plan("0.001"))
        == "BUDGET_EXCEEDED: allocated=500 reserved=480 needed=40.04"
    )


def test_need_that_exactly_empties_the_budget_is_approved(world: World) -> None:
    world.ledger.allocate(SPOT, USDT, "520.04")
    world.ledger.reserve(SPOT, USDT, D(480))
    assert world.verdict(spread_plan("0.001")) == "approved"


def test_budget_lowered_below_what_is_in_use_opens_nothing(world: World) -> None:
    world.ledger.allocate(SPOT, USDT, "100")
    world.ledger.reserve(SPOT, USDT, D(480))
    assert (
        world.verdict(spread_plan("0.001"))
        == "BUDGET_EXCEEDED: allocated=100 reserved=480 needed=40.04"
    )


def test_strategy_with_budgets_may_spend_only_in_those(world: World) -> None:
    world.ledger.allocate(SPOT, Asset("USDC"), "500")
    world.ledger.allocate(SPOT, USDT, None)
    assert (
        world.verdict(spread_plan())
        == "BUDGET_MISSING: strategy=spot-arbitrage currency=USDT needed=400.4"
    )


def test_strategy_without_any_budget_is_unlimited(world: World) -> None:
    world.ledger.allocate(SPOT, USDT, None)
    assert world.verdict(spread_plan()) == "approved"


def test_balance_that_cannot_pay_price_and_fee_is_refused(world: World) -> None:
    world.ledger.fund(A, USDT, "400.39")
    assert (
        world.verdict(plan(leg(Side.BUY, BTC_A), family=Family.MANUAL))
        == "BALANCE: venue=binance asset=USDT free=400.39 needed=400.4"
    )


def test_legs_on_one_venue_share_its_balance(world: World) -> None:
    world.ledger.fund(A, USDT, "800")
    both = plan(leg(Side.BUY, BTC_A), leg(Side.BUY, BTC_A), family=Family.MANUAL)
    assert world.verdict(both) == "BALANCE: venue=binance asset=USDT free=800 needed=800.8"


def test_what_open_orders_hold_cannot_be_spent_again(world: World) -> None:
    world.ledger.lock(B, BTC, D("0.995"))
    assert (
        world.verdict(plan(leg(Side.SELL, BTC_B), family=Family.MANUAL))
        == "BALANCE: venue=bybit asset=BTC free=0.005 needed=0.01"
    )


def test_most_fundamental_refusal_is_the_one_given(world: World) -> None:
    world.ledger.kill_switch = KillSwitch(engaged=True)
    world.board.unhealthy.add(A)
    world.ledger.fund(A, USDT, "0")
    assert world.verdict(spread_plan()).startswith("KILL_SWITCH")
    world.ledger.kill_switch = KillSwitch()
    assert world.verdict(spread_plan()).startswith("VENUE_UNHEALTHY")
    world.board.unhealthy.clear()
    assert world.verdict(spread_plan()).startswith("INVENTORY_SKEW")


def test_instrument_nobody_lists_is_an_error_not_a_refusal(world: World) -> None:
    with pytest.raises(UnknownSymbol):
        world.gate.review(plan(leg(Side.BUY, InstrumentId("XYZ.NOWHERE"))), NOW)


def test_new_limits_hold_from_the_next_review(world: World) -> None:
    world.gate.reconfigure(msgspec.structs.replace(RiskLimits(), max_trade_usd=D(400)))
    assert world.verdict(spread_plan()) == "TRADE_SIZE: notional=402 limit=400"
    world.gate.reconfigure(RiskLimits(min_side_fraction=D("0.999")))
    assert world.verdict(spread_plan()).startswith("INVENTORY_SKEW")


def test_sending_stops_when_health_quotes_or_the_strategy_went_after_the_approval(
    world: World,
) -> None:
    assert world.gate.still_stands(spread_plan(), NOW) is None
    world.board.ages[BTC_A] = 3_000 * NS_PER_MS
    assert str(world.gate.still_stands(spread_plan(), NOW)).startswith("QUOTE_STALE")
    world.board.unhealthy.add(B)
    assert str(world.gate.still_stands(spread_plan(), NOW)).startswith("VENUE_UNHEALTHY")
    world.ledger.strategies[SPOT] = False
    assert str(world.gate.still_stands(spread_plan(), NOW)).startswith("STRATEGY_STOPPED")
    world.ledger.kill_switch = KillSwitch(engaged=True)
    assert str(world.gate.still_stands(spread_plan(), NOW)).startswith("KILL_SWITCH")


def test_still_standing_ignores_what_the_approved_trade_itself_took(world: World) -> None:
    world.ledger.fund(A, USDT, "0")
    world.ledger.trades = {(t := open_trade(n)).id: t for n in (1, 2, 3)}
    assert world.gate.still_stands(spread_plan(), NOW) is None


def test_absurd_size_is_refused_like_any_other(world: World) -> None:
    assert world.verdict(spread_plan("1e40")).startswith("TRADE_SIZE: notional=402000")


def test_trade_and_exposure_may_use_their_limits_to_the_last_cent() -> None:
    exact = World(RiskLimits(max_trade_usd=D(402), max_total_exposure_usd=D(804)))
    exact.ledger.trades = {(t := open_trade(1)).id: t}
    assert exact.verdict(spread_plan()) == "approved"
    assert exact.verdict(spread_plan(sell_price="40200.01")).startswith("TRADE_SIZE")


def test_pairs_held_between_trades_count_as_exposure(world: World) -> None:
    held = [D(9_598)]
    world.hold_pairs(lambda: held[0])
    assert world.verdict(spread_plan()) == "approved"
    held[0] = D("9598.01")
    assert world.verdict(spread_plan()) == "TOTAL_EXPOSURE: exposure=9598.01 needed=402 limit=10000"


def test_budget_of_one_strategy_binds_no_other(world: World) -> None:
    world.ledger.allocate(StrategyId("another"), Asset("USDC"), "1")
    world.ledger.allocate(StrategyId("another"), USDT, "1")
    assert world.verdict(spread_plan()) == "approved"


def test_balance_may_be_spent_to_the_last_unit(world: World) -> None:
    world.ledger.fund(A, USDT, "400.4")
    assert world.verdict(plan(leg(Side.BUY, BTC_A), family=Family.MANUAL)) == "approved"


def test_floor_on_one_side_does_not_hide_the_one_on_the_other(world: World) -> None:
    world.gate.rebase({(B, BTC): D(1)})  # nothing else was ever funded to be traded from
    world.ledger.fund(B, BTC, "0.1")
    assert world.verdict(spread_plan()).startswith("INVENTORY_SKEW: venue=bybit asset=BTC")


def test_reduction_still_stands_whatever_has_come_between(world: World) -> None:
    world.ledger.kill_switch = KillSwitch(engaged=True)
    world.board.unhealthy |= {A, B}
    world.board.ages[BTC_A] = None
    one = plan(leg(Side.SELL, BTC_A), reduce_only=True)
    assert world.gate.still_stands(one, NOW) is None


@pytest.mark.parametrize(("size", "verdict"), [("0.6", "LOT_SIZE"), ("1", "approved")])
def test_steps_of_two_legs_are_compared_in_base_units(size: str, verdict: str) -> None:
    world = World()
    world.registry.instruments[BTC_A] = instrument(
        BTC_A, A, kind=InstrumentKind.LINEAR, contract_size="0.01", lot="0.1"
    )
    world.registry.instruments[BTC_B] = instrument(
        BTC_B, B, kind=InstrumentKind.LINEAR, contract_size="0.1", lot="0.1"
    )  # steps of 0.001 and of 0.01 BTC
    pair = plan(leg(Side.BUY, BTC_A, size), leg(Side.SELL, BTC_B, "0.1"), family=Family.FUNDING)
    assert world.verdict(pair).partition(":")[0] == verdict


def test_inverse_contracts_share_no_step_with_what_counts_in_base() -> None:
    for inverse_at, venue, linear_at in ((BTC_A, A, BTC_B), (BTC_B, B, BTC_A)):
        world = World()
        world.registry.instruments[inverse_at] = instrument(
            inverse_at,
            venue,
            kind=InstrumentKind.INVERSE,
            contract_size="100",
            settle=BTC,
            lot="1",
        )
        pair = plan(
            leg(Side.BUY, inverse_at, "7"),
            leg(Side.SELL, linear_at, "0.0175"),
            family=Family.FUNDING,
        )
        assert world.verdict(pair) == "approved"


def test_binary_contract_is_never_paid_for_with_its_whole_payout() -> None:
    world = World()
    name = InstrumentId("RAIN.KALSHI")
    world.registry.instruments[name] = instrument(name, A, kind=InstrumentKind.BINARY, lot="1")
    buy = plan(leg(Side.BUY, name, "50", "0.99"), family=Family.EVENTS)
    assert world.verdict(buy) == "approved"
    whole = plan(leg(Side.BUY, name, "50", "1"), family=Family.EVENTS)
    assert world.verdict(whole).startswith("TICK_SIZE")
