"""The listener: health, reflection, limits, deadlines, TLS, addresses, generated code."""

import asyncio
import datetime
import filecmp
import ipaddress
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

import arbiter_pb2 as pb
from arbiter.access.roles import Role
from arbiter.api.control import guard, server, trading
from arbiter.api.control.server import ControlServer, ControlSettings
from arbiter.app.config import load
from arbiter.client import ArbiterApiError, ArbiterClient, TooMany, Unreachable
from arbiter.model.errors import BadConfig, Conflict
from arbiter_pb2_grpc import TradingServiceStub, UserServiceStub
from tests.fakes.ports import free_port
from tests.fakes.postgres import FreshDatabase
from tests.surfaces.control.world import BTC, PASSWORD, World, bearing, refused, world

ROOT = Path(__file__).parents[3]


async def test_the_standard_health_service_knows_every_service(engine: World) -> None:
    async with grpc.aio.insecure_channel(engine.address) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        for name in ("", "arbiter.UserService", "arbiter.TradingService"):
            answer = await stub.Check(health_pb2.HealthCheckRequest(service=name))
            assert answer.status == health_pb2.HealthCheckResponse.SERVING, name
        error = await refused(stub.Check(health_pb2.HealthCheckRequest(service="arbiter.No")))
        assert error.code() is grpc.StatusCode.NOT_FOUND


async def test_health_is_not_serving_while_the_engine_is_not_ready(engine: World) -> None:
    engine.core.state.started = False
    async with grpc.aio.insecure_channel(engine.address) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        watching = stub.Watch(health_pb2.HealthCheckRequest())
        async with asyncio.timeout(60):
            async for answer in watching:
                if answer.status == health_pb2.HealthCheckResponse.NOT_SERVING:
                    break


async def test_reflection_lists_the_contracts_services(engine: World) -> None:
    async with grpc.aio.insecure_channel(engine.address) as channel:
        stub: Any = reflection_pb2_grpc.ServerReflectionStub(channel)
        asked = iter(
            [
                reflection_pb2.ServerReflectionRequest(list_services=""),
                reflection_pb2.ServerReflectionRequest(file_containing_symbol="arbiter.Position"),
            ]
        )
        answers = [answer async for answer in stub.ServerReflectionInfo(asked)]
    listed = {service.name for service in answers[0].list_services_response.service}
    assert listed >= {"arbiter.UserService", "arbiter.TradingService", "arbiter.StrategyService"}
    assert "grpc.health.v1.Health" in listed
    assert answers[1].file_descriptor_response.file_descriptor_proto


async def test_a_request_larger_than_a_megabyte_is_refused(engine: World) -> None:
    async with grpc.aio.insecure_channel(engine.address) as channel:
        request = pb.AuthRequest(user_id="alice", credential="x" * 2_000_000)
        error = await refused(UserServiceStub(channel).Authenticate(request))
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


@pytest.mark.parametrize(
    "method",
    ["UserService/Authenticate", "TradingService/PlaceOrder", "StreamService/StreamQuotes"],
)
@pytest.mark.parametrize("body", [b"\xff\xff\xff\xff", b"\x12\x02\xff\xfe"])
async def test_bytes_that_are_no_message_are_an_invalid_argument(
    engine: World, method: str, body: bytes
) -> None:
    await engine.user("alice", Role.TRADER)
    async with grpc.aio.insecure_channel(engine.address) as channel:
        asked = pb.AuthRequest(user_id="alice", credential=PASSWORD)
        metadata = bearing((await UserServiceStub(channel).Authenticate(asked)).access_token)
        make: Any = channel.unary_stream if "Stream" in method else channel.unary_unary
        call = make(f"/arbiter.{method}")(body, metadata=metadata)
        error = await refused(call.read() if "Stream" in method else call)
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "the request cannot be read" in (error.details() or "")


async def test_strangers_are_told_nothing_of_their_bytes(engine: World) -> None:
    async with grpc.aio.insecure_channel(engine.address) as channel:
        place: Any = channel.unary_unary("/arbiter.TradingService/PlaceOrder")
        error = await refused(place(b"\xff"))
    assert error.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_calls_beyond_the_most_at_once_are_refused(
    control_db: FreshDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "MOST_CALLS", 1)
    async with world(control_db.url) as engine, engine.as_user("a", Role.VIEWER) as client:
        stream = client.streams.quotes(BTC[0], [BTC[1]])
        await anext(stream)
        with pytest.raises(TooMany):
            await client.users.balances()


@pytest.mark.parametrize(("left", "waited"), [(None, 2.0), (60.0, 2.0), (2.0, 1.6), (-1.0, 0.0)])
def test_an_answer_is_waited_for_within_the_callers_deadline(
    left: float | None, waited: float
) -> None:
    class Limited:
        def time_remaining(self) -> float | None:
            return left

    context: Any = Limited()
    assert guard.Call(context, None).patience_s(2.0) == waited


async def test_a_deadline_ends_the_call_and_the_order_is_placed_once(
    engine: World, trader: ArbiterClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The venue never answers: the caller learns so before its own deadline."""
    # Nothing but the deadline ends the waiting, and a slow machine has a minute for the way back.
    monkeypatch.setattr(trading, "ANSWER_S", 1e6)
    monkeypatch.setattr(guard, "WAITED_SHARE", 0.005)
    assert trader.tokens is not None
    request = pb.PlaceOrderRequest(
        exchange=BTC[0], market_id=BTC[1], side=pb.SIDE_BUY, size=0.5, price=99.0,
        client_order_id="d-1",
    )  # fmt: skip
    async with grpc.aio.insecure_channel(engine.address) as channel:
        stub = TradingServiceStub(channel)
        metadata = bearing(trader.tokens.access)
        answer = await stub.PlaceOrder(request, metadata=metadata, timeout=60.0)
        assert answer.status == pb.ORDER_STATUS_PENDING
        again = await stub.PlaceOrder(request, metadata=metadata, timeout=60.0)
    assert again.order_id == answer.order_id
    assert len(engine.outbox.sent) == 1


async def test_a_caller_that_hangs_up_leaves_the_order_as_it_is(
    engine: World, trader: ArbiterClient
) -> None:
    call = asyncio.create_task(
        trader.trading.place_order(*BTC, pb.SIDE_BUY, 0.5, 99.0, client_order_id="c-1")
    )
    order = await engine.ordered()
    call.cancel()
    await asyncio.wait([call])
    engine.accept(order)
    again = await trader.trading.place_order(*BTC, pb.SIDE_BUY, 0.5, 99.0, client_order_id="c-1")
    assert again.status == pb.ORDER_STATUS_OPEN
    assert len(engine.outbox.sent) == 1


async def test_both_loopback_addresses_answer_on_one_port(engine: World) -> None:
    assert len(engine.server.urls) == 2
    await engine.user("alice", Role.TRADER)
    for url in engine.server.urls:
        async with ArbiterClient(url.partition("://")[2]) as client:
            assert (await client.sign_in("alice", PASSWORD)).access


async def test_a_taken_port_is_told_by_its_setting(engine: World) -> None:
    other = ControlServer(engine.deps(), ControlSettings(port=engine.port))
    with pytest.raises(Conflict, match=f"port {engine.port} is in use.*listen.control_port"):
        other.bind()


async def test_stopping_ends_streams_and_frees_the_port(control_db: FreshDatabase) -> None:
    settings = ControlSettings(port=free_port())
    async with (
        world(control_db.url, settings=settings) as engine,
        engine.as_user("a", Role.VIEWER) as client,
    ):
        stream = client.streams.opportunities()
        reading = asyncio.ensure_future(anext(stream))
        await engine.subscribed.wait()
        port = engine.port
        engine.server.stop()
        with pytest.raises(ArbiterApiError):
            await reading
        assert not engine.server.bound
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))


async def test_nobody_at_the_address_is_unreachable() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
        async with ArbiterClient(address, timeout_s=2.0) as client:
            with pytest.raises(Unreachable):
                await client.sign_in("alice", PASSWORD)


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    cert_file, key_file = folder / "cert.pem", folder / "key.pem"
    cert_file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return cert_file, key_file


async def test_with_a_certificate_it_speaks_tls_and_nothing_else(
    control_db: FreshDatabase, tmp_path: Path
) -> None:
    cert, key = certificate(tmp_path)
    settings = ControlSettings(port=0, ssl_cert=str(cert), ssl_key=str(key))
    async with world(control_db.url, settings=settings) as engine:
        assert engine.server.urls[0].startswith("grpcs://")
        await engine.user("alice", Role.TRADER)
        async with ArbiterClient(engine.address, ca_certificate=cert.read_bytes()) as client:
            assert (await client.sign_in("alice", PASSWORD)).access
        async with ArbiterClient(engine.address, timeout_s=3.0) as plain:
            with pytest.raises(Unreachable):
                await plain.sign_in("alice", PASSWORD)


async def test_a_certificate_that_cannot_be_read_is_told(engine: World) -> None:
    settings = ControlSettings(port=0, ssl_cert="/nowhere/cert.pem", ssl_key="/nowhere/key.pem")
    with pytest.raises(BadConfig, match=r"/nowhere/key\.pem cannot be read"):
        ControlServer(engine.deps(), settings).bind()


SECRET = "q7Zt1vXo9LkPw3Rn8Ms5Jd2Hb6Yc4Fg0UeTiAaWx"
TLS = {"ARBITER__LISTEN__CONTROL_SSL_CERT": "/c.pem", "ARBITER__LISTEN__CONTROL_SSL_KEY": "/k.pem"}


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"GRPC_ADDR": "0.0.0.0:50051"}, "lets other machines in: set listen.control_ssl_cert"),
        ({"GRPC_ADDR": "[::]:50051", "JWT_SECRET": SECRET}, "set listen.control_ssl_cert"),
        ({"GRPC_ADDR": "0.0.0.0:50051", **TLS}, r"set access.jwt_secret \(JWT_SECRET\)"),
        ({"GRPC_ADDR": "50051"}, "GRPC_ADDR must be host:port"),
        ({"GRPC_ADDR": "127.0.0.1:grpc"}, "GRPC_ADDR must be host:port"),
        ({"GRPC_ADDR": "127.0.0.1:70000"}, "control_port must be"),
        (
            {"ARBITER__LISTEN__CONTROL_SSL_CERT": "/c.pem"},
            "control_ssl_cert and control_ssl_key belong together",
        ),
        (
            {"GRPC_ADDR": "127.0.0.1:6000", "ARBITER__LISTEN__CONTROL_PORT": "6001"},
            "set twice and differently",
        ),
        ({"GRPC_ADRR": "127.0.0.1:6000"}, "did you mean GRPC_ADDR"),
    ],
)
def test_an_address_that_is_not_safe_or_not_one_is_refused_at_start(
    tmp_path: Path, environment: dict[str, str], said: str
) -> None:
    with pytest.raises(BadConfig, match=said):
        load(environment={"ARBITER_HOME": str(tmp_path), **environment})


@pytest.mark.parametrize(
    ("environment", "host", "port"),
    [
        ({}, "127.0.0.1", 50_051),
        ({"GRPC_ADDR": "127.0.0.1:6000"}, "127.0.0.1", 6_000),
        ({"GRPC_ADDR": "[::1]:6000"}, "::1", 6_000),
        ({"GRPC_ADDR": "0.0.0.0:50051", "JWT_SECRET": SECRET, **TLS}, "0.0.0.0", 50_051),
    ],
)
def test_the_documented_variable_sets_host_and_port(
    tmp_path: Path, environment: dict[str, str], host: str, port: int
) -> None:
    listen = load(environment={"ARBITER_HOME": str(tmp_path), **environment}).settings.listen
    assert (listen.control_host, listen.control_port) == (host, port)


@pytest.mark.parametrize(
    ("name", "value", "seconds"),
    [("JWT_ACCESS_EXPIRY_SECS", "900", 900), ("JWT_REFRESH_EXPIRY_SECS", "86400", 86_400)],
)
def test_the_documented_expiries_are_taken(
    tmp_path: Path, name: str, value: str, seconds: int
) -> None:
    access = load(environment={"ARBITER_HOME": str(tmp_path), name: value}).settings.access
    assert seconds in {access.access_expiry_seconds, access.refresh_expiry_seconds}


def test_the_committed_code_is_what_the_contract_generates(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, ROOT / "contracts" / "generate.py", tmp_path], check=True, timeout=60
    )
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [
        "arbiter_pb2.py",
        "arbiter_pb2.pyi",
        "arbiter_pb2_grpc.py",
        "arbiter_pb2_grpc.pyi",
    ]
    same, differing, missing = filecmp.cmpfiles(tmp_path, ROOT / "src", names, shallow=False)
    assert (same, differing, missing) == (names, [], []), "run: make proto"


def fields(message: str) -> list[str]:
    found = pb.DESCRIPTOR.message_types_by_name[message].fields
    assert [field.number for field in found] == list(range(1, len(found) + 1)), message
    return [field.name for field in found]


def test_messages_have_the_pages_fields_numbered_in_table_order() -> None:
    assert fields("AuthRequest") == ["user_id", "credential"]
    assert fields("AuthResponse") == ["access_token", "expires_at", "refresh_token"]
    assert fields("RefreshTokenRequest") == ["refresh_token"]
    assert fields("BalancesRequest") == ["exchange"]
    assert fields("Balance") == ["exchange", "currency", "available", "locked", "total"]
    assert fields("PositionsRequest") == ["exchange", "market_id"]
    assert fields("Position") == [
        "id", "exchange", "market_id", "market_name", "side", "size",
        "entry_price", "current_price", "unrealized_pnl", "opened_at",
    ]  # fmt: skip
    assert fields("PlaceOrderRequest") == [
        "exchange", "market_id", "side", "size", "price", "client_order_id",
    ]  # fmt: skip
    assert fields("PlaceOrderResponse") == ["order_id", "status", "message"]
    assert fields("CancelOrderRequest") == ["exchange", "order_id"]
    assert fields("CancelOrderResponse") == ["success", "message"]
    assert fields("GetOrderRequest") == ["exchange", "order_id"]
    assert fields("OrderResponse") == [
        "order_id", "exchange", "market_id", "side", "size", "price", "filled_size",
        "average_fill_price", "status", "created_at", "updated_at",
    ]  # fmt: skip
    assert fields("ListOrdersRequest") == ["exchange", "status", "limit"]
    assert fields("ListOrdersResponse") == ["orders"]
    assert fields("GetArbStatusResponse") == [
        "state", "active_pairs", "opportunities_today", "trades_today", "pnl_today",
        "last_activity",
    ]  # fmt: skip
    assert fields("SetArbEnabledRequest") == ["enabled"]
    assert fields("SetArbEnabledResponse") == ["state", "message"]
    config = [
        "min_spread", "max_position_size", "max_total_exposure", "staleness_threshold_ms",
        "enabled_pairs",
    ]  # fmt: skip
    assert fields("ArbConfig") == fields("UpdateArbConfigRequest") == config
    update = pb.DESCRIPTOR.message_types_by_name["UpdateArbConfigRequest"]
    assert [field.has_presence for field in update.fields] == [True, True, True, True, False]
    assert fields("ListCopyTradesResponse") == ["copy_trades"]
    assert fields("CopyTrade") == [
        "id", "target_wallet", "exchange", "size_multiplier", "max_position_size", "enabled",
        "total_pnl", "created_at",
    ]  # fmt: skip
    assert fields("AddCopyTradeRequest") == [
        "target_wallet", "exchange", "size_multiplier", "max_position_size",
    ]  # fmt: skip
    assert fields("RemoveCopyTradeRequest") == ["copy_trade_id"]
    assert fields("RemoveCopyTradeResponse") == ["success", "message"]
    for empty in ("GetArbStatusRequest", "GetArbConfigRequest", "ListCopyTradesRequest"):
        assert fields(empty) == []


def test_enum_numbers_are_those_published() -> None:
    assert dict(pb.OrderStatus.items()) == {
        "ORDER_STATUS_UNSPECIFIED": 0,
        "ORDER_STATUS_PENDING": 1,
        "ORDER_STATUS_OPEN": 2,
        "ORDER_STATUS_FILLED": 3,
        "ORDER_STATUS_PARTIALLY_FILLED": 4,
        "ORDER_STATUS_CANCELLED": 5,
        "ORDER_STATUS_REJECTED": 6,
    }
    assert dict(pb.ArbEngineState.items()) == {
        "ARB_ENGINE_STATE_UNSPECIFIED": 0,
        "ARB_ENGINE_STATE_STOPPED": 1,
        "ARB_ENGINE_STATE_RUNNING": 2,
        "ARB_ENGINE_STATE_PAUSED": 3,
    }
    assert dict(pb.Side.items()) == {"SIDE_UNSPECIFIED": 0, "SIDE_BUY": 1, "SIDE_SELL": 2}
    exchanges = dict(pb.Exchange.items())
    assert (exchanges["EXCHANGE_POLYMARKET"], exchanges["EXCHANGE_KALSHI"]) == (1, 2)
    assert all(n >= 10 for n in exchanges.values() if n > 2)


def test_the_services_have_the_pages_methods() -> None:
    services = pb.DESCRIPTOR.services_by_name
    methods = {name: [m.name for m in services[name].methods] for name in services}
    assert methods["UserService"] == ["Authenticate", "RefreshToken", "GetBalances", "GetPositions"]
    assert methods["TradingService"] == ["PlaceOrder", "CancelOrder", "GetOrder", "ListOrders"]
    assert methods["StrategyService"] == [
        "GetArbStatus", "SetArbEnabled", "GetArbConfig", "UpdateArbConfig", "ListCopyTrades",
        "AddCopyTrade", "RemoveCopyTrade",
    ]  # fmt: skip
