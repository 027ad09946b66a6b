"""The WebSocket: subscriptions, filters, authentication, and clients that do not keep up."""

import asyncio
import itertools
import json
import socket
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager
from functools import partial
from types import SimpleNamespace
from typing import Any, TypeVar

import httpx
import pytest
from msgspec.structs import replace
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from arbiter.access.roles import Role
from arbiter.api.common import listen
from arbiter.api.spot import stream
from arbiter.model.changes import Changes
from arbiter.model.ids import Actor, StrategyId, Symbol
from arbiter.model.plans import Family
from tests.fakes.engine import Desk
from tests.surfaces.spot import samples
from tests.surfaces.spot.conftest import MakeEngine, until
from tests.surfaces.spot.harness import LiveEngine
from tests.surfaces.spot.samples import check_shape
from tests.unit.storage import samples as stored

KEY = "0f3c9a6be2d84715a9c4"
PRICE = {
    "symbol": "BTCUSDT",
    "exchange": "binance",
    "bid": 1.0,
    "ask": 1.0,
    "bid_size": 1.0,
    "ask_size": 1.0,
    "timestamp": 1.0,
}
T = TypeVar("T")
_addresses = itertools.count(10)


@asynccontextmanager
async def joined(engine: LiveEngine, **options: Any) -> AsyncIterator[ClientConnection]:
    """A connection from an address of its own: connections have a rate limit."""
    url = f"ws://127.0.0.1:{engine.port}/api/v1/ws"
    options.setdefault("local_addr", (f"127.0.0.{next(_addresses)}", 0))
    async with connect(url, **options) as talk:
        yield talk


async def say(talk: ClientConnection, **message: Any) -> None:
    await talk.send(json.dumps(message))


async def hear(talk: ClientConnection, *kinds: str) -> dict[str, Any]:
    """The next message of these kinds; any where none is named."""
    async with asyncio.timeout(60):
        while True:
            message: dict[str, Any] = json.loads(await talk.recv())
            if not kinds or message["type"] in kinds:
                return message


async def test_prices_come_for_all_symbols(engine: LiveEngine) -> None:
    async with joined(engine) as talk:
        await say(talk, type="subscribe", channel="prices")
        assert await hear(talk) == {"type": "subscribed", "channel": "prices"}
        seen = set()
        for _ in range(64):
            update = await hear(talk, "price_update")
            check_shape(PRICE, update["data"])
            seen.add((update["data"]["symbol"], update["data"]["exchange"]))
        assert len({symbol for symbol, _ in seen}) == 8
        assert len({exchange for _, exchange in seen}) == 4


async def test_prices_come_for_the_symbols_asked_for_alone(engine: LiveEngine) -> None:
    async with joined(engine) as talk:
        await say(talk, type="subscribe", channel="prices", symbols=["BTCUSDT", "ETH/USDT"])
        assert (await hear(talk))["symbols"] == ["BTCUSDT", "ETHUSDT"]
        for _ in range(30):
            update = await hear(talk, "price_update")
            assert update["data"]["symbol"] in {"BTCUSDT", "ETHUSDT"}
        await say(talk, type="unsubscribe", channel="prices", symbols=["BTCUSDT"])
        assert (await hear(talk, "unsubscribed"))["symbols"] == ["ETHUSDT"]
        for _ in range(10):
            assert (await hear(talk, "price_update"))["data"]["symbol"] == "ETHUSDT"
        await say(talk, type="unsubscribe", channel="prices")
        assert (await hear(talk, "unsubscribed"))["symbols"] == []
        async with joined(engine) as other:
            await say(other, type="subscribe", channel="prices", symbols=["BTCUSDT"])
            await say(other, type="subscribe", channel="prices", symbols=["ETHUSDT"])
            assert (await hear(other, "subscribed"))["symbols"] == ["BTCUSDT"]
            assert (await hear(other, "subscribed"))["symbols"] == ["BTCUSDT", "ETHUSDT"]
            for _ in range(20):  # meanwhile whoever wants prices is told some
                await hear(other, "price_update")
        await say(talk, type="ping")
        assert (await hear(talk))["type"] == "pong"


async def test_every_signal_and_trade_is_told_in_order(engine: LiveEngine) -> None:
    async with joined(engine) as talk:
        await say(talk, type="subscribe", channel="signals")
        await say(talk, type="subscribe", channel="trades")
        signals: list[dict[str, Any]] = []
        trades: dict[int, list[dict[str, Any]]] = {}
        while not signals or sum(t[-1]["status"] == "completed" for t in trades.values()) < 3:
            message = await hear(talk, "signal", "trade_update")
            if message["type"] == "signal":
                check_shape(samples.SIGNAL, message["data"])
                signals.append(message["data"])
            else:
                trades.setdefault(message["data"]["id"], []).append(message["data"])
    numbers = [signal["id"] for signal in signals]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    with engine.client() as client:
        for number, told in trades.items():
            last = told[-1]
            if last["status"] == "completed":
                check_shape(samples.TRADE_DETAIL, last)
                assert client.get(f"/trades/{number}").json() == last


async def test_filter_holds_for_signals_too(engine: LiveEngine) -> None:
    async with joined(engine) as talk:
        await say(talk, type="subscribe", channel="signals", symbols=["BTCUSDT", "ETHUSDT"])
        for _ in range(2):
            assert (await hear(talk, "signal"))["data"]["symbol"] in {"BTCUSDT", "ETHUSDT"}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{", "INVALID_REQUEST"),
        ("[]", "INVALID_REQUEST"),
        ('{"type":"dance"}', "INVALID_REQUEST"),
        ('{"type":"subscribe"}', "INVALID_REQUEST"),
        ('{"type":"subscribe","channel":"news"}', "INVALID_REQUEST"),
        ('{"type":"subscribe","channel":"prices","symbols":["INVALID"]}', "INVALID_SYMBOL"),
        ('{"type":"subscribe","channel":"prices","symbols":[7]}', "INVALID_REQUEST"),
    ],
)
async def test_bad_message_is_told_and_the_connection_stays(
    engine: LiveEngine, text: str, code: str
) -> None:
    async with joined(engine) as talk:
        await talk.send(text)
        answer = await hear(talk)
        assert answer["type"] == "error"
        check_shape(samples.ERROR, {"error": answer["error"]})
        assert answer["error"]["code"] == code
        await say(talk, type="ping")
        assert (await hear(talk))["type"] == "pong"


async def test_page_of_a_stranger_may_not_listen(engine: LiveEngine) -> None:
    with pytest.raises(InvalidStatus) as caught:
        async with joined(engine, origin="http://evil.example"):
            pass
    assert caught.value.response.status_code == 403


@pytest.fixture(scope="module")
def guarded(make_engine: MakeEngine) -> Iterator[LiveEngine]:
    """Asks its readers again and again whether they still may."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stream, "ASK_AGAIN_S", 0.05)
        engine = make_engine(
            ARBITER__SPOT_API__AUTH_REQUIRED="true",
            ARBOT_API_KEY=KEY,
            ARBITER__SPOT_API__RATE_LIMIT="0",
        )
        access = engine.running.access
        engine.wait_for(access.add_user(Actor("cli"), "vic", Role.VIEWER, "correct horse vic"))
        yield engine


async def test_token_in_the_first_message_opens_the_stream(guarded: LiveEngine) -> None:
    given = {"username": "vic", "password": "correct horse vic"}
    async with httpx.AsyncClient(base_url=guarded.api) as client:
        token = (await client.post("/auth/login", data=given)).json()["access_token"]
    async with joined(guarded) as talk:
        await say(talk, type="subscribe", channel="prices")
        refused = await hear(talk)
        assert (refused["type"], refused["error"]["code"]) == ("error", "UNAUTHORIZED")
        await say(talk, type="auth", token="wrong")
        assert (await hear(talk))["error"]["code"] == "UNAUTHORIZED"
        await say(talk, type="auth", token=token)
        assert (await hear(talk))["type"] == "authenticated"
        await say(talk, type="subscribe", channel="prices")
        assert (await hear(talk))["type"] == "subscribed"
        assert (await hear(talk))["type"] == "price_update"


async def test_key_in_the_handshake_opens_the_stream(guarded: LiveEngine) -> None:
    async with joined(guarded, additional_headers={"X-API-Key": KEY}) as talk:
        await say(talk, type="subscribe", channel="prices")
        assert (await hear(talk))["type"] == "subscribed"


async def test_revoked_key_and_new_credential_end_their_streams(guarded: LiveEngine) -> None:
    access, cli = guarded.running.access, Actor("cli")
    await _on(guarded, access.add_user(cli, "val", Role.VIEWER, "correct horse val"))
    made = await _on(guarded, access.create_key(cli, "page", Role.VIEWER))
    given = {"username": "val", "password": "correct horse val"}
    async with httpx.AsyncClient(base_url=guarded.api) as client:
        token = (await client.post("/auth/login", data=given)).json()["access_token"]
    async with (
        joined(guarded, additional_headers={"X-API-Key": KEY}) as lasting,
        joined(guarded, additional_headers={"X-API-Key": made.text}) as by_header,
        joined(guarded) as by_key,
        joined(guarded) as by_token,
    ):
        await say(by_key, type="auth", token=made.text)
        await say(by_token, type="auth", token=token)
        for talk in (by_header, by_key, by_token, lasting):
            await say(talk, type="subscribe", channel="prices")
            await hear(talk, "price_update")
        await _on(guarded, access.revoke_key(cli, "page"))
        await _on(guarded, access.change_credential(cli, "val", "another horse"))
        for talk in (by_header, by_key, by_token):
            assert (await hear(talk, "error"))["error"]["code"] == "UNAUTHORIZED"
            with pytest.raises(ConnectionClosed) as closed:
                await talk.recv()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1008
        await say(lasting, type="ping")
        await hear(lasting, "pong")


async def _on(engine: LiveEngine, work: Coroutine[Any, Any, T]) -> T:
    """Do something on the engine's own loop."""
    return await asyncio.to_thread(engine.wait_for, work)


async def test_client_that_shows_nothing_is_cut_off(
    guarded: LiveEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "AUTH_TIMEOUT_S", 0.2)
    async with joined(guarded) as talk, asyncio.timeout(60):
        assert (await hear(talk))["error"]["code"] == "UNAUTHORIZED"
        with pytest.raises(ConnectionClosed) as closed:
            await talk.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1008


@pytest.mark.usefixtures("one_moment")
async def test_fourth_connection_within_a_second_is_429(guarded: LiveEngine) -> None:
    async def open_one(here: tuple[str, int]) -> int:
        try:
            async with joined(guarded, local_addr=here):
                return 101
        except InvalidStatus as refusal:
            response = refusal.response
            assert response.headers["retry-after"] == "1"
            assert json.loads(response.body or b"")["error"]["code"] == "RATE_LIMIT_EXCEEDED"
            return response.status_code

    here = (f"127.0.0.{next(_addresses)}", 0)
    codes = sorted(await asyncio.gather(*(open_one(here) for _ in range(5))))
    assert codes == [101, 101, 101, 429, 429]


def test_client_that_leaves_too_much_unread_is_cut() -> None:
    client = stream.Client(None, 1)  # type: ignore[arg-type]
    for number in range(stream.QUEUE):
        client.tell(str(number))
    assert client.cut is None
    client.tell("one too many")
    assert client.cut == (1013, "too slow")


async def test_clients_of_a_stream_that_fell_behind_are_cut_and_not_left_with_a_gap(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stream, "HUB_QUEUE", 4)
    desk = Desk()
    settings = SimpleNamespace(prices_per_second=100)
    deps: Any = SimpleNamespace(core=desk.core, hub=desk.hub, settings=settings)
    door: Any = None
    streams = stream.Streams(deps, door)
    socket: Any = None
    client = stream.Client(socket, desk.registry.n_slots)
    streams._clients.add(client)
    following = asyncio.create_task(streams._follow())
    await asyncio.sleep(0)  # it begins
    for _ in range(5):
        desk.hub.publish((), Changes())
    async with asyncio.timeout(60):
        await client._wake.wait()
    assert client.cut == (1013, "the stream fell behind")
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)


@pytest.mark.slow
async def test_client_that_does_not_read_is_cut_and_the_others_go_on(
    make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "SEND_TIMEOUT_S", 0.5)
    monkeypatch.setattr(listen, "UNREAD_S", 1)
    engine = make_engine()
    async with joined(engine) as keen:
        await say(keen, type="subscribe", channel="trades")
        await hear(keen, "subscribed")
        with socket.socket() as deaf:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2_048)
            deaf.bind((f"127.0.0.{next(_addresses)}", 0))
            deaf.connect(("127.0.0.1", engine.port))
            await asyncio.to_thread(_subscribe_raw, deaf, engine.port)
            told = 0
            async with asyncio.timeout(90):
                while not _was_cut(deaf):
                    told += (await hear(keen))["type"] == "trade_update"
        while told < 3:
            told += (await hear(keen))["type"] == "trade_update"


def _subscribe_raw(deaf: socket.socket, port: int) -> None:
    """Join and ask for all prices, then read nothing ever again."""
    deaf.sendall(
        f"GET /api/v1/ws HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
    )
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):
        answer += deaf.recv(1)
    assert answer.startswith(b"HTTP/1.1 101 ")
    frame = json.dumps({"type": "subscribe", "channel": "prices"}).encode()
    deaf.sendall(bytes([0x81, 0x80 | len(frame), 0, 0, 0, 0]) + frame)


def _was_cut(deaf: socket.socket) -> bool:
    """Whether the other end is gone: told by its answer to a ping, without reading."""
    try:
        deaf.sendall(bytes([0x89, 0x80, 0, 0, 0, 0]))
    except (ConnectionResetError, BrokenPipeError):
        return True
    return False


async def test_quotes_keep_coming_while_many_listen(engine: LiveEngine) -> None:
    async with asyncio.TaskGroup() as group:
        sockets = [group.create_task(_one_update(engine)) for _ in range(20)]
    assert all(task.result() for task in sockets)
    with engine.client() as client:
        before = client.get("/status").json()["exchanges"]["okx"]["last_update"]
        until(lambda: client.get("/status").json()["exchanges"]["okx"]["last_update"] > before)


async def _one_update(engine: LiveEngine) -> bool:
    async with joined(engine) as talk:
        await say(talk, type="subscribe", channel="prices", symbols=["BTCUSDT"])
        return bool((await hear(talk, "price_update"))["data"]["symbol"] == "BTCUSDT")


async def test_signals_of_other_families_are_not_told(engine: LiveEngine) -> None:
    own = stored.signal(1_000_002)
    other = replace(stored.signal(1_000_001), strategy=StrategyId("event-arbitrage"))
    async with joined(engine) as talk:
        await say(talk, type="subscribe", channel="signals")
        await hear(talk, "subscribed")
        for signal in (other, own):
            changes = Changes()
            changes.signals[signal.id] = signal
            await asyncio.to_thread(engine.do, partial(engine.running.hub.publish, (), changes))
        while (told := (await hear(talk, "signal"))["data"]["id"]) != own.seq:
            assert told != other.seq


async def test_trades_of_other_families_and_of_other_symbols_are_not_told(
    engine: LiveEngine,
) -> None:
    own = stored.trade(1_000_001)
    by_hand = replace(stored.trade(1_000_002), family=Family.MANUAL)
    elsewhere = stored.trade(1_000_003, symbol=Symbol("ETH/USDT"))
    async with joined(engine) as talk:
        await say(talk, type="subscribe", channel="trades", symbols=["BTCUSDT"])
        await hear(talk, "subscribed")
        for trade in (by_hand, elsewhere, own):
            changes = Changes()
            changes.trades[trade.id] = trade
            await asyncio.to_thread(engine.do, partial(engine.running.hub.publish, (), changes))
        while (told := (await hear(talk, "trade_update"))["data"])["id"] != own.seq:
            assert told["id"] not in {by_hand.seq, elsewhere.seq}
            assert told["symbol"] == "BTCUSDT"
