"""Backtests of real recordings, where they are at hand.

The recordings may not be copied into the project: they are looked for in ``ARBITER_DATA`` or beside
the checkout, and without them these tests are skipped.
"""

import os
from pathlib import Path

import pytest

from arbiter.app.config import load
from arbiter.app.research import make_request
from arbiter.backtest.run import Finished, prepare, run_backtest, run_replay
from arbiter.model.trades import TradeState

ROOT = Path(__file__).resolve().parents[3]
DATA = Path(os.environ.get("ARBITER_DATA", ROOT.parent / "shared" / "data")) / "quotes.parquet"
EXAMPLE = ROOT / "examples" / "backtest-lunc.toml"

pytestmark = pytest.mark.skipif(not DATA.is_file(), reason=f"no recording {DATA}")


def run(config: Path | None, *symbols: str, replayed: bool = False) -> Finished:
    loaded = load(environment={}, file=config, working_directory=None, profiled=False)
    prepared = prepare(make_request(loaded, [DATA], symbols=symbols))
    return run_replay(prepared) if replayed else run_backtest(prepared)


def test_the_example_makes_hundreds_of_trades_alike_in_replay_and_backtest() -> None:
    scanned = run(EXAMPLE, "LUNC/USDT").prepared
    replayed = run(EXAMPLE, "LUNC/USDT", replayed=True).prepared
    rows = scanned.tally.rows()
    assert len(rows) >= 200
    assert any(row.state is TradeState.UNWOUND for row in rows)
    assert any(0 < fill.size < row.quantity for row in rows for fill in row.fills)
    assert replayed.tally.rows() == rows


def test_everyday_fees_leave_next_to_nothing_and_no_row_is_lost() -> None:
    finished = run(None)
    board = finished.prepared.session.core.board
    refused = sum(sum(faults.values()) for faults in board.fault_counts.values())
    counts = finished.counts
    assert counts.read == board.quotes_total + refused + counts.left_out + counts.out_of_order
    assert counts.left_out == 19_136  # COIN-M
    assert len(finished.prepared.tally.rows()) < 10
