"""Records as the contract's models: orders, positions, agents, decisions."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from uuid import UUID, uuid5

from arbiter.api.agents.answers import moment, number
from arbiter.ledger.assets import account_assets
from arbiter.ledger.trades import fee_value
from arbiter.model.agents import (
    AgentPosition,
    Decision,
    position_id,
    session_of,
)
from arbiter.model.money import ZERO
from arbiter.model.orders import Fill, Order, OrderStatus
from arbiter.ports.agent_store import WorkedOrder
from arbiter.runtime.agent_news import AgentStatus

Row = dict[str, object]

PAPER = "PAPER"
_ENDED = {
    OrderStatus.CANCELLED: "CANCELED",
    OrderStatus.EXPIRED: "EXPIRED",
    OrderStatus.REJECTED: "REJECTED",
    OrderStatus.DENIED: "REJECTED",
    OrderStatus.ABANDONED: "REJECTED",
    OrderStatus.FILLED: "FILLED",
}
STATUSES = {"NEW", "PARTIALLY_FILLED", "FILLED", "CANCELED", "REJECTED", "EXPIRED"}
_FILL_NAMESPACE = UUID("3f1c0f0e-51a6-5b0a-9f0f-8a2c6d0e7b11")


def wanted_size(worked: WorkedOrder) -> Decimal:
    return worked.orders[0].size if worked.trade is None else worked.trade.legs[0].size


def executed(worked: WorkedOrder) -> Decimal:
    return sum((order.filled_size for order in worked.orders), ZERO)


def order_status(worked: WorkedOrder) -> str:
    """Say in the contract's words how an order stands, over all orders that worked it."""
    done = executed(worked)
    if done >= wanted_size(worked):
        return "FILLED"
    if any(order.open for order in worked.orders):
        return "PARTIALLY_FILLED" if done else "NEW"
    last = worked.orders[-1]
    if last.status is OrderStatus.ABANDONED and done:
        return "CANCELED"
    return _ENDED[last.status]


def order_row(worked: WorkedOrder, exchange: str, positions: Iterable[AgentPosition] = ()) -> Row:
    first, last = worked.orders[0], worked.orders[-1]
    status, done = order_status(worked), executed(worked)
    ended = moment(last.updated_ns)
    refused = status in {"REJECTED", "EXPIRED"} or (status == "CANCELED" and last.reason)
    session = session_of(first.strategy)
    return {
        "id": worked.id,
        "session_id": session,
        "position_id": _position_of(worked, positions),
        "exchange_order_id": first.venue_order_id,
        "client_order_id": first.client_order_id,
        "symbol": first.symbol,
        "exchange": exchange,
        "side": first.side,
        "type": first.type,
        "status": status,
        "price": number(first.price),
        "stop_price": None,
        "quantity": number(wanted_size(worked)),
        "executed_quantity": number(done),
        "executed_quote_quantity": number(
            sum((order.filled_value for order in worked.orders), ZERO)
        ),
        "time_in_force": first.time_in_force if first.price is not None else "GTC",
        "placed_at": moment(first.created_ns),
        "filled_at": ended if status == "FILLED" else None,
        "canceled_at": ended if status == "CANCELED" else None,
        "expired_at": ended if status == "EXPIRED" else None,
        "error_message": last.reason if refused else None,
        "created_at": moment(first.created_ns),
        "updated_at": moment(last.updated_ns),
    }


def _position_of(worked: WorkedOrder, positions: Iterable[AgentPosition]) -> UUID | None:
    """The position an order opened, added to or reduced; None where nothing was filled."""
    first = worked.orders[0]
    if not executed(worked):
        return None
    own = position_id(first.trade_id)
    for position in positions:
        if position.id == own:
            return own
        if position.instrument != first.instrument or position.entry_ns > first.updated_ns:
            continue
        if position.exit_ns is None or first.created_ns <= position.exit_ns:
            return position.id
    return None


def position_row(position: AgentPosition, mark: Decimal | None, exchange: str) -> Row:
    unrealized = position.unrealized_pnl(mark) if mark is not None else ZERO
    return {
        "id": position.id,
        "session_id": position.session_id,
        "symbol": position.symbol,
        "exchange": exchange,
        "side": "LONG",
        "entry_price": number(position.entry_price),
        "exit_price": number(position.exit_price) if not position.open else None,
        "quantity": number(position.quantity),
        "entry_time": moment(position.entry_ns),
        "exit_time": moment(position.exit_ns),
        "stop_loss": number(position.stop_loss),
        "take_profit": number(position.take_profit),
        "realized_pnl": number(position.realized_pnl),
        "unrealized_pnl": number(unrealized),
        "fees": number(position.fees),
        "entry_reason": position.entry_reason,
        "exit_reason": position.exit_reason,
        "created_at": moment(position.entry_ns),
        "updated_at": moment(position.updated_ns),
    }


def position_update(position: AgentPosition, mark: Decimal | None) -> Row:
    unrealized = position.unrealized_pnl(mark) if mark is not None else ZERO
    return {
        "position_id": position.id,
        "session_id": position.session_id,
        "symbol": position.symbol,
        "side": "LONG",
        "entry_price": number(position.entry_price),
        "quantity": number(position.held if position.open else ZERO),
        "unrealized_pnl": number(unrealized),
        "realized_pnl": number(position.realized_pnl),
        "status": "open" if position.open else "closed",
    }


def order_update(worked: WorkedOrder) -> Row:
    row = order_row(worked, PAPER)
    names = (
        "symbol",
        "side",
        "type",
        "status",
        "quantity",
        "executed_quantity",
        "filled_at",
        "session_id",
        "error_message",
    )
    return {"order_id": worked.id} | {name: row[name] for name in names}


def fill_row(fill: Fill, order: Order, told: Decimal | None = None) -> Row:
    """The contract's commission is in quote; where nobody knows its worth, its asset says so.

    `told` is the worth of a fee in a third asset.
    """
    base, quote = account_assets(order.symbol)
    worth = fee_value(fill, base, quote, told)
    return {
        "trade_id": uuid5(_FILL_NAMESPACE, f"{fill.venue}/{fill.venue_trade_id}"),
        "order_id": order.trade_id,
        "symbol": order.symbol,
        "side": fill.side,
        "price": number(fill.price),
        "quantity": number(fill.size),
        "commission": number(fill.fee if worth is None else worth),
        "commission_asset": fill.fee_asset if worth is None else quote,
        "executed_at": moment(fill.at_ns),
    }


def agent_row(status: AgentStatus, version: str) -> Row:
    return {
        "name": status.name,
        "status": status.status,
        "last_seen_at": moment(status.last_seen_ns),
        "is_healthy": status.healthy,
        "metadata": {
            "version": version,
            "type": status.type,
            "signals_generated": status.signals_generated,
            "last_signal_at": moment(status.last_signal_ns),
            "model": status.model,
            **({"note": status.note} if status.note else {}),
        },
    }


def decision_row(decision: Decision) -> Row:
    return {
        "id": decision.id,
        "session_id": decision.session_id,
        "agent_name": decision.agent_name,
        "symbol": decision.symbol,
        "decision_type": decision.decision_type,
        "decision": decision.decision,
        "confidence": decision.confidence,
        "reasoning": decision.reasoning,
        "context": decision.context,
        "prompt_tokens": decision.prompt_tokens,
        "completion_tokens": decision.completion_tokens,
        "model": decision.model,
        "outcome": decision.outcome,
        "actual_pnl": number(decision.actual_pnl),
        "created_at": moment(decision.created_ns),
    }


def decision_detail(decision: Decision) -> Row:
    return decision_row(decision) | {
        "prompt": decision.prompt,
        "response": decision.response,
        "prompt_embedding": decision.embedding,
        "embedding_model": decision.embedding_model,
        "cost_usd": number(decision.cost_usd),
        "latency_ms": decision.latency_ms,
        "cached": decision.cached,
        "error": decision.error,
    }


def newest(positions: Sequence[AgentPosition]) -> AgentPosition | None:
    """An open one before closed ones, the newest first."""
    return max(positions, key=lambda each: (each.open, each.entry_ns), default=None)
