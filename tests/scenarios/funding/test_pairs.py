"""Funding pairs over whole virtual venues: settlements, liquidations, deleveraging, a close storm."""

import random
from decimal import Decimal

import pytest
from msgspec.structs import replace

from arbiter.backtest.funding_world import FundingWorld
from arbiter.execution.settings import ExecutionSettings
from arbiter.ledger.ledger import Ledger
from arbiter.matching.latency import LatencySettings
from arbiter.model.denials import DenialCode, Denied
from arbiter.model.events import PairAdvanced
from arbiter.model.ids import ENGINE, Asset
from arbiter.model.instruments import Instrument
from arbiter.model.money import ONE, ZERO
from arbiter.model.orders import Side
from arbiter.model.pairs import FundingPair, PairState
from arbiter.model.perpetuals import ForcedCause, FundingRate
from arbiter.model.plans import Family, Leg, Plan
from arbiter.model.reports import FundingReported, VenueReport
from arbiter.model.time import NS_PER_HOUR, NS_PER_MS, NS_PER_S
from arbiter.opportunities.funding_settings import FundingSettings
from arbiter.runtime.desk_view import DeskView
from arbiter.runtime.queries import Queries
from tests.fakes.perpetuals import perpetual
from tests.scenarios.seeds import seeds

D = Decimal
START = 1_767_225_600 * NS_PER_S + 600 * NS_PER_S
"""2026-01-01T00:10:00Z: ten minutes after a settlement."""
T_FLAT_NS = 5 * NS_PER_S
LONG, SHORT = perpetual("bybit_futures"), perpetual("binance_futures")
SETTINGS = FundingSettings(size_usd=D(900), max_rate_age_seconds=D(86_400))


class World(FundingWorld):
    """BTC at two venues: bybit pays 0.02 % less over 8 h than it takes at binance, and more."""

    def __init__(
        self,
        *,
        settings: FundingSettings = SETTINGS,
        latency_ms: float = 5.0,
        seed: int = 1,
        listed: tuple[Instrument, Instrument] = (LONG, SHORT),
    ) -> None:
        super().__init__(
            listed,
            settings,
            start_ns=START,
            latency=LatencySettings(order_ms=latency_ms, report_ms=latency_ms, jitter=0.0),
            execution=ExecutionSettings(flat_ms=600_000),
            seed=seed,
        )
        self.price = D(50_000)
        self.rate(LONG.id, "-0.0005", 8)
        self.rate(SHORT.id, "0.001", 8)

    def rate(self, instrument: str, value: str, hours: int) -> None:
        listed = next(i for i in (LONG, SHORT) if i.id == instrument)
        now = self.clock.now_ns()
        interval = hours * NS_PER_HOUR
        self.desk.on_funding(
            [
                FundingRate(
                    instrument=listed.id,
                    venue=listed.venue,
                    symbol=listed.symbol,
                    rate=D(value),
                    interval_hours=hours,
                    next_funding_ns=(now // interval + 1) * interval,
                    mark=self.price,
                    updated_ns=now,
                )
            ]
        )

    def step(self, ns: int, *, size: float = 5.0) -> None:
        """Show the market, let the desk look, and let time pass."""
        for instrument in (LONG, SHORT):
            value = float(self.price)
            told = self.desk.rates[instrument.id]
            self.desk.rates[instrument.id] = replace(told, mark=self.price)
            self.show(instrument.id, value - 5, value + 5, size)
            self.mark(instrument.id, self.price)
        self.desk.tick()
        self.advance(self.clock.now_ns() + ns)

    def run(self, ns: int, every_ns: int = 200 * NS_PER_MS) -> None:
        end = self.clock.now_ns() + ns
        while self.clock.now_ns() < end:
            self.step(every_ns)

    def opened(self) -> FundingPair:
        self.run(2 * NS_PER_S)
        (pair,) = self.ledger.active_pairs()
        assert pair.state is PairState.OPEN
        return pair

    def quantities(self) -> tuple[Decimal, Decimal]:
        return self.desk.held(LONG.id), self.desk.held(SHORT.id)

    def agrees(self) -> None:
        """What the venues hold is what the ledger says, to the last digit."""
        for venue, exchange in self.exchanges.items():
            (held,) = exchange.holdings()
            balance = self.ledger.balances[venue, held.asset]
            assert (balance.total, balance.locked) == (held.total, held.locked)
            for name, position in exchange.margin.positions.items():
                assert self.ledger.margin_positions[name].quantity == position.quantity


def test_a_spread_worth_it_opens_equal_legs() -> None:
    world = World()
    pair = world.opened()
    long, short = world.quantities()
    assert (pair.long_venue, pair.short_venue) == ("bybit_futures", "binance_futures")
    assert pair.entry_spread == D("0.0015")
    assert long == -short > ZERO
    world.agrees()


def test_a_held_pair_counts_at_the_desk_as_much_as_at_the_gate() -> None:
    world = World()
    pair = world.opened()
    view = DeskView(
        core=world.core,
        queries=Queries(world.core, world.clock, "0"),
        clock=world.clock,
        usd_rate={Asset("USDT"): ONE}.get,
        strategies=(),
    )
    gate = world.core.gate
    gate.reconfigure(replace(gate.limits, max_total_exposure_usd=pair.notional))
    leg = Leg(
        instrument=LONG.id, side=Side.BUY, size=LONG.lot, price=D(50_005), planned_price=D(50_005)
    )
    plan = Plan(
        strategy=pair.strategy,
        family=Family.MANUAL,
        actor=ENGINE,
        symbol=LONG.symbol,
        legs=(leg,),
        created_ns=world.clock.now_ns(),
    )
    denied = world.core.propose(plan)
    assert isinstance(denied, Denied)
    assert denied.code is DenialCode.TOTAL_EXPOSURE
    assert world.ledger.open_trades() == ()
    assert view.risk().exposure_usd == D(denied.numbers["exposure"]) == pair.notional > ZERO


def test_funding_that_uses_up_the_days_loss_closes_the_pair_and_opens_nothing_more() -> None:
    world = World()
    world.opened()
    gate = world.core.gate
    gate.reconfigure(replace(gate.limits, daily_loss_limit_usd=D(5)))
    world.settle(SHORT.id, D("-0.02"), world.price, START + 8 * NS_PER_HOUR)
    world.run(10 * NS_PER_S)
    latch = world.ledger.kill_switch
    assert (latch.engaged, latch.flatten) == (True, True)
    assert "daily loss" in latch.reason
    assert world.quantities() == (ZERO, ZERO)
    assert world.ledger.active_pairs() == ()
    world.agrees()


def test_rates_over_unlike_intervals_are_compared_over_eight_hours() -> None:
    world = World()
    world.rate(LONG.id, "0.0001", 1)
    world.rate(SHORT.id, "0.0008", 8)
    world.run(2 * NS_PER_S)
    assert world.ledger.active_pairs() == ()


def test_h11_an_interval_change_a_late_payment_and_a_flip_leave_ledger_and_venue_equal() -> None:
    world = World()
    pair = world.opened()
    settled = START + 8 * NS_PER_HOUR
    world.settle(SHORT.id, D("0.001"), world.price, settled)
    world.rate(SHORT.id, "0.0001", 1)
    view = world.desk.view(pair)
    assert view.short is not None
    assert view.short.per_8h == D("0.0008")
    delayed = list(
        world.exchanges[LONG.venue].settle_funding(
            LONG.id, D("-0.0005"), world.price, settled, world.clock.now_ns()
        )
    )
    delayed += world.exchanges[LONG.venue].due(world.clock.now_ns() + 20 * NS_PER_S)
    world.run(20 * NS_PER_S, NS_PER_S)
    world.deliver(delayed)
    world.settle(SHORT.id, D("-0.0002"), world.price, settled + NS_PER_HOUR)
    world.run(NS_PER_S)
    (pair,) = world.ledger.active_pairs()
    paid = [p for e in world.exchanges.values() for p in e.margin.payments]
    assert (pair.payments, pair.funding_collected) == (3, sum((p.amount for p in paid), ZERO))
    world.agrees()
    again = Ledger()
    again.restore(world.ledger.image())
    assert all(again.has_payment(p.venue, p.payment_id) for p in paid)


def test_a_payment_delivered_twice_is_booked_once() -> None:
    world = World()
    world.opened()
    exchange = world.exchanges[SHORT.venue]
    now = world.clock.now_ns()
    reports: list[VenueReport] = list(
        exchange.settle_funding(SHORT.id, D("0.001"), world.price, now, now)
    )
    reports += exchange.due(now + NS_PER_S)
    payments = [report for report in reports if isinstance(report, FundingReported)]
    world.deliver([*payments, *payments])
    (pair,) = world.ledger.active_pairs()
    assert pair.payments == 1
    world.agrees()


@pytest.mark.parametrize("seed", seeds(5))
@pytest.mark.parametrize("leg", [LONG, SHORT])
@pytest.mark.parametrize("share", ["1", "0.4"])
def test_h12_a_deleveraged_leg_takes_the_other_along_within_t_flat(
    leg: object, share: str, seed: int
) -> None:
    assert leg in (LONG, SHORT)
    instrument = LONG if leg == LONG else SHORT
    world = World(seed=seed, latency_ms=5.0 + 30 * (seed % 8))
    world.opened()
    world.deliver(
        world.exchanges[instrument.venue].deleverage(instrument.id, D(share), world.clock.now_ns())
    )
    world.run(T_FLAT_NS)
    long, short = world.quantities()
    assert long == -short
    assert (long == ZERO) == (share == "1")
    assert bool(world.ledger.active_pairs()) == (share == "0.4")
    world.agrees()


def test_h12_a_liquidated_short_closes_the_long_within_t_flat() -> None:
    world = World()
    world.opened()
    world.price = D(75_000)
    world.step(NS_PER_MS)
    closes = [c for e in world.exchanges.values() for c in e.margin.forced]
    assert [close.cause for close in closes] == [ForcedCause.LIQUIDATION]
    world.run(T_FLAT_NS)
    assert world.quantities() == (ZERO, ZERO)
    assert world.ledger.active_pairs() == ()
    assert all(not row.quantity for row in world.ledger.residuals.values())
    world.agrees()


def test_both_legs_leave_together_before_the_venue_would_take_one() -> None:
    world = World()
    world.opened()
    for price in range(50_000, 64_500, 250):
        world.price = D(price)
        world.run(NS_PER_S)
    assert world.quantities() == (ZERO, ZERO)
    assert not any(e.margin.forced for e in world.exchanges.values())
    closed = [p for p in world.ledger.pairs.values() if p.reason.startswith("LIQUIDATION_NEAR")]
    assert closed
    world.agrees()


def test_h12_a_close_storm_never_flips_a_position() -> None:
    draw = random.Random(12)
    world = World(settings=SETTINGS, latency_ms=400.0)
    world.opened()
    signs = {LONG.id: 1, SHORT.id: -1}
    world.desk.enabled = False
    world.rate(SHORT.id, "-0.002", 8)
    world.ledger.apply(_closing(world))
    for _ in range(10_000):
        world.step(draw.choice((1, 20, 90)) * NS_PER_MS, size=draw.choice((0.002, 0.01)))
        for name, sign in signs.items():
            exchange = world.exchanges[LONG.venue if name == LONG.id else SHORT.venue]
            assert exchange.margin.quantity(name) * sign >= ZERO
            assert world.desk.held(name) * sign >= ZERO
        if draw.random() < 0.001:
            world.deliver(
                world.exchanges[LONG.venue].deleverage(LONG.id, D("0.4"), world.clock.now_ns())
            )
    world.run(60 * NS_PER_S)
    assert world.quantities() == (ZERO, ZERO)
    world.agrees()


def _closing(world: World) -> PairAdvanced:
    (pair,) = world.ledger.active_pairs()
    now = world.clock.now_ns()
    return PairAdvanced(at_ns=now, pair_id=pair.id, state=PairState.CLOSING, reason="storm")
