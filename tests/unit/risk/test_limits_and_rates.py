"""Limits refuse nonsense; a currency is worth what the table says, while it is fresh."""

from decimal import Decimal
from typing import Any

import pytest

from arbiter.model.errors import InvalidValue
from arbiter.model.ids import Asset
from arbiter.model.time import NS_PER_S
from arbiter.risk.limits import RiskLimits
from arbiter.risk.rates import USD, Rate, UsdRates
from tests.unit.risk.world import NOW, USDT, D

USDC = Asset("USDC")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("max_trade_usd", D(0)),
        ("max_total_exposure_usd", D(-1)),
        ("daily_loss_limit_usd", D("NaN")),
        ("capital_base_usd", D("Infinity")),
        ("max_drawdown_percent", D("100.1")),
        ("max_concurrent_trades", 0),
        ("staleness_threshold_ms", 0),
        ("min_side_fraction", D(10)),
        ("market_slippage", D("-0.1")),
    ],
)
def test_limit_out_of_range_is_refused_by_name(field: str, value: object) -> None:
    changed: dict[str, Any] = {field: value}
    with pytest.raises(InvalidValue, match=field):
        RiskLimits(**changed)


@pytest.fixture
def rates() -> UsdRates:
    table = {
        USDT: Rate(usd=D(1), source="settings"),
        USDC: Rate(usd=D("0.95"), source="USDC/USD kraken", as_of_ns=NOW),
    }
    return UsdRates(table, max_age_ns=60 * NS_PER_S)


def test_depegged_dollar_token_is_worth_its_rate(rates: UsdRates) -> None:
    assert rates.at(USDC, NOW) == D("0.95")
    assert rates.at(USD, NOW) == 1


def test_rate_too_old_is_no_rate(rates: UsdRates) -> None:
    assert rates.at(USDC, NOW + 60 * NS_PER_S) == D("0.95")
    assert rates.at(USDC, NOW + 60 * NS_PER_S + 1) is None


def test_rate_set_by_a_person_does_not_age(rates: UsdRates) -> None:
    assert rates.at(USDT, NOW + 10**18) == 1


def test_currency_with_usd_in_its_name_is_not_a_dollar(rates: UsdRates) -> None:
    assert rates.at(Asset("FDUSD"), NOW) is None


def test_late_news_does_not_replace_a_newer_rate(rates: UsdRates) -> None:
    rates.update(USDC, Rate(usd=D("0.5"), source="late", as_of_ns=NOW - 1))
    assert rates.at(USDC, NOW) == D("0.95")
    rates.update(USDC, Rate(usd=D("0.97"), source="kraken", as_of_ns=NOW + 1))
    assert rates.at(USDC, NOW + 1) == D("0.97")


def test_bound_table_follows_the_clock(rates: UsdRates) -> None:
    moment = [NOW]
    lookup = rates.lookup(lambda: moment[0])
    assert lookup(USDC) == D("0.95")
    moment[0] += 61 * NS_PER_S
    assert lookup(USDC) is None


@pytest.mark.parametrize("usd", [D(0), D(-1), Decimal("NaN")])
def test_rate_that_is_not_positive_is_refused(usd: Decimal) -> None:
    with pytest.raises(InvalidValue, match="positive"):
        Rate(usd=usd, source="typo")
