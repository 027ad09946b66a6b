"""What a trade with one leg may still send, and when its order rests."""

from decimal import Decimal

import pytest
from msgspec.structs import replace

from arbiter.execution.effects import Abandon, AddOrder, Advance, Send
from arbiter.execution.settings import ExecutionSettings
from arbiter.execution.single import is_single, rests, send_added, step
from arbiter.execution.under_way import Progress, Stimulus
from arbiter.model.orders import Order, OrderStatus, OrderType, TimeInForce
from arbiter.model.plans import Family
from arbiter.model.trades import Trade
from tests.unit.execution.legs import MS, SETTINGS, Market, of, order, trade

NOW = 1_000_000 * MS
MORE = order("a", OrderStatus.CREATED, attempt=2)
RESTING = replace(order("a", OrderStatus.WORKING), time_in_force=TimeInForce.GTC)


def single(orders: tuple[Order, ...]) -> Trade:
    both = trade(orders)
    return replace(both, legs=both.legs[:1], family=Family.MANUAL)


@pytest.mark.parametrize(
    ("halted", "reduce_only", "leaves"),
    [(False, False, True), (False, True, True), (True, False, False), (True, True, True)],
)
def test_what_is_added_to_an_order_leaves_after_a_stop_only_if_it_reduces(
    halted: bool, reduce_only: bool, leaves: bool
) -> None:
    added = replace(MORE, reduce_only=reduce_only)
    _, effects = send_added(Progress(), added, NOW, SETTINGS, halted=halted)
    assert bool(of(effects, Send)) == leaves
    assert bool(of(effects, Abandon)) != leaves


def test_what_has_left_is_not_sent_again() -> None:
    gone = replace(MORE, status=OrderStatus.SUBMITTED)
    assert send_added(Progress(), gone, NOW, SETTINGS, halted=False)[1] == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"status": OrderStatus.SUBMITTED},
        {"type": OrderType.MARKET},
        {"time_in_force": TimeInForce.IOC},
        {"venue_order_id": None},
        {"unknown_since_ns": NOW},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_only_an_acknowledged_limit_that_is_good_till_cancelled_rests(
    changes: dict[str, object],
) -> None:
    assert rests(RESTING)
    assert not rests(replace(RESTING, **changes))


def test_only_one_leg_wanted_for_itself_runs_here() -> None:
    one = single((RESTING,))
    assert is_single(one)
    assert not is_single(replace(one, legs=trade(()).legs))
    assert not is_single(replace(one, family=Family.EVENTS))


@pytest.mark.parametrize(("ask", "goes_on"), [(100.1, True), (100.11, False)])
def test_the_rest_of_a_market_buy_follows_within_the_slippage_allowed(
    ask: float, goes_on: bool
) -> None:
    part = replace(
        order("a", OrderStatus.EXPIRED, Decimal("0.4")), type=OrderType.MARKET, price=None
    )
    _, effects = step(
        Progress(began_ns=NOW),
        single((part,)),
        (part,),
        Stimulus.CHANGED,
        NOW,
        ExecutionSettings(unwind_slippage_bps=10),
        Market(binance_ask=ask),
    )
    sizes = [effect.size for effect in effects if isinstance(effect, AddOrder)]
    assert sizes == ([Decimal("0.6")] if goes_on else [])
    assert bool(of(effects, Advance)) != goes_on
