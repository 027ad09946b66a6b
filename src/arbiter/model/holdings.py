"""What we own: balances per venue, positions and budgets per strategy."""

from decimal import Decimal

import msgspec

from arbiter.model.ids import Asset, InstrumentId, StrategyId, Symbol, VenueId
from arbiter.model.money import ZERO


class Balance(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The ledger's own account of one asset on one venue; free = total − locked.

    `locked` is what open orders of ours still need there.
    """

    venue: VenueId
    asset: Asset
    total: Decimal = ZERO
    locked: Decimal = ZERO
    baseline: Decimal = ZERO
    """What was put there: first seen, plus transfers and external changes; trading moves `total`
    away from it, and inventory skew is measured against it."""
    updated_ns: int = 0

    @property
    def free(self) -> Decimal:
        return self.total - self.locked


class Position(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A strategy's signed quantity in one instrument at average cost.

    `realized_pnl` in quote, before fees, by average cost; `fees` in quote beside it.
    """

    strategy: StrategyId
    instrument: InstrumentId
    symbol: Symbol
    quantity: Decimal = ZERO
    """Signed, in the instrument's size unit."""
    cost: Decimal = ZERO
    """Σ value of what is still open at entry prices, in quote, never negative."""
    realized_pnl: Decimal = ZERO
    fees: Decimal = ZERO
    number: int = 0
    """Which position of this strategy in this instrument it is, from 1."""
    entered: Decimal = ZERO
    """Units that went into this position since it opened, never negative."""
    entered_value: Decimal = ZERO
    """Σ their value, in quote."""
    left: Decimal = ZERO
    """Units that went out of it again."""
    left_value: Decimal = ZERO
    opened_ns: int = 0
    closed_ns: int | None = None
    updated_ns: int = 0


class ClosedPosition(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A position that is over: what went in came out again. Values in quote, before fees."""

    strategy: StrategyId
    instrument: InstrumentId
    number: int
    symbol: Symbol
    long: bool
    size: Decimal
    """Units that went in, and out."""
    entered_value: Decimal
    left_value: Decimal
    realized_pnl: Decimal
    opened_ns: int
    closed_ns: int


class Budget(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Capital a strategy may have in use in one currency; available = allocated − reserved.

    `reserved` = what open orders still need (with a fee estimate) + cost of open positions.
    `allocated` None means no limit was set: use is tracked, nothing is refused.
    """

    strategy: StrategyId
    currency: Asset
    allocated: Decimal | None = None
    reserved: Decimal = ZERO
    realized_pnl: Decimal = ZERO
    total_fees: Decimal = ZERO
    updated_ns: int = 0

    @property
    def available(self) -> Decimal | None:
        return None if self.allocated is None else self.allocated - self.reserved


class Residual(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What finished trades of a strategy left over in one asset, carried at cost.

    `quantity` > 0 is held too much, < 0 was taken out of inventory; `cost` in `quote` has its sign.
    `realized_pnl` in `quote`: what was made when leftovers of opposite sign met.
    """

    strategy: StrategyId
    asset: Asset
    quote: Asset
    quantity: Decimal = ZERO
    cost: Decimal = ZERO
    realized_pnl: Decimal = ZERO
    updated_ns: int = 0


class TradingDay(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Trading PnL of one UTC day: finished trades and met leftovers, never marks of inventory.

    `cumulative` and `peak` are over all days, as they stood when the day's row was last the newest.
    """

    day_ns: int
    """00:00 UTC of the day."""
    realized: Decimal = ZERO
    cumulative: Decimal = ZERO
    peak: Decimal = ZERO
    updated_ns: int = 0


class PnlMinute(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Trading PnL of one strategy as it was booked within a minute, corrections where they came."""

    strategy: StrategyId
    minute_ns: int
    realized: Decimal = ZERO


class KillSwitch(msgspec.Struct, frozen=True, kw_only=True):
    """The latch: engaged until a person releases it, across restarts."""

    engaged: bool = False
    actor: str = ""
    reason: str = ""
    flatten: bool = False
    changed_ns: int = 0
