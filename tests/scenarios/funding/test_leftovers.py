"""Pairs of which less is left than any order may be: not ordered for ever, and not in the way."""

from decimal import Decimal

import pytest
from msgspec.structs import replace

from arbiter.model.events import KillSwitchEngaged
from arbiter.model.ids import Actor
from arbiter.model.money import ZERO
from arbiter.model.orders import OrderStatus
from arbiter.model.pairs import PairState
from arbiter.model.time import NS_PER_S
from tests.fakes.perpetuals import perpetual
from tests.scenarios.funding.test_pairs import LONG, SETTINGS, SHORT, World

D = Decimal
LEAST = D("0.005")
LISTED = (
    perpetual("bybit_futures", min_size=LEAST),
    perpetual("binance_futures", min_size=LEAST),
)


def left_with(long: str, short: str) -> World:
    """An open pair of which the venues have taken all but so much at one moment."""
    world = World(settings=replace(SETTINGS, cooldown_hours=D(0)), listed=LISTED)
    world.opened()
    size, _ = world.quantities()
    assert size > 2 * LEAST
    now = world.clock.now_ns()
    for instrument, left in ((LONG, long), (SHORT, short)):
        exchange = world.exchanges[instrument.venue]
        reports = exchange.deleverage(instrument.id, 1 - D(left) / size, now)
        world.deliver([*reports, *exchange.due(now + NS_PER_S)])
    assert world.quantities() == (D(long), -D(short))
    return world


def flatten(world: World) -> None:
    engaged = KillSwitchEngaged(
        at_ns=world.clock.now_ns(), actor=Actor("test"), reason="stop", flatten=True
    )
    world.core.recorder.record(engaged)
    world.run(60 * NS_PER_S)


def refused(world: World) -> list[str]:
    return [
        str(order.reason)
        for order in world.ledger.orders.values()
        if order.status in (OrderStatus.DENIED, OrderStatus.REJECTED)
    ]


@pytest.mark.parametrize(
    ("long", "short"), [("0.003", "0.003"), ("0.004", "0.002"), ("0.003", "0")]
)
def test_flatten_asks_for_no_order_below_the_venues_minimum(long: str, short: str) -> None:
    world = left_with(long, short)
    flatten(world)
    assert refused(world) == []
    assert world.quantities() == (D(long), -D(short)), "it is still there, and still told"
    assert world.ledger.active_pairs() == ()
    world.agrees()


def test_flatten_closes_the_leg_that_an_order_can_close() -> None:
    world = left_with("0.003", "0.007")
    flatten(world)
    assert refused(world) == []
    assert world.quantities() == (D("0.003"), ZERO)
    assert world.ledger.active_pairs() == ()
    world.agrees()


def test_a_pair_one_leg_of_which_is_too_small_for_an_order_is_closed() -> None:
    world = left_with("0.003", "0.007")  # the difference is too small as well
    world.run(10 * NS_PER_S)
    first = next(iter(world.ledger.pairs.values()))
    assert first.state is PairState.CLOSED
    assert first.reason == "LEG_GONE: what is left of the other leg is too small for an order"
    assert refused(world) == []
    world.agrees()


def test_a_leftover_is_taken_along_by_the_next_pair_and_closed_with_it() -> None:
    world = left_with("0.003", "0.002")
    world.run(30 * NS_PER_S)
    first, second = world.ledger.pairs.values()
    assert (first.state, second.state) == (PairState.CLOSED, PairState.OPEN)
    assert first.reason == "what is left is too small for an order"
    size = second.planned_units
    assert world.quantities() == (size + D("0.003"), -size - D("0.002"))
    flatten(world)
    assert world.quantities() == (ZERO, ZERO)
    assert refused(world) == []
    world.agrees()
