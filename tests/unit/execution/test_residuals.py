"""Leftovers are traded away where the price is best, and never beyond the position there."""

from decimal import Decimal

import pytest

from arbiter.execution.residuals import hedge
from arbiter.model.holdings import Position, Residual
from arbiter.model.ids import Asset, InstrumentId, StrategyId, Symbol
from arbiter.model.instruments import Instrument
from arbiter.model.orders import Side
from arbiter.model.plans import Leg
from tests.unit.execution.legs import BUY, SELL, Market

STRATEGY = StrategyId("spot-arbitrage")


def leg(left: str, *held: tuple[Instrument, str], market: Market | None = None) -> Leg | None:
    positions: dict[tuple[StrategyId, InstrumentId], Position] = {
        (STRATEGY, instrument.id): Position(
            strategy=STRATEGY,
            instrument=instrument.id,
            symbol=Symbol("BTC/USDT"),
            quantity=Decimal(quantity),
        )
        for instrument, quantity in held
    }
    residual = Residual(
        strategy=STRATEGY, asset=Asset("BTC"), quote=Asset("USDT"), quantity=Decimal(left)
    )
    return hedge(residual, positions, (BUY, SELL), market or Market(), 100)


def test_what_is_left_over_is_sold_where_it_brings_most() -> None:
    sale = leg("0.3", (BUY, "0.3"), (SELL, "0.3"))
    assert sale is not None
    assert (sale.instrument, sale.side, sale.size) == (SELL.id, Side.SELL, Decimal("0.3"))
    assert sale.price == Decimal("100.98"), "1 % through the touch and no further"


def test_what_was_taken_out_of_inventory_is_bought_back_where_it_costs_least() -> None:
    purchase = leg("-0.3", (BUY, "-0.3"), (SELL, "-0.3"))
    assert purchase is not None
    assert (purchase.instrument, purchase.side) == (BUY.id, Side.BUY)


def test_no_more_is_sold_than_the_strategy_holds_there() -> None:
    sale = leg("0.3", (BUY, "0.12345"))
    assert sale is not None
    assert sale.size == Decimal("0.1234")


@pytest.mark.parametrize(
    ("left", "held"), [("0.04", "0.04"), ("0.3", "-0.3"), ("0.3", "0"), ("-0.3", "0.3")]
)
def test_too_little_or_the_wrong_way_round_is_left_where_it_is(left: str, held: str) -> None:
    assert leg(left, (BUY, held)) is None


def test_without_a_live_quote_it_waits() -> None:
    assert leg("0.3", (BUY, "0.3"), market=Market(binance_bid=0)) is None
