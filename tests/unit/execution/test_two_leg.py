"""Every way a two-leg trade can go, decided from its account and its orders alone."""

from decimal import Decimal

import pytest

from arbiter.execution.effects import Abandon, AddOrder, Ask, Cancel, Send, WakeAt
from arbiter.execution.settings import ExecutionSettings, LegOrder, LoneLeg
from arbiter.execution.two_leg import in_flight, send_added
from arbiter.execution.under_way import Progress, Stimulus
from arbiter.model.money import ZERO
from arbiter.model.orders import Order, OrderStatus, OrderType, Side
from arbiter.model.trades import TradeState
from tests.unit.execution.legs import (
    BUY,
    MS,
    ONE_BTC,
    SELL,
    SETTINGS,
    Market,
    added,
    advanced,
    alerts,
    look,
    of,
    order,
    trade,
)

CREATED, SENT, WORKING = OrderStatus.CREATED, OrderStatus.SUBMITTED, OrderStatus.WORKING
FILLED, EXPIRED, REJECTED = OrderStatus.FILLED, OrderStatus.EXPIRED, OrderStatus.REJECTED
SEQUENTIAL = ExecutionSettings(leg_order=LegOrder.SEQUENTIAL)
BOTH_NEW = (order("a", CREATED), order("b", CREATED))
BOUGHT = order("a", FILLED, ONE_BTC)
HALF = Decimal("0.5")


def sent(*orders: Order, at_ns: int = 0) -> Progress:
    return Progress(began_ns=at_ns, sent_ns={o.client_order_id: at_ns for o in orders})


# Sending


def test_durable_intents_leave_together() -> None:
    step = look(BOTH_NEW, state=TradeState.PLANNED, stimulus=Stimulus.DURABLE)
    assert advanced(step) is TradeState.WORKING
    assert [e.order for e in step[1] if isinstance(e, Send)] == [
        o.client_order_id for o in BOTH_NEW
    ]


def test_a_report_cannot_make_an_undurable_intent_leave() -> None:
    assert look(BOTH_NEW, state=TradeState.PLANNED)[1] == ()


def test_an_edge_gone_at_the_commit_abandons_both_legs() -> None:
    step = look(BOTH_NEW, state=TradeState.PLANNED, stimulus=Stimulus.GONE, reason="EDGE_GONE")
    assert len(of(step[1], Abandon)) == 2
    assert advanced(step) is TradeState.ABANDONED


def test_sequential_legs_leave_one_after_the_other() -> None:
    step = look(BOTH_NEW, state=TradeState.PLANNED, stimulus=Stimulus.DURABLE, settings=SEQUENTIAL)
    assert len(of(step[1], Send)) == 1
    step = look((BOUGHT, order("b", CREATED)), settings=SEQUENTIAL)
    (send,) = [e for e in step[1] if isinstance(e, Send)]
    assert send.order == BOTH_NEW[1].client_order_id


def test_a_sequential_second_leg_is_sized_to_what_the_first_one_received_after_fees() -> None:
    half = order("a", EXPIRED, HALF)
    step = look((half, order("b", CREATED)), settings=SEQUENTIAL, base_fees=Decimal("0.00052"))
    assert len(of(step[1], Abandon)) == 1
    second = added(step)
    assert (second.role, second.side, second.size) == ("b", Side.SELL, Decimal("0.4994"))


def test_a_sequential_second_leg_never_leaves_when_the_first_filled_nothing() -> None:
    step = look((order("a", EXPIRED), order("b", CREATED)), settings=SEQUENTIAL)
    assert of(step[1], Send) == []
    assert len(of(step[1], Abandon)) == 1


def test_a_sequential_second_leg_whose_price_is_gone_gives_way_to_the_cheapest_way_out() -> None:
    step = look((BOUGHT, order("b", CREATED)), Market(bybit_bid=101.0), settings=SEQUENTIAL)
    assert of(step[1], Send) == []
    assert isinstance(step[1][0], Abandon)


# Waiting for the venues


def test_an_order_within_its_time_is_left_alone() -> None:
    working = order("b", WORKING)
    step = look((BOUGHT, working), progress=sent(working), now_ns=1_999 * MS)
    assert step[1] == ()


def test_a_leg_past_its_time_is_asked_for_and_cancelled() -> None:
    working = order("b", WORKING)
    step = look((BOUGHT, working), progress=sent(working), now_ns=2_000 * MS)
    assert [type(e) for e in step[1]] == [Ask, Cancel, WakeAt]


def test_a_timer_that_fires_early_sets_the_next_one() -> None:
    working = order("b", WORKING)
    step = look(
        (BOUGHT, working),
        progress=sent(working),
        now_ns=2_000 * MS - 1,
        stimulus=Stimulus.DEADLINE,
    )
    assert WakeAt(2_000 * MS) in step[1]


def test_an_unknown_outcome_is_asked_for_at_once_and_again_ever_more_slowly() -> None:
    lost = order("b", SENT, unknown=True)
    progress, now = sent(lost), 0
    gaps = []
    for _ in range(9):
        progress, effects = look(
            (BOUGHT, lost), progress=progress, now_ns=now, stimulus=Stimulus.DEADLINE
        )
        assert len(of(effects, Ask)) == 1
        assert of(effects, Send) == []
        wakes = [e.at_ns for e in effects if isinstance(e, WakeAt) and e.at_ns != 30_000 * MS]
        gaps.append((wakes[0] - now) // MS)
        now = wakes[0]
    assert gaps == [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]


def test_a_lone_leg_is_not_unwound_while_the_other_may_still_have_filled() -> None:
    lost = order("b", SENT, unknown=True)
    assert of(look((BOUGHT, lost), now_ns=10_000 * MS)[1], AddOrder) == []


def test_after_a_restart_every_open_order_is_asked_for_first() -> None:
    step = look((BOUGHT, order("b", SENT)), progress=Progress(), now_ns=7)
    assert len(of(step[1], Ask)) == 1


def test_no_such_order_counts_only_once_the_request_cannot_be_under_way() -> None:
    lost = order("b", SENT)
    assert in_flight(sent(lost), lost, 4_999 * MS, SETTINGS)
    assert not in_flight(sent(lost), lost, 5_000 * MS, SETTINGS)
    assert not in_flight(Progress(), lost, 0, SETTINGS)


# Settling


def test_equal_fills_complete_the_trade() -> None:
    assert advanced(look((BOUGHT, order("b", FILLED, ONE_BTC)))) is TradeState.COMPLETED


def test_nothing_filled_is_a_failed_trade() -> None:
    assert advanced(look((order("a", EXPIRED), order("b", REJECTED)))) is TradeState.FAILED


def test_a_refused_leg_unwinds_the_other_on_its_own_venue_within_bounds() -> None:
    step = look((BOUGHT, order("b", REJECTED)))
    unwind = added(step)
    assert advanced(step) is TradeState.UNWINDING
    assert (unwind.role, unwind.instrument, unwind.side) == ("u", BUY.id, Side.SELL)
    assert unwind.reduce_only
    assert (unwind.type, unwind.price) == (OrderType.LIMIT, Decimal("98.90"))


def test_an_expired_leg_is_chased_when_that_brings_more_than_unwinding() -> None:
    step = look((BOUGHT, order("b", EXPIRED)))
    chase = added(step)
    assert (chase.role, chase.instrument, chase.size) == ("c", SELL.id, ONE_BTC)
    assert not chase.reduce_only
    assert chase.price == Decimal("101.49"), "planned 102 less 50 bps"
    assert "chase on BTCUSDT.BYBIT nets 101.898" in chase.reason
    assert "unwind on BTCUSDT.BINANCE nets 99.8001" in chase.reason


def test_a_leg_that_sold_alone_is_bought_back_where_it_costs_less() -> None:
    sold = order("b", FILLED, ONE_BTC)
    chase = added(look((order("a", EXPIRED), sold), Market(binance_ask=100.2)))
    assert (chase.role, chase.instrument, chase.side) == ("c", BUY.id, Side.BUY)
    unwind = added(look((order("a", EXPIRED), sold), Market(binance_ask=101.0)))
    assert (unwind.role, unwind.instrument, unwind.side) == ("u", SELL.id, Side.BUY)


def test_a_price_beyond_the_bound_is_not_chased_however_cheap_it_looks() -> None:
    step = look((BOUGHT, order("b", EXPIRED)), Market(bybit_bid=101.0))
    assert added(step).role == "u"
    assert "more than 50 bps" in added(step).reason


def test_without_a_live_quote_nothing_is_sent_and_the_market_is_looked_at_again() -> None:
    step = look((BOUGHT, order("b", EXPIRED)), Market(binance_bid=0, bybit_bid=0))
    assert of(step[1], AddOrder) == []
    assert len(of(step[1], WakeAt)) == 1


def test_a_dark_venue_leaves_the_other_way_out() -> None:
    step = look((BOUGHT, order("b", REJECTED)), Market(binance_bid=0))
    assert added(step).role == "c"


@pytest.mark.parametrize(
    ("lone_leg", "role"), [(LoneLeg.CHASE, "c"), (LoneLeg.UNWIND, "u"), (LoneLeg.CHEAPEST, "c")]
)
def test_the_setting_says_which_way_out_comes_first(lone_leg: LoneLeg, role: str) -> None:
    step = look((BOUGHT, order("b", EXPIRED)), settings=ExecutionSettings(lone_leg=lone_leg))
    assert added(step).role == role


def test_hold_and_alert_sends_nothing_and_calls_a_person_once() -> None:
    settings = ExecutionSettings(lone_leg=LoneLeg.HOLD)
    step = look((BOUGHT, order("b", EXPIRED)), settings=settings)
    assert of(step[1], AddOrder) == []
    assert (advanced(step), alerts(step)) == (TradeState.HELD, ["UNHEDGED"])
    again = look((BOUGHT, order("b", EXPIRED)), settings=settings, state=TradeState.HELD)
    assert again[1] == ()


def test_only_what_stands_alone_is_unwound() -> None:
    orders = (BOUGHT, order("b", EXPIRED, Decimal("0.3")))
    assert added(look(orders, Market(bybit_bid=99.0))).size == Decimal("0.7")


def test_an_unwind_sells_no_more_than_was_received_after_base_fees() -> None:
    orders = (BOUGHT, order("b", REJECTED))
    assert added(look(orders, base_fees=Decimal("0.001"))).size == Decimal("0.999")


def test_base_fees_of_a_matched_trade_are_no_lone_leg() -> None:
    step = look((BOUGHT, order("b", FILLED, ONE_BTC)), base_fees=Decimal("0.02"))
    assert advanced(step) is TradeState.COMPLETED


def test_a_rest_too_small_for_any_venue_is_left_to_the_residuals() -> None:
    step = look((BOUGHT, order("b", EXPIRED, Decimal("0.96"))))
    assert advanced(step) is TradeState.COMPLETED
    assert "min_notional" in step[1][0].reason  # type: ignore[union-attr]


def test_an_unwound_trade_ends_as_unwound() -> None:
    unwind = order("u", FILLED, ONE_BTC, instrument=BUY, side=Side.SELL)
    assert advanced(look((BOUGHT, order("b", REJECTED), unwind))) is TradeState.UNWOUND


# Ways out that fail


def failed_unwinds(count: int) -> tuple[Order, ...]:
    return tuple(
        order("u", EXPIRED, instrument=BUY, side=Side.SELL, attempt=n) for n in range(1, count + 1)
    )


def test_while_an_unwind_is_under_way_there_is_no_second_one() -> None:
    unwind = order("u", SENT, instrument=BUY, side=Side.SELL)
    assert of(look((BOUGHT, order("b", REJECTED), unwind))[1], AddOrder) == []


def test_an_unwind_with_an_unknown_outcome_is_asked_for_and_not_repeated() -> None:
    unwind = order("u", SENT, instrument=BUY, side=Side.SELL, unknown=True)
    step = look((BOUGHT, order("b", REJECTED), unwind))
    assert len(of(step[1], Ask)) == 1
    assert of(step[1], AddOrder) == []


def test_an_unwind_that_filled_nothing_is_tried_elsewhere_then_again_after_a_pause() -> None:
    orders = (BOUGHT, order("b", EXPIRED), *failed_unwinds(1))
    assert added(look(orders)).role == "c"
    chased = (*orders, order("c", EXPIRED, attempt=1))
    progress = Progress(began_ns=0, next_try_ns=1_000 * MS)
    waiting = look(chased, progress=progress, now_ns=999 * MS)
    assert of(waiting[1], AddOrder) == []
    again = look(chased, progress=progress, now_ns=1_000 * MS)
    assert added(again).attempt == 2


def test_unwinds_that_keep_failing_hold_the_trade_call_a_person_and_go_on() -> None:
    orders = (BOUGHT, order("b", REJECTED), *failed_unwinds(5))
    dark = Market(bybit_bid=0)
    step = look(orders, dark)
    assert (advanced(step), alerts(step)) == (TradeState.HELD, ["UNHEDGED"])
    assert added(step).attempt == 6
    held = look(orders, dark, state=TradeState.HELD)
    assert alerts(held) == []
    assert added(held).attempt == 6


def test_a_held_trade_that_gets_even_ends() -> None:
    unwind = order("u", FILLED, ONE_BTC, instrument=BUY, side=Side.SELL)
    step = look((BOUGHT, order("b", REJECTED), unwind), state=TradeState.HELD)
    assert advanced(step) is TradeState.UNWOUND


def test_a_trade_not_settled_in_time_is_held_with_an_alert_and_still_asked_for() -> None:
    lost = order("b", SENT, unknown=True)
    step = look((BOUGHT, lost), progress=sent(lost), now_ns=30_000 * MS, stimulus=Stimulus.DEADLINE)
    assert (advanced(step), alerts(step)) == (TradeState.HELD, ["UNHEDGED"])
    assert len(of(step[1], Ask)) == 1


# Orders added while reports come in


def test_an_added_order_leaves_when_it_is_still_needed() -> None:
    unwind = order("u", CREATED, instrument=BUY, side=Side.SELL)
    orders = (BOUGHT, order("b", REJECTED), unwind)
    step = send_added(Progress(), trade(orders), unwind, 0, SETTINGS)
    assert len(of(step[1], Send)) == 1


@pytest.mark.parametrize("sold", [ONE_BTC, HALF])
def test_an_unwind_overtaken_by_a_late_fill_is_dropped(sold: Decimal) -> None:
    unwind = order("u", CREATED, instrument=BUY, side=Side.SELL)
    orders = (BOUGHT, order("b", EXPIRED, sold), unwind)
    step = send_added(Progress(), trade(orders), unwind, 0, SETTINGS)
    assert of(step[1], Send) == []
    assert len(of(step[1], Abandon)) == 1


def test_while_an_added_order_waits_for_its_commit_nothing_else_is_decided() -> None:
    unwind = order("u", CREATED, instrument=BUY, side=Side.SELL)
    assert look((BOUGHT, order("b", REJECTED), unwind))[1] == ()


def test_a_closed_trade_is_left_alone() -> None:
    step = look((BOUGHT, order("b", FILLED, ONE_BTC)), state=TradeState.COMPLETED)
    assert step[1] == ()
    assert trade((BOUGHT,)).residual > ZERO


# What must not happen beside it


def test_an_added_order_that_has_left_is_not_sent_again() -> None:
    unwind = order("u", SENT, instrument=BUY, side=Side.SELL)
    orders = (BOUGHT, order("b", REJECTED), unwind)
    assert send_added(Progress(), trade(orders), unwind, 0, SETTINGS)[1] == ()


def test_an_unwind_is_dropped_when_late_fills_leave_the_other_leg_alone() -> None:
    unwind = order("u", CREATED, instrument=BUY, side=Side.SELL, size=HALF)
    orders = (order("a", EXPIRED, HALF), order("b", FILLED, ONE_BTC), unwind)
    step = send_added(Progress(), trade(orders), unwind, 0, SETTINGS)
    assert of(step[1], Send) == []
    assert len(of(step[1], Abandon)) == 1


def test_a_request_is_under_way_for_as_long_after_any_start() -> None:
    unknown = order("b", SENT, unknown=True)
    began = 1_000_000 * MS
    progress, allowed = sent(unknown, at_ns=began), SETTINGS.absent_after_ms * MS
    assert in_flight(progress, unknown, began + allowed - 1, SETTINGS)
    assert not in_flight(progress, unknown, began + allowed, SETTINGS)


@pytest.mark.parametrize(("ask", "leaves"), [(100.0, True), (100.01, False), (0, False)])
def test_a_sequential_second_leg_buys_up_to_its_limit_and_never_in_the_dark(
    ask: float, leaves: bool
) -> None:
    orders = (order("a", CREATED), order("b", FILLED, ONE_BTC))
    step = look(orders, Market(binance_ask=ask), settings=SEQUENTIAL)
    assert bool(of(step[1], Send)) == leaves
    assert bool(of(step[1], Abandon)) != leaves


def test_a_sequential_second_leg_too_small_for_its_venue_is_given_up() -> None:
    dust = order("a", EXPIRED, Decimal("0.0003"))  # worth 0.03, an order is worth 5 or more
    step = look((dust, order("b", CREATED)), settings=SEQUENTIAL)
    assert (of(step[1], Send), of(step[1], AddOrder)) == ([], [])
    assert len(of(step[1], Abandon)) == 1


def test_the_pause_after_a_fruitless_unwind_is_counted_from_that_moment() -> None:
    now = 1_000_000 * MS
    failed = order("u", EXPIRED, instrument=BUY, side=Side.SELL)
    orders = (BOUGHT, order("b", REJECTED), failed)
    dark = Market(bybit_bid=0)
    first = look(orders, dark, progress=Progress(began_ns=now), now_ns=now)
    assert added(first).role == "u"
    assert first[0].next_try_ns > now
    again = look(orders, dark, progress=first[0], now_ns=first[0].next_try_ns - 1)
    assert of(again[1], AddOrder) == []
    assert of(again[1], WakeAt) == [WakeAt(first[0].next_try_ns)]
    assert added(look(orders, dark, progress=first[0], now_ns=first[0].next_try_ns)).role == "u"


def test_a_market_that_is_dark_is_looked_at_again_later_and_not_at_once() -> None:
    now = 1_000_000 * MS
    orders = (BOUGHT, order("b", REJECTED))
    dark = Market(binance_bid=0, bybit_bid=0)
    step = look(orders, dark, progress=Progress(began_ns=now), now_ns=now)
    (wake,) = [effect for effect in step[1] if isinstance(effect, WakeAt)]
    assert wake.at_ns > now


def test_an_order_of_a_recalled_trade_never_takes_an_id_that_may_have_been_used() -> None:
    recalled = look((BOUGHT,))  # its second leg's order left memory long ago
    assert added(recalled).attempt > 50
    assert added(look((BOUGHT, order("b", REJECTED)))).attempt == 1


def test_a_trade_that_a_late_fill_matched_is_no_unwound_one() -> None:
    missed = order("u", EXPIRED, instrument=BUY, side=Side.SELL)
    step = look((BOUGHT, order("b", FILLED, ONE_BTC), missed))
    assert advanced(step) is TradeState.COMPLETED


def test_a_trade_that_ends_late_ends_and_is_not_held() -> None:
    late = SETTINGS.flat_ms * MS + 1
    step = look((BOUGHT, order("b", FILLED, ONE_BTC)), now_ns=late)
    assert (advanced(step), alerts(step)) == (TradeState.COMPLETED, [])


def test_hold_and_alert_calls_nobody_while_the_other_leg_may_still_fill() -> None:
    settings = ExecutionSettings(lone_leg=LoneLeg.HOLD)
    working = order("b", WORKING)
    step = look((BOUGHT, working), progress=sent(working), settings=settings, now_ns=MS)
    assert step[1] == ()


def test_a_look_at_a_deadline_sets_one_at_the_time_to_call_a_person() -> None:
    working = order("b", WORKING)
    step = look((BOUGHT, working), progress=sent(working), now_ns=MS, stimulus=Stimulus.DEADLINE)
    assert WakeAt(SETTINGS.flat_ms * MS) in step[1]
