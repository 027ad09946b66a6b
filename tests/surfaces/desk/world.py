"""The desk over a scripted core: two venues that say what the test says, PostgreSQL, a port."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from decimal import Decimal
from typing import Any

import httpx
from fastapi import FastAPI

from arbiter.access.service import AccessService
from arbiter.agents.roster import roster
from arbiter.agents.settings import Schedule, TradingRules
from arbiter.api.common.server import ApiServer
from arbiter.api.desk.deps import DeskAgents, DeskApiSettings, DeskDeps
from arbiter.api.desk.feed import Feed
from arbiter.api.desk.surface import make_desk
from arbiter.app.config import Settings
from arbiter.app.tuning import Tuning
from arbiter.model.commands import ReleaseKillSwitch
from arbiter.model.denials import Denied
from arbiter.model.events import TradeOpened
from arbiter.model.ids import Actor, Asset, InstrumentId, StrategyId, Symbol, strategy_uuid
from arbiter.model.instruments import InstrumentKind
from arbiter.model.orders import Order, OrderType, Side, TimeInForce
from arbiter.model.plans import Family, Leg, Plan
from arbiter.ports.market_data import DepthFeed
from arbiter.risk.limits import RiskLimits
from arbiter.runtime.agent_desk import AgentDesk
from arbiter.runtime.agent_news import NewsDesk
from arbiter.runtime.agent_records import AgentRecords
from arbiter.runtime.agent_steering import Steering
from arbiter.runtime.bus import CommandBus
from arbiter.runtime.depth_watch import DepthWatch
from arbiter.runtime.desk_view import DeskView, StrategyCard
from arbiter.runtime.kill import KillSwitchControl
from arbiter.runtime.queries import Queries
from arbiter.storage.access_store import PgAccessStore
from arbiter.storage.agent_store import PgAgentStore
from arbiter.storage.candle_store import PgCandles
from arbiter.storage.database import make_engine
from arbiter.storage.desk_reads import DeskReads
from arbiter.storage.journal import JournalSettings, PgJournal
from tests.fakes.access import Access
from tests.fakes.clock import FakeIds
from tests.fakes.engine import USDT, VENUES, Desk

SPOT = StrategyId("spot-arbitrage")
MANUAL = StrategyId("manual-desk")
SPOT_ID = str(strategy_uuid(SPOT))
MANUAL_ID = str(strategy_uuid(MANUAL))
WIDE = RiskLimits(
    max_trade_usd=Decimal(1_000_000),
    max_total_exposure_usd=Decimal(10_000_000),
    max_concurrent_trades=1_000,
)
"""Limits that leave the budget as what decides."""

_TRUST = ssl.create_default_context()
"""For every client: reading the machine's certificates takes longer than most calls."""


class World(Desk):
    """`http` speaks to the desk; everything else is the script's."""

    def __init__(self, journal: PgJournal, *, auth: bool, access: AccessService) -> None:
        super().__init__(limits=WIDE, real_journal=journal)
        self.real = journal
        self.readers: asyncio.Queue[None] = asyncio.Queue()
        """One for each listing that waits for what was told before it."""
        self.readable = asyncio.Event()
        """Clear it, and no such listing goes on."""
        self.readable.set()
        self.plans = FakeIds()
        self.tuner = Tuning(Settings(), self.core.registry, {})
        self.bus = CommandBus(
            ledger=self.ledger,
            recorder=self.core.recorder,
            strategies=(SPOT, MANUAL),
            tuner=self.tuner,
        )
        self.auth = auth
        self.access = access
        self.depths: dict[InstrumentId, DepthFeed] = {}
        self.depth = DepthWatch(self.depths.get, self.clock)
        self.http: httpx.AsyncClient
        self.app: FastAPI
        self.feed: Feed
        self.base = ""
        self.decisions: PgAgentStore
        self.agents: AgentDesk

    def deps(self, reads: DeskReads, candles: PgCandles, decisions: PgAgentStore) -> DeskDeps:
        async def release(actor: Actor) -> None:
            await self.bus.execute(ReleaseKillSwitch(actor=actor))

        agents = self._agents(decisions)
        queries = Queries(self.core, self.clock, "0")
        self.hub.listen(queries.watch)
        spot = (InstrumentKind.SPOT,)
        return DeskDeps(
            settings=DeskApiSettings(auth_required=self.auth, currencies=(Asset("USDC"),)),
            version="0",
            clock=self.clock,
            depth=self.depth,
            view=DeskView(
                core=self.core,
                queries=queries,
                clock=self.clock,
                usd_rate={USDT: Decimal(1)}.get,
                strategies=(
                    StrategyCard(name=SPOT, family=Family.SPOT, kinds=spot),
                    StrategyCard(name=MANUAL, family=Family.MANUAL, kinds=spot),
                ),
                sessions=agents.desk.switches.facts,
            ),
            history=reads,
            written=self._written,
            candles=candles,
            bus=self.bus,
            kill_switch=KillSwitchControl(
                bus=self.bus,
                ledger=self.ledger,
                floor=self.core.floor,
                clients={},
                listings=self.core.registry,
            ),
            release_kill_switch=release,
            hub=self.hub,
            access=self.access,
            tuner=self.tuner,
            agents=agents,
        )

    def _agents(self, store: PgAgentStore) -> DeskAgents:
        news = NewsDesk()
        self.decisions = store
        self.agents = AgentDesk(
            core=self.core,
            store=store,
            clock=self.clock,
            ids=self.plans,
            venue=VENUES[0],
            steering=Steering(TradingRules()),
            news=news,
        )
        self.hub.listen(self.agents.switches.watch)
        self.bus.welcome(self.agents.switches.knows)
        records = AgentRecords(roster(Schedule()), self.clock, news)
        return DeskAgents(records=records, desk=self.agents, store=store)

    async def _written(self) -> None:
        self.readers.put_nowait(None)
        await self.readable.wait()
        await self.real.written()

    async def settled(self) -> None:
        """Return once everything recorded is durable, and what follows from that was done."""
        await self.real.drain()

    def order_plan(
        self,
        strategy: StrategyId,
        side: Side,
        size: str,
        price: str,
        *,
        venue: str = "BINANCE",
        reduce_only: bool = False,
    ) -> Plan:
        """One order of one strategy, as a person or a strategy would propose it."""
        family = Family.SPOT if strategy == SPOT else Family.MANUAL
        leg = Leg(
            instrument=InstrumentId(f"BTCUSDT.{venue}"),
            side=side,
            size=Decimal(size),
            price=Decimal(price),
            planned_price=Decimal(price),
            type=OrderType.LIMIT,
            time_in_force=TimeInForce.IOC,
        )
        return Plan(
            strategy=strategy,
            family=family,
            actor=Actor(f"strategy:{strategy}"),
            symbol=Symbol("BTC/USDT"),
            legs=(leg,),
            reduce_only=reduce_only,
            created_ns=self.clock.now_ns(),
        )

    def propose(
        self, strategy: StrategyId, side: Side, size: str, price: str, **more: object
    ) -> TradeOpened | Denied:
        return self.core.propose(self.order_plan(strategy, side, size, price, **more))  # type: ignore[arg-type]

    async def arbitrage(self) -> tuple[Order, Order]:
        """Let the spot strategy buy on binance and sell on bybit; gives both orders, sent."""
        sent = len(self.outbox.sent)
        self.open_spread()
        await self.settled()
        first, second = self.outbox.sent[sent:]
        return (first, second) if first.side is Side.BUY else (second, first)

    async def get(self, path: str, **query: str | int) -> Any:
        answer = await self.http.get(path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()


@asynccontextmanager
async def world(url: str, *, auth: bool = False) -> AsyncIterator[World]:
    """Open everything on a migrated database of the test's own."""
    failures: list[Exception] = []
    async with AsyncExitStack() as stack:
        journal = PgJournal(url, on_fatal=failures.append, settings=JournalSettings(silence_s=60))
        await journal.open()
        stack.push_async_callback(journal.close)
        reads = make_engine(url, pool_size=4)
        stack.push_async_callback(reads.dispose)
        access = Access(PgAccessStore(reads)).service
        made = World(journal, auth=auth, access=access)
        desk = make_desk(made.deps(DeskReads(reads), PgCandles(reads), PgAgentStore(reads)))
        made.app, made.feed = desk
        server = ApiServer(desk.app, host="127.0.0.1", port=0, setting="listen.desk")
        server.bind()
        made.base = server.urls[0]
        tasks = [asyncio.create_task(work) for work in (journal.run(), server.run())]
        tasks.append(asyncio.create_task(desk.feed.run()))
        await server.ready()
        made.http = await stack.enter_async_context(
            httpx.AsyncClient(base_url=made.base, timeout=30.0, verify=_TRUST)
        )
        try:
            await made.settled()
            yield made
            await made.settled()
        finally:
            server.stop()
            await tasks[1]
            for task in tasks:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
    assert not failures, failures


__all__ = ["MANUAL", "MANUAL_ID", "SPOT", "SPOT_ID", "VENUES", "WIDE", "World", "world"]
