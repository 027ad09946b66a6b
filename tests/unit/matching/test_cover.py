"""A margin account never promises more than it holds, and nobody takes what is promised."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arbiter.matching.event_exchange import EventExchange
from arbiter.matching.exchange import SimulatedExchange
from arbiter.matching.orders import OrderRequest
from arbiter.matching.state import ExchangeState, Step, fold
from arbiter.model.errors import VenueRefused
from arbiter.model.ids import Asset, ClientOrderId, InstrumentId, VenueId
from arbiter.model.instruments import Instrument
from arbiter.model.money import ONE, ZERO, use_wide_context
from arbiter.model.orders import OrderStatus, OrderType, Side, TimeInForce
from arbiter.model.reports import Ended, Filled, Refused, VenueReport
from tests.fakes.binaries import POLYMARKET, USD
from tests.fakes.perpetuals import inverse, perpetual

D = Decimal
VENUE = VenueId("bybit_futures")
HOUR = 3_600_000_000_000


class Account:
    """A customer of one perpetual, which is shown 1,000 deep at the mark unless quoted."""

    def __init__(
        self, cash: str, instrument: Instrument | None = None, leverage: int = 10, at: str = "50000"
    ) -> None:
        use_wide_context()
        self.instrument = instrument or perpetual(VENUE)
        self.exchange = SimulatedExchange(VENUE, [self.instrument])
        self.exchange.open_account({self.settle: D(cash)}, 0)
        self.exchange.set_leverage(self.name, D(leverage), 0)
        self.now = 0
        self.show(at)
        self.exchange.on_mark(self.name, D(at), self.now)

    @property
    def name(self) -> InstrumentId:
        return self.instrument.id

    @property
    def settle(self) -> Asset:
        return self.instrument.settle

    def show(self, price: str, size: float = 1_000.0) -> list[VenueReport]:
        self.now += 1
        return self.exchange.on_quote(self.name, float(price), float(price), size, size, self.now)

    def order(
        self,
        side: Side,
        size: str,
        price: str | None = None,
        tif: TimeInForce = TimeInForce.GTC,
        *,
        reduce_only: bool = False,
    ) -> list[VenueReport]:
        self.now += 1
        request = OrderRequest(
            client_order_id=ClientOrderId(f"o{self.now}"),
            instrument=self.name,
            side=side,
            type=OrderType.MARKET if price is None else OrderType.LIMIT,
            time_in_force=tif,
            size=D(size),
            price=None if price is None else D(price),
            reduce_only=reduce_only,
        )
        return self.exchange.submit(request, self.now)

    @property
    def total(self) -> Decimal:
        (held,) = self.exchange.holdings()
        return held.total

    @property
    def free(self) -> Decimal:
        (held,) = self.exchange.holdings()
        return held.free


def filled(reports: list[VenueReport]) -> list[Decimal]:
    return [report.fill.size for report in reports if isinstance(report, Filled)]


def test_a_short_offered_below_the_market_needs_the_margin_of_where_it_is_executed() -> None:
    account = Account("3000")
    (refused,) = account.order(Side.SELL, "1", "20000")  # a tenth of 50,000 is not there
    assert isinstance(refused, Refused)
    assert refused.reason.startswith("INSUFFICIENT_BALANCE")
    assert filled(account.order(Side.SELL, "0.5", "20000")) == [D("0.5")]
    assert account.free >= ZERO


def test_an_inverse_long_bid_above_the_market_needs_the_margin_of_where_it_is_executed() -> None:
    account = Account("0.01", inverse(VENUE))
    (refused,) = account.order(Side.BUY, "50", "100000")  # 0.1 coins at 50,000, 0.05 at 100,000
    assert isinstance(refused, Refused)
    assert filled(account.order(Side.BUY, "49", "100000")) == [D(49)]
    assert account.free >= ZERO


@settings(max_examples=120, deadline=None)
@given(
    st.booleans(),
    st.lists(
        st.tuples(
            st.sampled_from(Side),
            st.integers(1, 400),
            st.one_of(st.none(), st.integers(30_000, 80_000)),
            st.integers(40_000, 60_000),
            st.sampled_from(TimeInForce),
        ),
        max_size=12,
    ),
)
def test_opening_orders_never_lock_more_than_there_is(
    is_inverse: bool, asked: list[tuple[Side, int, int | None, int, TimeInForce]]
) -> None:
    """At whatever limit they are sent and wherever the market stands; nothing is closed here."""
    instrument = inverse(VENUE) if is_inverse else perpetual(VENUE)
    account = Account("0.1" if is_inverse else "5000", instrument)
    side = asked[0][0] if asked else Side.BUY
    for _, size, price, market, tif in asked:
        account.show(str(market), 2.0 if not is_inverse else 300.0)
        text = None if price is None else str(price)
        account.order(side, str(size if is_inverse else D(size) / 1_000), text, tif)
        assert account.free >= ZERO


def test_less_leverage_takes_more_for_open_orders_and_is_refused_where_that_is_not_there() -> None:
    account = Account("4002.00")
    account.order(Side.BUY, "0.1", "40000")
    for times, locked in ((2, "2002"), (50, "82"), (10, "402")):
        account.exchange.set_leverage(account.name, D(times), account.now)
        assert account.total - account.free == D(locked)
        assert account.exchange.state().orders[0].locked == D(locked)
    account.exchange.move(account.settle, D("-0.01"), account.now)
    with pytest.raises(VenueRefused, match="takes 3600 more for open orders"):
        account.exchange.set_leverage(account.name, ONE, account.now)
    assert account.total - account.free == D(402)
    account.exchange.move(account.settle, D("0.01"), account.now)
    account.exchange.set_leverage(account.name, ONE, account.now)
    assert account.free == ZERO
    account.show("39000")
    assert account.exchange.margin.positions[account.name].margin == D(4_000)
    assert (account.free, account.total) == (D("1.2"), D("4001.2"))


def test_other_leverage_locks_nothing_for_an_order_that_only_reduces() -> None:
    account = Account("10000")
    account.order(Side.BUY, "0.1")
    account.order(Side.SELL, "0.1", "60000", reduce_only=True)
    account.order(Side.SELL, "0.1", reduce_only=True)
    account.exchange.set_leverage(account.name, D(2), account.now)
    assert account.free == account.total


@pytest.mark.parametrize("amount", ["-300", "0", "2"])
def test_an_account_under_water_gains_nothing_by_a_withdrawal_and_its_deposit_alone(
    amount: str,
) -> None:
    account = Account("503")
    account.order(Side.BUY, "0.1")
    account.exchange.settle_funding(account.name, D("0.001"), D(50_000), HOUR, account.now)
    assert account.free == D("-4.5")  # funding is paid out of the margin where nothing else is left
    before = account.total
    account.exchange.move(account.settle, D(amount), account.now)
    assert account.total == before + max(D(amount), ZERO)


def test_a_withdrawal_leaves_what_is_locked() -> None:
    account = Account("1000")
    account.order(Side.BUY, "0.1", "49000")
    account.exchange.move(account.settle, D(-900), account.now)
    assert account.free == ZERO
    account.show("48000")
    assert account.exchange.margin.quantity(account.name) == D("0.1")


def test_an_order_may_take_the_last_cent_and_not_a_cent_more() -> None:
    need = D(5_000) + D(50_000) * D("0.0005")
    (refused,) = Account(str(need - D("0.01"))).order(Side.BUY, "1")
    assert isinstance(refused, Refused)
    assert filled(Account(str(need)).order(Side.BUY, "1")) == [D(1)]


def test_a_reduction_that_must_fill_in_full_fills_nothing_where_less_is_held() -> None:
    account = Account("10000")
    account.order(Side.BUY, "0.1")
    reports = account.order(Side.SELL, "0.3", "49000", TimeInForce.FOK, reduce_only=True)
    assert filled(reports) == []
    assert [r.status for r in reports if isinstance(r, Ended)] == [OrderStatus.EXPIRED]
    exact = account.order(Side.SELL, "0.1", "49000", TimeInForce.FOK, reduce_only=True)
    assert filled(exact) == [D("0.1")]


def test_a_forced_close_cancels_what_rests_in_its_market_first() -> None:
    account = Account("10000")
    account.order(Side.BUY, "0.1")
    account.order(Side.BUY, "0.1", "20000")
    account.order(Side.SELL, "0.1", "90000", reduce_only=True)
    reports = account.exchange.on_mark(account.name, D(40_000), account.now)
    assert [type(r).__name__ for r in reports] == ["Ended", "Ended", "ForcedReported"]
    assert account.exchange.open_orders() == []
    assert account.free == account.total


def test_what_is_held_in_a_market_that_is_not_listed_now_is_there_when_it_is_again() -> None:
    use_wide_context()
    other = perpetual(VENUE, "ETH")
    account = Account("10000")
    account.order(Side.BUY, "0.1")
    without = SimulatedExchange(VENUE, [other])
    without.restore(account.exchange.state(), account.now)
    again = SimulatedExchange(VENUE, [account.instrument, other])
    again.restore(without.state(), account.now)
    assert again.state() == account.exchange.state()
    again.on_mark(account.name, D(10_000), account.now)
    (held,) = again.holdings()
    assert held.locked == ZERO


def test_an_event_market_listed_late_pays_what_was_held_in_it_before() -> None:
    use_wide_context()
    steps: list[Step] = []
    first = EventExchange(POLYMARKET.venue, [POLYMARKET], record=steps.append)
    first.open_account({USD: D(100)}, 0)
    first.on_quote(POLYMARKET.id, 0.40, 0.42, 50.0, 50.0, 1)
    request = OrderRequest(
        client_order_id=ClientOrderId("a"),
        instrument=POLYMARKET.id,
        side=Side.BUY,
        size=D(10),
        price=D("0.42"),
    )
    first.submit(request, 2)
    restarted = EventExchange(POLYMARKET.venue, [])
    restarted.restore(fold(ExchangeState(venue=POLYMARKET.venue), steps), 3)
    restarted.list_market(POLYMARKET)
    for exchange in (first, restarted):
        exchange.resolve(POLYMARKET.id, D(1), 4)
    assert restarted.state() == first.state()
    (held,) = restarted.holdings()
    assert held.locked == ZERO
