"""What a venue of perpetuals takes and gives without an order, to the cent, and what it tells."""

from decimal import Decimal

import pytest

from arbiter.matching.exchange import SimulatedExchange
from arbiter.matching.orders import OrderRequest
from arbiter.matching.state import ExchangeState, Step, fold
from arbiter.model.ids import Asset, ClientOrderId, VenueId
from arbiter.model.instruments import Instrument
from arbiter.model.money import ONE, ZERO, use_wide_context
from arbiter.model.orders import OrderType, Side
from arbiter.model.perpetuals import ForcedCause, ForcedClose, FundingPayment
from arbiter.model.reports import ForcedReported, FundingReported, VenueReport
from tests.fakes.perpetuals import perpetual

D = Decimal
VENUE = VenueId("bybit_futures")
USDT = Asset("USDT")
BTC, ETH = perpetual(VENUE), perpetual(VENUE, "ETH")
HOUR = 3_600_000_000_000


class Venue:
    """Two perpetuals, shown without a spread and at their marks, and a customer of both."""

    def __init__(self, cash: str = "10000", leverage: int = 10, keep: int = 100) -> None:
        use_wide_context()
        self.steps: list[Step] = []
        self.exchange = SimulatedExchange(
            VENUE, [BTC, ETH], record=self.steps.append, keep_ended=keep
        )
        self.exchange.open_account({USDT: D(cash)}, 0)
        self.exchange.set_leverage(BTC.id, D(leverage), 0)
        self.now = 0

    def show(self, instrument: Instrument, price: str) -> None:
        self.now += 1
        self.exchange.on_quote(instrument.id, float(price), float(price), 1e3, 1e3, self.now)

    def mark(self, instrument: Instrument, price: str) -> list[VenueReport]:
        self.show(instrument, price)
        return self.exchange.on_mark(instrument.id, D(price), self.now)

    def order(self, instrument: Instrument, side: Side, size: str) -> list[VenueReport]:
        self.now += 1
        request = OrderRequest(
            client_order_id=ClientOrderId(f"o{self.now}"),
            instrument=instrument.id,
            side=side,
            type=OrderType.MARKET,
            size=D(size),
        )
        return self.exchange.submit(request, self.now)

    def fund(self, rate: str, settled_ns: int = HOUR) -> FundingPayment:
        self.now += 1
        (report,) = self.exchange.settle_funding(BTC.id, D(rate), D(50_000), settled_ns, self.now)
        assert isinstance(report, FundingReported)
        return report.payment

    def deleverage(self, share: str) -> list[ForcedClose]:
        self.now += 1
        reports = self.exchange.deleverage(BTC.id, D(share), self.now)
        return [report.forced for report in reports if isinstance(report, ForcedReported)]

    @property
    def total(self) -> Decimal:
        (held,) = self.exchange.holdings()
        return held.total

    @property
    def locked(self) -> Decimal:
        (held,) = self.exchange.holdings()
        return held.locked


def test_a_liquidation_takes_its_share_of_what_it_closes_as_far_as_the_margin_goes() -> None:
    venue = Venue()
    venue.mark(BTC, "50000")
    venue.order(BTC, Side.BUY, "0.1")
    (report,) = venue.mark(BTC, "45200")
    assert isinstance(report, ForcedReported)
    assert report.forced.cause is ForcedCause.LIQUIDATION
    assert report.forced.price == D(45_200)
    assert report.forced.fee == D(20)  # half a percent were 22.60; of 500 only 20 are left
    assert venue.total == D(10_000) - D("2.5") - D(500)

    large = Venue("100000")  # of 4 coins the margin covers the whole fee
    large.mark(BTC, "50000")
    large.order(BTC, Side.BUY, "4")
    (report,) = large.mark(BTC, "45350")
    assert isinstance(report, ForcedReported)
    assert report.forced.fee == 4 * 45_350 * D("0.005")
    assert large.total == 100_000 - 100 - 4 * 4_650 - report.forced.fee


def test_deleveraging_charges_nothing_and_closes_whole_lots() -> None:
    venue = Venue()
    venue.mark(BTC, "50000")
    venue.order(BTC, Side.SELL, "0.005")
    venue.mark(BTC, "49000")
    before = venue.total
    (close,) = venue.deleverage("0.5")
    assert (close.size, close.price, close.fee) == (D("0.002"), D(49_000), ZERO)
    assert venue.total == before + 2
    assert venue.deleverage("0.1") == []
    assert venue.exchange.margin.quantity(BTC.id) == D("-0.003")
    (rest,) = venue.deleverage("1")
    assert rest.size == D("0.003")
    assert venue.locked == ZERO
    assert venue.deleverage("1") == []


def test_funding_takes_no_more_than_there_is_and_says_what_it_took() -> None:
    venue = Venue("503")
    venue.mark(BTC, "50000")
    venue.order(BTC, Side.BUY, "0.1")
    assert venue.total == D("500.5")
    payment = venue.fund("0.2")
    assert payment.amount == D("-500.5")
    assert venue.total == ZERO


def test_a_loss_in_a_gap_takes_no_more_than_there_is() -> None:
    venue = Venue("503")
    venue.mark(BTC, "50000")
    venue.order(BTC, Side.BUY, "0.1")
    venue.show(BTC, "40000")  # no mark in between: a loss of 1,000 on an account of 500.50
    request = OrderRequest(
        client_order_id=ClientOrderId("out"),
        instrument=BTC.id,
        side=Side.SELL,
        type=OrderType.MARKET,
        size=D("0.1"),
        reduce_only=True,
    )
    venue.exchange.submit(request, venue.now)
    assert (venue.total, venue.locked) == (ZERO, ZERO)


def test_a_payment_is_named_after_its_settlement_and_not_after_its_booking() -> None:
    venue = Venue()
    venue.mark(BTC, "50000")
    venue.order(BTC, Side.BUY, "0.1")
    first, second = venue.fund("0.0001", HOUR), venue.fund("0.0001", 2 * HOUR)
    assert first.payment_id == f"{BTC.id}:{HOUR}"
    assert second.payment_id == f"{BTC.id}:{2 * HOUR}"


@pytest.mark.parametrize("times", [1, 2, 50])
def test_leverage_from_none_to_the_maximum_is_taken_at_once_and_outlives_a_restart(
    times: int,
) -> None:
    venue = Venue(leverage=3)
    venue.exchange.set_leverage(BTC.id, D(times), 1)
    for state in (fold(ExchangeState(venue=VENUE), venue.steps), venue.exchange.state()):
        again = SimulatedExchange(VENUE, [BTC, ETH])
        again.restore(state, 2)
        assert again.margin.contracts[BTC.id].leverage == D(times)


def test_the_leverage_that_is_set_already_may_be_asked_for_under_a_position() -> None:
    venue = Venue()
    venue.mark(BTC, "50000")
    venue.order(BTC, Side.BUY, "0.1")
    venue.exchange.set_leverage(BTC.id, D(10), venue.now)
    assert venue.exchange.margin.positions[BTC.id].margin == D(500)


def test_gains_of_several_positions_add_up_per_currency_and_flat_ones_are_not_told() -> None:
    venue = Venue()
    venue.mark(BTC, "50000")
    venue.mark(ETH, "2000")
    venue.order(BTC, Side.BUY, "0.1")
    venue.order(ETH, Side.SELL, "1")
    venue.mark(BTC, "50500")
    venue.mark(ETH, "2030")
    (balance,) = venue.exchange.margin.balances()
    assert balance.unrealized == 50 - 30
    assert balance.reserved == 500 + 2_000
    venue.order(ETH, Side.BUY, "1")
    assert [told.instrument for told in venue.exchange.margin.told(0)] == [BTC.id]


@pytest.mark.parametrize(
    ("price", "rank"),
    [("49000", 0), ("50000", 0), ("50900", 0), ("51000", 1), ("53000", 3), ("70000", 4)],
)
def test_who_has_gained_most_on_the_margin_is_deleveraged_first(price: str, rank: int) -> None:
    """In fifths of the margin of 500 for a tenth of a coin, five at most."""
    venue = Venue()
    venue.mark(BTC, "50000")
    venue.order(BTC, Side.BUY, "0.1")
    venue.mark(BTC, price)
    (told,) = venue.exchange.margin.told(0)
    assert told.adl_rank == rank


def test_payments_and_closes_are_told_from_the_asked_moment_on() -> None:
    venue = Venue()
    venue.mark(BTC, "50000")
    venue.order(BTC, Side.BUY, "0.1")
    payments = [venue.fund("0.0001", hour * HOUR) for hour in (1, 2, 3)]
    closes = [*venue.deleverage("0.2"), *venue.deleverage("0.2"), *venue.deleverage("0.2")]
    margin = venue.exchange.margin
    assert margin.payments_since(payments[1].at_ns) == payments[1:]
    assert margin.forced_since(closes[1].at_ns) == closes[1:]


def test_of_payments_beyond_what_is_kept_the_newest_stay() -> None:
    venue = Venue(keep=10)
    venue.mark(BTC, "50000")
    venue.order(BTC, Side.BUY, "0.1")
    payments = [venue.fund("0.0001", hour * HOUR) for hour in range(1, 38)]
    kept = venue.exchange.margin.payments
    assert 10 <= len(kept) <= 11
    assert kept == payments[-len(kept) :]


def test_the_fee_of_a_perpetual_is_on_what_the_contracts_are_worth() -> None:
    venue = Venue()
    venue.mark(BTC, "50000")
    venue.order(BTC, Side.BUY, "0.2")
    (fill,) = venue.exchange.fills_since(0)
    assert (fill.fee, fill.fee_asset) == (D("0.2") * 50_000 * D("0.0005"), USDT)
    assert venue.exchange.margin.contracts[ETH.id].leverage == ONE


def test_the_private_stream_is_given_payments_and_forced_closes() -> None:
    venue = Venue()
    venue.mark(BTC, "50000")
    venue.order(BTC, Side.BUY, "0.1")
    told = venue.exchange.private_reports
    venue.fund("0.0001")
    venue.deleverage("1")
    assert venue.exchange.private_reports == told + 2
