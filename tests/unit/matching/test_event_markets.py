"""Event markets at one venue: each for itself, and what arrived in time is part of it."""

from decimal import Decimal

import pytest

from arbiter.matching.accounts import Account
from arbiter.matching.event_exchange import EventExchange
from arbiter.matching.latency import NO_LATENCY, LatencySettings
from arbiter.matching.orders import OrderRequest
from arbiter.matching.state import ExchangeState, Step, fold
from arbiter.model.errors import InvalidValue
from arbiter.model.ids import Asset, ClientOrderId
from arbiter.model.instruments import Instrument
from arbiter.model.money import ZERO, use_wide_context
from arbiter.model.orders import OrderStatus, Side, TimeInForce
from arbiter.model.reports import Accepted, FillSettled, OrderTruth, Refused, VenueReport
from arbiter.model.time import NS_PER_MS
from tests.fakes.binaries import POLYMARKET, USD, binary
from tests.fakes.perpetuals import perpetual

D = Decimal
RAIN = binary("polymarket", settles_fills=True)
SNOW = binary("polymarket", "SNOW", settles_fills=True)
LATENCY = LatencySettings(order_ms=5.0, report_ms=0.0, jitter=0.0)
THERE = 5 * NS_PER_MS


class Venue:
    """Two markets without fees at 0.40 / 0.42, 50 contracts each side, and 100 dollars."""

    def __init__(self, latency: LatencySettings = NO_LATENCY, off_ns: int = 0) -> None:
        use_wide_context()
        self.steps: list[Step] = []
        self.exchange = EventExchange(
            RAIN.venue,
            [RAIN, SNOW],
            latency,
            record=self.steps.append,
            stamp=lambda true_ns: true_ns + off_ns,
        )
        self.exchange.open_account({USD: D(100)}, 0)
        for market in (RAIN, SNOW):
            self.show(market, 0.40, 0.42)

    def show(self, market: Instrument, bid: float, ask: float) -> list[VenueReport]:
        return self.exchange.on_quote(market.id, bid, ask, 50.0, 50.0, 0)

    def order(
        self,
        name: str,
        market: Instrument = RAIN,
        size: str = "10",
        price: str = "0.42",
        tif: TimeInForce = TimeInForce.IOC,
    ) -> list[VenueReport]:
        request = OrderRequest(
            client_order_id=ClientOrderId(name),
            instrument=market.id,
            side=Side.BUY,
            time_in_force=tif,
            size=D(size),
            price=D(price),
        )
        return self.exchange.submit(request, 0)

    def truth(self, name: str) -> OrderTruth:
        truth = self.exchange.query(ClientOrderId(name), 10 * THERE)
        assert isinstance(truth, OrderTruth)
        return truth

    @property
    def held(self) -> tuple[Decimal, Decimal]:
        """Total and locked."""
        (held,) = self.exchange.holdings()
        return held.total, held.locked


def test_a_resolution_makes_the_fills_of_its_own_market_final_and_no_others() -> None:
    venue = Venue()
    venue.order("a", SNOW)
    venue.order("b", RAIN)
    venue.exchange.resolve(RAIN.id, D(1), 9)
    assert [fill.instrument for fill in venue.exchange.pending_fills()] == [SNOW.id]
    assert venue.held == (D(100) + D("5.80"), D("4.20"))
    venue.exchange.settle_fill("1", False, 10)
    assert venue.held == (D(100) + D("5.80"), ZERO)


def test_only_what_has_no_last_word_waits_for_it() -> None:
    venue = Venue()
    for name in ("a", "b", "c"):
        venue.order(name)
    venue.exchange.settle_fill("2", True, 9)
    assert [fill.venue_trade_id for fill in venue.exchange.pending_fills()] == ["1", "3"]
    venue.exchange.settle_fill("1", False, 10)
    assert venue.held == (D(100), D("8.40"))
    assert venue.exchange.margin.quantity(RAIN.id) == 20


def test_an_open_order_gets_back_what_a_failed_fill_took_and_locks_for_it_again() -> None:
    venue = Venue()
    venue.order("a", size="80", tif=TimeInForce.GTC)
    assert venue.truth("a").status is OrderStatus.PARTIALLY_FILLED
    venue.exchange.settle_fill("1", False, 9)
    assert (venue.truth("a").status, venue.truth("a").filled_size) == (OrderStatus.WORKING, ZERO)
    assert venue.held == (D(100), D("33.60"))
    venue.show(RAIN, 0.40, 0.42)
    venue.show(RAIN, 0.40, 0.42)
    assert venue.truth("a").status is OrderStatus.FILLED
    assert venue.exchange.margin.quantity(RAIN.id) == 80
    venue.exchange.settle_fill("2", False, 10)
    assert (venue.truth("a").status, venue.truth("a").filled_size) == (OrderStatus.EXPIRED, D(30))
    assert venue.held == (D(100), D("12.60"))


def test_of_two_fills_of_an_open_order_a_failed_one_leaves_the_other() -> None:
    venue = Venue()
    venue.order("a", size="120", tif=TimeInForce.GTC)
    venue.show(RAIN, 0.40, 0.42)
    venue.exchange.settle_fill("1", False, 9)
    told = venue.truth("a")
    assert (told.status, told.filled_size) == (OrderStatus.PARTIALLY_FILLED, D(50))
    assert venue.held == (D(100), D("50.40"))


def test_what_arrived_before_a_market_closed_was_traded() -> None:
    for late, filled in ((0, 10), (1, 0)):
        venue = Venue(LATENCY)
        venue.order("a")
        venue.exchange.close_market(RAIN.id, THERE - late)
        venue.exchange.due(THERE)
        assert venue.exchange.margin.quantity(RAIN.id) == filled


def test_what_arrived_before_a_resolution_is_paid() -> None:
    for late, total in ((0, D("105.80")), (1, D(100))):
        venue = Venue(LATENCY)
        venue.order("a")
        venue.exchange.resolve(RAIN.id, D(1), THERE - late)
        venue.exchange.due(THERE)
        assert venue.held == (total, ZERO)


def test_what_has_just_arrived_and_matched_can_be_told_final() -> None:
    venue = Venue(LATENCY)
    venue.order("a")
    assert isinstance(venue.exchange.settle_fill("1", True, THERE)[-1], FillSettled)
    assert venue.exchange.pending_fills() == []


def test_what_arrives_before_a_market_is_listed_anew_is_refused() -> None:
    for late, answer in ((0, Refused), (1, Accepted)):
        venue = Venue(LATENCY)
        venue.exchange.close_market(RAIN.id, 0)
        venue.order("a")
        reports = venue.exchange.open_market(RAIN.id, THERE - late)
        reports += venue.exchange.due(THERE)
        assert isinstance(reports[0], answer)


@pytest.mark.parametrize("ok", [True, False])
def test_the_last_word_on_a_fill_carries_the_venues_time(ok: bool) -> None:
    venue = Venue(off_ns=7)
    venue.order("a")
    (told,) = venue.exchange.settle_fill("1", ok, 20)
    assert isinstance(told, FillSettled)
    assert (told.ok, told.at_ns) == (ok, 27)
    assert venue.exchange.margin.settled_since(27) == [told]
    assert venue.exchange.margin.settled_since(28) == []


def test_a_market_that_closed_untraded_is_closed_after_a_restart_too() -> None:
    venue = Venue()
    venue.exchange.close_market(SNOW.id, 9)
    again = EventExchange(RAIN.venue, [RAIN, SNOW])
    again.restore(fold(ExchangeState(venue=RAIN.venue), venue.steps), 10)
    assert again.state() == venue.exchange.state()
    assert again.state().closed == {SNOW.id}


def test_a_closed_market_shows_nothing_to_an_order_that_is_let_in_again() -> None:
    venue = Venue()
    venue.exchange.close_market(RAIN.id, 9)
    venue.exchange.open_market(RAIN.id, 10)
    venue.order("a", tif=TimeInForce.GTC)
    assert venue.truth("a").filled_size == 0
    venue.show(RAIN, 0.40, 0.42)
    assert venue.truth("a").filled_size == 10


def test_what_is_held_without_a_mark_is_told_at_its_entry() -> None:
    venue = Venue()
    venue.order("a")
    (told,) = venue.exchange.margin.told(9)
    assert (told.mark_price, told.entry_price, told.unrealized_pnl) == (D("0.42"), D("0.42"), ZERO)


@pytest.mark.parametrize("price", ["-0.01", "1.01"])
def test_no_market_pays_less_than_nothing_or_more_than_all(price: str) -> None:
    with pytest.raises(InvalidValue):
        Venue().exchange.resolve(RAIN.id, D(price), 9)


@pytest.mark.parametrize("price", ["0", "1"])
def test_a_market_may_pay_nothing_or_all(price: str) -> None:
    venue = Venue()
    venue.order("a")
    venue.exchange.resolve(RAIN.id, D(price), 9)
    assert venue.held == (D("95.80") + 10 * D(price), ZERO)


@pytest.mark.parametrize("wrong", [POLYMARKET, perpetual("polymarket")])
def test_a_market_is_listed_late_once_and_only_an_event_market(wrong: Instrument) -> None:
    venue = Venue()
    with pytest.raises(InvalidValue):
        venue.exchange.list_market(wrong)
    late = binary("polymarket", "HAIL", settles_fills=True)
    assert isinstance(venue.order("a", late)[0], Refused)
    venue.exchange.list_market(late)
    venue.show(late, 0.40, 0.42)
    venue.order("b", late)
    assert venue.exchange.margin.quantity(late.id) == 10


def test_no_balance_and_no_lock_falls_below_zero_and_both_may_be_zero() -> None:
    account, coin = Account(), Asset("X")
    account.move(coin, D(2))
    account.relock(coin, D(2))
    with pytest.raises(InvalidValue):
        account.relock(coin, D("-2.1"))
    account.relock(coin, D(-2))
    with pytest.raises(InvalidValue):
        account.move(coin, D("-2.1"))
    account.move(coin, D(-2))
    assert (account.total(coin), account.locked(coin), account.free(coin)) == (ZERO, ZERO, ZERO)
