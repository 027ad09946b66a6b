"""The recorded years: what was collected, computed anew in the plainest way."""

import os
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from arbiter.app.funding_research import VENUES, day, listings
from arbiter.backtest import funding_run
from arbiter.backtest.funding_report import pair_rows, summary, write_html
from arbiter.backtest.funding_run import FundingReport, Recording
from arbiter.model.instruments import Instrument
from arbiter.model.money import ZERO, use_wide_context
from arbiter.model.time import rfc3339
from arbiter.opportunities.funding_settings import FundingSettings
from arbiter.risk.limits import RiskLimits

DATA = Path(os.environ.get("ARBITER_DATA", "../shared/data"))
FUNDING, KLINES = DATA / "funding.parquet", DATA / "klines.parquet"
BASES = ("BTC", "ETH")
SETTINGS = FundingSettings(
    max_rate_age_seconds=Decimal(3_600),
    min_funding_spread=Decimal("0.0002"),
    hold_hours=Decimal(168),
)

pytestmark = pytest.mark.skipif(
    not FUNDING.exists(), reason=f"the recorded data are not at {DATA}; set ARBITER_DATA"
)


@pytest.fixture(scope="module")
def recording() -> Recording:
    use_wide_context()
    return funding_run.read(
        FUNDING,
        KLINES,
        bases=BASES,
        instruments=listings(BASES),
        since_ns=day("2024-03-01"),
        until_ns=day("2024-06-01"),
    )


@pytest.fixture(scope="module")
def report(recording: Recording) -> FundingReport:
    instruments: list[Instrument] = list(listings(BASES).values())
    return funding_run.run(recording, instruments, SETTINGS)


def test_collected_funding_agrees_to_the_cent_with_a_plain_recomputation(
    recording: Recording, report: FundingReport
) -> None:
    """From the pairs' own lines and the file's rates: settlements strictly within each hold."""
    instruments = {i.id: i for i in listings(BASES).values()}
    names = {venue: name for name, venue in VENUES.items()}
    rates = {
        (ts * 1_000_000, venue, base): rate
        for ts, venue, base, rate in pl.read_parquet(FUNDING)
        .select("ts_ms", "venue", "base", "rate")
        .iter_rows()
    }
    total = 0.0
    for pair in report.pairs:
        base = pair.symbol.partition("/")[0]
        opened, closed = pair.opened, pair.closed or "9999"
        collected = 0.0
        for row in recording.rows:
            venue = instruments[row.instrument].venue
            at = rfc3339(row.at_ns)
            if instruments[row.instrument].base != base or not opened < at < closed:
                continue
            sign = {pair.long_venue: -1, pair.short_venue: 1}.get(venue, 0)
            rate = rates[row.at_ns, names[venue], base]
            collected += sign * float(pair.units) * float(row.price) * rate
        assert collected == pytest.approx(float(pair.funding), abs=0.005)
        total += collected
    assert report.pairs
    assert total == pytest.approx(float(report.funding), abs=0.005)


def test_the_same_recording_gives_the_same_report(
    recording: Recording, report: FundingReport
) -> None:
    again = funding_run.run(recording, list(listings(BASES).values()), SETTINGS)
    assert (again.pairs, again.funding, again.pnl) == (report.pairs, report.funding, report.pnl)


def test_a_loss_limit_stops_a_backtest_as_it_stops_the_engine(recording: Recording) -> None:
    limits = RiskLimits(daily_loss_limit_usd=Decimal("0.5"))
    instruments = list(listings(BASES).values())
    stopped = funding_run.run(recording, instruments, SETTINGS, limits=limits)
    assert "daily loss" in stopped.stopped
    assert "A loss limit stopped everything" in "\n".join(summary(stopped))
    assert all(pair.closed for pair in stopped.pairs)


def test_a_report_says_where_prices_came_from(report: FundingReport, tmp_path: Path) -> None:
    assert sum(report.prices.values()) == report.settlements
    lines = "\n".join(summary(report))
    assert "another venue" in lines
    assert len(pair_rows(report)) == len(report.pairs)
    assert report.fees > ZERO
    assert not report.stopped
    write_html(tmp_path / "report.html", report)
    assert "Cumulative funding" in (tmp_path / "report.html").read_text()
