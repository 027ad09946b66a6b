"""Venues that vanish, stall, close, delist, lie about time or change balances by themselves."""

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from arbiter.matching.faults import Fault, FaultRates, Window
from arbiter.model.events import (
    ExternalChange,
    OrderFilled,
    OrderRejected,
    TradeOpened,
)
from arbiter.model.ids import Actor, Asset, InstrumentId, StrategyId, Symbol, VenueId
from arbiter.model.instruments import FeeCharge
from arbiter.model.orders import OrderStatus, Side, TimeInForce
from arbiter.model.plans import Family, Leg, Plan
from arbiter.model.time import NS_PER_HOUR, NS_PER_S
from arbiter.model.trades import TradeState
from arbiter.risk.limits import RiskLimits
from tests.chaos.virtual_world import RECONCILE_S
from tests.fakes.engine import Desk, spot_instrument
from tests.scenarios.legs.stage import QUIET, Stage, stage
from tests.scenarios.seeds import rounds, seeds

FOREVER = 10**18
LIVELY = replace(QUIET, dislocation=0.1, cooldown_s=0.5)


def lasting(world: Stage, venue: str, fault: Fault, seconds: float, **more: object) -> int:
    """Let a fault begin at a venue now; gives the time, monotonic ns."""
    now = world.loop.now_ns
    end = now + int(seconds * NS_PER_S)
    world.venue(venue).faults.windows.append(
        Window(fault=fault, start_ns=now, end_ns=end, **more)  # type: ignore[arg-type]
    )
    return now


def opened_after(world: Stage, at_ns: int, *, touching: str) -> list[TradeOpened]:
    """Trades opened after a monotonic time with a leg at a venue."""
    epoch = world.clock.now_ns() - world.clock.monotonic_ns()
    suffix = f".{touching.upper()}"
    return [
        event
        for event in world.of(TradeOpened)
        if isinstance(event, TradeOpened)
        and event.at_ns > epoch + at_ns
        and any(leg.instrument.endswith(suffix) for leg in event.trade.legs)
    ]


def test_an_outage_of_ten_minutes_loses_no_order_and_books_every_fill_once() -> None:
    limits = RiskLimits(
        max_concurrent_trades=100,
        max_total_exposure_usd=Decimal(1_000_000),
        daily_loss_limit_usd=Decimal(1_000_000),
        max_drawdown_percent=Decimal(100),
    )
    with stage(3, limits=limits) as world:
        mid = world.mids["BTC"]
        for number in range(50):
            below = 0.99 if number < 20 else 0.5
            price = Decimal(str(round(mid * below - number * 0.01, 2)))
            plan = resting_buy(world, price)
            assert isinstance(world.engine.core.propose(plan), TradeOpened)
        world.run_until(lambda: len(world.venue("okx").exchange.open_orders()) == 50, 10)
        world.run(3)
        blind = lasting(world, "okx", Fault.BLACKHOLE, 600)
        world.run(60)
        world.dislocate("okx", "BTC", -0.03, 60)
        world.run(545)
        assert len(world.venue("okx").exchange.open_orders()) == 30
        assert opened_after(world, blind + 4 * NS_PER_S, touching="okx") == []
        world.run(4 * RECONCILE_S)
        orders = [o for o in world.engine.ledger.orders.values() if o.actor == "user:maker"]
        assert sum(o.status is OrderStatus.FILLED for o in orders) == 20
        assert sum(o.open for o in orders) == 30
        keys = [
            (event.fill.client_order_id, event.fill.venue_trade_id)
            for event in world.of(OrderFilled)
            if isinstance(event, OrderFilled)
        ]
        assert len(keys) == len(set(keys)), "once each"
        assert len({order for order, _ in keys}) == 20
        assert world._differences() == []


def resting_buy(world: Stage, price: Decimal) -> Plan:
    return Plan(
        strategy=StrategyId("makers"),
        family=Family.MANUAL,
        actor=Actor("user:maker"),
        symbol=Symbol("BTC/USDT"),
        legs=(
            Leg(
                instrument=InstrumentId("BTCUSDT.OKX"),
                side=Side.BUY,
                size=Decimal("0.5"),
                price=price,
                planned_price=price,
                time_in_force=TimeInForce.GTC,
            ),
        ),
        created_ns=world.clock.now_ns(),
    )


@pytest.mark.parametrize("seed", seeds(6))
def test_a_stream_that_stalls_silently_is_not_traded_on(seed: int) -> None:
    with stage(seed, settings=LIVELY) as world:
        world.run(5)
        stalled = lasting(world, "bybit", Fault.STALL, 30)
        world.run(30)
        age_limit_ns = world.settings.limits.staleness_threshold_ms * 1_000_000
        assert opened_after(world, stalled + age_limit_ns, touching="bybit") == []
        assert opened_after(world, stalled + age_limit_ns, touching="okx") != []
        world.run(10)
        assert opened_after(world, stalled + 30 * NS_PER_S, touching="bybit") != []
        world.verify()


@pytest.mark.parametrize("seed", seeds(4))
def test_crossed_books_and_gaps_open_nothing_untrue(seed: int) -> None:
    with stage(seed, rates=FaultRates(crossed=0.3, gap=0.3), settings=LIVELY) as world:
        world.run(20)
        faults = world.engine.core.board.fault_counts
        assert sum(sum(counts.values()) for counts in faults.values()) > 0
        world.verify()


def test_a_balance_that_moves_by_itself_is_booked_as_external_and_freezes_only_itself() -> None:
    with stage(4, bases=("BTC", "ETH"), dislocation=0.0) as world:
        venue, asset = VenueId("bybit"), Asset("BTC")
        before = world.engine.ledger.balances[venue, asset].total
        world.moved[venue, asset] = Decimal("-45.5")
        world.venue("bybit").move(asset, Decimal("-45.5"))
        frozen = world.engine.core.frozen
        world.run_until(lambda: frozen, RECONCILE_S + 1)
        assert frozen == {(venue, asset)}
        world.dislocate("bybit", "BTC", 0.015, 1.0)
        world.run(1.2)
        sells = [t for t in world.trades() if t.legs[1].instrument == "BTCUSDT.BYBIT"]
        assert sells == [], "nothing is sold from a balance in doubt"
        world.dislocate("bybit", "ETH", 0.015, 1.0)
        world.run(1.2)
        assert any(t.legs[1].instrument == "ETHUSDT.BYBIT" for t in world.trades())
        world.run(2 * RECONCILE_S)
        (change,) = world.of(ExternalChange)
        assert isinstance(change, ExternalChange)
        assert (change.venue, change.asset, change.delta) == (venue, asset, Decimal("-45.5"))
        assert world.engine.ledger.balances[venue, asset].total == before - Decimal("45.5")
        assert not frozen
        world.verify()


LISTINGS: dict[str, dict[str, Any]] = {
    "coarse and fine lots": {
        "lots": {"binance": "0.1", "bybit": "0.00001", "okx": "0.003"},
        "minima": {"binance": Decimal(1), "bybit": Decimal(10), "okx": Decimal(20)},
    },
    "lots without a common divisor": {
        "lots": {"binance": "0.007", "bybit": "0.011", "okx": "0.0013"},
        "minima": {"binance": Decimal(5), "bybit": Decimal(5), "okx": Decimal(5)},
    },
    "large minima": {
        "lots": {"binance": "0.001", "bybit": "0.01", "okx": "0.0001"},
        "minima": {"binance": Decimal(50), "bybit": Decimal(30), "okx": Decimal(60)},
    },
}


@pytest.mark.parametrize("listing", LISTINGS)
@pytest.mark.parametrize("seed", seeds(4))
def test_no_order_breaks_a_venue_rule_and_no_dust_keeps_a_trade_open(
    seed: int, listing: str
) -> None:
    rates = FaultRates(partial_fill=0.5)
    with stage(seed, rates=rates, settings=LIVELY, **LISTINGS[listing]) as world:
        world.run(40)
        assert world.engine.ledger.next_trade_seq > 3
        world.verify()
        broken = [
            event.reason
            for event in world.of(OrderRejected)
            if isinstance(event, OrderRejected)
            and ("LOT" in event.reason or "MIN_" in event.reason)
        ]
        assert broken == []


@pytest.mark.parametrize("fee", ["0.001", "0", "-0.0005", "0.02"])
@pytest.mark.parametrize("charge", list(FeeCharge))
def test_cash_is_the_venues_to_the_last_unit_whatever_the_fee(charge: FeeCharge, fee: str) -> None:
    charges = dict.fromkeys(("binance", "bybit", "okx"), charge)
    with stage(5, charges=charges, taker_fee=Decimal(fee), settings=LIVELY) as world:
        world.run(20)
        for shift in (0.05, 0.06):
            world.dislocate("bybit", "BTC", shift, 1.0)
            world.run(3)
        assert world.engine.ledger.next_trade_seq > 1
        world.verify()


@pytest.mark.parametrize("offset_s", [-3, 3])
def test_a_venue_clock_that_is_off_hides_no_fill(offset_s: int) -> None:
    window = Window(
        fault=Fault.CLOCK_OFFSET, start_ns=0, end_ns=FOREVER, offset_ns=offset_s * NS_PER_S
    )
    windows = {VenueId("okx"): (window,)}
    rates = FaultRates(drop_report=0.3, drop_response=0.2)
    with stage(6, windows=windows, settings=LIVELY) as world:
        for venue in world.venues.values():
            venue.faults.afflict(rates)
        world.run(20)
        world.crash()
        world.start()
        world.verify()


@pytest.mark.parametrize("step_hours", [-1, 1])
def test_a_step_of_the_wall_clock_moves_no_timeout(step_hours: int) -> None:
    with stage(7) as world:
        world.seller.faults.afflict(FaultRates(drop_response=1.0, drop_report=1.0))
        trade = world.open_spread()
        world.run_until(lambda: world.now(trade).state is TradeState.WORKING, 1)
        sent_ns = world.loop.now_ns
        world.clock.step_ns = step_hours * NS_PER_HOUR
        world.run(1.5)
        assert world.now(trade).state is TradeState.WORKING
        assert not any(o.unknown_since_ns for o in world.orders(trade))
        world.seller.faults.heal()
        world.finish(trade, 30)
        assert world.loop.now_ns - sent_ns < 30 * NS_PER_S
        world.settle()
        world.check_rest()
        assert world.violations == []


@pytest.mark.parametrize("seed", seeds(6))
def test_maintenance_is_not_chased_into_and_trading_resumes_by_itself(seed: int) -> None:
    with stage(seed, settings=LIVELY) as world:
        world.run(5)
        began = lasting(world, "bybit", Fault.MAINTENANCE, 60)
        world.run(60)
        tried = opened_after(world, began, touching="bybit")
        assert len(tried) <= 8, "after a few refusals nothing is opened there"
        world.run(90)
        assert opened_after(world, began + 60 * NS_PER_S, touching="bybit") != []
        world.verify()


@pytest.mark.parametrize("seed", seeds(4))
def test_a_delisted_market_stops_its_own_pair_and_no_other(seed: int) -> None:
    with stage(seed, bases=("BTC", "ETH"), settings=LIVELY) as world:
        world.run(5)
        began = lasting(
            world, "bybit", Fault.DELISTING, 1e8, instrument=InstrumentId("ETHUSDT.BYBIT")
        )
        world.run(40)
        late = [
            leg.instrument
            for event in opened_after(world, began + 5 * NS_PER_S, touching="bybit")
            for leg in event.trade.legs
        ]
        assert "ETHUSDT.BYBIT" not in late
        assert "BTCUSDT.BYBIT" in late
        world.verify()


def test_one_way_trading_stops_while_both_sides_are_still_tradable() -> None:
    with stage(8, cooldown_s=0.2) as world:
        for _ in range(rounds(120, 1_000)):
            world.dislocate("bybit", "BTC", 0.015, 1.0)
            world.dislocate("okx", "BTC", -0.006, 1.0)
            world.run(1.0)
        floor = world.settings.limits.min_side_fraction
        held = world.engine.ledger.balances[VenueId("bybit"), Asset("BTC")]
        assert held.total >= held.baseline * floor
        assert held.total < held.baseline * floor + 2, "it went as far as it may"
        assert held.total * 100 > 10, "what is left can still be sold"
        world.verify()


def test_a_depeg_of_one_quote_currency_is_no_spread() -> None:
    """The same coin against two dollars is two markets: nothing is bought here and sold there."""
    usdc = Asset("USDC")
    other = spot_instrument(
        VenueId("bybit"),
        id=InstrumentId("BTCUSDC.BYBIT"),
        symbol=Symbol("BTC/USDC"),
        quote=usdc,
        settle=usdc,
    )
    desk = Desk(instruments=(spot_instrument(VenueId("binance")), other))
    desk.quote("BTCUSDT.BINANCE", 100.0, 100.1)
    desk.quote("BTCUSDC.BYBIT", 105.2, 105.3)
    assert desk.ledger.next_trade_seq == 1
    assert desk.outbox.sent == []
