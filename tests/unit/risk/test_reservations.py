"""What an approval reserves, and that reserving it keeps balances and budgets whole."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arbiter.model.ids import InstrumentId, StrategyId
from arbiter.model.instruments import FeeCharge, InstrumentKind
from arbiter.model.money import ZERO
from arbiter.model.orders import Side
from arbiter.model.plans import Family, Plan
from arbiter.risk.gate import Approved
from arbiter.risk.limits import RiskLimits
from tests.fakes.perpetuals import TERMS
from tests.unit.risk.world import (
    BTC,
    BTC_A,
    NOW,
    USDT,
    A,
    D,
    World,
    instrument,
    leg,
    plan,
    spread_plan,
)

UNBOUNDED = RiskLimits(max_trade_usd=D(10**9), max_total_exposure_usd=D(10**9))


def test_buy_locks_and_reserves_price_and_fee_and_sell_locks_the_base() -> None:
    approved = World().approved(spread_plan())
    assert approved.locks == ((USDT, D("400.4")), (BTC, D("0.01")))
    assert approved.reserve == ((USDT, D("400.4")), (USDT, ZERO))


def test_fee_taken_from_what_is_bought_is_not_locked_in_quote() -> None:
    world = World()
    world.registry.instruments[BTC_A] = instrument(BTC_A, A, fee_charge=FeeCharge.RECEIVED)
    approved = world.approved(spread_plan())
    assert approved.locks[0] == (USDT, D(400))
    assert approved.reserve[0] == (USDT, D("400.4"))


def test_rebate_is_never_counted_on_in_advance() -> None:
    world = World()
    world.registry.instruments[BTC_A] = instrument(BTC_A, A, taker_fee="-0.001")
    assert world.approved(spread_plan()).reserve[0] == (USDT, D(400))


def test_market_buy_reserves_the_far_touch_and_its_slippage_bound() -> None:
    market = plan(leg(Side.BUY, BTC_A, "0.01", None), family=Family.MANUAL)
    assert World().approved(market).reserve == ((USDT, D("404.404")),)


def test_short_perpetual_reserves_unlevered_margin() -> None:
    world = World()
    world.registry.instruments[BTC_A] = instrument(
        BTC_A, A, kind=InstrumentKind.LINEAR, contract_size="0.1"
    )
    short = plan(leg(Side.SELL, BTC_A, "0.1"), family=Family.FUNDING)
    assert world.approved(short).locks == ((USDT, D("400.4")),)
    assert world.approved(short).reserve == ((USDT, D("400.4")),)


def test_inverse_perpetual_is_margined_in_base() -> None:
    world = World()
    world.registry.instruments[BTC_A] = instrument(
        BTC_A, A, kind=InstrumentKind.INVERSE, contract_size="100", settle=BTC, lot="1"
    )
    short = plan(leg(Side.SELL, BTC_A, "4"), family=Family.FUNDING)
    assert world.approved(short).locks == ((BTC, D("0.01001")),)


def test_what_is_sold_far_below_the_market_is_worth_what_the_market_pays() -> None:
    world = World()
    far = msgspec.structs.replace(leg(Side.SELL, BTC_A, "0.04", "400"), planned_price=D(40_000))
    verdict = world.verdict(plan(far, family=Family.MANUAL))
    assert verdict == "TRADE_SIZE: notional=1600 limit=1500"


@pytest.mark.parametrize(
    ("kind", "side", "limit", "expected", "lock"),
    [
        (InstrumentKind.LINEAR, Side.SELL, "30000", "40000", "400.4"),
        (InstrumentKind.LINEAR, Side.BUY, "40000", "30000", "400.4"),
        (InstrumentKind.INVERSE, Side.BUY, "50000", "40000", "0.01001"),
        (InstrumentKind.INVERSE, Side.SELL, "40000", "50000", "0.01001"),
    ],
)
def test_margin_is_that_of_the_execution_that_takes_the_most(
    kind: InstrumentKind, side: Side, limit: str, expected: str, lock: str
) -> None:
    world = World()
    inverse = kind is InstrumentKind.INVERSE
    world.registry.instruments[BTC_A] = instrument(
        BTC_A,
        A,
        kind=kind,
        contract_size="100" if inverse else "0.1",
        settle=BTC if inverse else USDT,
        lot="1" if inverse else "0.1",
    )
    far = msgspec.structs.replace(
        leg(side, BTC_A, "4" if inverse else "0.1", limit), planned_price=D(expected)
    )
    locks = world.approved(plan(far, family=Family.FUNDING)).locks
    assert locks == ((BTC if inverse else USDT, D(lock)),)


@pytest.mark.parametrize("side", list(Side))
def test_an_inverse_perpetual_at_the_market_takes_more_margin_the_lower_its_price(
    side: Side,
) -> None:
    world = World(RiskLimits(market_slippage=D("0.2")))
    world.registry.instruments[BTC_A] = instrument(
        BTC_A, A, kind=InstrumentKind.INVERSE, contract_size="100", settle=BTC, lot="1"
    )
    market = msgspec.structs.replace(leg(side, BTC_A, "4", None), planned_price=D(50_000))
    assert world.approved(plan(market, family=Family.FUNDING)).locks == ((BTC, D("0.01001")),)


def test_a_binary_contract_is_paid_for_in_full_on_either_side() -> None:
    world = World()
    name = InstrumentId("RAIN.KALSHI")
    world.registry.instruments[name] = instrument(name, A, kind=InstrumentKind.BINARY, lot="1")
    buy = plan(leg(Side.BUY, name, "50", "0.4"), family=Family.EVENTS)
    sell = plan(leg(Side.SELL, name, "50", "0.4"), family=Family.EVENTS)
    assert world.approved(buy).locks == world.approved(buy).reserve == ((USDT, D("20.02")),)
    assert world.approved(sell).locks == world.approved(sell).reserve == ((USDT, D("30.03")),)


def test_sizing_never_draws_on_the_inventory_floor() -> None:
    world = World()
    assert world.gate.spendable(A, USDT) == 45_000
    world.ledger.fund(A, USDT, "4000")
    assert world.gate.spendable(A, USDT) == 0


STRATEGIES = (StrategyId("first"), StrategyId("second"))
ACTIONS = st.one_of(
    st.tuples(st.just("submit"), st.sampled_from(STRATEGIES), st.integers(1, 4_000)),
    st.tuples(st.just("cancel"), st.integers(0, 99), st.just(0)),
    st.tuples(st.just("fill"), st.integers(0, 99), st.just(0)),
    st.tuples(st.just("reduce"), st.sampled_from(STRATEGIES), st.integers(1, 1_000)),
)


class Shop:
    """Two strategies buying from one balance, each under a budget of its own."""

    def __init__(self, funds: int, budgets: tuple[int, int]) -> None:
        self.world = World(UNBOUNDED)
        self.world.ledger.fund(A, USDT, D(funds))
        for strategy, budget in zip(STRATEGIES, budgets, strict=True):
            self.world.ledger.allocate(strategy, USDT, str(budget))
        self.working: list[tuple[StrategyId, Approved]] = []
        self.invested = dict.fromkeys(STRATEGIES, ZERO)

    def submit(self, strategy: StrategyId, lots: int) -> None:
        wanted = self._buy(strategy, lots)
        needed = wanted.legs[0].size * D(40_000) * D("1.001")
        ledger = self.world.ledger
        budget = ledger.budgets[strategy, USDT].available
        assert budget is not None
        fits = needed <= budget and needed <= ledger.free(A, USDT)
        answer = self.world.gate.review(wanted, NOW)
        assert isinstance(answer, Approved) is fits, str(answer)
        if isinstance(answer, Approved):
            ledger.lock(A, *answer.locks[0])
            ledger.reserve(strategy, *answer.reserve[0])
            self.working.append((strategy, answer))

    def cancel(self, index: int) -> None:
        for strategy, approved in self._take(index):
            self.world.ledger.lock(A, USDT, -approved.locks[0][1])
            self.world.ledger.reserve(strategy, USDT, -approved.reserve[0][1])

    def fill(self, index: int) -> None:
        """All of it: the money is gone, and stays in use as a position."""
        for strategy, approved in self._take(index):
            self.world.ledger.lock(A, USDT, -approved.locks[0][1])
            self.world.ledger.spend(A, USDT, approved.locks[0][1])
            self.invested[strategy] += approved.reserve[0][1]

    def reduce(self, strategy: StrategyId, thousandth: int) -> None:
        """Sell part of the position at cost: money and budget come back."""
        back = self.invested[strategy] * thousandth / 1_000
        self.invested[strategy] -= back
        self.world.ledger.spend(A, USDT, -back)
        self.world.ledger.reserve(strategy, USDT, -back)

    def check(self) -> None:
        balance = self.world.ledger.balances[A, USDT]
        assert ZERO <= balance.locked <= balance.total
        for strategy in STRATEGIES:
            budget = self.world.ledger.budgets[strategy, USDT]
            assert budget.allocated is not None
            assert ZERO <= budget.reserved <= budget.allocated

    def _take(self, index: int) -> list[tuple[StrategyId, Approved]]:
        return [self.working.pop(index)] if index < len(self.working) else []

    def _buy(self, strategy: StrategyId, lots: int) -> Plan:
        size = str(Decimal(lots) * D("0.0001") + D("0.0009"))
        return plan(leg(Side.BUY, BTC_A, size), strategy=strategy, family=Family.MANUAL)


@settings(max_examples=60)
@given(
    funds=st.integers(0, 200_000),
    budgets=st.tuples(st.integers(0, 150_000), st.integers(0, 150_000)),
    actions=st.lists(ACTIONS, min_size=100, max_size=160),
)
def test_no_interleaving_of_two_strategies_overdraws_balance_or_budget(
    funds: int, budgets: tuple[int, int], actions: list[tuple[str, object, int]]
) -> None:
    shop = Shop(funds, budgets)
    for action, subject, amount in actions:
        if action in {"submit", "reduce"}:
            assert isinstance(subject, str)
            step = shop.submit if action == "submit" else shop.reduce
            step(StrategyId(subject), amount)
        else:
            assert isinstance(subject, int)
            (shop.cancel if action == "cancel" else shop.fill)(subject)
        shop.check()


@given(st.permutations([(strategy, lots) for strategy in STRATEGIES for lots in range(1, 51)]))
def test_hundred_submissions_in_any_order_fill_the_balance_and_no_more(
    submissions: list[tuple[StrategyId, int]],
) -> None:
    shop = Shop(5_000, (4_000, 4_000))  # all hundred together would need about 13 800
    for strategy, lots in submissions:
        shop.submit(strategy, lots)
        shop.check()
    assert 0 < len(shop.working) < 100
    largest = D("0.0059") * D(40_000) * D("1.001")
    assert shop.world.ledger.free(A, USDT) < largest  # what is left buys less than one more


@pytest.mark.parametrize(
    ("side", "locked"),
    [(Side.BUY, "20.2202"), (Side.SELL, "30.2302")],
    ids=["bought at most at 0.404", "sold at least at 0.396"],
)
def test_a_binary_contract_at_the_market_is_paid_for_at_its_worst_price(
    side: Side, locked: str
) -> None:
    world = World()
    name = InstrumentId("RAIN.KALSHI")
    world.registry.instruments[name] = instrument(name, A, kind=InstrumentKind.BINARY, lot="1")
    at_market = msgspec.structs.replace(leg(side, name, "50", None), planned_price=D("0.4"))
    approved = world.approved(plan(at_market, family=Family.EVENTS))
    assert approved.locks == approved.reserve == ((USDT, D(locked)),)


def test_leverage_divides_the_margin_and_never_the_fee() -> None:
    world = World()
    world.registry.instruments[BTC_A] = msgspec.structs.replace(
        instrument(BTC_A, A, kind=InstrumentKind.LINEAR), margin=TERMS
    )
    world.set_leverage(D(5))
    short = plan(leg(Side.SELL, BTC_A, "0.01"), family=Family.FUNDING)
    assert world.approved(short).locks == ((USDT, D("80.4")),)
    assert world.approved(short).reserve == ((USDT, D("80.4")),)


@pytest.mark.parametrize(("side", "stake"), [(Side.BUY, "1600"), (Side.SELL, "2400")])
def test_binary_contracts_stake_what_they_cost_and_not_their_price(side: Side, stake: str) -> None:
    world = World()
    name = InstrumentId("RAIN.KALSHI")
    world.registry.instruments[name] = instrument(
        name, A, kind=InstrumentKind.BINARY, lot="1", contract_size="2"
    )
    wanted = plan(leg(side, name, "2000", "0.4"), family=Family.EVENTS)
    assert world.verdict(wanted) == f"TRADE_SIZE: notional={stake} limit=1500"
