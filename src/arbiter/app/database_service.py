"""The database of one data folder: the embedded server, or the one the settings name."""

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import structlog

from arbiter.app.config import Settings
from arbiter.storage.embedded import EmbeddedServer

log = structlog.get_logger(__name__)


class DatabaseService:
    """An async context whose value has the `url` of a running server.

    An embedded server that somebody else still uses is left running at the end.
    """

    def __init__(self, settings: Settings, environment: Mapping[str, str]) -> None:
        self._external = settings.database.url.get_secret_value()
        runtime = environment.get("XDG_RUNTIME_DIR")
        self._server = (
            None
            if self._external
            else EmbeddedServer(
                settings.home.postgres, runtime_root=Path(runtime) if runtime else None
            )
        )
        self.url = self._external

    @property
    def embedded(self) -> bool:
        return self._server is not None

    async def __aenter__(self) -> Self:
        if self._server is not None:
            self.url = await self._server.start()
        return self

    async def keep_running(self) -> None:
        """Bring the embedded server back whenever it goes; an external one is its owner's."""
        if self._server is not None:
            await self._server.keep_running()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._server is not None:
            await self._server.stop()
