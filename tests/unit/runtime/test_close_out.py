"""What the kill switch closes when it flattens and no other desk looks after it."""

from decimal import Decimal

import pytest
from msgspec.structs import replace

from arbiter.execution.settings import ExecutionSettings
from arbiter.model.agents import MANUAL_STRATEGY
from arbiter.model.copying import COPY_TRADING
from arbiter.model.denials import Denied
from arbiter.model.events import (
    AlertRaised,
    ContractSet,
    KillSwitchEngaged,
    KillSwitchReleased,
    PlanDenied,
)
from arbiter.model.ids import MANUAL, Actor, InstrumentId, StrategyId
from arbiter.model.instruments import Instrument, InstrumentKind
from arbiter.model.money import ONE, ZERO
from arbiter.model.orders import Order, OrderStatus, OrderType, Side, TimeInForce
from arbiter.model.perpetuals import contract_of
from arbiter.model.plans import Family, Leg, Plan
from arbiter.model.time import NS_PER_MS, NS_PER_S
from arbiter.opportunities.spot_settings import SPOT_ARBITRAGE
from arbiter.risk.limits import RiskLimits
from arbiter.runtime.close_out import CloseOut
from arbiter.runtime.crossing import Crossing
from tests.fakes.binaries import binary
from tests.fakes.engine import USDT, VENUES, Desk, spot_instrument
from tests.fakes.perpetuals import inverse, perpetual

D = Decimal
ME = Actor("test")
COIN = spot_instrument(VENUES[0])
PERP = perpetual("bybit", min_size=D("0.005"))
INVERSE = replace(inverse("bybit"), quote=USDT)
RAIN = binary("polymarket", quote=USDT, settle=USDT, min_size=D(5))
LATE = binary("polymarket", "LATE", quote=USDT, settle=USDT, settles_fills=True)
LIMITS = RiskLimits(max_trade_usd=D(1_000_000), max_total_exposure_usd=D(1_000_000))
PAUSE_NS = ExecutionSettings().retry_ms * NS_PER_MS


class Account:
    """One instrument, what strategies bought and sold of it, and the close-out of it."""

    def __init__(self, listed: Instrument, *, agents: bool = True) -> None:
        self.listed = listed
        self.desk = desk = Desk(instruments=(listed,), limits=LIMITS)
        self.out = CloseOut(core=desk.core, clock=desk.clock, agents=agents)
        self.crossing = Crossing(desk.core)
        if listed.kind is not InstrumentKind.SPOT:
            desk.core.recorder.record(ContractSet(at_ns=1, contract=contract_of(listed, ONE)))
        self.bid, self.ask = (0.4, 0.42) if listed.kind is InstrumentKind.BINARY else (100.0, 100.1)
        self.show()

    def show(self) -> None:
        self.desk.quote(self.listed.id, self.bid, self.ask, 100_000, 100_000)

    def order(self, size: str, price: str | None = None, *, strategy: StrategyId = MANUAL) -> Order:
        """Give an order that waits for its venue's word: a limit that rests, else a market order."""
        amount = D(size)
        side = Side.BUY if amount > ZERO else Side.SELL
        touch = self.desk.core.touch(self.listed.id, side)
        assert touch is not None
        leg = Leg(
            instrument=self.listed.id,
            side=side,
            size=abs(amount),
            price=None if price is None else D(price),
            planned_price=touch,
            type=OrderType.MARKET if price is None else OrderType.LIMIT,
            time_in_force=TimeInForce.IOC if price is None else TimeInForce.GTC,
        )
        plan = Plan(
            strategy=strategy,
            family=Family.MANUAL,
            actor=ME,
            symbol=self.listed.symbol,
            legs=(leg,),
            created_ns=self.desk.clock.now_ns(),
        )
        opened = self.desk.core.propose(plan)
        assert not isinstance(opened, Denied), str(opened)
        return self.desk.outbox.sent[-1]

    def hold(self, size: str, *, strategy: StrategyId = MANUAL) -> None:
        self.desk.complete(self.order(size, strategy=strategy))

    def kill(self, *, flatten: bool = True) -> None:
        self.desk.core.recorder.record(
            KillSwitchEngaged(at_ns=1, actor=ME, reason="enough", flatten=flatten)
        )

    def closing(self) -> list[Order]:
        """Let some time pass and look again; gives the orders that were sent for it."""
        before = len(self.desk.outbox.sent)
        self.out.tick()
        return self.desk.outbox.sent[before:]

    def pause(self, times: int = 1) -> None:
        self.desk.clock.advance(times * PAUSE_NS)
        self.show()

    def held(self, strategy: StrategyId = MANUAL) -> Decimal:
        row = self.desk.ledger.positions.get((strategy, self.listed.id))
        return ZERO if row is None else row.quantity


@pytest.mark.parametrize(
    ("listed", "size", "limit"),
    [
        (COIN, "0.5", "99"),
        (PERP, "2", "99"),
        (PERP, "-2", "101.2"),
        (INVERSE, "3", "99"),
        (INVERSE, "-3", "101.2"),
        (RAIN, "50", "0.39"),
        (RAIN, "-50", "0.43"),
    ],
)
def test_what_was_ordered_by_hand_is_closed_by_reduction_within_the_unwind_slippage(
    listed: Instrument, size: str, limit: str
) -> None:
    account = Account(listed)
    account.hold(size)
    account.kill()
    (order,) = account.closing()
    assert (order.strategy, order.size, order.price) == (MANUAL, abs(D(size)), D(limit))
    assert order.side is (Side.SELL if D(size) > ZERO else Side.BUY)
    assert (order.reduce_only, order.time_in_force) == (True, TimeInForce.IOC)
    assert account.closing() == [], "while it is under way"
    account.desk.complete(order)
    assert account.held() == ZERO
    assert account.closing() == []


def test_contracts_whose_other_outcome_costs_a_tick_are_bought_back_below_one() -> None:
    account = Account(RAIN)
    account.hold("-50")
    account.kill()
    account.bid, account.ask = 0.98, 0.99
    account.show()
    (order,) = account.closing()
    assert order.price == D("0.99")


@pytest.mark.parametrize("flatten", [False, None])
def test_nothing_is_closed_while_nobody_asks_for_it(flatten: bool | None) -> None:
    account = Account(COIN)
    account.hold("0.5")
    if flatten is not None:
        account.kill(flatten=flatten)
    assert account.closing() == []


def test_a_coin_bought_by_hand_is_sold_and_the_inventory_beside_it_is_not() -> None:
    account = Account(COIN)
    before = account.desk.ledger.balances[COIN.venue, COIN.base].total
    account.hold("0.5")
    account.hold("0.3", strategy=SPOT_ARBITRAGE)
    account.kill()
    (order,) = account.closing()
    assert order.size == D("0.5")
    account.desk.complete(order)
    account.pause()
    assert account.closing() == []
    assert account.held(SPOT_ARBITRAGE) == D("0.3")
    assert account.desk.ledger.balances[COIN.venue, COIN.base].total == before + D("0.3")


def test_a_coin_sold_by_hand_out_of_inventory_is_not_bought_back() -> None:
    account = Account(COIN)
    account.hold("-0.5")
    account.kill()
    assert account.held() == D("-0.5")
    assert account.closing() == []


def test_of_a_coin_no_more_is_sold_than_is_left_at_its_venue() -> None:
    account = Account(COIN)
    account.hold("0.5")
    account.order("-10.2", "130", strategy=StrategyId("another"))  # it locks all but 0.3
    account.kill()
    (order,) = account.closing()
    assert order.size == D("0.3")


@pytest.mark.parametrize(
    ("listed", "size", "left"),
    [(COIN, "0.5", "0.00005"), (COIN, "0.5", "0.04"), (PERP, "2", "0.004"), (RAIN, "-50", "4")],
)
def test_dust_is_left_without_an_order_or_a_refusal(
    listed: Instrument, size: str, left: str
) -> None:
    account = Account(listed)
    account.hold(size)
    account.kill()
    (order,) = account.closing()
    done = order.size - D(left)
    account.desk.accept(order)
    account.desk.fill(order, done)
    account.desk.end(order, OrderStatus.EXPIRED, done)
    for _ in range(5):
        account.pause(100)
        assert account.closing() == []
    assert abs(account.held()) == D(left)
    assert not account.desk.journal.of(PlanDenied)
    assert not account.desk.journal.of(AlertRaised)


def test_what_is_worth_the_least_order_at_its_price_and_not_beyond_it_is_sold_at_its_price() -> (
    None
):
    account = Account(COIN)
    account.hold("0.0502")  # 5.02 at the bid, 4.97 one percent below it; 5 is the least
    account.kill()
    (order,) = account.closing()
    assert order.price == D(100)


def test_a_perpetual_is_closed_whatever_it_is_worth() -> None:
    account = Account(PERP)
    account.hold("0.06")
    account.kill()
    account.bid, account.ask = 20.0, 20.1
    account.show()
    (order,) = account.closing()
    assert (order.size, order.reduce_only) == (D("0.06"), True)


def test_what_a_partial_fill_left_follows_at_once() -> None:
    account = Account(PERP)
    account.hold("2")
    account.kill()
    (first,) = account.closing()
    account.desk.accept(first)
    account.desk.fill(first, D("1.2"))
    account.desk.end(first, OrderStatus.EXPIRED, D("1.2"))
    (second,) = account.closing()
    assert second.size == D("0.8")
    account.desk.complete(second)
    assert account.held() == ZERO


def test_a_refused_order_is_given_again_after_a_pause_that_grows() -> None:
    account = Account(PERP)
    account.hold("2")
    account.kill()
    for times in (1, 2, 4):
        (order,) = account.closing()
        account.desk.refuse(order)
        assert account.closing() == []
        account.pause(times)
        account.desk.clock.advance(-1)
        account.show()
        assert account.closing() == []
        account.desk.clock.advance(1)
    (order,) = account.closing()
    account.desk.complete(order)
    assert account.held() == ZERO


def test_an_order_without_an_answer_is_not_followed_by_another() -> None:
    account = Account(PERP)
    account.hold("2")
    account.kill()
    (order,) = account.closing()
    account.desk.lose(order)
    account.pause(1_000)
    assert account.closing() == []


def test_nothing_is_given_without_a_fresh_price() -> None:
    account = Account(COIN)
    account.hold("0.5")
    account.kill()
    account.desk.clock.advance(60 * NS_PER_S)
    assert account.closing() == []
    account.show()
    assert len(account.closing()) == 1


def test_a_switch_that_is_released_in_between_leaves_the_rest() -> None:
    account = Account(PERP)
    account.hold("2")
    account.kill()
    (order,) = account.closing()
    account.desk.accept(order)
    account.desk.fill(order, D("0.5"))
    account.desk.core.recorder.record(KillSwitchReleased(at_ns=2, actor=ME))
    account.desk.end(order, OrderStatus.EXPIRED, D("0.5"))
    account.pause(10)
    assert account.closing() == []
    assert account.held() == D("1.5")
    account.kill()
    assert [order.size for order in account.closing()] == [D("1.5")]


def test_an_order_that_still_rests_makes_way_and_is_never_sold_twice() -> None:
    """The cancel of the kill switch was lost: both sales together would sell inventory too."""
    account = Account(COIN)
    account.hold("0.5")
    resting = account.order("-0.5", "110")
    account.desk.accept(resting)
    account.kill()
    assert account.closing() == []
    assert [order.client_order_id for order in account.desk.outbox.cancelled] == [
        resting.client_order_id
    ]
    assert account.closing() == []
    assert len(account.desk.outbox.cancelled) == 1, "asked again only after a pause"
    account.pause()
    assert account.closing() == []
    assert len(account.desk.outbox.cancelled) == 2
    account.desk.end(resting, OrderStatus.CANCELLED)
    account.pause(10)
    (order,) = account.closing()
    assert order.size == D("0.5")


def test_contracts_wait_while_a_fill_may_still_fail() -> None:
    account = Account(LATE)
    account.hold("50")
    account.kill()
    assert account.desk.ledger.unsettled(LATE.id)
    assert account.closing() == []


def test_what_another_strategy_is_against_is_ended_in_the_books_and_only_the_rest_is_traded() -> (
    None
):
    account = Account(PERP)
    account.hold("5")
    account.hold("-3", strategy=COPY_TRADING)
    account.kill()
    (order,) = account.closing()
    assert (order.size, order.reduce_only) == (D(2), True)
    account.crossing.tick()
    assert account.held() == D(5), "not while an order is under way"
    account.desk.complete(order)
    assert account.closing() == [], "the venue's account is flat"
    account.crossing.tick()
    assert (account.held(), account.held(COPY_TRADING)) == (ZERO, ZERO)
    account.pause()
    assert account.closing() == []
    assert not account.desk.journal.of(PlanDenied)


def test_a_reduction_of_another_strategy_leaves_that_much_less_to_reduce() -> None:
    account = Account(PERP)
    account.hold("2")
    account.hold("2", strategy=COPY_TRADING)
    account.hold("-3", strategy=StrategyId("third"))
    account.order("-0.4", strategy=COPY_TRADING)
    account.kill()
    (order,) = account.closing()
    assert order.size == D("0.6")


@pytest.mark.parametrize("strategy", [COPY_TRADING, StrategyId("funding-arbitrage")])
def test_what_another_desk_looks_after_is_left_to_it(strategy: StrategyId) -> None:
    account = Account(PERP)
    account.hold("2", strategy=strategy)
    account.kill()
    assert account.closing() == []


@pytest.mark.parametrize("agents", [True, False])
def test_what_agents_bought_is_sold_here_only_where_their_desk_does_not_run(agents: bool) -> None:
    account = Account(COIN, agents=agents)
    account.hold("0.5", strategy=MANUAL_STRATEGY)
    account.kill()
    assert [order.strategy for order in account.closing()] == ([] if agents else [MANUAL_STRATEGY])


def test_what_is_not_listed_any_more_keeps_nothing_else_from_being_closed() -> None:
    account = Account(COIN)
    account.hold("0.5")
    account.kill()
    del account.desk.registry._by_id[InstrumentId(COIN.id)]
    assert account.closing() == []


def test_nothing_is_closed_before_the_recovery_is_over_or_once_the_engine_stops() -> None:
    account = Account(COIN)
    account.hold("0.5")
    account.kill()
    account.desk.core.state.started = False
    assert account.closing() == []
    account.desk.core.state.started = account.desk.core.state.stopping = True
    assert account.closing() == []
    account.desk.core.state.stopping = False
    assert len(account.closing()) == 1
