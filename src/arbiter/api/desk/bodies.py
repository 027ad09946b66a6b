"""Bodies of the contract ``/api/trading`` and ``/api/budget``: names and types as published.

Numbers are JSON numbers, times RFC 3339 with Z, to the microsecond; null stands where there is nothing to tell yet.
"""

from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints


class Body(BaseModel):
    model_config = ConfigDict(frozen=True)


class Asked(BaseModel):
    """A request's body."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)


class Failure(Body):
    detail: str


class Healthy(Body):
    status: Literal["ok"] = "ok"


# Trading


class Strategy(Body):
    id: UUID
    name: str
    status: Literal["RUNNING", "STOPPED", "UNKNOWN"]
    """UNKNOWN: only the ledger remembers it; this engine does not run it."""
    family: str | None
    instrument_ids: list[str]


class Order(Body):
    client_order_id: str
    venue_order_id: str | None
    strategy_id: UUID
    strategy_name: str
    instrument_id: str
    side: Literal["BUY", "SELL"]
    order_type: str
    quantity: float
    filled_qty: float
    price: float | None
    """The limit; null for a market order."""
    avg_px: float | None
    status: str
    ts_init: str
    ts_last: str
    venue: str
    symbol: str
    time_in_force: str
    reduce_only: bool
    leg: str
    trade_id: UUID
    planned_price: float
    actor: str
    reason: str | None
    """Why it was denied, rejected or ended."""
    outcome_unknown: bool
    """Sent, and the venue has not answered yet: it is being asked."""


class Fill(Body):
    trade_id: str
    """The venue's id of the execution."""
    client_order_id: str
    strategy_id: UUID | None
    strategy_name: str | None
    instrument_id: str
    side: Literal["BUY", "SELL"]
    last_qty: float
    last_px: float
    commission: float
    commission_currency: str
    liquidity_side: str
    ts_event: str
    venue: str


class DenyReason(Body):
    client_order_id: str
    status: Literal["DENIED", "REJECTED"]
    reason: str
    """As it is stored: ``BUDGET_EXCEEDED: allocated=500 reserved=480 needed=40``."""
    ts_event: str
    code: str
    numbers: dict[str, float | str]
    explanation: str
    """The same in words, and what can be done."""


class FillsOf(Body):
    """A part of all fills."""

    fills: int
    buys: int
    sells: int
    volume: float
    """Σ last_qty."""
    notional: float
    """Σ last_qty × last_px in USD, quote currencies by the engine's rates."""
    total_fees: dict[str, float]


class InstrumentFills(FillsOf):
    instrument_id: str


class StrategyFills(FillsOf):
    strategy_id: UUID | None
    strategy_name: str | None


class FillsSummary(Body):
    total_fills: int
    buy_count: int
    sell_count: int
    volume: float
    """Σ last_qty over all instruments."""
    notional: float
    """Σ last_qty × last_px in USD, quote currencies by the engine's rates."""
    notional_by_currency: dict[str, float]
    total_fees: dict[str, float]
    """By currency."""
    by_instrument: list[InstrumentFills]
    by_strategy: list[StrategyFills]


class Position(Body):
    position_id: str
    strategy_id: UUID
    strategy_name: str
    instrument_id: str
    side: Literal["LONG", "SHORT"]
    quantity: float
    """Units held now; what had been held where the position is closed."""
    avg_px_open: float
    avg_px_close: float | None
    realized_pnl: float
    """Of this position, before commissions."""
    unrealized_pnl: float | None
    """Null without a price."""
    mark_px: float | None
    ts_opened: str
    ts_closed: str | None
    status: Literal["open", "closed"]
    dust: bool
    """A leftover too small for an order at its venue."""


class Summary(Body):
    signals: int
    orders: int
    fills: int
    trades: int
    open_positions: int
    strategies: int


class AuditEntry(Body):
    id: int
    ts: str
    actor: str
    action: str
    entity: str
    before: str
    after: str


# Budgets


class BudgetFigures(Body):
    allocated: float | None
    """Null: no limit was set, use is only tracked."""
    reserved: float
    available: float | None
    realized_pnl: float
    total_fees: float


class RegistryEntry(BudgetFigures):
    strategy_name: str
    currency: str


class BudgetOf(BudgetFigures):
    strategy_id: UUID
    currency: str


class BudgetSummary(BudgetOf):
    strategy_name: str
    budgets: list[BudgetOf]
    """Of every currency, the one above among them."""


class SetAllocated(Asked):
    allocated: Annotated[Decimal, Field(ge=0, le=1_000_000_000_000, decimal_places=18)]


class RealizedPnl(Body):
    strategy_id: UUID
    strategy_name: str
    realized_pnl: dict[str, float]
    """By currency, before commissions: average cost per strategy and instrument, where the sale
    on one venue closes what a spot trade bought on another."""
    total_fees: dict[str, float]
    net_pnl: dict[str, float]


Currency = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]{1,20}$")]
