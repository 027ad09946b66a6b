"""Perpetuals in the ledger: the same figures as the venue's, pairs that add up, nothing twice."""

from decimal import Decimal
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from arbiter.ledger.ledger import Ledger
from arbiter.matching.exchange import SimulatedExchange
from arbiter.matching.orders import OrderRequest
from arbiter.model import events as ev
from arbiter.model.ids import (
    ENGINE,
    Asset,
    ClientOrderId,
    StrategyId,
    Symbol,
    TradeId,
    VenueId,
)
from arbiter.model.image import LedgerImage
from arbiter.model.instruments import Instrument
from arbiter.model.money import ZERO
from arbiter.model.orders import Order, OrderType, Side
from arbiter.model.pairs import FundingPair, PairId, PairState
from arbiter.model.perpetuals import contract_of
from arbiter.model.plans import Family
from arbiter.model.reports import Filled, ForcedReported, FundingReported, VenueReport
from arbiter.model.trades import PlannedLeg, Trade, TradeState
from tests.fakes.perpetuals import perpetual

STRATEGY = StrategyId("funding-arbitrage")
LONG, SHORT = perpetual("bybit_futures"), perpetual("binance_futures")
USDT = Asset("USDT")
D = Decimal
LEVERAGE = D(5)


class Book:
    """A ledger beside the two venues it accounts for; the venues' reports are all it is told."""

    def __init__(self) -> None:
        self.ledger = Ledger()
        self.at = 0
        self._trades = 0
        self.exchanges: dict[VenueId, SimulatedExchange] = {}
        for instrument in (LONG, SHORT):
            exchange = SimulatedExchange(instrument.venue, [instrument])
            exchange.open_account({USDT: D(100_000)}, 0)
            exchange.set_leverage(instrument.id, LEVERAGE, 0)
            self.exchanges[instrument.venue] = exchange
            self.tell(
                ev.BalanceOpened(at_ns=0, venue=instrument.venue, asset=USDT, total=D(100_000)),
                ev.ContractSet(at_ns=0, contract=contract_of(instrument, LEVERAGE)),
            )

    def tell(self, *events: ev.JournalEvent) -> None:
        for event in events:
            self.ledger.apply(event)

    def mark(self, instrument: Instrument, price: Decimal) -> None:
        self.at += 1
        exchange = self.exchanges[instrument.venue]
        value = float(price)
        exchange.on_quote(instrument.id, value, value, 1e6, 1e6, self.at)
        self._take(exchange.on_mark(instrument.id, price, self.at))

    def trade(self, *legs: tuple[Instrument, Side, Decimal]) -> Trade:
        """Work a trade of market orders to its end."""
        self.at += 1
        self._trades += 1
        trade_id = TradeId(UUID(int=self._trades))
        orders = tuple(self._order(trade_id, n, *leg) for n, leg in enumerate(legs))
        trade = Trade(
            id=trade_id,
            seq=self._trades,
            strategy=STRATEGY,
            family=Family.FUNDING,
            actor=ENGINE,
            symbol=LONG.symbol,
            quote=USDT,
            legs=tuple(
                PlannedLeg(
                    role=order.leg,
                    instrument=order.instrument,
                    side=order.side,
                    size=order.size,
                    limit=None,
                    planned_price=order.planned_price,
                    order=order.client_order_id,
                )
                for order in orders
            ),
            started_ns=self.at,
        )
        self.tell(ev.TradeOpened(at_ns=self.at, trade=trade, orders=orders, locks={}, reserve={}))
        for order in orders:
            self.tell(ev.OrderSent(at_ns=self.at, client_order_id=order.client_order_id))
            request = OrderRequest(
                client_order_id=order.client_order_id,
                instrument=order.instrument,
                side=order.side,
                type=OrderType.MARKET,
                size=order.size,
            )
            self._take(self.exchanges[order.venue].submit(request, self.at))
        self.tell(ev.TradeAdvanced(at_ns=self.at, trade_id=trade_id, state=TradeState.COMPLETED))
        return self.ledger.closed_trades[trade_id]

    def fund(self, instrument: Instrument, rate: Decimal, mark: Decimal) -> list[VenueReport]:
        self.at += 1
        exchange = self.exchanges[instrument.venue]
        reports = exchange.settle_funding(instrument.id, rate, mark, self.at, self.at)
        self._take(reports)
        return reports

    def deleverage(self, instrument: Instrument, fraction: Decimal) -> None:
        self.at += 1
        exchange = self.exchanges[instrument.venue]
        self._take(exchange.deleverage(instrument.id, fraction, self.at))

    def agrees(self) -> None:
        """The ledger and the venues name the same figures, to the last digit."""
        for venue, exchange in self.exchanges.items():
            (held,) = exchange.holdings()
            balance = self.ledger.balances[venue, USDT]
            assert (balance.total, balance.locked) == (held.total, held.locked)
            for name, position in exchange.margin.positions.items():
                ours = self.ledger.margin_positions[name]
                assert (ours.quantity, ours.value) == (position.quantity, position.value)
                own = self.ledger.positions[STRATEGY, name]
                assert (own.quantity, own.cost) == (position.quantity, position.value)

    def _order(
        self, trade: TradeId, number: int, instrument: Instrument, side: Side, size: Decimal
    ) -> Order:
        return Order(
            client_order_id=ClientOrderId(f"{trade.int}-{number}"),
            strategy=STRATEGY,
            actor=ENGINE,
            trade_id=trade,
            leg="ab"[number],
            instrument=instrument.id,
            venue=instrument.venue,
            symbol=instrument.symbol,
            side=side,
            type=OrderType.MARKET,
            size=size,
            planned_price=D(50_000),
            created_ns=self.at,
            updated_ns=self.at,
        )

    def _take(self, reports: list[VenueReport]) -> None:
        for report in reports:
            if isinstance(report, Filled):
                self.tell(ev.OrderFilled(at_ns=self.at, fill=report.fill))
            elif isinstance(report, FundingReported):
                self.tell(ev.FundingPaid(at_ns=self.at, payment=report.payment))
            elif isinstance(report, ForcedReported):
                self.tell(ev.PositionForced(at_ns=self.at, forced=report.forced))


def _pair(at_ns: int, number: int = 1) -> FundingPair:
    return FundingPair(
        id=PairId(UUID(int=number)),
        strategy=STRATEGY,
        symbol=Symbol("BTC/USDT:PERP"),
        long_instrument=LONG.id,
        short_instrument=SHORT.id,
        long_venue=LONG.venue,
        short_venue=SHORT.venue,
        open_trade=TradeId(UUID(int=1)),
        planned_units=D("0.1"),
        entry_spread=D("0.00025"),
        entry_price=D(50_000),
        opened_ns=at_ns,
    )


def _opened() -> Book:
    book = Book()
    book.mark(LONG, D(50_000))
    book.mark(SHORT, D(50_100))
    book.tell(ev.PairOpened(at_ns=book.at, pair=_pair(book.at)))
    book.trade((LONG, Side.BUY, D("0.1")), (SHORT, Side.SELL, D("0.1")))
    return book


def test_a_pair_collects_what_both_legs_settle() -> None:
    book = _opened()
    book.fund(SHORT, D("0.0001"), D(50_000))
    book.fund(LONG, D("-0.00015"), D(50_000))
    (pair,) = book.ledger.active_pairs()
    assert pair.funding_collected == D("0.1") * 50_000 * D("0.00025")
    assert pair.payments == 2
    book.agrees()


def test_one_payment_told_twice_is_booked_once() -> None:
    book = _opened()
    (report,) = book.fund(SHORT, D("0.0001"), D(50_000))
    assert isinstance(report, FundingReported)
    book.tell(ev.FundingPaid(at_ns=book.at, payment=report.payment))
    (pair,) = book.ledger.active_pairs()
    assert (pair.funding_collected, pair.payments) == (D("0.5"), 1)
    book.agrees()


def test_a_restored_ledger_does_not_book_a_known_payment_again() -> None:
    book = _opened()
    (report,) = book.fund(SHORT, D("0.0001"), D(50_000))
    assert isinstance(report, FundingReported)
    image: LedgerImage = book.ledger.image()
    again = Ledger()
    again.restore(image)
    changes = again.apply(ev.FundingPaid(at_ns=book.at, payment=report.payment))
    assert not changes.balances
    assert again.image() == image


def test_the_legs_of_a_closed_pair_made_what_the_accounts_say() -> None:
    book = _opened()
    book.mark(LONG, D(52_000))
    book.mark(SHORT, D(52_020))
    book.trade((LONG, Side.SELL, D("0.1")), (SHORT, Side.BUY, D("0.1")))
    made = sum((b.total for b in book.ledger.balances.values()), ZERO) - 200_000
    fees = D("0.0005") * D("0.1") * (50_000 + 50_100 + 52_000 + 52_020)
    assert made == D("0.1") * (2_000 - 1_920) - fees
    assert book.ledger.cumulative_pnl == made
    assert all(not balance.locked for balance in book.ledger.balances.values())
    book.agrees()


def test_a_liquidated_leg_and_the_reduction_of_the_other_add_up() -> None:
    book = _opened()
    book.mark(LONG, D(61_500))
    book.mark(SHORT, D(61_600))
    assert book.ledger.margin_positions[SHORT.id].quantity == ZERO
    book.trade((LONG, Side.SELL, D("0.1")))
    made = sum((b.total for b in book.ledger.balances.values()), ZERO) - 200_000
    assert book.ledger.cumulative_pnl == made
    assert all(not row.quantity for row in book.ledger.residuals.values())
    book.agrees()


def test_a_pair_that_has_closed_frees_its_instruments() -> None:
    book = _opened()
    (pair,) = book.ledger.active_pairs()
    book.tell(ev.PairAdvanced(at_ns=book.at, pair_id=pair.id, state=PairState.CLOSED, reason="x"))
    assert book.ledger.active_pairs() == ()
    assert book.ledger.pair_of(LONG.id) is None
    book.tell(ev.PairOpened(at_ns=book.at, pair=_pair(book.at, 2)))
    owner = book.ledger.pair_of(LONG.id)
    assert owner is not None
    assert owner.id == PairId(UUID(int=2))


MOVES = st.lists(
    st.one_of(
        st.tuples(st.just("mark"), st.sampled_from((LONG, SHORT)), st.integers(30_000, 75_000)),
        st.tuples(st.just("buy"), st.sampled_from((LONG, SHORT)), st.integers(1, 400)),
        st.tuples(st.just("sell"), st.sampled_from((LONG, SHORT)), st.integers(1, 400)),
        st.tuples(st.just("fund"), st.sampled_from((LONG, SHORT)), st.integers(-40, 40)),
        st.tuples(st.just("adl"), st.sampled_from((LONG, SHORT)), st.integers(1, 10)),
    ),
    max_size=20,
)


@settings(max_examples=60, deadline=None)
@given(MOVES)
def test_ledger_and_venues_agree_after_any_history(
    moves: list[tuple[str, Instrument, int]],
) -> None:
    book = Book()
    book.mark(LONG, D(50_000))
    book.mark(SHORT, D(50_000))
    for what, instrument, number in moves:
        if what == "mark":
            book.mark(instrument, D(number))
        elif what == "fund":
            book.fund(instrument, D(number) / 10_000, D(50_000))
        elif what == "adl":
            book.deleverage(instrument, D(number) / 10)
        else:
            side = Side.BUY if what == "buy" else Side.SELL
            book.trade((instrument, side, D(number) / 1_000))
    book.agrees()
    _adds_up(book.ledger)


def _adds_up(ledger: Ledger) -> None:
    """Cash moved = trading PnL + what open positions and leftovers carry, unit by unit."""
    cash = sum((row.total - row.baseline for row in ledger.balances.values()), ZERO)
    carried = sum(
        (row.value if row.quantity > 0 else -row.value for row in ledger.margin_positions.values()),
        ZERO,
    )
    left = sum((row.cost for row in ledger.residuals.values()), ZERO)
    units = sum((row.quantity for row in ledger.margin_positions.values()), ZERO)
    assert units == sum((row.quantity for row in ledger.residuals.values()), ZERO)
    assert cash - carried == ledger.cumulative_pnl - left
