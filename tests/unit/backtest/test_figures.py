"""Figures of a result, checked by hand, and what is said beside them."""

from decimal import Decimal
from pathlib import Path

import msgspec
import polars as pl
import pytest

from arbiter.backtest.candour import quality, warnings
from arbiter.backtest.figures import drawdown, equity, figures
from arbiter.backtest.report import make_report
from arbiter.backtest.run import Finished, run_backtest
from arbiter.backtest.tally import TradeRow
from arbiter.model.money import ZERO
from arbiter.model.trades import TradeState
from arbiter.opportunities.spot_settings import SpotSettings
from tests.fakes.recordings import LIVELY, START_NS, lively_market, low_fees, prepared, written

S = 1_000_000_000


def trade(seq: int, net: str, *, start_s: float = 0.0, length_s: float = 1.0) -> TradeRow:
    started = START_NS + round(start_s * S)
    return TradeRow(
        seq=seq,
        id=str(seq),
        symbol="BTC/USDT",
        buy_venue="alpha",
        sell_venue="beta",
        state=TradeState.COMPLETED,
        reason="",
        started_ns=started,
        completed_ns=started + round(length_s * S),
        quantity=Decimal(1),
        planned_buy_price=Decimal(100),
        planned_sell_price=Decimal(101),
        actual_buy_price=Decimal(100),
        actual_sell_price=Decimal(101),
        bought=Decimal(1),
        sold=Decimal(1),
        edge=Decimal("0.01"),
        gross=Decimal(net),
        fees=ZERO,
        net=Decimal(net),
        slippage=ZERO,
        took_all=False,
        fills=(),
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    file = written(lively_market(8_000), tmp_path_factory.mktemp("data") / "lively.parquet")
    return run_backtest(prepared([file]))


def with_trades(finished: Finished, *rows: TradeRow) -> Finished:
    """Put made-up trades in place of a run's own."""
    tally = finished.prepared.tally
    changed = msgspec.structs.replace(finished.prepared, tally=type(tally)())
    changed.tally.trades.update({row.seq: row for row in rows})
    return msgspec.structs.replace(finished, prepared=changed)


def test_drawdown_is_the_largest_fall_from_a_peak_of_equity() -> None:
    rows = [trade(n, net, start_s=n) for n, net in enumerate(["10", "-4", "-2", "3", "20", "-5"])]
    assert [str(total) for _, total in equity(rows)] == ["10", "6", "4", "7", "27", "22"]
    worst = drawdown(rows, Decimal(90))
    assert worst.usd == 6
    assert worst.percent == 6  # 6 of 90 + 10


def test_overlapping_trades_count_their_time_once(finished: Finished) -> None:
    run = with_trades(
        finished,
        trade(1, "1", start_s=0, length_s=4),
        trade(2, "-1", start_s=2, length_s=4),
        trade(3, "1", start_s=10, length_s=1),
    )
    summed = figures(run)
    assert summed.seconds_in_trade == 7.0
    assert summed.mean_ms_in_trade == 3_000.0
    assert summed.hit_rate_percent == pytest.approx(200 / 3)
    assert summed.sharpe_daily is None


def test_sharpe_needs_days_and_counts_those_without_trades(finished: Finished) -> None:
    day = 86_400
    rows = [trade(1, "100"), trade(2, "40", start_s=2 * day)]
    ratio = figures(with_trades(finished, *rows)).sharpe_daily
    returns = [0.01, 0.0, 0.004]
    mean = sum(returns) / 3
    deviation = (sum((r - mean) ** 2 for r in returns) / 2) ** 0.5
    assert ratio == pytest.approx(mean / deviation * 365**0.5)


def test_the_counts_of_data_quality_add_up(finished: Finished) -> None:
    found = quality(finished)
    refused = sum(sum(reasons.values()) for reasons in found.refused.values())
    assert found.rows == found.accepted + found.left_out + found.out_of_order + refused == 8_000


def test_the_sums_of_a_run_are_those_of_its_trades_and_its_ledger(finished: Finished) -> None:
    report = make_report(finished)
    rows = report.trades
    assert report.figures.net == sum(row.net for row in rows)
    assert report.figures.net == report.figures.gross - report.figures.fees
    ledger = finished.prepared.session.ledger
    assert not ledger.open_trades()
    pnl = sum((trade.pnl or ZERO for trade in ledger.closed_trades.values()), ZERO)
    assert report.figures.net == pnl
    fills = [fill for row in rows for fill in row.fills]
    assert report.figures.volume == sum(fill.size * fill.price for fill in fills)


def test_the_result_is_json_with_a_list_of_trades(finished: Finished) -> None:
    decoded = msgspec.json.decode(msgspec.json.encode(make_report(finished)))
    assert len(decoded["trades"]) == decoded["figures"]["trades"] > 0
    assert decoded["trades"][0]["fills"][0]["price"]


def test_a_run_without_trades_says_how_far_off_it_was(tmp_path: Path) -> None:
    file = written(lively_market(3_000), tmp_path / "q.parquet")
    run = run_backtest(prepared([file], spot=SpotSettings(min_profit_threshold=Decimal("0.09"))))
    (said,) = warnings(run, figures(run))
    assert said.startswith("No trades with these settings: the best net edge")
    assert "0.09" in said


def test_a_market_without_sizes_is_said_to_be_untradable(tmp_path: Path) -> None:
    frame = lively_market(2_000).with_columns(
        pl.when(pl.col("venue") == "beta")
        .then(None)
        .otherwise(pl.col("bid_size"))
        .alias("bid_size")
    )
    run = run_backtest(prepared([written(frame, tmp_path / "q.parquet")], spot=LIVELY))
    assert any("without depth" in said for said in warnings(run, figures(run)))


@pytest.mark.parametrize("stated", [True, False])
def test_trading_contracts_of_unknown_size_is_warned_of(tmp_path: Path, stated: bool) -> None:
    frame = lively_market(3_000).with_columns(
        pl.when(pl.col("venue") == "beta")
        .then(pl.lit("perp"))
        .otherwise(pl.col("market_type"))
        .alias("market_type")
    )
    sizes = {"BTC_USDT": Decimal(1), "ETH_USDT": Decimal(1)}
    settings = low_fees(contract_size={"beta_futures": sizes} if stated else {})
    run = run_backtest(prepared([written(frame, tmp_path / "q.parquet")], settings=settings))
    assert run.prepared.tally.rows()
    said = [line for line in warnings(run, figures(run)) if "contract size" in line]
    assert bool(said) is not stated
