"""The feed behind the desk's streams: one tick writes each wanted topic once, for all who watch.

State topics are the same bodies the REST gives, sent when they changed; event topics carry what is
new since the last update. A watcher that does not keep up is cut off, never waited for.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

from pydantic_core import to_json

from arbiter.api.desk import page_rows, pages, rows
from arbiter.api.desk.analysts import agents_body
from arbiter.api.desk.deps import DeskDeps
from arbiter.api.desk.funding import funding_body
from arbiter.api.desk.markets import ROWS, market_body, symbol_of
from arbiter.api.desk.overview import Families
from arbiter.api.desk.times import stamp
from arbiter.model.changes import Changes
from arbiter.model.errors import InvalidValue, StorageUnavailable
from arbiter.model.events import AlertRaised, Audited, Event
from arbiter.model.ids import ClientOrderId, SignalId, Symbol, TradeId
from arbiter.model.orders import Fill, Order
from arbiter.model.plans import Signal
from arbiter.model.trades import Trade
from arbiter.ports.past import StoredFill

STATES = ("overview", "markets", "positions", "balances", "budgets", "risk", "agents", "funding")
EVENTS = ("orders", "fills", "trades", "signals", "alerts", "audit")
MARKET = "market:"
"""With a symbol: that symbol's books and pairs."""

_EVERY: Mapping[str, int] = {"overview": 2, "markets": 2, "balances": 4, "agents": 4, "funding": 8}
"""Ticks between two looks at what is dear to write; 1 for all else."""
_AFTER: Mapping[str, int] = {"markets": 1, "agents": 1, "funding": 3}
"""Ticks by which these are put off, so that the dear ones do not come together."""
_CHUNK = 8
"""Rows of the matrix written in one go: between two, the engine does what waits."""
_BEHIND = 8
"""Updates that may wait for a watcher."""


class Watcher:
    """One stream's wishes, and what waits to be sent to it."""

    def __init__(self) -> None:
        self.topics: set[str] = set()
        self.unseen: set[str] = set()
        """State topics it has never been sent."""
        self.frames: asyncio.Queue[str] = asyncio.Queue(_BEHIND)
        self.too_slow = asyncio.Event()
        self._sent = 0

    def offer(self, ts: str, parts: Iterable[tuple[str, bytes]]) -> None:
        """Queue one update; a queue that is full means the watcher does not keep up."""
        self._sent += 1
        data = b",".join(b'"%s":%s' % (topic.encode(), body) for topic, body in parts)
        frame = b'{"type":"update","seq":%d,"ts":"%s","data":{%s}}' % (
            self._sent,
            ts.encode(),
            data,
        )
        try:
            self.frames.put_nowait(frame.decode())
        except asyncio.QueueFull:
            self.too_slow.set()


class _News:
    """What happened since the last tick; of orders and trades only how they stand now."""

    def __init__(self) -> None:
        self.orders: dict[ClientOrderId, Order] = {}
        self.fills: list[Fill] = []
        self.trades: dict[TradeId, Trade] = {}
        self.signals: dict[SignalId, Signal] = {}
        self.alerts: list[AlertRaised] = []
        self.audit: list[Audited] = []


class Feed:
    def __init__(self, deps: DeskDeps, families: Families) -> None:
        self._deps = deps
        self._families = families
        self._watchers: set[Watcher] = set()
        self._watched = asyncio.Event()
        self._news = _News()
        self._last: dict[str, bytes] = {}
        self._ticks = 0
        deps.hub.listen(self._watch)
        self._states: Mapping[str, Callable[[], Awaitable[bytes]]] = {
            "overview": self._overview,
            "markets": self._markets,
            "positions": self._positions,
            "balances": self._balances,
            "budgets": self._budgets,
            "risk": self._risk,
            "agents": self._agents,
            "funding": self._funding,
        }

    async def run(self) -> None:
        """Tick while somebody watches, until cancelled."""
        pause = 1 / self._deps.settings.updates_per_second
        loop = asyncio.get_running_loop()
        while True:
            await self._watched.wait()
            began = loop.time()
            await self.tick()
            await asyncio.sleep(max(began + pause - loop.time(), 0))

    @property
    def watched(self) -> bool:
        return bool(self._watchers)

    def add(self, watcher: Watcher) -> None:
        self._watchers.add(watcher)
        self._watched.set()

    def remove(self, watcher: Watcher) -> None:
        self._watchers.discard(watcher)
        if not self._watchers:
            self._watched.clear()
            self._news, self._last = _News(), {}

    def subscribe(self, watcher: Watcher, topics: Sequence[str]) -> None:
        """Add topics, all or none; `InvalidValue` or `NotFound` names the one there is not."""
        wanted = [self._known(topic) for topic in topics]
        new = set(wanted) - watcher.topics
        watcher.topics |= new
        watcher.unseen |= {topic for topic in new if topic not in EVENTS}

    def unsubscribe(self, watcher: Watcher, topics: Sequence[str]) -> None:
        gone = {self._known(topic) for topic in topics}
        watcher.topics -= gone
        watcher.unseen -= gone

    def _known(self, topic: str) -> str:
        if topic.startswith(MARKET):
            return f"{MARKET}{symbol_of(self._deps, topic.removeprefix(MARKET))}"
        if topic not in STATES and topic not in EVENTS:
            known = ", ".join((*STATES, *EVENTS, f"{MARKET}SYMBOL"))
            raise InvalidValue(f"no topic is named {topic[:50]!r}; there are {known}")
        return topic

    def _watch(self, events: Sequence[Event], changes: Changes) -> None:
        """Gather news: a listener of the event hub, which costs nothing while nobody watches."""
        if not self._watchers:
            return
        news = self._news
        news.orders.update(changes.orders)
        news.fills.extend(changes.fills.values())
        news.trades.update(changes.trades)
        news.signals.update(changes.signals)
        news.audit.extend(changes.audit)
        news.alerts.extend(event for event in events if isinstance(event, AlertRaised))

    async def tick(self) -> None:
        """Write every wanted topic once and hand it to those who want it."""
        self._ticks += 1
        news, self._news = self._news, _News()
        wanted = {topic for watcher in self._watchers for topic in watcher.topics}
        unseen = {topic for watcher in self._watchers for topic in watcher.unseen}
        happened = self._happened(news, wanted)
        changed: dict[str, bytes] = {}
        for topic in sorted(wanted - set(EVENTS)):
            turn = self._ticks + _AFTER.get(topic, 0)
            if topic not in unseen and turn % _EVERY.get(topic, 1):
                continue
            body = await self._state(topic)
            if body != self._last.get(topic):
                changed[topic] = self._last[topic] = body
            await asyncio.sleep(0)
        ts = stamp(self._deps.clock.now_ns())
        for watcher in tuple(self._watchers):
            fresh = {topic: self._last[topic] for topic in watcher.unseen if topic in self._last}
            watcher.unseen -= fresh.keys()
            parts = {**happened, **changed, **fresh}
            mine = [(topic, parts[topic]) for topic in sorted(parts.keys() & watcher.topics)]
            if mine:
                watcher.offer(ts, mine)
        for topic in self._last.keys() - wanted:
            del self._last[topic]

    # Events

    def _happened(self, news: _News, wanted: set[str]) -> dict[str, bytes]:
        writers: Mapping[str, Callable[[], list[object]]] = {
            "orders": lambda: [rows.order_body(order) for order in news.orders.values()],
            "fills": lambda: [rows.fill_body(self._stored(fill)) for fill in news.fills],
            "trades": lambda: [self._trade(trade) for trade in news.trades.values()],
            "signals": lambda: [page_rows.signal_body(each) for each in news.signals.values()],
            "alerts": lambda: [page_rows.alert_body(alert) for alert in news.alerts],
            "audit": lambda: [_audited(entry) for entry in news.audit],
        }
        told = {topic: write() for topic, write in writers.items() if topic in wanted}
        return {topic: to_json(found) for topic, found in told.items() if found}

    def _stored(self, fill: Fill) -> StoredFill:
        order = self._deps.view.ledger.orders.get(fill.client_order_id)
        return StoredFill(
            fill=fill,
            strategy=None if order is None else order.strategy,
            trade_id=None if order is None else order.trade_id,
        )

    def _trade(self, trade: Trade) -> pages.Trade:
        return page_rows.trade_body(trade, self._deps.view.ledger.orders_of(trade.id))

    # States

    async def _state(self, topic: str) -> bytes:
        write = self._states.get(topic)
        if write is not None:
            return await write()
        return to_json(market_body(self._deps, Symbol(topic.removeprefix(MARKET))))

    async def _overview(self) -> bytes:
        families = await self._families.today()
        facts = self._deps.view.facts()
        await asyncio.sleep(0)
        body = page_rows.overview_body(facts, families)
        await asyncio.sleep(0)
        return to_json(body)

    async def _markets(self) -> bytes:
        view = self._deps.view
        least = float(view.least_edge)
        written: list[dict[str, Any]] = []
        for row in view.each_market(ROWS):
            written.append(page_rows.market_row(row, least))
            if not len(written) % _CHUNK:
                await asyncio.sleep(0)
        await asyncio.sleep(0)
        return to_json(page_rows.markets_body(stamp(view.now_ns()), view.venues, least, written))

    async def _positions(self) -> bytes:
        return to_json([rows.open_body(row) for row in self._deps.view.open_positions()])

    async def _balances(self) -> bytes:
        view = self._deps.view
        return to_json(page_rows.balances_body(view.holdings(), view.now_ns()))

    async def _budgets(self) -> bytes:
        return to_json(rows.registry_body(self._deps.view))

    async def _agents(self) -> bytes:
        return to_json(agents_body(self._deps))

    async def _funding(self) -> bytes:
        try:
            return to_json(await funding_body(self._deps))
        except StorageUnavailable:
            return self._last.get("funding", b"null")

    async def _risk(self) -> bytes:
        return to_json(page_rows.risk_body(self._deps.view.risk()))


def _audited(entry: Audited) -> dict[str, str]:
    return {
        "ts": stamp(entry.at_ns),
        "actor": entry.actor,
        "action": entry.action,
        "entity": entry.entity,
        "before": entry.before,
        "after": entry.after,
    }
