"""The WebSocket: everything to everybody, one object a frame; who does not keep up is cut off."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Sequence
from uuid import UUID

import msgspec
from fastapi import APIRouter
from starlette.websockets import WebSocket, WebSocketDisconnect

from arbiter.api.agents.answers import encode
from arbiter.api.agents.deps import AgentsDeps
from arbiter.api.agents.rows import (
    Row,
    agent_row,
    fill_row,
    order_update,
    position_update,
)
from arbiter.api.common.auth import AskAgain, Credentials, Door, bearer_of, until_refused
from arbiter.model.agents import session_of
from arbiter.model.changes import Changes
from arbiter.model.errors import Unauthenticated
from arbiter.model.events import Event, OrderFilled
from arbiter.model.orders import Order
from arbiter.model.time import rfc3339
from arbiter.ports.agent_store import WorkedOrder
from arbiter.runtime.agent_news import AgentStatus, ErrorNews, News, PositionNews, SystemNews

BUFFER = 256
"""Messages that may wait for one client."""
WRITE_TIMEOUT_S = 10.0
PING_EVERY_S = 54.0
PONG_WITHIN_S = 60.0
LONGEST_MESSAGE = 512
ASK_AGAIN_S = 15.0
"""How long a client is told on without asking whether it still may be."""
POSITIONS_EVERY_S = 5.0
"""Open positions are told again this often: their value moves."""
_POLICY, _TRY_LATER = 1008, 1013
_REMEMBERED = 2_000


class _Said(msgspec.Struct):
    type: str
    data: object = None


_decoder = msgspec.json.Decoder(_Said)


class _Client:
    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket
        self._queue: deque[str] = deque()
        self._wake = asyncio.Event()
        self.cut: tuple[int, str] | None = None

    def tell(self, frame: str) -> None:
        if len(self._queue) >= BUFFER:
            self.end(_TRY_LATER, "too slow")
        else:
            self._queue.append(frame)
            self._wake.set()

    def end(self, code: int, reason: str) -> None:
        if self.cut is None:
            self.cut = (code, reason)
        self._wake.set()

    async def write(self) -> None:
        while self.cut is None:
            await self._wake.wait()
            self._wake.clear()
            while self._queue and self.cut is None:
                try:
                    async with asyncio.timeout(WRITE_TIMEOUT_S):
                        await self._socket.send_text(self._queue.popleft())
                except TimeoutError:
                    self.end(_TRY_LATER, "too slow")
        await self._socket.close(*self.cut)


class Stream:
    """All connections; `listen` to the engine once, and `run` beside the server."""

    def __init__(self, deps: AgentsDeps, door: Door) -> None:
        self._deps = deps
        self._door = door
        self._clients: set[_Client] = set()
        self._told: OrderedDict[UUID, tuple[object, object]] = OrderedDict()
        """Status and executed quantity last told of an order."""
        deps.hub.listen(self._on_events)
        deps.desk.news.listen(self._on_news)

    @property
    def count(self) -> int:
        return len(self._clients)

    async def run(self) -> None:
        """Tell what open positions are worth, now and then, until cancelled."""
        while True:
            await asyncio.sleep(POSITIONS_EVERY_S)
            if self._clients:
                for position in self._deps.desk.book.open_positions():
                    mark = self._deps.desk.book.mark(position.instrument)
                    self._tell("position_update", position_update(position, mark))

    def routes(self) -> APIRouter:
        routes = APIRouter()
        routes.add_api_websocket_route("/api/v1/ws", self.serve)
        return routes

    async def serve(self, socket: WebSocket) -> None:
        """Serve one connection to its end."""
        ask_again = await self._admit(socket)
        if ask_again is None:
            await socket.close(_POLICY, "not authenticated")
            return
        await socket.accept()
        client = _Client(socket)
        self._clients.add(client)
        writer = asyncio.create_task(client.write())
        reader = asyncio.create_task(self._read(client, socket))
        refusal = asyncio.create_task(until_refused(lambda: ask_again, ASK_AGAIN_S))
        work = (writer, reader, refusal)
        try:
            done, _ = await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
            if refusal in done and refusal.exception() is None:
                client.end(_POLICY, "not authenticated")
                await asyncio.wait({writer}, timeout=WRITE_TIMEOUT_S)
        finally:
            self._clients.discard(client)
            for task in work:
                task.cancel()
            ends = await asyncio.gather(*work, return_exceptions=True)
        for end in ends:
            if isinstance(end, Exception) and not isinstance(
                end, WebSocketDisconnect | RuntimeError | OSError
            ):
                raise end

    async def _admit(self, socket: WebSocket) -> AskAgain | None:
        shown = Credentials(
            api_key=socket.headers.get("x-api-key"),
            bearer=bearer_of(socket.headers.get("authorization")),
        )
        try:
            return await self._door.follow(shown)
        except Unauthenticated:
            return None

    async def _read(self, client: _Client, socket: WebSocket) -> None:
        while client.cut is None:
            message = await socket.receive()
            if message["type"] == "websocket.disconnect":
                raise WebSocketDisconnect(message.get("code", 1000))
            raw = message.get("text") or message.get("bytes") or b""
            data = raw.encode() if isinstance(raw, str) else raw
            if len(data) > LONGEST_MESSAGE:
                client.end(1009, f"messages have at most {LONGEST_MESSAGE} bytes")
                return
            try:
                said = _decoder.decode(data)
            except (msgspec.MsgspecError, UnicodeError) as error:
                details = f"not understood: {error}"
                body = {"error": "invalid message", "details": details, "severity": "low"}
                client.tell(self._frame("error", body))
                continue
            if said.type == "ping":
                client.tell(self._frame("pong", {}))

    # What is told

    def _on_events(self, events: Sequence[Event], changes: Changes) -> None:
        if not self._clients:
            return
        for event in events:
            if isinstance(event, OrderFilled):
                order = event.order or self._deps.core.ledger.orders.get(event.fill.client_order_id)
                if order is not None and session_of(order.strategy) is not None:
                    self._tell("trade", fill_row(event.fill, order, event.fee_in_quote))
        ours = [o for o in changes.orders.values() if session_of(o.strategy) is not None]
        for trade_id in dict.fromkeys(order.trade_id for order in ours):
            same = tuple(order for order in ours if order.trade_id == trade_id)
            self._tell_order(same)

    def _tell_order(self, changed: tuple[Order, ...]) -> None:
        trade_id = changed[0].trade_id
        ledger = self._deps.core.ledger
        orders = ledger.orders_of(trade_id) or changed
        worked = WorkedOrder(id=trade_id, orders=orders, trade=ledger.trade(trade_id))
        row = order_update(worked)
        state = (row["status"], row["executed_quantity"])
        if self._told.get(trade_id) == state:
            return
        self._told[trade_id] = state
        if len(self._told) > _REMEMBERED:
            self._told.popitem(last=False)
        self._tell("order_update", row)

    def _on_news(self, news: News) -> None:
        match news:
            case PositionNews(position=position, mark=mark):
                self._tell("position_update", position_update(position, mark))
            case AgentStatus():
                self._tell("agent_status", agent_row(news, self._deps.version))
            case SystemNews(status=status, message=message, metadata=metadata):
                body: Row = {"status": status, "message": message, "metadata": metadata}
                self._tell("system_status", body)
            case ErrorNews(error=error, details=details, severity=severity):
                self._tell("error", {"error": error, "details": details, "severity": severity})

    def _tell(self, kind: str, data: Row) -> None:
        if self._clients:
            frame = self._frame(kind, data)
            for client in tuple(self._clients):
                client.tell(frame)

    def _frame(self, kind: str, data: object) -> str:
        now = rfc3339(self._deps.clock.now_ns())
        return encode({"type": kind, "timestamp": now, "data": data})
