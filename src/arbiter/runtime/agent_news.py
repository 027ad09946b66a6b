"""What the agents tell their watchers: positions, sessions, heartbeats, errors; never waited for."""

from collections.abc import Callable
from decimal import Decimal

import msgspec
import structlog

from arbiter.model.agents import AgentPosition

log = structlog.get_logger(__name__)


class PositionNews(msgspec.Struct, frozen=True, kw_only=True):
    position: AgentPosition
    mark: Decimal | None


class AgentStatus(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    type: str
    status: str
    """``active``, ``inactive`` or ``error``."""
    last_seen_ns: int
    healthy: bool
    signals_generated: int
    last_signal_ns: int | None
    model: str
    note: str


class SystemNews(msgspec.Struct, frozen=True, kw_only=True):
    status: str
    message: str
    metadata: dict[str, object]


class ErrorNews(msgspec.Struct, frozen=True, kw_only=True):
    error: str
    details: str
    severity: str
    """``low``, ``medium`` or ``high``."""


News = PositionNews | AgentStatus | SystemNews | ErrorNews


class NewsDesk:
    def __init__(self) -> None:
        self._listeners: list[Callable[[News], None]] = []

    def listen(self, listener: Callable[[News], None]) -> None:
        """Call `listener` in the same step; it must be quick and must not raise."""
        self._listeners.append(listener)

    def tell(self, news: News) -> None:
        if isinstance(news, ErrorNews):
            log.warning("agents", error=news.error, details=news.details)
        for listener in self._listeners:
            listener(news)
