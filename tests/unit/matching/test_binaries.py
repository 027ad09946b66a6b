"""Binary contracts at a simulated venue, and the ledger that accounts for them beside it."""

import random
from collections.abc import Callable
from decimal import Decimal
from uuid import UUID

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arbiter.ledger.ledger import Ledger
from arbiter.matching.event_exchange import EventExchange
from arbiter.matching.orders import OrderRequest
from arbiter.matching.state import ExchangeState, Step, fold
from arbiter.model import events as ev
from arbiter.model.binaries import order_cost
from arbiter.model.errors import InvalidValue
from arbiter.model.ids import Actor, ClientOrderId, StrategyId, TradeId
from arbiter.model.instruments import Instrument
from arbiter.model.money import ONE, ZERO, use_wide_context
from arbiter.model.orders import Order, OrderStatus, Side, TimeInForce
from arbiter.model.perpetuals import contract_of
from arbiter.model.plans import Family
from arbiter.model.reports import (
    Accepted,
    Ended,
    Filled,
    FillSettled,
    ForcedReported,
    Refused,
    VenueReport,
)
from arbiter.model.trades import PlannedLeg, Trade, TradeState
from tests.fakes.binaries import KALSHI, POLYMARKET, USD

D = Decimal


class Desk:
    """A venue with one market at 0.40 / 0.42, 50 contracts each, and the ledger told of it all."""

    def __init__(self, market: Instrument = POLYMARKET, cash: str = "100") -> None:
        use_wide_context()
        self.market = market
        self.steps: list[Step] = []
        self.exchange = EventExchange(market.venue, [market], record=self.steps.append)
        self.exchange.open_account({USD: D(cash)}, 0)
        self.ledger = Ledger()
        self.now = 1
        self._orders = 0
        self.tell(
            ev.BalanceOpened(at_ns=0, venue=market.venue, asset=USD, total=D(cash)),
            ev.ContractSet(at_ns=0, contract=contract_of(market, ONE)),
        )
        self.quote("0.40", "0.42")

    def tell(self, *events: ev.JournalEvent) -> None:
        self.ledger.apply(*events)

    def quote(self, bid: str, ask: str, size: str = "50") -> None:
        sides = float(bid), float(ask), float(size), float(size)
        self.take(lambda at: self.exchange.on_quote(self.market.id, *sides, at))

    def take(self, act: Callable[[int], list[VenueReport]]) -> list[VenueReport]:
        """Let the venue do something and book what it says of it."""
        self.now += 1
        reports = act(self.now)
        for report in reports:
            self._book(report)
        return reports

    def order(
        self,
        side: Side,
        size: str | Decimal,
        price: str | Decimal,
        tif: TimeInForce = TimeInForce.IOC,
        strategy: str = "event-arbitrage",
    ) -> list[VenueReport]:
        self._orders += 1
        trade_id = TradeId(UUID(int=self._orders))
        order = Order(
            client_order_id=ClientOrderId(f"{self._orders}-a1"),
            strategy=StrategyId(strategy),
            actor=Actor(f"strategy:{strategy}"),
            trade_id=trade_id,
            leg="a",
            instrument=self.market.id,
            venue=self.market.venue,
            symbol=self.market.symbol,
            side=side,
            time_in_force=tif,
            size=D(size),
            price=D(price),
            planned_price=D(price),
            created_ns=self.now,
            updated_ns=self.now,
        )
        leg = PlannedLeg(
            role="a",
            instrument=order.instrument,
            side=side,
            size=order.size,
            limit=order.price,
            planned_price=order.planned_price,
            order=order.client_order_id,
        )
        trade = Trade(
            id=trade_id,
            seq=self._orders,
            strategy=order.strategy,
            family=Family.EVENTS,
            actor=order.actor,
            symbol=order.symbol,
            quote=USD,
            legs=(leg,),
            started_ns=self.now,
        )
        need = order.size * order_cost(self.market, side, D(price))
        holds = {order.client_order_id: (USD, need)}
        self.tell(
            ev.TradeOpened(
                at_ns=self.now, trade=trade, orders=(order,), locks=holds, reserve=holds
            ),
            ev.OrderSent(at_ns=self.now, client_order_id=order.client_order_id),
        )
        request = OrderRequest(
            client_order_id=order.client_order_id,
            instrument=self.market.id,
            side=side,
            time_in_force=tif,
            size=order.size,
            price=order.price,
        )
        reports = self.take(lambda at: self.exchange.submit(request, at))
        self.tell(ev.TradeAdvanced(at_ns=self.now, trade_id=trade_id, state=TradeState.COMPLETED))
        return reports

    def settle(self, name: str, *, ok: bool) -> list[VenueReport]:
        return self.take(lambda at: self.exchange.settle_fill(name, ok, at))

    def resolve(self, price: str | None) -> list[VenueReport]:
        pays = None if price is None else D(price)
        return self.take(lambda at: self.exchange.resolve(self.market.id, pays, at))

    def reopen(self) -> None:
        self.take(lambda at: self.exchange.open_market(self.market.id, at))
        self.quote("0.40", "0.42")

    @property
    def total(self) -> Decimal:
        (held,) = self.exchange.holdings()
        return held.total

    @property
    def locked(self) -> Decimal:
        (held,) = self.exchange.holdings()
        return held.locked

    def agrees(self) -> None:
        """Venue and ledger name the same figures, to the last digit."""
        balance = self.ledger.balances[self.market.venue, USD]
        assert (balance.total, balance.locked) == (self.total, self.locked)
        ours = self.ledger.margin_positions.get(self.market.id)
        theirs = self.exchange.margin.positions.get(self.market.id)
        if ours is not None and theirs is not None:
            assert (ours.quantity, ours.value) == (theirs.quantity, theirs.value)
            assert (ours.margin, ours.realized_pnl) == (theirs.margin, theirs.realized_pnl)
        for truth in self.exchange.orders():
            order = self.ledger.orders[truth.client_order_id]
            assert (order.status, order.filled_size) == (truth.status, truth.filled_size)

    def _book(self, report: VenueReport) -> None:
        at = self.now
        match report:
            case Accepted(client_order_id=name, venue_order_id=number):
                self.tell(ev.OrderAccepted(at_ns=at, client_order_id=name, venue_order_id=number))
            case Refused(client_order_id=name, code=code, reason=reason):
                self.tell(
                    ev.OrderRejected(at_ns=at, client_order_id=name, code=code, reason=reason)
                )
            case Filled(fill=fill):
                self.tell(ev.OrderFilled(at_ns=at, fill=fill))
            case Ended(client_order_id=name, status=status, reason=reason):
                self.tell(
                    ev.OrderEnded(at_ns=at, client_order_id=name, status=status, reason=reason)
                )
            case ForcedReported(forced=forced):
                self.tell(ev.PositionForced(at_ns=at, forced=forced))
            case FillSettled(venue=venue, instrument=of, venue_trade_id=name, ok=ok):
                self.tell(
                    ev.FillSettled(at_ns=at, venue=venue, instrument=of, venue_trade_id=name, ok=ok)
                )
            case _:
                pytest.fail(f"unexpected {report}")


def _fee(reports: list[VenueReport]) -> Decimal:
    return sum((r.fill.fee for r in reports if isinstance(r, Filled)), ZERO)


@pytest.mark.parametrize(("pays", "total"), [("1", "105.62"), ("0", "95.62"), ("0.37", "99.32")])
def test_ten_yes_at_42_cents_pay_what_the_market_resolves_to(pays: str, total: str) -> None:
    desk = Desk(KALSHI)
    desk.order(Side.BUY, "10", "0.42")
    assert desk.locked == D("4.20")
    desk.resolve(pays)
    assert (desk.total, desk.locked) == (D(total), ZERO)
    desk.agrees()


@pytest.mark.parametrize(("pays", "total"), [("1", "93.83"), ("0", "103.83")])
def test_selling_yes_is_buying_no_at_what_it_leaves_to_one(pays: str, total: str) -> None:
    desk = Desk(KALSHI)
    desk.order(Side.SELL, "10", "0.40")
    assert desk.locked == D("6.00")
    desk.resolve(pays)
    assert (desk.total, desk.locked) == (D(total), ZERO)
    desk.agrees()


@pytest.mark.parametrize("side", list(Side))
def test_a_market_called_off_gives_the_stake_back_and_keeps_the_fee(side: Side) -> None:
    desk = Desk(KALSHI)
    fee = _fee(desk.order(side, "7", "0.42" if side is Side.BUY else "0.40"))
    desk.resolve(None)
    assert desk.total == 100 - fee
    desk.agrees()


def test_a_fee_is_rounded_up_once_per_order_however_many_fills_it_took() -> None:
    desk = Desk(KALSHI)
    first = _fee(desk.order(Side.BUY, "60", "0.42", TimeInForce.GTC))
    desk.quote("0.40", "0.42")
    fills = desk.exchange.fills_since(0)
    assert [fill.size for fill in fills] == [50, 10]
    assert first == D("0.86")  # 50 × 0.07 × 0.42 × 0.58 = 0.8526
    assert fills[1].fee == ZERO  # as maker


def test_nobody_can_lose_more_than_was_locked() -> None:
    desk = Desk(KALSHI, cash="30.60")
    assert desk.order(Side.SELL, "50", "0.40")  # 30 and a fee of 0.84
    assert desk.total == D("30.60")
    desk.order(Side.SELL, "49", "0.40")
    desk.resolve("1")
    assert desk.total >= 0
    desk.agrees()


def test_no_price_reaches_what_a_contract_pays() -> None:
    desk = Desk()
    (refused,) = desk.order(Side.SELL, "1", "1")
    assert isinstance(refused, Refused)
    with pytest.raises(InvalidValue):
        desk.exchange.resolve(desk.market.id, D("1.01"), 9)


def test_a_closed_market_takes_no_order_until_it_is_listed_anew() -> None:
    desk = Desk()
    desk.order(Side.BUY, "10", "0.30", TimeInForce.GTC)
    reports = desk.take(lambda at: desk.exchange.close_market(desk.market.id, at))
    assert [r.status for r in reports if isinstance(r, Ended)] == [OrderStatus.CANCELLED]
    assert isinstance(desk.order(Side.BUY, "10", "0.42")[0], Refused)
    desk.resolve("1")
    assert isinstance(desk.order(Side.BUY, "10", "0.42")[0], Refused)
    desk.reopen()
    assert isinstance(desk.order(Side.BUY, "10", "0.42")[0], Accepted)
    desk.agrees()


def test_a_failed_fill_is_gone_from_position_cash_and_order() -> None:
    desk = Desk()
    desk.order(Side.BUY, "10", "0.42")
    assert desk.ledger.unsettled(desk.market.id)
    desk.settle("1", ok=False)
    assert not desk.ledger.unsettled(desk.market.id)
    assert (desk.total, desk.locked) == (D(100), ZERO)
    assert desk.exchange.fills_since(0) == []
    assert desk.exchange.query(ClientOrderId("1-a1"), 99).filled_size == 0  # type: ignore[union-attr]
    desk.agrees()


def test_the_first_last_word_stays() -> None:
    desk = Desk()
    desk.order(Side.BUY, "10", "0.42")
    assert len(desk.settle("1", ok=True)) == 1
    assert desk.settle("1", ok=False) == []
    assert desk.locked == D("4.20")
    told = desk.exchange.margin.settled_since(0)
    assert [word.ok for word in told] == [True]


def test_a_market_pays_only_what_is_final() -> None:
    desk = Desk()
    desk.order(Side.BUY, "10", "0.42")
    reports = desk.resolve("1")
    assert [type(r) for r in reports] == [FillSettled, ForcedReported]
    assert desk.exchange.pending_fills() == []
    desk.agrees()


def test_a_market_that_was_never_traded_in_pays_nobody() -> None:
    desk = Desk()
    assert desk.resolve("1") == []
    desk.reopen()
    desk.order(Side.BUY, "10", "0.42")
    assert len(desk.resolve("1")) == 2
    desk.reopen()
    assert desk.resolve("0") == []


def test_two_strategies_that_hedge_each_other_are_both_paid_out() -> None:
    desk = Desk(KALSHI)
    desk.order(Side.BUY, "10", "0.42", strategy="event-arbitrage")
    desk.order(Side.SELL, "10", "0.40", strategy="manual")
    assert desk.locked == 0
    desk.resolve("1")
    desk.agrees()
    held = {row.strategy: row for row in desk.ledger.positions.values()}
    assert not any(row.quantity for row in held.values())
    assert held[StrategyId("event-arbitrage")].realized_pnl == D("5.8")
    assert held[StrategyId("manual")].realized_pnl == D("-6.0")


def _live(desk: Desk, dice: random.Random, steps: int) -> None:
    def price() -> Decimal:
        return D(dice.randrange(1, 100)).scaleb(-2)

    for _ in range(steps):
        pending = desk.exchange.pending_fills()
        roll = dice.random()
        if roll < 0.45:
            desk.order(
                dice.choice(list(Side)),
                D(dice.randrange(1, 80)),
                price(),
                dice.choice(list(TimeInForce)),
                dice.choice(["event-arbitrage", "manual"]),
            )
        elif roll < 0.65:
            bid = dice.randrange(1, 98)
            ask = dice.randrange(bid + 1, 99 + 1)
            desk.quote(str(bid / 100), str(ask / 100), str(dice.randrange(1, 60)))
        elif roll < 0.92 and pending:
            desk.settle(dice.choice(pending).venue_trade_id, ok=dice.random() < 0.6)
        elif roll > 0.95:
            desk.resolve(dice.choice(["0", "1", "0.5", None]))
            desk.reopen()
        desk.agrees()


@settings(max_examples=120, deadline=None)
@given(seed=st.integers(0, 2**32), market=st.sampled_from([POLYMARKET, KALSHI]))
def test_ledger_and_venue_agree_after_any_history_and_nothing_is_lost(
    seed: int, market: Instrument
) -> None:
    desk = Desk(market, cash="500")
    _live(desk, random.Random(seed), 40)
    desk.resolve("1")
    desk.agrees()
    rows = desk.ledger.budgets.values()
    made = sum((row.realized_pnl - row.total_fees for row in rows), ZERO)
    assert desk.locked == 0
    assert abs(desk.total - 500 - made) < D("1e-12")
    assert abs(desk.total - 500 - desk.ledger.cumulative_pnl) < D("1e-12")
    state = fold(ExchangeState(venue=market.venue), desk.steps)
    assert state == desk.exchange.state()
    again = EventExchange(market.venue, [market])
    again.restore(state, 1)
    assert again.state() == state


def test_makers_fills_of_one_order_share_the_rounding_of_its_fee() -> None:
    desk = Desk(msgspec.structs.replace(KALSHI, maker_fee=D("0.001")))
    desk.order(Side.BUY, "10", "0.41", TimeInForce.GTC)
    for _ in range(2):
        desk.quote("0.39", "0.40", "4")
    desk.quote("0.39", "0.40", "4")
    fees = [fill.fee for fill in desk.exchange.fills_since(0)]
    assert fees == [D("0.01"), ZERO, ZERO]  # 4, 4 and 2 at 0.41 owe 0.0041 in all
    desk.agrees()
