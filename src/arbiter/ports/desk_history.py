"""What the desk reads of the past: orders, fills, positions that are over, trades, audit."""

from collections.abc import Collection, Sequence
from decimal import Decimal
from typing import Protocol

import msgspec

from arbiter.model.events import JournalEvent
from arbiter.model.holdings import ClosedPosition
from arbiter.model.ids import (
    ClientOrderId,
    InstrumentId,
    StrategyId,
    TradeId,
)
from arbiter.model.orders import Fill, Order, Side
from arbiter.model.pairs import FundingPair
from arbiter.model.plans import Family, Signal
from arbiter.model.trades import Trade
from arbiter.ports.past import (
    AuditWanted,
    ClosedWanted,
    FillsWanted,
    Found,
    OrdersWanted,
    Page,
    SignalsWanted,
    StoredAudit,
    StoredFill,
    TradesWanted,
)


class FillSum(msgspec.Struct, frozen=True, kw_only=True):
    """All fills of one kind together."""

    strategy: StrategyId | None
    instrument: InstrumentId
    side: Side
    fee_asset: str
    count: int
    size: Decimal
    value: Decimal
    """Σ size × price."""
    fees: Decimal


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    signals: int
    orders: int
    fills: int
    trades: int


class TradeStory(msgspec.Struct, frozen=True, kw_only=True):
    """One trade with everything that was done for it, oldest first."""

    trade: Trade
    signal: Signal | None
    orders: Sequence[Order]
    fills: Sequence[Fill]
    events: Sequence[JournalEvent]
    """The trade's own, and those of its orders."""


class EquityPoint(msgspec.Struct, frozen=True):
    """All trading PnL up to a moment: of trades, of leftovers and payouts, of funding."""

    at_ns: int
    cumulative: Decimal
    trades: int
    """That ended since the point before."""


class CollectedFunding(msgspec.Struct, frozen=True, kw_only=True):
    pair: FundingPair
    cumulative: Decimal
    """Collected by it and by every pair opened before it."""


class FundingSums(msgspec.Struct, frozen=True, kw_only=True):
    """What all pairs collected, and some of them."""

    collected: Decimal
    payments: int
    pairs: int
    rows: Sequence[CollectedFunding]


class DeskHistory(Protocol):
    """Every call raises `StorageUnavailable` while the database is away."""

    async def orders(self, wanted: OrdersWanted, page: Page) -> Found[Order]: ...

    async def order(self, client_order_id: ClientOrderId) -> Order | None: ...

    async def fills(self, wanted: FillsWanted, page: Page) -> Found[StoredFill]: ...

    async def fills_of(self, client_order_id: ClientOrderId) -> Sequence[StoredFill]: ...

    async def fill_sums(self) -> Sequence[FillSum]: ...

    async def closed_positions(self, wanted: ClosedWanted, page: Page) -> Found[ClosedPosition]: ...

    async def trades(self, wanted: TradesWanted, page: Page) -> Found[Trade]: ...

    async def trade(self, seq: int) -> TradeStory | None: ...

    async def orders_of(self, trades: Collection[TradeId]) -> Sequence[Order]: ...

    async def signals(self, wanted: SignalsWanted, page: Page) -> Found[Signal]: ...

    async def audit(self, wanted: AuditWanted, page: Page) -> Found[StoredAudit]: ...

    async def counts(self) -> Counts: ...

    async def funding(self, limit: int) -> FundingSums:
        """Sum up every pair there was; at most `limit` of them, open ones first, newest first."""
        ...

    async def equity(
        self, since_ns: int | None, until_ns: int, points: int
    ) -> Sequence[EquityPoint]:
        """At most `points` moments of the times (end not included), oldest first.

        The first is the level before the times began: None begins with the first PnL. No two are
        closer than a minute.
        """
        ...

    async def pnl_by_strategy(self, since_ns: int) -> dict[StrategyId, Decimal]:
        """All trading PnL booked since then, in whole minutes."""
        ...

    async def trades_by_family(self, since_ns: int) -> dict[Family, int]:
        """Number of the trades that ended since then."""
        ...
