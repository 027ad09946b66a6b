"""Trades: a plan under way, and the account of how it ended."""

from decimal import Decimal
from enum import StrEnum

import msgspec

from arbiter.model.ids import (
    Actor,
    ClientOrderId,
    InstrumentId,
    SignalId,
    StrategyId,
    Symbol,
    TradeId,
)
from arbiter.model.money import ZERO
from arbiter.model.orders import Side
from arbiter.model.plans import Family


class TradeState(StrEnum):
    PLANNED = "PLANNED"
    """Intents of all legs are recorded: durable as soon as this row can be read; nothing sent."""
    WORKING = "WORKING"
    """At least one leg was sent."""
    HEDGED = "HEDGED"
    """Legs filled equally; waiting for the venues' last word."""
    UNWINDING = "UNWINDING"
    COMPLETED = "COMPLETED"
    UNWOUND = "UNWOUND"
    """The legs could not be matched; what was filled was reversed."""
    FAILED = "FAILED"
    """Nothing was filled."""
    ABANDONED = "ABANDONED"
    """Edge or quotes were gone before sending."""
    HELD = "HELD"
    """Unhedged and left for a person, with an alert."""

    terminal: bool
    """It has ended; only a late fill opens it again."""


for _state in TradeState:
    _state.terminal = _state in {
        TradeState.COMPLETED,
        TradeState.UNWOUND,
        TradeState.FAILED,
        TradeState.ABANDONED,
    }


class PlannedLeg(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A leg as planned, kept with the trade for ever."""

    role: str
    instrument: InstrumentId
    side: Side
    size: Decimal
    limit: Decimal | None
    planned_price: Decimal
    order: ClientOrderId


class Trade(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One approved plan from intent to account.

    `unknown` says that some order's outcome is not known yet: it freezes new risk on the pair.
    Figures of the account (`bought`, `spent` …) are sums over all fills of the trade, unwinds
    included; they are kept by the ledger, never by the state machine.
    """

    id: TradeId
    seq: int
    strategy: StrategyId
    family: Family
    actor: Actor
    symbol: Symbol
    quote: str
    """Currency of the account figures."""
    legs: tuple[PlannedLeg, ...]
    signal_id: SignalId | None = None
    signal_seq: int | None = None
    min_edge: Decimal = ZERO
    state: TradeState = TradeState.PLANNED
    unknown: bool = False
    reason: str = ""
    started_ns: int
    completed_ns: int | None = None

    bought: Decimal = ZERO
    """Base units bought on all orders of the trade."""
    spent: Decimal = ZERO
    """Quote paid for them, before fees."""
    sold: Decimal = ZERO
    received: Decimal = ZERO
    """Quote received for what was sold, before fees."""
    fees_quote: Decimal = ZERO
    """Fees in quote; fees in other assets are valued at the fill's price or the last mark."""
    base_fees: Decimal = ZERO
    """Base units taken as fees: what is held after a trade is bought − sold − base_fees."""
    base_fees_value: Decimal = ZERO
    """The part of `fees_quote` that stands for `base_fees`, each at its fill's price."""
    pnl: Decimal | None = None
    """Net of fees, in quote, once the trade is terminal: see `ledger/pnl.py`."""

    @property
    def residual(self) -> Decimal:
        """Base units left over by the trade: > 0 long, < 0 short."""
        return self.bought - self.sold - self.base_fees
