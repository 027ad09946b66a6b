"""From our records to the contract's bodies. Rows come from our own store: nothing is checked twice."""

from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from arbiter.api.desk import bodies
from arbiter.api.desk.times import stamp
from arbiter.api.desk.words import STATUS_WORDS, explain, read_refusal
from arbiter.model.holdings import Budget, ClosedPosition
from arbiter.model.ids import Asset, InstrumentId, StrategyId, strategy_uuid
from arbiter.model.money import ONE, ZERO, quotient
from arbiter.model.orders import Order, Side
from arbiter.ports.desk_history import FillSum
from arbiter.ports.past import StoredAudit, StoredFill
from arbiter.runtime.desk_view import DeskView, Earned, OpenPosition, StrategyFacts


def number(value: Decimal | None) -> float | None:
    return None if value is None else float(value)


def moment(at_ns: int | None) -> str | None:
    return None if at_ns is None else stamp(at_ns)


def uuid_of(strategy: StrategyId | None) -> UUID | None:
    return None if strategy is None else strategy_uuid(strategy)


def strategy_body(facts: StrategyFacts) -> bodies.Strategy:
    if facts.family is None:
        status = "UNKNOWN"
    else:
        status = "RUNNING" if facts.running else "STOPPED"
    return bodies.Strategy.model_construct(
        id=strategy_uuid(facts.name),
        name=facts.name,
        status=status,
        family=facts.family,
        instrument_ids=list(facts.instruments),
    )


def order_body(order: Order) -> bodies.Order:
    return bodies.Order.model_construct(
        client_order_id=order.client_order_id,
        venue_order_id=order.venue_order_id,
        strategy_id=strategy_uuid(order.strategy),
        strategy_name=order.strategy,
        instrument_id=order.instrument,
        side=order.side.value,
        order_type=order.type.value,
        quantity=float(order.size),
        filled_qty=float(order.filled_size),
        price=number(order.price),
        avg_px=number(order.average_price),
        status=STATUS_WORDS[order.status],
        ts_init=stamp(order.created_ns),
        ts_last=stamp(order.updated_ns),
        venue=order.venue,
        symbol=order.symbol,
        time_in_force=order.time_in_force.value,
        reduce_only=order.reduce_only,
        leg=order.leg,
        trade_id=order.trade_id,
        planned_price=float(order.planned_price),
        actor=order.actor,
        reason=order.reason,
        outcome_unknown=order.unknown_since_ns is not None,
    )


def fill_body(row: StoredFill) -> bodies.Fill:
    fill = row.fill
    return bodies.Fill.model_construct(
        trade_id=fill.venue_trade_id,
        client_order_id=fill.client_order_id,
        strategy_id=uuid_of(row.strategy),
        strategy_name=row.strategy,
        instrument_id=fill.instrument,
        side=fill.side.value,
        last_qty=float(fill.size),
        last_px=float(fill.price),
        commission=float(fill.fee),
        commission_currency=fill.fee_asset,
        liquidity_side=fill.liquidity.value,
        ts_event=stamp(fill.at_ns),
        venue=fill.venue,
    )


def deny_body(order: Order) -> bodies.DenyReason:
    reason = order.reason or order.status.value
    refusal = read_refusal(reason)
    return bodies.DenyReason.model_construct(
        client_order_id=order.client_order_id,
        status=STATUS_WORDS[order.status],
        reason=reason,
        ts_event=stamp(order.updated_ns),
        code=refusal.code,
        numbers={name: _figure(value) for name, value in refusal.numbers.items()},
        explanation=explain(reason),
    )


def _figure(text: str) -> float | str:
    try:
        value = Decimal(text)
    except InvalidOperation:
        return text
    return float(value) if value.is_finite() else text


# Sums over fills


class QuoteOf:
    """Quote currency and value per unit of an instrument, and its currency's worth in USD."""

    def __init__(
        self,
        currencies: Mapping[InstrumentId, Asset],
        contract_sizes: Mapping[InstrumentId, Decimal],
        usd: Mapping[Asset, Decimal],
    ) -> None:
        self._currencies = currencies
        self._contract_sizes = contract_sizes
        self._usd = usd

    def notional(self, row: FillSum) -> tuple[Asset, Decimal]:
        """Give the currency and the value of the fills; an unlisted one's currency is unknown."""
        size = self._contract_sizes.get(row.instrument, ONE)
        return self._currencies.get(row.instrument, Asset("unknown")), row.value * size

    def usd(self, currency: Asset, amount: Decimal) -> Decimal:
        """Value in USD; a currency without a rate counts for nothing."""
        return amount * self._usd.get(currency, ZERO)


class _Sums:
    def __init__(self) -> None:
        self.buys = self.sells = 0
        self.volume = self.usd = ZERO
        self.fees: dict[str, Decimal] = {}

    def add(self, row: FillSum, usd: Decimal) -> None:
        if row.side is Side.BUY:
            self.buys += row.count
        else:
            self.sells += row.count
        self.volume += row.size
        self.usd += usd
        self.fees[row.fee_asset] = self.fees.get(row.fee_asset, ZERO) + row.fees

    def fields(self) -> dict[str, Any]:
        return {
            "fills": self.buys + self.sells,
            "buys": self.buys,
            "sells": self.sells,
            "volume": float(self.volume),
            "notional": float(self.usd),
            "total_fees": floats(self.fees),
        }


def fills_summary(rows: Iterable[FillSum], quotes: QuoteOf) -> bodies.FillsSummary:
    """Add up; `rows` are sums by strategy, instrument, side and commission currency."""
    whole = _Sums()
    by_instrument: dict[InstrumentId, _Sums] = {}
    by_strategy: dict[StrategyId | None, _Sums] = {}
    by_currency: dict[str, Decimal] = {}
    for row in rows:
        currency, value = quotes.notional(row)
        usd = quotes.usd(currency, value)
        by_currency[currency] = by_currency.get(currency, ZERO) + value
        whole.add(row, usd)
        by_instrument.setdefault(row.instrument, _Sums()).add(row, usd)
        by_strategy.setdefault(row.strategy, _Sums()).add(row, usd)
    return bodies.FillsSummary.model_construct(
        total_fills=whole.buys + whole.sells,
        buy_count=whole.buys,
        sell_count=whole.sells,
        volume=float(whole.volume),
        notional=float(whole.usd),
        notional_by_currency=floats(by_currency),
        total_fees=floats(whole.fees),
        by_instrument=[
            bodies.InstrumentFills.model_construct(instrument_id=name, **sums.fields())
            for name, sums in sorted(by_instrument.items())
        ],
        by_strategy=[
            bodies.StrategyFills.model_construct(
                strategy_id=uuid_of(name), strategy_name=name, **sums.fields()
            )
            for name, sums in sorted(by_strategy.items(), key=lambda item: item[0] or "")
        ],
    )


def floats(amounts: Mapping[str, Decimal] | Mapping[Asset, Decimal]) -> dict[str, float]:
    return {str(name): float(amount) for name, amount in sorted(amounts.items())}


# Positions


def open_body(row: OpenPosition) -> bodies.Position:
    position = row.position
    long = position.quantity > ZERO
    realized = position.left_value - (position.entered_value - position.cost)
    return bodies.Position.model_construct(
        position_id=position_id(position.instrument, position.strategy, position.number),
        strategy_id=strategy_uuid(position.strategy),
        strategy_name=position.strategy,
        instrument_id=position.instrument,
        side="LONG" if long else "SHORT",
        quantity=float(abs(position.quantity)),
        avg_px_open=float(quotient(position.cost, abs(position.quantity))),
        avg_px_close=_average(position.left_value, position.left),
        realized_pnl=float(realized if long else -realized),
        unrealized_pnl=number(row.unrealized),
        mark_px=number(row.mark),
        ts_opened=stamp(position.opened_ns),
        ts_closed=None,
        status="open",
        dust=row.dust,
    )


def closed_body(row: ClosedPosition) -> bodies.Position:
    return bodies.Position.model_construct(
        position_id=position_id(row.instrument, row.strategy, row.number),
        strategy_id=strategy_uuid(row.strategy),
        strategy_name=row.strategy,
        instrument_id=row.instrument,
        side="LONG" if row.long else "SHORT",
        quantity=float(row.size),
        avg_px_open=float(quotient(row.entered_value, row.size)),
        avg_px_close=_average(row.left_value, row.size),
        realized_pnl=float(row.realized_pnl),
        unrealized_pnl=0.0,
        mark_px=None,
        ts_opened=stamp(row.opened_ns),
        ts_closed=stamp(row.closed_ns),
        status="closed",
        dust=False,
    )


def position_id(instrument: InstrumentId, strategy: StrategyId, count: int) -> str:
    """Name a position: a strategy's third in an instrument ends in ``-3``."""
    return f"{instrument}-{strategy}-{count}"


def _average(value: Decimal, size: Decimal) -> float | None:
    return float(quotient(value, size)) if size else None


# Budgets and audit


def budget_figures(row: Budget, earned: Earned) -> dict[str, Any]:
    """`realized_pnl` and `total_fees` are of all fills, also those before the budget was set."""
    return {
        "allocated": number(row.allocated),
        "reserved": float(row.reserved),
        "available": number(row.available),
        "realized_pnl": float(earned.realized),
        "total_fees": float(earned.fees),
    }


def registry_entry(row: Budget, earned: Earned) -> bodies.RegistryEntry:
    return bodies.RegistryEntry.model_construct(
        strategy_name=row.strategy, currency=row.currency, **budget_figures(row, earned)
    )


def registry_body(view: DeskView) -> dict[UUID, dict[str, bodies.RegistryEntry]]:
    """Show every budget by strategy and currency."""
    snapshot: dict[UUID, dict[str, bodies.RegistryEntry]] = {}
    for strategy in sorted({owner for owner, _ in view.ledger.budgets}):
        earned = view.earned(strategy)
        snapshot[strategy_uuid(strategy)] = {
            row.currency: registry_entry(row, earned.get(row.currency, Earned()))
            for row in view.budgets(strategy)
        }
    return snapshot


def budget_summary(
    row: Budget, others: Iterable[Budget], earned: Mapping[Asset, Earned]
) -> bodies.BudgetSummary:
    return bodies.BudgetSummary.model_construct(
        **_budget_of(row, earned).__dict__,
        strategy_name=row.strategy,
        budgets=[_budget_of(each, earned) for each in others],
    )


def _budget_of(row: Budget, earned: Mapping[Asset, Earned]) -> bodies.BudgetOf:
    return bodies.BudgetOf.model_construct(
        strategy_id=strategy_uuid(row.strategy),
        currency=row.currency,
        **budget_figures(row, earned.get(row.currency, Earned())),
    )


def realized_body(strategy: StrategyId, earned: Mapping[Asset, Earned]) -> bodies.RealizedPnl:
    return bodies.RealizedPnl.model_construct(
        strategy_id=strategy_uuid(strategy),
        strategy_name=strategy,
        realized_pnl=floats({currency: sums.realized for currency, sums in earned.items()}),
        total_fees=floats({currency: sums.fees for currency, sums in earned.items()}),
        net_pnl=floats({c: sums.realized - sums.fees for c, sums in earned.items()}),
    )


def audit_body(row: StoredAudit) -> bodies.AuditEntry:
    entry = row.entry
    return bodies.AuditEntry.model_construct(
        id=row.id,
        ts=stamp(entry.at_ns),
        actor=entry.actor,
        action=entry.action,
        entity=entry.entity,
        before=entry.before,
        after=entry.after,
    )
