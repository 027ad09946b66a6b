"""Limits refuse nonsense; a currency is worth what the table says, while it is fresh."""

from decimal import Decimal
from typing import Any

import pytest

from arbiter.model.errors import InvalidValue
from arbiter.model.ids import Asset
from arbiter.model.time import NS_PER_S
from arbiter.risk.limits import RiskLimits
from arbiter.risk.rates import USD, Rate, UsdRates, UsdRateSettings
from tests.unit.risk.world import NOW, USDT, D

USDC, EUR = Asset("USDC"), Asset("EUR")


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
    """USDC is told by a market, the others by words."""
    table = UsdRates(UsdRateSettings(words={EUR: D("1.08")}))
    table.follow([USDC])
    table.take(USDC, Rate(usd=D("0.95"), source="USDC/USD mid at kraken", as_of_ns=NOW))
    return table


def test_depegged_dollar_token_is_worth_its_rate(rates: UsdRates) -> None:
    assert rates.at(USDC, NOW) == D("0.95")
    assert rates.at(USD, NOW) == 1


def test_rate_too_old_is_no_rate_but_still_says_what_was_held_is_worth(rates: UsdRates) -> None:
    assert rates.at(USDC, NOW + 60 * NS_PER_S) == D("0.95")
    assert rates.at(USDC, NOW + 60 * NS_PER_S + 1) is None
    assert rates.worth(USDC) == D("0.95")


def test_rate_set_by_a_person_does_not_age(rates: UsdRates) -> None:
    assert rates.at(USDT, NOW + 10**18) == 1
    assert rates.at(EUR, NOW + 10**18) == D("1.08")


def test_currency_with_usd_in_its_name_is_not_a_dollar(rates: UsdRates) -> None:
    assert rates.at(Asset("PYUSD"), NOW) is None
    assert rates.worth(Asset("PYUSD")) is None


def test_word_does_not_stand_in_for_a_market_that_has_not_spoken() -> None:
    table = UsdRates(UsdRateSettings(words={USDC: D("0.99")}))
    assert table.at(USDC, NOW) == D("0.99")
    table.follow([USDC])
    assert table.at(USDC, NOW) is None
    assert table.worth(USDC) == D("0.99")


def test_bound_table_follows_the_clock(rates: UsdRates) -> None:
    moment = [NOW]
    lookup = rates.lookup(lambda: moment[0])
    assert lookup(USDC) == D("0.95")
    moment[0] += 61 * NS_PER_S
    assert lookup(USDC) is None


def test_rates_are_shown_with_source_and_age(rates: UsdRates) -> None:
    rows = {row.currency: row for row in rates.rows(NOW + 61 * NS_PER_S)}
    assert (rows[USDC].source, rows[USDC].as_of_ns) == ("USDC/USD mid at kraken", NOW)
    assert not rows[USDC].fresh
    assert (rows[USDT].source, rows[USDT].as_of_ns, rows[USDT].fresh) == ("par", None, True)
    assert rows[EUR].source == "settings"


@pytest.mark.parametrize("usd", [D(0), D(-1), Decimal("NaN")])
def test_rate_that_is_not_positive_is_refused(usd: Decimal) -> None:
    with pytest.raises(InvalidValue, match="positive"):
        Rate(usd=usd, source="typo")
    with pytest.raises(InvalidValue, match=r"usd_rates\.USDC must be a number above 0"):
        UsdRateSettings(words={USDC: usd})


@pytest.mark.parametrize("age", [D(0), D(-1), Decimal("NaN")])
def test_rate_that_may_not_age_at_all_is_refused(age: Decimal) -> None:
    with pytest.raises(InvalidValue, match="usd_rate_max_age_s"):
        UsdRateSettings(max_age_s=age)
