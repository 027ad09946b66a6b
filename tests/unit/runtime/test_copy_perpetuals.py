"""Copying a trader of perpetuals: shorts, flips, and what he held before."""

from decimal import Decimal
from uuid import UUID

from msgspec.structs import replace

from arbiter.copying.settings import CopySettings
from arbiter.model.copying import COPY_TRADING, CopySubscription, SubscriptionId
from arbiter.model.events import ContractSet, CopyAdded, KillSwitchEngaged
from arbiter.model.ids import Actor
from arbiter.model.money import ONE
from arbiter.model.orders import Order, Side
from arbiter.model.perpetuals import contract_of
from arbiter.model.time import NS_PER_S
from arbiter.runtime.copy_desk import CopyDesk
from arbiter.venues.hyperliquid import fills
from tests.fakes.engine import Desk
from tests.fakes.leader_tape import WALLET
from tests.fakes.perpetuals import perpetual

BTC = perpetual(fills.HYPERLIQUID, market_id="BTC")
LEADER = (fills.HYPERLIQUID, WALLET)


class Stage:
    def __init__(self) -> None:
        self.desk = Desk(instruments=(BTC,))
        self.copying = CopyDesk(core=self.desk.core, settings=CopySettings(), clock=self.desk.clock)
        row = CopySubscription(
            id=SubscriptionId(UUID(int=1)),
            venue=fills.HYPERLIQUID,
            wallet=WALLET,
            multiplier=Decimal("0.1"),
            max_position_size=Decimal(1_000),
            actor=Actor("test"),
            based=True,
            created_ns=self.desk.clock.now_ns(),
        )
        self.subscription = row
        record = self.desk.core.recorder.record
        record(CopyAdded(at_ns=row.created_ns, subscription=row))
        record(ContractSet(at_ns=row.created_ns, contract=contract_of(BTC, Decimal(5))))
        self.desk.quote(BTC.id, 99.9, 100.0, 1_000, 1_000)
        self._fills = 0

    def leader(self, side: str, size: str, start: str) -> list[Order]:
        """Tell one fill of the leader's; gives what we send for it, filled at once."""
        self._fills += 1
        row = fills.FillRow(
            coin="BTC",
            px=Decimal(100),
            sz=Decimal(size),
            side=side,
            time=self.desk.clock.now_ns() // 1_000_000 + self._fills,
            start_position=Decimal(start),
            oid=self._fills,
            tid=self._fills,
        )
        self.copying.on_actions(LEADER, fills.actions(WALLET, [row]))
        sent = len(self.desk.outbox.sent)
        while True:
            self.copying.tick()
            new = self.desk.outbox.sent[sent:]
            if all(not self.desk.order(order.client_order_id).open for order in new):
                return list(new)
            self.desk.complete(new[-1])

    @property
    def held(self) -> Decimal:
        return self.desk.ledger.copy_positions[self.subscription.id, BTC.id].quantity


def test_a_short_is_copied_with_margin_and_bought_back_pro_rata() -> None:
    stage = Stage()
    (opened,) = stage.leader("A", "30", "0")
    assert (opened.side, opened.size, opened.reduce_only) == (Side.SELL, Decimal(3), False)
    assert stage.held == -3
    assert stage.desk.ledger.positions[COPY_TRADING, BTC.id].quantity == -3
    (closed,) = stage.leader("B", "10", "-30")
    assert (closed.side, closed.size, closed.reduce_only) == (Side.BUY, ONE, True)
    assert stage.held == -2


def test_a_flip_leaves_and_then_enters() -> None:
    stage = Stage()
    stage.leader("B", "20", "0")
    first, second = stage.leader("A", "50", "20")
    assert (first.side, first.size, first.reduce_only) == (Side.SELL, Decimal(2), True)
    assert (second.side, second.size, second.reduce_only) == (Side.SELL, Decimal(3), False)
    assert stage.held == -3


def test_what_he_held_before_makes_his_exits_smaller_for_us() -> None:
    stage = Stage()
    stage.leader("B", "20", "60")
    stage.leader("A", "40", "80")  # half of all he had
    assert stage.held == ONE


def test_an_exit_does_not_ask_a_venue_to_reduce_what_another_strategy_holds_against_us() -> None:
    stage = Stage()
    stage.leader("B", "20", "0")
    account = stage.desk.ledger.margin_positions[BTC.id]
    books = stage.desk.ledger._margin.positions
    books[BTC.id] = replace(account, quantity=Decimal(-5), value=Decimal(-500))
    (closed,) = stage.leader("A", "20", "20")
    assert (closed.side, closed.size, closed.reduce_only) == (Side.SELL, Decimal(2), False)


def flattened() -> Stage:
    """One that holds 0.1 at 30, worth less than the least order of 5, and is to close it."""
    stage = Stage()
    stage.leader("B", "1", "0")
    assert stage.held == Decimal("0.1")
    stage.desk.quote(BTC.id, 29.9, 30.0, 1_000, 1_000)
    stage.desk.core.recorder.record(
        KillSwitchEngaged(at_ns=1, actor=Actor("test"), reason="stop", flatten=True)
    )
    return stage


def test_flatten_closes_a_copy_that_is_worth_less_than_the_least_order() -> None:
    stage = flattened()
    stage.copying.tick()
    closed = stage.desk.outbox.sent[-1]
    assert (closed.side, closed.size, closed.reduce_only) == (Side.SELL, Decimal("0.1"), True)
    stage.desk.complete(closed)
    assert stage.held == 0


def test_a_copy_worth_less_than_the_least_order_waits_while_another_strategy_is_against_it() -> (
    None
):
    stage = flattened()
    account = stage.desk.ledger.margin_positions[BTC.id]
    books = stage.desk.ledger._margin.positions
    books[BTC.id] = replace(account, quantity=Decimal(-5), value=Decimal(-500))
    before = len(stage.desk.ledger.orders)
    for _ in range(5):
        stage.copying.tick()
        stage.desk.clock.advance(60 * NS_PER_S)
        stage.desk.quote(BTC.id, 29.9, 30.0, 1_000, 1_000)
    assert len(stage.desk.ledger.orders) == before, "nothing was asked for, and nothing refused"
    assert "min_notional" in stage.copying.waiting[stage.subscription.id, "BTC"]


def test_a_perpetual_whose_terms_are_not_set_is_left_alone() -> None:
    stage = Stage()
    stage.desk.ledger.contracts.clear()  # type: ignore[attr-defined]
    assert stage.leader("B", "20", "0") == []
    assert "terms" in stage.copying.waiting[stage.subscription.id, "BTC"]
