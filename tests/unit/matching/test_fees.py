"""Fees: what is charged, in which asset, and what the account shows afterwards."""

from decimal import Decimal

import pytest

from arbiter.model.instruments import FeeCharge
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
