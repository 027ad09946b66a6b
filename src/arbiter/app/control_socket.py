"""The command line's way into a running engine: one unix socket, one JSON line each way.

The socket lies in the data folder, which is closed to other users, and is 0600 itself: who can
connect already owns the engine's files. A connection may ask one thing after the other.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from arbiter.model import errors
from arbiter.model.errors import (
    ArbiterError,
    InvalidValue,
    NotFound,
    OutcomeUnknown,
    TryAgain,
    WillNotWork,
)
from arbiter.venues.sim.paths import connected_socket, listening_socket

LONGEST_LINE = 4 * 1024 * 1024

Handler = Callable[[dict[str, Any]], Awaitable[object]]
"""Takes the call's arguments; what it returns must be encodable by msgspec."""


class NotRunning(TryAgain):
    """No engine listens on the data folder's socket."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    call: str
    arguments: dict[str, Any] = {}


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    kind: str
    """Name of the class in `model.errors`."""
    message: str


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    result: Any = None
    error: Failure | None = None


class ControlServer:
    """Serves calls by name until closed. A handler's `ArbiterError` becomes the caller's."""

    def __init__(self, path: Path, handlers: Mapping[str, Handler]) -> None:
        self._path = path
        self._handlers = dict(handlers)
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen in place of whatever a killed engine left behind."""
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            listener = listening_socket(self._path)
        except OSError as error:
            raise WillNotWork(
                f"cannot open the control socket {self._path}: {error.strerror or error}"
            ) from error
        self._server = await asyncio.start_unix_server(
            self._connected, sock=listener, limit=LONGEST_LINE
        )

    async def close(self) -> None:
        """Stop listening and end what is being answered."""
        if self._server is None:
            return
        self._server.close()
        self._path.unlink(missing_ok=True)
        for connection in tuple(self._connections):
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        self._server = None

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(
            self._converse(reader, writer), name="control socket"
        )
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                writer.write(msgspec.json.encode(await self._answer(line)) + b"\n")
                await writer.drain()
        except ValueError:
            # Longer than any call of ours: not our client.
            pass
        except ConnectionError:
            pass
        finally:
            writer.close()

    async def _answer(self, line: bytes) -> Reply:
        try:
            request = msgspec.json.decode(line, type=Request)
            handler = self._handlers.get(request.call)
            if handler is None:
                raise NotFound(f"this engine has no call {request.call!r}; is it another version?")
            return Reply(result=await handler(request.arguments))
        except msgspec.MsgspecError as error:
            return _failed(InvalidValue(f"the call cannot be read: {error}"))
        except ArbiterError as error:
            return _failed(error)


class ControlClient:
    """Blocking calls to the engine of one data folder."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def call(
        self, name: str, arguments: Mapping[str, Any] | None = None, *, timeout_s: float = 10
    ) -> Any:
        """Call and wait. `NotRunning` when nobody listens; `OutcomeUnknown` without an answer."""
        request = Request(call=name, arguments=dict(arguments or {}))
        with self._connect() as connection:
            connection.settimeout(timeout_s)
            try:
                connection.sendall(msgspec.json.encode(request) + b"\n")
                with connection.makefile("rb") as answers:
                    line = answers.readline(LONGEST_LINE)
            except TimeoutError:
                raise OutcomeUnknown(
                    f"the engine did not answer `{name}` within {timeout_s:g} s and may still do "
                    "it; look with: arbiter status"
                ) from None
            except OSError as error:
                raise OutcomeUnknown(f"the engine went away during `{name}`: {error}") from error
        if not line.endswith(b"\n"):
            raise OutcomeUnknown(f"the engine went away before it answered `{name}`")
        reply = msgspec.json.decode(line, type=Reply)
        if reply.error is not None:
            raise _raised(reply.error)
        return reply.result

    def answers(self) -> bool:
        """Whether an engine listens."""
        try:
            self._connect().close()
        except NotRunning:
            return False
        return True

    def _connect(self) -> socket.socket:
        try:
            return connected_socket(self._path)
        except OSError as error:
            raise NotRunning(
                f"no engine is running on {self._path.parent.parent}; start it with: arbiter up"
            ) from error


def _failed(error: ArbiterError) -> Reply:
    return Reply(error=Failure(kind=type(error).__name__, message=str(error)))


def _raised(failure: Failure) -> ArbiterError:
    named = getattr(errors, failure.kind, None)
    kind: type[ArbiterError] = WillNotWork
    if isinstance(named, type) and issubclass(named, ArbiterError):
        # Classes that take more than a message are told by their nearest plain relative.
        relatives = (each for each in named.__mro__ if "__init__" not in vars(each))
        kind = next(each for each in relatives if issubclass(each, ArbiterError))
    return kind(failure.message)
