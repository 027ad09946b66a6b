"""One connection to the simulated venues, as seen from the engine."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import cast

from arbiter.model.errors import OutcomeUnknown, RateLimited, VenueRefused, VenueUnreachable
from arbiter.venues.common.prompt import write_now
from arbiter.venues.sim import wire
from arbiter.venues.sim.paths import connected_socket, socket_path

QuotesListener = Callable[[bytes], None]
ReportListener = Callable[[wire.StreamReport], None]


class SimLink(asyncio.Protocol):
    """Match answers with requests; hand quotes and reports on as they come.

    `closed` is done, with the reason, once the connection is gone. Requests that were under way
    then fail with `OutcomeUnknown`, later ones with `VenueUnreachable`.
    """

    def __init__(
        self, on_quotes: QuotesListener | None = None, on_report: ReportListener | None = None
    ) -> None:
        self._on_quotes = on_quotes
        self._on_report = on_report
        self._reader = wire.FrameReader(wire.LARGEST_ANSWER)
        self._transport: asyncio.Transport | None = None
        self._answers: dict[int, asyncio.Future[wire.AnyAnswer]] = {}
        self._next_id = 1
        self._why = "the connection was closed"
        self.closed: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    @classmethod
    async def connect(
        cls,
        home: Path,
        on_quotes: QuotesListener | None = None,
        on_report: ReportListener | None = None,
    ) -> "SimLink":
        """Connect or raise `VenueUnreachable`."""
        try:
            connection = connected_socket(socket_path(home))
            _, link = await asyncio.get_running_loop().create_unix_connection(
                lambda: cls(on_quotes, on_report), sock=connection
            )
        except OSError as error:
            raise VenueUnreachable(
                f"the simulated venues in {home} do not answer: {error.strerror or error}"
            ) from error
        return link

    @property
    def up(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def next_id(self) -> int:
        self._next_id += 1
        return self._next_id

    async def ask(self, request: wire.AnyRequest, timeout: float) -> wire.AnyAnswer:
        """Send and wait for the answer.

        A request the server cannot serve is `VenueRefused`, one too many `RateLimited`.
        """
        self.post(request)
        return await self.answer(request.id, timeout)

    def post(self, request: wire.AnyRequest) -> None:
        """Write a request before anything else happens; `answer` waits for what comes back."""
        transport = self._transport
        if transport is None or transport.is_closing():
            raise VenueUnreachable(self._why)
        self._answers[request.id] = asyncio.get_running_loop().create_future()
        write_now(transport, wire.message(request))

    async def answer(self, request_id: int, timeout: float) -> wire.AnyAnswer:
        """Wait for the answer to what was posted; raises as `ask`."""
        future = self._answers[request_id]
        try:
            async with asyncio.timeout(timeout):
                answer = await future
        except TimeoutError:
            raise OutcomeUnknown(f"no answer within {timeout:g} s") from None
        finally:
            self._answers.pop(request_id, None)
        if isinstance(answer, wire.Failed):
            raise _failure(answer)
        return answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are not of asyncio's class.
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if exc is not None:
            self._why = str(exc)
        for future in self._answers.values():
            if not future.done():
                future.set_exception(OutcomeUnknown(self._why))
        if not self.closed.done():
            self.closed.set_result(self._why)

    def data_received(self, data: bytes) -> None:
        try:
            for kind, payload in self._reader.feed(data):
                if kind == wire.QUOTES:
                    if self._on_quotes is not None:
                        self._on_quotes(payload)
                else:
                    self._on_message(wire.read_answer(payload))
        except wire.BadFrame as error:
            self._why = str(error)
            if self._transport is not None:
                self._transport.abort()

    def _on_message(self, message: wire.AnyAnswer | wire.StreamReport) -> None:
        if isinstance(message, wire.StreamReport):
            if self._on_report is not None:
                self._on_report(message)
            return
        future = self._answers.get(message.id)
        if future is not None and not future.done():
            future.set_result(message)


def _failure(answer: wire.Failed) -> Exception:
    if answer.code == wire.RATE_LIMITED:
        return RateLimited(answer.reason, retry_after_ms=answer.retry_after_ms)
    if answer.code == wire.SERVER_ERROR:
        return OutcomeUnknown(answer.reason)
    return VenueRefused(answer.reason, code=answer.code)
