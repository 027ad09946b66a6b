"""Reports come in any order; the order ends up right all the same."""

import pytest
from msgspec.structs import replace

from arbiter.ledger import orders as order_book
from arbiter.ledger.alarms import AlarmCode
from arbiter.ledger.ledger import Ledger
from arbiter.model import events as ev
from arbiter.model.changes import Changes
from arbiter.model.denials import DenialCode, deny
from arbiter.model.errors import LedgerError
from arbiter.model.ids import ClientOrderId
from arbiter.model.orders import Fill, Liquidity, Order, OrderStatus, Side
from arbiter.model.trades import Trade, TradeState
from tests.unit.ledger.tape import BINANCE, BTC, BYBIT, USDT, Tape, d


@pytest.fixture
def tape() -> Tape:
    tape = Tape()
    tape.opening(BINANCE, BTC=10, USDT=10_000)
    tape.opening(BYBIT, BTC=10, USDT=10_000)
    return tape


def legs(tape: Tape, trade: Trade) -> tuple[Order, Order]:
    return tape.leg(trade, "a0"), tape.leg(trade, "b0")


def test_an_order_lives_from_created_to_filled(tape: Tape) -> None:
    trade = tape.trade()
    seen = [tape.leg(trade, "a0").status]
    tape.sent(tape.leg(trade, "a0"))
    seen.append(tape.leg(trade, "a0").status)
    tape.accepted(tape.leg(trade, "a0"))
    seen.append(tape.leg(trade, "a0").status)
    tape.filled(tape.leg(trade, "a0"), d("0.4"))
    seen.append(tape.leg(trade, "a0").status)
    tape.filled(tape.leg(trade, "a0"))
    seen.append(tape.leg(trade, "a0").status)
    assert seen == [
        OrderStatus.CREATED,
        OrderStatus.SUBMITTED,
        OrderStatus.WORKING,
        OrderStatus.PARTIALLY_FILLED,
        OrderStatus.FILLED,
    ]


def test_a_fill_before_the_acknowledgement_is_not_undone_by_it(tape: Tape) -> None:
    trade = tape.trade()
    tape.sent(tape.leg(trade, "a0"))
    tape.filled(tape.leg(trade, "a0"), d("0.4"))
    tape.accepted(tape.leg(trade, "a0"))
    order = tape.leg(trade, "a0")
    assert (order.status, order.filled_size) == (OrderStatus.PARTIALLY_FILLED, d("0.4"))
    assert order.venue_order_id == f"v-{order.client_order_id}"


def test_a_late_fill_leaves_a_cancelled_order_cancelled_until_it_is_full(tape: Tape) -> None:
    trade = tape.trade()
    tape.ended(tape.leg(trade, "a0"))
    tape.filled(tape.leg(trade, "a0"), d("0.4"))
    assert tape.leg(trade, "a0").status is OrderStatus.CANCELLED
    assert tape.ledger.balances[BINANCE, BTC].total == d("10.4")
    tape.filled(tape.leg(trade, "a0"), d("0.6"))
    assert tape.leg(trade, "a0").status is OrderStatus.FILLED
    assert tape.ledger.balances[BINANCE, BTC].total == 11


def test_the_first_terminal_status_stays(tape: Tape) -> None:
    trade = tape.trade()
    tape.filled(tape.leg(trade, "a0"))
    tape.ended(tape.leg(trade, "a0"), OrderStatus.EXPIRED)
    tape.rejected(tape.leg(trade, "a0"))
    assert tape.leg(trade, "a0").status is OrderStatus.FILLED


def test_the_same_fill_twice_is_booked_once(tape: Tape) -> None:
    trade = tape.trade()
    event = tape.filled(tape.leg(trade, "a0"), d("0.4"))
    before = tape.ledger.image()
    assert tape.apply(event) == Changes()
    assert tape.ledger.image() == before
    assert tape.ledger.has_fill(BINANCE, event.fill.venue_trade_id)
    assert not tape.ledger.has_fill(BYBIT, event.fill.venue_trade_id)


def test_an_over_fill_is_booked_and_alarmed(tape: Tape) -> None:
    trade = tape.trade()
    tape.filled(tape.leg(trade, "a0"), d("1.5"))
    order = tape.leg(trade, "a0")
    assert (order.status, order.filled_size) == (OrderStatus.FILLED, d("1.5"))
    assert tape.ledger.balances[BINANCE, BTC].total == d("11.5")
    assert tape.ledger.balances[BINANCE, USDT].locked == 0
    assert [alarm.code for alarm in tape.ledger.alarms] == [AlarmCode.OVER_FILLED]


def test_a_fill_of_a_rejected_order_is_booked_and_alarmed(tape: Tape) -> None:
    trade = tape.trade()
    tape.rejected(tape.leg(trade, "a0"))
    assert tape.leg(trade, "a0").reason == "-2010: insufficient balance"
    tape.filled(tape.leg(trade, "a0"), d("0.4"))
    assert tape.leg(trade, "a0").status is OrderStatus.REJECTED
    assert tape.ledger.balances[BINANCE, BTC].total == d("10.4")
    assert [alarm.code for alarm in tape.ledger.alarms] == [AlarmCode.FILLED_AFTER_REFUSAL]


def test_a_refusal_of_what_was_already_executed_only_ends_it(tape: Tape) -> None:
    trade = tape.trade()
    tape.filled(tape.leg(trade, "a0"), d("0.4"))
    tape.rejected(tape.leg(trade, "a0"))
    assert tape.leg(trade, "a0").status is OrderStatus.CANCELLED
    assert [alarm.code for alarm in tape.ledger.alarms] == [AlarmCode.REFUSED_AFTER_FILL]


def test_an_unknown_outcome_keeps_status_and_locks_and_freezes_the_trade(tape: Tape) -> None:
    trade = tape.trade()
    a, b = legs(tape, trade)
    tape.sent(a)
    tape.unknown(a)
    tape.unknown(b)
    a, b = legs(tape, trade)
    assert (a.status, b.status) == (OrderStatus.SUBMITTED, OrderStatus.CREATED)
    assert a.unknown_since_ns is not None
    assert tape.ledger.free(BINANCE, USDT) == d("9899.9")
    assert tape.now(trade).unknown
    tape.apply(ev.OutcomeKnown(at_ns=tape.now_ns, client_order_id=a.client_order_id))
    assert tape.now(trade).unknown
    tape.ended(b)
    assert not tape.now(trade).unknown


def test_an_order_that_is_over_has_no_unknown_outcome(tape: Tape) -> None:
    trade = tape.trade()
    tape.filled(tape.leg(trade, "a0"))
    tape.unknown(tape.leg(trade, "a0"))
    assert tape.leg(trade, "a0").unknown_since_ns is None
    assert not tape.now(trade).unknown


def test_only_an_unsent_order_can_be_abandoned(tape: Tape) -> None:
    trade = tape.trade()
    a, b = legs(tape, trade)
    tape.apply(
        ev.OrderAbandoned(at_ns=tape.now_ns, client_order_id=a.client_order_id, reason="EDGE_GONE")
    )
    assert tape.leg(trade, "a0").status is OrderStatus.ABANDONED
    assert tape.ledger.free(BINANCE, USDT) == 10_000
    tape.sent(b)
    with pytest.raises(LedgerError, match="only an unsent order"):
        tape.apply(
            ev.OrderAbandoned(
                at_ns=tape.now_ns, client_order_id=b.client_order_id, reason="EDGE_GONE"
            )
        )


def test_denied_legs_are_rows_with_their_reason_and_hold_nothing(tape: Tape) -> None:
    trade = tape.trade()
    template = tape.leg(trade, "a0")
    before = tape.ledger.image()
    denied = deny(DenialCode.BUDGET_EXCEEDED, allocated=500, reserved=480, needed=40)
    order = tape.order(trade.id, "a9", BINANCE, Side.BUY, d(1), template.planned_price)
    changes = tape.apply(ev.PlanDenied(at_ns=tape.now_ns, denied=denied, orders=(order,)))
    row = changes.orders[order.client_order_id]
    assert row.status is OrderStatus.DENIED
    assert row.reason == "BUDGET_EXCEEDED: allocated=500 reserved=480 needed=40"
    assert tape.ledger.image() == before


def test_a_journal_that_names_holds_apart_gives_the_same_ledger(tape: Tape) -> None:
    """As earlier versions wrote it; now the orders themselves say what they hold."""
    trade = tape.trade()
    tape.more(trade, "u1", BYBIT, Side.BUY, d("0.1"))
    now = Ledger()
    for event in tape.events:
        if not isinstance(event, ev.TradeOpened | ev.OrdersAdded):
            now.apply(event)
            continue
        orders = []
        for order in event.orders:
            asset, lock = event.locks[order.client_order_id]
            budget, reserve = event.reserve.get(order.client_order_id, (None, d(0)))
            orders.append(
                replace(order, lock_asset=asset, lock=lock, reserve_asset=budget, reserve=reserve)
            )
        now.apply(replace(event, orders=tuple(orders), locks={}, reserve={}))
    assert now.image() == tape.ledger.image()
    assert any(order.lock for order in now.image().orders)


@pytest.mark.parametrize("what", ["unknown order", "other side", "trade again", "open end"])
def test_an_impossible_event_books_nothing(tape: Tape, what: str) -> None:
    trade = tape.trade()
    a, b = legs(tape, trade)
    before = tape.ledger.image()
    events: dict[str, ev.JournalEvent] = {
        "unknown order": ev.OrderSent(at_ns=1, client_order_id=ClientOrderId("nobody")),
        "other side": ev.OrderFilled(
            at_ns=1,
            fill=Fill(
                venue=BYBIT,
                venue_trade_id="x",
                client_order_id=b.client_order_id,
                instrument=b.instrument,
                side=Side.BUY,
                size=d(1),
                price=d(1),
                fee=d(0),
                fee_asset=USDT,
                liquidity=Liquidity.TAKER,
                at_ns=1,
            ),
        ),
        "trade again": ev.TradeOpened(at_ns=1, trade=trade, orders=(), locks={}, reserve={}),
        "open end": ev.OrderEnded(
            at_ns=1,
            client_order_id=a.client_order_id,
            status=OrderStatus.WORKING,
            reason="",
        ),
    }
    with pytest.raises(LedgerError):
        tape.ledger.apply(events[what])
    assert tape.ledger.image() == before


def test_closed_trades_leave_memory_and_a_later_fill_brings_its_records_along() -> None:
    tape = Tape(Ledger(closed_kept=2))
    tape.opening(BINANCE, BTC=10, USDT=10_000)
    tape.opening(BYBIT, BTC=10, USDT=10_000)
    first = tape.trade()
    for name in ("a0", "b0"):
        tape.ended(tape.leg(first, name))
    order = tape.leg(first, "a0")
    first = tape.advanced(first, TradeState.FAILED)
    for _ in range(2):
        trade = tape.trade()
        for name in ("a0", "b0"):
            tape.filled(tape.leg(trade, name))
        tape.advanced(trade, TradeState.COMPLETED)
    assert tape.ledger.trade(first.id) is None
    assert order.client_order_id not in tape.ledger.orders
    assert len(tape.ledger.orders) == 4
    with pytest.raises(LedgerError, match="neither in the ledger nor told"):
        tape.filled(order)
    fill = Fill(
        venue=order.venue,
        venue_trade_id="late",
        client_order_id=order.client_order_id,
        instrument=order.instrument,
        side=order.side,
        size=d("0.5"),
        price=d(100),
        fee=d(1),
        fee_asset=USDT,
        liquidity=Liquidity.TAKER,
        at_ns=tape.now_ns,
    )
    tape.apply(ev.OrderFilled(at_ns=tape.now_ns, fill=fill, trade=first, order=order))
    recalled = tape.now(first)
    assert (recalled.bought, recalled.spent, recalled.pnl) == (d("0.5"), d(50), d(-1))
    assert tape.ledger.orders[order.client_order_id].filled_size == d("0.5")
    assert tape.ledger.cumulative_pnl == 3


def test_a_closed_trade_with_an_open_order_stays_in_memory() -> None:
    tape = Tape(Ledger(closed_kept=1))
    first = tape.trade()
    tape.advanced(first, TradeState.COMPLETED)
    second, third = tape.trade(), tape.trade()
    for trade in (second, third):
        for name in ("a0", "b0"):
            tape.ended(tape.leg(trade, name))
        tape.advanced(trade, TradeState.FAILED)
    assert list(tape.ledger.closed_trades) == [first.id, third.id]


def test_a_part_filled_order_holds_its_share_until_it_ends(tape: Tape) -> None:
    tape.budget(1_000)
    trade = tape.trade(size=d(1))
    buy = tape.leg(trade, "a0")
    held, reserved = buy.lock, buy.reserve
    assert held > 0
    assert reserved > 0
    tape.sent(buy)
    tape.filled(buy, d("0.25"))
    budget = tape.ledger.budgets[buy.strategy, USDT]
    assert tape.ledger.balances[BINANCE, USDT].locked == held * 3 / 4
    assert budget.reserved == reserved * 3 / 4 + 25  # what it bought at 100 is capital in use
    tape.ended(tape.leg(trade, "a0"), OrderStatus.CANCELLED)
    budget = tape.ledger.budgets[buy.strategy, USDT]
    assert tape.ledger.balances[BINANCE, USDT].locked == 0
    assert budget.reserved == 25


def test_the_value_of_an_order_is_that_of_its_fills(tape: Tape) -> None:
    trade = tape.trade()
    tape.sent(tape.leg(trade, "a0"))
    tape.filled(tape.leg(trade, "a0"), d("0.4"))
    tape.filled(tape.leg(trade, "a0"), d("0.6"))
    assert tape.leg(trade, "a0").filled_value == 100


def test_a_cancelled_orders_late_fill_leaves_its_unknown_outcome_known(tape: Tape) -> None:
    trade = tape.trade()
    tape.sent(tape.leg(trade, "a0"))
    tape.apply(
        ev.OutcomeUnknown(
            at_ns=tape.now_ns, client_order_id=tape.leg(trade, "a0").client_order_id, why="time-out"
        )
    )
    tape.filled(tape.leg(trade, "a0"), d("0.4"))
    assert tape.leg(trade, "a0").unknown_since_ns is not None
    tape.filled(tape.leg(trade, "a0"), d("0.6"))
    assert tape.leg(trade, "a0").unknown_since_ns is None


@pytest.mark.parametrize(
    ("before", "left", "after"),
    [
        (OrderStatus.FILLED, "0.6", OrderStatus.EXPIRED),
        (OrderStatus.PARTIALLY_FILLED, "0.2", OrderStatus.PARTIALLY_FILLED),
        (OrderStatus.PARTIALLY_FILLED, "0", OrderStatus.WORKING),
        (OrderStatus.CANCELLED, "0", OrderStatus.CANCELLED),
    ],
)
def test_a_void_fill_leaves_its_order_with_the_others(
    tape: Tape, before: OrderStatus, left: str, after: OrderStatus
) -> None:
    trade = tape.trade()
    tape.sent(tape.leg(trade, "a0"))
    fill = tape.filled(tape.leg(trade, "a0"), d("0.4")).fill
    filled = d(left) + fill.size
    order = replace(
        tape.leg(trade, "a0"), status=before, filled_size=filled, filled_value=filled * 100
    )
    void = order_book.voided(order, fill, tape.now_ns)
    assert (void.status, void.filled_size, void.filled_value) == (after, d(left), d(left) * 100)
    assert ("failed to settle" in (void.reason or "")) == (before is OrderStatus.FILLED)


def test_holds_told_for_an_order_that_is_not_there_are_refused(tape: Tape) -> None:
    trade = tape.trade()
    order = replace(tape.leg(trade, "a0"), client_order_id=ClientOrderId("more"))
    with pytest.raises(LedgerError, match="not there"):
        order_book.with_holds([order], {ClientOrderId("else"): (USDT, d(1))}, {})
