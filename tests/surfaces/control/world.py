"""The control API over a scripted core: two venues that say what the test says, PostgreSQL, a port."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from decimal import Decimal

import grpc
import grpc.aio

import arbiter_pb2 as pb
from arbiter.access.roles import Role
from arbiter.api.control.deps import AgentFacts, ControlDeps, DoctorCheck
from arbiter.api.control.server import ControlServer, ControlSettings
from arbiter.client import ArbiterClient
from arbiter.model.commands import ReleaseKillSwitch
from arbiter.model.ids import MANUAL, Actor, Asset, InstrumentId, StrategyId, Symbol, VenueId
from arbiter.model.instruments import Instrument, InstrumentKind
from arbiter.model.orders import Order
from arbiter.model.plans import Family
from arbiter.opportunities.spot_settings import SPOT_ARBITRAGE
from arbiter.ports.journal import Journal
from arbiter.ports.market_data import DepthFeed
from arbiter.risk.limits import RiskLimits
from arbiter.runtime.bus import CommandBus
from arbiter.runtime.depth_watch import DepthWatch
from arbiter.runtime.desk_view import DeskView, StrategyCard
from arbiter.runtime.hub import Subscription
from arbiter.runtime.kill import KillSwitchControl
from arbiter.runtime.manual_desk import ManualDesk
from arbiter.runtime.queries import Queries
from arbiter.storage.access_store import PgAccessStore
from arbiter.storage.database import make_engine
from arbiter.storage.journal import PgJournal
from arbiter.storage.placed_orders import StoredOrders
from tests.fakes.access import Access
from tests.fakes.engine import USDT, VENUES, Desk, spot_instrument
from tests.surfaces.control.desks import FakeArbitrage, FakeCopying

PASSWORD = "a credential of alice"
WIDE = RiskLimits(
    max_trade_usd=Decimal(5_000),
    max_total_exposure_usd=Decimal(1_000_000),
    max_concurrent_trades=1_000,
)


def instruments() -> tuple[Instrument, ...]:
    event = Instrument(
        id=InstrumentId("FED-HOLD.POLYMARKET"),
        venue=VenueId("polymarket"),
        market_id="0xfed",
        symbol=Symbol("FED-HOLD/USDT"),
        base=Asset("FED-HOLD"),
        quote=USDT,
        settle=USDT,
        kind=InstrumentKind.BINARY,
        tick=Decimal("0.01"),
        lot=Decimal(1),
        min_size=Decimal(1),
        min_notional=Decimal(1),
        maker_fee=Decimal(0),
        taker_fee=Decimal(0),
    )
    return (*(spot_instrument(venue) for venue in VENUES), event)


class World(Desk):
    """`client` speaks to the API; everything else is the script's."""

    def __init__(self, journal: Journal, access: Access, orders: StoredOrders) -> None:
        super().__init__(limits=WIDE, real_journal=journal, instruments=instruments())
        self.access = access
        self.arbitrage = FakeArbitrage()
        self.copying = FakeCopying()
        self.checks: list[DoctorCheck] = []
        self.bus = CommandBus(
            ledger=self.ledger, recorder=self.core.recorder, strategies=(SPOT_ARBITRAGE, MANUAL)
        )
        self.desk = ManualDesk(core=self.core, store=orders, hub=self.hub, clock=self.clock)
        self.depths: dict[InstrumentId, DepthFeed] = {}
        self.depth = DepthWatch(self.depths.get, self.clock)
        self._moved = asyncio.Event()
        self.subscribed = asyncio.Event()
        """Somebody follows what happens …"""
        self.left = asyncio.Event()
        """… and somebody does no longer."""
        self._watch_the_hub()
        self.hub.listen(lambda _events, _changes: self._moved.set())
        self.server: ControlServer
        self.address = ""
        self.port = 0

    def deps(self) -> ControlDeps:
        async def release(actor: Actor) -> None:
            await self.bus.execute(ReleaseKillSwitch(actor=actor))

        async def doctor() -> list[DoctorCheck]:
            return self.checks

        queries = Queries(self.core, self.clock, "1.2.3")
        self.hub.listen(queries.watch)
        return ControlDeps(
            clock=self.clock,
            core=self.core,
            bus=self.bus,
            queries=queries,
            depth=self.depth,
            hub=self.hub,
            view=DeskView(
                core=self.core,
                queries=queries,
                clock=self.clock,
                usd_rate={USDT: Decimal(1)}.get,
                strategies=(
                    _card(SPOT_ARBITRAGE, Family.SPOT),
                    _card(MANUAL, Family.MANUAL),
                ),
            ),
            desk=self.desk,
            access=self.access.service,
            kill_switch=KillSwitchControl(
                bus=self.bus,
                ledger=self.ledger,
                floor=self.core.floor,
                clients={},
                listings=self.core.registry,
            ),
            release_kill_switch=release,
            arbitrage=self.arbitrage,
            copying=self.copying,
            agents=AgentFacts,
            doctor=doctor,
        )

    async def user(self, name: str, role: Role, password: str = PASSWORD) -> None:
        await self.access.service.add_user(Actor("test"), name, role, password)

    @asynccontextmanager
    async def as_user(self, name: str, role: Role) -> AsyncIterator[ArbiterClient]:
        """A client of a user made for it, signed in."""
        await self.user(name, role)
        async with ArbiterClient(self.address) as client:
            await client.sign_in(name, PASSWORD)
            yield client

    def _watch_the_hub(self) -> None:
        subscribe, remove = self.hub.subscribe, self.hub._remove

        def subscribed(capacity: int = 1_024) -> Subscription:
            self.subscribed.set()
            return subscribe(capacity)

        def left(subscription: Subscription) -> None:
            remove(subscription)
            self.left.set()

        self.hub.subscribe = subscribed  # type: ignore[method-assign]
        self.hub._remove = left  # type: ignore[method-assign]

    async def ordered(self, count: int = 1) -> Order:
        """Wait until that many orders were sent to the venues; gives the last."""
        return await self._reached(self.outbox.sent, count)

    async def cancelled(self, count: int = 1) -> Order:
        return await self._reached(self.outbox.cancelled, count)

    async def _reached(self, orders: list[Order], count: int) -> Order:
        """What is sent or cancelled is recorded in the same step."""
        async with asyncio.timeout(60):
            while len(orders) < count:
                self._moved.clear()
                await self._moved.wait()
        return orders[count - 1]


def _card(name: StrategyId, family: Family) -> StrategyCard:
    return StrategyCard(name=name, family=family, kinds=(InstrumentKind.SPOT,))


@asynccontextmanager
async def world(
    url: str,
    *,
    settings: ControlSettings | None = None,
    prepare: Callable[[World], Awaitable[None]] | None = None,
) -> AsyncIterator[World]:
    """Open everything on a migrated database of the test's own."""
    async with AsyncExitStack() as stack:
        failures: list[Exception] = []
        journal = PgJournal(url, on_fatal=failures.append)
        await journal.open()
        stack.push_async_callback(journal.close)
        reads = make_engine(url, pool_size=4)
        stack.push_async_callback(reads.dispose)
        writing = asyncio.create_task(journal.run())
        stack.push_async_callback(_ended, writing)
        made = World(journal, Access(PgAccessStore(reads)), StoredOrders(reads))
        made.quote("BTCUSDT.BINANCE", 100.0, 100.1)
        made.quote("BTCUSDT.BYBIT", 100.0, 100.1)
        made.quote("FED-HOLD.POLYMARKET", 0.40, 0.42, 100, 100)
        if prepare is not None:
            await prepare(made)
        made.server = ControlServer(made.deps(), settings or ControlSettings(port=0))
        made.server.bind()
        made.address = made.server.urls[0].partition("://")[2]
        made.port = int(made.address.rpartition(":")[2])
        serving = asyncio.create_task(made.server.run())
        await made.server.ready()
        yield made
        made.server.stop()
        await serving
        assert not failures


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])


async def refused(call: Awaitable[object]) -> grpc.aio.AioRpcError:
    """The error a bare call of a stub ends with."""
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return error
    raise AssertionError("the call was answered")


def bearing(token: str) -> tuple[tuple[str, str | bytes], ...]:
    return (("authorization", f"Bearer {token}"),)


BTC = (pb.EXCHANGE_BINANCE, "BTCUSDT")
