"""Trades and signals as rows of the contract. Planned profit is gross, actual profit is net."""

from typing import Any

from arbiter.api.spot.answers import maybe, number
from arbiter.api.spot.bodies import SignalRow, TradeDetail
from arbiter.books.registry import MarketRegistry
from arbiter.ledger.spot_account import SpotStatus, spot_account, spot_summary
from arbiter.model.errors import ArbiterError
from arbiter.model.ids import InstrumentId, Symbol
from arbiter.model.money import quotient
from arbiter.model.plans import Signal
from arbiter.model.time import epoch_seconds, rfc3339
from arbiter.model.trades import PlannedLeg, Trade, TradeState

STATES: dict[SpotStatus, tuple[tuple[TradeState, ...], bool | None]] = {
    SpotStatus.COMPLETED: ((TradeState.COMPLETED,), None),
    SpotStatus.CANCELLED: ((TradeState.ABANDONED,), None),
    SpotStatus.FAILED: ((TradeState.FAILED, TradeState.UNWOUND), None),
    SpotStatus.PENDING: (tuple(s for s in TradeState if not s.terminal), False),
    SpotStatus.PARTIALLY_FILLED: (tuple(s for s in TradeState if not s.terminal), True),
}
"""The states behind each word, and whether something must be filled."""


def compact(registry: MarketRegistry, symbol: Symbol) -> str:
    """Name a symbol as the contract does; one that is listed no more keeps its letters."""
    if registry.listings(symbol):
        return registry.compact_name(symbol)
    return symbol.replace("/", "")


def trade_row(registry: MarketRegistry, trade: Trade) -> dict[str, Any]:
    """A `TradeRow` as what JSON is made of: pages hold many."""
    return _summary(registry, trade)


def trade_detail(registry: MarketRegistry, trade: Trade) -> TradeDetail:
    account = spot_account(trade, ())
    return TradeDetail.model_validate(
        {
            **_summary(registry, trade),
            "signal_id": trade.signal_seq,
            "buy_order_id": account.buy_order,
            "sell_order_id": account.sell_order,
            "planned_buy_price": maybe(account.planned_buy_price),
            "planned_sell_price": maybe(account.planned_sell_price),
            "actual_buy_price": maybe(account.actual_buy_price),
            "actual_sell_price": maybe(account.actual_sell_price),
            "slippage": maybe(account.slippage),
            "execution_time_ms": account.execution_time_ms,
        }
    )


def signal_row(registry: MarketRegistry, signal: Signal) -> SignalRow:
    """Profit and its percentage are gross here, per base unit."""
    return SignalRow(
        id=signal.seq,
        symbol=compact(registry, signal.symbol),
        buy_exchange=signal.buy_venue,
        sell_exchange=signal.sell_venue,
        buy_price=number(signal.buy_price),
        sell_price=number(signal.sell_price),
        profit=number(signal.gross),
        profit_percent=number(quotient(signal.gross * 100, signal.buy_price)),
        confidence=number(signal.confidence),
        executed=signal.executed,
        timestamp=epoch_seconds(signal.detected_ns),
        reason=signal.verdict,
    )


def _summary(registry: MarketRegistry, trade: Trade) -> dict[str, Any]:
    account, ended = spot_summary(trade), trade.completed_ns
    return {
        "id": trade.seq,
        "symbol": compact(registry, trade.symbol),
        "buy_exchange": _venue(registry, account.buy),
        "sell_exchange": _venue(registry, account.sell),
        "quantity": number(account.quantity),
        "planned_profit": number(account.planned_profit),
        "actual_profit": maybe(account.actual_profit),
        "fees_paid": number(account.fees_paid),
        "status": account.status.value,
        "started_at": rfc3339(trade.started_ns),
        "completed_at": None if ended is None else rfc3339(ended),
    }


def _venue(registry: MarketRegistry, leg: PlannedLeg | None) -> str:
    return "" if leg is None else _venue_of(registry, leg.instrument)


def _venue_of(registry: MarketRegistry, instrument: InstrumentId) -> str:
    """An id ends in its venue's name, which holds for what is listed no more too."""
    try:
        return registry.by_id(instrument).venue
    except ArbiterError:
        return instrument.rpartition(".")[2].lower()
