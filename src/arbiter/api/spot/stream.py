"""The WebSocket: prices conflated per symbol, signals and trades told one by one.

A client that does not read is cut off; nobody is waited for. Whoever keeps up gets every signal
and every change of a trade, in order.
"""

import asyncio
from collections import deque
from collections.abc import Sequence

import msgspec
import numpy as np
import structlog
from fastapi import APIRouter
from starlette.websockets import WebSocket, WebSocketDisconnect

from arbiter.api.common.auth import AskAgain, Credentials, Door, bearer_of, until_refused
from arbiter.api.common.errors import Refused
from arbiter.api.spot import frames
from arbiter.api.spot.deps import SpotDeps
from arbiter.api.spot.errors import INVALID_REQUEST, UNAUTHORIZED, code_of, resolve_symbol
from arbiter.api.spot.frames import CHANNELS, Channel
from arbiter.api.spot.prices_feed import TICK_S, PriceFeed, Turnstile
from arbiter.api.spot.rows import compact, signal_row, trade_detail
from arbiter.model.changes import Changes
from arbiter.model.errors import ArbiterError, Unauthenticated
from arbiter.model.ids import Symbol
from arbiter.model.plans import Family
from arbiter.runtime.hub import TooSlow

log = structlog.get_logger(__name__)

QUEUE = 2_000
"""Signals, trades and answers that may wait for one client."""
HUB_QUEUE = 20_000
SEND_TIMEOUT_S = 10.0
AUTH_TIMEOUT_S = 10.0
ASK_AGAIN_S = 15.0
"""How long a client is told on without asking whether it still may be."""
_POLICY = 1008
_TRY_LATER = 1013


class Client:
    """One connection: what it wants, and what it has yet to be told."""

    def __init__(self, socket: WebSocket, n_slots: int) -> None:
        self._socket = socket
        self._queue: deque[str] = deque()
        self._wake = asyncio.Event()
        self.prices = np.zeros(n_slots, dtype=np.bool_)
        self.symbols: dict[Channel, frozenset[Symbol] | None] = {}
        """Subscribed channels with their filter; None is all."""
        self.fresh: dict[int, None] = {}
        """Slots whose newest price this client has not seen, oldest change first."""
        self.ask_again: AskAgain | None = None
        """Who reads this; None until that is known."""
        self.cut: tuple[int, str] | None = None

    def tell(self, frame: str) -> None:
        """Queue a frame that must not be lost; a full queue cuts the client off."""
        if len(self._queue) >= QUEUE:
            self.end(_TRY_LATER, "too slow")
            return
        self._queue.append(frame)
        self._wake.set()

    def note(self, moved: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> None:
        """Note prices that moved, of those wanted."""
        slots = np.flatnonzero(moved & self.prices).tolist()
        if slots:
            self.fresh.update(dict.fromkeys(slots))
            self._wake.set()

    def wants(self, channel: Channel, symbol: Symbol) -> bool:
        if channel not in self.symbols:
            return False
        chosen = self.symbols[channel]
        return chosen is None or symbol in chosen

    def end(self, code: int, reason: str) -> None:
        if self.cut is None:
            self.cut = (code, reason)
        self._wake.set()

    async def write(self, feed: PriceFeed, turnstile: Turnstile) -> None:
        """Send until the client is cut: what must not be lost first, then prices in turn."""
        while self.cut is None:
            await self._wake.wait()
            self._wake.clear()
            while (self._queue or self.fresh) and self.cut is None:
                if self._queue:
                    await self._send(self._queue.popleft())
                    continue
                await turnstile.turn()
                if self.fresh:
                    frame = feed.frame(self._oldest())
                    if frame is not None:
                        await self._send(frame)
        if self.cut[0] == _POLICY:
            while self._queue:
                await self._send(self._queue.popleft())
        await self._socket.close(*self.cut)

    def _oldest(self) -> int:
        slot = next(iter(self.fresh))
        del self.fresh[slot]
        return slot

    async def _send(self, frame: str) -> None:
        try:
            async with asyncio.timeout(SEND_TIMEOUT_S):
                await self._socket.send_text(frame)
        except TimeoutError:
            self.end(_TRY_LATER, "too slow")


class Streams:
    """All connections of the surface; `run` feeds them."""

    def __init__(self, deps: SpotDeps, door: Door) -> None:
        self._deps = deps
        self._door = door
        self._feed = PriceFeed(deps.core.board, deps.core.registry)
        self._turnstile = Turnstile(deps.settings.prices_per_second)
        self._clients: set[Client] = set()

    async def run(self) -> None:
        """Feed the clients until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._tick(), name="spot prices")
            group.create_task(self._turnstile.run(), name="spot price turns")
            group.create_task(self._follow(), name="spot signals and trades")

    def routes(self) -> APIRouter:
        routes = APIRouter()
        routes.add_api_websocket_route("/ws", self.serve)
        return routes

    async def serve(self, socket: WebSocket) -> None:
        """Serve one connection to its end."""
        client = Client(socket, self._deps.core.registry.n_slots)
        await socket.accept()
        client.ask_again = await self._admit_by_header(socket)
        self._clients.add(client)
        writer = asyncio.create_task(client.write(self._feed, self._turnstile))
        reader = asyncio.create_task(self._read(client, socket))
        refusal = asyncio.create_task(self._until_refused(client))
        work = (writer, reader, refusal)
        try:
            await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
            if client.cut is not None:
                await asyncio.wait({writer}, timeout=SEND_TIMEOUT_S)
        finally:
            self._clients.discard(client)
            for task in work:
                task.cancel()
            ends = await asyncio.gather(*work, return_exceptions=True)
        for end in ends:
            if isinstance(end, Exception) and not _is_departure(end):
                raise end

    # Feeding

    async def _tick(self) -> None:
        while True:
            self._turnstile.refill()
            if self._clients:
                moved = self._feed.changed()
                for client in self._clients:
                    client.note(moved)
            await asyncio.sleep(TICK_S)

    async def _follow(self) -> None:
        while True:
            subscription = self._deps.hub.subscribe(HUB_QUEUE)
            try:
                async for _, changes in subscription:
                    if self._clients:
                        self._tell(changes)
            except TooSlow:
                log.error("the spot streams fell behind; all clients were cut off")
                for client in self._clients:
                    client.end(_TRY_LATER, "the stream fell behind")
            finally:
                subscription.close()

    def _tell(self, changes: Changes) -> None:
        registry = self._deps.core.registry
        for signal in changes.signals.values():
            if signal.strategy != self._deps.core.spot.settings.strategy:
                continue
            listeners = self._listening("signals", signal.symbol)
            if listeners:
                data = signal_row(registry, signal).model_dump()
                _tell_all(listeners, frames.write("signal", data=data))
        for trade in changes.trades.values():
            listeners = self._listening("trades", trade.symbol)
            if listeners and trade.family is Family.SPOT:
                data = trade_detail(registry, trade).model_dump()
                _tell_all(listeners, frames.write("trade_update", data=data))

    def _listening(self, channel: Channel, symbol: Symbol) -> list[Client]:
        return [client for client in self._clients if client.wants(channel, symbol)]

    # Listening

    async def _admit_by_header(self, socket: WebSocket) -> AskAgain | None:
        shown = Credentials(
            api_key=socket.headers.get("x-api-key"),
            bearer=bearer_of(socket.headers.get("authorization")),
        )
        try:
            return await self._door.follow(shown)
        except Unauthenticated:
            return None

    async def _until_refused(self, client: Client) -> None:
        """Cut off a reader whose sign-in has ended or whose key was revoked."""
        await until_refused(lambda: client.ask_again, ASK_AGAIN_S)
        client.tell(frames.write_error(UNAUTHORIZED, "what was shown is valid no longer"))
        client.end(_POLICY, "not authenticated")

    async def _read(self, client: Client, socket: WebSocket) -> None:
        if client.ask_again is None:
            try:
                async with asyncio.timeout(AUTH_TIMEOUT_S):
                    while client.ask_again is None:
                        await self._hear(client, socket)
            except TimeoutError:
                client.tell(frames.write_error(UNAUTHORIZED, "no auth message came"))
                client.end(_POLICY, "not authenticated")
        while client.cut is None:
            await self._hear(client, socket)

    async def _hear(self, client: Client, socket: WebSocket) -> None:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1000))
        try:
            said = frames.read(message.get("text") or message.get("bytes") or b"")
        except (msgspec.MsgspecError, UnicodeError) as error:
            client.tell(frames.write_error(INVALID_REQUEST, f"not understood: {error}"))
            return
        try:
            await self._obey(client, said)
        except ArbiterError as error:
            details = error.details if isinstance(error, Refused) else None
            client.tell(frames.write_error(code_of(error), str(error), details))

    async def _obey(self, client: Client, said: frames.Said) -> None:
        match said:
            case frames.Auth(token=token):
                client.ask_again = await self._door.follow(self._door.either(token))
                client.tell(frames.write("authenticated"))
            case frames.Ping():
                client.tell(frames.write("pong"))
            case _ if client.ask_again is None:
                raise Unauthenticated("send an auth message first")
            case frames.Subscribe(channel=channel, symbols=names):
                self._subscribe(client, channel, names)
            case frames.Unsubscribe(channel=channel, symbols=names):
                self._unsubscribe(client, channel, names)

    def _subscribe(self, client: Client, channel: Channel, names: Sequence[str] | None) -> None:
        """Add to what is followed; naming nothing follows everything."""
        wanted = self._resolve(names)
        before = client.symbols.get(channel, frozenset())
        chosen = None if wanted is None or before is None else before | wanted
        self._set(client, channel, chosen)
        client.tell(self._state("subscribed", client, channel))
        if channel == "prices":
            client.note(self._feed.slots_of(wanted))

    def _unsubscribe(self, client: Client, channel: Channel, names: Sequence[str] | None) -> None:
        """Drop symbols, or with none named the channel."""
        dropped = self._resolve(names)
        before = client.symbols.get(channel, frozenset())
        if dropped is not None and before is None:
            before = frozenset(i.symbol for i in self._deps.core.registry.spot_instruments)
        left = frozenset[Symbol]() if dropped is None or before is None else before - dropped
        if left:
            self._set(client, channel, left)
        else:
            client.symbols.pop(channel, None)
            if channel == "prices":
                client.prices[:] = False
                client.fresh.clear()
        client.tell(self._state("unsubscribed", client, channel))

    def _set(self, client: Client, channel: Channel, chosen: frozenset[Symbol] | None) -> None:
        client.symbols[channel] = chosen
        if channel == "prices":
            client.prices = self._feed.slots_of(chosen)
            client.fresh = {slot: None for slot in client.fresh if client.prices[slot]}

    def _resolve(self, names: Sequence[str] | None) -> frozenset[Symbol] | None:
        registry = self._deps.core.registry
        return frozenset(resolve_symbol(registry, name) for name in names) if names else None

    def _state(self, kind: str, client: Client, channel: Channel) -> str:
        """Tell which symbols of a channel are followed now; no list stands for all."""
        fields: dict[str, object] = {"channel": channel}
        chosen = client.symbols.get(channel, frozenset())
        if chosen is not None:
            fields["symbols"] = sorted(compact(self._deps.core.registry, s) for s in chosen)
        return frames.write(kind, **fields)


def _tell_all(clients: Sequence[Client], frame: str) -> None:
    for client in clients:
        client.tell(frame)


def _is_departure(end: Exception) -> bool:
    """Whether the client left, which is no failure; a send after that is a RuntimeError."""
    return isinstance(end, WebSocketDisconnect | RuntimeError)


__all__ = ["CHANNELS", "Client", "Streams"]
