"""Mode backtest: a run over recorded data, read through the family's own endpoints."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from arbiter.model.time import rfc3339
from tests.fakes.recordings import START_NS, lively_market, written
from tests.surfaces.spot.conftest import MakeEngine, until
from tests.surfaces.spot.harness import LiveEngine

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

SETTINGS = {
    "ARBITER__SPOT__MIN_PROFIT_THRESHOLD": "0.0005",
    "ARBITER__SPOT__SLIPPAGE_TOLERANCE": "0.0003",
    "ARBITER__SPOT__COOLDOWN_SECONDS": "1",
    "ARBITER__SPOT__MAX_TRADES_PER_HOUR": "10000",
    "ARBITER__SPOT__USE_TREND_FILTER": "false",
    "ARBITER__SPOT__TRADE_AMOUNT_USD": "50",
    "ARBITER__RISK__MAX_CONCURRENT_TRADES": "8",
    "ARBITER__RISK__MAX_TRADE_USD": "5000",
    "ARBITER__RISK__MAX_TOTAL_EXPOSURE_USD": "20000",
    "ARBITER__RISK__CAPITAL_BASE_USD": "100000",
    "ARBITER__BACKTEST__TAKER_FEE__ALPHA": "0.0001",
    "ARBITER__BACKTEST__TAKER_FEE__BETA": "0.0001",
}


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(lively_market(20_000), tmp_path_factory.mktemp("data") / "quotes.parquet")


@pytest.fixture(scope="module")
def engine(make_engine: MakeEngine, recording: Path) -> LiveEngine:
    engine = make_engine(**SETTINGS, ARBITER__BACKTEST__DATA=str(recording))
    with engine.client() as client:
        until(lambda: int(client.get("/status").json()["trades_today"]) >= 3)
    return engine


@pytest.fixture(scope="module")
def alone(engine: LiveEngine, recording: Path) -> dict[str, Any]:
    """The same as `arbiter backtest spot --json` tells it."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("ARBITER")}
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from arbiter.cli.main import main; main()",
            "backtest",
            "spot",
            "--data",
            str(recording),
            "--json",
        ],
        env=environment | SETTINGS | {"ARBITER_HOME": str(engine.home)},
        cwd=recording.parent,
        capture_output=True,
        check=True,
    )
    result: dict[str, Any] = json.loads(done.stdout)
    return result


@pytest.fixture
def client(engine: LiveEngine) -> Any:
    with engine.client() as client:
        at_rest(client, engine)
        yield client


def at_rest(client: httpx.Client, engine: LiveEngine) -> None:
    client.post("/trading/start").raise_for_status()
    client.post("/trading/stop").raise_for_status()
    until(lambda: not engine.do(engine.running.engine.core.ledger.open_trades))


def test_a_backtest_makes_the_trades_of_the_command_line(
    client: httpx.Client, alone: dict[str, Any]
) -> None:
    own = client.get("/trades", params={"limit": 1000}).json()
    started = client.post("/trading/start", json={"mode": "backtest"})
    assert started.status_code == 200, started.text
    assert started.json()["mode"] == "backtest"
    assert (started.json()["symbols_count"], started.json()["exchanges_count"]) == (2, 2)
    assert client.get("/status").json()["mode"] == "backtest"
    until(lambda: client.get("/status").json()["status"] == "stopped")
    status = client.get("/status").json()
    assert status["mode"] == "backtest"
    assert "at its end" in status["reason"]
    assert set(status["exchanges"]) == {"alpha", "beta"}

    assert len(alone["trades"]) > 50
    shown = client.get("/trades", params={"limit": 1000}).json()
    assert shown["total_count"] == len(alone["trades"])
    assert_same(shown["trades"][::-1], alone["trades"])

    figures, wanted = client.get("/performance").json(), alone["figures"]
    assert figures["start_date"][:7] == datetime.fromtimestamp(START_NS / 1e9, UTC).strftime(
        "%Y-%m"
    )
    assert figures["metrics"]["net_profit"] == pytest.approx(float(wanted["net"]))
    assert figures["metrics"]["total_fees"] == pytest.approx(float(wanted["fees"]))
    signals = client.get("/signals", params={"limit": 1000}).json()
    assert signals["total_count"] == wanted["signals"]
    analysed = client.post("/analytics/query", json={"query_type": "symbol_performance"})
    by_symbol = analysed.json()["results"]
    assert sum(row["profit"] for row in by_symbol.values()) == pytest.approx(float(wanted["net"]))
    assert set(client.get("/balances").json()["balances"]) == {"alpha", "beta"}
    assert client.get("/risk/limits").json()["limits"]["current_active_trades"] == 0
    detail = client.get("/trades/1").json()
    assert detail["id"] == 1
    assert detail["started_at"] == shown["trades"][-1]["started_at"]

    again = client.post("/trading/start", json={"mode": "simulation"})
    assert again.json()["mode"] == "simulation"
    status = client.get("/status").json()
    assert (status["mode"], status["status"]) == ("simulation", "running")
    assert "alpha" not in status["exchanges"]
    back = client.get("/trades", params={"limit": 1000}).json()
    assert back["total_count"] >= own["total_count"]
    numbers = {trade["id"]: trade for trade in back["trades"]}
    ended = [trade for trade in own["trades"] if trade["completed_at"]]
    assert ended
    assert [numbers[trade["id"]] for trade in ended] == ended


def assert_same(shown: list[dict[str, Any]], wanted: list[dict[str, Any]]) -> None:
    for here, there in zip(shown, wanted, strict=True):
        assert here["id"] == there["seq"]
        assert here["symbol"] == there["symbol"].replace("/", "")
        assert here["started_at"] == rfc3339(there["started_ns"])
        assert Decimal(repr(here["fees_paid"])) == Decimal(there["fees"])


def test_while_trading_runs_a_backtest_is_refused(client: httpx.Client) -> None:
    client.post("/trading/start").raise_for_status()
    refused = client.post("/trading/start", json={"mode": "backtest"})
    assert refused.status_code == 400
    error = refused.json()["error"]
    assert error["code"] == "INVALID_REQUEST"
    assert "stop it first" in error["message"]
    assert client.get("/status").json()["mode"] == "simulation"


def test_symbols_narrow_a_backtest_and_unknown_ones_are_refused(client: httpx.Client) -> None:
    refused = client.post("/trading/start", json={"mode": "backtest", "symbols": ["NOSUCH"]})
    assert refused.status_code == 400
    assert "NOSUCH" in refused.json()["error"]["message"]
    assert client.get("/status").json()["mode"] == "simulation"
    started = client.post("/trading/start", json={"mode": "backtest", "symbols": ["ETHUSDT"]})
    assert started.json()["symbols_count"] == 1
    until(lambda: client.get("/status").json()["status"] == "stopped")
    trades = client.get("/trades").json()["trades"]
    assert {trade["symbol"] for trade in trades} == {"ETHUSDT"}


def test_nobody_trades_in_a_backtest(client: httpx.Client) -> None:
    client.post("/trading/start", json={"mode": "backtest"}).raise_for_status()
    refused = client.post(
        "/batch/trades", json={"operations": [{"type": "cancel_trade", "trade_id": 1}]}
    )
    assert refused.status_code == 403
    assert refused.json()["error"]["code"] == "TRADING_DISABLED"


def test_stop_ends_a_backtest_where_it_is(make_engine: MakeEngine, tmp_path: Path) -> None:
    long = written(lively_market(600_000, seed=9), tmp_path / "long.parquet")
    engine = make_engine(**SETTINGS, ARBITER__BACKTEST__DATA=str(long))
    with engine.client() as client:
        at_rest(client, engine)
        client.post("/trading/start", json={"mode": "backtest"}).raise_for_status()
        assert client.get("/status").json()["status"] == "running"
        stopped = client.post("/trading/stop").json()
        assert stopped["success"]
        status = client.get("/status").json()
        assert (status["mode"], status["status"]) == ("backtest", "stopped")
        assert "was stopped" in status["reason"]
        done = client.get("/trades", params={"status": "completed", "limit": 1}).json()
        assert done["total_count"] == stopped["trades_completed"]


def test_without_recorded_data_the_setting_is_named(make_engine: MakeEngine) -> None:
    engine = make_engine()
    with engine.client() as client:
        at_rest(client, engine)
        refused = client.post("/trading/start", json={"mode": "backtest"})
        assert refused.status_code == 400
        assert "backtest.data" in refused.json()["error"]["message"]


def test_data_that_cannot_be_read_are_refused_with_the_reason(
    make_engine: MakeEngine, tmp_path: Path
) -> None:
    engine = make_engine(ARBITER__BACKTEST__DATA=str(tmp_path / "gone.parquet"))
    with engine.client() as client:
        at_rest(client, engine)
        refused = client.post("/trading/start", json={"mode": "backtest"})
        assert refused.status_code == 400
        assert "gone.parquet" in refused.json()["error"]["message"]
        assert client.get("/status").json()["mode"] == "simulation"
