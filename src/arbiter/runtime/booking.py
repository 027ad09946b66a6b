"""Booking: an approved plan becomes a trade with its orders; a refused one, denied orders."""

from collections.abc import Sequence
from decimal import Decimal

from arbiter.books.registry import MarketRegistry
from arbiter.model.denials import Denied
from arbiter.model.events import TradeOpened
from arbiter.model.ids import Asset, TradeId, client_order_id
from arbiter.model.instruments import Instrument
from arbiter.model.money import ONE, ZERO
from arbiter.model.orders import LEG_ROLES, Order, OrderStatus
from arbiter.model.perpetuals import is_margined
from arbiter.model.plans import Leg, Plan
from arbiter.model.trades import PlannedLeg, Trade
from arbiter.ports.clock import IdSource
from arbiter.risk.gate import Approved
from arbiter.risk.limits import RiskLimits
from arbiter.risk.needs import need_of, worst_price

Hold = tuple[Asset | None, Decimal]


def intents(
    plan: Plan,
    approved: Approved,
    ids: IdSource,
    seq: int,
    registry: MarketRegistry,
    now_ns: int,
) -> TradeOpened:
    """Make the trade, its orders and what they hold."""
    trade_id = TradeId(ids.new_id())
    orders = _orders(
        plan,
        trade_id,
        registry,
        now_ns,
        OrderStatus.CREATED,
        None,
        list(zip(approved.locks, approved.reserve, strict=True)),
    )
    trade = Trade(
        id=trade_id,
        seq=seq,
        strategy=plan.strategy,
        family=plan.family,
        actor=plan.actor,
        symbol=plan.symbol,
        quote=registry.by_id(plan.legs[0].instrument).quote,
        legs=tuple(
            [
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
            ]
        ),
        signal_id=plan.signal_id,
        signal_seq=plan.signal_seq,
        min_edge=plan.min_edge,
        started_ns=now_ns,
    )
    return TradeOpened(at_ns=now_ns, trade=trade, orders=orders)


def denied_orders(
    plan: Plan, denied: Denied, ids: IdSource, registry: MarketRegistry, now_ns: int
) -> tuple[Order, ...]:
    """Keep each leg of a refused plan as an order with the reason and its numbers."""
    trade_id = TradeId(ids.new_id())
    nothing = [((None, ZERO), (None, ZERO))] * len(plan.legs)
    return _orders(plan, trade_id, registry, now_ns, OrderStatus.DENIED, str(denied), nothing)


def lock_of(
    order: Order, instrument: Instrument, limits: RiskLimits, leverage: Decimal = ONE
) -> tuple[Asset, Decimal]:
    """What an order holds at its venue at its worst price; closing on margin holds nothing."""
    if order.reduce_only and is_margined(instrument):
        return instrument.settle, ZERO
    leg = Leg(
        instrument=order.instrument,
        side=order.side,
        type=order.type,
        size=order.size,
        price=order.price,
        planned_price=order.planned_price,
    )
    slippage = limits.market_slippage
    price = worst_price(instrument, order.side, order.price, order.planned_price, slippage)
    value = instrument.notional(order.size, price)
    return need_of(leg, instrument, price, value, leverage).lock


def _orders(
    plan: Plan,
    trade_id: TradeId,
    registry: MarketRegistry,
    now_ns: int,
    status: OrderStatus,
    reason: str | None,
    holds: Sequence[tuple[Hold, Hold]],
) -> tuple[Order, ...]:
    """Make an order per leg; `holds` are what each locks and what it reserves."""
    made = [
        Order(
            client_order_id=client_order_id(trade_id, role, 1),
            strategy=plan.strategy,
            actor=plan.actor,
            trade_id=trade_id,
            leg=role,
            instrument=leg.instrument,
            venue=registry.by_id(leg.instrument).venue,
            symbol=plan.symbol,
            side=leg.side,
            type=leg.type,
            time_in_force=leg.time_in_force,
            post_only=leg.post_only,
            reduce_only=plan.reduce_only,
            size=leg.size,
            price=leg.price,
            planned_price=leg.planned_price,
            status=status,
            reason=reason,
            lock_asset=lock[0],
            lock=lock[1],
            reserve_asset=reserve[0],
            reserve=reserve[1],
            created_ns=now_ns,
            updated_ns=now_ns,
        )
        for role, leg, (lock, reserve) in zip(LEG_ROLES, plan.legs, holds, strict=False)
    ]
    return tuple(made)
