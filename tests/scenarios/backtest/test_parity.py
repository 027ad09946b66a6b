"""Backtest and replay are one engine: the same file and settings, the same trades."""

import asyncio
from decimal import Decimal
from pathlib import Path

import msgspec
import polars as pl
import pytest

from arbiter.backtest.quotes import RecordedQuotes
from arbiter.backtest.replay import replay_paced
from arbiter.backtest.run import Prepared, run_backtest, run_replay
from arbiter.backtest.tally import TradeRow
from arbiter.model.ids import Asset
from arbiter.model.trades import TradeState
from arbiter.opportunities.spot_settings import TrendFilterMode
from arbiter.risk.limits import RiskLimits
from tests.fakes.recordings import LIVELY, START_NS, lively_market, low_fees, prepared, written


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(lively_market(), tmp_path_factory.mktemp("data") / "lively.parquet")


def partly_filled(row: TradeRow) -> bool:
    return any(0 < fill.size < row.quantity for fill in row.fills)


def same_outcome(scanned: Prepared, replayed: Prepared) -> None:
    assert scanned.tally.rows() == replayed.tally.rows()
    assert scanned.session.ledger.image() == replayed.session.ledger.image()
    assert scanned.tally.signals == replayed.tally.signals
    assert scanned.tally.verdicts == replayed.tally.verdicts
    assert scanned.tally.denials == replayed.tally.denials


def test_replay_and_backtest_make_the_same_trades_to_the_last_digit(recording: Path) -> None:
    scanned, replayed = prepared([recording]), prepared([recording])
    run_backtest(scanned)
    run_replay(replayed)
    rows = scanned.tally.rows()
    assert len(rows) >= 100
    assert any(row.state is TradeState.UNWOUND for row in rows)
    assert any(partly_filled(row) for row in rows)
    assert scanned.tally.verdicts["TREND_FILTER"] > 0
    same_outcome(scanned, replayed)


@pytest.mark.parametrize("latency", [0.0, 1.0, 250.0])
def test_parity_holds_whatever_the_latency(recording: Path, latency: float) -> None:
    settings = low_fees(
        order_latency_ms=latency, report_latency_ms=latency, commit_latency_ms=latency
    )
    scanned = prepared([recording], settings=settings)
    replayed = prepared([recording], settings=settings)
    run_backtest(scanned)
    run_replay(replayed)
    assert len(scanned.tally.rows()) > 50
    same_outcome(scanned, replayed)


def test_parity_holds_over_premium_filter_caps_and_a_long_silence(tmp_path: Path) -> None:
    first = lively_market(4_000, seed=1)
    later = lively_market(4_000, seed=2).with_columns(
        pl.col("recv_ts_ns") + 40 * 24 * 3_600_000_000_000,
        pl.col("exch_ts_ms") + 40 * 24 * 3_600_000,
    )
    file = written(pl.concat([first, later]), tmp_path / "gap.parquet")
    spot = msgspec.structs.replace(
        LIVELY,
        premium_detection=True,
        premium_samples=20,
        premium_min_samples=5,
        max_trades_per_hour=30,
    )
    scanned, replayed = prepared([file], spot=spot), prepared([file], spot=spot)
    run_backtest(scanned)
    run_replay(replayed)
    assert scanned.tally.verdicts["HOURLY_CAP"] > 0
    assert scanned.tally.verdicts["PREMIUM"] > 0
    same_outcome(scanned, replayed)


def test_parity_holds_while_a_dollar_token_is_worth_less_and_falls_silent(tmp_path: Path) -> None:
    market = lively_market(symbols=("BTC_USDC", "ETH_USDT"))
    first, last = market["recv_ts_ns"][0], market["recv_ts_ns"][-1]
    token = lively_market(2_000, seed=9, symbols=("USDC_USDT",)).with_columns(
        bid=pl.lit(0.9499), ask=pl.lit(0.9501), bid_size=pl.lit(5.0), ask_size=pl.lit(5.0)
    )
    silent = (pl.col("recv_ts_ns") - first).is_between((last - first) // 4, (last - first) * 3 // 4)
    token = token.filter(~silent)
    columns = market.columns
    file = written(
        pl.concat([market, token.select(columns)]).sort("recv_ts_ns"), tmp_path / "depeg.parquet"
    )
    spot = msgspec.structs.replace(LIVELY, quote_currencies=())
    settings = low_fees(usd_rate_max_age_s=Decimal(5))
    scanned = prepared([file], spot=spot, settings=settings)
    replayed = prepared([file], spot=spot, settings=settings)
    run_backtest(scanned)
    run_replay(replayed)
    assert scanned.session.rates.worth(Asset("USDC")) == Decimal("0.95")
    assert any("RATE_MISSING" in reason for reason in scanned.tally.denials)
    traded = {row.symbol for row in scanned.tally.rows()}
    assert traded == {"BTC/USDC", "ETH/USDT"}
    same_outcome(scanned, replayed)


def test_a_loss_limit_stops_both_at_the_same_trade(recording: Path) -> None:
    spot = msgspec.structs.replace(
        LIVELY,
        min_profit_threshold=Decimal(0),
        slippage_tolerance=Decimal(0),
        trend_filter_mode=TrendFilterMode.DISABLED,
    )
    limits = RiskLimits(max_concurrent_trades=8, daily_loss_limit_usd=Decimal("0.05"))
    dear = low_fees(order_latency_ms=400.0)
    scanned = prepared([recording], spot=spot, settings=dear, limits=limits)
    replayed = prepared([recording], spot=spot, settings=dear, limits=limits)
    run_backtest(scanned)
    run_replay(replayed)
    assert scanned.tally.killed is not None
    same_outcome(scanned, replayed)


def test_the_speed_of_a_replay_changes_nothing(tmp_path: Path) -> None:
    file = written(lively_market(1_500), tmp_path / "short.parquet")
    at_once, paced = prepared([file]), prepared([file])
    run_replay(at_once)
    asyncio.run(replay_paced(paced.session, paced.quotes, speed=1_000.0))
    assert len(at_once.tally.rows()) > 5
    same_outcome(at_once, paced)


def test_how_the_file_is_cut_up_changes_nothing(recording: Path, tmp_path: Path) -> None:
    whole, pieces = prepared([recording]), prepared([recording])
    pieces = msgspec.structs.replace(
        pieces, quotes=RecordedQuotes([recording], pieces.listing, chunk_rows=777)
    )
    run_backtest(whole)
    run_backtest(pieces)
    same_outcome(whole, pieces)

    frame = pl.read_parquet(recording)
    files = [
        written(frame.filter(pl.col("venue") == venue), tmp_path / f"{venue}.parquet")
        for venue in ("alpha", "beta")
    ]
    merged = prepared(files)
    run_backtest(merged)
    assert merged.tally.rows() == whole.tally.rows()


def test_the_seed_decides_latencies_and_ids_and_nothing_else_does(recording: Path) -> None:
    one, again, other = (prepared([recording], settings=low_fees(seed=seed)) for seed in (1, 1, 2))
    for run in (one, again, other):
        run_backtest(run)
    assert one.tally.rows() == again.tally.rows()
    assert [row.id for row in one.tally.rows()] != [row.id for row in other.tally.rows()]


def test_every_unit_is_where_the_exchanges_say(recording: Path) -> None:
    run = prepared([recording])
    run_backtest(run)
    session = run.session
    held = {
        (venue, holding.asset): (holding.total, holding.locked)
        for venue, exchange in session.exchanges.items()
        for holding in exchange.holdings()
    }
    booked = {key: (row.total, row.locked) for key, row in session.ledger.balances.items()}
    assert held == booked
    assert session.clock.now_ns() > START_NS
