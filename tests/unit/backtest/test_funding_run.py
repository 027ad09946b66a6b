"""A made-up recording of funding: what pairs collect and cost, reckoned by hand."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from arbiter.app.funding_research import listings
from arbiter.backtest import funding_run
from arbiter.backtest.funding_report import summary
from arbiter.backtest.funding_run import HALF_SPREAD, FundingReport, Recording
from arbiter.model.errors import InvalidValue
from arbiter.model.money import ZERO, use_wide_context
from arbiter.model.time import NS_PER_MS, from_datetime
from arbiter.opportunities.funding_settings import FundingSettings

D = Decimal
START_MS = from_datetime(datetime(2026, 1, 1, tzinfo=UTC)) // NS_PER_MS
HOUR_MS = 3_600_000
PRICE = 50_000.0
SETTINGS = FundingSettings(max_rate_age_seconds=D(3_600), target_profit=D("0.5"))
Row = dict[str, object]


def settled(hour: int, venue: str, rate: float, **changes: object) -> Row:
    return {
        "ts_ms": START_MS + hour * HOUR_MS,
        "venue": venue,
        "base": "BTC",
        "source": "api",
        "rate": rate,
        "interval_hours": 8.0,
        "mark_price": PRICE,
        "ref_price": None,
    } | changes


def bar(hour: float, venue: str, price: float, **changes: object) -> Row:
    return {
        "ts_ms": START_MS + round(hour * HOUR_MS),
        "venue": venue,
        "market_type": "perp",
        "symbol": "BTCUSDT",
        "interval": "1h",
        "source": "api",
        "open": price,
    } | changes


def read(folder: Path, rows: Sequence[Row], bars: Sequence[Row] = ()) -> Recording:
    use_wide_context()
    types: Mapping[str, pl.DataType] = {"mark_price": pl.Float64(), "ref_price": pl.Float64()}
    funding, prices = folder / "funding.parquet", folder / "klines.parquet"
    pl.DataFrame(rows, schema_overrides=types).write_parquet(funding)
    if bars:
        pl.DataFrame(bars).write_parquet(prices)
    return funding_run.read(
        funding,
        prices if bars else None,
        bases=["BTC"],
        instruments=listings(["BTC"]),
        since_ns=START_MS * NS_PER_MS,
        until_ns=(START_MS + 10_000 * HOUR_MS) * NS_PER_MS,
    )


def run(recording: Recording, settings: FundingSettings = SETTINGS) -> FundingReport:
    return funding_run.run(recording, list(listings(["BTC"]).values()), settings)


def steady(hours: Sequence[int], **changes: object) -> list[Row]:
    """Binance's longs pay 0.1 %, bybit's receive 0.05 %."""
    return [
        row
        for hour in hours
        for row in (
            settled(hour, "binance", 0.001, **changes),
            settled(hour, "bybit", -0.0005, **changes),
        )
    ]


def test_a_pair_collects_from_the_settlement_after_the_one_it_was_opened_on(
    tmp_path: Path,
) -> None:
    report = run(read(tmp_path, steady(range(0, 40, 8))))
    (pair,) = report.pairs
    assert (pair.long_venue, pair.short_venue) == ("bybit_futures", "binance_futures")
    assert pair.opened == "2026-01-01T00:01:00Z"
    assert not pair.closed
    assert report.settlements == 10
    assert report.hours == 5
    # Opened a minute after the first of five; each leg of eight payments at its rate.
    assert pair.payments == 8
    assert pair.funding == pair.units * D(50_000) * D("0.0015") * 4 == report.funding


def test_what_a_pair_costs_is_fees_of_both_legs_and_the_spread_on_either_side(
    tmp_path: Path,
) -> None:
    report = run(read(tmp_path, steady(range(0, 16, 8))))
    (pair,) = report.pairs
    by_venue = {i.venue: i for i in listings(["BTC"]).values()}
    buy, sell = D(str(PRICE * (1 + HALF_SPREAD))), D(str(PRICE * (1 - HALF_SPREAD)))
    fees = pair.units * buy * by_venue["bybit_futures"].taker_fee  # type: ignore[index]
    fees += pair.units * sell * by_venue["binance_futures"].taker_fee  # type: ignore[index]
    assert report.fees == fees
    assert report.pnl == report.funding - fees - pair.units * (buy - sell)
    assert report.curve[-1][1:] == (report.funding, report.fees)
    (said,) = (line for line in summary(report) if "still open" in line)
    assert said.startswith("1 pairs were still open when the recording ended")


def test_a_pair_that_closed_leaves_nothing_open_to_be_told_of(tmp_path: Path) -> None:
    turned = [settled(hour, "binance", -0.002) for hour in range(24, 72, 8)]
    turned += [settled(hour, "bybit", -0.0005) for hour in range(24, 72, 8)]
    one_way = FundingSettings(
        max_rate_age_seconds=D(3_600),
        narrow_spread_exit_periods=1,
        target_profit=D("0.5"),
        cooldown_hours=D(10_000),
    )
    report = run(read(tmp_path, [*steady(range(0, 24, 8)), *turned]), one_way)
    (pair,) = report.pairs
    assert pair.reason == "SPREAD_REVERSED"
    assert pair.closed
    assert not any("still open" in line for line in summary(report))
    # Two settlements as hoped for; what was paid while it was being found out counts too.
    paid = pair.funding / (pair.units * 50_000)
    assert paid == 2 * D("0.0015") - 2 * D("0.0015")


def test_legs_are_paid_at_their_own_venues_price(tmp_path: Path) -> None:
    rows = steady(range(0, 16, 8))
    for row in rows:
        row["mark_price"] = 50_000.0 if row["venue"] == "binance" else 50_010.0
    report = run(read(tmp_path, rows))
    (pair,) = report.pairs
    assert report.funding == pair.units * (D(50_000) * D("0.001") + D(50_010) * D("0.0005"))
    assert {payment.mark for payment in report.payments} == {D("50000.0"), D("50010.0")}


def test_what_a_leg_has_to_pay_is_taken_off(tmp_path: Path) -> None:
    rows = [*steady([0]), settled(8, "binance", -0.0002), settled(8, "bybit", 0.0003)]
    report = run(read(tmp_path, rows))
    (pair,) = report.pairs
    assert report.funding == -pair.units * 50_000 * D("0.0005") < ZERO


def test_rates_are_ranked_over_eight_hours_and_fall_due_by_their_own_interval(
    tmp_path: Path,
) -> None:
    """0.0002 an hour is 0.0016 in eight: more than 0.001, though its own figure is less."""
    rows: list[Row] = []
    for hour in range(9):
        rows.append(settled(hour, "hyperliquid", 0.0002, interval_hours=1.0))
        if hour % 8 == 0:
            rows.append(settled(hour, "binance", 0.001))
    report = run(read(tmp_path, rows))
    (pair,) = report.pairs
    assert (pair.long_venue, pair.short_venue) == ("binance_futures", "hyperliquid")
    assert pair.entry_spread == D("0.0006")
    assert report.spreads[0][2] == pytest.approx(0.0006)
    # Eight hours short at 0.0002 against one settlement long at 0.001.
    assert report.funding == pair.units * 50_000 * (8 * D("0.0002") - D("0.001"))
    assert pair.payments == 9


# Where a price comes from


def test_a_price_is_the_venues_bar_then_its_mark_then_its_reference_then_anothers(
    tmp_path: Path,
) -> None:
    rows = [
        settled(0, "binance", 0.001),
        settled(8, "binance", 0.001, mark_price=50_100.0, ref_price=50_200.0),
        settled(16, "binance", 0.001, mark_price=0.0, ref_price=50_300.0),
        settled(24, "bybit", 0.001, mark_price=None),
    ]
    bars = [
        bar(0, "binance", 49_000.0),
        bar(0, "binance", 1.0, market_type="spot", source="aaa"),
        bar(8.5, "binance", 2.0),
        bar(8, "bybit", 3.0),
    ]
    recording = read(tmp_path, rows, bars)
    assert [float(row.price) for row in recording.rows] == [49_000.0, 50_100.0, 50_300.0, 50_300.0]
    assert recording.prices == {"klines": 1, "mark": 1, "reference": 1, "another venue": 1}


def test_no_price_is_taken_from_the_future(tmp_path: Path) -> None:
    rows = [settled(0, "bybit", 0.001, mark_price=None), settled(8, "binance", 0.001)]
    (row,) = read(tmp_path, rows).rows
    assert row.at_ns == (START_MS + 8 * HOUR_MS) * NS_PER_MS


def test_a_settlement_recorded_twice_is_one(tmp_path: Path) -> None:
    twice = [settled(0, "binance", 0.001, source=name) for name in ("b", "a")]
    assert len(read(tmp_path, twice).rows) == 1


def test_a_recording_of_nothing_that_was_asked_for_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidValue, match="has no funding of BTC"):
        read(tmp_path, [settled(-8, "binance", 0.001)])
