"""Latency: orders meet the market as it is when they arrive, reports are heard later."""

from decimal import Decimal

import pytest

from arbiter.matching.exchange import SimulatedExchange
from arbiter.matching.latency import LatencySettings, delay_ns
from arbiter.matching.orders import OrderRequest
from arbiter.model.errors import InvalidValue
from arbiter.model.ids import ClientOrderId
from arbiter.model.money import use_wide_context
from arbiter.model.orders import OrderStatus, OrderType, Side, TimeInForce
from arbiter.model.reports import Absent, Filled, OrderTruth, VenueReport
from arbiter.model.time import NS_PER_MS
from tests.fakes.perpetuals import perpetual
from tests.unit.matching.venue import BTCUSDT, USDT, VENUE, Customer, fills, kinds, spot

MARKET = perpetual("bybit_futures")
LATENCY = LatencySettings(order_ms=5.0, report_ms=2.0, jitter=0.0)


def test_order_meets_the_market_of_its_arrival() -> None:
    customer = Customer(latency=LATENCY)
    sent_ns = customer.now_ns
    assert customer.buy("1", "101", TimeInForce.IOC) == []
    customer.now_ns = sent_ns + 3 * NS_PER_MS
    customer.quote("102", "103")
    assert customer.exchange.next_due_ns == sent_ns + 5 * NS_PER_MS
    assert customer.exchange.due(sent_ns + 5 * NS_PER_MS) == []
    reports = customer.exchange.due(sent_ns + 7 * NS_PER_MS)
    assert kinds(reports) == ["Accepted", "Ended"]
    assert customer.exchange.next_due_ns is None


def test_what_arrived_before_a_quote_is_matched_against_the_old_one() -> None:
    customer = Customer(latency=LATENCY)
    sent_ns = customer.now_ns
    customer.buy("1", "101", TimeInForce.IOC)
    customer.now_ns = sent_ns + 6 * NS_PER_MS
    customer.quote("102", "103")
    assert fills(customer.exchange.due(sent_ns + 7 * NS_PER_MS)) == [("1", "101")]


def test_jitter_never_reorders_what_the_venue_says() -> None:
    draws = iter([0.5, 1.0, 0.5, 0.0] * 10)
    customer = Customer(
        latency=LatencySettings(order_ms=1.0, report_ms=10.0, jitter=1.0),
        draw=lambda: next(draws),
    )
    for _ in range(4):
        customer.buy("0.1", "101", TimeInForce.IOC)
        customer.now_ns += 2 * NS_PER_MS
    reports = customer.exchange.due(customer.now_ns + 60 * NS_PER_MS)
    accepted = [r.venue_order_id for r in reports if hasattr(r, "venue_order_id")]
    assert accepted == ["1", "2", "3", "4"]


def _perpetual(side: Side = Side.BUY) -> tuple[SimulatedExchange, int]:
    """A tenth of a coin under way to a venue at 50,000, and when it will be there."""
    use_wide_context()
    exchange = SimulatedExchange(MARKET.venue, [MARKET], LATENCY)
    exchange.open_account({MARKET.settle: Decimal(10_000)}, 0)
    exchange.set_leverage(MARKET.id, Decimal(10), 0)
    exchange.on_quote(MARKET.id, 50_000.0, 50_000.0, 9.0, 9.0, 0)
    exchange.on_mark(MARKET.id, Decimal(50_000), 0)
    request = OrderRequest(
        client_order_id=ClientOrderId("a"),
        instrument=MARKET.id,
        side=side,
        type=OrderType.MARKET,
        size=Decimal("0.1"),
    )
    exchange.submit(request, 0)
    return exchange, 5 * NS_PER_MS


def test_what_arrived_before_a_settlement_pays_its_funding_and_what_comes_later_does_not() -> None:
    for late, paid in ((0, 1), (1, 0)):
        exchange, there_ns = _perpetual()
        at_ns = there_ns - late
        exchange.settle_funding(MARKET.id, Decimal("0.001"), Decimal(50_000), at_ns, at_ns)
        assert len(exchange.margin.payments) == paid


def test_what_arrived_before_a_mark_is_liquidated_by_it() -> None:
    for late, closed in ((0, 1), (1, 0)):
        exchange, there_ns = _perpetual()
        exchange.on_mark(MARKET.id, Decimal(40_000), there_ns - late)
        assert len(exchange.margin.forced) == closed


def test_what_arrived_before_a_deleveraging_is_deleveraged() -> None:
    for late, closed in ((0, 1), (1, 0)):
        exchange, there_ns = _perpetual()
        exchange.deleverage(MARKET.id, Decimal(1), there_ns - late)
        assert len(exchange.margin.forced) == closed


def test_a_question_is_answered_with_what_has_arrived_by_then() -> None:
    exchange, there_ns = _perpetual()
    name = ClientOrderId("a")
    assert isinstance(exchange.query(name, there_ns - 1), Absent)
    truth = exchange.query(name, there_ns)
    assert isinstance(truth, OrderTruth)
    assert (truth.status, truth.at_ns) == (OrderStatus.FILLED, there_ns)


def test_a_venue_whose_clock_is_off_tells_everything_by_that_clock() -> None:
    """What travels, travels in true time: the reports come when they would."""
    off = 7_000
    clock_off = SimulatedExchange(VENUE, [spot()], LATENCY, stamp=lambda true_ns: true_ns + off)
    clock_off.open_account({USDT: Decimal(1_000)}, 0)
    clock_off.on_quote(BTCUSDT, 100.0, 101.0, 1.0, 1.0, 0)
    way, back = 5 * NS_PER_MS, 2 * NS_PER_MS
    customer = Customer()
    told: list[VenueReport] = []
    for name, price in (("a", "101"), ("b", "90")):
        clock_off.submit(customer.request(Side.BUY, "1", price, name=name), 0)
    told += clock_off.due(way + back)
    told += clock_off.on_quote(BTCUSDT, 89.0, 90.0, 0.5, 0.5, 2 * way)
    clock_off.cancel(ClientOrderId("b"), 2 * way)
    told += clock_off.due(3 * way + back)
    assert kinds(told) == ["Accepted", "Filled", "Ended", "Accepted", "Filled", "Ended"]
    assert [report.at_ns - off for report in told] == [way] * 4 + [2 * way, 3 * way]
    absent = clock_off.query(ClientOrderId("c"), 4 * way)
    assert absent.at_ns == 4 * way + off


def test_of_two_that_arrive_together_the_first_sent_is_served_first() -> None:
    customer = Customer(latency=LATENCY)
    for name in ("first", "second"):
        request = customer.request(Side.BUY, "1", "101", TimeInForce.IOC, name=name)
        customer.exchange.submit(request, customer.now_ns)
    reports = customer.exchange.due(customer.now_ns + 7 * NS_PER_MS)
    assert [r.fill.client_order_id for r in reports if isinstance(r, Filled)] == ["first"]


def test_whoever_waits_is_told_of_the_earlier_of_an_arrival_and_a_report() -> None:
    customer = Customer(latency=LATENCY)
    sent_ns = customer.now_ns
    customer.buy("0.1", "101")
    customer.exchange.due(sent_ns + 5 * NS_PER_MS)
    customer.now_ns = sent_ns + 5 * NS_PER_MS
    customer.buy("0.1", "101")
    assert customer.exchange.next_due_ns == sent_ns + 7 * NS_PER_MS


@pytest.mark.parametrize(("drawn", "ms"), [(0.0, 5.0), (0.25, 7.5), (0.5, 10.0), (1.0, 15.0)])
def test_jitter_spreads_a_delay_evenly_to_both_sides(drawn: float, ms: float) -> None:
    assert delay_ns(10.0, 0.5, lambda: drawn) == int(ms * NS_PER_MS)


@pytest.mark.parametrize("wrong", [{"jitter": 1.01}, {"order_ms": -1.0}, {"report_ms": 600_001.0}])
def test_a_latency_beyond_reason_is_refused_by_name(wrong: dict[str, float]) -> None:
    with pytest.raises(InvalidValue, match=next(iter(wrong))):
        LatencySettings(**wrong)
