"""The published items, their validations and their errors."""

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import httpx
import pytest

from arbiter.access.roles import Role
from arbiter.model.ids import Actor
from arbiter.model.orders import OrderStatus
from tests.fakes.access import Access
from tests.fakes.access_store import MemoryAccessStore
from tests.fakes.agents import AgentHouse
from tests.surfaces.agents.conftest import surface_of

API = "/api/v1"


async def until(true: Callable[[], bool]) -> None:
    """Let the loop run until it is so."""
    async with asyncio.timeout(60):
        while not true():  # noqa: ASYNC110 - the engine's own state
            await asyncio.sleep(0.001)


async def started(client: httpx.AsyncClient, **changes: object) -> dict[str, Any]:
    body = {"symbol": "BTC/USDT", "initial_capital": 10_000.0, "mode": "PAPER"} | changes
    response = await client.post(f"{API}/trade/start", json=body)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


async def bought(
    client: httpx.AsyncClient, house: AgentHouse, quantity: float = 1.0
) -> dict[str, Any]:
    response = await client.post(
        f"{API}/orders",
        json={"symbol": "BTC/USDT", "side": "BUY", "type": "MARKET", "quantity": quantity},
    )
    assert response.status_code == 201, response.text
    house.complete_all()
    found: dict[str, Any] = response.json()
    return found


async def test_the_root_says_what_this_is(client: httpx.AsyncClient) -> None:
    assert (await client.get("/")).json() == {
        "name": "CryptoFunk Trading API",
        "version": "1.0.0",
        "status": "running",
    }


async def test_health_and_status_are_probed(client: httpx.AsyncClient, house: AgentHouse) -> None:
    assert set((await client.get(f"{API}/health")).json()) == {"status", "version", "uptime"}
    status = (await client.get(f"{API}/status")).json()
    assert status["status"] == "operational"
    assert status["components"] == {
        "database": "healthy",
        "api": "healthy",
        "websocket": "healthy",
    }
    assert status["websocket"] == {"connected_clients": 0}
    house.store.away = True
    sick = await client.get(f"{API}/health")
    assert sick.status_code == 503
    assert sick.json()["error"] == "database connection failed"
    assert (await client.get(f"{API}/status")).json()["components"]["database"] == "unhealthy"
    refused = await client.post(
        f"{API}/trade/start", json={"symbol": "BTC/USDT", "initial_capital": 5}
    )
    assert refused.status_code == 503
    assert set(refused.json()) == {"error", "details"}


async def test_seven_agents_with_the_two_words_for_health(client: httpx.AsyncClient) -> None:
    listed = (await client.get(f"{API}/agents")).json()
    assert listed["count"] == 7
    one = (await client.get(f"{API}/agents/technical-agent")).json()["agent"]
    assert set(one) == {"name", "status", "last_seen_at", "is_healthy", "metadata"}
    assert one["metadata"]["type"] == "analysis"
    short = (await client.get(f"{API}/agents/technical-agent/status")).json()
    assert set(short) == {"name", "status", "last_seen_at", "healthy"}
    for path in ("nobody", "nobody/status"):
        missing = await client.get(f"{API}/agents/{path}")
        assert missing.status_code == 404
        assert missing.json() == {"error": "agent not found", "name": "nobody"}


async def test_a_session_from_start_to_stop(client: httpx.AsyncClient, house: AgentHouse) -> None:
    session = await started(client)
    assert set(session) == {"message", "session_id", "symbol", "mode", "started_at"}
    key = {"session_id": session["session_id"]}
    paused = (await client.post(f"{API}/trade/pause", json=key)).json()
    assert set(paused) == {"message", "session_id", "symbol", "note"}
    resumed = (await client.post(f"{API}/trade/resume", json=key)).json()
    assert resumed["message"] == "Trading resumed successfully"
    stopped = await client.post(f"{API}/trade/stop", json=key | {"final_capital": 0})
    assert stopped.json()["total_pnl"] == -10_000
    assert set(stopped.json()) == {
        "message",
        "session_id",
        "final_capital",
        "total_pnl",
        "total_trades",
        "stopped_at",
    }
    again = await client.post(f"{API}/trade/stop", json=key | {"final_capital": 0})
    assert again.status_code == 400


@pytest.mark.parametrize("word", ["pause", "resume", "stop"])
async def test_an_unknown_session_is_not_found(client: httpx.AsyncClient, word: str) -> None:
    body = {"session_id": str(uuid4()), "final_capital": 1}
    missing = await client.post(f"{API}/trade/{word}", json=body)
    assert missing.status_code == 404
    assert missing.json() == {"error": "session not found", "session_id": body["session_id"]}
    body["session_id"] = "session-456"
    wrong = await client.post(f"{API}/trade/{word}", json=body)
    assert wrong.json() == {"error": "invalid session_id format"}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"initial_capital": 0}, "initial_capital"),
        ({"initial_capital": "10"}, "initial_capital"),
        ({"symbol": None}, "symbol"),
        ({"mode": "DEMO"}, "mode"),
    ],
)
async def test_a_bad_start_names_its_field(
    client: httpx.AsyncClient, changes: dict[str, object], field: str
) -> None:
    body = {"symbol": "BTC/USDT", "initial_capital": 10_000.0} | changes
    response = await client.post(f"{API}/trade/start", json=body)
    assert response.status_code == 400
    assert response.json()["error"] == "invalid request body"
    assert response.json()["field"] == field


async def test_a_market_order_fills_and_shows_in_every_view(
    client: httpx.AsyncClient, house: AgentHouse
) -> None:
    session = await started(client)
    placed = await bought(client, house)
    assert placed["message"] == "Order created successfully"
    assert placed["order"]["status"] == "NEW"
    order = (await client.get(f"{API}/orders/{placed['order']['id']}")).json()["order"]
    assert (order["status"], order["executed_quantity"]) == ("FILLED", 1)
    assert order["executed_quote_quantity"] == 100.1
    assert order["session_id"] == session["session_id"]
    listed = (await client.get(f"{API}/positions")).json()
    assert listed["count"] == 1
    position = listed["positions"][0]
    assert position["id"] == order["position_id"]
    assert (position["side"], position["exchange"], position["entry_price"]) == (
        "LONG",
        "PAPER",
        100.1,
    )
    for name in ("BTC/USDT", "BTC%2FUSDT", "BTC-USDT", "BTCUSDT"):
        found = (await client.get(f"{API}/positions/{name}")).json()
        assert found["position"]["id"] == position["id"], name
    other = await client.get(f"{API}/positions", params={"session_id": str(uuid4())})
    assert other.json() == {"positions": [], "count": 0}


async def test_the_newest_position_is_an_open_one_before_closed_ones(
    client: httpx.AsyncClient, house: AgentHouse
) -> None:
    await started(client)
    await bought(client, house)
    sale = {"symbol": "BTC/USDT", "side": "SELL", "type": "MARKET", "quantity": 1.0}
    await client.post(f"{API}/orders", json=sale)
    house.complete_all()
    await house.desk.book.save()
    assert (await client.get(f"{API}/positions")).json()["count"] == 0
    closed = (await client.get(f"{API}/positions/BTC/USDT")).json()["position"]
    assert closed["exit_price"] is not None
    await bought(client, house, 2.0)
    newest = (await client.get(f"{API}/positions/BTC/USDT")).json()["position"]
    assert newest["exit_price"] is None
    assert newest["quantity"] == 2


async def test_positions_nobody_has(client: httpx.AsyncClient) -> None:
    for symbol in ("BTC/USDT", "NOPE/USDT"):
        missing = await client.get(f"{API}/positions/{symbol}")
        assert missing.status_code == 404
        assert missing.json() == {"error": "position not found for symbol", "symbol": symbol}
    wrong = await client.get(f"{API}/positions", params={"session_id": "abc"})
    assert (wrong.status_code, wrong.json()) == (400, {"error": "invalid session_id format"})


async def test_a_limit_rests_until_it_is_cancelled(
    client: httpx.AsyncClient, house: AgentHouse
) -> None:
    body = {"symbol": "BTC/USDT", "side": "buy", "type": "limit", "quantity": 0.5, "price": 90.0}
    order = (await client.post(f"{API}/orders", json=body)).json()["order"]
    assert (order["type"], order["price"], order["time_in_force"]) == ("LIMIT", 90, "GTC")
    (working,) = house.working()
    house.engine.accept(working)
    cancelling = asyncio.create_task(client.delete(f"{API}/orders/{order['id']}"))
    await until(lambda: bool(house.engine.outbox.cancelled))
    house.engine.end(working, OrderStatus.CANCELLED)
    cancelled = await cancelling
    assert cancelled.status_code == 200
    assert cancelled.json()["message"] == "Order cancelled successfully"
    assert cancelled.json()["order"]["status"] == "CANCELED"
    assert cancelled.json()["order"]["canceled_at"] is not None
    again = await client.delete(f"{API}/orders/{order['id']}")
    assert again.status_code == 400
    assert again.json() == {"error": "order cannot be cancelled", "status": "CANCELED"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"type": "LIMIT"}, "Price is required for limit orders"),
        ({"price": 5.0}, "Price is only for limit orders"),
        ({"quantity": 0}, "greater than 0"),
        ({"quantity": -1}, "greater than 0"),
        ({"quantity": "1"}, "must be a number"),
        ({"quantity": None}, "must be a number"),
        ({"side": "HOLD"}, "BUY"),
        ({"type": "STOP"}, "MARKET"),
    ],
)
async def test_a_bad_order_is_refused_in_the_pages_words(
    client: httpx.AsyncClient, changes: dict[str, object], said: str
) -> None:
    body = {"symbol": "BTC/USDT", "side": "BUY", "type": "MARKET", "quantity": 1.0} | changes
    response = await client.post(f"{API}/orders", json=body)
    assert response.status_code == 400
    assert response.json()["error"] == "invalid request body"
    assert said in response.json()["details"]
    at_fault = "price" if "Price" in said else next(iter(changes))
    assert response.json()["field"] == at_fault


async def test_orders_nobody_gave(client: httpx.AsyncClient) -> None:
    wrong = await client.get(f"{API}/orders/order-789")
    assert (wrong.status_code, wrong.json()) == (400, {"error": "invalid order_id format"})
    key = str(uuid4())
    for call in (client.get, client.delete):
        missing = await call(f"{API}/orders/{key}")
        assert missing.status_code == 404
        assert missing.json() == {"error": "order not found", "order_id": key}
    symbol = await client.post(
        f"{API}/orders",
        json={"symbol": "BTX/USDT", "side": "BUY", "type": "MARKET", "quantity": 1.0},
    )
    assert symbol.status_code == 400
    assert symbol.json()["error"] == "unknown symbol"
    status = await client.get(f"{API}/orders", params={"status": "DONE"})
    assert status.status_code == 400


PAGE_CONFIG = {
    "app": {"name", "version", "environment", "log_level"},
    "trading": {
        "mode",
        "symbols",
        "exchange",
        "initial_capital",
        "max_positions",
        "default_quantity",
    },
    "risk": {
        "max_position_size",
        "max_daily_loss",
        "max_drawdown",
        "default_stop_loss",
        "default_take_profit",
        "llm_approval_required",
        "min_confidence",
    },
    "llm": {
        "gateway",
        "primary_model",
        "fallback_model",
        "temperature",
        "max_tokens",
        "enable_caching",
    },
}


async def test_the_configuration_has_every_documented_key(client: httpx.AsyncClient) -> None:
    config = (await client.get(f"{API}/config")).json()["config"]
    assert set(config) == set(PAGE_CONFIG)
    for section, keys in PAGE_CONFIG.items():
        assert set(config[section]) >= keys


async def test_a_change_is_in_force_at_once_and_echoed(client: httpx.AsyncClient) -> None:
    body = {
        "trading_mode": "paper",
        "max_position_size": 0.15,
        "default_stop_loss": 0.03,
        "llm_temperature": 0.8,
    }
    changed = (await client.patch(f"{API}/config", json=body)).json()
    assert changed == {
        "message": "Configuration updated successfully",
        "updates": body,
        "note": "Changes are in-memory only and will reset on server restart",
    }
    config = (await client.get(f"{API}/config")).json()["config"]
    assert config["risk"]["max_position_size"] == 0.15
    assert config["llm"]["temperature"] == 0.8


@pytest.mark.parametrize(
    "bad",
    [
        {"max_position_size": 0},
        {"max_position_size": 1.01},
        {"max_daily_loss": "0.1"},
        {"default_take_profit": 0},
        {"min_confidence": -0.1},
        {"llm_temperature": 2.1},
        {"llm_max_tokens": 0},
        {"max_positions": 1.5},
        {"llm_approval_required": "yes"},
        {"trading_mode": "live"},
        {"trading_mode": "demo"},
        {"max_postion_size": 0.1},
    ],
)
async def test_one_bad_value_changes_nothing(
    client: httpx.AsyncClient, bad: dict[str, object]
) -> None:
    before = (await client.get(f"{API}/config")).json()
    response = await client.patch(f"{API}/config", json={"max_drawdown": 0.5} | bad)
    assert response.status_code == 400
    assert response.json()["error"] == "validation failed"
    assert len(response.json()["errors"]) == 1
    assert (await client.get(f"{API}/config")).json() == before


async def test_a_change_of_nothing_is_an_error(client: httpx.AsyncClient) -> None:
    assert (await client.patch(f"{API}/config", json={})).status_code == 400
    assert (await client.patch(f"{API}/config", content=b"{")).status_code == 400
    assert (await client.patch(f"{API}/config", json=[1])).status_code == 400


async def test_decisions_are_listed_with_their_filter_echoed(
    client: httpx.AsyncClient, house: AgentHouse
) -> None:
    await started(client)
    await house.vote()
    listed = (await client.get(f"{API}/decisions", params={"symbol": "BTC/USDT"})).json()
    assert listed["filter"] == {"symbol": "BTC/USDT", "limit": 50, "offset": 0}
    assert listed["count"] == len(listed["decisions"]) > 0
    one = (await client.get(f"{API}/decisions/{listed['decisions'][0]['id']}")).json()
    assert set(one) >= {"prompt", "response", "prompt_embedding", "context", "reasoning"}
    assert len(one["prompt_embedding"]) == 1536
    capped = (await client.get(f"{API}/decisions", params={"limit": "9999"})).json()
    assert capped["filter"]["limit"] == 500
    stats = (await client.get(f"{API}/decisions/stats")).json()
    assert set(stats) == {
        "total_decisions",
        "by_outcome",
        "by_decision_type",
        "avg_confidence",
        "success_rate",
        "avg_pnl",
        "by_model",
        "total_cost",
        "avg_latency_ms",
    }


@pytest.mark.parametrize(
    "query",
    [
        {"from_date": "yesterday"},
        {"to_date": "2025-01-15"},
        {"limit": "x"},
        {"limit": "0"},
        {"offset": "-1"},
        {"outcome": "WON"},
        {"decision_type": "guess"},
        {"symbol": "BTC\0USDT"},
        {"model": "\0"},
    ],
)
async def test_a_bad_filter_is_a_400(client: httpx.AsyncClient, query: dict[str, str]) -> None:
    assert (await client.get(f"{API}/decisions", params=query)).status_code == 400


async def test_decisions_are_found_whatever_years_are_named(
    client: httpx.AsyncClient, house: AgentHouse
) -> None:
    await started(client)
    await house.vote()
    ever = {"from_date": "0001-01-01T00:00:00Z", "to_date": "9999-12-31T23:59:59Z"}
    listed = (await client.get(f"{API}/decisions", params=ever)).json()
    stats = (await client.get(f"{API}/decisions/stats", params=ever)).json()
    assert listed["count"] == stats["total_decisions"] > 0


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"from_date": "9999-12-31T23:59:59-05:00"}, False),
        ({"from_date": "2300-01-01T00:00:00Z"}, False),
        ({"to_date": "9999-12-31T23:59:59Z"}, True),
        ({"from_date": "0001-01-01T00:00:00+05:00"}, True),
        ({"to_date": "1600-01-01T00:00:00Z"}, False),
    ],
)
async def test_a_time_beyond_our_clocks_is_before_or_after_everything(
    client: httpx.AsyncClient, house: AgentHouse, query: dict[str, str], found: bool
) -> None:
    await started(client)
    await house.vote()
    answer = await client.get(f"{API}/decisions", params=query)
    assert answer.status_code == 200
    assert bool(answer.json()["count"]) is found


async def test_a_body_that_is_no_json_names_no_field_of_it(client: httpx.AsyncClient) -> None:
    answer = await client.post(
        f"{API}/orders", content=b'{"a"', headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 400
    assert answer.json() == {
        "error": "invalid request body",
        "details": "body: JSON decode error at 4: Expecting ':' delimiter",
        "field": "body",
    }


async def test_decisions_nobody_made(client: httpx.AsyncClient) -> None:
    key = str(uuid4())
    for path in (key, f"{key}/similar"):
        missing = await client.get(f"{API}/decisions/{path}")
        assert missing.status_code == 404
        assert missing.json() == {"error": "decision not found", "decision_id": key}
        wrong = await client.get(f"{API}/decisions/dec-{path}")
        assert wrong.json() == {"error": "invalid decision_id format"}
    few = await client.get(f"{API}/decisions/{key}/similar", params={"limit": "0"})
    assert few.status_code == 400


async def test_what_the_framework_refuses_has_the_same_shape(client: httpx.AsyncClient) -> None:
    for response in (
        await client.get(f"{API}/nothing"),
        await client.put(f"{API}/config", json={}),
    ):
        assert response.status_code in {404, 405}
        assert set(response.json()) == {"error"}


async def test_strangers_are_kept_out_where_authentication_is_asked_for(
    house: AgentHouse,
) -> None:
    app = surface_of(house, auth_required=True).app
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        assert (await client.get(f"{API}/health")).status_code == 200
        for path in ("positions", "status", "agents", "agents/trend-agent/status"):
            refused = await client.get(f"{API}/{path}")
            assert refused.status_code == 401, path
            assert set(refused.json()) == {"error"}
        assert (await client.post(f"{API}/orders", json={})).status_code == 401


async def test_a_viewer_trades_nothing_and_a_trader_changes_no_settings(house: AgentHouse) -> None:
    access, by = Access(MemoryAccessStore()), Actor("test")
    app = surface_of(house, access, auth_required=True).app
    transport = httpx.ASGITransport(app)
    headers = {
        role: {"X-API-Key": (await access.service.create_key(by, role, role)).text}
        for role in (Role.VIEWER, Role.TRADER)
    }
    session = {"session_id": str(uuid4())}
    order = {"symbol": "BTC/USDT", "side": "BUY", "type": "MARKET", "quantity": 1}
    trades: list[tuple[str, str, dict[str, Any] | None]] = [
        ("POST", "orders", order),
        ("DELETE", f"orders/{uuid4()}", None),
        ("POST", "trade/start", {"symbol": "BTC/USDT", "initial_capital": 10}),
        ("POST", "trade/stop", session | {"final_capital": 0}),
        ("POST", "trade/pause", session),
        ("POST", "trade/resume", session),
    ]
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        for shown in headers.values():
            found = await client.get(f"{API}/positions", headers=shown)
            assert found.status_code == 200
            changed = await client.patch(f"{API}/config", json={}, headers=shown)
            assert changed.status_code == 403
        for method, path, body in trades:
            for role, refused in ((Role.VIEWER, True), (Role.TRADER, False)):
                done = await client.request(
                    method, f"{API}/{path}", json=body, headers=headers[role]
                )
                assert (done.status_code == 403) is refused, (path, role)


async def test_a_page_of_a_stranger_cannot_trade(client: httpx.AsyncClient) -> None:
    response = await client.post(
        f"{API}/trade/start",
        json={"symbol": "BTC/USDT", "initial_capital": 1},
        headers={"Origin": "https://evil.example"},
    )
    assert response.status_code == 403
