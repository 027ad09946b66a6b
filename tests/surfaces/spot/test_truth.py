"""Figures of the API recomputed from what happened: fills, balances, settings."""

import asyncio
import math
import statistics
import time
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, NamedTuple

import asyncpg
import httpx
import pytest

from arbiter.model.time import utc_date
from tests.surfaces.spot.conftest import MakeEngine, until
from tests.surfaces.spot.harness import LiveEngine

ENDED = ("COMPLETED", "UNWOUND", "FAILED", "ABANDONED")


class Told(NamedTuple):
    """One trade's account, from its fills alone."""

    symbol: str
    gross: Decimal
    fees: Decimal
    bought: Decimal
    completed: bool
    started_ns: int
    ended_ns: int

    @property
    def net(self) -> Decimal:
        return self.gross - self.fees

    @property
    def successful(self) -> bool:
        return self.completed and self.net > 0


@pytest.fixture(scope="module")
def stopped(make_engine: MakeEngine) -> LiveEngine:
    """An engine that has traded, unwound some legs, and now stands still."""
    engine = make_engine(
        ARBITER__SIM__DEPTH_USD="30",
        ARBITER__SIM__ORDER_LATENCY_MS="60",
        ARBITER__EXECUTION__UNWIND_ATTEMPTS="3",
        ARBITER__EXECUTION__HEDGE_RESIDUALS="false",  # leftovers are hedged after a stop as well
    )
    with engine.client() as client:
        until(lambda: int(client.get("/trades").json()["total_count"]) >= 25)
        until(lambda: int(client.post("/trading/stop").json()["pending_trades"]) == 0)
        client.post("/trading/stop")  # its commit comes after all that happened before
    return engine


@pytest.fixture
def still(stopped: LiveEngine) -> Iterator[httpx.Client]:
    with stopped.client() as client:
        yield client


@pytest.fixture(scope="module")
def told(stopped: LiveEngine) -> list[Told]:
    """Every ended trade that filled something, from the tables of fills and of the journal."""

    async def read() -> tuple[list[Any], list[Any]]:
        connection = await asyncpg.connect(
            stopped.environment["DATABASE_URL"].replace("+asyncpg", "")
        )
        try:
            fills = await connection.fetch("SELECT * FROM fills ORDER BY seq")
            events = await connection.fetch(
                "SELECT trade_id, at_ns, kind, body->>'state' AS state FROM events "
                "WHERE kind IN ('TradeOpened', 'TradeAdvanced') ORDER BY seq"
            )
        finally:
            await connection.close()
        return fills, events

    fills, events = asyncio.run(read())
    life: dict[Any, dict[str, Any]] = defaultdict(dict)
    for event in events:
        life[event["trade_id"]].setdefault("started", event["at_ns"])
        if event["state"] in ENDED:
            life[event["trade_id"]].setdefault("ended", event["at_ns"])
            life[event["trade_id"]]["state"] = event["state"]
        else:  # a trade that had ended was taken up again
            life[event["trade_id"]].pop("ended", None)
    by_trade: dict[Any, list[Any]] = defaultdict(list)
    for fill in fills:
        by_trade[fill["trade_id"]].append(fill)
    return [_account(by_trade[key], **life[key]) for key in by_trade if "ended" in life[key]]


def _account(fills: list[Any], started: int, ended: int, state: str) -> Told:
    sums = {side: [Decimal(0), Decimal(0)] for side in ("BUY", "SELL")}
    fees = Decimal(0)
    base, quote = "", "USDT"
    for fill in fills:
        base = fill["instrument"].partition(".")[0].removesuffix(quote)
        sums[fill["side"]][0] += fill["size"]
        sums[fill["side"]][1] += fill["size"] * fill["price"]
        fees += fill["fee"] if fill["fee_asset"] == quote else fill["fee"] * fill["price"]
    (bought, spent), (sold, received) = sums["BUY"], sums["SELL"]
    matched = min(bought, sold)
    gross = Decimal(0)
    if matched:
        gross = received * matched / sold - spent * matched / bought
    return Told(f"{base}{quote}", gross, fees, bought, state == "COMPLETED", started, ended)


def near(value: Decimal | float) -> Any:
    return pytest.approx(float(value), rel=1e-9, abs=1e-9)


def test_performance_is_what_the_fills_say(still: httpx.Client, told: list[Told]) -> None:
    report = still.get("/performance", params={"period": "day"}).json()
    # A run over midnight would be two days: ask for all of them.
    first = min(utc_date(one.ended_ns) for one in told)
    report = still.get("/performance", params={"start_date": first.isoformat()}).json()
    metrics = report["metrics"]
    assert report["period"] == "custom"
    assert metrics["total_trades"] == len(told)
    wins = [one for one in told if one.successful]
    assert metrics["successful_trades"] == len(wins)
    assert metrics["win_rate"] == near(100 * len(wins) / len(told))
    gross, fees = sum(one.gross for one in told), sum(one.fees for one in told)
    assert metrics["total_profit"] == near(gross)
    assert metrics["total_fees"] == near(fees)
    assert metrics["net_profit"] == near(gross - fees)
    assert metrics["avg_profit_per_trade"] == near(gross / len(told))
    nets = [one.net for one in told]
    assert metrics["max_profit"] == near(max(*nets, Decimal(0)))
    assert metrics["max_loss"] == near(min(*nets, Decimal(0)))
    lasted = statistics.mean((one.ended_ns - one.started_ns) / 1e9 for one in told)
    assert metrics["avg_execution_time_seconds"] == pytest.approx(lasted, rel=1e-6)
    won = sum((net for net in nets if net > 0), Decimal(0))
    lost = -sum((net for net in nets if net < 0), Decimal(0))
    assert metrics["profit_factor"] == near(won / max(lost, Decimal("0.01")))


def test_drawdown_and_days_are_what_the_fills_say(
    still: httpx.Client, stopped: LiveEngine, told: list[Told]
) -> None:
    first = min(utc_date(one.ended_ns) for one in told)
    report = still.get("/performance", params={"start_date": first.isoformat()}).json()
    capital = stopped.running.engine.core.gate.limits.capital_base_usd
    made = peak = deepest = Decimal(0)
    for one in sorted(told, key=lambda one: one.ended_ns):
        made += one.net
        peak = max(peak, made)
        deepest = max(deepest, (peak - made) / (capital + peak))
    assert report["metrics"]["max_drawdown_percent"] == near(deepest * 100)
    days: dict[str, list[Told]] = defaultdict(list)
    for one in told:
        days[utc_date(one.ended_ns).isoformat()].append(one)
    assert [row["date"] for row in report["daily_breakdown"]] == sorted(days)
    for row in report["daily_breakdown"]:
        of_day = days[row["date"]]
        assert row["trades"] == len(of_day)
        assert row["profit"] == near(sum(one.net for one in of_day))
        assert row["win_rate"] == near(100 * sum(one.successful for one in of_day) / len(of_day))


def test_analytics_is_what_the_fills_say(still: httpx.Client, told: list[Told]) -> None:
    symbols = sorted({one.symbol for one in told})
    body = still.post(
        "/analytics/query",
        json={"query_type": "symbol_performance", "parameters": {"symbols": symbols}},
    ).json()
    for symbol in symbols:
        ours = [one for one in told if one.symbol == symbol]
        row = body["results"][symbol]
        assert row["profit"] == near(sum(one.net for one in ours))
        assert row["volume"] == near(sum(one.bought for one in ours))
        assert row["win_rate"] == near(100 * sum(one.successful for one in ours) / len(ours))


def test_trade_rows_follow_the_formulas(still: httpx.Client) -> None:
    rows = still.get("/trades", params={"status": "completed", "limit": 1000}).json()["trades"]
    assert rows
    for row in rows:
        detail = still.get(f"/trades/{row['id']}").json()
        planned = detail["planned_sell_price"] - detail["planned_buy_price"]
        assert detail["planned_profit"] == pytest.approx(planned * detail["quantity"], rel=1e-9)
        assert detail["execution_time_ms"] >= 0
        if None in {detail["actual_sell_price"], detail["actual_buy_price"]}:
            continue  # one leg filled so little that it was kept
        gross = detail["actual_profit"] + detail["fees_paid"]
        by_price = detail["actual_sell_price"] - detail["actual_buy_price"]
        assert (gross >= 0) == (by_price >= 0) or gross == pytest.approx(0, abs=1e-9)


def test_balances_are_what_the_venues_hold(still: httpx.Client, stopped: LiveEngine) -> None:
    engine = stopped.running.engine
    shown = still.get("/balances").json()
    for venue, client in engine._clients.items():
        for held in stopped.wait_for(_holdings(client)):
            row = shown["balances"][venue][held.asset]
            assert row["total"] == float(held.total)
            assert row["free"] + row["locked"] == pytest.approx(row["total"])
    marks: dict[str, list[float]] = defaultdict(list)
    for name, leaves in still.get("/prices/current").json()["prices"].items():
        for leaf in leaves.values():
            marks[name.removesuffix("USDT")].append((leaf["bid"] + leaf["ask"]) / 2)
    value = 0.0
    for assets in shown["balances"].values():
        for asset, row in assets.items():
            value += row["total"] * (1.0 if asset == "USDT" else statistics.mean(marks[asset]))
    assert shown["total_value_usd"] == pytest.approx(value, rel=0.01)
    assert shown["unpriced"] == []


async def _holdings(client: Any) -> Any:
    return await client.holdings()


def test_limits_are_those_of_the_configuration(still: httpx.Client) -> None:
    limits = still.get("/risk/limits").json()["limits"]
    config = still.get("/trading/config").json()["risk_management"]
    assert limits["max_drawdown_percent"] == config["max_drawdown_percent"]
    assert limits["max_concurrent_trades"] == config["max_concurrent_trades"]
    assert limits["current_active_trades"] == 0


def test_daily_loss_is_todays_net_result(still: httpx.Client, stopped: LiveEngine) -> None:
    ledger = stopped.running.engine.core.ledger
    while True:
        asked = utc_date(time.time_ns())
        limits = still.get("/risk/limits").json()["limits"]
        today = stopped.do(lambda: ledger.realized_today(time.time_ns()))
        if asked == utc_date(time.time_ns()):  # else a new day has begun in between
            break
    assert limits["current_daily_loss"] == pytest.approx(max(-float(today), 0.0))
    assert math.isfinite(limits["current_drawdown_percent"])
