"""Whatever is sent: no unit of any asset appears or disappears, and no lock outlives its order."""

from decimal import Decimal
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from arbiter.matching.exchange import SimulatedExchange
from arbiter.matching.state import ExchangeState, Step, fold
from arbiter.model.ids import Asset, ClientOrderId
from arbiter.model.instruments import FeeCharge
from arbiter.model.money import ZERO, use_wide_context
from arbiter.model.orders import Side, TimeInForce
from tests.unit.matching.venue import BNB, BNBUSDT, BTC, USDT, VENUE, Customer, spot

prices = st.integers(900, 1_100).map(lambda n: str(Decimal(n) / 10))
sizes = st.integers(1, 4_000).map(lambda n: str(Decimal(n) / 1_000))

quotes = st.tuples(st.just("quote"), prices, st.integers(1, 20), sizes, sizes)
orders = st.tuples(
    st.just("order"),
    st.sampled_from(Side),
    sizes,
    st.one_of(st.none(), prices),
    st.sampled_from(TimeInForce),
    st.booleans(),
)
cancels = st.tuples(st.just("cancel"), st.integers(1, 40))
histories = st.lists(st.one_of(quotes, orders, orders, cancels), max_size=40)
charges = st.sampled_from(FeeCharge)
makers = st.sampled_from(["0.001", "0", "-0.0005"])


def play(history: list[tuple[Any, ...]], charge: FeeCharge, maker: str) -> Customer:
    use_wide_context()
    customer = Customer(instrument=spot(charge=charge, maker=maker), btc="5", usdt="600", bnb="0.1")
    customer.exchange.on_quote(BNBUSDT, 300.0, 301.0, 10.0, 10.0, customer.now_ns)
    for event in history:
        customer.now_ns += 1_000
        if event[0] == "quote":
            _, bid, width, bid_size, ask_size = event
            ask = str(Decimal(bid) + Decimal(width) / 10)
            customer.quote(bid, ask, bid_size, ask_size)
        elif event[0] == "order":
            _, side, size, price, tif, post_only = event
            request = customer.request(side, size, price, tif, post_only=post_only)
            customer.exchange.submit(request, customer.now_ns)
        else:
            customer.exchange.cancel(ClientOrderId(f"order-{event[1]}"), customer.now_ns)
    return customer


def after_fills(customer: Customer) -> dict[Asset, Decimal]:
    """What the account must hold, counted from the fills alone."""
    held = {BTC: Decimal(5), USDT: Decimal(600), BNB: Decimal("0.1")}
    for fill in customer.exchange.fills_since(0):
        held[BTC] += fill.side.sign * fill.size
        held[USDT] -= fill.side.sign * fill.size * fill.price
        held[Asset(fill.fee_asset)] -= fill.fee
    return held


@given(histories, charges, makers)
def test_balances_are_what_the_fills_and_their_fees_say(
    history: list[tuple[Any, ...]], charge: FeeCharge, maker: str
) -> None:
    customer = play(history, charge, maker)
    held = {h.asset: h.total for h in customer.exchange.holdings()}
    assert held == after_fills(customer)


@given(histories, charges, makers)
def test_no_balance_is_ever_negative_or_locked_beyond_the_open_orders(
    history: list[tuple[Any, ...]], charge: FeeCharge, maker: str
) -> None:
    customer = play(history, charge, maker)
    state = customer.exchange.state()
    for asset, (total, locked) in state.balances.items():
        needed = sum((o.locked for o in state.orders if o.lock_asset == asset), ZERO)
        assert locked == needed
        assert ZERO <= locked <= total


@given(histories, charges, makers)
def test_order_promises_are_kept(
    history: list[tuple[Any, ...]], charge: FeeCharge, maker: str
) -> None:
    """FOK is all or nothing, immediate orders never rest, post-only never takes, limits hold."""
    customer = play(history, charge, maker)
    state = customer.exchange.state()
    by_name = {order.client_order_id: order for order in state.orders}
    filled = dict.fromkeys(by_name, ZERO)
    for fill in state.fills:
        request = by_name[fill.client_order_id].request
        filled[fill.client_order_id] += fill.size
        if request.post_only:
            assert fill.liquidity == "MAKER"
        if request.price is not None:
            assert (fill.price - request.price) * fill.side.sign <= 0
    for name, order in by_name.items():
        assert order.filled_size == filled[name] <= order.request.size
        if order.request.immediate:
            assert order.status.terminal
        if order.request.time_in_force is TimeInForce.FOK:
            assert order.filled_size in {ZERO, order.request.size}


@given(histories, charges)
def test_displayed_size_is_never_exceeded(
    history: list[tuple[Any, ...]], charge: FeeCharge
) -> None:
    """Between two quotes no more is bought than the ask shows, nor sold than the bid shows."""
    shown = [(1_000, Decimal(1), Decimal(1))]
    for number, event in enumerate(history, 1):
        if event[0] == "quote":
            shown.append((1_000 + number * 1_000, Decimal(event[3]), Decimal(event[4])))
    customer = play(history, charge, "0.001")
    fills = customer.exchange.fills_since(0)
    for (since, bid_size, ask_size), until in zip(
        shown, [at for at, _, _ in shown[1:]] + [2**63], strict=True
    ):
        within = [fill for fill in fills if since <= fill.at_ns < until]
        assert sum((f.size for f in within if f.side is Side.BUY), ZERO) <= ask_size
        assert sum((f.size for f in within if f.side is Side.SELL), ZERO) <= bid_size


@given(histories, charges, st.integers(0, 40))
def test_recorded_steps_rebuild_the_exchange(
    history: list[tuple[Any, ...]], charge: FeeCharge, snapshot_after: int
) -> None:
    """From any snapshot, and from one that already holds some of the steps."""
    customer = play(history, charge, "0.001")
    encoded = [msgspec.msgpack.encode(step) for step in customer.steps]
    steps = [msgspec.msgpack.decode(data, type=Step) for data in encoded]
    early = fold(ExchangeState(venue=VENUE), steps[:snapshot_after])
    for tail in (steps[snapshot_after:], steps):
        restored = SimulatedExchange(VENUE, customer.instruments)
        restored.restore(fold(early, tail), 10**9)
        assert restored.state() == customer.exchange.state()
        assert restored.open_orders() == customer.exchange.open_orders()


def test_order_in_a_market_no_longer_listed_is_cancelled_and_its_lock_freed() -> None:
    customer = Customer()
    customer.buy("1", "90")
    elsewhere = SimulatedExchange(VENUE, [spot(BNB)])
    elsewhere.restore(customer.exchange.state(), 2_000)
    assert elsewhere.open_orders() == []
    assert {h.asset: h.locked for h in elsewhere.holdings()}[USDT] == 0
    (ended,) = elsewhere.due(2_000)
    assert getattr(ended, "status", None) == "CANCELLED"


def test_starting_balance_is_given_once() -> None:
    customer = Customer()
    assert customer.exchange.open_account({USDT: Decimal(7), Asset("NEW"): Decimal(3)}, 1) == [
        "NEW"
    ]
    assert customer.total(USDT) == 10_000
    assert customer.total(Asset("NEW")) == 3
