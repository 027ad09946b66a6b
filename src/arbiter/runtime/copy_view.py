"""Copy subscriptions as they are shown: terms, what they hold, what they made."""

from collections.abc import Callable
from decimal import Decimal

import msgspec

from arbiter.model.copying import CopySubscription, SubscriptionId, Wallet
from arbiter.model.ids import Actor, Asset, InstrumentId, VenueId
from arbiter.model.money import ONE, ZERO, from_float
from arbiter.runtime.copy_watch import CopyWatch
from arbiter.runtime.core import TradingCore

UsdRate = Callable[[Asset], Decimal | None]


class CopyHolding(msgspec.Struct, frozen=True, kw_only=True):
    """What a subscription holds of one instrument, or is to hold."""

    instrument: InstrumentId
    market: str
    quantity: Decimal
    target: Decimal
    leader: Decimal
    realized_pnl: Decimal
    unrealized_pnl: Decimal
    fees: Decimal
    fills: int
    waiting: str
    """Why it is not at its target; empty when it is, or on its way."""


class CopyRow(msgspec.Struct, frozen=True, kw_only=True):
    """Money in USD, by the engine's rates."""

    id: SubscriptionId
    venue: VenueId
    wallet: Wallet
    multiplier: Decimal
    max_position_size: Decimal
    enabled: bool
    actor: Actor
    created_ns: int
    realized_pnl: Decimal
    """Before fees."""
    unrealized_pnl: Decimal
    fees: Decimal
    total_pnl: Decimal
    """Realized and unrealized, net of fees."""
    fills: int
    leader_acts: int
    status: str
    """``following``, ``beginning``, ``no source``, or why the leader cannot be seen."""
    holdings: tuple[CopyHolding, ...]


class CopyView:
    """Reads for the command line and the APIs; all in memory."""

    def __init__(self, core: TradingCore, watch: CopyWatch, usd_rate: UsdRate) -> None:
        self._core = core
        self._watch = watch
        self._usd_rate = usd_rate

    def rows(self) -> list[CopyRow]:
        """Give the active subscriptions, in the order they were added."""
        return [self._row(subscription) for subscription in self._watch.desk.subscriptions()]

    def row(self, subscription: SubscriptionId) -> CopyRow | None:
        """Find an active one."""
        found = self._core.ledger.copy_subscriptions.get(subscription)
        return None if found is None or not found.active else self._row(found)

    def _row(self, subscription: CopySubscription) -> CopyRow:
        holdings = self._holdings(subscription)
        realized = sum((held.realized_pnl for held in holdings), ZERO)
        unrealized = sum((held.unrealized_pnl for held in holdings), ZERO)
        fees = sum((held.fees for held in holdings), ZERO)
        leader = (subscription.venue, subscription.wallet)
        return CopyRow(
            id=subscription.id,
            venue=subscription.venue,
            wallet=subscription.wallet,
            multiplier=subscription.multiplier,
            max_position_size=subscription.max_position_size,
            enabled=subscription.enabled,
            actor=subscription.actor,
            created_ns=subscription.created_ns,
            realized_pnl=realized,
            unrealized_pnl=unrealized,
            fees=fees,
            total_pnl=realized + unrealized - fees,
            fills=sum(held.fills for held in holdings),
            leader_acts=len(self._core.ledger.leader_actions(*leader)),
            status=self._status(subscription),
            holdings=tuple(holdings),
        )

    def _holdings(self, subscription: CopySubscription) -> list[CopyHolding]:
        desk, ledger = self._watch.desk, self._core.ledger
        rows = {
            name: row
            for (owner, name), row in ledger.copy_positions.items()
            if owner == subscription.id
        }
        by_market = desk.targets(subscription)
        markets = {
            instrument.id: market
            for market in by_market
            if (instrument := desk.instrument(subscription.venue, market)) is not None
        }
        found = []
        for name in sorted({*rows, *markets}):
            row, market = rows.get(name), markets.get(name, "")
            target = by_market.get(market)
            if row is None and (target is None or not target.size):
                continue
            listed = self._core.registry.get(name)  # None: not listed any more
            rate = ONE if listed is None else self._usd_rate(listed.quote) or ONE
            mark = self._core.board.mark(name)
            unrealized = ZERO
            if row is not None and row.quantity and mark is not None:
                unrealized = row.unrealized(from_float(mark)) * rate
            found.append(
                CopyHolding(
                    instrument=name,
                    market=market or (name if listed is None else listed.market_id),
                    quantity=ZERO if row is None else row.quantity,
                    target=ZERO if target is None else target.size,
                    leader=ZERO if target is None else target.leader,
                    realized_pnl=ZERO if row is None else row.realized_pnl * rate,
                    unrealized_pnl=unrealized,
                    fees=ZERO if row is None else row.fees * rate,
                    fills=0 if row is None else row.fills,
                    waiting=desk.waiting.get((subscription.id, market), ""),
                )
            )
        return found

    def _status(self, subscription: CopySubscription) -> str:
        leader = (subscription.venue, subscription.wallet)
        if self._watch.source_of(leader) is None:
            return "no source"
        health = self._watch.health.get(leader)
        if health is not None and health.failures:
            return f"cannot be seen: {health.why}"
        return "following" if subscription.based else "beginning"
