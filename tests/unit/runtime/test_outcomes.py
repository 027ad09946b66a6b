"""What venues say, in whatever order they say it, and what becomes of it."""

from decimal import Decimal

from msgspec.structs import replace

from arbiter.model.events import AlertRaised, OrderFilled, TradeAdvanced
from arbiter.model.ids import ClientOrderId, VenueOrderId
from arbiter.model.money import ZERO
from arbiter.model.orders import Order, OrderStatus, Side
from arbiter.model.reports import Absent, Accepted, CancelRefused, Ended, Filled, OrderTruth
from arbiter.model.time import NS_PER_MS, NS_PER_S
from arbiter.model.trades import TradeState
from tests.fakes.engine import VENUES, Desk, spot_instrument


def alerts(desk: Desk) -> list[str]:
    return [event.code for event in desk.journal.of(AlertRaised) if isinstance(event, AlertRaised)]


def absent(order: Order) -> Absent:
    return Absent(venue=order.venue, client_order_id=order.client_order_id, at_ns=0)


def truth(order: Order, status: OrderStatus, filled: Decimal) -> OrderTruth:
    assert order.venue_order_id is not None
    return OrderTruth(
        venue=order.venue,
        client_order_id=order.client_order_id,
        venue_order_id=order.venue_order_id,
        instrument=order.instrument,
        status=status,
        size=order.size,
        filled_size=filled,
        at_ns=0,
    )


def opened() -> tuple[Desk, Order, Order]:
    desk = Desk()
    desk.open_spread()
    buy, sell = desk.outbox.sent
    return desk, buy, sell


def test_what_a_venue_tells_at_one_moment_is_booked_whole_and_decided_on_once() -> None:
    desk, buy, sell = opened()
    desk.complete(sell)
    batches: list[list[str]] = []
    desk.hub.listen(lambda events, _: batches.append([type(event).__name__ for event in events]))
    now, size = desk.clock.now_ns(), Decimal("0.4")
    desk.core.on_reports(
        [
            Accepted(
                venue=buy.venue,
                at_ns=now,
                client_order_id=buy.client_order_id,
                venue_order_id=VenueOrderId("v-1"),
            ),
            Filled(venue=buy.venue, at_ns=now, fill=desk.fill_of(buy, size)),
            Ended(
                venue=buy.venue,
                at_ns=now,
                client_order_id=buy.client_order_id,
                status=OrderStatus.EXPIRED,
                filled_size=size,
            ),
        ]
    )
    order = desk.order(buy.client_order_id)
    assert (order.venue_order_id, order.filled_size) == ("v-1", size)
    assert order.status is OrderStatus.EXPIRED
    assert batches[:2] == [["OrderAccepted", "OrderFilled"], ["OrderEnded"]]
    assert len(desk.outbox.sent) == 3  # one way out of what stands alone, for all of it
    assert desk.outbox.sent[2].size == sell.size - size


def test_a_trade_is_not_looked_at_while_a_leg_works_but_is_when_its_time_is_over() -> None:
    desk, buy, sell = opened()
    desk.accept(buy)
    desk.complete(sell)
    assert desk.outbox.asked == []
    ((at_ns, trade_id),) = desk.outbox.wakes
    desk.clock.advance(at_ns - desk.clock.monotonic_ns())
    desk.core.on_wake(trade_id)
    assert [order.client_order_id for order in desk.outbox.asked] == [buy.client_order_id]
    assert [order.client_order_id for order in desk.outbox.cancelled] == [buy.client_order_id]


def test_the_look_that_a_trade_had_coming_is_called_off_when_it_ends_before() -> None:
    desk, buy, sell = opened()
    desk.complete(buy)
    assert desk.outbox.called_off == []
    desk.complete(sell)
    assert len(desk.outbox.wakes) == 1
    assert desk.outbox.called_off == desk.outbox.wakes


def test_a_look_that_has_been_is_not_called_off_any_more() -> None:
    desk, buy, sell = opened()
    desk.complete(buy)
    ((at_ns, trade_id),) = desk.outbox.wakes
    desk.clock.advance(at_ns - desk.clock.monotonic_ns())
    desk.core.on_wake(trade_id)
    desk.complete(sell)
    assert desk.outbox.wakes[0] not in desk.outbox.called_off
    assert desk.outbox.called_off == [min(desk.outbox.wakes[1:])]


def test_a_refusal_of_what_was_accepted_before_is_asked_about_and_not_believed() -> None:
    desk, buy, _ = opened()
    desk.accept(buy)
    desk.refuse(buy, "DUPLICATE_CLIENT_ORDER_ID")
    assert desk.order(buy.client_order_id).open
    assert desk.outbox.asked[-1].client_order_id == buy.client_order_id


def test_an_end_that_overtakes_its_fills_keeps_the_order_open_until_they_are_here() -> None:
    desk, buy, _ = opened()
    desk.accept(buy)
    desk.end(buy, OrderStatus.CANCELLED, Decimal("0.2"))
    assert desk.order(buy.client_order_id).open
    order = desk.order(buy.client_order_id)
    fill = desk.fill_of(buy, Decimal("0.2"))
    desk.core.on_answer(order, truth(order, OrderStatus.CANCELLED, Decimal("0.2")), [fill])
    assert desk.order(buy.client_order_id).status is OrderStatus.CANCELLED
    assert desk.order(buy.client_order_id).filled_size == Decimal("0.2")


def test_a_cancel_refused_because_it_filled_is_a_reason_to_ask() -> None:
    desk, buy, _ = opened()
    desk.accept(buy)
    desk.core.on_report(
        CancelRefused(
            venue=buy.venue, at_ns=0, client_order_id=buy.client_order_id, code="X", reason="filled"
        )
    )
    assert desk.outbox.asked[-1].client_order_id == buy.client_order_id


def test_no_such_order_is_not_believed_while_the_request_may_be_on_its_way() -> None:
    desk, buy, _ = opened()
    desk.lose(buy)
    desk.core.on_answer(desk.order(buy.client_order_id), absent(buy), [])
    assert desk.order(buy.client_order_id).open
    desk.clock.advance(5 * NS_PER_S)
    desk.core.on_answer(desk.order(buy.client_order_id), absent(buy), [])
    assert desk.order(buy.client_order_id).status is OrderStatus.REJECTED


def test_an_accepted_order_is_never_ended_by_no_such_order_alone() -> None:
    desk, buy, _ = opened()
    desk.accept(buy)
    desk.clock.advance(60 * NS_PER_S)
    desk.core.on_answer(desk.order(buy.client_order_id), absent(buy), [])
    assert desk.order(buy.client_order_id).open


def test_a_late_fill_opens_its_trade_again_in_the_same_transaction_and_is_mended() -> None:
    desk, buy, sell = opened()
    desk.lose(buy)
    desk.clock.advance(6 * NS_PER_S)
    desk.core.on_answer(desk.order(buy.client_order_id), absent(buy), [])
    desk.refuse(sell)
    (trade,) = desk.ledger.closed_trades.values()
    assert trade.state is TradeState.FAILED

    desk.quote("BTCUSDT.BINANCE", 100.0, 100.1)
    desk.quote("BTCUSDT.BYBIT", 100.0, 100.1)
    seen = len(desk.journal.events)
    desk.fill(buy)
    booked, again = desk.journal.events[seen : seen + 2]
    assert isinstance(booked, OrderFilled)
    assert isinstance(again, TradeAdvanced)
    assert again.state is TradeState.WORKING
    mend = desk.outbox.sent[-1]
    assert (mend.side, mend.size, mend.reduce_only) == (Side.SELL, buy.size, True)
    desk.complete(mend)
    assert not desk.ledger.open_trades()
    assert {"FILLED_AFTER_REFUSAL", "LATE_FILL", "LONE_LEG"} <= set(alerts(desk))


def test_an_order_that_turns_up_after_it_was_given_up_is_cancelled() -> None:
    desk, buy, _ = opened()
    desk.lose(buy)
    desk.clock.advance(6 * NS_PER_S)
    desk.core.on_answer(desk.order(buy.client_order_id), absent(buy), [])
    desk.accept(buy)
    assert desk.outbox.cancelled[-1].client_order_id == buy.client_order_id
    assert "LATE_ARRIVAL" in alerts(desk)


def test_a_fill_that_contradicts_its_order_is_told_once_and_not_booked() -> None:
    desk, buy, _ = opened()
    wrong = replace(desk.fill_of(buy), side=Side.SELL)
    for _ in range(3):
        assert desk.core.outcomes.book([wrong]) == 0
    assert alerts(desk).count("FILL_CONTRADICTS") == 1
    assert desk.order(buy.client_order_id).filled_size == ZERO


def test_a_fee_in_a_third_coin_is_valued_at_its_last_price_or_by_the_rate() -> None:
    desk = Desk(
        instruments=(
            *(spot_instrument(venue) for venue in VENUES),
            spot_instrument(VENUES[0], "BNB"),
        )
    )
    desk.open_spread()
    buy, _ = desk.outbox.sent
    half = buy.size / 2
    in_bnb = replace(desk.fill_of(buy, half), fee=Decimal("0.0001"), fee_asset="BNB")
    assert desk.core.outcomes.book([in_bnb]) == 1
    (first,) = desk.journal.of(OrderFilled)
    assert isinstance(first, OrderFilled)
    assert first.fee_in_quote == half * in_bnb.price / 1000
    desk.quote("BNBUSDT.BINANCE", 499.0, 501.0)
    again = replace(in_bnb, venue_trade_id="another")
    assert desk.core.outcomes.book([again]) == 1
    last = desk.journal.of(OrderFilled)[-1]
    assert isinstance(last, OrderFilled)
    assert last.fee_in_quote == Decimal("0.05")


def test_a_market_that_refuses_twice_is_left_alone_until_it_accepts_again() -> None:
    desk, buy, sell = opened()
    desk.refuse(buy)
    desk.refuse(sell)
    for minute in (1, 2):
        desk.clock.advance(61 * NS_PER_S)
        desk.open_spread()
        buy, sell = desk.outbox.sent[-2:]
        if minute == 1:
            desk.refuse(buy)
            desk.refuse(sell)
            assert alerts(desk).count("VENUE_REFUSES") == 2
            sent = len(desk.outbox.sent)
            desk.clock.advance(1_500 * NS_PER_MS)
            desk.open_spread()
            assert len(desk.outbox.sent) == sent
    assert desk.order(buy.client_order_id).open, "after its pause the market is tried again"


def test_reports_on_orders_that_are_not_ours_change_nothing() -> None:
    desk, buy, _ = opened()
    stranger = replace(buy, client_order_id=ClientOrderId("by-hand"))
    before = desk.ledger.image()
    desk.accept(stranger)
    desk.end(stranger, OrderStatus.FILLED, stranger.size)
    assert desk.ledger.image() == before
    assert set(alerts(desk)) == {"FOREIGN_ORDER"}
