"""Funding pairs: long the perpetual with the low rate, short the one with the high."""

from decimal import Decimal
from enum import StrEnum
from typing import NewType
from uuid import UUID

import msgspec

from arbiter.model.ids import InstrumentId, StrategyId, Symbol, TradeId, VenueId
from arbiter.model.money import ZERO

PairId = NewType("PairId", UUID)


class PairState(StrEnum):
    OPENING = "OPENING"
    OPEN = "OPEN"
    CLOSING = "CLOSING"
    """An exit was decided; both legs are being reduced until nothing is left."""
    CLOSED = "CLOSED"

    @property
    def active(self) -> bool:
        return self is not PairState.CLOSED


class FundingPair(msgspec.Struct, frozen=True, kw_only=True):
    """One pair from entry to exit. Money in dollars; settlement currencies count at par."""

    id: PairId
    strategy: StrategyId
    symbol: Symbol
    long_instrument: InstrumentId
    short_instrument: InstrumentId
    long_venue: VenueId
    short_venue: VenueId
    open_trade: TradeId
    planned_units: Decimal
    """Base units of each leg, as planned."""
    entry_spread: Decimal
    """Rate short − rate long at entry, both over eight hours."""
    entry_price: Decimal
    """Planned price of the long leg: what fractions of the notional are measured against."""
    state: PairState = PairState.OPENING
    reason: str = ""
    """Why it is closing or has closed."""
    opened_ns: int
    closed_ns: int | None = None
    funding_collected: Decimal = ZERO
    """Σ confirmed payments of both legs; no fees, no accrual; may be negative."""
    payments: int = 0
    peak_profit: Decimal = ZERO
    """Highest profit it was noted with, a fraction of the notional: exits outlive a restart."""
    narrow_since_ns: int | None = None
    """Since when its spread has been below the floor; None while it is not."""

    @property
    def instruments(self) -> tuple[InstrumentId, InstrumentId]:
        return self.long_instrument, self.short_instrument

    @property
    def notional(self) -> Decimal:
        return self.planned_units * self.entry_price
