"""Addresses, subscriptions, budgets and health: the small parts of a connection."""

import json

import pytest

from arbiter.model.errors import BadConfig
from arbiter.model.ids import VenueId
from arbiter.venues.binance.addresses import FUTURES, SPOT
from arbiter.venues.binance.feed import QuoteTalk as BinanceQuotes
from arbiter.venues.bybit.addresses import ENDPOINTS
from arbiter.venues.bybit.feed import QuoteTalk as BybitQuotes
from arbiter.venues.common.endpoints import Endpoints
from arbiter.venues.common.frames import FeedTally
from arbiter.venues.common.health import VenueHealth
from arbiter.venues.common.stream import StreamSettings
from arbiter.venues.common.subscriptions import Subscriptions
from arbiter.venues.common.weights import WeightBudget
from tests.fakes.clock import FakeClock
from tests.port_suites.feed import QuoteLog
from tests.unit.venues.frames import FakeLink, Taker, frame


@pytest.mark.parametrize("endpoints", [SPOT.endpoints, FUTURES.endpoints, ENDPOINTS])
def test_venues_are_reached_over_tls_unless_told_otherwise(endpoints: Endpoints) -> None:
    assert endpoints.stream.startswith("wss://")
    assert endpoints.rest.startswith("https://")


@pytest.mark.parametrize("host", ["127.0.0.1:8443", "localhost:1", "[::1]:80"])
def test_this_machine_may_be_reached_in_the_clear(host: str) -> None:
    assert Endpoints(stream=f"ws://{host}", rest=f"http://{host}").stream == f"ws://{host}"


@pytest.mark.parametrize(
    "stream",
    [
        "ws://stream.example.com",
        "ws://10.0.0.7:9000",
        "https://stream.example.com",
        "wss://stream.example.com/ws",
        "wss://user@stream.example.com",
        "wss://",
        "wss://[::1",
        "stream.example.com",
    ],
)
def test_an_address_in_the_clear_or_with_a_path_is_refused(stream: str) -> None:
    with pytest.raises(BadConfig, match="stream"):
        Endpoints(stream=stream, rest="https://api.example.com")


def test_settings_without_sense_are_refused() -> None:
    with pytest.raises(BadConfig, match="silence_s"):
        StreamSettings(silence_s=0.0)


def _encode(number: int, topics: object) -> bytes:
    return json.dumps([number, topics]).encode()


def test_a_refused_batch_is_asked_for_one_by_one() -> None:
    subscriptions = Subscriptions(["a", "b", "c"], _encode, batch=2)
    assert [json.loads(request) for request in subscriptions.requests()] == [
        [1, ["a", "b"]],
        [2, ["c"]],
    ]
    assert subscriptions.answered(2, None)
    assert subscriptions.answered(1, "no such thing")
    assert [json.loads(request) for request in subscriptions.requests()] == [[3, ["a"]], [4, ["b"]]]
    settled = subscriptions.settled
    assert not settled
    assert subscriptions.answered(None, "unknown topic")  # the one that waited longest
    assert subscriptions.answered(4, None)
    assert subscriptions.settled
    assert subscriptions.refused == {"a": "unknown topic"}
    assert not subscriptions.answered(9, None)


def test_a_budget_is_spent_at_once_and_then_at_its_own_pace() -> None:
    budget = WeightBudget(per_minute=600, now_s=0.0)
    assert budget.spend(600, 0.0) == 0.0
    assert budget.spend(10, 0.0) == pytest.approx(1.0)
    assert budget.spend(10, 0.0) == pytest.approx(2.0)
    assert budget.spend(10, 60.0) == 0.0
    assert budget.spend(10, 10.0) == 0.0  # a clock that goes back owes nothing


def test_a_venue_is_up_when_all_of_its_connections_are() -> None:
    log, venue = QuoteLog(), VenueId("binance")
    health = VenueHealth(venue, log, 2)
    first, second = health.listener(0), health.listener(1)
    first(True, "")
    assert log.health == []
    second(True, "")
    first(False, "lost")
    second(False, "lost as well")
    second(True, "")
    first(True, "")
    assert log.health == [(venue, True, ""), (venue, False, "lost"), (venue, True, "")]


def test_a_first_connection_that_fails_is_told() -> None:
    log, venue = QuoteLog(), VenueId("binance")
    VenueHealth(venue, log, 1).listener(0)(False, "no connection")
    assert log.health == [(venue, False, "no connection")]


def test_binance_announcing_its_shutdown_is_left_at_once() -> None:
    link = FakeLink()
    talk = BinanceQuotes(link, {"BNBUSDT": 1}, Taker(), FakeClock(), FeedTally())
    talk.hear(frame("binance/shutdown"))
    assert link.dropped == ["the venue announced its shutdown"]


def test_a_binance_quote_older_than_the_last_is_dropped() -> None:
    taker, tally = Taker(), FeedTally()
    talk = BinanceQuotes(FakeLink(), {"BNBUSDT": 7}, taker, FakeClock(), tally)
    talk.hear(frame("binance/futures_book_ticker"))
    talk.hear(frame("binance/spot_book_ticker"))
    assert [quote[:5] for quote in taker.quotes] == [(7, 25.3519, 25.3652, 31.21, 40.66)]
    assert taker.quotes[0][5] == 1568014460891_000_000
    assert tally.stale == 1


def test_a_repeated_bybit_snapshot_says_that_the_quote_still_stands() -> None:
    taker = Taker()
    talk = BybitQuotes(FakeLink(), {"BTCUSDT": 7}, taker, FakeClock(), FeedTally())
    talk.hear(frame("bybit/top_snapshot"))
    talk.hear(frame("bybit/top_snapshot"))
    assert [quote[:5] for quote in taker.quotes] == [(7, 16493.5, 16611.0, 0.006, 0.029)] * 2


def test_a_bybit_book_without_a_side_is_no_quote() -> None:
    taker = Taker()
    talk = BybitQuotes(FakeLink(), {"BTCUSDT": 7}, taker, FakeClock(), FeedTally())
    talk.hear(frame("bybit/top_snapshot").replace(b'[["16611.00","0.029"]]', b"[]"))
    assert not taker.quotes
