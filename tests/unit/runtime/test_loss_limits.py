"""A loss limit that is used up closes and stops everything, whatever it was that cost so much."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal

import pytest

from arbiter.model.changes import Changes
from arbiter.model.events import ContractSet, Event, KillSwitchEngaged
from arbiter.model.ids import ENGINE, StrategyId
from arbiter.model.orders import OrderType, Side
from arbiter.model.perpetuals import ForcedCause, ForcedClose, FundingPayment, contract_of
from arbiter.model.plans import Family, Leg, Plan
from arbiter.model.reports import Filled, ForcedReported, FundingReported
from arbiter.model.trades import TradeState
from arbiter.risk.limits import RiskLimits
from arbiter.runtime.bus import CommandBus
from arbiter.runtime.engine import Engine
from arbiter.runtime.outbox import LiveOutbox
from arbiter.runtime.supervisor import Supervisor
from tests.fakes.engine import VENUES, Desk, spot_instrument
from tests.fakes.perpetuals import USDT, perpetual

PERP = perpetual("binance")
LIMITS = RiskLimits(daily_loss_limit_usd=Decimal(10), max_drawdown_percent=Decimal(100))


class Stops:
    """A desk that holds one perpetual contract, and what it was told to stop for."""

    def __init__(self, limits: RiskLimits = LIMITS) -> None:
        self.desk = desk = Desk(
            limits=limits, instruments=(*(spot_instrument(venue) for venue in VENUES), PERP)
        )
        self.reasons: list[str] = []
        desk.core.when_breached(self.reasons.append)
        contract = contract_of(PERP, Decimal(1))
        desk.core.recorder.record(ContractSet(at_ns=desk.clock.now_ns(), contract=contract))
        desk.quote(PERP.id, 99.9, 100.0)
        leg = Leg(
            instrument=PERP.id,
            side=Side.BUY,
            type=OrderType.MARKET,
            size=Decimal(1),
            price=None,
            planned_price=Decimal(100),
        )
        desk.core.propose(
            Plan(
                strategy=StrategyId("manual"),
                family=Family.MANUAL,
                actor=ENGINE,
                symbol=PERP.symbol,
                legs=(leg,),
                created_ns=desk.clock.now_ns(),
            )
        )
        (order,) = desk.outbox.sent
        desk.complete(order)
        (trade,) = desk.ledger.closed_trades.values()
        assert trade.state is TradeState.COMPLETED

    def pay(self, amount: str, number: int = 1) -> None:
        self.desk.core.on_report(self.funding(amount, number))

    def funding(self, amount: str, number: int = 1) -> FundingReported:
        now = self.desk.clock.now_ns()
        payment = FundingPayment(
            venue=PERP.venue,
            payment_id=f"f-{number}",
            instrument=PERP.id,
            amount=Decimal(amount),
            asset=USDT,
            rate=Decimal("0.01"),
            mark=Decimal(100),
            quantity=Decimal(1),
            settled_ns=now,
            at_ns=now,
        )
        return FundingReported(venue=PERP.venue, at_ns=now, payment=payment)

    def liquidate(self, price: str) -> None:
        now = self.desk.clock.now_ns()
        forced = ForcedClose(
            venue=PERP.venue,
            venue_trade_id="x-1",
            instrument=PERP.id,
            side=Side.SELL,
            size=Decimal(1),
            price=Decimal(price),
            fee=Decimal(0),
            fee_asset=USDT,
            cause=ForcedCause.LIQUIDATION,
            at_ns=now,
        )
        self.desk.core.on_report(ForcedReported(venue=PERP.venue, at_ns=now, forced=forced))


def test_losses_within_the_limits_stop_nothing() -> None:
    stops = Stops()
    stops.pay("-9.5")
    assert stops.reasons == []


@pytest.mark.parametrize(
    "lose",
    [lambda stops: stops.pay("-10"), lambda stops: stops.liquidate("85")],
    ids=["funding", "liquidation"],
)
def test_a_loss_that_came_without_an_order_stops_everything(lose: Callable[[Stops], None]) -> None:
    stops = Stops()
    lose(stops)
    (reason,) = stops.reasons
    assert "daily loss" in reason


def test_funding_told_in_one_breath_with_fills_is_booked_beside_them() -> None:
    stops = Stops()
    desk = stops.desk
    desk.open_spread()
    _, buy, _ = desk.outbox.sent
    fill = Filled(venue=buy.venue, at_ns=desk.clock.now_ns(), fill=desk.fill_of(buy))
    desk.core.on_reports([stops.funding("-10"), fill])
    assert len(stops.reasons) == 1
    assert desk.order(buy.client_order_id).filled_size == buy.size


def test_funding_that_eats_up_the_drawdown_stops_everything() -> None:
    limits = RiskLimits(
        daily_loss_limit_usd=Decimal(10_000),
        max_drawdown_percent=Decimal(1),
        capital_base_usd=Decimal(1_000),
    )
    stops = Stops(limits)
    stops.pay("-5", number=1)
    assert stops.reasons == []
    stops.pay("-5", number=2)
    (reason,) = stops.reasons
    assert "drawdown" in reason


def test_what_has_been_stopped_is_not_stopped_again() -> None:
    stops = Stops()
    desk = stops.desk
    desk.core.recorder.record(
        KillSwitchEngaged(at_ns=desk.clock.now_ns(), actor=ENGINE, reason="a person", flatten=False)
    )
    stops.pay("-50")
    assert stops.reasons == []


def test_a_trade_whose_loss_uses_up_the_limit_stops_everything() -> None:
    stops = Stops(RiskLimits(daily_loss_limit_usd=Decimal(5), max_drawdown_percent=Decimal(100)))
    desk = stops.desk
    desk.open_spread()
    _, buy, sell = desk.outbox.sent
    dear = desk.fill_of(buy, price=sell.planned_price + 10)
    desk.accept(buy)
    desk.core.outcomes.book([dear])
    assert stops.reasons == []  # nothing is known before the other leg has ended
    desk.complete(sell)
    (reason,) = stops.reasons
    assert "daily loss" in reason


async def test_an_engine_whose_limit_is_used_up_latches_itself_and_flattens() -> None:
    stops = Stops()
    async with latching(stops):
        stops.pay("-10")
    assert "daily loss" in stops.desk.ledger.kill_switch.reason


async def test_losses_told_in_one_breath_latch_the_engine_once() -> None:
    stops = Stops()
    engaged: list[Event] = []

    def count(events: Sequence[Event], changes: Changes) -> None:
        del changes
        engaged.extend(event for event in events if isinstance(event, KillSwitchEngaged))

    stops.desk.hub.listen(count)
    async with latching(stops) as engine:
        stops.desk.core.on_reports([stops.funding("-10", number) for number in range(1, 4)])
    assert len(engaged) == 1
    del engine


async def test_a_loss_found_by_the_recovery_stops_the_engine_when_it_starts_to_trade() -> None:
    stops = Stops()
    stops.desk.core.state.started = False
    async with latching(stops) as engine:
        stops.pay("-10")
        assert not stops.desk.ledger.kill_switch.engaged
        engine.start_trading()
    assert "daily loss" in stops.desk.ledger.kill_switch.reason


@asynccontextmanager
async def latching(stops: Stops) -> AsyncIterator[Engine]:
    """An engine of this desk, for as long as it takes it to latch itself."""
    desk = stops.desk
    engine = Engine(
        core=desk.core,
        bus=CommandBus(ledger=desk.ledger, recorder=desk.core.recorder, strategies=()),
        outbox=LiveOutbox({}, desk.clock),
        feeds=(),
        clients={},
        run_id="1",
        version="0",
    )
    latched = asyncio.Event()

    def watch(events: Sequence[Event], changes: Changes) -> None:
        del changes
        if any(isinstance(event, KillSwitchEngaged) for event in events):
            latched.set()

    desk.hub.listen(watch)
    async with Supervisor() as supervisor:
        await engine.initialise(supervisor, 0)
        yield engine
        async with asyncio.timeout(10):
            await latched.wait()
        assert supervisor.failure is None
    latch = desk.ledger.kill_switch
    assert (latch.engaged, latch.actor, latch.flatten) == (True, ENGINE, True)
