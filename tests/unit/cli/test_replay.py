"""`arbiter up --mode replay` as a person runs it, and what it leaves in its database."""

import asyncio
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import asyncpg

from arbiter.app.replay import DATABASE
from arbiter.storage.embedded import EmbeddedServer
from tests.fakes.recordings import lively_market, written
from tests.unit.cli.conftest import Run

SETTINGS = """
[spot]
min_profit_threshold = 0.0005
slippage_tolerance = 0.0003
cooldown_seconds = 1
max_trades_per_hour = 10000
use_trend_filter = false

[backtest.taker_fee]
alpha = 0.0001
beta = 0.0001
"""


async def stored_trades(home: Path) -> list[dict[str, Any]]:
    async with EmbeddedServer(home / "postgres") as server:
        connection = await asyncpg.connect(server.dsn_of(DATABASE))
        try:
            rows = await connection.fetch("SELECT * FROM trades ORDER BY seq")
        finally:
            await connection.close()
    return [dict(row) for row in rows]


def test_a_replay_stores_the_trades_that_a_backtest_makes(arbiter: Run, tmp_path: Path) -> None:
    recording = written(lively_market(4_000), tmp_path / "q.parquet")
    (tmp_path / "arbiter.toml").write_text(SETTINGS)
    replayed = arbiter("up", "--mode", "replay", "--data", str(recording), "--speed", "max")
    assert replayed.code == 0, replayed.err
    tested = arbiter("backtest", "spot", "--data", str(recording), "--json")
    trades = json.loads(tested.out)["trades"]
    assert len(trades) > 10
    stored = asyncio.run(stored_trades(tmp_path / "home"))
    assert [str(row["id"]) for row in stored] == [trade["id"] for trade in trades]
    assert [row["state"] for row in stored] == [trade["state"] for trade in trades]
    for row, trade in zip(stored, trades, strict=True):
        assert row["bought"] == Decimal(trade["bought"])
        assert row["sold"] == Decimal(trade["sold"])
        assert row["completed_ns"] == trade["completed_ns"]


def test_a_replay_without_data_and_data_without_a_replay_are_refused(arbiter: Run) -> None:
    for arguments in (("--mode", "replay"), ("--data", "q.parquet")):
        refused = arbiter("up", *arguments)
        assert refused.code == 1
        assert "--mode replay and --data FILE belong together" in refused.err


def test_a_replay_speed_that_is_no_number_is_refused(arbiter: Run) -> None:
    refused = arbiter("up", "--mode", "replay", "--data", "q.parquet", "--speed", "fast")
    assert refused.code == 1
    assert "give a number above 0, or max" in refused.err
