"""The margin side of a simulated venue: positions, marks, funding, forced closes, resolutions.

One-way positions on isolated margin. Cash moves when PnL is realized, a fee is charged or funding
is paid; a position's margin is locked beside what open orders lock. A forced close is booked at
the mark, never beyond the price at which the position's own margin is used up.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal

import msgspec
from msgspec.structs import replace

from arbiter.matching.accounts import Account
from arbiter.matching.orders import VenueOrder
from arbiter.matching.settling import Settlements
from arbiter.matching.state import ExchangeState
from arbiter.model.binaries import order_cost
from arbiter.model.errors import InvalidValue, VenueRefused
from arbiter.model.ids import Asset, InstrumentId, VenueId
from arbiter.model.instruments import Instrument, InstrumentKind
from arbiter.model.money import ONE, ZERO, floor_to, plain, quotient
from arbiter.model.orders import Fill, Side
from arbiter.model.perpetuals import (
    Contract,
    ForcedCause,
    ForcedClose,
    FundingPayment,
    MarginBalance,
    MarginPosition,
    VenuePosition,
    bankruptcy_price,
    contract_of,
    entry_price,
    executed,
    is_margined,
    liquidation_price,
    must_be_liquidated,
    unrealized,
)
from arbiter.model.reports import FillSettled
from arbiter.model.settling import Settling, account_after

_RANKS = 5
_EVEN = Decimal("0.5")


class MarginNews(msgspec.Struct, kw_only=True):
    """What one step changed."""

    positions: dict[InstrumentId, MarginPosition] = {}
    leverage: dict[InstrumentId, Decimal] = {}
    payments: tuple[FundingPayment, ...] = ()
    forced: tuple[ForcedClose, ...] = ()
    settling: dict[InstrumentId, Settling] = {}
    settled: tuple[FillSettled, ...] = ()
    closed: frozenset[InstrumentId] | None = None


_NO_NEWS = MarginNews()


class MarginAccount:
    """Positions of one customer at one venue; cash and locks are the `Account`'s."""

    def __init__(self, venue: VenueId, instruments: Iterable[Instrument], account: Account) -> None:
        self._venue = venue
        self._account = account
        self._instruments = {i.id: i for i in instruments if is_margined(i)}
        self.contracts: dict[InstrumentId, Contract] = {
            name: contract_of(instrument, ONE) for name, instrument in self._instruments.items()
        }
        self.positions: dict[InstrumentId, MarginPosition] = {}
        self.marks: dict[InstrumentId, Decimal] = {}
        self.payments: list[FundingPayment] = []
        self.forced: list[ForcedClose] = []
        self.settlements = Settlements()
        self.unlisted = ExchangeState(venue=venue)
        """What was held in markets that are not listed now: kept for when they are again."""
        self._unsaid: MarginNews | None = None

    def list_market(self, instrument: Instrument) -> None:
        """Hold one more market's positions."""
        name, kept = instrument.id, self.unlisted
        self._instruments[name] = instrument
        self.contracts[name] = contract_of(instrument, kept.leverage.pop(name, ONE))
        if name in kept.positions:
            self.positions[name] = kept.positions.pop(name)
        if name in kept.settling:
            self.settlements.rows[name] = kept.settling.pop(name)

    def __contains__(self, instrument: InstrumentId) -> bool:
        return instrument in self.contracts

    def quantity(self, instrument: InstrumentId) -> Decimal:
        position = self.positions.get(instrument)
        return ZERO if position is None else position.quantity

    def reducible(self, instrument: InstrumentId, side: Side) -> Decimal:
        """Contracts that an order of this side can close."""
        return max(-self.quantity(instrument) * side.sign, ZERO)

    def lock_rate(self, instrument: InstrumentId, side: Side, price: Decimal) -> Decimal:
        """What one contract of an opening order locks: its margin and the worst fee."""
        return _lock_rate(self._instruments[instrument], self.contracts[instrument], side, price)

    def set_leverage(
        self, instrument: InstrumentId, leverage: Decimal, resting: Sequence[VenueOrder] = ()
    ) -> list[VenueOrder]:
        """For positions to come; gives what rests there as it locks from now on.

        `VenueRefused` while a position is open, beyond the maximum, and where the orders that
        rest would lock more than is free.
        """
        listed = self._instruments.get(instrument)
        if listed is None or listed.margin is None:
            raise VenueRefused(f"{instrument} is not traded on margin here", code="LEVERAGE")
        if not ONE <= leverage <= listed.margin.max_leverage:
            text = f"{instrument}: leverage {leverage} of at most {listed.margin.max_leverage}"
            raise VenueRefused(text, code="LEVERAGE")
        if self.contracts[instrument].leverage == leverage:
            return []
        if self.quantity(instrument):
            raise VenueRefused(f"{instrument}: a position is open", code="LEVERAGE")
        contract = contract_of(listed, leverage)
        orders = [_locking(order, listed, contract) for order in resting if order.lock_rate]
        more = sum((order.locked for order in orders), ZERO)
        more -= sum((order.locked for order in resting), ZERO)
        if more > max(self._account.free(contract.settle), ZERO):
            text = f"{instrument}: leverage {leverage} takes {plain(more)} more for open orders"
            raise VenueRefused(text, code="LEVERAGE")
        self.contracts[instrument] = contract
        self._news.leverage[instrument] = leverage
        self._account.relock(contract.settle, more)
        return orders

    def settle(self, fill: Fill) -> None:
        """Book an execution: realized PnL and fee in cash, margin in locks."""
        name = fill.instrument
        if self.contracts[name].settles_fills:
            self.settlements.matched(fill, self.positions.get(name))
            self._news.settling[name] = self.settlements.rows[name]
        self._execute(name, fill.size * fill.side.sign, fill.price, fill.fee, fill.at_ns)

    def confirm(self, told: FillSettled) -> None:
        """The match is final."""
        name = told.instrument
        self.settlements.confirm(told, self.contracts[name])
        self._news.settling[name] = self.settlements.rows[name]
        self._news.settled += (told,)

    def void(self, told: FillSettled) -> None:
        """Put the account where it would stand without the fill."""
        name = told.instrument
        contract, before = self.contracts[name], self.positions[name]
        step = self.settlements.void(told)
        after = account_after(self.settlements.rows[name], contract)
        self.settlements.trim(name, contract)
        self._news.settling[name] = self.settlements.rows[name]
        self._news.settled += (told,)
        self._put(before, after, step.fee)

    def resolve(
        self, instrument: InstrumentId, price: Decimal | None, trade_id: str, now_ns: int
    ) -> ForcedClose | None:
        """Pay a binary contract out, at its cost for None; None where it was never held since."""
        position, contract = self.positions.get(instrument), self.contracts[instrument]
        if position is None or self._paid_out(position):
            return None
        if price is None:
            price = entry_price(position, contract) or self.marks.get(instrument, _EVEN)
        self._execute(instrument, -position.quantity, price, ZERO, now_ns)
        close = ForcedClose(
            venue=self._venue,
            venue_trade_id=trade_id,
            instrument=instrument,
            side=Side.SELL if position.quantity > ZERO else Side.BUY,
            size=abs(position.quantity),
            price=price,
            fee=ZERO,
            fee_asset=contract.settle,
            cause=ForcedCause.RESOLUTION,
            at_ns=now_ns,
        )
        self.forced.append(close)
        self._news.forced += (close,)
        return close

    def shut(self, instrument: InstrumentId, *, closed: bool) -> None:
        """Close a market to orders, or list it anew."""
        if self.settlements.shut(instrument, closed=closed):
            self._news.closed = self.settlements.closed

    def pay_funding(
        self, instrument: InstrumentId, rate: Decimal, mark: Decimal, settled_ns: int, now_ns: int
    ) -> FundingPayment | None:
        """Settle what is open now; nothing for a flat account. More than there is is never taken."""
        quantity = self.quantity(instrument)
        if not quantity:
            return None
        contract = self.contracts[instrument]
        due = -quantity * contract.unit_value(mark) * rate
        amount = max(due, -self._account.total(contract.settle))
        self._account.move(contract.settle, amount)
        payment = FundingPayment(
            venue=self._venue,
            payment_id=f"{instrument}:{settled_ns}",
            instrument=instrument,
            amount=amount,
            asset=contract.settle,
            rate=rate,
            mark=mark,
            quantity=quantity,
            settled_ns=settled_ns,
            at_ns=now_ns,
        )
        self.payments.append(payment)
        self._news.payments += (payment,)
        return payment

    def liquidated(self, instrument: InstrumentId, mark: Decimal) -> bool:
        """Take a new mark; whether it leaves a position without its maintenance margin."""
        self.marks[instrument] = mark
        position, terms = self.positions.get(instrument), self._instruments[instrument].margin
        if position is None or terms is None:
            return False
        return must_be_liquidated(position, self.contracts[instrument], terms, mark)

    def force(
        self,
        instrument: InstrumentId,
        fraction: Decimal,
        cause: ForcedCause,
        trade_id: str,
        now_ns: int,
    ) -> ForcedClose | None:
        """Close a fraction of a position at the mark, in whole lots; None when nothing is open."""
        position, listed = self.positions.get(instrument), self._instruments[instrument]
        mark = self.marks.get(instrument)
        if position is None or not position.quantity or mark is None:
            return None
        held = abs(position.quantity)
        size = held if fraction >= ONE else floor_to(held * fraction, listed.lot)
        if not size:
            return None
        side = Side.SELL if position.quantity > ZERO else Side.BUY
        price = self._bounded(position, mark)
        fee = ZERO
        if cause is ForcedCause.LIQUIDATION:
            fee = self._liquidation_fee(position, size, price)
        self._execute(instrument, size * side.sign, price, fee, now_ns)
        close = ForcedClose(
            venue=self._venue,
            venue_trade_id=trade_id,
            instrument=instrument,
            side=side,
            size=size,
            price=price,
            fee=fee,
            fee_asset=self.contracts[instrument].settle,
            cause=cause,
            at_ns=now_ns,
        )
        self.forced.append(close)
        self._news.forced += (close,)
        return close

    def told(self, now_ns: int) -> list[VenuePosition]:
        """Positions that are not flat, at their marks."""
        return [
            self._told(position, self._mark(name), now_ns)
            for name, position in self.positions.items()
            if position.quantity and (name in self.marks or self._binary(name))
        ]

    def balances(self) -> list[MarginBalance]:
        """The account per settlement currency."""
        floating: dict[Asset, Decimal] = {}
        for name, position in self.positions.items():
            mark = self.marks.get(name)
            if position.quantity and mark is not None:
                contract = self.contracts[name]
                gain = unrealized(position, contract, mark)
                floating[contract.settle] = floating.get(contract.settle, ZERO) + gain
        return [
            MarginBalance(
                venue=self._venue,
                asset=asset,
                wallet=self._account.total(asset),
                unrealized=floating.get(asset, ZERO),
                reserved=self._account.locked(asset),
            )
            for asset in self._account
        ]

    def payments_since(self, since_ns: int) -> list[FundingPayment]:
        """By the time they were booked, oldest first."""
        return [payment for payment in self.payments if payment.at_ns >= since_ns]

    def forced_since(self, since_ns: int) -> list[ForcedClose]:
        return [close for close in self.forced if close.at_ns >= since_ns]

    def settled_since(self, since_ns: int) -> list[FillSettled]:
        return [told for told in self.settlements.settled if told.at_ns >= since_ns]

    def restore(self, state: ExchangeState) -> None:
        listed, kept = self._instruments, self.unlisted
        for name, times in state.leverage.items():
            if name in listed:
                self.contracts[name] = contract_of(listed[name], times)
        self.positions = {n: p for n, p in state.positions.items() if n in listed}
        kept.positions = {n: p for n, p in state.positions.items() if n not in listed}
        kept.leverage = {n: x for n, x in state.leverage.items() if n not in listed}
        kept.settling = {n: row for n, row in state.settling.items() if n not in listed}
        self.payments, self.forced = list(state.payments), list(state.forced)
        self.settlements.restore(state, self._instruments)

    def take_news(self) -> "MarginNews":
        """Give what has changed since the last call, not to be written to."""
        news, self._unsaid = self._unsaid, None
        return _NO_NEWS if news is None else news

    def forget_all_but(self, count: int) -> None:
        for kept in (self.payments, self.forced, self.settlements.settled):
            if len(kept) > count * 11 // 10:
                del kept[:-count]

    @property
    def _news(self) -> MarginNews:
        """What the step under way has changed so far."""
        if self._unsaid is None:
            self._unsaid = MarginNews()
        return self._unsaid

    def leverage(self) -> dict[InstrumentId, Decimal]:
        """What differs from none."""
        return {name: c.leverage for name, c in self.contracts.items() if c.leverage != ONE}

    def _execute(
        self, instrument: InstrumentId, contracts: Decimal, price: Decimal, fee: Decimal, at_ns: int
    ) -> None:
        contract = self.contracts[instrument]
        before = self.positions.get(instrument) or MarginPosition(instrument=instrument)
        self._put(before, executed(before, contract, contracts, price, at_ns), -fee)

    def _put(self, before: MarginPosition, after: MarginPosition, cash: Decimal) -> None:
        """Hold a position's new record; `cash` comes beside what it realized."""
        contract = self.contracts[after.instrument]
        self.positions[after.instrument] = self._news.positions[after.instrument] = after
        cash += after.realized_pnl - before.realized_pnl
        # A gap beyond the margin is the venue's loss, not more than the account holds.
        self._account.move(contract.settle, max(cash, -self._account.total(contract.settle)))
        self._account.relock(contract.settle, after.margin - before.margin)

    def _paid_out(self, position: MarginPosition) -> bool:
        """Whether nothing happened to a flat position since its market was last resolved."""
        return not position.quantity and any(
            close.instrument == position.instrument and close.at_ns == position.updated_ns
            for close in reversed(self.forced)
        )

    def _bounded(self, position: MarginPosition, mark: Decimal) -> Decimal:
        """The mark, or the price that uses the whole margin up where the mark is beyond it."""
        bound = bankruptcy_price(position, self.contracts[position.instrument])
        if bound is None:
            return mark
        return max(mark, bound) if position.quantity > ZERO else min(mark, bound)

    def _liquidation_fee(self, position: MarginPosition, size: Decimal, price: Decimal) -> Decimal:
        """Charged as far as the position's own margin still covers it."""
        contract, terms = (
            self.contracts[position.instrument],
            self._instruments[position.instrument].margin,
        )
        if terms is None:
            raise InvalidValue(f"{position.instrument} has no margin terms")
        left = position.margin + unrealized(position, contract, price)
        wanted = size * contract.unit_value(price) * terms.liquidation_fee
        return max(min(wanted, left), ZERO)

    def _binary(self, instrument: InstrumentId) -> bool:
        return self.contracts[instrument].kind is InstrumentKind.BINARY

    def _mark(self, instrument: InstrumentId) -> Decimal:
        """The mark; where a venue of binary contracts tells none, the price of entry."""
        mark = self.marks.get(instrument)
        if mark is None:
            mark = entry_price(self.positions[instrument], self.contracts[instrument])
        assert mark is not None, "asked of open positions only"
        return mark

    def _told(self, position: MarginPosition, mark: Decimal, now_ns: int) -> VenuePosition:
        contract = self.contracts[position.instrument]
        terms = self._instruments[position.instrument].margin
        gain = unrealized(position, contract, mark)
        entry = entry_price(position, contract)
        assert entry is not None, "told of open positions only"
        return VenuePosition(
            instrument=position.instrument,
            quantity=position.quantity,
            entry_price=entry,
            mark_price=mark,
            unrealized_pnl=gain,
            leverage=contract.leverage,
            liquidation_price=(
                None if terms is None else liquidation_price(position, contract, terms)
            ),
            margin=position.margin,
            adl_rank=_rank(gain, position.margin),
            at_ns=now_ns,
        )


def _lock_rate(listed: Instrument, contract: Contract, side: Side, price: Decimal) -> Decimal:
    if contract.kind is InstrumentKind.BINARY:
        return order_cost(listed, side, price)
    unit = contract.unit_value(price)
    worst = max(listed.maker_fee, listed.taker_fee, ZERO)
    return quotient(unit, contract.leverage) + unit * worst


def _locking(order: VenueOrder, listed: Instrument, contract: Contract) -> VenueOrder:
    price = order.request.price
    assert price is not None, "only limit orders rest"
    return replace(order, lock_rate=_lock_rate(listed, contract, order.request.side, price))


def _rank(gain: Decimal, margin: Decimal) -> int:
    """Return on margin in fifths: who has gained most is deleveraged first."""
    if gain <= ZERO or not margin:
        return 0
    return min(int(gain / margin * _RANKS), _RANKS - 1)
