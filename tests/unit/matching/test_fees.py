"""Fees: what is charged, in which asset, and what the account shows afterwards."""

from decimal import Decimal

import pytest

from arbiter.matching.fees import event_charge, event_units
from arbiter.model.instruments import FeeCharge
from arbiter.model.orders import Liquidity, Side
from tests.fakes.binaries import KALSHI, binary
from tests.unit.matching.venue import BNB, BNBUSDT, BTC, USDT, Customer, spot


def test_received_fee_comes_out_of_the_coins_bought_and_the_money_sold_for() -> None:
    customer = Customer()
    customer.buy("1", "101")
    assert customer.total(BTC) == Decimal("10.998")
    assert customer.total(USDT) == Decimal(9899)
    customer.sell("1", "100")
    assert customer.total(BTC) == Decimal("9.998")
    assert customer.total(USDT) == Decimal("9998.8")


def test_quote_fee_leaves_the_coins_whole() -> None:
    customer = Customer(instrument=spot(charge=FeeCharge.QUOTE))
    customer.buy("1", "101")
    assert customer.total(BTC) == 11
    assert customer.total(USDT) == Decimal("9898.798")


def test_third_asset_fee_is_valued_at_that_assets_bid() -> None:
    customer = Customer(instrument=spot(charge=FeeCharge.THIRD), bnb="1")
    customer.exchange.on_quote(BNBUSDT, 300.0, 301.0, 10.0, 10.0, customer.now_ns)
    customer.buy("0.5", "101")
    (fill,) = customer.exchange.fills_since(0)
    assert fill.fee_asset == BNB
    assert fill.fee == Decimal("0.000336666666666667")
    assert customer.total(BNB) == 1 - fill.fee
    assert customer.total(BTC) == Decimal("10.5")


def test_third_asset_that_has_run_out_is_replaced_by_what_is_received() -> None:
    customer = Customer(instrument=spot(charge=FeeCharge.THIRD), bnb="0")
    customer.exchange.on_quote(BNBUSDT, 300.0, 301.0, 10.0, 10.0, customer.now_ns)
    customer.buy("0.5", "101")
    (fill,) = customer.exchange.fills_since(0)
    assert (fill.fee_asset, fill.fee) == (BTC, Decimal("0.001"))


@pytest.mark.parametrize("charge", [FeeCharge.QUOTE, FeeCharge.RECEIVED])
def test_rebate_is_a_negative_fee_and_adds_to_the_account(charge: FeeCharge) -> None:
    customer = Customer(instrument=spot(charge=charge, maker="-0.001"))
    customer.sell("1", "102")
    customer.quote("102", "103")
    (fill,) = customer.exchange.fills_since(0)
    assert (fill.fee_asset, fill.fee) == (USDT, Decimal("-0.102"))
    assert customer.total(USDT) == Decimal("10102.102")


def test_maker_pays_the_maker_fee() -> None:
    customer = Customer()
    customer.sell("1", "102")
    customer.quote("102", "103")
    assert customer.total(USDT) == 10_000 + 102 - Decimal("0.102")


def test_third_asset_pays_to_its_last_unit() -> None:
    customer = Customer(instrument=spot(charge=FeeCharge.THIRD), bnb="0.001")
    customer.exchange.on_quote(BNBUSDT, 202.0, 203.0, 10.0, 10.0, customer.now_ns)
    customer.buy("1", "101")  # 0.2 % of 101 is 0.202, a thousandth of 202
    (fill,) = customer.exchange.fills_since(0)
    assert (fill.fee_asset, fill.fee) == (BNB, Decimal("0.001"))
    assert customer.total(BNB) == 0


def test_third_asset_nobody_bids_for_is_replaced_by_what_is_received() -> None:
    customer = Customer(instrument=spot(charge=FeeCharge.THIRD), bnb="1")
    customer.exchange.on_quote(BNBUSDT, 0.0, 301.0, 0.0, 10.0, customer.now_ns)
    customer.buy("0.5", "101")
    (fill,) = customer.exchange.fills_since(0)
    assert (fill.fee_asset, fill.fee) == (BTC, Decimal("0.001"))


@pytest.mark.parametrize(
    ("charge", "maker", "taker", "locked"),
    [
        (FeeCharge.QUOTE, "0.001", "0.002", "90.18"),
        (FeeCharge.QUOTE, "0.003", "0.002", "90.27"),
        (FeeCharge.QUOTE, "-0.001", "-0.001", "90"),
        (FeeCharge.RECEIVED, "0.001", "0.002", "90"),
        (FeeCharge.THIRD, "0.001", "0.002", "90"),
    ],
)
def test_a_bid_locks_its_price_and_the_worst_fee_that_comes_on_top(
    charge: FeeCharge, maker: str, taker: str, locked: str
) -> None:
    customer = Customer(instrument=spot(charge=charge, maker=maker, taker=taker))
    customer.buy("1", "90")
    assert customer.locked(USDT) == Decimal(locked)
    assert customer.locked(BTC) == 0


def test_an_order_for_event_contracts_owes_one_rounded_fee_over_all_its_fills() -> None:
    owed, paid = Decimal(0), []
    for _ in range(5):
        fee, owed = event_charge(KALSHI, owed, Decimal("0.004"))
        paid.append(fee)
    assert paid == [Decimal(cents) / 100 for cents in (1, 0, 1, 0, 0)]


@pytest.mark.parametrize(("side", "staked"), [(Side.BUY, "0.40"), (Side.SELL, "0.60")])
def test_a_rate_on_event_contracts_is_on_what_is_staked(side: Side, staked: str) -> None:
    """Ten contracts that pay 5 each, at 40 cents: a seller stakes what is left to one."""
    market = binary("elsewhere", taker_fee=Decimal("0.02"), contract_size=Decimal(5))
    price = Decimal("0.40")
    units = event_units(market, side, Decimal(10), price, Liquidity.TAKER)
    assert units == 50 * Decimal(staked) * Decimal("0.02")
    assert event_charge(market, Decimal(1), units) == (units, 1 + units)
    assert event_units(market, side, Decimal(10), price, Liquidity.MAKER) == 0
