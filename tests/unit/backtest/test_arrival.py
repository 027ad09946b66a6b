"""Which book an order meets: the last one received before it arrives, and no later one."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import polars as pl
import pytest

from arbiter.backtest.run import Finished, run_backtest, run_replay
from arbiter.model.trades import TradeState
from arbiter.opportunities.spot_settings import TrendFilterMode
from tests.fakes.recordings import LIVELY, START_NS, low_fees, prepared, written

MS = 1_000_000
SPOT = msgspec.structs.replace(LIVELY, trend_filter_mode=TrendFilterMode.DISABLED)
EXACT = low_fees(
    commit_latency_ms=2.0, order_latency_ms=10.0, report_latency_ms=10.0, latency_jitter=0.0
)
FOUND_NS = MS
"""When the second venue's quote opens the spread."""
ARRIVES_NS = FOUND_NS + 12 * MS

Run = Callable[..., Finished]
both_ways = pytest.mark.parametrize("run", [run_backtest, run_replay])


def row(at_ns: int, venue: str, bid: float, ask: float) -> dict[str, object]:
    return {
        "recv_ts_ns": START_NS + at_ns,
        "exch_ts_ms": (START_NS + at_ns) // MS,
        "venue": venue,
        "market_type": "spot",
        "symbol": "BTCUSDT",
        "bid": bid,
        "ask": ask,
        "bid_size": 5.0,
        "ask_size": 5.0,
    }


OPEN = (row(0, "alpha", 99.9, 100.0), row(FOUND_NS, "beta", 102.0, 102.1))


def ran(run: Run, folder: Path, *rows: dict[str, object]) -> Finished:
    file = written(pl.DataFrame(list(rows)), folder / "q.parquet")
    return run(prepared([file], spot=SPOT, settings=EXACT))


@both_ways
@pytest.mark.parametrize(("moved_ns", "filled"), [(ARRIVES_NS - 1, False), (ARRIVES_NS, True)])
def test_an_order_meets_the_quote_received_before_it_arrives(
    run: Run, moved_ns: int, filled: bool, tmp_path: Path
) -> None:
    """Both books run away: a nanosecond before the orders are there, or at that very moment."""
    gone = (row(moved_ns, "alpha", 104.9, 105.0), row(moved_ns, "beta", 104.9, 105.0))
    finished = ran(run, tmp_path, *OPEN, *gone, row(10**9, "alpha", 104.9, 105.0))
    (trade,) = finished.prepared.tally.rows()
    if filled:
        assert trade.state is TradeState.COMPLETED
        assert [float(fill.price) for fill in trade.fills] == [100.0, 102.0]
    else:
        assert trade.state is TradeState.UNWOUND
        assert [float(fill.price) for fill in trade.fills] == [104.9, 105.0]  # sold, bought back
        assert trade.net < 0


@both_ways
def test_a_trade_under_way_at_the_last_quote_still_ends(run: Run, tmp_path: Path) -> None:
    finished = ran(run, tmp_path, *OPEN)
    (trade,) = finished.prepared.tally.rows()
    assert trade.state is TradeState.COMPLETED
    assert finished.prepared.tally.open_at_end() == []
    # Commit, way there, and way back of both legs' reports.
    assert trade.time_ns == 22 * MS
