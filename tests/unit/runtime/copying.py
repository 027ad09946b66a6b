"""A copy desk over a whole core, with a leader and venues whose every word the test says."""

from collections.abc import Sequence
from decimal import Decimal
from uuid import UUID

from msgspec.structs import replace

from arbiter.copying.settings import CopySettings
from arbiter.ledger.ledger import Ledger
from arbiter.model.copying import (
    CopyPosition,
    CopySubscription,
    LeaderAction,
    LeaderKind,
    Outcome,
    SubscriptionId,
)
from arbiter.model.events import CopyAdded
from arbiter.model.ids import Actor, Asset, InstrumentId, Symbol, VenueId
from arbiter.model.instruments import Instrument, InstrumentKind
from arbiter.model.money import ONE
from arbiter.model.orders import Order
from arbiter.model.time import NS_PER_S
from arbiter.ports.journal import Journal
from arbiter.risk.limits import RiskLimits
from arbiter.runtime.copy_desk import CopyDesk
from tests.fakes.clock import FakeIds
from tests.fakes.engine import USDT, Desk
from tests.fakes.leader_tape import WALLET

POLYMARKET = VenueId("polymarket")
LEADER = (POLYMARKET, WALLET)
SETTINGS = CopySettings(slippage=Decimal("0.1"), retry_seconds=2, longest_retry_seconds=16)


def contract(name: str) -> Instrument:
    """YES of a prediction market, in whole contracts and cents."""
    return Instrument(
        id=InstrumentId(f"{name}.POLYMARKET"),
        venue=POLYMARKET,
        market_id=name,
        symbol=Symbol(f"{name}/USDT"),
        kind=InstrumentKind.BINARY,
        base=Asset(name),
        quote=USDT,
        settle=USDT,
        tick=Decimal("0.01"),
        lot=ONE,
        min_size=ONE,
        min_notional=Decimal(0),
        maker_fee=Decimal(0),
        taker_fee=Decimal(0),
    )


class CopyStage:
    def __init__(
        self,
        names: Sequence[str] = ("M1", "M2"),
        *,
        limits: RiskLimits | None = None,
        journal: Journal | None = None,
        room: int = 0,
    ) -> None:
        self.desk = Desk(
            instruments=tuple(contract(name) for name in names),
            limits=limits or RiskLimits(max_concurrent_trades=50),
            real_journal=journal,
            room=room,
        )
        self.ids = FakeIds()
        self.copying = self._copy_desk()
        self._acts = 0
        self._sent = 0
        for name in names:
            self.shows(name)

    def _copy_desk(self) -> CopyDesk:
        return CopyDesk(core=self.desk.core, settings=SETTINGS, clock=self.desk.clock)

    @property
    def ledger(self) -> Ledger:
        return self.desk.ledger

    def restart(self) -> None:
        """Forget what the copy desk alone knows."""
        self.copying = self._copy_desk()

    def follow(self, number: int = 1, **changes: object) -> CopySubscription:
        row = CopySubscription(
            id=SubscriptionId(UUID(int=number)),
            venue=POLYMARKET,
            wallet=WALLET,
            multiplier=ONE,
            max_position_size=Decimal(1_000),
            actor=Actor("test"),
            based=True,
            created_ns=self.desk.clock.now_ns(),
        )
        row = replace(row, **changes)
        self.desk.core.recorder.record(CopyAdded(at_ns=row.created_ns, subscription=row))
        return row

    def shows(self, name: str, bid: float = 0.39, ask: float = 0.41, size: float = 10_000) -> None:
        self.desk.quote(f"{name}.POLYMARKET", bid, ask, size, size)

    def passes(self, seconds: float) -> None:
        """Let time pass; every market goes on showing what it showed."""
        self.desk.clock.advance(int(seconds * NS_PER_S))
        for instrument in self.desk.registry.instruments:
            quote = self.desk.core.board.quote(instrument.id)
            if quote is not None:
                self.shows(instrument.market_id, quote.bid, quote.ask, quote.ask_size)

    def act(
        self,
        kind: LeaderKind,
        size: float,
        market: str = "M1",
        price: str = "0.4",
        outcome: Outcome = Outcome.YES,
    ) -> LeaderAction:
        """Make one act of the leader's, now; each a moment after the one before."""
        self._acts += 1
        traded = kind in {LeaderKind.BUY, LeaderKind.SELL}
        return LeaderAction(
            venue=POLYMARKET,
            wallet=WALLET,
            key=f"act{self._acts}",
            kind=kind,
            market=market,
            outcome=outcome if traded else Outcome.BOTH,
            size=Decimal(str(size)),
            price=Decimal(price) if traded else Decimal(0),
            at_ns=self.desk.clock.now_ns() + self._acts,
        )

    def tell(self, *acts: LeaderAction) -> None:
        """Let a look at the leader give these acts, and the desk look at its markets."""
        self.copying.on_actions(LEADER, acts)
        self.copying.tick()

    def sent(self) -> list[Order]:
        """Give the orders sent since the last call."""
        new = self.desk.outbox.sent[self._sent :]
        self._sent = len(self.desk.outbox.sent)
        return list(new)

    def one(self) -> Order:
        (order,) = self.sent()
        return order

    def held(self, number: int = 1, name: str = "M1") -> CopyPosition | None:
        key = (SubscriptionId(UUID(int=number)), InstrumentId(f"{name}.POLYMARKET"))
        return self.ledger.copy_positions.get(key)
