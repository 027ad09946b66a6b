"""The one place that remembers: balances, orders, trades, positions, budgets, PnL and the latch.

`apply` folds one event and returns the rows it touched. It is deterministic (time comes with the
event, nothing is read from outside), so a journal folded from its start gives the same state, and
it is all or nothing: an impossible event raises `LedgerError` before anything is booked.
"""

import decimal
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeVar

from msgspec.structs import replace

from arbiter.ledger import alarms, restore
from arbiter.ledger import orders as order_book
from arbiter.ledger.alarms import Alarm, AlarmCode
from arbiter.ledger.assets import account_assets, base_and_quote
from arbiter.ledger.balances import Balances
from arbiter.ledger.budgets import Budgets
from arbiter.ledger.copies import Copies
from arbiter.ledger.day import TradingDays
from arbiter.ledger.event_pairs import EventPairs
from arbiter.ledger.margin import MarginBooks
from arbiter.ledger.orders import Orders, holds_changed, holds_left, with_holds
from arbiter.ledger.pairs import Pairs
from arbiter.ledger.pnl import NOTHING, settle
from arbiter.ledger.positions import Positions
from arbiter.ledger.reads import LedgerReads
from arbiter.ledger.residuals import Residuals
from arbiter.ledger.settling import Paid
from arbiter.ledger.switches import Switches
from arbiter.ledger.trades import Trades, fee_value, with_execution, with_fill
from arbiter.model import events as ev
from arbiter.model.changes import Changes
from arbiter.model.errors import LedgerError
from arbiter.model.ids import TradeId, VenueId
from arbiter.model.image import LedgerImage
from arbiter.model.money import ZERO
from arbiter.model.orders import Order, OrderStatus
from arbiter.model.perpetuals import Contract
from arbiter.model.plans import Family
from arbiter.model.settling import SettledFill
from arbiter.model.trades import Trade

# Looking a member up on its enum costs more than comparing with it.
_SPOT = Family.SPOT

DIGITS = 60
"""Sums and products of money are exact within this many digits: `use_wide_context`."""

Row = TypeVar("Row")


class Ledger(LedgerReads):
    """Fold events into state; see the module.

    Closed trades and their orders stay in memory until `closed_kept` newer ones have closed, keys
    of fills until `fill_keys_kept` newer fills; storage has all of them for ever. A fill of an
    order that is no longer here comes with its records (`OrderFilled.trade` and `.order`).
    """

    def __init__(self, *, closed_kept: int = 1_000, fill_keys_kept: int = 50_000) -> None:
        if decimal.getcontext().prec < DIGITS:
            raise LedgerError("money needs the wide decimal context: call use_wide_context() first")
        if closed_kept < 1 or fill_keys_kept < 1:
            raise LedgerError("a ledger keeps at least one closed trade and one fill key")
        self._closed_kept = closed_kept
        self._fill_keys_kept = fill_keys_kept
        self._orders = Orders()
        self._trades = Trades()
        self._balances = Balances()
        self._positions = Positions()
        self._budgets = Budgets()
        self._residuals = Residuals()
        self._days = TradingDays()
        self._pairs = Pairs()
        self._event_pairs = EventPairs()
        self._copies = Copies()
        self._margin = MarginBooks(
            self._balances, self._positions, self._budgets, self._copies, keys_kept=fill_keys_kept
        )
        self._fill_keys: OrderedDict[tuple[VenueId, str], None] = OrderedDict()
        self._switches = Switches()
        self.next_trade_seq = 1
        self.next_signal_seq = 1
        self._show()
        self.alarms: deque[Alarm] = deque(maxlen=1_000)
        """Booked, but worth telling; whoever reads them takes them out."""
        self._folds: dict[type, Callable[[Any, Changes], None]] = {
            ev.EngineStarted: _nothing,
            ev.EngineStopped: _nothing,
            ev.BalanceOpened: self._balances.open,
            ev.ExternalChange: self._balances.change,
            ev.Transferred: self._balances.transfer,
            ev.SignalSeen: self._signal_seen,
            ev.TradeOpened: self._trade_opened,
            ev.OrdersAdded: self._orders_added,
            ev.PlanDenied: _plan_denied,
            ev.OrderSent: self._order_sent,
            ev.OrderAbandoned: self._order_abandoned,
            ev.OrderAccepted: self._order_accepted,
            ev.OrderRejected: self._order_rejected,
            ev.OrderFilled: self._order_filled,
            ev.OrderEnded: self._order_ended,
            ev.OutcomeUnknown: self._outcome_unknown,
            ev.OutcomeKnown: self._outcome_known,
            ev.TradeAdvanced: self._trade_advanced,
            ev.BudgetSet: self._budgets.set,
            ev.BudgetRemoved: self._budgets.remove,
            ev.KillSwitchEngaged: self._switches.engage,
            ev.KillSwitchReleased: self._switches.release,
            ev.StrategySwitched: self._switches.switch,
            ev.SettingChanged: self._switches.set,
            ev.ContractSet: self._contract_set,
            ev.FundingPaid: self._funding_paid,
            ev.PositionForced: self._position_forced,
            ev.PositionsCrossed: self._positions_crossed,
            ev.FillSettled: self._fill_settled,
            ev.PairOpened: self._pairs.open,
            ev.PairAdvanced: self._pairs.advance,
            ev.PairNoted: self._pairs.note,
            ev.EventPairProposed: self._event_pairs.propose,
            ev.EventPairReviewed: self._event_pairs.review,
            ev.CopyAdded: self._copies.add,
            ev.CopySwitched: self._copies.switch,
            ev.CopyRemoved: self._copies.remove,
            ev.CopyBased: self._copies.base,
            ev.LeaderActed: self._copies.act,
            ev.LeaderForgotten: self._copies.forget,
            ev.OrderPlaced: _placed,
            ev.Audited: _audited,
            ev.AlertRaised: _nothing,
        }

    def apply(self, *events: ev.JournalEvent) -> Changes:
        """Book events, one after the other. A fill booked before changes nothing."""
        changes = Changes()
        for event in events:
            self._folds[type(event)](event, changes)
        return changes

    def restore(self, image: LedgerImage) -> None:
        """Take over the state storage kept; only into a ledger that has seen no event."""
        if self._balances.rows or self._trades.open or self._trades.closed or self._fill_keys:
            raise LedgerError("only a fresh ledger can be restored")
        for trade in restore.trades_in_order(image):
            self._trades.put(trade)
        for trade_id, orders in restore.orders_by_trade(image).items():
            self._orders.add(trade_id, orders)
        self._fill_keys.update(dict.fromkeys(sorted(image.fill_keys)))
        self._fill_keys.update({(fill.venue, fill.venue_trade_id): None for fill in image.fills})
        self._balances.rows.update({(row.venue, row.asset): row for row in image.balances})
        self._positions.restore(image.positions)
        self._budgets.rows.update({(row.strategy, row.currency): row for row in image.budgets})
        self._residuals.rows.update(
            {(row.strategy, row.asset, row.quote): row for row in image.residuals}
        )
        self._days.restore(image.days, image.minutes)
        self._margin.restore(image)
        self._pairs.restore(image.pairs)
        self._event_pairs.restore(image.event_pairs)
        self._copies.restore(image)
        self._switches.restore(image)
        self.next_trade_seq = image.next_trade_seq
        self.next_signal_seq = image.next_signal_seq

    def image(self) -> LedgerImage:
        """Give all that is in memory, in an order of its own: two equal ledgers, equal images."""
        return LedgerImage(
            trades=tuple(sorted(self._all_trades(), key=lambda trade: trade.seq)),
            orders=tuple(
                sorted(self._orders.by_id.values(), key=lambda order: order.client_order_id)
            ),
            fill_keys=frozenset(self._fill_keys),
            balances=_by_key(self._balances.rows),
            positions=_by_key(self._positions.rows),
            budgets=_by_key(self._budgets.rows),
            residuals=_by_key(self._residuals.rows),
            days=_by_key(self._days.rows),
            minutes=_by_key(self._days.minutes),
            contracts=_by_key(self._margin.contracts),
            margin_positions=_by_key(self._margin.positions),
            payment_keys=frozenset(self._margin.payment_keys),
            resolutions=sum(_by_key(self._margin.settling.resolutions), ()),
            settling=_by_key(self._margin.settling.rows),
            settled=_by_key(self._margin.settling.settled),
            pairs=tuple(sorted(self._pairs.rows.values(), key=lambda row: (row.opened_ns, row.id))),
            event_pairs=_by_key(self._event_pairs.rows),
            copy_subscriptions=_by_key(self._copies.subscriptions),
            copy_positions=_by_key(self._copies.positions),
            leader_actions=self._copies.all_actions(),
            kill_switch=self._switches.kill_switch,
            strategies=dict(sorted(self._switches.strategies.items())),
            settings=dict(sorted(self._switches.settings.items())),
            next_trade_seq=self.next_trade_seq,
            next_signal_seq=self.next_signal_seq,
        )

    def _all_trades(self) -> Iterator[Trade]:
        yield from self._trades.open.values()
        yield from self._trades.closed.values()

    # Trades and their orders

    def _signal_seen(self, event: ev.SignalSeen, changes: Changes) -> None:
        signal = event.signal
        self.next_signal_seq = max(self.next_signal_seq, signal.seq + 1)
        changes.signals[signal.id] = signal

    def _trade_opened(self, event: ev.TradeOpened, changes: Changes) -> None:
        trade = event.trade
        if trade.id in self._trades:
            raise LedgerError(f"trade {trade.id} is open already")
        orders = self._checked(trade.id, event)
        self.next_trade_seq = max(self.next_trade_seq, trade.seq + 1)
        self._trades.put(trade)
        changes.trades[trade.id] = trade
        self._book_new(trade.id, orders, event.at_ns, changes)

    def _orders_added(self, event: ev.OrdersAdded, changes: Changes) -> None:
        self._trades.get(event.trade_id)
        orders = self._checked(event.trade_id, event)
        self._book_new(event.trade_id, orders, event.at_ns, changes)

    def _checked(
        self, trade_id: TradeId, event: ev.TradeOpened | ev.OrdersAdded
    ) -> Sequence[Order]:
        """Give the new orders, each with what it takes in its own record."""
        orders: Sequence[Order] = event.orders
        if event.locks or event.reserve:
            orders = with_holds(orders, event.locks, event.reserve)
        known = self._orders.by_id
        for order in orders:
            key, trade_of = order.client_order_id, order.trade_id
            # The very same id but for an event read from a journal: comparing costs more.
            if key in known or (trade_of is not trade_id and trade_of != trade_id):
                raise LedgerError(f"order {key} is known already or belongs to another trade")
            self._check_assets(order)
            if not (order.lock >= ZERO and order.reserve >= ZERO):
                raise LedgerError(f"order {key} cannot hold {order.lock} or {order.reserve}")
        return orders

    def _book_new(
        self, trade_id: TradeId, orders: Sequence[Order], at_ns: int, changes: Changes
    ) -> None:
        self._orders.add(trade_id, orders)
        for order in orders:
            changes.orders[order.client_order_id] = order
            lock, reserve = holds_left(order)
            self._hold(order, lock, reserve, at_ns, changes)

    def _hold(
        self, order: Order, lock: Decimal, reserve: Decimal, at_ns: int, changes: Changes
    ) -> None:
        """Change what the order holds of its balance and its budget."""
        if lock and order.lock_asset is not None:
            self._balances.move(order.venue, order.lock_asset, ZERO, lock, at_ns, changes)
        if reserve and order.reserve_asset is not None:
            self._budgets.move(
                order.strategy, order.reserve_asset, at_ns, changes, reserved=reserve
            )

    def _replace_order(self, before: Order, after: Order, at_ns: int, changes: Changes) -> None:
        """Keep an order's new record and release what it holds no more."""
        if after is before:
            return
        self._put_order(before, after, changes)
        if after.status.terminal or after.filled_size != before.filled_size:
            lock, reserve = holds_changed(before, after)
            self._hold(after, lock, reserve, at_ns, changes)

    def _put_order(self, before: Order, after: Order, changes: Changes) -> Trade | None:
        """Keep an order's new record; its trade mirrors what is unknown: given where it changed."""
        key = after.client_order_id
        self._orders.by_id[key] = changes.orders[key] = after
        if (before.unknown_since_ns is None) != (after.unknown_since_ns is None):
            trade = self.trade(after.trade_id)
            unknown = self._orders.any_unknown(after.trade_id)
            if trade is not None and trade.unknown != unknown:
                return self._put_trade(replace(trade, unknown=unknown), changes)
        return None

    def _put_trade(self, trade: Trade, changes: Changes) -> Trade:
        self._trades.put(trade)
        changes.trades[trade.id] = trade
        return trade

    # Reports

    def _order_sent(self, event: ev.OrderSent, changes: Changes) -> None:
        order = self._orders.get(event.client_order_id)
        self._replace_order(order, order_book.sent(order, event.at_ns), event.at_ns, changes)

    def _order_abandoned(self, event: ev.OrderAbandoned, changes: Changes) -> None:
        order = self._orders.get(event.client_order_id)
        after = order_book.abandoned(order, event.reason, event.at_ns)
        self._replace_order(order, after, event.at_ns, changes)

    def _order_accepted(self, event: ev.OrderAccepted, changes: Changes) -> None:
        order = self._orders.get(event.client_order_id)
        after = order_book.accepted(order, event.venue_order_id, event.at_ns)
        self._replace_order(order, after, event.at_ns, changes)

    def _order_rejected(self, event: ev.OrderRejected, changes: Changes) -> None:
        order = self._orders.get(event.client_order_id)
        if order.filled_size:
            code, text = AlarmCode.REFUSED_AFTER_FILL, event.reason
            self.alarms.append(alarms.alarm(code, order, text, event.at_ns))
        after = order_book.rejected(order, event.code, event.reason, event.at_ns)
        self._replace_order(order, after, event.at_ns, changes)

    def _order_ended(self, event: ev.OrderEnded, changes: Changes) -> None:
        order = self._orders.get(event.client_order_id)
        after = order_book.ended(order, event.status, event.reason, event.at_ns)
        self._replace_order(order, after, event.at_ns, changes)

    def _outcome_unknown(self, event: ev.OutcomeUnknown, changes: Changes) -> None:
        order = self._orders.get(event.client_order_id)
        self._replace_order(order, order_book.unknown(order, event.at_ns), event.at_ns, changes)

    def _outcome_known(self, event: ev.OutcomeKnown, changes: Changes) -> None:
        order = self._orders.get(event.client_order_id)
        self._replace_order(order, order_book.known(order, event.at_ns), event.at_ns, changes)

    def _order_filled(self, event: ev.OrderFilled, changes: Changes) -> None:
        fill, at_ns = event.fill, event.at_ns
        key = (fill.venue, fill.venue_trade_id)
        if key in self._fill_keys:
            return
        before, trade = self._order_of(event)
        order_book.check_fill(before, fill)
        contract = self._margin.contracts.get(before.instrument)
        if contract is not None:
            self._perpetual_filled(event, before, contract, changes)
            return
        base, quote = base_and_quote(before.symbol)
        fee = fee_value(fill, base, quote, event.fee_in_quote)
        self._remember_fill(key)
        changes.fills[key] = fill
        order = order_book.filled(before, fill, at_ns)
        self.alarms += alarms.of_fill(before, order, fee, at_ns)
        fee = fee or ZERO
        trade = self._put_order(before, order, changes) or trade
        lock, released = holds_changed(before, order)
        self._balances.fill(fill, base, quote, order.lock_asset, lock, at_ns, changes)
        base_fee = fill.fee if fill.fee_asset == base else ZERO
        units = fill.size * order.side.sign - base_fee
        self._copies.fill(order, units, fill.price, fee, at_ns, changes)
        effect = self._positions.fill(
            order,
            units,
            fill.price,
            fee,
            netted=trade.family is _SPOT,
            at_ns=at_ns,
            changes=changes,
        )
        if released and order.reserve_asset != quote:
            self._hold(order, ZERO, released, at_ns, changes)
            released = ZERO
        self._budgets.move(
            order.strategy,
            quote,
            at_ns,
            changes,
            reserved=effect.capital,
            released=released,
            realized=effect.realized,
            fees=fee,
        )
        self._account(trade, with_fill(trade, fill, base, fee), at_ns, changes)

    def _perpetual_filled(
        self, event: ev.OrderFilled, before: Order, contract: Contract, changes: Changes
    ) -> None:
        fill, at_ns = event.fill, event.at_ns
        key = (fill.venue, fill.venue_trade_id)
        order = order_book.filled(before, fill, at_ns)
        if self._margin.settling.failed(*key):
            order = order_book.voided(order, fill, at_ns)
            self._replace_order(before, order, at_ns, changes)
            return
        self._remember_fill(key)
        changes.fills[key] = fill
        self.alarms += alarms.of_fill(before, order, fill.fee, at_ns)
        self._replace_order(before, order, at_ns, changes)
        booked = self._margin.fill(contract, fill, order, at_ns, changes)
        units = booked.units * order.side.sign
        self._copies.fill(order, units, booked.price, booked.fee, at_ns, changes)
        trade = self._trades.get(order.trade_id)
        after = with_execution(trade, fill.side, booked.units, booked.price, booked.fee)
        self._account(trade, after, at_ns, changes)
        paid = self._margin.pay_late(contract, fill, order, at_ns, changes)
        if paid is not None:
            self._carry(contract, paid, at_ns, changes)

    def _check_assets(self, order: Order) -> None:
        """Refuse an order whose fills would move no known cash."""
        if order.instrument not in self._margin.contracts:
            base_and_quote(order.symbol)

    # Perpetuals: what a venue does to a position without an order

    def _contract_set(self, event: ev.ContractSet, changes: Changes) -> None:
        self._margin.set(event.contract, changes)

    def _funding_paid(self, event: ev.FundingPaid, changes: Changes) -> None:
        if self._margin.pay(event.payment, event.at_ns, changes):
            payment = event.payment
            contract = self._margin.contract(payment.instrument)
            worth = payment.amount * payment.mark if contract.inverse else payment.amount
            earner = self._pairs.collect(payment, worth, changes)
            self._days.add(earner, event.at_ns, worth, event.at_ns, changes)

    def _position_forced(self, event: ev.PositionForced, changes: Changes) -> None:
        """Book a liquidation or a deleveraging as a leftover that the other leg's close will meet."""
        close, at_ns = event.forced, event.at_ns
        key = (close.venue, close.venue_trade_id)
        if key in self._fill_keys:
            return
        contract = self._margin.contract(close.instrument)
        self._remember_fill(key)
        for paid in self._margin.force(close, at_ns, changes):
            self._carry(contract, paid, at_ns, changes)

    def _positions_crossed(self, event: ev.PositionsCrossed, changes: Changes) -> None:
        """Carry what each strategy gave up as what its trades did not account for."""
        contract = self._margin.contract(event.instrument)
        for paid in self._margin.cross(contract, event.parts, event.price, event.at_ns, changes):
            self._carry(contract, paid, event.at_ns, changes)

    def _fill_settled(self, event: ev.FillSettled, changes: Changes) -> None:
        """Take a fill that failed out of every book it went into."""
        at_ns = event.at_ns
        word = SettledFill(
            venue=event.venue,
            venue_trade_id=event.venue_trade_id,
            instrument=event.instrument,
            ok=event.ok,
            at_ns=at_ns,
        )
        void = self._margin.settle(word, at_ns, changes)
        if void is None:
            return
        key = (event.venue, event.venue_trade_id)
        self._fill_keys.pop(key, None)  # the last word tells it from a new one
        changes.fills.pop(key, None)
        changes.of_settlement().void_fills.add(key)
        step, booked = void.step, void.booked
        order = step.client_order_id and self._orders.by_id.get(step.client_order_id)
        trade = None
        if order:
            self._replace_order(order, order_book.voided(order, step, at_ns), at_ns, changes)
            trade = self.trade(order.trade_id)
        if trade is not None:
            after = with_execution(trade, step.side, -booked.units, booked.price, -booked.fee)
            self._account(trade, after, at_ns, changes)
        contract = self._margin.contract(event.instrument)
        if trade is None and step.strategy is not None:
            units = -booked.units * step.side.sign
            paid = Paid(step.strategy, units, booked.price, -booked.fee)
            self._carry(contract, paid, at_ns, changes)
        for paid in void.paid:
            self._carry(contract, paid, at_ns, changes)

    def _carry(self, contract: Contract, paid: Paid, at_ns: int, changes: Changes) -> None:
        """Keep what no trade accounts for as a leftover that another one will meet."""
        base, quote = account_assets(contract.symbol)
        cost = paid.units * paid.price
        key = (paid.strategy, base, quote)
        realized = self._residuals.add(key, paid.units, cost, at_ns, changes)
        self._days.add(paid.strategy, at_ns, realized - paid.fee, at_ns, changes)

    def _order_of(self, event: ev.OrderFilled) -> tuple[Order, Trade]:
        """Find the fill's order and its trade, taken back from the event if they had left."""
        order = self._orders.by_id.get(event.fill.client_order_id)
        known = None if order is None else self.trade(order.trade_id)
        if order is not None and known is not None:
            return order, known
        trade, told = event.trade, order or event.order
        if told is None or trade is None or told.trade_id != trade.id:
            raise LedgerError(
                f"fill {event.fill.venue_trade_id} is of order {event.fill.client_order_id}, "
                "which is neither in the ledger nor told with it"
            )
        if told.client_order_id != event.fill.client_order_id or not trade.state.terminal:
            raise LedgerError(f"order {told.client_order_id} cannot be taken back into the ledger")
        order_book.check_fill(told, event.fill)
        self._check_assets(told)
        if trade.id not in self._trades:
            self._trades.put(trade)
            self._forget_old()
        if order is None:
            self._orders.add(trade.id, (told,))
        return told, self._trades.get(trade.id)

    def _remember_fill(self, key: tuple[VenueId, str]) -> None:
        self._fill_keys[key] = None
        if len(self._fill_keys) > self._fill_keys_kept:
            self._fill_keys.popitem(last=False)

    # The account of a trade

    def _trade_advanced(self, event: ev.TradeAdvanced, changes: Changes) -> None:
        before = self._trades.get(event.trade_id)
        completed_ns = None
        if event.state.terminal:
            completed_ns = event.at_ns if before.completed_ns is None else before.completed_ns
        after = replace(
            before,
            state=event.state,
            reason=event.reason or before.reason,
            completed_ns=completed_ns,
            pnl=before.pnl if event.state.terminal else None,
        )
        self._account(before, after, event.at_ns, changes)
        if event.state.terminal:
            self._forget_old()

    def _account(self, before: Trade, after: Trade, at_ns: int, changes: Changes) -> None:
        """Keep the trade; where its ending or its fills change a closed account, correct it.

        The difference between two settlements goes to the day of the ending and to the residuals,
        so a late fill, or a closed trade that is opened again, leaves exact sums.
        """
        counted_ns = before.completed_ns if after.completed_ns is None else after.completed_ns
        if counted_ns is None:
            self._put_trade(after, changes)
            return
        old = NOTHING if before.completed_ns is None else settle(before)
        new = NOTHING
        if after.completed_ns is not None:
            new = settle(after)
            if after.pnl is None or new.pnl != after.pnl:
                after = replace(after, pnl=new.pnl)
        self._put_trade(after, changes)
        self._days.add(after.strategy, counted_ns, new.pnl - old.pnl, at_ns, changes)
        base, quote = account_assets(after.symbol)
        realized = self._residuals.add(
            (after.strategy, base, quote),
            new.residual - old.residual,
            new.residual_cost - old.residual_cost,
            at_ns,
            changes,
        )
        self._days.add(after.strategy, at_ns, realized, at_ns, changes)

    def _forget_old(self) -> None:
        """Let the oldest closed trade go of which no order is open; never the newest."""
        closed = self._trades.closed
        if len(closed) <= self._closed_kept:
            return
        newest = next(reversed(closed))
        for trade_id in closed:
            if trade_id is not newest and not self._orders.any_open(trade_id):
                del closed[trade_id]
                self._orders.forget(trade_id)
                return


def _by_key(rows: Mapping[Any, Row]) -> tuple[Row, ...]:
    return tuple(rows[key] for key in sorted(rows))


def _nothing(_event: ev.Event, _changes: Changes) -> None:
    """Kept in the journal only."""


def _plan_denied(event: ev.PlanDenied, changes: Changes) -> None:
    for order in event.orders:
        changes.orders[order.client_order_id] = replace(
            order, status=OrderStatus.DENIED, reason=order.reason or str(event.denied)
        )


def _placed(event: ev.OrderPlaced, changes: Changes) -> None:
    changes.placed.append(event.placed)


def _audited(event: ev.Audited, changes: Changes) -> None:
    changes.audit.append(event)
