"""The WebSocket over a real server: seven types of the server's, ping and pong, and its bounds."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import websockets
from websockets.asyncio.client import ClientConnection, connect

from arbiter.access.roles import Role
from arbiter.api.agents import stream
from arbiter.api.agents.surface import AgentsSurface
from arbiter.api.common.server import ApiServer, WebSocketTimes
from arbiter.model.changes import Changes
from arbiter.model.events import OrderFilled
from arbiter.model.ids import Actor
from arbiter.model.orders import OrderStatus, Side
from tests.fakes.access import Access
from tests.fakes.access_store import MemoryAccessStore
from tests.fakes.agents import ME, AgentHouse
from tests.surfaces.agents.conftest import surface_of
from tests.unit.runtime.test_agent_desk import give
from tests.unit.storage import samples as stored


@contextlib.asynccontextmanager
async def served(surface: AgentsSurface) -> AsyncIterator[str]:
    server = ApiServer(
        surface.app,
        host="127.0.0.1",
        port=0,
        setting="listen.agents_port",
        websockets=WebSocketTimes(
            stream.PING_EVERY_S, stream.PONG_WITHIN_S, stream.LONGEST_MESSAGE
        ),
    )
    server.bind()
    task = asyncio.create_task(server.run())
    await server.ready()
    yield server.urls[0].replace("http", "ws") + "/api/v1/ws"
    server.stop()
    await task


@pytest.fixture
async def url(surface: AgentsSurface) -> AsyncIterator[str]:
    async with served(surface) as url:
        yield url


@contextlib.asynccontextmanager
async def watching(
    url: str, surface: AgentsSurface, **options: Any
) -> AsyncIterator[ClientConnection]:
    before = set(surface.stream._clients)
    async with connect(url, **options) as socket:
        while surface.stream._clients <= before:  # noqa: ASYNC110 - others may leave meanwhile
            await asyncio.sleep(0.001)
        yield socket


async def told(socket: ClientConnection, kind: str) -> dict[str, Any]:
    """The next message of a kind."""
    async with asyncio.timeout(60):
        async for text in socket:
            message: dict[str, Any] = json.loads(text)
            assert set(message) == {"type", "timestamp", "data"}
            assert message["timestamp"].endswith("Z")
            if message["type"] == kind:
                data: dict[str, Any] = message["data"]
                return data
    raise AssertionError("the stream ended")


async def test_an_order_is_told_with_its_fill_and_its_position(
    house: AgentHouse, surface: AgentsSurface, url: str
) -> None:
    async with watching(url, surface) as socket:
        give(house, Side.BUY, "1")
        order = await told(socket, "order_update")
        assert set(order) >= {
            "order_id",
            "symbol",
            "side",
            "type",
            "status",
            "quantity",
            "executed_quantity",
            "filled_at",
        }
        assert order["status"] == "NEW"
        house.complete_all()
        position = await told(socket, "position_update")
        assert set(position) >= {
            "position_id",
            "session_id",
            "symbol",
            "side",
            "entry_price",
            "quantity",
            "unrealized_pnl",
            "realized_pnl",
        }
    async with watching(url, surface) as socket:
        give(house, Side.BUY, "1")
        house.complete_all()
        trade = await told(socket, "trade")
        assert set(trade) >= {
            "trade_id",
            "order_id",
            "symbol",
            "side",
            "price",
            "quantity",
            "commission",
            "executed_at",
        }
        assert trade["commission_asset"] == "USDT"
        filled = await told(socket, "order_update")
        assert (filled["status"], filled["executed_quantity"]) == ("FILLED", 1)
        assert filled["order_id"] == trade["order_id"]


async def test_orders_and_fills_of_other_families_are_not_told(
    house: AgentHouse, surface: AgentsSurface, url: str
) -> None:
    changes = Changes()
    other = stored.order(1, status=OrderStatus.FILLED)
    changes.orders[other.client_order_id] = other
    filled = OrderFilled(at_ns=1, fill=stored.fill(1), order=other)
    async with watching(url, surface) as socket:
        surface.stream._on_events((filled,), changes)
        give(house, Side.BUY, "1")
        async with asyncio.timeout(60):
            first = json.loads(await socket.recv())
        assert (first["type"], first["data"]["symbol"]) == ("order_update", "BTC/USDT")
        assert first["data"]["quantity"] == 1


async def test_what_open_positions_are_worth_is_told_again(
    house: AgentHouse, surface: AgentsSurface, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "POSITIONS_EVERY_S", 0.01)
    running = asyncio.create_task(surface.stream.run())
    async with watching(url, surface) as socket:
        give(house, Side.BUY, "1")
        house.complete_all()
        before = (await told(socket, "position_update"))["unrealized_pnl"]
        house.quote(130.0)
        while (await told(socket, "position_update"))["unrealized_pnl"] < before + 25:
            pass
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_refused_order_is_told_as_an_error(
    house: AgentHouse, surface: AgentsSurface, url: str
) -> None:
    async with watching(url, surface) as socket:
        give(house, Side.SELL, "1")
        error = await told(socket, "error")
        assert set(error) == {"error", "details", "severity"}
        assert "NOT_REDUCING" in error["details"]


async def test_sessions_and_agents_are_told(
    house: AgentHouse, surface: AgentsSurface, url: str
) -> None:
    async with watching(url, surface) as socket:
        session = await house.session()
        status = await told(socket, "system_status")
        assert status["status"] == "trading_started"
        assert status["metadata"] == {
            "session_id": str(session.id),
            "symbol": "BTC/USDT",
            "mode": "PAPER",
        }
        await house.desk.pause(session.id, ME)
        assert (await told(socket, "system_status"))["status"] == "trading_paused"
        beating = asyncio.create_task(house.orchestrator.run())
        agent = await told(socket, "agent_status")
        beating.cancel()
        await asyncio.gather(beating, return_exceptions=True)
        assert set(agent) == {"name", "status", "last_seen_at", "is_healthy", "metadata"}


async def test_a_ping_is_answered_to_its_sender_alone(surface: AgentsSurface, url: str) -> None:
    async with watching(url, surface) as one, watching(url, surface) as other:
        await one.send(
            json.dumps({"type": "ping", "timestamp": "2025-01-15T10:30:00Z", "data": {}})
        )
        assert await told(one, "pong") == {}
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(other.recv(), 0.1)


async def test_everybody_is_told_at_once(
    house: AgentHouse, surface: AgentsSurface, url: str
) -> None:
    async with watching(url, surface) as one, watching(url, surface) as other:
        give(house, Side.BUY, "1")
        first, second = await told(one, "order_update"), await told(other, "order_update")
        assert first == second


@pytest.mark.parametrize("bytes_more", [0, 1])
async def test_client_messages_have_at_most_512_bytes(
    surface: AgentsSurface, url: str, bytes_more: int
) -> None:
    frame = '{"type":"ping","data":"'
    message = frame + "x" * (512 - len(frame) - 2 + bytes_more) + '"}'
    assert len(message) == 512 + bytes_more
    async with watching(url, surface) as socket:
        await socket.send(message)
        if bytes_more:
            with pytest.raises(websockets.ConnectionClosed) as closed:
                await asyncio.wait_for(socket.recv(), 60)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1009
        else:
            assert await told(socket, "pong") == {}


async def test_what_is_not_understood_is_told_to_its_sender(
    surface: AgentsSurface, url: str
) -> None:
    async with watching(url, surface) as socket:
        await socket.send("{nonsense")
        assert (await told(socket, "error"))["error"] == "invalid message"
        await socket.send(json.dumps({"type": "subscribe", "data": {}}))
        await socket.send(json.dumps({"type": "ping", "data": {}}))
        assert await told(socket, "pong") == {}


async def test_where_authentication_is_asked_for_a_stream_needs_it_and_ends_with_it(
    house: AgentHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "ASK_AGAIN_S", 0.01)
    access, by = Access(MemoryAccessStore()), Actor("test")
    surface = surface_of(house, access, auth_required=True)
    gone = await access.service.create_key(by, "page", Role.VIEWER)
    kept = await access.service.create_key(by, "other", Role.VIEWER)
    running = asyncio.create_task(surface.stream.run())
    async with served(surface) as url:
        for headers in ({}, {"X-API-Key": "arb_none"}, {"Authorization": "Bearer a.b.c"}):
            with pytest.raises(websockets.InvalidStatus) as refused:
                await connect(url, additional_headers=headers)
            assert refused.value.response.status_code == 403
        async with (
            watching(url, surface, additional_headers={"X-API-Key": gone.text}) as ending,
            watching(url, surface, additional_headers={"X-API-Key": kept.text}) as lasting,
        ):
            await ending.send(json.dumps({"type": "ping", "data": {}}))
            assert await told(ending, "pong") == {}
            await access.service.revoke_key(by, "page")
            with pytest.raises(websockets.ConnectionClosed) as closed:
                await asyncio.wait_for(ending.recv(), 60)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1008
            give(house, Side.BUY, "1")
            assert (await told(lasting, "order_update"))["status"] == "NEW"
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_client_that_does_not_read_is_dropped_after_256_messages() -> None:
    client = stream._Client(None)  # type: ignore[arg-type]
    for number in range(stream.BUFFER):
        client.tell(str(number))
    assert client.cut is None
    client.tell("one too many")
    assert client.cut == (1013, "too slow")


def test_the_documented_times() -> None:
    assert (stream.PING_EVERY_S, stream.PONG_WITHIN_S) == (54, 60)
    assert (stream.LONGEST_MESSAGE, stream.BUFFER, stream.WRITE_TIMEOUT_S) == (512, 256, 10)
