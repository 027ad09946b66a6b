"""A venue of perpetuals: margin, funding, liquidation, deleveraging; nothing made or lost."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arbiter.matching.exchange import SimulatedExchange
from arbiter.matching.orders import OrderRequest
from arbiter.matching.state import ExchangeState, Step, fold
from arbiter.model.errors import VenueRefused
from arbiter.model.ids import Asset, ClientOrderId, VenueId
from arbiter.model.instruments import Instrument
from arbiter.model.money import ZERO, use_wide_context
from arbiter.model.orders import OrderStatus, OrderType, Side
from arbiter.model.perpetuals import (
    Contract,
    ForcedCause,
    MarginPosition,
    contract_of,
    executed,
    liquidation_price,
    must_be_liquidated,
)
from arbiter.model.reports import Ended, Filled, ForcedReported, FundingReported, Refused
from tests.fakes.perpetuals import TERMS, inverse, perpetual

D = Decimal
VENUE = VenueId("bybit_futures")
USDT = Asset("USDT")
HOUR = 3_600_000_000_000


class Account:
    """One venue with one market, and a customer with 10,000 of its settlement currency."""

    def __init__(self, instrument: Instrument | None = None, leverage: int = 10) -> None:
        use_wide_context()
        self.instrument = instrument or perpetual(VENUE)
        self.steps: list[Step] = []
        self.exchange = SimulatedExchange(VENUE, [self.instrument], record=self.steps.append)
        self.settle = self.instrument.settle
        self.exchange.open_account({self.settle: D(10_000)}, 0)
        self.exchange.set_leverage(self.instrument.id, D(leverage), 0)
        self.now = 0
        self._count = 0

    def mark(self, price: str) -> list[object]:
        """Show a deep market around a price and let the mark be there."""
        self.now += 1
        value = float(price)
        self.exchange.on_quote(self.instrument.id, value, value, 1e6, 1e6, self.now)
        return list(self.exchange.on_mark(self.instrument.id, D(price), self.now))

    def order(self, side: Side, size: str, *, reduce_only: bool = False) -> list[object]:
        self.now += 1
        self._count += 1
        request = OrderRequest(
            client_order_id=ClientOrderId(f"o{self._count}"),
            instrument=self.instrument.id,
            side=side,
            type=OrderType.MARKET,
            size=D(size),
            reduce_only=reduce_only,
        )
        return list(self.exchange.submit(request, self.now))

    def fund(self, rate: str, mark: str, settled_ns: int = HOUR) -> list[object]:
        self.now += 1
        name = self.instrument.id
        return list(self.exchange.settle_funding(name, D(rate), D(mark), settled_ns, self.now))

    @property
    def wallet(self) -> D:
        (balance,) = [b for b in self.exchange.margin.balances() if b.asset == self.settle]
        return balance.wallet

    @property
    def position(self) -> MarginPosition:
        return self.exchange.margin.positions[self.instrument.id]


def test_opening_costs_a_fee_and_sets_a_tenth_aside() -> None:
    account = Account()
    account.mark("50000")
    account.order(Side.BUY, "0.1")
    assert account.wallet == D(10_000) - D("2.5")
    assert account.position.margin == D(500)
    (held,) = account.exchange.holdings()
    assert held.locked == D(500)


def test_the_documented_sums_of_a_long_and_a_short() -> None:
    long = Account()
    long.mark("95000")
    long.order(Side.BUY, "0.1")
    long.mark("96000")
    (told,) = long.exchange.margin.told(0)
    assert (told.unrealized_pnl, told.leverage, told.entry_price) == (D(100), D(10), D(95_000))
    short = Account()
    short.mark("95100")
    short.order(Side.SELL, "0.1")
    short.mark("96000")
    (told,) = short.exchange.margin.told(0)
    assert told.unrealized_pnl == D(-90)


def test_balance_sums_hold_while_positions_float() -> None:
    account = Account()
    account.mark("50000")
    account.order(Side.BUY, "0.1")
    account.mark("49000")
    (balance,) = account.exchange.margin.balances()
    assert balance.unrealized == D(-100)
    assert balance.total == balance.wallet + balance.unrealized
    assert balance.free == balance.total - balance.reserved


def test_a_short_receives_a_positive_rate_and_a_long_pays_it() -> None:
    for side, sign in ((Side.SELL, 1), (Side.BUY, -1)):
        account = Account()
        account.mark("50000")
        account.order(side, "0.1")
        before = account.wallet
        (report,) = account.fund("0.0001", "52000")
        assert isinstance(report, FundingReported)
        assert report.payment.amount == sign * D("0.1") * 52_000 * D("0.0001")
        assert account.wallet - before == report.payment.amount


def test_a_leg_opened_after_the_settlement_earns_nothing_from_it() -> None:
    account = Account()
    account.mark("50000")
    assert account.fund("0.0001", "50000") == []
    account.order(Side.SELL, "0.1")
    assert account.exchange.margin.payments == []


def test_a_long_is_liquidated_where_the_formula_says() -> None:
    account = Account()
    account.mark("50000")
    account.order(Side.BUY, "0.1")
    price = liquidation_price(
        account.position, account.exchange.margin.contracts[account.instrument.id], TERMS
    )
    assert price is not None
    approximation = D(50_000) * (1 - D("0.1") + D("0.005"))
    assert abs(price - approximation) < 250
    assert account.mark(str(price + 1)) == []
    (report,) = account.mark(str(price - 1))
    assert isinstance(report, ForcedReported)
    assert (report.forced.cause, report.forced.side) == (ForcedCause.LIQUIDATION, Side.SELL)
    assert account.position.quantity == ZERO
    assert account.wallet >= D(10_000) - D("2.5") - D(500)


def test_a_gap_beyond_the_margin_costs_the_margin_and_no_more() -> None:
    account = Account()
    account.mark("50000")
    account.order(Side.SELL, "0.1")
    account.mark("90000")
    assert account.position.quantity == ZERO
    assert account.wallet == D(10_000) - D("2.5") - D(500)


def test_deleveraging_closes_the_part_it_names() -> None:
    account = Account()
    account.mark("50000")
    account.order(Side.SELL, "0.1")
    account.mark("48000")
    (report,) = account.exchange.deleverage(account.instrument.id, D("0.4"), 99)
    assert isinstance(report, ForcedReported)
    assert (report.forced.size, report.forced.cause) == (D("0.04"), ForcedCause.ADL)
    assert account.position.quantity == D("-0.06")


def test_reduce_only_never_flips_and_is_refused_when_there_is_nothing() -> None:
    account = Account()
    account.mark("50000")
    (refused,) = account.order(Side.SELL, "0.1", reduce_only=True)
    assert isinstance(refused, Refused)
    account.order(Side.BUY, "0.1")
    reports = account.order(Side.SELL, "0.3", reduce_only=True)
    fills = [report.fill.size for report in reports if isinstance(report, Filled)]
    (end,) = [report for report in reports if isinstance(report, Ended)]
    assert fills == [D("0.1")]
    assert (end.status, account.position.quantity) == (OrderStatus.EXPIRED, ZERO)


def test_leverage_is_refused_beyond_the_maximum_and_under_a_position() -> None:
    account = Account()
    with pytest.raises(VenueRefused):
        account.exchange.set_leverage(account.instrument.id, D(51), 0)
    account.mark("50000")
    account.order(Side.BUY, "0.1")
    with pytest.raises(VenueRefused):
        account.exchange.set_leverage(account.instrument.id, D(5), 0)


def test_an_inverse_long_gains_what_base_is_worth_less() -> None:
    account = Account(inverse(VENUE), leverage=2)
    account.mark("50000")
    account.order(Side.BUY, "10")
    account.mark("40000")
    (told,) = account.exchange.margin.told(0)
    assert told.unrealized_pnl == D(1000) / 50_000 - D(1000) / 40_000
    assert told.liquidation_price is not None
    assert told.liquidation_price < 40_000


def test_a_restarted_venue_goes_on_with_positions_payments_and_leverage() -> None:
    account = Account()
    account.mark("50000")
    account.order(Side.SELL, "0.1")
    account.fund("0.0002", "50000")
    again = SimulatedExchange(VENUE, [account.instrument])
    again.restore(fold(ExchangeState(venue=VENUE), account.steps), 0)
    assert again.margin.positions == account.exchange.margin.positions
    assert again.margin.payments == account.exchange.margin.payments
    assert again.margin.contracts == account.exchange.margin.contracts
    assert again.holdings() == account.exchange.holdings()


PRICES = st.integers(20_000, 90_000).map(str)
MOVES = st.lists(
    st.one_of(
        st.tuples(st.just("mark"), PRICES),
        st.tuples(st.just("buy"), st.integers(1, 60).map(lambda n: str(D(n) / 100))),
        st.tuples(st.just("sell"), st.integers(1, 60).map(lambda n: str(D(n) / 100))),
        st.tuples(st.just("fund"), st.integers(-30, 30).map(lambda n: str(D(n) / 10_000))),
        st.tuples(st.just("adl"), st.integers(1, 10).map(lambda n: str(D(n) / 10))),
    ),
    max_size=25,
)


@settings(max_examples=80, deadline=None)
@given(MOVES, st.booleans())
def test_cash_moves_by_realized_pnl_fees_and_funding_alone(
    moves: list[tuple[str, str]], is_inverse: bool
) -> None:
    account = Account(inverse(VENUE) if is_inverse else None, leverage=5)
    account.mark("50000")
    reports: list[object] = []
    for number, (what, value) in enumerate(moves):
        if what == "mark":
            reports += account.mark(value)
        elif what == "fund":
            reports += account.fund(value, "50000", number)
        elif what == "adl":
            reports += account.exchange.deleverage(account.instrument.id, D(value), account.now)
        else:
            side = Side.BUY if what == "buy" else Side.SELL
            reports += account.order(side, str(int(D(value) * 100)) if is_inverse else value)
    cash, position = ZERO, MarginPosition(instrument=account.instrument.id)
    contract = contract_of(account.instrument, D(5))
    for report in reports:
        if isinstance(report, FundingReported):
            cash += report.payment.amount
        elif isinstance(report, Filled | ForcedReported):
            done = report.fill if isinstance(report, Filled) else report.forced
            after = executed(position, contract, done.size * done.side.sign, done.price, 0)
            cash += after.realized_pnl - position.realized_pnl - done.fee
            position = after
    assert account.wallet == D(10_000) + cash
    held = account.exchange.margin.positions.get(account.instrument.id, position)
    assert (held.quantity, held.value) == (position.quantity, position.value)
    assert account.exchange.holdings()[0].locked == position.margin


@settings(max_examples=150, deadline=None)
@given(
    st.booleans(),
    st.booleans(),
    st.integers(1, 50),
    st.integers(1_000, 100_000),
    st.integers(1, 4_000),
)
def test_the_liquidation_price_is_where_the_rule_turns(
    is_inverse: bool, is_long: bool, leverage: int, entry: int, size: int
) -> None:
    use_wide_context()
    instrument = inverse(VENUE) if is_inverse else perpetual(VENUE)
    contract: Contract = contract_of(instrument, D(leverage))
    quantity = D(size) if is_inverse else D(size) / 1000
    position = executed(
        MarginPosition(instrument=instrument.id),
        contract,
        quantity if is_long else -quantity,
        D(entry),
        0,
    )
    price = liquidation_price(position, contract, TERMS)
    if price is None:
        return
    away = price * D("0.0001")
    beyond, before = (price - away, price + away) if is_long else (price + away, price - away)
    assert must_be_liquidated(position, contract, TERMS, beyond)
    assert not must_be_liquidated(position, contract, TERMS, before)
