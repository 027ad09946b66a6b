"""What every machine counts by: what stands alone, what failed in a row, when to ask again."""

from decimal import Decimal

import pytest
from msgspec.structs import replace

from arbiter.execution.effects import Ask, Cancel, WakeAt
from arbiter.execution.under_way import Progress, Stimulus, send, wait
from arbiter.execution.ways_out import excess, failures, fruitless
from arbiter.model.money import ZERO
from arbiter.model.orders import Order, OrderStatus, Side, TimeInForce
from arbiter.model.trades import Trade
from tests.unit.execution.legs import BUY, MS, ONE_BTC, SELL, SETTINGS, of, order, trade

NOW = 1_000_000 * MS
TIMEOUT = SETTINGS.leg_timeout_ms * MS
ABANDONED, EXPIRED = OrderStatus.ABANDONED, OrderStatus.EXPIRED
REJECTED, WORKING = OrderStatus.REJECTED, OrderStatus.WORKING


def out(status: OrderStatus, filled: Decimal = ZERO, attempt: int = 1) -> Order:
    """A way out of a bought leg, at the venue it was bought on."""
    return order("u", status, filled, instrument=BUY, side=Side.SELL, attempt=attempt)


def one_sided() -> Trade:
    both = trade((order("a", OrderStatus.FILLED, ONE_BTC),))
    return replace(both, legs=tuple(replace(leg, side=Side.BUY) for leg in both.legs))


def test_a_plan_with_one_side_has_nothing_that_stands_alone() -> None:
    assert excess(one_sided()) == 0
    assert excess(trade((order("a", OrderStatus.FILLED, ONE_BTC),))) == 1


@pytest.mark.parametrize(
    ("orders", "counted"),
    [
        ((order("a", REJECTED),), 1),
        ((order("a", EXPIRED),), 0),  # a planned leg that found no size says nothing of its venue
        ((out(EXPIRED), out(REJECTED, attempt=2)), 2),
        ((out(EXPIRED), out(ABANDONED, attempt=2)), 1),
        ((out(EXPIRED), out(EXPIRED, ONE_BTC / 2, attempt=2)), 0),
        ((out(EXPIRED), out(EXPIRED, ONE_BTC / 2, attempt=2), out(EXPIRED, attempt=3)), 1),
        ((order("b", REJECTED),), 0),
    ],
)
def test_failures_on_a_market_count_since_its_last_fill(
    orders: tuple[Order, ...], counted: int
) -> None:
    assert failures(orders, BUY.id) == counted


@pytest.mark.parametrize(
    ("orders", "counted"),
    [
        ((order("a", EXPIRED), out(EXPIRED)), 1),
        ((out(EXPIRED), out(ABANDONED, attempt=2), out(REJECTED, attempt=3)), 2),
        ((out(EXPIRED), out(EXPIRED, ONE_BTC / 2, attempt=2), out(EXPIRED, attempt=3)), 1),
        ((out(EXPIRED), order("b", EXPIRED)), 0),
    ],
)
def test_ways_out_in_vain_count_since_the_last_fill(
    orders: tuple[Order, ...], counted: int
) -> None:
    assert fruitless(orders) == counted


def test_the_time_to_be_flat_counts_from_the_first_order_sent() -> None:
    first, later = order("a", OrderStatus.CREATED), order("b", OrderStatus.CREATED)
    progress, effects = send(Progress(), [first.client_order_id], NOW, SETTINGS)
    assert WakeAt(NOW + TIMEOUT) in effects
    progress, _ = send(progress, [later.client_order_id], NOW + TIMEOUT, SETTINGS)
    assert progress.began_ns == NOW
    assert progress.sent_ns == {
        first.client_order_id: NOW,
        later.client_order_id: NOW + TIMEOUT,
    }


def test_an_order_just_asked_for_is_not_asked_for_again_by_news_of_another() -> None:
    lost = order("b", OrderStatus.SUBMITTED, unknown=True)
    progress = Progress(began_ns=NOW, sent_ns={lost.client_order_id: NOW})
    progress, effects = wait(progress, [lost], Stimulus.CHANGED, NOW, SETTINGS)
    assert len(of(effects, Ask)) == 1
    (wake,) = [effect for effect in effects if isinstance(effect, WakeAt)]
    assert wake.at_ns == NOW + SETTINGS.retry_ms * MS
    assert wait(progress, [lost], Stimulus.CHANGED, NOW + 1, SETTINGS)[1] == ()
    _, effects = wait(progress, [lost], Stimulus.CHANGED, wake.at_ns, SETTINGS)
    assert len(of(effects, Ask)) == 1


def test_only_what_a_venue_has_acknowledged_and_is_not_meant_to_rest_is_cancelled() -> None:
    silent, seen = order("a", OrderStatus.SUBMITTED), order("b", WORKING)
    resting = replace(seen, time_in_force=TimeInForce.GTC)
    progress = Progress(began_ns=0, sent_ns={})
    for waiting, cancelled in ((silent, 0), (seen, 1), (resting, 0)):
        _, effects = wait(
            progress, [waiting], Stimulus.DEADLINE, NOW, SETTINGS, spare=TimeInForce.GTC
        )
        assert (len(of(effects, Ask)), len(of(effects, Cancel))) == (1, cancelled)


def test_the_next_look_is_at_the_earlier_of_two_deadlines() -> None:
    first, second = order("a", WORKING), order("b", WORKING)
    assert first.instrument != second.instrument == SELL.id
    sent = {first.client_order_id: NOW, second.client_order_id: NOW + MS}
    progress = Progress(began_ns=NOW, sent_ns=sent)
    _, effects = wait(progress, [first, second], Stimulus.DEADLINE, NOW + 2 * MS, SETTINGS)
    assert effects == (WakeAt(NOW + TIMEOUT),)
