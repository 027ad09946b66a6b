"""A recorded pair of event markets: what the report says, computed anew in the plainest way."""

import math
import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from arbiter.app.config import load
from arbiter.app.event_research import run_events
from arbiter.backtest.event_report import candour, summary, trade_rows, write_html
from arbiter.backtest.event_run import EventReport
from arbiter.model.errors import InvalidValue, NotFound
from arbiter.model.event_pairs import Polarity

ROOT = Path(__file__).parents[3]
DATA = Path(os.environ.get("ARBITER_DATA", ROOT.parent / "shared" / "data"))
FED = DATA / "pred_pair_fed_dec2025_nochange_30min.parquet"
PAYOUT = "2025-12-10"
START_MS = 1_763_272_800_000
HALF_HOUR_MS = 1_800_000
recorded = pytest.mark.skipif(not FED.exists(), reason=f"no recording at {FED}; set ARBITER_DATA")


def backtest(
    file: Path, polarity: Polarity = Polarity.SAME, payout: str | None = PAYOUT, **changes: Any
) -> EventReport:
    flags = {f"{name.replace('__', '.')}": ("test", str(value)) for name, value in changes.items()}
    return run_events(load(environment={}, flags=flags), file, payout=payout, polarity=polarity)


def row(at: int, poly: tuple[float, float], kalshi: tuple[float, float]) -> dict[str, float]:
    """Best YES bid and ask of both, 1,000 contracts at each."""
    told: dict[str, float] = {"timestamp_ms": START_MS + at * HALF_HOUR_MS}
    for name, (bid, ask) in (("poly", poly), ("kalshi", kalshi)):
        told |= {f"{name}_best_bid_yes": bid, f"{name}_yes_ask": ask}
        told |= {f"{name}_depth_best_yes": 1_000.0, f"{name}_depth_best_no": 1_000.0}
    return told


def written(folder: Path, *rows: dict[str, float]) -> Path:
    file = folder / "pair.parquet"
    pl.DataFrame(rows).write_parquet(file)
    return file


FLAT = row(0, (0.50, 0.51), (0.50, 0.51))
OPEN = row(1, (0.39, 0.40), (0.50, 0.51))


def test_an_edge_is_locked_in_until_the_payout(tmp_path: Path) -> None:
    report = backtest(written(tmp_path, FLAT, OPEN), pairs__cap_usd=500)
    (trade,) = report.trades
    assert (trade.first, trade.second) == ("BUY 0.4", "SELL 0.5")
    assert report.openings == 1
    contracts = int(trade.size)
    fee = math.ceil(contracts * 7 * 25 / 100) / Decimal(100)  # 0.07 · 0.5 · 0.5, in cents, up
    assert trade.fees == fee
    assert report.locked == contracts * Decimal("0.9") + fee
    assert report.profit == contracts - report.locked
    assert report.divergence_loss == report.locked


def test_an_opening_of_many_rows_is_one_and_stops_at_the_cap(tmp_path: Path) -> None:
    rows = [row(at, (0.39, 0.40), (0.50, 0.51)) for at in range(9)]
    report = backtest(written(tmp_path, *rows), pairs__cap_usd=500)
    assert report.openings == 1
    assert len(report.trades) + sum(report.refusals.values()) == 9
    assert set(report.refusals) == {"SIZE: pair_cap"}
    assert 490 < report.locked <= 500


def test_a_long_recordings_report_holds_trades_the_ledger_has_forgotten(tmp_path: Path) -> None:
    """The ledger keeps the last thousand that closed."""
    rows = [row(at, (0.39, 0.40), (0.50, 0.51)) for at in range(1_003)]
    file = written(tmp_path, *rows)
    report = backtest(file, payout="2026-12-10", events__max_position_size=2, pairs__cap_usd=10_000)
    assert len(report.trades) + sum(report.refusals.values()) == len(rows)
    assert len(report.trades) > 1_000
    assert report.contracts == sum(trade.size for trade in report.trades)
    assert report.locked == sum(trade.cost + trade.fees for trade in report.trades)


def test_a_complement_takes_yes_on_both_venues(tmp_path: Path) -> None:
    file = written(tmp_path, row(0, (0.39, 0.40), (0.48, 0.49)))
    (trade,) = backtest(file, Polarity.COMPLEMENT).trades
    assert (trade.first, trade.second) == ("BUY 0.4", "BUY 0.49")


def test_waiting_longer_for_the_payout_costs_more_capital(tmp_path: Path) -> None:
    file = written(tmp_path, OPEN)
    soon, late = backtest(file), backtest(file, payout="2026-12-10")
    assert late.capital > 10 * soon.capital
    assert late.profit == soon.profit
    assert late.net < soon.net


def test_a_years_return_is_profit_over_what_was_spent_and_the_time_it_was_locked(
    tmp_path: Path,
) -> None:
    report = backtest(written(tmp_path, OPEN))
    (trade,) = report.trades
    ends_ms = 1_765_411_200_000  # the end of 2025-12-10
    days = Decimal(ends_ms - START_MS - HALF_HOUR_MS) / 86_400_000
    spent = trade.cost + trade.fees
    expected = report.profit / spent * 365 / days
    assert report.annual_return is not None
    assert abs(report.annual_return - expected) < Decimal("1e-9")
    assert abs(report.capital - spent * Decimal("0.05") * days / 365) < Decimal("1e-9")


def test_books_that_are_no_books_are_counted_as_refused(tmp_path: Path) -> None:
    report = backtest(written(tmp_path, FLAT, row(1, (0.60, 0.50), (0.50, 0.51))))
    assert report.refused_quotes == 1


def test_each_side_shows_its_own_depth(tmp_path: Path) -> None:
    """YES is bought at the first venue from who bids for NO there; NO at the other from YES bids."""
    told = OPEN | {"poly_depth_best_no": 40.0, "kalshi_depth_best_yes": 60.0}
    (trade,) = backtest(written(tmp_path, told)).trades
    assert trade.size == 40
    told = OPEN | {"poly_depth_best_no": 60.0, "kalshi_depth_best_yes": 30.0}
    (trade,) = backtest(written(tmp_path, told)).trades
    assert trade.size == 30


def test_the_best_edges_are_those_of_the_better_row_and_way(tmp_path: Path) -> None:
    report = backtest(written(tmp_path, OPEN, row(2, (0.10, 0.90), (0.10, 0.90))))
    assert report.best_gross == Decimal("0.1")
    assert report.best_net is not None
    assert Decimal("0.07") < report.best_net < Decimal("0.085")


def test_without_an_edge_the_report_says_how_near_it_came(tmp_path: Path) -> None:
    report = backtest(written(tmp_path, FLAT))
    assert report.trades == ()
    assert report.best_gross == Decimal("-0.01")
    assert "best edge of a contract: -0.0100 before fees" in "\n".join(summary(report))


def test_the_report_carries_the_caveat_of_its_buckets(tmp_path: Path) -> None:
    rows = [row(at, (0.39, 0.40), (0.50, 0.51)) for at in range(3)]
    report = backtest(written(tmp_path, *rows))
    assert report.bucket_minutes == 30.0
    caveat = "share a bucket of 30 minutes and nothing else"
    assert caveat in "\n".join(summary(report))
    page = tmp_path / "report.html"
    write_html(page, report)
    assert caveat in page.read_text()
    assert "No day of payout" not in "\n".join(candour(report))
    blind = backtest(written(tmp_path, *rows), payout=None)
    assert "No day of payout was given" in "\n".join(candour(blind))


# The live engine's own: gate, legs and venues.


def soon(at_ms: float, poly: tuple[float, float], kalshi: tuple[float, float]) -> dict[str, float]:
    """A row so many milliseconds after the first."""
    return row(0, poly, kalshi) | {"timestamp_ms": START_MS + at_ms}


def test_live_gates_limits_hold_here_too(tmp_path: Path) -> None:
    file = written(tmp_path, FLAT, OPEN)
    (whole,) = backtest(file, pairs__cap_usd=500).trades
    report = backtest(file, pairs__cap_usd=500, risk__max_total_exposure_usd=100)
    assert report.trades == ()
    assert sum(report.refusals.values()) == 1
    assert next(iter(report.refusals)) == "TOTAL_EXPOSURE: exposure"
    assert whole.cost > 100


def test_books_that_moved_before_the_intents_were_durable_are_not_traded(tmp_path: Path) -> None:
    rows = [soon(0, (0.39, 0.40), (0.50, 0.51)), soon(1, (0.49, 0.50), (0.50, 0.51))]
    report = backtest(written(tmp_path, *rows), backtest__commit_latency_ms=20)
    assert report.trades == ()
    assert [why.partition(":")[0] for why in report.refusals] == ["EDGE"]


def test_orders_meet_the_books_of_their_arrival(tmp_path: Path) -> None:
    """Both prices are gone when they come: nothing is filled."""
    rows = [soon(0, (0.39, 0.40), (0.50, 0.51)), soon(5, (0.45, 0.46), (0.45, 0.46))]
    report = backtest(written(tmp_path, *rows), backtest__order_latency_ms=50)
    assert report.trades == ()
    assert report.openings == 1
    assert sum(report.refusals.values()) == 1


@pytest.mark.parametrize(
    ("poly", "kalshi", "legs"),
    [
        ((0.49, 0.50), (0.50, 0.51), ("BUY -", "SELL 0.5")),
        ((0.39, 0.40), (0.40, 0.41), ("BUY 0.4", "SELL -")),
    ],
)
def test_leg_whose_other_leg_vanishes_is_closed_again_at_a_loss(
    tmp_path: Path,
    poly: tuple[float, float],
    kalshi: tuple[float, float],
    legs: tuple[str, str],
) -> None:
    rows = [soon(0, (0.39, 0.40), (0.50, 0.51)), soon(5, poly, kalshi)]
    report = backtest(written(tmp_path, *rows), backtest__order_latency_ms=50)
    (trade,) = report.trades
    assert (trade.first, trade.second) == legs
    assert not trade.size
    assert not report.alone
    closed = trade.cost / Decimal("0.01")
    assert closed == int(closed) > 0, "a cent, the spread, of each contract"
    assert report.net == -trade.cost - trade.fees


def test_recording_of_seconds_gives_no_opening_between_two_rows_books(tmp_path: Path) -> None:
    """One venue's book beside what the other showed a second before is no row."""
    rows = [soon(0, (0.39, 0.40), (0.40, 0.41)), soon(1_000, (0.59, 0.60), (0.60, 0.61))]
    assert backtest(written(tmp_path, *rows)).openings == 0


@pytest.mark.parametrize(
    ("drop", "told"),
    [("kalshi_yes_ask", "lacks the column kalshi_yes_ask"), ("kalshi_best_bid_yes", "two venues")],
)
def test_a_file_without_both_books_is_refused(tmp_path: Path, drop: str, told: str) -> None:
    rest = {name: value for name, value in OPEN.items() if name != drop}
    with pytest.raises(InvalidValue, match=told):
        backtest(written(tmp_path, rest))


def test_other_mistakes_are_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="there is no file"):
        backtest(tmp_path / "absent.parquet")
    with pytest.raises(InvalidValue, match="before the recording's end"):
        backtest(written(tmp_path, OPEN), payout="2020-01-01")


@recorded
def test_the_recorded_fed_pair_never_paid_two_cents_after_costs() -> None:
    report = backtest(FED)
    assert report.rows == 603
    assert report.best_gross == Decimal("0.03")
    assert report.trades == ()


@recorded
@pytest.mark.parametrize("min_spread", ["0.005", "0.01"])
def test_the_recorded_fed_pair_agrees_with_a_plain_recomputation(min_spread: str) -> None:
    """From the file alone: rows that pay after Kalshi's rounded fee and the cost of the capital."""
    report = backtest(FED, events__min_spread=min_spread, pairs__cap_usd=1_000_000)
    payout_ms = 1_765_411_200_000  # the end of 2025-12-10
    frame = pl.read_parquet(FED).sort("timestamp_ms")
    expected = []
    for told in frame.iter_rows(named=True):
        ways = (
            (told["poly_yes_ask"], 1 - told["kalshi_best_bid_yes"], "poly_depth_best_no",
             "kalshi_depth_best_yes"),
            (1 - told["poly_best_bid_yes"], told["kalshi_yes_ask"], "poly_depth_best_yes",
             "kalshi_depth_best_no"),
        )  # fmt: skip
        nets = []
        for one, two, shown, other in ways:
            poly, kalshi = round(one, 4), round(two, 4)
            size = math.floor(min(told[shown], told[other], round(1_000 / (poly + kalshi), 9)))
            if size < 1:
                continue
            fee = math.ceil(round(7 * size * kalshi * (1 - kalshi), 6)) / 100
            spent = size * (poly + kalshi) + fee
            days = (payout_ms - told["timestamp_ms"]) / 86_400_000
            nets.append((size - spent - spent * 0.05 * days / 365) / size)
        if nets and max(nets) >= float(min_spread):
            expected.append(told["timestamp_ms"])
    traded = [trade.at for trade in report.trades]
    assert len(traded) + sum(report.refusals.values()) == len(expected)
    assert traded
    assert report.net == sum((trade.net for trade in report.trades), Decimal(0))
    for trade in report.trades:
        assert trade.net >= Decimal(min_spread) * trade.size
    assert len(trade_rows(report)) == len(traded)


@recorded
def test_the_same_recording_gives_the_same_report() -> None:
    one, other = (backtest(FED, events__min_spread="0.005") for _ in range(2))
    assert (one.trades, one.net, one.edges) == (other.trades, other.net, other.edges)
