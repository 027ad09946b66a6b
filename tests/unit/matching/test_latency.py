"""Latency: orders meet the market as it is when they arrive, reports are heard later."""

from arbiter.matching.latency import LatencySettings
from arbiter.model.orders import TimeInForce
from arbiter.model.time import NS_PER_MS
from tests.unit.matching.venue import Customer, fills, kinds

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
