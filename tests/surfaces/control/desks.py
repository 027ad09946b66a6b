"""Desks that remember: event arbitrage and copying as StrategyService sees them."""

from collections.abc import Sequence
from decimal import Decimal

from msgspec.structs import asdict, replace

from arbiter.api.control.desks import (
    ArbChanges,
    ArbFacts,
    ArbSettings,
    ArbState,
    CopyFacts,
)
from arbiter.model.errors import InvalidValue, NotFound, TradingDisabled
from arbiter.model.event_pairs import EventPair
from arbiter.model.ids import Actor, VenueId


class FakeArbitrage:
    def __init__(self) -> None:
        self.state = ArbState.RUNNING
        self.told = ArbFacts(state=self.state)
        self.held = ArbSettings(
            min_spread=Decimal("0.02"),
            max_position_size=Decimal(1_000),
            max_total_exposure=Decimal(10_000),
            staleness_threshold_ms=2_000,
            enabled_pairs=("fed-hold", "cup-final"),
        )
        self.verified = {"fed-hold", "cup-final", "rain-in-may"}
        self.by: list[Actor] = []
        self.refuses = ""

    def facts(self) -> ArbFacts:
        return replace(self.told, state=self.state)

    def settings(self) -> ArbSettings:
        return self.held

    async def switch(self, enabled: bool, actor: Actor) -> None:
        if enabled and self.refuses:
            raise TradingDisabled(self.refuses)
        self.by.append(actor)
        self.state = ArbState.RUNNING if enabled else ArbState.STOPPED

    async def change(self, changes: ArbChanges, actor: Actor) -> None:
        unknown = set(changes.enabled_pairs or ()) - self.verified
        if unknown:
            raise InvalidValue(f"enabled_pairs: there is no pair {unknown.pop()!r}")
        self.by.append(actor)
        wanted = {name: value for name, value in asdict(changes).items() if value is not None}
        self.held = replace(self.held, **wanted)

    def pairs(self) -> Sequence[EventPair]:
        return ()

    def edge(self, pair: EventPair) -> Decimal | None:
        return None


class FakeCopying:
    def __init__(self) -> None:
        self.rows: list[CopyFacts] = []

    def subscriptions(self) -> Sequence[CopyFacts]:
        return self.rows

    async def add(
        self,
        *,
        wallet: str,
        venue: VenueId,
        multiplier: Decimal,
        max_position_size: Decimal,
        actor: Actor,
    ) -> CopyFacts:
        row = CopyFacts(
            id=f"copy-{len(self.rows) + 1}",
            wallet=wallet,
            venue=venue,
            multiplier=multiplier,
            max_position_size=max_position_size,
            enabled=True,
            total_pnl=Decimal("1.25"),
            created_ns=1_800_000_000_000_000_000,
        )
        self.rows.insert(0, row)
        return row

    async def remove(self, subscription: str, actor: Actor) -> None:
        if subscription not in {row.id for row in self.rows}:
            raise NotFound(f"there is no copy trade {subscription!r}")
        self.rows = [row for row in self.rows if row.id != subscription]
