"""A trade of two legs put together by hand: buy on binance at 100, sell on bybit at 102."""

from collections.abc import Sequence
from decimal import Decimal

from arbiter.execution.effects import AddOrder, Advance, Alert, Effect
from arbiter.execution.settings import ExecutionSettings
from arbiter.execution.two_leg import step
from arbiter.execution.under_way import Progress, Step, Stimulus
from arbiter.model.ids import (
    Actor,
    InstrumentId,
    StrategyId,
    Symbol,
    TradeId,
    VenueOrderId,
    client_order_id,
)
from arbiter.model.instruments import Instrument
from arbiter.model.money import ZERO
from arbiter.model.orders import Order, OrderStatus, Side
from arbiter.model.plans import Family
from arbiter.model.time import NS_PER_MS
from arbiter.model.trades import PlannedLeg, Trade, TradeState
from tests.fakes.clock import START_NS, FakeIds
from tests.fakes.engine import VENUES, spot_instrument

BUY, SELL = (spot_instrument(venue) for venue in VENUES)
ONE_BTC = Decimal(1)
TRADE_ID = TradeId(FakeIds().new_id())
SETTINGS = ExecutionSettings()
MS = NS_PER_MS


class Market:
    """Touch prices by (instrument, side); what is not there has no live quote."""

    def __init__(self, **touches: float) -> None:
        self.instruments = {BUY.id: BUY, SELL.id: SELL}
        self.touches: dict[tuple[InstrumentId, Side], Decimal] = {}
        self.show(binance_bid=99.9, binance_ask=100.0, bybit_bid=102.0, bybit_ask=102.1)
        self.show(**touches)

    def show(self, **touches: float) -> None:
        """Set e.g. ``binance_bid=99.9``; 0 takes the quote away."""
        for name, price in touches.items():
            venue, _, which = name.rpartition("_")
            side = Side.SELL if which == "bid" else Side.BUY
            key = (InstrumentId(f"BTCUSDT.{venue.upper()}"), side)
            self.touches.pop(key, None)
            if price:
                self.touches[key] = Decimal(str(price))

    def instrument(self, instrument: InstrumentId) -> Instrument:
        return self.instruments[instrument]

    def touch(self, instrument: InstrumentId, side: Side) -> Decimal | None:
        return self.touches.get((instrument, side))


def order(
    leg: str,
    status: OrderStatus,
    filled: Decimal = ZERO,
    *,
    instrument: Instrument | None = None,
    side: Side | None = None,
    size: Decimal = ONE_BTC,
    attempt: int = 1,
    unknown: bool = False,
) -> Order:
    """Make an order of the trade; legs a and b know where and which way they go."""
    instrument = instrument or (BUY if leg == "a" else SELL)
    side = side or (Side.BUY if leg == "a" else Side.SELL)
    price = Decimal(100) if instrument is BUY else Decimal(102)
    acknowledged = status not in (OrderStatus.CREATED, OrderStatus.SUBMITTED, OrderStatus.REJECTED)
    return Order(
        client_order_id=client_order_id(TRADE_ID, leg, attempt),
        strategy=StrategyId("spot-arbitrage"),
        actor=Actor("strategy:spot-arbitrage"),
        trade_id=TRADE_ID,
        leg=leg,
        instrument=instrument.id,
        venue=instrument.venue,
        symbol=Symbol("BTC/USDT"),
        side=side,
        size=size,
        price=price,
        planned_price=price,
        status=status,
        filled_size=filled,
        venue_order_id=VenueOrderId("1") if acknowledged else None,
        unknown_since_ns=START_NS if unknown else None,
        created_ns=START_NS,
        updated_ns=START_NS,
    )


def trade(
    orders: Sequence[Order], state: TradeState = TradeState.WORKING, base_fees: Decimal = ZERO
) -> Trade:
    """Make the trade with the account its orders' fills add up to."""
    bought = sum((o.filled_size for o in orders if o.side is Side.BUY), ZERO)
    sold = sum((o.filled_size for o in orders if o.side is Side.SELL), ZERO)
    return Trade(
        id=TRADE_ID,
        seq=1,
        strategy=StrategyId("spot-arbitrage"),
        family=Family.SPOT,
        actor=Actor("strategy:spot-arbitrage"),
        symbol=Symbol("BTC/USDT"),
        quote="USDT",
        legs=tuple(
            PlannedLeg(
                role=role,
                instrument=instrument.id,
                side=side,
                size=ONE_BTC,
                limit=price,
                planned_price=price,
                order=client_order_id(TRADE_ID, role, 1),
            )
            for role, instrument, side, price in (
                ("a", BUY, Side.BUY, Decimal(100)),
                ("b", SELL, Side.SELL, Decimal(102)),
            )
        ),
        state=state,
        started_ns=START_NS,
        bought=bought,
        spent=bought * 100,
        sold=sold,
        received=sold * 102,
        base_fees=base_fees,
    )


def look(
    orders: Sequence[Order],
    market: Market | None = None,
    *,
    state: TradeState = TradeState.WORKING,
    progress: Progress | None = None,
    stimulus: Stimulus = Stimulus.CHANGED,
    now_ns: int = 0,
    settings: ExecutionSettings = SETTINGS,
    base_fees: Decimal = ZERO,
    reason: str = "",
) -> Step:
    """Let the machine decide once."""
    return step(
        progress or Progress(began_ns=0),
        trade(orders, state, base_fees),
        orders,
        stimulus,
        now_ns,
        settings,
        market or Market(),
        reason=reason,
    )


def of(effects: Sequence[Effect], kind: type[Effect]) -> list[Effect]:
    return [effect for effect in effects if isinstance(effect, kind)]


def added(step: Step) -> AddOrder:
    """Give the one order a decision asks for."""
    (wanted,) = [effect for effect in step[1] if isinstance(effect, AddOrder)]
    return wanted


def advanced(step: Step) -> TradeState | None:
    """Give the state a decision moves the trade to."""
    states = [effect.state for effect in step[1] if isinstance(effect, Advance)]
    return states[-1] if states else None


def alerts(step: Step) -> list[str]:
    return [effect.code for effect in step[1] if isinstance(effect, Alert)]
