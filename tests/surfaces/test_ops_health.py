"""Probes of port 9090, over real sockets."""

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

import httpx
import pytest
import pytest_asyncio

from arbiter.api.common import listen
from arbiter.api.common.server import ApiServer
from arbiter.api.funding.surface import make_ops_app
from arbiter.model.errors import BadConfig, Conflict
from arbiter.model.ids import VenueId
from arbiter.model.time import NS_PER_S
from tests.fakes.ops import ops_deps
from tests.fakes.ports import free_port

BINANCE, BYBIT = VenueId("binance"), VenueId("bybit")


class Facts:
    def __init__(self) -> None:
        self.failed = False
        self.done = True
        self.writes = True
        self.venues = {BINANCE: True, BYBIT: True}
        self.missing: list[str] = []

    def now_ns(self) -> int:
        return 1_735_295_400 * NS_PER_S

    def uptime_seconds(self) -> int:
        return 3600

    def alive(self) -> bool:
        return not self.failed

    def recovered(self) -> bool:
        return self.done

    def durable(self) -> bool:
        return self.writes

    def connections(self) -> Mapping[VenueId, bool]:
        return self.venues

    def unbound(self) -> Sequence[str]:
        return self.missing


@pytest.fixture
def facts() -> Facts:
    return Facts()


@asynccontextmanager
async def running(server: ApiServer) -> AsyncIterator[ApiServer]:
    server.bind()
    task = asyncio.create_task(server.run())
    await server.ready()
    try:
        yield server
    finally:
        server.stop()
        await task


def ops(facts: Facts, host: str = "127.0.0.1", port: int = 0) -> ApiServer:
    app = make_ops_app(ops_deps(health=facts))
    return ApiServer(app, host=host, port=port, setting="listen.ops_port")


@pytest_asyncio.fixture
async def client(facts: Facts) -> AsyncIterator[httpx.AsyncClient]:
    async with (
        running(ops(facts)) as server,
        httpx.AsyncClient(base_url=server.urls[0]) as client,
    ):
        yield client


async def test_health_of_a_whole_engine(client: httpx.AsyncClient) -> None:
    answer = await client.get("/health")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {
        "status": "healthy",
        "exchanges": {"binance": "connected", "bybit": "connected"},
        "uptime_seconds": 3600,
    }


async def test_lost_exchange_degrades_and_stays_200(
    client: httpx.AsyncClient, facts: Facts
) -> None:
    facts.venues[BYBIT] = False
    answer = await client.get("/health")
    assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
    assert answer.json()["exchanges"] == {"binance": "connected", "bybit": "disconnected"}


async def test_an_engine_whose_database_is_away_is_degraded(
    client: httpx.AsyncClient, facts: Facts
) -> None:
    facts.writes = False
    answer = await client.get("/health")
    assert (answer.status_code, answer.json()["status"]) == (200, "degraded")


async def test_no_exchange_at_all_is_unhealthy_but_alive(
    client: httpx.AsyncClient, facts: Facts
) -> None:
    facts.venues.update({BINANCE: False, BYBIT: False})
    answer = await client.get("/health")
    assert (answer.status_code, answer.json()["status"]) == (503, "unhealthy")
    assert (await client.get("/live")).status_code == 200
    ready = await client.get("/ready")
    assert (ready.status_code, ready.json()["ready"]) == (503, False)


async def test_two_markets_of_one_exchange_are_one_name(
    client: httpx.AsyncClient, facts: Facts
) -> None:
    facts.venues[VenueId("binance_futures")] = False
    assert (await client.get("/health")).json()["exchanges"]["binance"] == "disconnected"


async def test_ready_engine_says_so(client: httpx.AsyncClient) -> None:
    answer = await client.get("/ready")
    assert answer.status_code == 200
    assert answer.json() == {"ready": True, "timestamp": "2024-12-27T10:30:00Z"}


async def test_not_ready_before_recovery_and_before_every_listener_is_bound(
    client: httpx.AsyncClient, facts: Facts
) -> None:
    facts.done = False
    facts.missing.append("spot")
    answer = await client.get("/ready")
    assert answer.status_code == 503
    assert answer.json() == {
        "ready": False,
        "timestamp": "2024-12-27T10:30:00Z",
        "waiting_for": ["recovery", "listener spot"],
    }
    facts.done = True
    assert (await client.get("/ready")).status_code == 503
    facts.missing.clear()
    assert (await client.get("/ready")).status_code == 200


async def test_failed_engine_is_neither_alive_nor_ready(
    client: httpx.AsyncClient, facts: Facts
) -> None:
    facts.failed = True
    answer = await client.get("/live")
    assert answer.status_code == 503
    assert answer.json() == {"alive": False, "timestamp": "2024-12-27T10:30:00Z"}
    assert (await client.get("/ready")).status_code == 503


async def test_live_engine_says_so(client: httpx.AsyncClient) -> None:
    answer = await client.get("/live")
    assert answer.status_code == 200
    assert answer.json() == {"alive": True, "timestamp": "2024-12-27T10:30:00Z"}


async def test_errors_have_the_surface_s_own_shape(client: httpx.AsyncClient) -> None:
    for answer in (await client.get("/nowhere"), await client.post("/health")):
        assert list(answer.json()) == ["error"]
    assert (await client.get("/nowhere")).status_code == 404


async def test_loopback_means_both_addresses_of_this_machine(facts: Facts) -> None:
    async with running(ops(facts, host="localhost")) as server:
        expected = 2 if _has_ipv6() else 1
        assert len(server.urls) == expected
        assert len({url.rpartition(":")[2] for url in server.urls}) == 1
        async with httpx.AsyncClient() as client:
            for url in server.urls:
                assert (await client.get(f"{url}/live")).status_code == 200


async def test_machine_without_ipv6_listens_on_the_other_address(
    facts: Facts, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = listen._listening

    def without_ipv6(host: str, port: int, setting: str) -> socket.socket:
        if ":" in host:
            raise listen._NoSuchAddress("no IPv6")
        return real(host, port, setting)

    monkeypatch.setattr(listen, "_listening", without_ipv6)
    async with running(ops(facts)) as server:
        assert len(server.urls) == 1


async def test_taken_port_is_told_with_the_setting_to_change(facts: Facts) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(Conflict, match=f"port {port} is in use.*set listen.ops_port"):
            ops(facts, port=port).bind()


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "no-such-host.invalid"])
def test_address_of_another_machine_is_told(host: str, facts: Facts) -> None:
    with pytest.raises(BadConfig, match="no address of this machine"):
        ops(facts, host=host).bind()


async def test_several_servers_share_one_loop_and_stop_one_by_one(facts: Facts) -> None:
    ports = free_port(), free_port()
    async with running(ops(facts, port=ports[0])) as first, httpx.AsyncClient() as client:
        async with running(ops(facts, port=ports[1])) as second:
            for server in (first, second):
                assert server.bound
                assert (await client.get(f"{server.urls[0]}/live")).status_code == 200
            gone = second.urls[0]
        assert not second.bound
        assert (await client.get(f"{first.urls[0]}/live")).status_code == 200
        with pytest.raises(httpx.ConnectError):
            await client.get(f"{gone}/live")


async def test_cancelled_server_gives_its_port_back(facts: Facts) -> None:
    port = free_port()
    server = ops(facts, port=port)
    server.bind()
    task = asyncio.create_task(server.run())
    await server.ready()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not server.bound
    async with running(ops(facts, port=port)) as again:
        assert again.bound


@pytest.mark.parametrize(
    ("host", "ours"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("10.0.0.1", False),
        ("localhost.example.org", False),
    ],
)
def test_what_only_this_machine_can_reach(host: str, ours: bool) -> None:
    assert listen.is_loopback(host) is ours


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True
