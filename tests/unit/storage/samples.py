"""Records of a small spot trade, for tests that only need something to store."""

from decimal import Decimal
from uuid import UUID

from arbiter.model.ids import (
    Actor,
    Asset,
    ClientOrderId,
    InstrumentId,
    SignalId,
    StrategyId,
    Symbol,
    TradeId,
    VenueId,
    client_order_id,
    uuid7,
)
from arbiter.model.orders import Fill, Liquidity, Order, OrderStatus, Side
from arbiter.model.plans import Family, Signal
from arbiter.model.time import NS_PER_S
from arbiter.model.trades import PlannedLeg, Trade, TradeState

T0 = 1_790_000_000_123_456_789
SPOT = StrategyId("spot-arbitrage")
ACTOR = Actor("strategy:spot-arbitrage")
BTC = Symbol("BTC/USDT")
BUY_AT = VenueId("binance")
SELL_AT = VenueId("kraken")


def trade_id(seq: int) -> TradeId:
    return TradeId(uuid7(T0 + seq * NS_PER_S, seq))


def order_id(seq: int, leg: str) -> ClientOrderId:
    return client_order_id(trade_id(seq), leg, 1)


def instrument(venue: VenueId) -> InstrumentId:
    return InstrumentId(f"BTCUSDT.{venue.upper()}")


def order(seq: int, leg: str = "a", *, status: OrderStatus = OrderStatus.CREATED) -> Order:
    venue = BUY_AT if leg == "a" else SELL_AT
    size, price = Decimal("0.00250"), Decimal("43250.10")
    filled = size if status is OrderStatus.FILLED else Decimal(0)
    return Order(
        client_order_id=order_id(seq, leg),
        strategy=SPOT,
        actor=ACTOR,
        trade_id=trade_id(seq),
        leg=leg,
        instrument=instrument(venue),
        venue=venue,
        symbol=BTC,
        side=Side.BUY if leg == "a" else Side.SELL,
        size=size,
        price=price,
        planned_price=price,
        status=status,
        filled_size=filled,
        filled_value=filled * price,
        created_ns=T0 + seq * NS_PER_S,
        updated_ns=T0 + seq * NS_PER_S,
    )


def fill(seq: int, leg: str = "a") -> Fill:
    of = order(seq, leg)
    return Fill(
        venue=of.venue,
        venue_trade_id=f"{leg}-{seq}",
        client_order_id=of.client_order_id,
        instrument=of.instrument,
        side=of.side,
        size=of.size,
        price=of.planned_price,
        fee=Decimal("0.10812525"),
        fee_asset="USDT",
        liquidity=Liquidity.TAKER,
        at_ns=T0 + seq * NS_PER_S,
    )


def trade(
    seq: int,
    *,
    state: TradeState = TradeState.WORKING,
    pnl: Decimal | None = None,
    symbol: Symbol = BTC,
    started_ns: int | None = None,
) -> Trade:
    started = T0 + seq * NS_PER_S if started_ns is None else started_ns
    return Trade(
        id=trade_id(seq),
        seq=seq,
        strategy=SPOT,
        family=Family.SPOT,
        actor=ACTOR,
        symbol=symbol,
        quote="USDT",
        legs=tuple(
            PlannedLeg(
                role=leg,
                instrument=instrument(venue),
                side=side,
                size=Decimal("0.0025"),
                limit=Decimal("43250.1"),
                planned_price=Decimal("43250.1"),
                order=order_id(seq, leg),
            )
            for leg, venue, side in (("a", BUY_AT, Side.BUY), ("b", SELL_AT, Side.SELL))
        ),
        state=state,
        started_ns=started,
        completed_ns=started + NS_PER_S if state.terminal else None,
        pnl=pnl,
    )


def signal(seq: int, *, executed: bool = False, symbol: Symbol = BTC) -> Signal:
    return Signal(
        id=SignalId(UUID(int=seq)),
        seq=seq,
        strategy=SPOT,
        symbol=symbol,
        buy_instrument=instrument(BUY_AT),
        sell_instrument=instrument(SELL_AT),
        buy_venue=BUY_AT,
        sell_venue=SELL_AT,
        buy_price=Decimal("43250.10"),
        sell_price=Decimal("43512.7"),
        edge=Decimal("0.00406"),
        confidence=Decimal("0.7"),
        detected_ns=T0 + seq * NS_PER_S,
        executed=executed,
        verdict="" if executed else "cooldown",
    )


USDT = Asset("USDT")
