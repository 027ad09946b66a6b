"""The spot family's past, as its API reads it."""

from collections.abc import Collection, Sequence
from decimal import Decimal
from typing import Protocol

import msgspec

from arbiter.model.ids import Symbol
from arbiter.model.plans import Signal
from arbiter.model.trades import Trade
from arbiter.ports.past import Found, Page, SignalsWanted, TradesWanted


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """Sums over trades that ended with something filled; money in quote, `gross` before fees."""

    trades: int = 0
    successful: int = 0
    """Completed and earned something after fees."""
    gross: Decimal = Decimal(0)
    fees: Decimal = Decimal(0)
    best: Decimal | None = None
    """Largest net profit of one trade; None without trades."""
    worst: Decimal | None = None
    won: Decimal = Decimal(0)
    """Σ net profit of those that earned."""
    lost: Decimal = Decimal(0)
    """Σ net profit of those that lost, 0 or negative."""
    mean_duration_ns: float = 0.0
    drawdown: Decimal = Decimal(0)
    """Deepest fall from a peak of equity, a fraction of that peak."""

    @property
    def net(self) -> Decimal:
        return self.gross - self.fees


class DayResult(msgspec.Struct, frozen=True, kw_only=True):
    day_ns: int
    """00:00 UTC."""
    trades: int
    successful: int
    net: Decimal


class SymbolResult(msgspec.Struct, frozen=True, kw_only=True):
    symbol: Symbol
    trades: int
    successful: int
    net: Decimal
    bought: Decimal
    """Base units bought."""


class SpotHistory(Protocol):
    """Every call raises `StorageUnavailable` while the database is away.

    Strategy and family of what is wanted are spot arbitrage's, whatever is asked for.
    """

    async def ping(self) -> None: ...

    async def trades(self, wanted: TradesWanted, page: Page) -> Found[Trade]: ...

    async def trade(self, seq: int) -> Trade | None: ...

    async def signals(self, wanted: SignalsWanted, page: Page) -> Found[Signal]: ...

    async def signal(self, seq: int) -> Signal | None: ...

    async def signal_times(self, since_ns: int) -> Sequence[int]:
        """When signals were detected, oldest first."""
        ...

    async def result(self, since_ns: int, until_ns: int, capital: Decimal) -> Result:
        """Sums over trades that ended in the time; `capital` is what PnL is added to."""
        ...

    async def days(self, since_ns: int, until_ns: int) -> Sequence[DayResult]:
        """Days on which trades ended, oldest first."""
        ...

    async def by_symbol(
        self, since_ns: int, until_ns: int, symbols: Collection[Symbol]
    ) -> Sequence[SymbolResult]:
        """Sums per symbol; those without a trade are absent."""
        ...
