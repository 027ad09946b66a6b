"""Inverse contracts, listed by the simulated market: traded by hand, settled in their base."""

from decimal import Decimal

import numpy as np
import pytest

from arbiter.backtest.funding_world import FundingWorld
from arbiter.markets.perpetual_settings import PerpetualSettings
from arbiter.markets.perpetuals import PerpetualMarket
from arbiter.matching.latency import LatencySettings
from arbiter.model.denials import Denied
from arbiter.model.events import TradeOpened
from arbiter.model.ids import Actor, Asset, InstrumentId, StrategyId, VenueId
from arbiter.model.instruments import Instrument, InstrumentKind
from arbiter.model.money import ZERO
from arbiter.model.orders import Side
from arbiter.model.perpetuals import ForcedCause
from arbiter.model.plans import Family, Leg, Plan
from arbiter.model.time import NS_PER_HOUR, NS_PER_S
from arbiter.opportunities.funding_settings import FundingSettings
from tests.fakes.clock import START_NS

D = Decimal
ME, MANUAL = Actor("user:me"), StrategyId("manual")
BTC = Asset("BTC")


def market(inverse: int = 1) -> PerpetualMarket:
    settings = PerpetualSettings(symbols=3, inverse=inverse)
    return PerpetualMarket(settings, np.random.default_rng(3), START_NS, START_NS)


def listed(venue: str = "binance_futures") -> Instrument:
    (found,) = (
        i for i in market().instruments if i.kind is InstrumentKind.INVERSE and i.venue == venue
    )
    return found


def test_the_simulated_market_lists_inverse_contracts_beside_the_linear_ones() -> None:
    made = market()
    inverse = [i for i in made.instruments if i.kind is InstrumentKind.INVERSE]
    assert [(i.id, i.contract_size, i.settle) for i in inverse] == [
        ("BTCUSD-PERP.BINANCE_FUTURES", D(100), "BTC"),
        ("BTCUSD-PERP.BYBIT_FUTURES", D(1), "BTC"),
    ]
    mids = np.array([43_000.0, 2_300.0, 310.0])
    batch = made.all_quotes(START_NS + NS_PER_S, mids)
    for row in range(len(made.instruments) - 2, len(made.instruments)):
        assert abs(batch.bid[row] / 43_000 - 1) < 0.005
        assert batch.bid[row] < batch.ask[row]
        worth = batch.bid_size[row] * float(made.instruments[row].contract_size)
        assert 100 <= worth <= 2_000_000  # dollars, as everywhere
        assert made.mark(row) == pytest.approx(D(43_000), rel=D("0.01"))
    due = {s.instrument for s in made.settlements(START_NS + 8 * NS_PER_HOUR)}
    assert {i.id for i in inverse} <= due
    assert not [i for i in market(0).instruments if i.kind is InstrumentKind.INVERSE]


class World(FundingWorld):
    """One venue with one inverse contract of 100 dollars, 2 BTC of collateral."""

    def __init__(self) -> None:
        self.listed = listed()
        super().__init__(
            (self.listed,),
            FundingSettings(),
            start_ns=START_NS,
            capital=D(2),
            latency=LatencySettings(order_ms=5, report_ms=5, jitter=0.0),
        )
        self.at(D(50_000))

    def at(self, price: Decimal) -> None:
        value = float(price)
        self.show(self.listed.id, value - 5, value + 5, 1_000.0)
        self.mark(self.listed.id, price)
        self.advance(self.clock.now_ns() + NS_PER_S)
        self.show(self.listed.id, value - 5, value + 5, 1_000.0)

    def order(
        self, side: Side, contracts: int, *, reduce_only: bool = False
    ) -> TradeOpened | Denied:
        touch = self.core.touch(self.listed.id, side)
        assert touch is not None
        leg = Leg(
            instrument=self.listed.id,
            side=side,
            size=D(contracts),
            price=touch,
            planned_price=touch,
        )
        decided = self.core.propose(
            Plan(
                strategy=MANUAL,
                family=Family.MANUAL,
                actor=ME,
                symbol=self.listed.symbol,
                legs=(leg,),
                reduce_only=reduce_only,
                created_ns=self.clock.now_ns(),
            )
        )
        self.advance(self.clock.now_ns() + NS_PER_S)
        return decided

    @property
    def cash(self) -> Decimal:
        return self.ledger.balances[self.listed.venue, BTC].total

    def agrees(self) -> None:
        exchange = self.exchanges[VenueId(self.listed.venue)]
        (held,) = exchange.holdings()
        balance = self.ledger.balances[self.listed.venue, BTC]
        assert (balance.total, balance.locked) == (held.total, held.locked)
        position = exchange.margin.positions.get(self.listed.id)
        kept = self.ledger.margin_positions.get(self.listed.id)
        assert (position and position.quantity) == (kept and kept.quantity)

    @property
    def contracts(self) -> Decimal:
        kept = self.ledger.margin_positions.get(InstrumentId(self.listed.id))
        return ZERO if kept is None else kept.quantity


def fee(contracts: int, price: Decimal) -> Decimal:
    return contracts * D(100) / price * listed().taker_fee


@pytest.mark.parametrize("side", [Side.BUY, Side.SELL])
def test_it_is_opened_paid_and_closed_in_base_units_to_the_last_digit(side: Side) -> None:
    world = World()
    assert isinstance(world.order(side, 7), TradeOpened)
    sign = side.sign
    assert world.contracts == 7 * sign
    world.agrees()
    entry = D(50_005) if side is Side.BUY else D(49_995)
    assert world.cash == pytest.approx(D(2) - fee(7, entry), rel=D("1e-15"))
    before = world.cash
    world.settle(world.listed.id, D("0.0005"), D(50_000), world.clock.now_ns())
    world.advance(world.clock.now_ns() + NS_PER_S)
    paid = -sign * 7 * D(100) / D(50_000) * D("0.0005")
    assert world.cash - before == pytest.approx(paid, rel=D("1e-15"))
    world.agrees()
    world.at(D(60_000))
    before = world.cash
    closing = Side.SELL if side is Side.BUY else Side.BUY
    assert isinstance(world.order(closing, 7, reduce_only=True), TradeOpened)
    assert world.contracts == 0
    left = D(59_995) if closing is Side.SELL else D(60_005)
    # A long gains what its dollars are worth less in base.
    gain = sign * 7 * D(100) * (1 / entry - 1 / left)
    assert world.cash - before == pytest.approx(gain - fee(7, left), rel=D("1e-12"))
    world.agrees()


def test_a_close_can_never_turn_it_around() -> None:
    world = World()
    world.order(Side.BUY, 5)
    refused = world.order(Side.SELL, 6, reduce_only=True)
    assert isinstance(refused, Denied)
    assert world.contracts == 5


def test_a_long_without_its_maintenance_margin_is_liquidated_and_both_books_agree() -> None:
    world = World()
    world.order(Side.BUY, 7)  # at leverage 1 an inverse long is safe down to half its price
    world.at(D(20_000))
    world.advance(world.clock.now_ns() + NS_PER_S)
    (close,) = world.exchanges[VenueId(world.listed.venue)].margin.forced
    assert close.cause is ForcedCause.LIQUIDATION
    assert world.contracts == 0
    world.agrees()
