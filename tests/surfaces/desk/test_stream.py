"""The stream: what it sends equals the REST, how often, and to whom not."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from arbiter.access.roles import Role
from arbiter.api.desk import stream as stream_module
from arbiter.api.desk.feed import Watcher
from arbiter.model.events import AlertRaised, Audited
from arbiter.model.ids import Actor, InstrumentId
from tests.fakes.depth import FakeDepth
from tests.fakes.postgres import FreshDatabase
from tests.surfaces.desk.test_access import log_in
from tests.surfaces.desk.world import SPOT_ID, World
from tests.unit.storage.journalling import looking_at

WAIT_S = 60.0


@asynccontextmanager
async def stream(desk: World, *topics: str, **options: Any) -> AsyncIterator[ClientConnection]:
    address = desk.base.replace("http", "ws", 1) + "/api/desk/stream"
    async with connect(address, **options) as socket:
        if topics:
            await say(socket, type="subscribe", topics=list(topics))
            assert (await hear(socket))["type"] == "subscribed"
        yield socket


async def say(socket: ClientConnection, **message: Any) -> None:
    await socket.send(json.dumps(message))


async def hear(socket: ClientConnection) -> dict[str, Any]:
    async with asyncio.timeout(WAIT_S):
        heard: dict[str, Any] = json.loads(await socket.recv())
    return heard


async def until(socket: ClientConnection, topic: str) -> Any:
    """Give the next body of a topic."""
    while True:
        heard = await hear(socket)
        if heard["type"] == "update" and topic in heard["data"]:
            return heard["data"][topic]


async def test_states_are_the_same_bodies_as_the_rest_gives(desk: World) -> None:
    desk.quote("BTCUSDT.BINANCE", 100.0, 100.1)
    desk.quote("BTCUSDT.BYBIT", 100.0, 100.1)
    put = await desk.http.put(f"/api/budget/{SPOT_ID}/USDT", json={"allocated": 700})
    assert put.status_code == 200
    paths = {
        "overview": "/api/desk/overview",
        "markets": "/api/desk/markets",
        "market:BTC/USDT": "/api/desk/markets/BTCUSDT",
        "positions": "/api/trading/positions",
        "balances": "/api/desk/balances",
        "budgets": "/api/budget/registry",
        "risk": "/api/desk/risk",
    }
    async with stream(desk, *paths) as socket:
        heard = await hear(socket)
        assert heard["type"] == "update"
        assert heard["seq"] == 1
        for topic, path in paths.items():
            assert heard["data"][topic] == await desk.get(path), topic


async def test_page_of_a_market_shows_the_depth_of_venues_that_tell_it(desk: World) -> None:
    desk.quote("BTCUSDT.BINANCE", 100.0, 100.1)
    feed = desk.depths[InstrumentId("BTCUSDT.BINANCE")] = FakeDepth()
    following = asyncio.create_task(desk.depth.run())
    try:
        async with stream(desk, "market:BTC/USDT") as socket:
            assert (await until(socket, "market:BTC/USDT"))["depth"] == []
            await feed.started.wait()
            feed.tell([(100.0, 5.0), (99.9, 2.0)], [(100.1, 5.0)], desk.clock.now_ns())
            (book,) = (await until(socket, "market:BTC/USDT"))["depth"]
            assert book["venue"] == "binance"
            assert book["bids"][1] == {"price": 99.9, "size": 2.0}
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


async def test_what_happens_is_told_as_the_listings_show_it(desk: World) -> None:
    async with stream(desk, "orders", "fills", "trades", "signals", "alerts", "audit") as socket:
        for order in await desk.arbitrage():
            desk.complete(order)
        desk.core.recorder.record(
            AlertRaised(at_ns=desk.clock.now_ns(), severity="info", code="TEST", text="hello")
        )
        await desk.settled()
        told: dict[str, Any] = {}
        while not {"orders", "fills", "trades", "signals", "alerts"} <= told.keys() or (
            told["trades"][-1]["state"] != "COMPLETED"
        ):
            heard = await hear(socket)
            for topic, rows in heard["data"].items():
                told[topic] = [*told.get(topic, []), *rows]
        orders = {row["client_order_id"]: row for row in told["orders"]}
        listed = await desk.get("/api/trading/orders")
        assert [orders[row["client_order_id"]] for row in listed] == listed
        fills = await desk.get("/api/trading/fills")
        assert sorted(told["fills"], key=str) == sorted(fills, key=str)
        assert told["trades"][-1] == (await desk.get("/api/desk/trades"))[0]
        assert told["signals"][-1] == (await desk.get("/api/desk/signals"))[0]
        assert told["alerts"] == await desk.get("/api/desk/alerts")
        await desk.http.put(f"/api/budget/{SPOT_ID}/USDT", json={"allocated": 700})
        (entry,) = await until(socket, "audit")
        (stored,) = await desk.get("/api/trading/audit")
        assert entry == {name: stored[name] for name in entry}


async def test_what_was_told_is_in_the_listings_however_late_the_database(
    desk: World, desk_db: FreshDatabase
) -> None:
    async with stream(desk, "audit") as socket, looking_at(desk_db) as look:
        async with look.transaction():
            await look.execute("SELECT * FROM journal_head FOR UPDATE")
            desk.core.recorder.record(
                Audited(
                    at_ns=desk.clock.now_ns(),
                    actor=Actor("user:me"),
                    action="kill.engage",
                    entity="kill_switch",
                    before="released",
                    after="engaged",
                )
            )
            (told,) = await until(socket, "audit")
            listing = asyncio.create_task(desk.get("/api/trading/audit"))
            await asyncio.wait({listing}, timeout=0.5)
        (stored,) = await listing
        assert told == {name: stored[name] for name in told}


async def test_a_busy_market_is_told_at_most_four_times_a_second(desk: World) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()

    async def busy() -> None:
        bid = 100.0
        while not stop.is_set():
            bid += 0.01
            desk.quote("BTCUSDT.BINANCE", bid, bid + 0.1)
            desk.clock.advance(1_000_000)
            await asyncio.sleep(0)

    quoting = asyncio.create_task(busy())
    began = loop.time()  # before the first is sent: it may be read late
    async with stream(desk, "market:BTCUSDT") as socket:
        for _ in range(9):
            await hear(socket)
        took = loop.time() - began
    stop.set()
    await quoting
    # Nine updates cannot come in less than eight pauses of a quarter second.
    assert took >= 8 * 0.25 - 0.1


async def test_an_unchanged_state_is_not_repeated(desk: World) -> None:
    async with stream(desk, "budgets", "risk") as socket:
        first = await hear(socket)
        assert set(first["data"]) == {"budgets", "risk"}
        for _ in range(3):
            await desk.feed.tick()
        await desk.http.put(f"/api/budget/{SPOT_ID}/USDT", json={"allocated": 1})
        second = await hear(socket)
        assert second["seq"] == 2
        assert set(second["data"]) == {"budgets"}


async def test_wishes_can_be_taken_back_and_nonsense_is_told(desk: World) -> None:
    async with stream(desk) as socket:
        await say(socket, type="subscribe", topics=["gossip"])
        heard = await hear(socket)
        assert heard["type"] == "error"
        assert "no topic is named 'gossip'" in heard["detail"]
        await say(socket, type="subscribe", topics=["market:BTCUSDTT"])
        assert "did you mean BTCUSDT?" in (await hear(socket))["detail"]
        await socket.send("{")
        assert (await hear(socket))["type"] == "error"
        await socket.send(b"\x00")
        assert (await hear(socket))["type"] == "error"
        await say(socket, type="subscribe", topics=["risk", "orders"])
        assert await hear(socket) == {"type": "subscribed", "topics": ["orders", "risk"]}
        await say(socket, type="unsubscribe", topics=["risk"])
        while (heard := await hear(socket))["type"] == "update":
            pass
        assert heard == {"type": "subscribed", "topics": ["orders"]}
        await say(socket, type="ping")
        assert await hear(socket) == {"type": "pong"}


async def test_who_says_much_at_once_is_answered_and_not_cut(desk: World) -> None:
    async with stream(desk) as socket:
        for _ in range(40):
            await say(socket, type="ping")
        for _ in range(40):
            assert await hear(socket) == {"type": "pong"}


async def test_who_is_gone_is_forgotten(desk: World) -> None:
    async with stream(desk, "overview") as socket:
        await hear(socket)
        assert desk.feed.watched
    async with asyncio.timeout(WAIT_S):
        while desk.feed.watched:  # noqa: ASYNC110 - the server notices when it does
            await asyncio.sleep(0.01)


def test_a_watcher_that_does_not_keep_up_is_marked() -> None:
    watcher = Watcher()
    for _ in range(8):
        watcher.offer("now", [("risk", b"{}")])
    assert not watcher.too_slow.is_set()
    watcher.offer("now", [("risk", b"{}")])
    assert watcher.too_slow.is_set()


async def test_a_reader_that_stops_reading_is_cut(desk: World) -> None:
    """The engine never waits for it: its socket fills up, and it is closed."""
    text = "x" * 200_000
    async with stream(desk, "alerts", max_queue=1) as socket:
        socket.transport.pause_reading()
        async with asyncio.timeout(60):
            while desk.feed.watched:
                desk.core.recorder.record(
                    AlertRaised(at_ns=desk.clock.now_ns(), severity="info", code="T", text=text)
                )
                await desk.feed.tick()
                await asyncio.sleep(0.001)
        socket.transport.resume_reading()
        with pytest.raises(ConnectionClosed):  # noqa: PT012 - after what was sent before the cut
            while True:
                await hear(socket)


async def test_a_strangers_page_gets_no_stream(desk: World) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with stream(desk, additional_headers={"Origin": "https://evil.example"}):
            pass
    assert refused.value.response.status_code == 403


async def test_with_authentication_the_first_message_signs_in(guarded: World) -> None:
    token = (await log_in(guarded, "vera", Role.VIEWER))["Authorization"].removeprefix("Bearer ")
    async with stream(guarded) as socket:
        await say(socket, type="auth", token=token)
        await say(socket, type="subscribe", topics=["risk"])
        assert (await hear(socket))["type"] == "subscribed"
        assert set((await hear(socket))["data"]) == {"risk"}


async def test_with_authentication_a_header_signs_in_too(guarded: World) -> None:
    key = await guarded.access.create_key(Actor("test"), "page", Role.VIEWER)
    headers = {"X-API-Key": key.text}
    async with stream(guarded, "risk", additional_headers=headers) as socket:
        assert set((await hear(socket))["data"]) == {"risk"}


async def test_who_says_nothing_where_a_credential_is_needed_is_sent_away(
    guarded: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_module, "_SIGN_IN_WITHIN_S", 0.05)
    async with stream(guarded) as socket:
        with pytest.raises(ConnectionClosed) as closed:
            await hear(socket)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4401


async def test_a_stream_ends_with_the_key_or_the_sign_in_behind_it(
    guarded: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_module, "_ASK_AGAIN_S", 0.01)
    by = Actor("test")
    token = (await log_in(guarded, "vera", Role.VIEWER))["Authorization"]
    gone = await guarded.access.create_key(by, "page", Role.VIEWER)
    kept = await guarded.access.create_key(by, "other", Role.VIEWER)
    async with (
        stream(guarded, "alerts", additional_headers={"X-API-Key": gone.text}) as by_key,
        stream(guarded, "alerts", additional_headers={"Authorization": token}) as by_token,
        stream(guarded, "alerts", additional_headers={"X-API-Key": kept.text}) as lasting,
    ):
        await guarded.access.revoke_key(by, "page")
        await guarded.access.remove_user(by, "vera")
        for socket in (by_key, by_token):
            with pytest.raises(ConnectionClosed) as closed:
                await hear(socket)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 4401
        await say(lasting, type="ping")
        assert await hear(lasting) == {"type": "pong"}


@pytest.mark.parametrize(
    "first", [{"type": "subscribe", "topics": ["risk"]}, {"type": "auth", "token": "x"}]
)
async def test_without_a_credential_the_stream_is_closed(
    guarded: World, first: dict[str, Any]
) -> None:
    async with stream(guarded) as socket:
        await say(socket, **first)
        with pytest.raises(ConnectionClosed) as closed:
            await hear(socket)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4401
