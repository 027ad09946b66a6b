"""What the gate sees of the rest of the engine: small protocols, read and never written."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Protocol

import msgspec

from arbiter.model.holdings import Balance, Budget, KillSwitch, Position
from arbiter.model.ids import Asset, ClientOrderId, InstrumentId, StrategyId, VenueId
from arbiter.model.instruments import Instrument
from arbiter.model.money import ONE, ZERO
from arbiter.model.orders import Order
from arbiter.model.plans import Family
from arbiter.model.trades import Trade
from arbiter.risk.exposure import OpenExposure
from arbiter.risk.inventory import Inventory
from arbiter.risk.limits import RiskLimits

UsdRate = Callable[[Asset], Decimal | None]
"""USD per unit of a currency from an explicit table; None when unknown or stale."""


class EngineView(Protocol):
    """Whether the engine as a whole may open anything."""

    @property
    def mode(self) -> str: ...

    @property
    def started(self) -> bool:
        """True once recovery is done: every venue was asked and the ledger agrees."""
        ...

    @property
    def journal_healthy(self) -> bool: ...

    def may_open(self, family: Family, /) -> bool:
        """False where the mode only watches this family, and for all while shutting down."""
        ...


class BoardView(Protocol):
    def healthy(self, venue: VenueId, /) -> bool: ...

    def age_ns(self, instrument: InstrumentId, now_ns: int, /) -> int | None:
        """Age of the newest accepted quote; None before the first."""
        ...


class RegistryView(Protocol):
    def by_id(self, instrument: InstrumentId, /) -> Instrument:
        """Find an instrument; a name nobody carries is an `UnknownSymbol`."""
        ...


class LedgerView(Protocol):
    """The ledger's newest state. PnL figures are of trading alone, in USD, net of fees."""

    @property
    def kill_switch(self) -> KillSwitch: ...

    @property
    def strategies(self) -> Mapping[StrategyId, bool]:
        """Running or not; a strategy nobody ever switched is running."""
        ...

    @property
    def budgets(self) -> Mapping[tuple[StrategyId, Asset], Budget]: ...

    @property
    def balances(self) -> Mapping[tuple[VenueId, Asset], Balance]: ...

    @property
    def positions(self) -> Mapping[tuple[StrategyId, InstrumentId], Position]: ...

    @property
    def orders(self) -> Mapping[ClientOrderId, Order]: ...

    @property
    def cumulative_pnl(self) -> Decimal: ...

    @property
    def peak_pnl(self) -> Decimal:
        """Highest `cumulative_pnl` ever reached, never below 0."""
        ...

    def realized_today(self, now_ns: int, /) -> Decimal: ...

    def free(self, venue: VenueId, asset: Asset, /) -> Decimal: ...

    def open_trades(self) -> tuple[Trade, ...]: ...


def unlevered(_instrument: InstrumentId) -> Decimal:
    return ONE


def nothing_held() -> Decimal:
    return ZERO


class RiskView(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a check may look at."""

    limits: RiskLimits
    engine: EngineView
    board: BoardView
    registry: RegistryView
    ledger: LedgerView
    inventory: Inventory
    exposure: OpenExposure
    usd_rate: UsdRate
    leverage: Callable[[InstrumentId], Decimal] = unlevered
    """Set on a perpetual at its venue."""
    held_usd: Callable[[], Decimal] = nothing_held
    """What pairs held between trades are worth, each by its larger leg."""
