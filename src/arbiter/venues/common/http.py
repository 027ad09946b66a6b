"""One HTTP request, and what its failures mean: nothing was sent, or nobody knows."""

from collections.abc import Mapping

import aiohttp
import msgspec
from yarl import URL

from arbiter.model.errors import OutcomeUnknown, VenueUnreachable


class Reply(msgspec.Struct, frozen=True):
    status: int
    headers: Mapping[str, str]
    body: bytes


class Http:
    """One venue's origin, over connections that stay open; opened at the first request."""

    def __init__(self, origin: str, timeout_s: float) -> None:
        self._origin = origin.rstrip("/")
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._session: aiohttp.ClientSession | None = None

    async def ask(
        self,
        method: str,
        target: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Send once. `target` is path and query as they are signed.

        `VenueUnreachable` when nothing was sent, `OutcomeUnknown` when no answer came.
        """
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=self._timeout, connector=aiohttp.TCPConnector(limit_per_host=16)
            )
        path = target.partition("?")[0]
        url = URL(self._origin + target, encoded=True)
        try:
            async with self._session.request(
                method, url, data=body, headers=headers, allow_redirects=False
            ) as answer:
                return Reply(answer.status, dict(answer.headers), await answer.read())
        except aiohttp.ClientConnectorError as error:
            raise VenueUnreachable(f"{path}: {error}") from None
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise OutcomeUnknown(f"{path}: {type(error).__name__}: no answer") from None

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None
