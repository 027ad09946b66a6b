"""`arbiter backtest agents`: candles in, figures and a page out."""

from pathlib import Path

import polars as pl
import pytest
from msgspec.structs import replace

from arbiter.agents.rehearsal import RehearsalSettings, rehearse
from arbiter.agents.settings import TradingRules, VoteSettings
from arbiter.backtest.agents_report import AgentsRun, rows, summary, write_html
from arbiter.backtest.klines import read_klines
from arbiter.model.errors import BadConfig, NotFound
from arbiter.model.ids import Symbol
from arbiter.model.time import NS_PER_MINUTE
from tests.unit.agents.markets import bars_along
from tests.unit.agents.test_rehearsal import SETTINGS, waves


def candles(folder: Path, **changes: object) -> Path:
    bars = bars_along(waves(400))
    columns: dict[str, object] = {
        "ts_ms": bars.opens_ns // 1_000_000,
        "venue": "binance",
        "symbol": "BTCUSDT",
        "interval": "1m",
        "open": bars.open,
        "high": bars.high,
        "low": bars.low,
        "close": bars.close,
        "volume": bars.volume,
    }
    path = folder / "candles.parquet"
    pl.DataFrame(columns | changes).write_parquet(path)
    return path


def test_candles_are_read_in_order_and_once(tmp_path: Path) -> None:
    path = candles(tmp_path)
    shuffled = pl.read_parquet(path).sample(fraction=1.0, shuffle=True, seed=1)
    pl.concat([shuffled, shuffled.head(20)]).write_parquet(path)
    bars, venue, market, interval_ns = read_klines([path], "btc", venue=None, interval=None)
    assert (venue, market, interval_ns) == ("binance", "BTCUSDT", NS_PER_MINUTE)
    assert len(bars) == 400
    assert (bars.opens_ns[1:] > bars.opens_ns[:-1]).all()


def test_the_longest_series_is_taken_and_of_equal_ones_always_the_same(tmp_path: Path) -> None:
    one = pl.read_parquet(candles(tmp_path))
    venues = ["okx", "mexc", "kraken", "gateio", "bybit", "bitget", "htx", "kucoin"]
    equals = [one.head(300).with_columns(venue=pl.lit(venue)) for venue in venues]
    path = tmp_path / "many.parquet"
    pl.concat(equals).write_parquet(path)
    assert read_klines([path], "BTC", venue=None, interval=None)[1] == "bitget"
    longer = one.with_columns(venue=pl.lit("okx"), interval=pl.lit("5m"))
    pl.concat([*equals, longer]).write_parquet(path)
    bars, venue, _, interval_ns = read_klines([path], "BTC", venue=None, interval=None)
    assert (len(bars), venue, interval_ns) == (400, "okx", 5 * NS_PER_MINUTE)
    assert bars.opens_ns[0] == one["ts_ms"].min() * 1_000_000  # type: ignore[operator]


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    path = candles(tmp_path)
    with pytest.raises(NotFound, match="ETH"):
        read_klines([path], "ETH", venue=None, interval=None)
    with pytest.raises(NotFound):
        read_klines([path], "BTC", venue="kraken", interval=None)
    pl.DataFrame({"x": [1]}).write_parquet(path)
    with pytest.raises(BadConfig, match="close"):
        read_klines([path], "BTC", venue=None, interval=None)
    with pytest.raises(BadConfig):
        read_klines([tmp_path / "absent.parquet"], "BTC", venue=None, interval=None)


def a_run(settings: RehearsalSettings = SETTINGS) -> AgentsRun:
    bars = bars_along(waves())
    return AgentsRun(
        market="BTC<USDT>",
        venue="binance",
        interval_ns=NS_PER_MINUTE,
        bars=bars,
        settings=settings,
        result=rehearse(bars, Symbol("BTC/USDT"), NS_PER_MINUTE, settings),
    )


def test_the_figures_add_up_and_the_page_needs_nothing_else(tmp_path: Path) -> None:
    run = a_run()
    figures = summary(run)
    assert figures["pnl"] == sum(trip.pnl for trip in run.result.trips)
    assert figures["round_trips"] == len(run.result.trips) > 0
    assert figures["model"] == "rules-1"
    assert ("round trips", str(len(run.result.trips))) in rows(run)
    page = tmp_path / "out.html"
    write_html(page, run)
    text = page.read_text()
    assert "BTC&lt;USDT&gt;" in text
    assert "votes BUY" in text
    assert "<script src=" not in text


def test_returns_are_of_the_capital_and_of_holding_from_first_to_last_close() -> None:
    run = a_run()
    figures = summary(run)
    assert figures["return"] == pytest.approx(run.result.pnl / run.settings.capital)
    closes = run.bars.close
    assert figures["buy_and_hold_return"] == pytest.approx(closes[-1] / closes[0] - 1)
    won = sum(trip.pnl > 0 for trip in run.result.trips)
    assert figures["win_rate"] == won / len(run.result.trips)


def test_a_run_without_a_trade_is_a_report_too(tmp_path: Path) -> None:
    never = replace(SETTINGS, rules=TradingRules(min_confidence=1.0), voting=VoteSettings())
    run = a_run(never)
    assert summary(run)["win_rate"] == 0.0
    write_html(tmp_path / "out.html", run)
