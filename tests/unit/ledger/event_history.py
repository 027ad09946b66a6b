"""Random histories of event markets, each with its twin in which no fill ever failed to settle."""

import random
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from arbiter.ledger.settling import RESOLUTIONS_KEPT
from arbiter.model import events as ev
from arbiter.model.binaries import order_cost
from arbiter.model.copying import COPY_TRADING, SubscriptionId, copy_actor
from arbiter.model.ids import (
    Actor,
    ClientOrderId,
    InstrumentId,
    StrategyId,
    TradeId,
    VenueOrderId,
)
from arbiter.model.instruments import Instrument
from arbiter.model.money import ONE, ZERO
from arbiter.model.orders import Fill, Liquidity, Order, OrderStatus, Side
from arbiter.model.perpetuals import ForcedCause, ForcedClose, contract_of
from arbiter.model.plans import Family
from arbiter.model.trades import PlannedLeg, Trade, TradeState
from tests.fakes.binaries import KALSHI, POLYMARKET, USD

ARBITRAGE, MANUAL = StrategyId("event-arbitrage"), StrategyId("manual")
_WHO = (
    (ARBITRAGE, Actor("strategy:event-arbitrage")),
    (MANUAL, Actor("user:alice")),
    (COPY_TRADING, copy_actor(SubscriptionId(UUID(int=1)))),
    (COPY_TRADING, copy_actor(SubscriptionId(UUID(int=2)))),
)
_MARKETS = {market.id: market for market in (POLYMARKET, KALSHI)}
_SIZE = 60


class History(NamedTuple):
    told: list[ev.JournalEvent]
    without: list[ev.JournalEvent]
    """The same without the fills that fail, and without the words that they failed."""


class _Writer:
    """Writes both histories; an event of a failed fill goes into the first alone."""

    def __init__(self, dice: random.Random) -> None:
        self.dice = dice
        self.told: list[ev.JournalEvent] = []
        self.without: list[ev.JournalEvent] = []
        self.now = 1
        self.orders: dict[ClientOrderId, Order] = {}
        self.left: dict[ClientOrderId, Decimal] = {}
        self.trades: list[Trade] = []
        self.held: dict[InstrumentId, Decimal] = dict.fromkeys(_MARKETS, ZERO)
        self.resolved: dict[InstrumentId, int] = dict.fromkeys(_MARKETS, 0)
        self.words: list[tuple[Fill, bool]] = []
        """The venue's last words that were not told yet."""
        self.late: list[tuple[Fill, bool]] = []
        """Fills that were not told yet."""
        self.fills = 0

    def write(self, event: ev.JournalEvent, *, ghost: bool = False) -> None:
        self.now += 1
        self.told.append(event)
        if not ghost:
            self.without.append(event)

    def begin(self) -> None:
        for market in _MARKETS.values():
            self.write(
                ev.BalanceOpened(
                    at_ns=self.now, venue=market.venue, asset=USD, total=Decimal(10_000)
                )
            )
            self.write(ev.ContractSet(at_ns=self.now, contract=contract_of(market, ONE)))
        self.write(
            ev.BudgetSet(
                at_ns=self.now,
                strategy=ARBITRAGE,
                currency=USD,
                allocated=Decimal(5_000),
                actor=Actor("user:alice"),
            )
        )

    def trade(self) -> None:
        number = len(self.trades) + 1
        trade_id = TradeId(UUID(int=number))
        strategy, actor = self.dice.choice(_WHO)
        markets = self.dice.sample(list(_MARKETS.values()), self.dice.choice([1, 2]))
        orders = tuple(
            self._order(trade_id, "ab"[leg], market, strategy, actor)
            for leg, market in enumerate(markets)
        )
        trade = Trade(
            id=trade_id,
            seq=number,
            strategy=strategy,
            family=Family.EVENTS,
            actor=actor,
            symbol=POLYMARKET.symbol,
            quote=USD,
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
            started_ns=self.now,
        )
        holds = {
            order.client_order_id: (
                USD,
                order.size
                * order_cost(_MARKETS[order.instrument], order.side, order.planned_price),
            )
            for order in orders
        }
        self.write(
            ev.TradeOpened(at_ns=self.now, trade=trade, orders=orders, locks=holds, reserve=holds)
        )
        self.trades.append(trade)
        for order in orders:
            key = order.client_order_id
            self.orders[key], self.left[key] = order, order.size - 1
            self.write(
                ev.OrderAccepted(
                    at_ns=self.now, client_order_id=key, venue_order_id=VenueOrderId(f"v{key}")
                )
            )

    def _order(
        self, trade: TradeId, leg: str, market: Instrument, strategy: StrategyId, actor: Actor
    ) -> Order:
        price = self._price()
        return Order(
            client_order_id=ClientOrderId(f"{trade.int}-{leg}1"),
            strategy=strategy,
            actor=actor,
            trade_id=trade,
            leg=leg,
            instrument=market.id,
            venue=market.venue,
            symbol=market.symbol,
            side=self.dice.choice(list(Side)),
            size=Decimal(_SIZE),
            price=price,
            planned_price=price,
            status=OrderStatus.SUBMITTED,
            created_ns=self.now,
            updated_ns=self.now,
        )

    def _price(self) -> Decimal:
        return Decimal(self.dice.randrange(1, 100)).scaleb(-2)

    def fill(self) -> None:
        """Execute at the venue; the ledger is told now or later."""
        key = self.dice.choice([key for key, left in self.left.items() if left])
        order = self.orders[key]
        market = _MARKETS[order.instrument]
        size = Decimal(self.dice.randrange(1, int(self.left[key]) + 1))
        self.left[key] -= size
        self.fills += 1
        fill = Fill(
            venue=order.venue,
            venue_trade_id=f"t{self.fills}",
            client_order_id=key,
            instrument=order.instrument,
            side=order.side,
            size=size,
            price=self._price(),
            fee=Decimal(self.dice.randrange(0, 50)).scaleb(-2),
            fee_asset=USD,
            liquidity=Liquidity.TAKER,
            at_ns=self.now,
        )
        ghost = market.settles_fills and self.dice.random() < 0.4
        if not ghost:
            self.held[market.id] += size * order.side.sign
        if self.dice.random() < 0.2:
            self.late.append((fill, ghost))
        else:
            self._tell_fill(fill, ghost)
        if market.settles_fills:
            self.words.append((fill, ghost))

    def _tell_fill(self, fill: Fill, ghost: bool) -> None:
        for _ in range(self.dice.choice([1, 1, 2])):
            self.write(ev.OrderFilled(at_ns=self.now, fill=fill), ghost=ghost)

    def tell_late(self) -> None:
        if self.late:
            self._tell_fill(*self.late.pop(self.dice.randrange(len(self.late))))

    def settle(self) -> None:
        """Tell a last word, whether or not its fill was told, once or twice."""
        if not self.words:
            return
        fill, ghost = self.words.pop(self.dice.randrange(len(self.words)))
        for _ in range(self.dice.choice([1, 1, 2])):
            word = ev.FillSettled(
                at_ns=self.now,
                venue=fill.venue,
                instrument=fill.instrument,
                venue_trade_id=fill.venue_trade_id,
                ok=not ghost,
            )
            self.write(word, ghost=ghost)

    def resolve_in_memory(self, name: InstrumentId) -> None:
        """Resolve a market, as often as the ledger can tell which of them a late fill is of."""
        self.resolved[name] += 1
        if self.resolved[name] <= RESOLUTIONS_KEPT:
            self.resolve(name)

    def resolve(self, name: InstrumentId) -> None:
        """The venue pays what it really holds for us, whatever we were told of it."""
        held, self.held[name] = self.held[name], ZERO
        self.fills += 1
        close = ForcedClose(
            venue=_MARKETS[name].venue,
            venue_trade_id=f"t{self.fills}",
            instrument=name,
            side=Side.SELL if held > ZERO else Side.BUY,
            size=abs(held),
            price=self.dice.choice([ZERO, ONE, Decimal("0.5"), self._price()]),
            fee=ZERO,
            fee_asset=USD,
            cause=ForcedCause.RESOLUTION,
            at_ns=self.now,
        )
        for _ in range(self.dice.choice([1, 1, 2])):
            self.write(ev.PositionForced(at_ns=self.now, forced=close))

    def end(self) -> None:
        """Tell everything, pay everything out, close everything."""
        while self.late:
            self.tell_late()
        while self.words:
            self.settle()
        for name in _MARKETS:
            self.resolve(name)
        for key in self.orders:
            self.write(
                ev.OrderEnded(
                    at_ns=self.now,
                    client_order_id=key,
                    status=OrderStatus.CANCELLED,
                    reason="over",
                )
            )
        for trade in self.trades:
            self.write(
                ev.TradeAdvanced(at_ns=self.now, trade_id=trade.id, state=TradeState.COMPLETED)
            )


def history(seed: int, steps: int = 60, *, ended: bool = True) -> History:
    dice = random.Random(seed)
    writer = _Writer(dice)
    writer.begin()
    writer.trade()
    for _ in range(steps):
        roll = dice.random()
        if roll < 0.15 or not any(writer.left.values()):
            writer.trade()
        elif roll < 0.65:
            writer.fill()
        elif roll < 0.85:
            writer.settle()
        elif roll < 0.93:
            writer.tell_late()
        else:
            writer.resolve_in_memory(dice.choice(list(_MARKETS)))
    if ended:
        writer.end()
    return History(writer.told, writer.without)
