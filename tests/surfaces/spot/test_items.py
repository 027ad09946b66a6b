"""Every item of the contract answers with the published fields and types."""

import asyncio
import re
import time
from collections.abc import Iterator
from typing import Any

import asyncpg
import httpx
import pytest

from tests.surfaces.spot import samples
from tests.surfaces.spot.conftest import MakeEngine, until
from tests.surfaces.spot.harness import LiveEngine
from tests.surfaces.spot.samples import check_shape

RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z")


def completed(client: httpx.Client) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/trades", params={"status": "completed", "limit": 1}).json()
    return found


@pytest.mark.parametrize(
    ("path", "sample"),
    [
        ("/status", samples.STATUS),
        ("/health", samples.HEALTH),
        ("/trading/config", samples.CONFIG),
        ("/prices/current", samples.PRICES),
        ("/spreads/current", samples.SPREADS),
        ("/trades?status=completed", samples.TRADES),
        ("/signals", samples.SIGNALS),
        ("/balances", samples.BALANCES),
        ("/performance", samples.PERFORMANCE),
        ("/risk/limits", samples.LIMITS),
    ],
)
def test_read_has_the_published_shape(
    client: httpx.Client, path: str, sample: dict[str, Any]
) -> None:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    check_shape(sample, answer.json())


def test_status_tells_what_the_engine_does(client: httpx.Client, engine: LiveEngine) -> None:
    # A feed that a busy machine kept silent is taken up again.
    until(
        lambda: all(one["connected"] for one in client.get("/status").json()["exchanges"].values())
    )
    status = client.get("/status").json()
    assert status["status"] == "running"
    assert status["mode"] == "simulation"
    assert set(status["exchanges"]) == {"binance", "bybit", "okx", "kraken"}
    assert all(one["connected"] for one in status["exchanges"].values())
    assert all(abs(one["last_update"] - time.time()) < 30 for one in status["exchanges"].values())
    assert status["active_symbols"] == 8
    # A new day may have begun since the engine's first trades.
    until(lambda: engine.do(lambda: engine.running.queries.completed_today(time.time_ns())) >= 3)


def test_signals_of_the_hour_are_those_that_are_listed(client: httpx.Client) -> None:
    def listed() -> int:
        hour = {"start_time": time.time() - 3600}
        return int(client.get("/signals", params=hour).json()["total_count"])

    before = listed()
    counted = int(client.get("/status").json()["signals_last_hour"])
    assert before <= counted
    until(lambda: listed() >= counted)  # what is counted already may yet be on its way there


def test_health_checks_what_it_says(client: httpx.Client) -> None:
    health = client.get("/health").json()
    assert health["healthy"] is True
    assert health["checks"]["exchanges"] == {
        "status": "pass",
        "connected_count": 4,
        "total_count": 4,
    }


def test_trade_detail_has_the_published_shape(client: httpx.Client) -> None:
    row = completed(client)["trades"][0]
    detail = client.get(f"/trades/{row['id']}").json()
    check_shape(samples.TRADE_DETAIL, detail)
    assert {name: detail[name] for name in row} == row
    assert RFC3339.fullmatch(row["started_at"])
    assert RFC3339.fullmatch(row["completed_at"])


def test_prices_narrow_to_a_symbol_and_an_exchange(client: httpx.Client) -> None:
    one = client.get("/prices/current", params={"symbol": "BTC/USDT", "exchange": "bybit"}).json()
    assert {name: list(leaf) for name, leaf in one["prices"].items()} == {"BTCUSDT": ["bybit"]}
    leaf = one["prices"]["BTCUSDT"]["bybit"]
    assert leaf["bid"] < leaf["ask"]
    assert abs(leaf["timestamp"] - one["timestamp"]) < 30


@pytest.mark.parametrize("interval", ["1m", "5m", "1h", "1d"])
def test_history_is_made_of_minutes(client: httpx.Client, interval: str) -> None:
    step = {"1m": 60, "5m": 300, "1h": 3600, "1d": 86400}[interval]
    now = int(time.time())
    first = now - (48 * 3600 if step == 86400 else 10 * step)
    answer = client.get(
        "/prices/history",
        params={
            "symbol": "BTCUSDT",
            "exchange": "okx",
            "start_time": first,
            "end_time": now,
            "interval": interval,
        },
    )
    body = answer.json()
    check_shape(samples.HISTORY, body)
    assert (body["symbol"], body["exchange"], body["interval"]) == ("BTCUSDT", "okx", interval)
    assert body["data"]
    for bar in body["data"]:
        assert bar["timestamp"] % step == 0
        assert first <= bar["timestamp"] <= now
        assert bar["low"] <= min(bar["open"], bar["close"])
        assert bar["high"] >= max(bar["open"], bar["close"])


def test_five_minute_bar_is_its_five_minutes(client: httpx.Client) -> None:
    opens = (int(time.time()) - 3600) // 300 * 300
    asked: dict[str, str | int] = {"symbol": "ETHUSDT", "exchange": "kraken", "start_time": opens}
    bar = client.get(
        "/prices/history", params={**asked, "end_time": opens, "interval": "5m"}
    ).json()["data"]
    minutes = client.get(
        "/prices/history", params={**asked, "end_time": opens + 240, "interval": "1m"}
    ).json()["data"]
    assert len(bar) == 1
    assert len(minutes) == 5
    assert bar[0]["open"] == minutes[0]["open"]
    assert bar[0]["close"] == minutes[-1]["close"]
    assert bar[0]["high"] == max(minute["high"] for minute in minutes)
    assert bar[0]["low"] == min(minute["low"] for minute in minutes)
    assert bar[0]["volume"] == pytest.approx(sum(minute["volume"] for minute in minutes))


def test_spreads_are_executable_and_net_of_both_fees(
    client: httpx.Client, engine: LiveEngine
) -> None:
    def asked() -> list[dict[str, Any]]:
        found = client.get("/spreads/current", params={"symbol": "BTCUSDT"}).json()
        return list(found["spreads"])

    # Four venues, every pair both ways; one whose quotes came late is left out meanwhile.
    while len(rows := asked()) != 12:
        assert len(rows) < 12
    registry = engine.running.engine.core.registry
    fees = {i.venue: float(i.taker_fee) for i in registry.instruments if i.base == "BTC"}
    for row in rows:
        buy, sell = row["buy_price"], row["sell_price"]
        assert row["spread"] == pytest.approx(sell - buy)
        assert row["spread_percent"] == pytest.approx((sell - buy) / buy * 100)
        paid = buy * fees[row["buy_exchange"]] + sell * fees[row["sell_exchange"]]
        assert row["profit_after_fees"] == pytest.approx(sell - buy - paid)
        assert row["profit_percent"] == pytest.approx(row["profit_after_fees"] / buy * 100)
    assert rows == sorted(rows, key=lambda row: -float(row["profit_percent"]))


def test_min_profit_is_a_fraction(client: httpx.Client) -> None:
    while (
        len(every := client.get("/spreads/current", params={"min_profit": -0.5}).json()["spreads"])
        != 8
    ):
        assert len(every) < 8
    some = client.get("/spreads/current", params={"min_profit": 0.002}).json()["spreads"]
    assert all(row["profit_percent"] >= 0.2 for row in some)
    assert len(some) < len(every) or all(row["profit_percent"] >= 0.2 for row in every)


@pytest.fixture
def still(client: httpx.Client, engine: LiveEngine) -> Iterator[None]:
    """Nothing is opened: a slow reader would never come to the end of what grows meanwhile."""
    until(lambda: int(completed(client)["total_count"]) >= 5)
    with engine.still():
        yield


@pytest.mark.usefixtures("still")
def test_trades_page_with_exact_counts(client: httpx.Client, engine: LiveEngine) -> None:
    seen: list[int] = []
    last = time.strftime("%Y-%m-%d", time.gmtime())
    offset, more = 0, True
    while more:
        page = client.get("/trades", params={"limit": 2, "offset": offset, "end_date": last}).json()
        assert page["pagination"]["limit"] == 2
        assert page["pagination"]["offset"] == offset
        assert page["pagination"]["has_more"] == (
            offset + len(page["trades"]) < page["total_count"]
        )
        seen += [row["id"] for row in page["trades"]]
        offset, more = offset + 2, page["pagination"]["has_more"]
    assert sorted(seen) == asyncio.run(numbers_of_spot_trades(engine))


async def numbers_of_spot_trades(engine: LiveEngine) -> list[int]:
    """Those between them are of orders that sold what trades left over."""
    url = engine.environment["DATABASE_URL"].replace("+asyncpg", "")
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch("SELECT seq FROM trades WHERE family = 'spot' ORDER BY seq")
    finally:
        await connection.close()
    return [row["seq"] for row in rows]


def test_filters_of_trades_combine(client: httpx.Client) -> None:
    until(lambda: int(completed(client)["total_count"]) >= 5)
    symbol = completed(client)["trades"][0]["symbol"]
    found = client.get(
        "/trades", params={"symbol": symbol, "status": "completed", "start_date": "2020-01-01"}
    ).json()
    assert found["total_count"] >= 1
    assert {(row["symbol"], row["status"]) for row in found["trades"]} == {(symbol, "completed")}
    none = client.get("/trades", params={"symbol": symbol, "end_date": "2020-01-01"}).json()
    assert (none["trades"], none["total_count"]) == ([], 0)


def test_limit_beyond_the_cap_gives_the_cap(client: httpx.Client) -> None:
    page = client.get("/trades", params={"limit": 5000}).json()
    assert page["pagination"]["limit"] == 1000


def test_signals_narrow_by_time_symbol_and_execution(client: httpx.Client) -> None:
    rows = client.get("/signals", params={"executed": True, "limit": 500}).json()["signals"]
    assert rows
    assert all(row["executed"] for row in rows)
    one = rows[len(rows) // 2]
    found = client.get(
        "/signals",
        params={
            "symbol": one["symbol"],
            "executed": "true",
            "start_time": one["timestamp"],
            "end_time": one["timestamp"],
        },
    ).json()
    assert one["id"] in [row["id"] for row in found["signals"]]
    for row in rows:
        assert row["profit"] == pytest.approx(row["sell_price"] - row["buy_price"])
        assert row["profit_percent"] == pytest.approx(row["profit"] / row["buy_price"] * 100)
        assert 0 <= row["confidence"] <= 1


def test_signal_that_was_stopped_says_why(make_engine: MakeEngine) -> None:
    """No market moves 5 % from its mean here, so the trend filter stops whatever opens."""
    engine = make_engine(
        ARBITER__SPOT__USE_TREND_FILTER="true",
        ARBITER__SPOT__TREND_CONFIRMATION_THRESHOLD="0.05",
    )
    with engine.client() as client:
        until(lambda: bool(client.get("/signals?executed=false").json()["signals"]))
        rows = client.get("/signals", params={"executed": False}).json()["signals"]
    assert all(row["reason"] for row in rows)


def test_analytics_gives_only_what_was_asked(client: httpx.Client) -> None:
    asked = {
        "query_type": "symbol_performance",
        "parameters": {"symbols": ["BTCUSDT", "ETHUSDT"], "metrics": ["profit", "volume"]},
    }
    body = client.post("/analytics/query", json=asked).json()
    assert body["query_type"] == "symbol_performance"
    assert set(body["results"]) == {"BTCUSDT", "ETHUSDT"}
    assert all(set(row) == {"profit", "volume"} for row in body["results"].values())
    whole = client.post("/analytics/query", json={"query_type": "symbol_performance"}).json()
    check_shape(samples.ANALYTICS, whole)


def test_both_loopbacks_answer(engine: LiveEngine) -> None:
    urls = engine.running.listeners["spot"]
    for url in urls:
        assert httpx.get(f"{url}/api/v1/status").status_code == 200


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/docs", "swagger-ui-bundle.js"),
        ("/redoc", "redoc.standalone.js"),
        ("/openapi.json", "/api/v1/prices/current"),
    ],
)
def test_pages_beside_the_api_ask_no_other_host(engine: LiveEngine, path: str, words: str) -> None:
    page = httpx.get(f"{engine.base}{path}")
    assert page.status_code == 200
    assert words in page.text
    if path != "/openapi.json":
        assert "https://" not in page.text
        assert "default-src 'self'" in page.headers["content-security-policy"]
        for source in re.findall(r'(?:src|href)="(/[^"]+)"', page.text):
            assert httpx.get(f"{engine.base}{source}").status_code == 200
