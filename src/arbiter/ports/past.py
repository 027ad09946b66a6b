"""Pages of the past: which rows are wanted, and which were found."""

from collections.abc import Collection, Sequence
from typing import Generic, TypeVar

import msgspec

from arbiter.model.events import Audited
from arbiter.model.ids import (
    Actor,
    InstrumentId,
    StrategyId,
    Symbol,
    TradeId,
)
from arbiter.model.orders import Fill, OrderStatus, Side
from arbiter.model.plans import Family
from arbiter.model.trades import TradeState

Row = TypeVar("Row")


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """`limit` rows after the first `offset`, newest first."""

    limit: int = 100
    offset: int = 0


class Found(msgspec.Struct, Generic[Row], frozen=True, kw_only=True):
    rows: Sequence[Row]
    total: int
    """All matches, not only this page's."""


class OrdersWanted(msgspec.Struct, frozen=True, kw_only=True):
    """All given conditions hold."""

    strategy: StrategyId | None = None
    strategy_part: str | None = None
    """A part of the strategy's name, in any case."""
    instrument: InstrumentId | None = None
    statuses: Collection[OrderStatus] | None = None
    until_ns: int | None = None
    """Bounds the time of making, not included."""


class FillsWanted(msgspec.Struct, frozen=True, kw_only=True):
    """All given conditions hold."""

    strategy: StrategyId | None = None
    strategy_part: str | None = None
    instrument: InstrumentId | None = None
    side: Side | None = None
    until_ns: int | None = None
    """Bounds the venue's time of execution, not included."""


class ClosedWanted(msgspec.Struct, frozen=True, kw_only=True):
    """All given conditions hold."""

    strategy: StrategyId | None = None
    instrument: InstrumentId | None = None


class TradesWanted(msgspec.Struct, frozen=True, kw_only=True):
    """All given conditions hold; times bound the start of a trade, the end not included."""

    strategy: StrategyId | None = None
    symbol: Symbol | None = None
    family: Family | None = None
    states: Collection[TradeState] | None = None
    any_filled: bool | None = None
    """Something was bought or sold, whatever the state."""
    since_ns: int | None = None
    until_ns: int | None = None


class SignalsWanted(msgspec.Struct, frozen=True, kw_only=True):
    """All given conditions hold; times bound the detection, the end not included."""

    strategy: StrategyId | None = None
    symbol: Symbol | None = None
    executed: bool | None = None
    since_ns: int | None = None
    until_ns: int | None = None


class AuditWanted(msgspec.Struct, frozen=True, kw_only=True):
    """All given conditions hold; times bound the entry, the end not included."""

    actor: Actor | None = None
    action: str | None = None
    entity_part: str | None = None
    """A part of what was changed, in any case."""
    since_ns: int | None = None
    until_ns: int | None = None


class StoredFill(msgspec.Struct, frozen=True, kw_only=True):
    """A fill and whose it is; None where its order is not known."""

    fill: Fill
    strategy: StrategyId | None
    trade_id: TradeId | None


class StoredAudit(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    entry: Audited
