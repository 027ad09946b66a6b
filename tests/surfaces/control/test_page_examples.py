"""The published Python example, word for word, against a whole engine over a real socket.

Items 1 to 8 and the counters of item 9 are held to the engine of the default mode here; the rest
of each item stands in the other files.
"""

import asyncio
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

import arbiter_pb2 as pb
from arbiter.access.roles import Role
from arbiter.model.ids import Actor
from arbiter.storage import migrate
from arbiter_pb2_grpc import OperatorServiceStub, TradingServiceStub, UserServiceStub
from tests.fakes.postgres import PostgresForTests
from tests.surfaces.spot.harness import UNHURRIED, LiveEngine, free_port, patient

PUBLISHED_PORT = 50_051
EXAMPLE = """
import grpc
from arbiter_pb2 import AuthRequest, PositionsRequest
from arbiter_pb2_grpc import UserServiceStub

# Connect
channel = grpc.insecure_channel('localhost:50051')
stub = UserServiceStub(channel)

# Authenticate
auth_response = stub.Authenticate(AuthRequest(
    user_id="telegram:123456",
    credential="signature"
))

# Make authenticated request
metadata = [('authorization', f'Bearer {auth_response.access_token}')]
positions = stub.GetPositions(PositionsRequest(), metadata=metadata)

for pos in positions.positions:
    print(f"{pos.market_name}: {pos.size} @ {pos.entry_price}")
"""
"""As published; only the port is another, for other programs may have that one."""

ROOT = Path(__file__).parents[3]


async def build(url: str) -> None:
    await migrate.upgrade(url)


async def traded(engine: LiveEngine) -> None:
    """Wait until the strategy has moved inventory: seconds in this market."""
    ledger, hub = engine.running.engine.core.ledger, engine.running.hub
    subscription = hub.subscribe()
    try:
        async with asyncio.timeout(60):
            async for _ in subscription:
                if any(row.quantity for row in ledger.positions.values()):
                    return
    finally:
        subscription.close()


@pytest.fixture(scope="module")
def engine(
    postgres_server: PostgresForTests, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveEngine]:
    postgres_server.build_template("ledger", build)
    home = tmp_path_factory.mktemp("home")
    home.chmod(0o700)
    with patient(), postgres_server.fresh(template="ledger") as database:
        changes = {
            "ARBITER__LISTEN__CONTROL_ENABLED": "true",
            "GRPC_ADDR": f"127.0.0.1:{free_port()}",
        }
        engine = LiveEngine(home, database.url, changes | UNHURRIED)
        try:
            engine.start()
            access = engine.running.access
            engine.wait_for(
                access.add_user(Actor("test"), "telegram:123456", Role.TRADER, "signature")
            )
            yield engine
        finally:
            engine.destroy()


@pytest.fixture(scope="module")
def port(engine: LiveEngine) -> int:
    return int(engine.running.listeners["control"][0].rpartition(":")[2])


@pytest.fixture
def channel(port: int) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(f"localhost:{port}") as channel:
        yield channel


@pytest.fixture
def metadata(channel: grpc.Channel) -> tuple[tuple[str, str | bytes], ...]:
    request = pb.AuthRequest(user_id="telegram:123456", credential="signature")
    answer = UserServiceStub(channel).Authenticate(request)
    return (("authorization", f"Bearer {answer.access_token}"),)


def test_the_published_example_prints_the_positions(engine: LiveEngine, port: int) -> None:
    core = engine.running.engine.core
    engine.wait_for(traded(engine))
    done = subprocess.run(
        [sys.executable, "-c", EXAMPLE.replace(str(PUBLISHED_PORT), str(port))],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines, core.ledger.positions
    assert all(re.fullmatch(r"\S+/USDT: [\d.e-]+ @ [\d.e-]+", line) for line in lines), lines


def test_the_examples_kept_are_the_published_ones() -> None:
    def told(source: str) -> list[str]:
        bare = re.sub(r'"""[\s\S]*?"""|#.*', "", source).replace("'", '"')
        return re.findall(r"[\w.]+|[^\s\w,]", bare)

    kept = (ROOT / "examples" / "control_positions.py").read_text()
    assert told(kept) == told(EXAMPLE)
    rust = (ROOT / "examples" / "control-rust" / "src" / "main.rs").read_text()
    for said in (
        "use arbiter::proto::{user_service_client::UserServiceClient, AuthRequest",
        "use tonic::Request;",
        'UserServiceClient::connect("http://localhost:50051")',
        'user_id: "telegram:123456".to_string()',
        "response.into_inner().access_token",
        "Request::new(PositionsRequest::default())",
        "client.get_positions(request).await?",
    ):
        assert said in rust


@pytest.fixture
def by_hand_alone(engine: LiveEngine) -> Iterator[None]:
    """Nothing else is opened: where venues are slow, its trades take all the places there are."""
    with engine.still():
        yield


@pytest.mark.usefixtures("by_hand_alone")
def test_an_order_by_hand_fills_moves_the_balance_and_is_kept(
    channel: grpc.Channel, metadata: tuple[tuple[str, str | bytes], ...]
) -> None:
    trading, users = TradingServiceStub(channel), UserServiceStub(channel)
    asked = pb.PlaceOrderRequest(
        exchange=pb.EXCHANGE_OKX,
        market_id="ETH-USDT",
        side=pb.SIDE_BUY,
        size=0.01,
        client_order_id="by-hand-1",
    )
    placed = trading.PlaceOrder(asked, metadata=metadata)
    assert placed.status == pb.ORDER_STATUS_FILLED, placed.message
    again = trading.PlaceOrder(asked, metadata=metadata)
    assert (again.order_id, again.status) == (placed.order_id, placed.status)
    order = trading.GetOrder(
        pb.GetOrderRequest(exchange=pb.EXCHANGE_OKX, order_id=placed.order_id), metadata=metadata
    )
    assert (order.market_id, order.filled_size) == ("ETH-USDT", 0.01)
    positions = users.GetPositions(
        pb.PositionsRequest(exchange=pb.EXCHANGE_OKX, market_id="ETH-USDT"), metadata=metadata
    ).positions
    mine = [each for each in positions if each.id.startswith("manual:")]
    assert [each.market_name for each in mine] == ["ETH/USDT"]
    assert mine[0].entry_price == pytest.approx(order.average_fill_price)


@pytest.mark.usefixtures("by_hand_alone")
def test_a_resting_order_locks_its_cost_until_it_is_cancelled(
    channel: grpc.Channel, metadata: tuple[tuple[str, str | bytes], ...]
) -> None:
    trading, users = TradingServiceStub(channel), UserServiceStub(channel)

    def locked() -> float:
        answer = users.GetBalances(
            pb.BalancesRequest(exchange=pb.EXCHANGE_KRAKEN), metadata=metadata
        )
        return next(float(row.locked) for row in answer.balances if row.currency == "USDT")

    placed = trading.PlaceOrder(
        pb.PlaceOrderRequest(
            exchange=pb.EXCHANGE_KRAKEN,
            market_id="XBT/USDT",
            side=pb.SIDE_BUY,
            size=0.01,
            price=1_000.0,
        ),
        metadata=metadata,
    )
    assert placed.status == pb.ORDER_STATUS_OPEN, placed.message
    assert locked() >= 10.0
    cancelled = trading.CancelOrder(
        pb.CancelOrderRequest(exchange=pb.EXCHANGE_KRAKEN, order_id=placed.order_id),
        metadata=metadata,
    )
    assert cancelled.success, cancelled.message
    listed = trading.ListOrders(
        pb.ListOrdersRequest(exchange=pb.EXCHANGE_KRAKEN, status=pb.ORDER_STATUS_CANCELLED),
        metadata=metadata,
    )
    assert placed.order_id in {each.order_id for each in listed.orders}


def test_the_doctor_examines_the_running_engine(
    channel: grpc.Channel, metadata: tuple[tuple[str, str | bytes], ...]
) -> None:
    report = OperatorServiceStub(channel).RunDoctor(pb.RunDoctorRequest(), metadata=metadata)
    names = {check.name for check in report.checks}
    assert names >= {"python", "database", "ports", "simulated venues"}
    assert {check.status for check in report.checks} <= {"pass", "warn", "fail"}


def test_the_engine_stops_with_a_stream_open(
    engine: LiveEngine, channel: grpc.Channel, metadata: tuple[tuple[str, str | bytes], ...]
) -> None:
    """The last test of this engine."""
    from arbiter_pb2_grpc import StreamServiceStub

    stream = StreamServiceStub(channel).StreamQuotes(pb.StreamQuotesRequest(), metadata=metadata)
    assert next(iter(stream)).bid > 0
    engine.stop()
    with pytest.raises(grpc.RpcError):
        list(stream)
