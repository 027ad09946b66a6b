"""A subscription with a ledger of its own, whose orders are filled at once at the leader's price."""

import json
from collections.abc import Sequence
from decimal import Decimal
from uuid import UUID

from arbiter.copying.mirror import Touch, Wanted, next_order
from arbiter.copying.settings import CopySettings
from arbiter.copying.targets import Target, targets
from arbiter.ledger.ledger import Ledger
from arbiter.model.copying import CopySubscription, SubscriptionId
from arbiter.model.events import CopyAdded, LeaderActed
from arbiter.model.ids import Actor, Asset, InstrumentId, Symbol
from arbiter.model.image import LedgerImage
from arbiter.model.instruments import Instrument, InstrumentKind
from arbiter.model.money import ONE, ZERO, use_wide_context
from arbiter.venues.polymarket import activity
from tests.fakes.leader_tape import WALLET, Row

SETTINGS = CopySettings()
CREATED_NS = 1_000_000_000
SUBSCRIPTION = SubscriptionId(UUID(int=7))


def subscription(**changes: object) -> CopySubscription:
    fields: dict[str, object] = {
        "id": SUBSCRIPTION,
        "venue": activity.POLYMARKET,
        "wallet": WALLET,
        "multiplier": ONE,
        "max_position_size": Decimal(10**9),
        "actor": Actor("test"),
        "based": True,
        "created_ns": CREATED_NS,
    }
    return CopySubscription(**(fields | changes))  # type: ignore[arg-type]


def market(name: str, lot: str = "0.000001") -> Instrument:
    return Instrument(
        id=InstrumentId(f"{name}.POLYMARKET"),
        venue=activity.POLYMARKET,
        market_id=name,
        symbol=Symbol(f"{name}/USDC"),
        kind=InstrumentKind.BINARY,
        base=Asset(name),
        quote=Asset("USDC"),
        settle=Asset("USDC"),
        tick=Decimal("0.000000000000000001"),
        lot=Decimal(lot),
        min_size=ZERO,
        min_notional=ZERO,
        maker_fee=ZERO,
        taker_fee=ZERO,
    )


class Follower:
    def __init__(self, row: CopySubscription | None = None, lot: str = "0.000001") -> None:
        use_wide_context()
        self.subscription = row or subscription()
        self.ledger = Ledger()
        self.ledger.apply(CopyAdded(at_ns=CREATED_NS, subscription=self.subscription))
        self.held: dict[str, Decimal] = {}
        self.orders = 0
        self._lot = lot

    def restart(self) -> None:
        """Lose everything that is not stored."""
        image: LedgerImage = self.ledger.image()
        self.ledger = Ledger()
        self.ledger.restore(image)

    def hear(self, rows: Sequence[Row]) -> None:
        """Take one answer of the venue and act on it until nothing is left to do."""
        read = activity.read_rows_v1(json.dumps(list(rows)).encode())
        acts, _ = activity.actions(self.subscription.wallet, read)
        if acts:
            self.ledger.apply(LeaderActed(at_ns=CREATED_NS, actions=tuple(acts)))
        for target in self.targets().values():
            self._settle(target)

    def targets(self) -> dict[str, Target]:
        told = self.ledger.leader_actions(self.subscription.venue, self.subscription.wallet)
        return targets(self.subscription, told.values())

    def _settle(self, target: Target) -> None:
        if target.redeemed:
            self.held.pop(target.market, None)
            return
        instrument = market(target.market, self._lot)
        for _ in range(1_000):
            held = self.held.get(target.market, ZERO)
            price = target.price_of(abs(target.size - held) or ONE) or Decimal("0.5")
            step = next_order(
                target,
                held,
                instrument,
                Touch(price, price),
                self.subscription.max_position_size,
                SETTINGS,
            )
            if not isinstance(step, Wanted):
                return
            self.orders += 1
            self.held[target.market] = held + step.size * step.side.sign
        raise AssertionError("an order follows every order")

    def position(self) -> dict[str, Decimal]:
        return {name: size for name, size in self.held.items() if size}
