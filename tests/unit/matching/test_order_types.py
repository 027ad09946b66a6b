"""What each kind of order does against a displayed market."""

from decimal import Decimal
from uuid import UUID

from arbiter.matching.exchange import SimulatedExchange
from arbiter.matching.orders import OrderRequest, request_of
from arbiter.matching.private import PrivateReport
from arbiter.model.ids import Actor, ClientOrderId, StrategyId, Symbol, TradeId
from arbiter.model.orders import Liquidity, Order, OrderType, Side, TimeInForce
from arbiter.model.reports import Absent, CancelRefused, Filled, OrderTruth, Refused, VenueReport
from tests.unit.matching.venue import (
    BTC,
    BTCUSDT,
    USDT,
    VENUE,
    Customer,
    end_of,
    fills,
    kinds,
    spot,
)


def test_marketable_limit_fills_at_the_displayed_price_not_at_its_limit() -> None:
    reports = Customer().buy("0.5", "105")
    assert kinds(reports) == ["Accepted", "Filled", "Ended"]
    assert fills(reports) == [("0.5", "101")]
    assert end_of(reports) == "FILLED"


def test_ioc_takes_what_is_displayed_and_never_rests() -> None:
    customer = Customer()
    reports = customer.buy("3", "101", TimeInForce.IOC)
    assert fills(reports) == [("1", "101")]
    assert end_of(reports) == "EXPIRED"
    assert not customer.exchange.open_orders()
    assert customer.locked(USDT) == 0


def test_ioc_below_the_market_expires_without_a_fill() -> None:
    reports = Customer().buy("1", "100.9", TimeInForce.IOC)
    assert kinds(reports) == ["Accepted", "Ended"]
    assert end_of(reports) == "EXPIRED"


def test_fok_that_cannot_fill_in_full_fills_nothing() -> None:
    customer = Customer()
    reports = customer.buy("1.001", "101", TimeInForce.FOK)
    assert fills(reports) == []
    assert end_of(reports) == "EXPIRED"
    assert customer.total(BTC) == 10
    assert end_of(customer.buy("1", "101", TimeInForce.FOK)) == "FILLED"


def test_market_order_ends_with_what_was_displayed() -> None:
    reports = Customer().sell("2.5", None)
    assert fills(reports) == [("1", "100")]
    assert end_of(reports) == "EXPIRED"


def test_displayed_size_is_taken_once_until_the_next_quote() -> None:
    customer = Customer()
    assert fills(customer.buy("0.7", "101", TimeInForce.IOC)) == [("0.7", "101")]
    assert fills(customer.buy("0.7", "101", TimeInForce.IOC)) == [("0.3", "101")]
    assert fills(customer.buy("0.7", "101", TimeInForce.IOC)) == []
    customer.quote("100", "101")
    assert fills(customer.buy("0.7", "101", TimeInForce.IOC)) == [("0.7", "101")]


def test_gtc_rests_and_is_filled_as_maker_at_its_own_price_in_parts() -> None:
    customer = Customer()
    assert kinds(customer.buy("1.5", "99.5")) == ["Accepted"]
    assert customer.quote("99.6", "99.7") == []
    first = customer.quote("99", "99.4", ask_size="1")
    assert fills(first) == [("1", "99.5")]
    assert isinstance(first[0], Filled)
    assert first[0].fill.liquidity is Liquidity.MAKER
    last = customer.quote("99", "99.5", ask_size="9")
    assert fills(last) == [("0.5", "99.5")]
    assert end_of(last) == "FILLED"
    assert customer.locked(USDT) == 0


def test_remainder_of_an_aggressive_gtc_rests_with_its_lock() -> None:
    customer = Customer()
    assert kinds(customer.sell("3", "100")) == ["Accepted", "Filled"]
    assert customer.locked(BTC) == 2
    (order,) = customer.exchange.open_orders()
    assert (order.status, order.filled_size) == ("PARTIALLY_FILLED", Decimal(1))


def test_better_priced_resting_order_is_filled_before_the_older_one() -> None:
    customer = Customer()
    customer.buy("1", "98")
    customer.buy("1", "99")
    assert fills(customer.quote("97", "97.5", ask_size="1")) == [("1", "99")]


def test_post_only_is_refused_where_it_would_take_and_rests_otherwise() -> None:
    customer = Customer()
    refused = customer.exchange.submit(
        customer.request(Side.BUY, "1", "101", post_only=True), customer.now_ns
    )
    assert isinstance(refused[0], Refused)
    assert refused[0].code == "-2010"
    assert customer.exchange.fills_since(0) == []
    accepted = customer.exchange.submit(
        customer.request(Side.BUY, "1", "100.9", post_only=True), customer.now_ns
    )
    assert kinds(accepted) == ["Accepted"]


def test_cancel_ends_a_resting_order_and_frees_its_lock() -> None:
    customer = Customer()
    customer.exchange.submit(customer.request(Side.SELL, "2", "120", name="x"), customer.now_ns)
    (order,) = customer.exchange.open_orders()
    reports = customer.exchange.cancel(order.client_order_id, customer.now_ns)
    assert end_of(reports) == "CANCELLED"
    assert customer.locked(BTC) == 0
    again = customer.exchange.cancel(order.client_order_id, customer.now_ns)
    assert isinstance(again[0], CancelRefused)
    assert again[0].code == "-2011"


def test_query_finds_what_arrived_and_calls_the_rest_absent() -> None:
    customer = Customer()
    request = customer.request(Side.BUY, "1", "90")
    assert isinstance(customer.exchange.query(request.client_order_id, 1), Absent)
    customer.exchange.submit(request, customer.now_ns)
    truth = customer.exchange.query(request.client_order_id, customer.now_ns)
    assert isinstance(truth, OrderTruth)
    assert truth.status == "WORKING"


def test_trade_ids_are_unique_and_repeat_with_the_same_history() -> None:
    def history() -> list[str]:
        customer = Customer()
        for _ in range(3):
            customer.quote("100", "101")
            customer.buy("0.5", "101")
            customer.sell("0.5", "100")
        return [fill.venue_trade_id for fill in customer.exchange.fills_since(0)]

    assert len(set(history())) == 6
    assert history() == history()


def test_fills_since_gives_the_newer_ones_oldest_first() -> None:
    customer = Customer()
    for now_ns in (10_000, 20_000, 30_000):
        customer.now_ns = now_ns
        customer.quote("100", "101")
        customer.buy("0.5", "101")
    assert [f.at_ns for f in customer.exchange.fills_since(20_000)] == [20_000, 30_000]


def test_old_ended_orders_are_forgotten_but_never_an_open_one() -> None:
    exchange = SimulatedExchange(VENUE, [spot()], keep_ended=10)
    exchange.open_account({BTC: Decimal(10)}, 0)
    customer = Customer()
    resting = customer.request(Side.SELL, "0.1", "900", name="open")
    exchange.submit(resting, 1)
    for number in range(100):
        exchange.on_quote(BTCUSDT, 100.0, 101.0, 1.0, 1.0, number)
        exchange.submit(customer.request(Side.SELL, "0.05", "100", TimeInForce.IOC), number)
    assert len(exchange.orders()) <= 11
    assert len(exchange.fills_since(0)) <= 11
    assert [o.client_order_id for o in exchange.open_orders()] == ["open"]
    assert exchange.query(resting.client_order_id, 200) == exchange.open_orders()[0]


def test_of_two_offers_the_cheaper_and_of_two_equal_orders_the_older_is_filled_first() -> None:
    customer = Customer()
    for name, price in (("dear", "104"), ("cheap", "103"), ("younger", "103")):
        customer.exchange.submit(customer.request(Side.SELL, "1", price, name=name), 1_000)
    for name in ("bid", "later bid"):
        customer.exchange.submit(customer.request(Side.BUY, "1", "99", name=name), 1_000)
    sold = customer.quote("105", "106", bid_size="2.5")
    assert [r.fill.client_order_id for r in sold if isinstance(r, Filled)] == [
        "cheap",
        "younger",
        "dear",
    ]
    assert fills(sold)[-1] == ("0.5", "104")
    bought = customer.quote("97", "98", ask_size="1.5")
    assert [r.fill.client_order_id for r in bought if isinstance(r, Filled)] == ["bid", "later bid"]


def test_displayed_size_is_taken_in_whole_lots() -> None:
    customer = Customer()
    customer.quote("100", "101", ask_size="0.5009")
    assert fills(customer.buy("1", "101", TimeInForce.IOC)) == [("0.5", "101")]


def test_the_private_stream_is_given_all_but_the_direct_answers() -> None:
    customer = Customer()
    reports = customer.buy("1", "101")
    reports += customer.exchange.submit(customer.request(Side.BUY, "1", "90", name="b"), 2_000)
    reports += customer.exchange.cancel(ClientOrderId("b"), 2_000)
    reports += customer.exchange.cancel(ClientOrderId("b"), 2_000)
    reports += customer.buy("1", "100.05")
    private: list[VenueReport] = [each for each in reports if isinstance(each, PrivateReport)]
    assert kinds(private) == ["Filled", "Ended", "Ended", "CancelRefused"]
    assert customer.exchange.private_reports == len(private)
    assert customer.steps[-1].private_reports == len(private)


def test_a_venue_is_told_of_an_order_what_concerns_it_and_of_reducing_only_on_margin() -> None:
    order = Order(
        client_order_id=ClientOrderId("x"),
        strategy=StrategyId("s"),
        actor=Actor("a"),
        trade_id=TradeId(UUID(int=1)),
        leg="a",
        instrument=BTCUSDT,
        venue=VENUE,
        symbol=Symbol("BTC/USDT"),
        side=Side.SELL,
        type=OrderType.LIMIT,
        time_in_force=TimeInForce.GTC,
        post_only=True,
        reduce_only=True,
        size=Decimal(2),
        price=Decimal(101),
        planned_price=Decimal(100),
        created_ns=1,
        updated_ns=1,
    )
    for on_margin in (True, False):
        assert request_of(order, on_margin=on_margin) == OrderRequest(
            client_order_id=order.client_order_id,
            instrument=BTCUSDT,
            side=Side.SELL,
            post_only=True,
            reduce_only=on_margin,
            size=Decimal(2),
            price=Decimal(101),
        )


def test_a_limit_order_rests_where_nothing_is_displayed_yet() -> None:
    customer = Customer()
    customer.quote("0", "0")
    for post_only in (True, False):
        request = customer.request(Side.BUY, "1", "90", post_only=post_only)
        assert kinds(customer.exchange.submit(request, customer.now_ns)) == ["Accepted"]
    assert fills(customer.quote("88", "89", ask_size="3")) == [("1", "90"), ("1", "90")]
