"""What StrategyService steers, as this surface needs it: event arbitrage and copied wallets."""

from collections.abc import Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

import msgspec

from arbiter.model.event_pairs import EventPair
from arbiter.model.ids import Actor, VenueId
from arbiter.model.money import ZERO


class ArbState(StrEnum):
    STOPPED = "stopped"
    """By a person, or by the kill switch."""
    RUNNING = "running"
    PAUSED = "paused"
    """By a limit, or because a venue is away."""


class ArbFacts(msgspec.Struct, frozen=True, kw_only=True):
    state: ArbState
    why: str = ""
    """What stopped or paused it."""
    active_pairs: int = 0
    """Enabled and approved pairs with live quotes on both legs."""
    opportunities_today: int = 0
    """Distinct openings since 00:00 UTC."""
    trades_today: int = 0
    """Trades whose both legs filled since 00:00 UTC."""
    pnl_today: Decimal = ZERO
    """Realised since 00:00 UTC in USD, net of fees and of what way-outs cost."""
    last_activity_ns: int | None = None


class ArbSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Spread in dollars per contract, amounts in USD."""

    min_spread: Decimal
    max_position_size: Decimal
    max_total_exposure: Decimal
    staleness_threshold_ms: int
    enabled_pairs: tuple[str, ...]


class ArbChanges(msgspec.Struct, frozen=True, kw_only=True):
    """What is to change; None leaves a setting as it is."""

    min_spread: Decimal | None = None
    max_position_size: Decimal | None = None
    max_total_exposure: Decimal | None = None
    staleness_threshold_ms: int | None = None
    enabled_pairs: tuple[str, ...] | None = None


class EventArbitrage(Protocol):
    """Changes are durable when they return."""

    def facts(self) -> ArbFacts: ...

    def settings(self) -> ArbSettings: ...

    async def switch(self, enabled: bool, actor: Actor) -> None:
        """Start or stop; `TradingDisabled` says why it cannot be started."""
        ...

    async def change(self, changes: ArbChanges, actor: Actor) -> None:
        """Change all or nothing; `InvalidValue` names the first that is wrong."""
        ...

    def pairs(self) -> Sequence[EventPair]:
        """Every pair ever proposed, by id."""
        ...

    def edge(self, pair: EventPair) -> Decimal | None:
        """Net profit per contract of the better way now; None without fresh quotes."""
        ...


class CopyFacts(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    wallet: str
    venue: VenueId
    multiplier: Decimal
    max_position_size: Decimal
    enabled: bool
    total_pnl: Decimal
    created_ns: int


class CopyTrading(Protocol):
    """Changes are durable when they return."""

    def subscriptions(self) -> Sequence[CopyFacts]:
        """Those in force, the newest first."""
        ...

    async def add(
        self,
        *,
        wallet: str,
        venue: VenueId,
        multiplier: Decimal,
        max_position_size: Decimal,
        actor: Actor,
    ) -> CopyFacts:
        """Follow a wallet; `InvalidValue` for one that cannot be."""
        ...

    async def remove(self, subscription: str, actor: Actor) -> None:
        """Follow no longer; `NotFound` for an id nobody has."""
        ...
