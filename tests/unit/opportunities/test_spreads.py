"""Spreads as the spot API shows them."""

from decimal import Decimal

import pytest

from arbiter.model.errors import NotFound
from arbiter.model.ids import Symbol
from arbiter.opportunities.spreads import current_spreads, percent_of, profit_after_fees
from tests.unit.books.listings import BTC, T0, S
from tests.unit.opportunities.house import BTC_A, BTC_B, BTC_C, ETH_A, ETH_B, OPEN, House


def test_the_documented_sample_two_of_43249_is_0_0046_percent() -> None:
    assert round(percent_of(43251.00 - 43249.00, 43249.00), 4) == 0.0046
    assert round(percent_of(0.85, 43249.00), 3) == 0.002


def test_profit_is_after_both_taker_fees_and_before_slippage() -> None:
    paid = profit_after_fees(Decimal(100), Decimal(102), Decimal("0.001"), Decimal("0.002"))
    assert paid == Decimal("1.696")
    # Fees that leave 0.85 of the sample's 2.00, as its page shows.
    fee = (2 - Decimal("0.85")) / (43249 + 43251)
    assert float(profit_after_fees(Decimal(43249), Decimal(43251), fee, fee)) == pytest.approx(0.85)


def test_a_spread_shows_no_noise_of_its_floats() -> None:
    house = House(OPEN)
    house.quote(BTC_A, 43248.10, 43249.10)
    house.quote(BTC_B, 43249.30, 43250.00)
    row = current_spreads(house.board, house.registry, T0)[0]
    assert 43249.30 - 43249.10 != 0.2
    assert row.spread == 0.2
    assert len(repr(row.profit_after_fees)) < 14


def test_the_samples_own_quotes_show_no_executable_spread() -> None:
    house = House(OPEN)
    house.quote(BTC_B, 43249.00, 43250.50)
    house.quote(BTC_A, 43250.50, 43251.00)
    row = current_spreads(house.board, house.registry, T0)[0]
    assert (row.buy_venue, row.sell_venue, row.spread) == ("bybit", "binance", 0.0)
    assert row.profit_after_fees < 0


def test_a_row_carries_fractions_as_percent() -> None:
    house = House()
    house.open_spread()
    (row,) = current_spreads(house.board, house.registry, T0)
    assert (row.name, row.symbol) == ("BTCUSDT", BTC)
    assert (row.buy_venue, row.sell_venue) == ("binance", "bybit")
    assert (row.buy_price, row.sell_price) == (100.0, 102.0)
    assert row.spread == pytest.approx(2.0)
    assert row.spread_percent == pytest.approx(2.0)
    assert row.profit_after_fees == pytest.approx(1.798)
    assert row.profit_percent == pytest.approx(1.798)


def test_rows_come_best_profit_first_one_per_symbol() -> None:
    house = House()
    house.open_spread()
    house.quote(ETH_A, 99.9, 100.0)
    house.quote(ETH_B, 105.0, 105.1)
    rows = current_spreads(house.board, house.registry, T0)
    assert [row.name for row in rows] == ["ETHUSDT", "BTCUSDT"]
    assert len(current_spreads(house.board, house.registry, T0, limit=1)) == 1


def test_one_symbol_shows_every_direction() -> None:
    house = House()
    house.open_spread()
    house.quote(BTC_C, 101.0, 101.1)
    rows = current_spreads(house.board, house.registry, T0, symbol=BTC)
    assert len(rows) == 6
    assert (rows[0].buy_venue, rows[0].sell_venue) == ("binance", "bybit")


def test_min_profit_is_a_fraction_of_the_profit_after_fees() -> None:
    house = House()
    house.open_spread()
    for fraction, shown in ((0.0179, 1), (0.018, 0)):
        rows = current_spreads(house.board, house.registry, T0, min_profit=fraction)
        assert len(rows) == shown


def test_stale_quotes_are_not_shown() -> None:
    house = House()
    house.open_spread()
    assert current_spreads(house.board, house.registry, T0 + 6 * S) == []


def test_a_symbol_nobody_lists_is_not_found() -> None:
    house = House()
    with pytest.raises(NotFound, match="DOGE/USDT"):
        current_spreads(house.board, house.registry, T0, symbol=Symbol("DOGE/USDT"))
