"""The desk of a whole engine that trades on simulated venues: what it says is what happened."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from arbiter.model.ids import StrategyId, strategy_uuid
from arbiter.model.money import ZERO
from arbiter.storage import migrate
from tests.fakes.postgres import PostgresForTests
from tests.surfaces.spot.conftest import until
from tests.surfaces.spot.harness import LiveEngine, free_port

SPOT = StrategyId("spot-arbitrage")
SPOT_ID = str(strategy_uuid(SPOT))


async def _migrate(url: str) -> None:
    await migrate.upgrade(url)


@pytest.fixture
def engine(
    postgres_server: PostgresForTests, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[LiveEngine]:
    postgres_server.build_template("ledger", _migrate)
    tmp_path.chmod(0o700)
    port = free_port()
    with postgres_server.fresh(template="ledger") as database:
        engine = LiveEngine(
            tmp_path,
            database.url,
            {
                "ARBITER__LISTEN__SPOT_ENABLED": "false",
                "ARBITER__LISTEN__DESK_ENABLED": "true",
                "ARBITER__LISTEN__DESK_PORT": str(port),
            },
        )
        engine.base = f"http://127.0.0.1:{port}"
        try:
            yield engine.start()
        finally:
            engine.destroy()


@pytest.fixture
def http(engine: LiveEngine) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=engine.base, timeout=30.0) as client:
        until(lambda: len(client.get("/api/trading/fills").json()) >= 6)
        yield client


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_running_engine_is_seen_steered_and_stopped_over_the_desk(
    engine: LiveEngine, http: httpx.Client
) -> None:
    def get(path: str, **query: Any) -> Any:
        answer = http.get(path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    overview = get("/api/desk/overview")
    assert (overview["mode"], overview["status"]) == ("sim", "running")
    assert all(venue["connected"] for venue in overview["venues"])
    markets = get("/api/desk/markets")
    assert len(markets["rows"]) == 8
    assert all(len(row["quotes"]) == 4 for row in markets["rows"])

    # A budget that leaves nothing: every plan from now on is denied, leg by leg.
    path = f"/api/budget/{SPOT_ID}/USDT"
    assert http.put(path, json={"allocated": 0.01}).status_code == 200

    def over_budget() -> list[dict[str, Any]]:
        denied = get("/api/trading/orders", status="DENIED")
        return [row for row in denied if row["reason"].startswith("BUDGET_EXCEEDED")]

    until(lambda: len(over_budget()) >= 4)
    told = get(f"/api/trading/orders/{over_budget()[0]['client_order_id']}/deny-reason")
    assert told["code"] == "BUDGET_EXCEEDED"
    assert http.put(path, json={"allocated": 100_000}).status_code == 200

    # The kill switch proves every venue flat, and nothing trades until it is released.
    report = http.post("/api/desk/kill-switch", json={"reason": "a test"}).json()
    assert report["flat"]
    assert {proof["venue"] for proof in report["venues"]} == {"binance", "bybit", "okx", "kraken"}
    assert get("/api/desk/overview")["status"] == "killed"
    until(lambda: not get("/api/desk/trades", state="open"))
    before = get("/api/trading/summary")["fills"]
    assert engine.running.engine.core.ledger.kill_switch.reason == "a test"

    # Standing still, what the desk says is what the raw fills and the ledger say.
    fills = get("/api/trading/fills", limit=1000)
    assert len(fills) == before
    summary = get("/api/trading/fills/summary")
    assert summary["notional"] == pytest.approx(
        sum(fill["last_qty"] * fill["last_px"] for fill in fills)
    )
    trades = get("/api/desk/trades", limit=1000)
    ledger = engine.running.engine.core.ledger
    made = float(ledger.cumulative_pnl)
    by_trades = sum(trade["pnl"] for trade in trades if trade["pnl"] is not None)
    met = float(sum((row.realized_pnl for row in ledger.residuals.values()), ZERO))
    assert made == pytest.approx(by_trades + met)
    # The sum per family is read every few seconds at most.
    until(
        lambda: get("/api/desk/overview")["families"][0]["pnl_today"] == pytest.approx(made),
    )
    equity = get("/api/desk/equity", period="all")["points"]
    assert equity[-1]["cumulative_pnl"] == pytest.approx(made)
    realized = sum((row.realized_pnl for row in ledger.positions.values()), ZERO)
    pnl = get(f"/api/budget/{SPOT_ID}/pnl/realized")
    assert pnl["realized_pnl"]["USDT"] == pytest.approx(float(realized))
    closed = get("/api/trading/positions", status="closed", limit=1000)
    held = get("/api/trading/positions")
    assert pnl["realized_pnl"]["USDT"] == pytest.approx(
        sum(row["realized_pnl"] for row in (*closed, *held))
    )

    seq = next(trade["id"] for trade in trades if trade["state"] == "COMPLETED")
    story = get(f"/api/desk/trades/{seq}")
    kinds = [step["kind"] for step in story["timeline"]]
    assert kinds[0] == "planned"
    assert 2 <= kinds.count("sent") == len(story["orders"]), "a leg may need a second order"
    assert kinds.count("filled") == len(story["fills"])
    assert story["signal"]["executed"]

    actions = [row["action"] for row in get("/api/trading/audit")]
    assert actions == ["kill_switch.engage", "budget.set", "budget.set"]
    assert http.delete("/api/desk/kill-switch").json()["engaged"] is False
    until(lambda: get("/api/trading/summary")["fills"] > before)
