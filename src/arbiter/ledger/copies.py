"""Copy trading in the ledger: subscriptions, what their leaders did, what their fills hold.

A leader's act is known by (venue, wallet, key) and folded once. What a subscription holds is a fold
over the fills that carry its tag, so it never depends on what the copy desk remembers.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Final

from msgspec.structs import replace

from arbiter.ledger.crossing import given_up, opposed
from arbiter.model.changes import Changes
from arbiter.model.copying import (
    CopyPosition,
    CopySubscription,
    LeaderAction,
    Pause,
    SubscriptionId,
    Wallet,
    subscription_of,
)
from arbiter.model.errors import LedgerError
from arbiter.model.events import (
    CopyAdded,
    CopyBased,
    CopyRemoved,
    CopySwitched,
    LeaderActed,
    LeaderForgotten,
)
from arbiter.model.ids import InstrumentId, VenueId
from arbiter.model.image import LedgerImage
from arbiter.model.money import ZERO
from arbiter.model.orders import Order

Leader = tuple[VenueId, Wallet]


class Copies:
    """Acts of leaders whom no active subscription follows leave memory; storage keeps them."""

    def __init__(self) -> None:
        self.subscriptions: Final[dict[SubscriptionId, CopySubscription]] = {}
        self.positions: Final[dict[tuple[SubscriptionId, InstrumentId], CopyPosition]] = {}
        self.actions: dict[Leader, dict[str, LeaderAction]] = {}

    def restore(self, image: LedgerImage) -> None:
        self.subscriptions.update({row.id: row for row in image.copy_subscriptions})
        self.positions.update(
            {(row.subscription, row.instrument): row for row in image.copy_positions}
        )
        for leader in self._followed():
            self.actions[leader] = {}
        for action in image.leader_actions:
            self._keep(action)

    def all_actions(self) -> tuple[LeaderAction, ...]:
        return tuple(
            told[key]
            for _, told in sorted(self.actions.items(), key=lambda item: item[0])
            for key in sorted(told)
        )

    def add(self, event: CopyAdded, changes: Changes) -> None:
        row = event.subscription
        if row.id in self.subscriptions:
            raise LedgerError(f"copy subscription {row.id} is there already")
        self._record(row, changes)
        self.actions.setdefault((row.venue, row.wallet), {})

    def switch(self, event: CopySwitched, changes: Changes) -> None:
        """Enable or disable; a disabled time is kept, so that nothing of it is copied later."""
        row = self._get(event.subscription_id)
        if row.enabled == event.enabled:
            return
        pauses = row.pauses
        if event.enabled:
            pauses = (*pauses[:-1], Pause(pauses[-1].since_ns, event.at_ns))
        else:
            pauses = (*pauses, Pause(event.at_ns))
        self._record(replace(row, enabled=event.enabled, pauses=pauses), changes)

    def remove(self, event: CopyRemoved, changes: Changes) -> None:
        """Follow no longer; what was copied stays."""
        row = self._get(event.subscription_id)
        if row.active:
            self._record(replace(row, removed_ns=event.at_ns), changes)
            leader = (row.venue, row.wallet)
            if leader not in self._followed():
                self.actions.pop(leader, None)

    def base(self, event: CopyBased, changes: Changes) -> None:
        row = self._get(event.subscription_id)
        if not row.based:
            self._record(replace(row, based=True), changes)
            self._take(event.held, changes)

    def act(self, event: LeaderActed, changes: Changes) -> None:
        self._take(event.actions, changes)

    def forget(self, event: LeaderForgotten, changes: Changes) -> None:
        """Let the acts of markets go that both the leader and we have left."""
        gone = set(event.markets)
        told = self.actions.get((event.venue, event.wallet), {})
        for key in [key for key, act in told.items() if act.market in gone]:
            del told[key]
            changes.leader_actions.pop((event.venue, event.wallet, key), None)
        changes.forgotten_acts |= {(event.venue, event.wallet, name) for name in event.markets}

    def fill(
        self,
        order: Order,
        units: Decimal,
        price: Decimal,
        fee: Decimal,
        at_ns: int,
        changes: Changes,
    ) -> None:
        """Book signed units of an order's fill, where the order copies somebody."""
        subscription = subscription_of(order.actor)
        if subscription is None:
            return
        key = (subscription, order.instrument)
        row = self.positions.get(key) or CopyPosition(
            subscription=subscription, instrument=order.instrument
        )
        row = row.traded(units, price, at_ns) if units else row
        self._put(replace(row, fees=row.fees + fee, fills=row.fills + 1), changes)

    def void(
        self,
        order: Order,
        units: Decimal,
        price: Decimal,
        fee: Decimal,
        at_ns: int,
        changes: Changes,
    ) -> None:
        """Take back a fill that failed to settle: what `fill` was told of it, fees included.

        Quantity and fees are as before it; of average cost and realized PnL their sum is.
        """
        subscription = subscription_of(order.actor)
        row = None
        if subscription is not None:
            row = self.positions.get((subscription, order.instrument))
        if row is not None:
            row = row.traded(-units, price, at_ns) if units else row
            self._put(replace(row, fees=row.fees - fee, fills=row.fills - 1), changes)

    def close(
        self, instrument: InstrumentId, payout: Decimal | None, at_ns: int, changes: Changes
    ) -> None:
        """Turn what subscriptions hold of a market that has ended into what a contract pays.

        None where it was called off: stakes came back at cost.
        """
        for row in tuple(self.positions.values()):
            if row.instrument != instrument or not row.quantity:
                continue
            if payout is None:
                self._put(replace(row, quantity=ZERO, cost=ZERO, updated_ns=at_ns), changes)
            else:
                self._put(row.traded(-row.quantity, payout, at_ns), changes)

    def cross(
        self, instrument: InstrumentId, units: Decimal, price: Decimal, at_ns: int, changes: Changes
    ) -> None:
        """End copies that are against each other, and signed `units` that met another strategy."""
        rows = {row.subscription: row for row in self.of(instrument) if row.quantity}
        held = [(name, row.quantity) for name, row in sorted(rows.items())]
        met = opposed(quantity for _, quantity in held)
        long, short = met + max(-units, ZERO), met + max(units, ZERO)
        for name, given in given_up(held, long, short):
            self._put(rows[name].traded(given, price, at_ns), changes)

    def pay_out(
        self, order: Order, units: Decimal, price: Decimal, at_ns: int, changes: Changes
    ) -> None:
        """End what a fill brought that was told after its market had paid."""
        subscription = subscription_of(order.actor)
        row = None
        if subscription is not None:
            row = self.positions.get((subscription, order.instrument))
        if row is not None:
            self._put(row.traded(units, price, at_ns), changes)

    def of(self, instrument: InstrumentId) -> tuple[CopyPosition, ...]:
        return tuple(row for row in self.positions.values() if row.instrument == instrument)

    def put_back(self, row: CopyPosition, changes: Changes) -> None:
        """Keep a row as it would stand without something that is void."""
        self._put(row, changes)

    def _get(self, subscription: SubscriptionId) -> CopySubscription:
        row = self.subscriptions.get(subscription)
        if row is None:
            raise LedgerError(f"no copy subscription {subscription} in the ledger")
        return row

    def _followed(self) -> set[Leader]:
        return {(row.venue, row.wallet) for row in self.subscriptions.values() if row.active}

    def _take(self, actions: Iterable[LeaderAction], changes: Changes) -> None:
        for action in actions:
            if self._keep(action):
                changes.leader_actions[action.venue, action.wallet, action.key] = action

    def _keep(self, action: LeaderAction) -> bool:
        told = self.actions.get((action.venue, action.wallet))
        if told is None or action.key in told:
            return False
        told[action.key] = action
        return True

    def _record(self, row: CopySubscription, changes: Changes) -> None:
        self.subscriptions[row.id] = changes.copy_subscriptions[row.id] = row

    def _put(self, row: CopyPosition, changes: Changes) -> None:
        key = (row.subscription, row.instrument)
        self.positions[key] = changes.copy_positions[key] = row
