"""The copy desk: what a leader did becomes orders, once, and stays what it is through everything."""

import random
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arbiter.model.copying import COPY_TRADING, LeaderAction, LeaderKind, Outcome, copy_actor
from arbiter.model.events import (
    AlertRaised,
    BudgetSet,
    CopyRemoved,
    CopySwitched,
    KillSwitchEngaged,
    PlanDenied,
    StrategySwitched,
)
from arbiter.model.ids import Actor, InstrumentId
from arbiter.model.money import ZERO
from arbiter.model.orders import Order, OrderStatus, Side, TimeInForce
from arbiter.model.plans import Family
from arbiter.model.reports import Absent
from tests.fakes.engine import USDT
from tests.unit.runtime.copying import LEADER, SETTINGS, CopyStage

ME = Actor("test")
DEAREST = Decimal("0.44")
BUY, SELL = LeaderKind.BUY, LeaderKind.SELL


def alerts(stage: CopyStage, code: str) -> list[AlertRaised]:
    found = stage.desk.journal.of(AlertRaised)
    return [event for event in found if isinstance(event, AlertRaised) and event.code == code]


def test_a_leaders_buy_becomes_an_order_within_the_slippage_allowed() -> None:
    stage = CopyStage()
    row = stage.follow(multiplier=Decimal("0.5"))
    stage.tell(stage.act(BUY, 100))
    order = stage.one()
    assert (order.side, order.size, order.price) == (Side.BUY, Decimal(50), Decimal("0.44"))
    assert order.time_in_force is TimeInForce.IOC
    assert (order.strategy, order.actor) == (COPY_TRADING, copy_actor(row.id))
    trade = stage.ledger.trade(order.trade_id)
    assert trade is not None
    assert trade.family is Family.COPY


def test_fills_are_tagged_and_make_the_subscriptions_position() -> None:
    stage = CopyStage()
    stage.follow()
    stage.tell(stage.act(BUY, 100))
    stage.desk.complete(stage.one())
    held = stage.held()
    assert held is not None
    assert (held.quantity, held.cost, held.fills) == (Decimal(100), Decimal(41), 1)
    assert held.fees == Decimal("0.041")
    stage.copying.tick()
    assert stage.sent() == []


def test_what_was_copied_is_not_copied_again_when_told_again_or_after_a_restart() -> None:
    stage = CopyStage()
    stage.follow()
    bought = stage.act(BUY, 100)
    stage.tell(bought)
    stage.tell(bought)
    stage.desk.complete(stage.one())
    stage.restart()
    stage.tell(bought)
    assert stage.sent() == []


def test_an_order_under_way_is_not_repeated_by_a_restarted_desk() -> None:
    stage = CopyStage()
    stage.follow()
    stage.tell(stage.act(BUY, 100))
    order = stage.one()
    stage.restart()
    stage.copying.tick()
    assert stage.sent() == []
    stage.desk.complete(order)
    stage.copying.tick()
    assert stage.sent() == []


def test_an_exit_is_reduce_only_and_pro_rata() -> None:
    stage = CopyStage()
    stage.follow(multiplier=Decimal("0.5"))
    stage.tell(stage.act(BUY, 100))
    stage.desk.complete(stage.one())
    stage.tell(stage.act(SELL, 40))
    order = stage.one()
    assert (order.side, order.size, order.reduce_only) == (Side.SELL, Decimal(20), True)
    stage.desk.complete(order)
    held = stage.held()
    assert held is not None
    assert held.quantity == 30


def test_after_an_absence_the_desk_goes_straight_to_where_the_leader_is() -> None:
    stage = CopyStage()
    stage.follow()
    missed = [stage.act(BUY, 100), stage.act(SELL, 60), stage.act(BUY, 5), stage.act(SELL, 20)]
    missed += [stage.act(BUY, 70, "M2"), stage.act(SELL, 70, "M2")]
    stage.tell(*missed)
    assert stage.one().size == 25


def test_an_unknown_outcome_stops_its_own_market_and_no_other() -> None:
    stage = CopyStage()
    stage.follow()
    stage.tell(stage.act(BUY, 100))
    lost = stage.one()
    stage.desk.lose(lost)
    stage.tell(stage.act(BUY, 50), stage.act(BUY, 30, "M2"))
    other = stage.one()
    assert other.instrument == "M2.POLYMARKET"
    stage.passes(3)
    answer = Absent(venue=lost.venue, at_ns=0, client_order_id=lost.client_order_id)
    stage.passes(10)
    stage.desk.core.on_answer(lost, answer, [])
    stage.passes(10)
    stage.copying.tick()
    assert [order.size for order in stage.sent()] == [150]


def test_a_price_that_ran_away_is_waited_for_and_not_ordered_at() -> None:
    stage = CopyStage()
    row = stage.follow()
    stage.shows("M1", 0.49, 0.51)
    stage.tell(stage.act(BUY, 100))
    assert stage.sent() == []
    assert "the leader's 0.4 allows 0.44" in stage.copying.waiting[row.id, "M1"]
    assert stage.desk.journal.of(PlanDenied) == []
    stage.shows("M1", 0.40, 0.42)
    stage.copying.tick()
    assert stage.one().size == 100
    assert stage.copying.waiting == {}


def test_a_budget_holds_and_is_asked_again_ever_more_rarely() -> None:
    stage = CopyStage()
    row = stage.follow()
    stage.desk.core.recorder.record(
        BudgetSet(at_ns=0, strategy=COPY_TRADING, currency=USDT, allocated=Decimal(10), actor=ME)
    )
    stage.tell(stage.act(BUY, 100))
    for _ in range(60):
        stage.passes(1)
        stage.copying.tick()
    assert stage.sent() == []
    assert "BUDGET_EXCEEDED" in stage.copying.waiting[row.id, "M1"]
    assert len(stage.desk.journal.of(PlanDenied)) == 6  # at 0, 2, 6, 14, 30 and 46 seconds


def test_an_order_that_filled_nothing_is_tried_again_after_a_pause() -> None:
    stage = CopyStage()
    stage.follow()
    stage.tell(stage.act(BUY, 100))
    order = stage.one()
    stage.desk.accept(order)
    stage.desk.end(order, OrderStatus.EXPIRED)
    stage.copying.tick()
    assert stage.sent() == []
    stage.passes(2.1)
    stage.copying.tick()
    assert stage.one().size == 100


def test_what_a_thin_book_left_over_is_ordered_at_once() -> None:
    stage = CopyStage()
    stage.follow()
    stage.tell(stage.act(BUY, 100))
    order = stage.one()
    stage.desk.accept(order)
    stage.desk.fill(order, Decimal(30))
    stage.desk.end(order, OrderStatus.EXPIRED, Decimal(30))
    stage.copying.tick()
    assert stage.one().size == 70


def test_a_disabled_subscription_opens_nothing_and_still_leaves() -> None:
    stage = CopyStage()
    row = stage.follow()
    stage.tell(stage.act(BUY, 100))
    stage.desk.complete(stage.one())

    def switch(enabled: bool) -> None:
        stage.passes(1)
        now = stage.desk.clock.now_ns()
        stage.desk.core.recorder.record(
            CopySwitched(at_ns=now, subscription_id=row.id, enabled=enabled, actor=ME)
        )

    switch(False)
    stage.tell(stage.act(BUY, 100))
    assert stage.sent() == []
    stage.tell(stage.act(SELL, 100))
    order = stage.one()
    assert (order.side, order.size) == (Side.SELL, Decimal(50))
    stage.desk.complete(order)
    switch(True)
    stage.copying.tick()
    assert stage.sent() == []  # what was opened meanwhile is not made up for
    stage.tell(stage.act(BUY, 10))
    assert stage.one().size == 10


def test_a_removed_subscription_leaves_its_positions() -> None:
    stage = CopyStage()
    row = stage.follow()
    stage.tell(stage.act(BUY, 100))
    stage.desk.complete(stage.one())
    stage.desk.core.recorder.record(CopyRemoved(at_ns=1, subscription_id=row.id, actor=ME))
    stage.tell(stage.act(SELL, 100))
    assert stage.sent() == []
    held = stage.held()
    assert held is not None
    assert held.quantity == 100


def test_the_kill_switch_stops_copying_and_flattening_closes_what_was_copied() -> None:
    stage = CopyStage()
    row = stage.follow()
    stage.tell(stage.act(BUY, 100))
    stage.desk.complete(stage.one())
    engaged = KillSwitchEngaged(at_ns=1, actor=ME, reason="test", flatten=False)
    stage.desk.core.recorder.record(engaged)
    stage.tell(stage.act(BUY, 50))
    assert stage.sent() == []
    stage.desk.core.recorder.record(
        CopyRemoved(at_ns=2, subscription_id=row.id, actor=ME),
        KillSwitchEngaged(at_ns=2, actor=ME, reason="test", flatten=True),
    )
    stage.copying.tick()
    order = stage.one()
    assert (order.side, order.size, order.reduce_only) == (Side.SELL, Decimal(100), True)


def test_flattening_is_obeyed_where_copying_is_switched_off() -> None:
    stage = CopyStage()
    stage.follow()
    stage.tell(stage.act(BUY, 100))
    stage.desk.complete(stage.one())
    stage.copying.enabled = False
    stage.tell(stage.act(SELL, 50))
    assert stage.sent() == []
    stage.desk.core.recorder.record(
        KillSwitchEngaged(at_ns=2, actor=ME, reason="test", flatten=True)
    )
    stage.copying.tick()
    assert stage.one().size == 100


def test_a_stopped_strategy_opens_nothing_and_still_leaves() -> None:
    stage = CopyStage()
    stage.follow()
    stage.tell(stage.act(BUY, 100))
    stage.desk.complete(stage.one())
    stage.desk.core.recorder.record(
        StrategySwitched(at_ns=1, strategy=COPY_TRADING, running=False, actor=ME)
    )
    stage.tell(stage.act(BUY, 50))
    assert stage.sent() == []
    stage.passes(5)
    stage.tell(stage.act(SELL, 100))
    assert stage.one().side is Side.SELL


def test_a_market_nobody_lists_is_told_once_and_stops_nothing_else() -> None:
    stage = CopyStage()
    stage.follow()
    stage.tell(stage.act(BUY, 100, "ELSEWHERE"), stage.act(BUY, 10))
    stage.copying.tick()
    assert stage.one().size == 10
    assert len(alerts(stage, "COPY_UNLISTED")) == 1


def test_what_the_leader_redeemed_is_not_traded_but_flagged_for_its_payout() -> None:
    stage = CopyStage()
    stage.follow()
    stage.tell(stage.act(BUY, 100))
    stage.desk.complete(stage.one())
    stage.tell(stage.act(LeaderKind.REDEEM, 100))
    stage.copying.tick()
    assert stage.sent() == []
    assert len(alerts(stage, "COPY_REDEEM")) == 1


def test_a_market_that_ended_is_not_copied_into_its_next_round() -> None:
    stage = CopyStage()
    stage.follow()
    stage.tell(stage.act(BUY, 100), stage.act(BUY, 5, "M2"))
    for order in stage.sent():
        stage.desk.accept(order)
        stage.desk.end(order, OrderStatus.EXPIRED)  # we never came in
    stage.passes(60)
    stage.copying.on_resolved(InstrumentId("M1.POLYMARKET"), stage.desk.clock.now_ns())
    stage.passes(1)
    stage.copying.tick()
    assert [order.size for order in stage.sent()] == [5]
    stage.passes(1)
    stage.tell(stage.act(BUY, 30))
    assert stage.one().size == 30


def test_two_subscriptions_keep_their_own_accounts() -> None:
    stage = CopyStage()
    stage.follow(1)
    stage.follow(2, multiplier=Decimal(2))
    stage.tell(stage.act(BUY, 100))
    first = stage.one()  # one order at a time in a market
    stage.desk.complete(first)
    stage.copying.tick()
    second = stage.one()
    stage.desk.complete(second)
    one, two = stage.held(1), stage.held(2)
    assert one is not None
    assert two is not None
    assert (one.quantity, two.quantity) == (Decimal(100), Decimal(200))


def test_markets_left_long_ago_are_forgotten_and_never_copied_again() -> None:
    stage = CopyStage()
    stage.follow()
    first = [stage.act(BUY, 100), stage.act(SELL, 100), stage.act(BUY, 10, "M2")]
    stage.tell(*first)
    stage.desk.complete(stage.one())
    stage.copying.tidy(LEADER)
    assert len(stage.ledger.leader_actions(*LEADER)) == 3  # all of it is new
    stage.passes(3 * SETTINGS.deep_overlap_seconds)
    last = stage.act(BUY, 5, "M2")
    stage.tell(last)
    stage.desk.complete(stage.one())
    stage.copying.tidy(LEADER)
    left = stage.ledger.leader_actions(*LEADER)
    assert set(left) == {first[2].key, last.key}  # M2 is held still
    since_ns = stage.copying.since_ns(LEADER, deep=True)
    stage.tell(*(act for act in (*first, last) if act.at_ns >= since_ns))
    assert stage.sent() == []
    stage.tell(stage.act(BUY, 7))
    assert stage.one().size == 7


class Weather:
    """Everything that may happen between a leader and us, in an order drawn by lot."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        self.stage = CopyStage(("M1", "M2", "M3"))
        self.stage.follow()
        self.told: list[LeaderAction] = []
        self.leader = dict.fromkeys(("M1", "M2", "M3"), 0)
        self.working: list[Order] = []
        self.lost: list[Order] = []
        self.filled: dict[str, Decimal] = {}

    def leader_acts(self) -> None:
        name = self.draw.choice(list(self.leader))
        if self.leader[name] and self.draw.random() < 0.4:
            size = self.draw.randrange(1, self.leader[name] + 1)
            self.told.append(self.stage.act(SELL, size, name))
            self.leader[name] -= size
        else:
            size = self.draw.randrange(1, 60)
            self.told.append(self.stage.act(BUY, size, name))
            self.leader[name] += size

    def look(self, *, whole: bool = False) -> None:
        seen = list(self.told)
        if not whole:
            seen = self.draw.choices(seen, k=self.draw.randrange(len(seen) + 1)) if seen else []
        self.draw.shuffle(seen)
        self.stage.tell(*seen)

    def price_moves(self) -> None:
        ask = self.draw.randrange(35, 60) / 100
        self.stage.shows(self.draw.choice(list(self.leader)), ask - 0.02, ask)

    def take_orders(self) -> None:
        """What leaves us for a venue keeps to the leader's price of 0.4 and a tenth of it."""
        new = self.stage.sent()
        assert all(order.price is not None for order in new)
        assert all(
            order.side is Side.SELL or order.price <= DEAREST for order in new if order.price
        )
        self.working += new

    def venue_speaks(self) -> None:
        self.take_orders()
        if self.lost and self.draw.random() < 0.3:
            self.answer(self.lost.pop())
            return
        if not self.working:
            return
        order = self.working.pop(self.draw.randrange(len(self.working)))
        what = self.draw.random()
        if what < 0.15:
            self.stage.desk.lose(order)
            self.lost.append(order)
        elif what < 0.3:
            self.stage.desk.accept(order)
            self.stage.desk.end(order, OrderStatus.EXPIRED)
        elif what < 0.5 and order.size > 1:
            part = Decimal(self.draw.randrange(1, int(order.size)))
            self.stage.desk.accept(order)
            self.stage.desk.fill(order, part)
            self.stage.desk.end(order, OrderStatus.EXPIRED, part)
        else:
            self.stage.desk.complete(order)

    def answer(self, order: Order) -> None:
        """The venue has it after all, or it never came there."""
        if self.draw.random() < 0.5:
            self.stage.desk.complete(order)
            return
        self.stage.passes(10)
        absent = Absent(venue=order.venue, at_ns=0, client_order_id=order.client_order_id)
        self.stage.desk.core.on_answer(order, absent, [])

    def clear_up(self) -> None:
        """Everything is told, and every order comes to its end."""
        self.look(whole=True)
        for name in self.leader:
            self.stage.shows(name)
        for _ in range(200):
            self.take_orders()
            while self.lost:
                self.answer(self.lost.pop())
            while self.working:
                self.stage.desk.complete(self.working.pop())
            self.stage.passes(20)
            self.stage.copying.tick()
            self.take_orders()
            if not self.working and not self.lost:
                return
        raise AssertionError("it never comes to rest")


def live_through(seed: int) -> None:
    """Copy a leader through sixty turns of weather; then everything clears up."""
    weather = Weather(seed)
    for _ in range(60):
        what = weather.draw.random()
        if what < 0.25:
            weather.leader_acts()
        elif what < 0.45:
            weather.look()
        elif what < 0.55:
            weather.price_moves()
        elif what < 0.85:
            weather.venue_speaks()
        elif what < 0.9:
            weather.stage.restart()
        else:
            weather.stage.passes(weather.draw.random() * 3)
            weather.stage.copying.tick()
    weather.clear_up()
    for name, size in weather.leader.items():
        held = weather.stage.held(1, name)
        assert (ZERO if held is None else held.quantity) == size
        key = (COPY_TRADING, InstrumentId(f"{name}.POLYMARKET"))
        strategy = weather.stage.ledger.positions.get(key)
        assert (ZERO if strategy is None else strategy.quantity) == size


@settings(max_examples=60)
@given(seed=st.integers(0, 10**9))
def test_whatever_happens_on_the_way_we_end_where_the_leader_is(seed: int) -> None:
    live_through(seed)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_thousands_of_ways_all_end_where_the_leader_is() -> None:
    for seed in range(3_000):
        live_through(seed)


def test_contracts_of_no_are_counted_against_yes() -> None:
    stage = CopyStage()
    stage.follow()
    stage.tell(stage.act(BUY, 100), stage.act(BUY, 40, price="0.6", outcome=Outcome.NO))
    assert stage.one().size == 60
