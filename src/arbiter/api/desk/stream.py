"""``WS /api/desk/stream``: says what is wanted, gets it at most four times a second."""

import asyncio
import contextlib
from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter
from starlette.websockets import WebSocket, WebSocketDisconnect

from arbiter.access.roles import Role
from arbiter.api.common.auth import Credentials, Door, bearer_of
from arbiter.api.desk.feed import Feed, Watcher
from arbiter.model.errors import ArbiterError, Forbidden, InvalidValue, TryAgain, Unauthenticated

SIGNED_OUT = 4401
TOO_SLOW = 1013
_SIGN_IN_WITHIN_S = 5.0
_ASK_AGAIN_S = 15.0
_CLOSE_WITHIN_S = 1.0
_MOST_TOPICS = 32


class Auth(msgspec.Struct, tag="auth", frozen=True):
    token: str
    """An access token or an API key."""


class Subscribe(msgspec.Struct, tag="subscribe", frozen=True):
    topics: Annotated[list[str], msgspec.Meta(max_length=_MOST_TOPICS)]


class Unsubscribe(msgspec.Struct, tag="unsubscribe", frozen=True):
    topics: Annotated[list[str], msgspec.Meta(max_length=_MOST_TOPICS)]


class Ping(msgspec.Struct, tag="ping", frozen=True):
    pass


_decoder = msgspec.json.Decoder(Auth | Subscribe | Unsubscribe | Ping)


def stream_routes(feed: Feed, door: Door) -> APIRouter:
    routes = APIRouter()

    @routes.websocket("/api/desk/stream")
    async def stream(socket: WebSocket) -> None:
        await socket.accept()
        with contextlib.suppress(WebSocketDisconnect):
            await _Conversation(socket, feed, door).run()

    return routes


class _Conversation:
    def __init__(self, socket: WebSocket, feed: Feed, door: Door) -> None:
        self._socket = socket
        self._feed = feed
        self._door = door
        self._watcher = Watcher()
        self._shown: Credentials | str | None = None
        """What the caller showed: headers of the handshake, or a token sent first."""
        self._speaking = asyncio.Lock()
        """Updates and answers go out one at a time, each from its own task."""

    async def run(self) -> None:
        if not await self._signed_in():
            await self._close(SIGNED_OUT)
            return
        self._feed.add(self._watcher)
        work = {
            asyncio.ensure_future(self._listen()): None,
            asyncio.ensure_future(self._speak()): None,
            asyncio.ensure_future(self._watcher.too_slow.wait()): TOO_SLOW,
            asyncio.ensure_future(self._until_signed_out()): SIGNED_OUT,
        }
        try:
            done, _ = await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._feed.remove(self._watcher)
            for task in work:
                task.cancel()
            ended = await asyncio.gather(*work, return_exceptions=True)
        for failure in ended:
            if isinstance(failure, Exception) and not isinstance(failure, WebSocketDisconnect):
                raise failure
        for task in done:
            code = work[task]
            if code is not None:
                await self._close(code)

    async def _signed_in(self) -> bool:
        """Take the handshake's credential, or wait a moment for one in the first message."""
        if not self._door.required:
            return True
        headers = self._socket.headers
        shown = Credentials(
            api_key=headers.get("x-api-key"), bearer=bearer_of(headers.get("authorization"))
        )
        if shown.api_key is not None or shown.bearer is not None:
            self._shown = shown
            return await self._let_in()
        try:
            async with asyncio.timeout(_SIGN_IN_WITHIN_S):
                first = _decoder.decode(await self._socket.receive_text())
        except (TimeoutError, msgspec.DecodeError, KeyError):
            return False
        self._shown = first.token if isinstance(first, Auth) else None
        return await self._let_in()

    async def _let_in(self) -> bool:
        try:
            return await self._admitted()
        except TryAgain:
            return False

    async def _admitted(self) -> bool:
        try:
            if isinstance(self._shown, Credentials):
                caller = await self._door.admit(self._shown)
            else:
                caller = await self._door.admit_token(self._shown or "")
            caller.require(Role.VIEWER)
        except (Unauthenticated, Forbidden):
            return False
        return True

    async def _until_signed_out(self) -> None:
        """End when the credential does: it expired, or was revoked."""
        while True:
            await asyncio.sleep(_ASK_AGAIN_S)
            # Who was let in stays while the database is away.
            with contextlib.suppress(TryAgain):
                if not await self._admitted():
                    return

    async def _listen(self) -> None:
        while True:
            try:
                text = await self._socket.receive_text()
            except KeyError:
                await self._tell({"type": "error", "detail": "messages are text, not bytes"})
                continue
            try:
                await self._obey(_decoder.decode(text))
            except msgspec.DecodeError as error:
                await self._tell({"type": "error", "detail": f"the message is not valid: {error}"})
            except ArbiterError as error:
                await self._tell({"type": "error", "detail": str(error)})

    async def _obey(self, message: Auth | Subscribe | Unsubscribe | Ping) -> None:
        match message:
            case Subscribe(topics=topics):
                if len(self._watcher.topics | set(topics)) > _MOST_TOPICS:
                    raise InvalidValue(f"at most {_MOST_TOPICS} topics at a time")
                self._feed.subscribe(self._watcher, topics)
                await self._tell({"type": "subscribed", "topics": sorted(self._watcher.topics)})
            case Unsubscribe(topics=topics):
                self._feed.unsubscribe(self._watcher, topics)
                await self._tell({"type": "subscribed", "topics": sorted(self._watcher.topics)})
            case Ping():
                await self._tell({"type": "pong"})
            case Auth():
                await self._tell({"type": "authenticated"})

    async def _speak(self) -> None:
        while True:
            await self._send(await self._watcher.frames.get())

    async def _tell(self, body: dict[str, str | list[str]]) -> None:
        """Answer between two updates.

        Who says much at once is heard no faster than answered, and not taken for one who is slow:
        answers take no place of updates.
        """
        await self._send(msgspec.json.encode(body).decode())

    async def _send(self, text: str) -> None:
        async with self._speaking:
            await self._socket.send_text(text)

    async def _close(self, code: Literal[4401, 1013] | int) -> None:
        """Say goodbye; who does not read is not waited for."""
        with contextlib.suppress(TimeoutError, RuntimeError):
            async with asyncio.timeout(_CLOSE_WITHIN_S):
                await self._socket.close(code)
