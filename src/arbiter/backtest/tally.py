"""What a run made: counted and kept as it happens, by listening to the core's events."""

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal

import msgspec

from arbiter.books.board import QuoteBoard
from arbiter.ledger.ledger import Ledger
from arbiter.ledger.spot_account import SpotAccount, spot_account
from arbiter.matching.state import Step
from arbiter.model.changes import Changes
from arbiter.model.events import AlertRaised, Event, KillSwitchEngaged, PlanDenied, SignalSeen
from arbiter.model.money import ZERO
from arbiter.model.orders import Fill, Side
from arbiter.model.trades import Trade, TradeState

# Looking a member up on its enum costs more than comparing with it.
_BUY = Side.BUY

_COUNTED = frozenset({SignalSeen, PlanDenied, AlertRaised, KillSwitchEngaged})


class FillRow(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    leg: str
    instrument: str
    side: str
    size: Decimal
    price: Decimal
    fee: Decimal
    fee_asset: str
    at_ns: int


class TradeRow(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One trade, money in its quote currency."""

    seq: int
    id: str
    symbol: str
    buy_venue: str
    sell_venue: str
    state: TradeState
    reason: str
    started_ns: int
    completed_ns: int | None
    quantity: Decimal
    """Base units planned."""
    planned_buy_price: Decimal | None
    planned_sell_price: Decimal | None
    actual_buy_price: Decimal | None
    actual_sell_price: Decimal | None
    bought: Decimal
    sold: Decimal
    edge: Decimal | None
    """Net edge of its signal, a fraction."""
    gross: Decimal
    """Before fees."""
    fees: Decimal
    net: Decimal
    slippage: Decimal
    """Adverse is positive, in quote."""
    took_all: bool
    """Some leg was as large as what the top of book showed."""
    fills: tuple[FillRow, ...]

    @property
    def time_ns(self) -> int | None:
        return None if self.completed_ns is None else self.completed_ns - self.started_ns


class Tally:
    """Listen with `on_events` to the hub and with `on_step` to the exchanges."""

    def __init__(self) -> None:
        self.signals = 0
        self.executed = 0
        self.verdicts: Counter[str] = Counter()
        """Signals that came to nothing, by the filter or limit that stopped them."""
        self.denials: Counter[str] = Counter()
        self.alerts: Counter[str] = Counter()
        self.killed: str | None = None
        self.trades: dict[int, TradeRow] = {}
        """By `seq`."""
        self.fill_ages_ns: list[int] = []
        self._ledger: Ledger | None = None
        self._board: QuoteBoard | None = None
        self._took_all: set[str] = set()
        self._edges: dict[int, Decimal] = {}
        """Of signals that were traded, by `seq`."""
        self._fills: dict[str, list[Fill]] = {}

    def attach(self, ledger: Ledger, board: QuoteBoard) -> None:
        self._ledger = ledger
        self._board = board

    def on_events(self, events: Sequence[Event], changes: Changes) -> None:
        for event in events:
            if type(event) in _COUNTED:
                self._count(event)
        if changes.fills:
            for fill in changes.fills.values():
                self._fills.setdefault(fill.client_order_id, []).append(fill)
        for trade in changes.trades.values():
            if trade.state.terminal:
                self._keep(trade)

    def _count(self, event: Event) -> None:
        if isinstance(event, SignalSeen):
            signal = event.signal
            self.signals += 1
            if signal.executed:
                self.executed += 1
                self._edges[signal.seq] = signal.edge
            else:
                self.verdicts[signal.verdict.partition(":")[0]] += 1
        elif isinstance(event, PlanDenied):
            self.denials[event.denied.code.value] += 1
        elif isinstance(event, AlertRaised):
            self.alerts[event.code] += 1
        elif isinstance(event, KillSwitchEngaged):
            self.killed = event.reason

    def on_step(self, step: Step) -> None:
        """Look at the quote each fill was made against: how old, and whether it was all taken."""
        if self._board is None:
            return  # accounts are being opened
        for fill in step.fills:
            quote = self._board.quote(fill.instrument)
            if quote is None:
                continue
            self.fill_ages_ns.append(step.at_ns - quote.receive_ns)
            shown = quote.ask_size if fill.side is _BUY else quote.bid_size
            lot = self._board.registry.by_id(fill.instrument).lot
            if float(fill.size + lot) > shown:
                self._took_all.add(fill.client_order_id)

    def open_at_end(self) -> list[Trade]:
        """Trades that never ended, because the recording did."""
        return [] if self._ledger is None else list(self._ledger.open_trades())

    def rows(self) -> list[TradeRow]:
        return sorted(self.trades.values(), key=lambda row: row.seq)

    def _keep(self, trade: Trade) -> None:
        assert self._ledger is not None
        orders = self._ledger.orders_of(trade.id)
        account = spot_account(trade, orders)
        fills: list[FillRow] = []
        took_all = False
        for order in orders:
            key = order.client_order_id
            took_all = took_all or key in self._took_all
            fills += [_fill_row(order.leg, fill) for fill in self._fills.get(key, ())]
        edge = self._edges.get(trade.signal_seq) if trade.signal_seq is not None else None
        self.trades[trade.seq] = _row(trade, account, fills, edge, took_all=took_all)


def _fill_row(leg: str, fill: Fill) -> FillRow:
    return FillRow(
        leg=leg,
        instrument=fill.instrument,
        side=fill.side,
        size=fill.size,
        price=fill.price,
        fee=fill.fee,
        fee_asset=fill.fee_asset,
        at_ns=fill.at_ns,
    )


def _row(
    trade: Trade,
    account: SpotAccount,
    fills: list[FillRow],
    edge: Decimal | None,
    *,
    took_all: bool,
) -> TradeRow:
    return TradeRow(
        seq=trade.seq,
        id=str(trade.id),
        symbol=trade.symbol,
        buy_venue=account.buy_venue or "",
        sell_venue=account.sell_venue or "",
        state=trade.state,
        reason=trade.reason,
        started_ns=trade.started_ns,
        completed_ns=trade.completed_ns,
        quantity=account.quantity,
        planned_buy_price=account.planned_buy_price,
        planned_sell_price=account.planned_sell_price,
        actual_buy_price=account.actual_buy_price,
        actual_sell_price=account.actual_sell_price,
        bought=trade.bought,
        sold=trade.sold,
        edge=edge,
        gross=account.gross_profit or ZERO,
        fees=account.fees_paid,
        net=account.actual_profit or ZERO,
        slippage=account.slippage or ZERO,
        took_all=took_all,
        fills=tuple(fills),
    )
