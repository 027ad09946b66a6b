"""A reduction closes each leg by itself, goes on until nothing is left, and never opens anything."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

import pytest
from msgspec.structs import replace

from arbiter.execution.effects import Abandon, AddOrder, Ask, Cancel, Send, WakeAt
from arbiter.execution.reducing import is_reduction, send_added, step
from arbiter.execution.settings import ExecutionSettings
from arbiter.execution.under_way import Progress, Step, Stimulus
from arbiter.model.ids import InstrumentId
from arbiter.model.instruments import Instrument
from arbiter.model.money import ZERO
from arbiter.model.orders import Order, OrderStatus, OrderType, Side
from arbiter.model.plans import Family
from arbiter.model.time import NS_PER_MS as MS
from arbiter.model.trades import Trade, TradeState
from tests.fakes.perpetuals import perpetual
from tests.unit.execution import legs
from tests.unit.execution.legs import added, advanced, alerts, of

LONG, SHORT = perpetual("binance"), perpetual("bybit")
SIDES = {"a": (LONG, Side.SELL), "b": (SHORT, Side.BUY)}
SETTINGS = ExecutionSettings(unwind_slippage_bps=10)
ONE, HALF = Decimal(1), Decimal("0.5")
CREATED, SENT = OrderStatus.CREATED, OrderStatus.SUBMITTED
EXPIRED, FILLED = OrderStatus.EXPIRED, OrderStatus.FILLED
HEDGED = {LONG.id: ONE, SHORT.id: -ONE}
NOW = 1_000_000 * MS


class Market:
    """99.9 is bid and 100 asked everywhere, but on venues that are `dark`."""

    def __init__(self, *dark: InstrumentId) -> None:
        self.dark = dark

    def instrument(self, instrument: InstrumentId) -> Instrument:
        return next(one for one, _ in SIDES.values() if one.id == instrument)

    def touch(self, instrument: InstrumentId, side: Side) -> Decimal | None:
        if instrument in self.dark:
            return None
        return Decimal("99.9") if side is Side.SELL else Decimal(100)


def order(
    leg: str, status: OrderStatus, filled: Decimal = ZERO, *, size: Decimal = ONE, attempt: int = 1
) -> Order:
    instrument, side = SIDES[leg]
    made = legs.order(
        leg, status, filled, instrument=instrument, side=side, size=size, attempt=attempt
    )
    return replace(made, reduce_only=True, price=Decimal(100), planned_price=Decimal(100))


def trade(orders: Sequence[Order], state: TradeState = TradeState.WORKING) -> Trade:
    made = legs.trade(orders, state)
    planned = tuple(
        replace(leg, instrument=instrument.id, side=side, size=ONE)
        for leg, (instrument, side) in zip(made.legs, SIDES.values(), strict=True)
    )
    return replace(made, family=Family.FUNDING, legs=planned)


def look(
    orders: Sequence[Order],
    held: Mapping[InstrumentId, Decimal],
    *,
    market: Market | None = None,
    progress: Progress | None = None,
    state: TradeState = TradeState.WORKING,
    stimulus: Stimulus = Stimulus.CHANGED,
    now_ns: int = NOW,
) -> Step:
    return step(
        progress or Progress(began_ns=NOW),
        trade(orders, state),
        orders,
        stimulus,
        now_ns,
        SETTINGS,
        market or Market(),
        held=lambda name: held.get(name, ZERO),
    )


def test_only_a_plan_that_reduces_runs_here() -> None:
    orders = (order("a", CREATED), order("b", CREATED))
    assert is_reduction(trade(orders), orders)
    assert not is_reduction(trade(()), ())


def test_both_legs_leave_together_once_they_are_durable() -> None:
    orders = (order("a", CREATED), order("b", CREATED))
    step = look(orders, HEDGED, state=TradeState.PLANNED, stimulus=Stimulus.DURABLE)
    assert len(of(step[1], Send)) == 2
    assert look(orders, HEDGED, state=TradeState.PLANNED)[1] == ()


def test_each_leg_goes_on_with_what_it_has_not_closed() -> None:
    orders = (order("a", EXPIRED, HALF), order("b", FILLED, ONE))
    step = look(orders, {LONG.id: HALF})
    more = added(step)
    assert (more.role, more.attempt, more.side, more.size) == ("a", 2, Side.SELL, HALF)
    assert (more.type, more.reduce_only) == (OrderType.LIMIT, True)
    assert more.price == Decimal("99.8")  # 10 bps through a bid of 99.9, on the tick


def test_a_short_is_bought_back_through_the_ask() -> None:
    orders = (order("a", FILLED, ONE), order("b", EXPIRED))
    more = added(look(orders, {SHORT.id: -ONE}))
    assert (more.side, more.size, more.price) == (Side.BUY, ONE, Decimal("100.1"))


@pytest.mark.parametrize(
    ("there", "size"), [("1", "0.7"), ("0.2", "0.2"), ("0.0004", None), ("0", None), ("-1", None)]
)
def test_no_more_is_closed_than_is_wanted_and_than_is_there(there: str, size: str | None) -> None:
    orders = (order("a", EXPIRED, Decimal("0.3")), order("b", FILLED, ONE))
    step = look(orders, {LONG.id: Decimal(there)})
    wanted = [effect.size for effect in step[1] if isinstance(effect, AddOrder)]
    assert wanted == ([] if size is None else [Decimal(size)])
    assert (advanced(step) is TradeState.COMPLETED) == (size is None)


def test_a_reduction_that_closed_nothing_has_failed() -> None:
    assert advanced(look((order("a", EXPIRED), order("b", EXPIRED)), {})) is TradeState.FAILED


def test_nothing_is_added_while_an_order_has_no_last_word() -> None:
    working = order("b", OrderStatus.WORKING)
    progress = Progress(began_ns=NOW, sent_ns={working.client_order_id: NOW})
    assert look((order("a", EXPIRED), working), HEDGED, progress=progress)[1] == ()
    late = NOW + SETTINGS.leg_timeout_ms * MS
    step = look((order("a", EXPIRED), working), HEDGED, progress=progress, now_ns=late)
    assert (len(of(step[1], Ask)), len(of(step[1], Cancel))) == (1, 1)
    assert of(step[1], AddOrder) == []


def test_nothing_is_decided_while_an_order_waits_for_its_commit() -> None:
    orders = (order("a", EXPIRED), order("b", FILLED, ONE), order("a", CREATED, attempt=2))
    assert look(orders, {LONG.id: ONE})[1] == ()


def test_a_leg_that_goes_on_failing_is_tried_again_after_a_pause() -> None:
    orders = (order("a", EXPIRED), order("b", FILLED, ONE))
    first = look(orders, {LONG.id: ONE})
    next_ns = first[0].next_try_ns
    assert next_ns > NOW
    early = look(orders, {LONG.id: ONE}, progress=first[0], now_ns=next_ns - 1)
    assert early[1] == (WakeAt(next_ns),)
    assert added(look(orders, {LONG.id: ONE}, progress=first[0], now_ns=next_ns)).size == ONE


def test_a_dark_venue_keeps_its_leg_waiting_and_not_the_other() -> None:
    orders = (order("a", EXPIRED), order("b", EXPIRED))
    step = look(orders, HEDGED, market=Market(LONG.id))
    assert added(step).role == "b"
    (wake,) = [effect for effect in step[1] if isinstance(effect, WakeAt)]
    assert wake.at_ns > NOW


def test_an_added_close_is_dropped_when_less_is_left_by_then() -> None:
    close = order("a", CREATED, size=HALF)
    kept = send_added(Progress(), close, NOW, SETTINGS, held=lambda _: HALF)
    assert len(of(kept[1], Send)) == 1
    for there in (Decimal("0.4"), ZERO, -ONE):
        dropped = send_added(Progress(), close, NOW, SETTINGS, held={LONG.id: there}.__getitem__)
        assert of(dropped[1], Send) == []
        assert len(of(dropped[1], Abandon)) == 1


def test_an_added_close_that_has_left_is_not_sent_again() -> None:
    close = order("a", SENT, size=HALF)
    assert send_added(Progress(), close, NOW, SETTINGS, held=lambda _: ONE)[1] == ()


def test_a_person_is_called_once_when_closing_takes_too_long_and_the_work_goes_on() -> None:
    orders = (order("a", EXPIRED), order("b", FILLED, ONE))
    late = NOW + SETTINGS.flat_ms * MS
    step = look(orders, {LONG.id: ONE}, now_ns=late)
    assert (advanced(step), alerts(step)) == (TradeState.HELD, ["NOT_REDUCED"])
    assert added(step).size == ONE
    again = look(orders, {LONG.id: ONE}, now_ns=late, state=TradeState.HELD)
    assert (advanced(again), alerts(again)) == (None, [])
    assert added(again).size == ONE
    assert alerts(look(orders, {LONG.id: ONE}, now_ns=late - 1)) == []


def test_a_reduction_that_ends_late_ends_and_calls_nobody() -> None:
    orders = (order("a", FILLED, ONE), order("b", FILLED, ONE))
    step = look(orders, {}, now_ns=NOW + SETTINGS.flat_ms * MS)
    assert (advanced(step), alerts(step)) == (TradeState.COMPLETED, [])


def test_a_look_at_a_deadline_sets_one_at_the_time_to_call_a_person() -> None:
    working = order("b", OrderStatus.WORKING)
    progress = Progress(began_ns=NOW, sent_ns={working.client_order_id: NOW})
    step = look(
        (order("a", FILLED, ONE), working),
        HEDGED,
        progress=progress,
        stimulus=Stimulus.DEADLINE,
        now_ns=NOW + MS,
    )
    assert WakeAt(NOW + SETTINGS.flat_ms * MS) in step[1]


def test_an_ended_reduction_is_left_alone() -> None:
    orders = (order("a", EXPIRED), order("b", EXPIRED))
    assert look(orders, HEDGED, state=TradeState.COMPLETED)[1] == ()
