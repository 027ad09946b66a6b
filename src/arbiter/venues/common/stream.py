"""One WebSocket connection to a venue, kept up: heard, watched for silence, made anew.

A connection that is open and says nothing is worse than none: its last prices look alive. Two
things end one. No frame at all for `silence_s`, though it was pinged. And no data for `silence_s`
and for `quiet_factor` times its own usual gap: a stream that spoke a hundred times a second and
now only answers pings is stuck, one that speaks every ten seconds is not. Time in which this process
itself stood still is nobody's silence: what came meanwhile waits to be read.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import msgspec
import structlog
from picows import WSError, WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from arbiter.model.errors import BadConfig
from arbiter.venues.common.backoff import Backoff
from arbiter.venues.common.frames import BadFrame, FeedTally

log = structlog.get_logger(__name__)
_socket_log = logging.getLogger(f"{__name__}.socket")
_socket_log.setLevel(logging.WARNING)  # every connection made and lost is told here already

_TEXT, _BINARY, _CONTINUATION = WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.CONTINUATION
_CLOSE, _PONG = WSMsgType.CLOSE, WSMsgType.PONG

_TICKS = 10
"""Looks of the watchdog within `silence_s`."""
_CLOSE_S = 1.0
_BAD_IN_A_ROW = 100
"""So many undecodable messages without a good one end a connection."""


class StreamSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How one connection is kept; seconds."""

    connect_timeout_s: float = 5.0
    silence_s: float = 5.0
    quiet_factor: float = 20.0
    keepalive_s: float = 15.0
    """Between two messages of a venue that wants to be told that we are there."""
    request_gap_s: float = 0.25
    """Between two requests: Binance allows five messages a second."""
    ready_timeout_s: float = 10.0
    """For all subscriptions to be answered."""
    first_retry_s: float = 0.2
    longest_retry_s: float = 20.0
    largest_frame: int = 16 * 1024 * 1024
    """Bytes."""

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            if not getattr(self, name) > 0:
                raise BadConfig(f"{name} must be positive, got {getattr(self, name)}")


class Link(Protocol):
    """The connection, as the talk on it sees it."""

    def send(self, data: bytes) -> None:
        """Send as soon as the venue's pace of requests allows."""
        ...

    def ready(self) -> None:
        """Say that everything asked for has been granted."""
        ...

    def aside(self) -> None:
        """Say that the message under way is no market data: it is no sign of life."""
        ...

    def drop(self, why: str) -> None:
        """End this connection; another is made."""
        ...


class Talk(Protocol):
    """What is said and heard on one connection; made anew for each."""

    @property
    def keepalive(self) -> bytes | None:
        """What to send every `keepalive_s`; None where protocol pings do."""
        ...

    def opened(self) -> None:
        """Begin: subscribe."""
        ...

    def hear(self, data: bytes) -> None:
        """Take one message; `BadFrame` when it cannot be decoded."""
        ...

    def tick(self) -> None:
        """Some tenths of a second have passed: see to what is overdue."""
        ...

    def closed(self) -> None:
        """The connection is gone, with all that was on its way."""
        ...


TalkMaker = Callable[[Link], Talk]
StateListener = Callable[[bool, str], None]
"""(connected, why not)."""
Headers = Callable[[], Mapping[str, str]]
"""Makes what a handshake carries, anew for each."""


class Stream:
    """Runs one connection until cancelled. `on_state` is told of every change.

    `shown` is what logs call it where its address is nobody's business.
    """

    def __init__(
        self,
        url: str,
        make_talk: TalkMaker,
        *,
        on_state: StateListener,
        tally: FeedTally,
        settings: StreamSettings,
        draw: Callable[[], float],
        headers: Headers | None = None,
        shown: str = "",
    ) -> None:
        self.url = url
        self._shown = shown or url
        self._headers = headers
        self._make_talk = make_talk
        self._on_state = on_state
        self._tally = tally
        self._settings = settings
        self._backoff = Backoff(draw, settings.first_retry_s, settings.longest_retry_s)
        self._state: tuple[bool, str] | None = None

    async def run(self) -> None:
        """Connect, hear, reconnect. Ends with what the talk raised, if that was no `BadFrame`."""
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            why = await self._once()
            if loop.time() - began >= self._settings.longest_retry_s:
                self._backoff.reset()
            log.info("stream lost", of=self._shown, why=why)
            self._tell(False, why)
            self._tally.reconnects += 1
            await asyncio.sleep(self._backoff.delay_s())

    async def _once(self) -> str:
        connection = _Connection(self._make_talk, self._tally, self._settings, self._ready)
        try:
            async with asyncio.timeout(self._settings.connect_timeout_s):
                transport, _ = await ws_connect(
                    lambda: connection,
                    self.url,
                    websocket_handshake_timeout=self._settings.connect_timeout_s,
                    max_frame_size=self._settings.largest_frame,
                    extra_headers=None if self._headers is None else self._headers(),
                    logger_name=_socket_log,
                )
        except TimeoutError:
            return f"no connection within {self._settings.connect_timeout_s:g} s"
        except (OSError, WSError) as error:
            return f"no connection: {error}"
        try:
            why = await connection.until_lost()
        finally:
            transport.disconnect(graceful=False)
            connection.end("stopped")
        try:
            async with asyncio.timeout(_CLOSE_S):
                await transport.wait_disconnected()
        except (TimeoutError, WSError) as error:
            return f"{why}; {error}"
        return why

    def _ready(self) -> None:
        self._tell(True, "")

    def _tell(self, connected: bool, why: str) -> None:
        if self._state is None or self._state[0] != connected:
            self._state = (connected, why)
            self._on_state(connected, why)


class _Connection(WSListener):
    """One connection from handshake to loss; the `Link` of its talk."""

    def __init__(
        self,
        make_talk: TalkMaker,
        tally: FeedTally,
        settings: StreamSettings,
        on_ready: Callable[[], None],
    ) -> None:
        self._talk = make_talk(self)
        self._hear = self._talk.hear
        self._tally = tally
        self._settings = settings
        self._on_ready = on_ready
        self._transport: WSTransport | None = None
        self._parts: list[bytes] = []
        self._messages = 0
        self._asides = 0
        self._frames = 0
        self._bad_in_a_row = 0
        self._ready = False
        self._over = False
        self._waiting: deque[bytes] = deque()
        self._news = asyncio.Event()
        self._lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    # As the talk's link ------------------------------------------------------------------

    def send(self, data: bytes) -> None:
        self._waiting.append(data)
        self._news.set()

    def ready(self) -> None:
        if not self._ready:
            self._ready = True
            self._on_ready()

    def aside(self) -> None:
        self._asides += 1

    def drop(self, why: str) -> None:
        self.end(why)

    # As the socket's listener ------------------------------------------------------------

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport
        self._talk.opened()

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        self._frames += 1
        if self._over:
            return
        kind = frame.msg_type
        if kind == _TEXT and frame.fin:
            self._take(frame.get_payload_as_bytes())
        elif kind in (_TEXT, _BINARY, _CONTINUATION):
            self._parts.append(frame.get_payload_as_bytes())
            if frame.fin:
                whole = b"".join(self._parts)
                self._parts.clear()
                self._take(whole)
        elif kind == _CLOSE:
            code = int(frame.get_close_code().value)
            self.end(f"closed by the venue ({code} {frame.get_close_reason() or ''})".strip())
            transport.send_close()
            transport.disconnect()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self.end("the connection was lost")

    def _take(self, data: bytes) -> None:
        self._messages += 1
        try:
            self._hear(data)
        except BadFrame as error:
            self._refuse(error)
        except Exception:
            # The sink's own failure must not pass for the venue's: picows keeps it until the
            # connection is closed, and it ends the feed.
            self.end("a failure of the listener")
            raise
        else:
            self._bad_in_a_row = 0

    def _refuse(self, error: BadFrame) -> None:
        if self._bad_in_a_row == 0:
            log.warning("undecodable market data", why=str(error))
        self._tally.bad += 1
        self._bad_in_a_row += 1
        if self._bad_in_a_row >= _BAD_IN_A_ROW:
            self.end(f"{_BAD_IN_A_ROW} undecodable messages in a row")

    # Its life ----------------------------------------------------------------------------

    async def until_lost(self) -> str:
        """Send and watch until the connection is over; gives the reason.

        A failure of the talk's own ends it, too: nobody would watch the connection any more.
        """
        tasks = [
            asyncio.create_task(self._send(), name="stream requests"),
            asyncio.create_task(self._keepalive(), name="stream keepalive"),
            asyncio.create_task(self._watch(), name="stream watchdog"),
        ]
        try:
            watched: list[asyncio.Future[Any]] = [self._lost, *tasks]
            await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                if task.done():
                    task.result()
            return await self._lost
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def end(self, why: str) -> None:
        """Be over, once."""
        if self._over:
            return
        self._over = True
        self._tally.messages += self._messages
        self._talk.closed()
        if not self._lost.done():
            self._lost.set_result(why)

    async def _send(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            while self._waiting:
                self._say(self._waiting.popleft())
                await asyncio.sleep(self._settings.request_gap_s)

    async def _keepalive(self) -> None:
        while True:
            await asyncio.sleep(self._settings.keepalive_s)
            text = self._talk.keepalive
            if text is not None:
                self._say(text)

    async def _watch(self) -> None:
        """End what is silent; a look that comes late counts as one in time does."""
        settings = self._settings
        step_s = settings.silence_s / _TICKS
        loop = asyncio.get_running_loop()
        looked, awake_s = loop.time(), 0.0
        heard_s = data_s = awake_s
        frames = messages = 0
        while True:
            await asyncio.sleep(step_s)
            self._talk.tick()
            now = loop.time()
            awake_s += min(now - looked, 2 * step_s)
            looked = now
            if self._frames != frames:
                frames, heard_s = self._frames, awake_s
            data = self._messages - self._asides
            if data != messages:
                messages, data_s = data, awake_s
            if awake_s - heard_s >= settings.silence_s:
                self.end(f"silent for {awake_s - heard_s:.1f} s")
                return
            pace_s = awake_s / (messages + 1)
            if awake_s - data_s >= max(settings.silence_s, settings.quiet_factor * pace_s):
                self.end(f"no data for {awake_s - data_s:.1f} s, only heartbeats")
                return
            if not self._ready and awake_s >= settings.ready_timeout_s:
                self.end(f"subscriptions unanswered for {awake_s:.1f} s")
                return
            if awake_s - heard_s >= settings.silence_s / 2 and self._transport is not None:
                self._transport.send_ping()

    def _say(self, data: bytes) -> None:
        if self._transport is not None and not self._over:
            self._transport.send(WSMsgType.TEXT, data)
