"""Whatever happens, in whatever order it is told: no unit of any asset appears or disappears.

Histories are random: two-leg, single-leg and manual trades, partial, late, over- and doubled fills
with fees in quote, base and a third asset, rebates, transfers with network fees, changes from outside,
unwinds, closed trades that open again, restarts. The truth is kept beside the ledger by formulas of
its own.
"""

import decimal
from collections import defaultdict
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from arbiter.ledger.ledger import Ledger
from arbiter.model import events as ev
from arbiter.model.changes import Changes
from arbiter.model.events import decode_event, encode_event
from arbiter.model.ids import Asset, VenueId
from arbiter.model.image import LedgerImage
from arbiter.model.money import use_wide_context
from arbiter.model.orders import OrderStatus, Side
from arbiter.model.plans import Family
from arbiter.model.trades import Trade, TradeState
from tests.unit.ledger.tape import BINANCE, BNB, BTC, BYBIT, SPOT, USDT, USER, Tape

Row = TypeVar("Row")

sizes = st.decimals("0.0001", "5", places=8)
prices = st.decimals("0.01", "99999", places=5)
amounts = st.decimals("0", "1000", places=10)
signed = st.decimals("-1000", "1000", places=10)
fees = st.decimals("-0.02", "0.05", places=9)
venues = st.sampled_from([BINANCE, BYBIT])
assets = st.sampled_from([BTC, USDT, BNB])
pick = st.integers(0, 10_000)

ENDS = st.sampled_from([OrderStatus.CANCELLED, OrderStatus.EXPIRED, OrderStatus.FILLED])


class RandomHistory(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self._context = decimal.getcontext()
        use_wide_context()
        decimal.getcontext().traps[decimal.Inexact] = True
        self.tape = Tape()
        self.truth: dict[tuple[VenueId, Asset], Decimal] = defaultdict(Decimal)
        """Independently kept balances."""
        self.outside: dict[Asset, Decimal] = defaultdict(Decimal)
        """Per asset, over all venues: what came in, minus what left for good."""
        self.told: list[ev.OrderFilled] = []
        self.trades: list[Trade] = []

    def teardown(self) -> None:
        try:
            self.replay()
        finally:
            decimal.setcontext(self._context)

    def apply(self, event: ev.JournalEvent) -> None:
        self.tape.apply(event)

    @initialize(totals=st.lists(amounts, min_size=6, max_size=6), budget=amounts)
    def open_accounts(self, totals: list[Decimal], budget: Decimal) -> None:
        keys = [(venue, asset) for venue in (BINANCE, BYBIT) for asset in (BTC, USDT, BNB)]
        for (venue, asset), total in zip(keys, totals, strict=True):
            self.apply(ev.BalanceOpened(at_ns=1, venue=venue, asset=asset, total=total))
            self.truth[venue, asset] += total
            self.outside[asset] += total
        self.apply(
            ev.BudgetSet(at_ns=1, strategy=SPOT, currency=USDT, allocated=budget, actor=USER)
        )

    @rule(
        size=sizes,
        buy=prices,
        sell=prices,
        shape=st.sampled_from(["both", "buy", "sell"]),
        family=st.sampled_from([Family.SPOT, Family.SPOT, Family.MANUAL]),
    )
    def open_trade(
        self, size: Decimal, buy: Decimal, sell: Decimal, shape: str, family: Family
    ) -> None:
        trade = self.tape.trade(
            size=size,
            buy=None if shape == "sell" else buy,
            sell=None if shape == "buy" else sell,
            family=family,
        )
        self.trades.append(trade)

    @precondition(lambda self: self.trades)
    @rule(which=pick, size=sizes, side=st.sampled_from(Side), venue=venues)
    def unwind(self, which: int, size: Decimal, side: Side, venue: VenueId) -> None:
        trade = self.trades[which % len(self.trades)]
        count = len(self.tape.ledger.orders_of(trade.id))
        self.tape.more(trade, f"u{count}", venue, side, size)

    @precondition(lambda self: self.trades)
    @rule(
        which=pick,
        part=st.sampled_from([Decimal("0.25"), Decimal("0.5"), Decimal(1), Decimal("1.25")]),
        price=prices,
        fee=fees,
        fee_asset=assets,
        valued=st.booleans(),
    )
    def fill(
        self,
        which: int,
        part: Decimal,
        price: Decimal,
        fee: Decimal,
        fee_asset: Asset,
        valued: bool,
    ) -> None:
        """Fill any order, over or not: late and over-fills are part of the world."""
        orders = list(self.tape.ledger.orders.values())
        order = orders[which % len(orders)]
        size = (order.remaining if order.remaining > 0 else order.size) * part
        event = self.tape.filled(
            order,
            size,
            price,
            fee=fee,
            fee_asset=fee_asset,
            fee_in_quote=fee * 600 if valued else None,
        )
        sign = 1 if order.side is Side.BUY else -1
        for asset, delta in ((BTC, sign * size), (USDT, -sign * size * price), (fee_asset, -fee)):
            self.truth[order.venue, asset] += delta
            self.outside[asset] += delta
        self.told.append(event)

    @precondition(lambda self: self.told)
    @rule(which=pick)
    def tell_again(self, which: int) -> None:
        assert self.tape.apply(self.told[which % len(self.told)]) == Changes()

    @precondition(lambda self: self.trades)
    @rule(
        which=pick,
        what=st.sampled_from(["sent", "accepted", "rejected", "unknown", "known"]),
    )
    def report(self, which: int, what: str) -> None:
        orders = list(self.tape.ledger.orders.values())
        order = orders[which % len(orders)]
        if what == "sent":
            self.tape.sent(order)
        elif what == "accepted":
            self.tape.accepted(order)
        elif what == "rejected":
            self.tape.rejected(order)
        elif what == "unknown":
            self.tape.unknown(order)
        else:
            self.apply(ev.OutcomeKnown(at_ns=1, client_order_id=order.client_order_id))

    @precondition(lambda self: self.trades)
    @rule(which=pick, status=ENDS)
    def end(self, which: int, status: OrderStatus) -> None:
        orders = list(self.tape.ledger.orders.values())
        self.tape.ended(orders[which % len(orders)], status)

    @precondition(lambda self: self.trades)
    @rule(which=pick, state=st.sampled_from(TradeState))
    def advance(self, which: int, state: TradeState) -> None:
        self.tape.advanced(self.trades[which % len(self.trades)], state)

    @rule(asset=assets, amount=amounts, fee=amounts, venue=venues, other=venues)
    def transfer(
        self, asset: Asset, amount: Decimal, fee: Decimal, venue: VenueId, other: VenueId
    ) -> None:
        self.apply(
            ev.Transferred(
                at_ns=1,
                asset=asset,
                source=venue,
                target=other,
                amount=amount,
                network_fee=fee,
            )
        )
        self.truth[venue, asset] -= amount + fee
        self.truth[other, asset] += amount
        self.outside[asset] -= fee

    @rule(venue=venues, asset=assets, delta=signed)
    def move_from_outside(self, venue: VenueId, asset: Asset, delta: Decimal) -> None:
        self.apply(
            ev.ExternalChange(at_ns=1, venue=venue, asset=asset, delta=delta, reason="deposit")
        )
        self.truth[venue, asset] += delta
        self.outside[asset] += delta

    @rule()
    def restart(self) -> None:
        """Go on with a ledger restored from the rows alone."""
        restored = Ledger()
        restored.restore(stored(self.tape.rows))
        assert restored.image() == self.tape.ledger.image()
        assert restored.exposure_usd == self.tape.ledger.exposure_usd
        restored.alarms.extend(self.tape.ledger.alarms)
        self.tape.ledger = restored

    def replay(self) -> None:
        """From the journal's bytes alone."""
        again = Ledger()
        for event in self.tape.events:
            again.apply(decode_event(encode_event(event)))
        assert again.image() == self.tape.ledger.image()
        assert again.exposure_usd == self.tape.ledger.exposure_usd
        assert list(again.alarms) == list(self.tape.ledger.alarms)
        for trade in self.trades:
            assert again.orders_of(trade.id) == self.tape.ledger.orders_of(trade.id)

    @invariant()
    def every_unit_is_accounted_for(self) -> None:
        held: dict[Asset, Decimal] = defaultdict(Decimal)
        for (venue, asset), row in self.tape.ledger.balances.items():
            assert row.total == self.truth[venue, asset]
            held[asset] += row.total
        assert held == {asset: self.outside[asset] for asset in held}

    @invariant()
    def locks_and_reserves_are_those_of_open_orders_and_positions(self) -> None:
        ledger = self.tape.ledger
        for (venue, asset), row in ledger.balances.items():
            holders = [
                order
                for order in ledger.orders.values()
                if order.open and order.venue == venue and order.lock_asset == asset
            ]
            assert row.locked >= 0
            assert row.locked <= sum(order.lock for order in holders)
            assert bool(row.locked) == bool(holders)
        budget = ledger.budgets.get((SPOT, USDT))
        if budget is None:
            return
        carried = sum(row.cost for row in ledger.positions.values() if row.quantity > 0)
        buys = [order for order in ledger.orders.values() if order.open and order.reserve]
        assert carried <= budget.reserved <= carried + sum(order.reserve for order in buys)
        assert (budget.reserved == carried) == (not buys)
        assert budget.available == (budget.allocated or Decimal(0)) - budget.reserved

    @invariant()
    def positions_hold_what_was_traded_and_its_value(self) -> None:
        rows = self.tape.ledger.positions.values()
        units = value = Decimal(0)
        for event in self.told:
            fill = event.fill
            base_fee = fill.fee if fill.fee_asset == BTC else Decimal(0)
            delta = fill.size * fill.side.sign - base_fee
            units += delta
            value += delta * fill.price
        assert sum(row.quantity for row in rows) == units
        open_value = sum((row.cost if row.quantity > 0 else -row.cost) for row in rows)
        assert all(row.cost >= 0 for row in rows)
        assert open_value - sum(row.realized_pnl for row in rows) == value

    @invariant()
    def profit_is_cash_plus_leftovers_of_closed_trades(self) -> None:
        ledger = self.tape.ledger
        closed = ledger.closed_trades
        cash = units = other_fees = Decimal(0)
        for event in self.told:
            fill = event.fill
            if ledger.orders[fill.client_order_id].trade_id not in closed:
                continue
            sign = fill.side.sign
            cash -= sign * fill.size * fill.price
            units += sign * fill.size
            if fill.fee_asset == USDT:
                cash -= fill.fee
            elif fill.fee_asset == BTC:
                units -= fill.fee
            else:
                other_fees += event.fee_in_quote or Decimal(0)
        left = ledger.residuals.get((SPOT, BTC, USDT))
        assert (left.quantity if left else 0) == units
        assert ledger.cumulative_pnl == cash + (left.cost if left else 0) - other_fees
        paid = sum(trade.pnl or 0 for trade in closed.values())
        assert ledger.cumulative_pnl == paid + (left.realized_pnl if left else 0)
        assert ledger.cumulative_pnl == sum(row.realized for row in ledger.days.values())
        minutes = self.tape.rows.minutes.values()
        assert ledger.cumulative_pnl == sum(row.realized for row in minutes)
        assert ledger.peak_pnl >= max(Decimal(0), ledger.cumulative_pnl)


def stored(rows: Changes) -> LedgerImage:
    """Rows come from storage in no order of ours: here in reverse."""
    newest = max((minute for minute, _ in rows.minutes), default=0)
    return LedgerImage(
        trades=backwards(rows.trades),
        orders=backwards(rows.orders),
        fills=backwards(rows.fills),
        fill_keys=frozenset(rows.fills),
        balances=backwards(rows.balances),
        positions=backwards(rows.positions),
        budgets=backwards(rows.budgets),
        residuals=backwards(rows.residuals),
        days=backwards(rows.days),
        minutes=tuple(row for row in backwards(rows.minutes) if row.minute_ns == newest),
        next_trade_seq=max((trade.seq for trade in rows.trades.values()), default=0) + 1,
    )


def backwards(rows: Mapping[Any, Row]) -> tuple[Row, ...]:
    return tuple(reversed(list(rows.values())))


RandomHistory.TestCase.settings = settings(max_examples=60, stateful_step_count=40)
test_random_histories_conserve_every_unit = RandomHistory.TestCase
