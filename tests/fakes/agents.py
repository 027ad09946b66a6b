"""The agents' desk and orchestrator over a scripted engine."""

from collections.abc import Collection, Coroutine, Sequence
from decimal import Decimal

from arbiter.agents.settings import Schedule, TradingRules, VoteSettings
from arbiter.model.agents import AgentSession, SessionMode
from arbiter.model.events import Event, OrderFilled
from arbiter.model.ids import Actor, InstrumentId, VenueId
from arbiter.model.orders import Order
from arbiter.model.quotes import Candle
from arbiter.model.time import NS_PER_MINUTE
from arbiter.ports.advisor import Advisor
from arbiter.ports.agent_store import BookedAgentFill
from arbiter.ports.embedder import Embedder
from arbiter.runtime.agent_decisions import DecisionKeeper
from arbiter.runtime.agent_desk import AgentDesk
from arbiter.runtime.agent_news import News, NewsDesk
from arbiter.runtime.agent_steering import Steering
from arbiter.runtime.agent_views import Headlines, ViewMaker
from arbiter.runtime.orchestrator import Orchestrator
from tests.fakes.agent_store import FakeAgentStore
from tests.fakes.clock import FakeIds
from tests.fakes.engine import Desk

BTC = InstrumentId("BTCUSDT.BINANCE")
ME = Actor("user:me")


class FakeCandles:
    """A path of closes, one a minute, that ends now."""

    def __init__(self, house: "AgentHouse") -> None:
        self._house = house
        self.closes: Sequence[float] = ()

    async def save(self, candles: Sequence[Candle]) -> None:
        raise AssertionError("nobody saves here")

    async def missing(self, instruments: Collection[InstrumentId]) -> Sequence[InstrumentId]:
        return ()

    async def bars(
        self, instrument: InstrumentId, interval_ns: int, since_ns: int, until_ns: int
    ) -> Sequence[Candle]:
        now = self._house.engine.clock.now_ns()
        first = now // NS_PER_MINUTE * NS_PER_MINUTE - len(self.closes) * NS_PER_MINUTE
        rows = []
        before = self.closes[0] if self.closes else 0.0
        for number, close in enumerate(self.closes):
            rows.append(
                Candle(
                    instrument=instrument,
                    interval_ns=NS_PER_MINUTE,
                    open_ns=first + number * NS_PER_MINUTE,
                    open=before,
                    high=max(before, close) * 1.0002,
                    low=min(before, close) * 0.9998,
                    close=close,
                    volume=1.0,
                )
            )
            before = close
        return rows


class AgentHouse:
    """`run_spawned` runs what the orchestrator started; nothing runs by itself."""

    def __init__(
        self,
        *,
        rules: TradingRules | None = None,
        advisor: Advisor | None = None,
        store: FakeAgentStore | None = None,
        engine: Desk | None = None,
        embedder: Embedder | None = None,
    ) -> None:
        self.engine = engine or Desk()
        self.store = store or FakeAgentStore()
        self.news: list[News] = []
        news = NewsDesk()
        news.listen(self.news.append)
        ids = FakeIds()
        for _ in range(1_000):
            ids.new_id()  # none of the engine's own
        self.desk = AgentDesk(
            core=self.engine.core,
            store=self.store,
            clock=self.engine.clock,
            ids=ids,
            venue=VenueId("binance"),
            steering=Steering(rules or TradingRules()),
            news=news,
        )
        self.candles = FakeCandles(self)
        self.keeper = DecisionKeeper(self.store, self.engine.clock, news, embedder=embedder)
        self._spawned: list[Coroutine[None, None, None]] = []
        self.orchestrator = Orchestrator(
            core=self.engine.core,
            desk=self.desk,
            views=ViewMaker(self.engine.core, self.candles, self.engine.clock, Headlines(())),
            keeper=self.keeper,
            clock=self.engine.clock,
            ids=ids,
            spawn=lambda work, _name: self._spawned.append(work),
            schedule=Schedule(),
            voting=VoteSettings(),
            advisor=advisor,
        )

    async def open(self) -> "AgentHouse":
        """Restore, and listen to the engine from then on."""
        await self.desk.restore()
        hub = self.engine.hub
        hub.listen(self.desk.book.watch)
        hub.listen(self.desk.switches.watch)
        hub.listen(lambda events, _changes: self._book(events))
        return self

    def _book(self, events: Sequence[Event]) -> None:
        for event in events:
            if isinstance(event, OrderFilled):
                order = self.engine.ledger.orders[event.fill.client_order_id]
                booked = BookedAgentFill(fill=event.fill, trade_id=order.trade_id)
                self.store.booked.setdefault(order.strategy, []).append(booked)

    def quote(self, bid: float, ask: float | None = None) -> None:
        self.engine.quote(BTC, bid, bid + 0.1 if ask is None else ask, 50, 50)

    async def session(self, capital: str = "10000") -> AgentSession:
        return await self.desk.start("BTC/USDT", Decimal(capital), SessionMode.PAPER, ME)

    def working(self) -> list[Order]:
        return [order for order in self.engine.ledger.orders.values() if order.open]

    def complete_all(self) -> None:
        """Let the venue fill whatever works."""
        for order in self.working():
            self.engine.complete(order)

    async def run_spawned(self) -> None:
        while self._spawned:
            await self._spawned.pop(0)

    async def vote(self) -> None:
        """One tick with all it leads to, and the next one for what it waited for."""
        for _ in range(3):
            await self.orchestrator.tick()
            await self.run_spawned()
        await self.keeper.save()
        await self.desk.book.save()
