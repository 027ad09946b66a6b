"""Refusals: the order then does not exist at the venue and nothing is locked."""

from decimal import Decimal

import pytest

from arbiter.matching.codes import Refusal, venue_code
from arbiter.matching.exchange import SimulatedExchange
from arbiter.matching.orders import OrderRequest
from arbiter.model.errors import InvalidValue
from arbiter.model.ids import ClientOrderId, InstrumentId, VenueId
from arbiter.model.instruments import FeeCharge
from arbiter.model.orders import OrderType, Side, TimeInForce
from arbiter.model.reports import Absent, CancelRefused, Refused
from tests.fakes.perpetuals import perpetual
from tests.unit.matching.venue import BTCUSDT, USDT, Customer, spot


@pytest.mark.parametrize(
    ("size", "price", "why"),
    [
        ("0.0015", "100", "LOT_SIZE: size=0.0015 lot=0.001"),
        ("0.001", "9000", "MIN_SIZE: size=0.001 min_size=0.002"),
        ("0.01", "100", "MIN_NOTIONAL: notional=1 min_notional=5"),
        ("1", "100.05", "TICK_SIZE: price=100.05 tick=0.1"),
        ("1", "-1", "TICK_SIZE: price=-1 tick=0.1"),
        ("-1", "100", "LOT_SIZE: size=-1 lot=0.001"),
        ("101", "100", "INSUFFICIENT_BALANCE: USDT needed=10100 free=10000"),
    ],
)
def test_order_outside_the_rules_is_refused_with_the_numbers(
    size: str, price: str, why: str
) -> None:
    customer = Customer()
    request = customer.request(Side.BUY, size, price)
    (refused,) = customer.exchange.submit(request, customer.now_ns)
    assert isinstance(refused, Refused)
    assert refused.reason == why
    assert isinstance(customer.exchange.query(request.client_order_id, 10_000), Absent)
    assert customer.locked(USDT) == 0


def test_quote_fee_is_part_of_what_a_buy_must_be_able_to_pay() -> None:
    customer = Customer(instrument=spot(charge=FeeCharge.QUOTE), usdt="1000")
    (refused,) = customer.buy("10", "100")
    assert isinstance(refused, Refused)
    assert refused.reason == "INSUFFICIENT_BALANCE: USDT needed=1002 free=1000"


def test_client_order_id_is_taken_for_ever() -> None:
    customer = Customer()
    request = customer.request(Side.BUY, "1", "101", TimeInForce.IOC)
    customer.exchange.submit(request, customer.now_ns)
    (refused,) = customer.exchange.submit(request, customer.now_ns)
    assert isinstance(refused, Refused)
    assert refused.reason.startswith("DUPLICATE_CLIENT_ORDER_ID")
    assert len(customer.exchange.fills_since(0)) == 1


def test_unknown_market_is_refused() -> None:
    customer = Customer()
    request = OrderRequest(
        client_order_id=ClientOrderId("x"),
        instrument=InstrumentId("NOPE.BINANCE"),
        side=Side.BUY,
        size=Decimal(1),
        price=Decimal(1),
    )
    (refused,) = customer.exchange.submit(request, customer.now_ns)
    assert isinstance(refused, Refused)
    assert refused.code == "-1121"


def test_market_order_without_a_displayed_price_is_refused() -> None:
    customer = Customer()
    customer.quote("0", "0")
    (refused,) = customer.buy("1", None)
    assert isinstance(refused, Refused)
    assert refused.reason.startswith("NO_MARKET")


def test_post_only_cannot_be_immediate() -> None:
    customer = Customer()
    request = customer.request(Side.BUY, "1", "90", TimeInForce.IOC, post_only=True)
    (refused,) = customer.exchange.submit(request, customer.now_ns)
    assert isinstance(refused, Refused)
    assert refused.reason == "UNSUPPORTED: post-only cannot be IOC"


@pytest.mark.parametrize("size", ["NaN", "Infinity", "1e999999", "1e-40"])
def test_numbers_beyond_any_market_never_become_a_request(size: str) -> None:
    with pytest.raises(InvalidValue, match="out of any range"):
        OrderRequest(
            client_order_id=ClientOrderId("x"),
            instrument=BTCUSDT,
            side=Side.BUY,
            size=Decimal(size),
            price=Decimal(1),
        )


def test_venue_without_a_code_of_its_own_uses_the_plain_name() -> None:
    assert venue_code(VenueId("elsewhere"), Refusal.TICK) == "TICK_SIZE"
    assert venue_code(VenueId("okx"), Refusal.BALANCE) == "51008"


@pytest.mark.parametrize(
    ("type_", "price", "reduce_only", "why"),
    [
        (OrderType.LIMIT, None, False, "UNSUPPORTED: a limit order needs a price"),
        (OrderType.MARKET, Decimal(100), False, "UNSUPPORTED: a market order has no price"),
        (OrderType.MARKET, None, True, "UNSUPPORTED: reduce-only has no meaning for spot"),
    ],
)
def test_an_order_that_means_nothing_is_refused(
    type_: OrderType, price: Decimal | None, reduce_only: bool, why: str
) -> None:
    customer = Customer()
    request = OrderRequest(
        client_order_id=ClientOrderId("x"),
        instrument=BTCUSDT,
        side=Side.SELL,
        type=type_,
        size=Decimal(1),
        price=price,
        reduce_only=reduce_only,
    )
    (refused,) = customer.exchange.submit(request, customer.now_ns)
    assert isinstance(refused, Refused)
    assert refused.reason == why


@pytest.mark.parametrize(
    ("size", "reduce_only", "why"),
    [
        ("0.001", False, "MIN_NOTIONAL"),
        ("0.001", True, None),
        ("0.0005", True, "LOT_SIZE"),
    ],
)
def test_the_last_crumbs_of_a_position_may_be_closed_below_the_least_value(
    size: str, reduce_only: bool, why: str | None
) -> None:
    market = perpetual("bybit_futures")
    exchange = SimulatedExchange(market.venue, [market])
    exchange.open_account({market.settle: Decimal(1_000)}, 0)
    exchange.on_quote(market.id, 1_000.0, 1_000.0, 9.0, 9.0, 0)

    def order(side: Side, size: str, *, reduces: bool) -> str | None:
        request = OrderRequest(
            client_order_id=ClientOrderId(f"{side}{size}"),
            instrument=market.id,
            side=side,
            type=OrderType.MARKET,
            size=Decimal(size),
            reduce_only=reduces,
        )
        first = exchange.submit(request, 0)[0]
        return first.reason if isinstance(first, Refused) else None

    assert order(Side.BUY, "0.1", reduces=False) is None
    refused = order(Side.SELL, size, reduces=reduce_only)
    assert (refused and refused.split(":")[0]) == why


@pytest.mark.parametrize(("length", "fits"), [(0, False), (1, True), (64, True), (65, False)])
def test_a_client_order_id_has_one_to_64_characters(length: int, fits: bool) -> None:
    def request() -> OrderRequest:
        return OrderRequest(
            client_order_id=ClientOrderId("x" * length),
            instrument=BTCUSDT,
            side=Side.BUY,
            size=Decimal(1),
            price=Decimal(1),
        )

    if fits:
        assert len(request().client_order_id) == length
    else:
        with pytest.raises(InvalidValue, match="client order id"):
            request()


@pytest.mark.parametrize("price", ["NaN", "-Infinity", "1e19", "1e-19", "1.0000000000000000001"])
def test_prices_beyond_any_market_never_become_a_request(price: str) -> None:
    with pytest.raises(InvalidValue, match=r"price .* is out of any range"):
        OrderRequest(
            client_order_id=ClientOrderId("x"),
            instrument=BTCUSDT,
            side=Side.BUY,
            size=Decimal(1),
            price=Decimal(price),
        )


def test_a_cancel_says_whether_the_order_is_over_or_was_never_there() -> None:
    customer = Customer()
    customer.exchange.submit(
        customer.request(Side.BUY, "1", "101", TimeInForce.IOC, name="over"), customer.now_ns
    )
    for name, why in (("over", "ORDER_ALREADY_ENDED"), ("never", "UNKNOWN_ORDER")):
        (refused,) = customer.exchange.cancel(ClientOrderId(name), customer.now_ns)
        assert isinstance(refused, CancelRefused)
        assert refused.reason.startswith(why)
