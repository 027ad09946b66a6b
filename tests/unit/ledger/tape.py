"""A tape of events for tests: short words for what happens to a trade, folded as it is written."""

from decimal import Decimal
from uuid import UUID

from arbiter.ledger.ledger import Ledger
from arbiter.model import events as ev
from arbiter.model.changes import Changes
from arbiter.model.ids import (
    Actor,
    Asset,
    ClientOrderId,
    InstrumentId,
    StrategyId,
    Symbol,
    TradeId,
    VenueId,
    VenueOrderId,
)
from arbiter.model.orders import Fill, Liquidity, Order, OrderStatus, Side
from arbiter.model.plans import Family
from arbiter.model.trades import PlannedLeg, Trade, TradeState

SPOT = StrategyId("spot-arbitrage")
USER = Actor("user:alice")
BTC_USDT = Symbol("BTC/USDT")
BTC, USDT, BNB = Asset("BTC"), Asset("USDT"), Asset("BNB")
BINANCE, BYBIT = VenueId("binance"), VenueId("bybit")
START_NS = 1_763_683_200_000_000_000
"""2025-11-21 00:00 UTC."""


def d(value: str | int) -> Decimal:
    return Decimal(value)


class Tape:
    """Events with rising times; every one is applied to `ledger` and kept in `events`.

    `rows` is what storage would hold: every change merged.
    """

    def __init__(self, ledger: Ledger | None = None) -> None:
        self.ledger = ledger or Ledger()
        self.events: list[ev.JournalEvent] = []
        self.rows = Changes()
        self.now_ns = START_NS + 1
        self._fills = 0
        self._trades = 0

    def apply(self, event: ev.JournalEvent) -> Changes:
        self.now_ns += 1_000
        changes = self.ledger.apply(event)
        self.events.append(event)
        self.rows.merge(changes)
        return changes

    def opening(self, venue: VenueId, **totals: int | str) -> None:
        for asset, total in totals.items():
            self.apply(
                ev.BalanceOpened(
                    at_ns=self.now_ns, venue=venue, asset=Asset(asset), total=Decimal(total)
                )
            )

    def budget(self, allocated: int | str, currency: Asset = USDT) -> None:
        self.apply(
            ev.BudgetSet(
                at_ns=self.now_ns,
                strategy=SPOT,
                currency=currency,
                allocated=Decimal(allocated),
                actor=USER,
            )
        )

    def trade(
        self,
        *,
        size: Decimal = Decimal(1),
        buy: Decimal | None = Decimal(100),
        sell: Decimal | None = Decimal(102),
        family: Family = Family.SPOT,
        hold: bool = True,
    ) -> Trade:
        """Open a trade that buys on binance and sells on bybit; `hold` locks and reserves."""
        self._trades += 1
        trade_id = TradeId(UUID(int=self._trades))
        orders = []
        if buy is not None:
            orders.append(self.order(trade_id, "a0", BINANCE, Side.BUY, size, buy))
        if sell is not None:
            orders.append(self.order(trade_id, "b0", BYBIT, Side.SELL, size, sell))
        trade = Trade(
            id=trade_id,
            seq=self._trades,
            strategy=SPOT,
            family=family,
            actor=Actor("strategy:spot-arbitrage"),
            symbol=BTC_USDT,
            quote=USDT,
            legs=tuple(
                PlannedLeg(
                    role=order.leg,
                    instrument=order.instrument,
                    side=order.side,
                    size=order.size,
                    limit=order.price,
                    planned_price=order.planned_price,
                    order=order.client_order_id,
                )
                for order in orders
            ),
            started_ns=self.now_ns,
        )
        locks, reserve = _holds(orders) if hold else ({}, {})
        self.apply(
            ev.TradeOpened(
                at_ns=self.now_ns, trade=trade, orders=tuple(orders), locks=locks, reserve=reserve
            )
        )
        return trade

    def more(self, trade: Trade, name: str, venue: VenueId, side: Side, size: Decimal) -> Order:
        """Add an unwind at 99."""
        order = self.order(trade.id, name, venue, side, size, Decimal(99))
        locks, reserve = _holds([order])
        self.apply(
            ev.OrdersAdded(
                at_ns=self.now_ns,
                trade_id=trade.id,
                orders=(order,),
                locks=locks,
                reserve=reserve,
            )
        )
        return order

    def order(
        self,
        trade_id: TradeId,
        name: str,
        venue: VenueId,
        side: Side,
        size: Decimal,
        price: Decimal,
    ) -> Order:
        return Order(
            client_order_id=ClientOrderId(f"{trade_id.int:x}-{name}"),
            strategy=SPOT,
            actor=Actor("strategy:spot-arbitrage"),
            trade_id=trade_id,
            leg=name[0],
            instrument=InstrumentId(f"BTCUSDT.{venue.upper()}"),
            venue=venue,
            symbol=BTC_USDT,
            side=side,
            size=size,
            price=price,
            planned_price=price,
            created_ns=self.now_ns,
            updated_ns=self.now_ns,
        )

    def leg(self, trade: Trade, name: str) -> Order:
        """The order as it now stands."""
        return self.ledger.orders[ClientOrderId(f"{trade.id.int:x}-{name}")]

    def sent(self, order: Order) -> None:
        self.apply(ev.OrderSent(at_ns=self.now_ns, client_order_id=order.client_order_id))

    def accepted(self, order: Order) -> None:
        self.apply(
            ev.OrderAccepted(
                at_ns=self.now_ns,
                client_order_id=order.client_order_id,
                venue_order_id=VenueOrderId(f"v-{order.client_order_id}"),
            )
        )

    def filled(
        self,
        order: Order,
        size: Decimal | None = None,
        price: Decimal | None = None,
        *,
        fee: Decimal = Decimal(0),
        fee_asset: Asset = USDT,
        fee_in_quote: Decimal | None = None,
    ) -> ev.OrderFilled:
        """Fill at the planned price, without a fee, unless told."""
        self._fills += 1
        event = ev.OrderFilled(
            at_ns=self.now_ns,
            fill=Fill(
                venue=order.venue,
                venue_trade_id=f"t{self._fills}",
                client_order_id=order.client_order_id,
                instrument=order.instrument,
                side=order.side,
                size=order.remaining if size is None else size,
                price=order.planned_price if price is None else price,
                fee=fee,
                fee_asset=fee_asset,
                liquidity=Liquidity.TAKER,
                at_ns=self.now_ns,
            ),
            fee_in_quote=fee_in_quote,
        )
        self.apply(event)
        return event

    def ended(self, order: Order, status: OrderStatus = OrderStatus.CANCELLED) -> None:
        self.apply(
            ev.OrderEnded(
                at_ns=self.now_ns, client_order_id=order.client_order_id, status=status, reason=""
            )
        )

    def rejected(self, order: Order) -> None:
        self.apply(
            ev.OrderRejected(
                at_ns=self.now_ns,
                client_order_id=order.client_order_id,
                code="-2010",
                reason="insufficient balance",
            )
        )

    def unknown(self, order: Order) -> None:
        self.apply(
            ev.OutcomeUnknown(
                at_ns=self.now_ns, client_order_id=order.client_order_id, why="timed out"
            )
        )

    def advanced(self, trade: Trade, state: TradeState) -> Trade:
        self.apply(ev.TradeAdvanced(at_ns=self.now_ns, trade_id=trade.id, state=state))
        return self.now(trade)

    def now(self, trade: Trade) -> Trade:
        found = self.ledger.trade(trade.id)
        assert found is not None
        return found


Holds = dict[ClientOrderId, tuple[Asset, Decimal]]


def _holds(orders: list[Order]) -> tuple[Holds, Holds]:
    """Lock what each order needs; buys also reserve budget, with a fee estimate of 0.1 %."""
    locks: Holds = {}
    reserve: Holds = {}
    for order in orders:
        if order.side is Side.SELL:
            locks[order.client_order_id] = (BTC, order.size)
        else:
            need = order.size * order.planned_price * Decimal("1.001")
            locks[order.client_order_id] = (USDT, need)
            reserve[order.client_order_id] = (USDT, need)
    return locks, reserve
