"""From our records to the pages' bodies."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from arbiter.api.desk import pages
from arbiter.api.desk.rows import moment, number
from arbiter.api.desk.times import stamp
from arbiter.api.desk.words import explain
from arbiter.ledger.spot_account import spot_account
from arbiter.model.binaries import cost
from arbiter.model.events import AlertRaised
from arbiter.model.holdings import KillSwitch
from arbiter.model.ids import ClientOrderId, strategy_uuid
from arbiter.model.money import ONE, ZERO
from arbiter.model.orders import Order, Side
from arbiter.model.plans import Family, Signal
from arbiter.model.quotes import Candle
from arbiter.model.time import NS_PER_MS
from arbiter.model.trades import PlannedLeg, Trade
from arbiter.ports.desk_history import EquityPoint
from arbiter.risk.limits import RiskLimits
from arbiter.risk.rates import RateRow
from arbiter.risk.staircase import Assessment, Usage
from arbiter.runtime.depth_watch import BookSeen
from arbiter.runtime.desk_view import Cell, Holding, MatrixRow, Pair, RiskFacts
from arbiter.runtime.kill import KillReport
from arbiter.runtime.queries import EngineFacts, VenueFacts

FamilySums = dict[Family, tuple[Decimal, int]]


def overview_body(facts: EngineFacts, families: FamilySums) -> pages.Overview:
    return pages.Overview.model_construct(
        ts=stamp(facts.now_ns),
        mode=facts.mode,
        version=facts.version,
        status=_status(facts),
        ready=facts.ready,
        ts_started=stamp(facts.started_ns),
        uptime_s=facts.uptime_s,
        journal_healthy=facts.journal_healthy,
        kill_switch=kill_switch_body(facts.kill_switch),
        venues=[_venue(venue, facts.now_ns) for venue in facts.venues],
        symbols=facts.symbols,
        quotes_total=facts.quotes_total,
        open_trades=len(facts.open_trades),
        trades_today=facts.trades_today,
        signals_total=facts.signals_total,
        pnl_today=float(facts.pnl_today),
        pnl_total=float(facts.pnl_total),
        families=[
            pages.FamilyPnl.model_construct(
                family=family.value, pnl_today=float(made), trades_today=trades
            )
            for family, (made, trades) in sorted(families.items())
        ],
        risk=_usages(facts.assessment),
        alerts=[alert_body(alert) for alert in facts.alerts],
    )


def _status(facts: EngineFacts) -> str:
    if facts.kill_switch.engaged:
        return "killed"
    if facts.stopping:
        return "stopping"
    return "running" if facts.ready else "starting"


def _venue(facts: VenueFacts, now_ns: int) -> pages.Venue:
    last = facts.last_quote_ns
    return pages.Venue.model_construct(
        venue=facts.venue,
        connected=facts.connected,
        reason=facts.reason,
        quote_age_ms=None if last is None else max(now_ns - last, 0) // NS_PER_MS,
        quotes=facts.quotes,
        faults=facts.faults,
    )


def alert_body(alert: AlertRaised) -> pages.Alert:
    return pages.Alert.model_construct(
        ts=stamp(alert.at_ns),
        severity=alert.severity,
        code=alert.code,
        text=alert.text,
        instrument_id=alert.instrument,
    )


def equity_point(point: EquityPoint) -> pages.EquityPoint:
    return pages.EquityPoint.model_construct(
        ts=stamp(point.at_ns), cumulative_pnl=float(point.cumulative), trades=point.trades
    )


# Risk


def risk_body(facts: RiskFacts) -> pages.Risk:
    return pages.Risk.model_construct(
        level=facts.assessment.level.value,
        warnings=list(facts.assessment.warnings),
        usage=_usages(facts.assessment),
        limits=_limits(facts.limits),
        exposure_usd=float(facts.exposure_usd),
        open_trades=facts.open_trades,
        kill_switch=kill_switch_body(facts.kill_switch),
        usd_rates=[_usd_rate(row) for row in facts.usd_rates],
    )


def _usd_rate(row: RateRow) -> pages.UsdRate:
    return pages.UsdRate.model_construct(
        currency=row.currency,
        usd=float(row.usd),
        source=row.source,
        as_of=None if row.as_of_ns is None else stamp(row.as_of_ns),
        fresh=row.fresh,
    )


def _limits(limits: RiskLimits) -> pages.Limits:
    return pages.Limits.model_construct(
        max_trade_usd=float(limits.max_trade_usd),
        max_total_exposure_usd=float(limits.max_total_exposure_usd),
        max_concurrent_trades=limits.max_concurrent_trades,
        daily_loss_limit_usd=float(limits.daily_loss_limit_usd),
        max_drawdown_percent=float(limits.max_drawdown_percent),
        capital_base_usd=float(limits.capital_base_usd),
        staleness_threshold_ms=limits.staleness_threshold_ms,
        min_side_fraction=float(limits.min_side_fraction),
    )


def _usages(assessment: Assessment) -> list[pages.Usage]:
    return [
        _usage(usage)
        for usage in (assessment.daily_loss, assessment.drawdown, assessment.concurrency)
    ]


def _usage(usage: Usage) -> pages.Usage:
    return pages.Usage.model_construct(
        name=usage.name,
        used=float(usage.used),
        limit=float(usage.limit),
        unit=usage.unit,
        fraction=float(usage.fraction),
        level=usage.level.value,
    )


def kill_switch_body(latch: KillSwitch) -> pages.KillSwitch:
    return pages.KillSwitch.model_construct(
        engaged=latch.engaged,
        actor=latch.actor,
        reason=latch.reason,
        flatten=latch.flatten,
        ts_changed=moment(latch.changed_ns or None),
    )


def kill_report(report: KillReport, latch: KillSwitch) -> pages.KillReport:
    return pages.KillReport.model_construct(
        flat=report.flat,
        durable=report.durable,
        venues=[
            pages.VenueProof.model_construct(
                venue=proof.venue,
                reachable=proof.reachable,
                flat=proof.flat,
                open_orders=list(proof.open_orders),
                unhedged=list(proof.unhedged),
                positions=list(proof.positions),
                note=proof.note,
            )
            for proof in report.venues
        ],
        kill_switch=kill_switch_body(latch),
    )


# Markets


def market_row(row: MatrixRow, least_edge: float) -> dict[str, Any]:
    """A `pages.MarketRow` as it is written: hundreds of models would hold up the engine's loop."""
    best = row.best
    return {
        "symbol": row.symbol,
        "name": row.name,
        "quotes": [
            {
                "venue": cell.instrument.venue,
                "instrument_id": cell.instrument.id,
                "bid": None if cell.quote is None else cell.quote.bid,
                "ask": None if cell.quote is None else cell.quote.ask,
                "bid_size": None if cell.quote is None else cell.quote.bid_size,
                "ask_size": None if cell.quote is None else cell.quote.ask_size,
                "age_ms": None if cell.age_ns is None else max(cell.age_ns, 0) // NS_PER_MS,
            }
            for cell in row.cells
        ],
        "best": None if best is None else vars(pair_body(best, least_edge)),
    }


def markets_body(
    ts: str, venues: Sequence[str], least_edge: float, rows: list[dict[str, Any]]
) -> dict[str, Any]:
    """A `pages.Markets` as it is written."""
    return {
        "ts": ts,
        "venues": list(venues),
        "threshold_percent": least_edge * 100,
        "rows": rows,
    }


def top_body(cell: Cell) -> pages.Top:
    quote = cell.quote
    return pages.Top.model_construct(
        venue=cell.instrument.venue,
        instrument_id=cell.instrument.id,
        bid=None if quote is None else quote.bid,
        ask=None if quote is None else quote.ask,
        bid_size=None if quote is None else quote.bid_size,
        ask_size=None if quote is None else quote.ask_size,
        age_ms=None if cell.age_ns is None else max(cell.age_ns, 0) // NS_PER_MS,
    )


def depth_body(cell: Cell, book: BookSeen, now_ns: int) -> pages.Depth:
    def levels(told: Sequence[tuple[float, float]]) -> list[pages.Level]:
        return [pages.Level.model_construct(price=price, size=size) for price, size in told]

    return pages.Depth.model_construct(
        venue=cell.instrument.venue,
        bids=levels(book.bids),
        asks=levels(book.asks),
        age_ms=max(now_ns - book.receive_ns, 0) // NS_PER_MS,
    )


def pair_body(pair: Pair, least_edge: float) -> pages.Pair:
    return pages.Pair.model_construct(
        buy_venue=pair.buy_venue,
        sell_venue=pair.sell_venue,
        buy_price=pair.buy_price,
        sell_price=pair.sell_price,
        net_percent=pair.edge * 100,
        pays=pair.edge >= least_edge,
    )


def candle_body(candle: Candle) -> pages.Candle:
    return pages.Candle.model_construct(
        ts=stamp(candle.open_ns),
        open=candle.open,
        high=candle.high,
        low=candle.low,
        close=candle.close,
        volume=candle.volume,
    )


# Trades and signals


def trade_body(trade: Trade, orders: Sequence[Order]) -> pages.Trade:
    account = spot_account(trade, orders)
    ended = trade.completed_ns
    by_id = {order.client_order_id: order for order in orders}
    return pages.Trade.model_construct(
        id=trade.seq,
        trade_id=trade.id,
        strategy_id=strategy_uuid(trade.strategy),
        strategy_name=trade.strategy,
        family=trade.family.value,
        symbol=trade.symbol,
        currency=trade.quote,
        state=trade.state.value,
        reason=trade.reason,
        actor=trade.actor,
        signal_id=trade.signal_seq,
        outcome_unknown=trade.unknown,
        ts_started=stamp(trade.started_ns),
        ts_completed=moment(ended),
        duration_ms=None if ended is None else (ended - trade.started_ns) // NS_PER_MS,
        legs=[_leg(leg, by_id) for leg in trade.legs],
        planned_profit=float(_pair_profit(trade) or account.planned_profit),
        fees=float(trade.fees_quote),
        pnl=number(trade.pnl),
        slippage=number(account.slippage),
        residual=float(trade.residual),
    )


def _pair_profit(trade: Trade) -> Decimal | None:
    """What the legs of a complement pair, both bought or both sold, leave of the 1 that one pays.

    None for other trades, whose profit lies between a price to buy and one to sell at.
    """
    sides = [leg.side for leg in trade.legs]
    if trade.family is not Family.EVENTS or len(sides) != 2 or sides[0] is not sides[1]:
        return None
    paid = sum((cost(leg.side, leg.planned_price) for leg in trade.legs), ZERO)
    return (ONE - paid) * min(leg.size for leg in trade.legs)


def _leg(leg: PlannedLeg, orders: dict[ClientOrderId, Order]) -> pages.LegView:
    order = orders.get(leg.order)
    price = None if order is None else order.average_price
    filled = ZERO if order is None else order.filled_size
    slippage: Decimal | None = None
    if price is not None:
        worse = price - leg.planned_price if leg.side is Side.BUY else leg.planned_price - price
        slippage = worse * filled
    return pages.LegView.model_construct(
        role=leg.role,
        instrument_id=leg.instrument,
        venue="" if order is None else order.venue,
        side=leg.side.value,
        quantity=float(leg.size),
        limit_price=number(leg.limit),
        planned_price=float(leg.planned_price),
        actual_price=number(price),
        filled_qty=float(filled),
        slippage=number(slippage),
        status="" if order is None else order.status.value,
        client_order_id=leg.order,
    )


def signal_body(signal: Signal) -> pages.Signal:
    return pages.Signal.model_construct(
        id=signal.seq,
        strategy_id=strategy_uuid(signal.strategy),
        strategy_name=signal.strategy,
        symbol=signal.symbol,
        buy_venue=signal.buy_venue,
        sell_venue=signal.sell_venue,
        buy_price=float(signal.buy_price),
        sell_price=float(signal.sell_price),
        net_percent=float(signal.edge * 100),
        confidence=float(signal.confidence),
        executed=signal.executed,
        verdict=signal.verdict,
        explanation=_why_not(signal),
        ts=stamp(signal.detected_ns),
    )


def _why_not(signal: Signal) -> str:
    if signal.executed:
        return "Executed."
    return explain(signal.verdict, otherwise=signal.verdict or "Not executed.")


# Holdings


def balances_body(holdings: Iterable[Holding], now_ns: int) -> pages.Balances:
    by_venue: dict[str, Decimal] = {}
    found = []
    for holding in holdings:
        venue = holding.balance.venue
        by_venue[venue] = by_venue.get(venue, ZERO) + (holding.usd or ZERO)
        found.append(_balance(holding))
    return pages.Balances.model_construct(
        ts=stamp(now_ns),
        total_usd=float(sum(by_venue.values(), ZERO)),
        by_venue_usd={venue: float(usd) for venue, usd in by_venue.items()},
        balances=found,
    )


def _balance(holding: Holding) -> pages.Balance:
    row, skew = holding.balance, holding.skew
    return pages.Balance.model_construct(
        venue=row.venue,
        asset=row.asset,
        total=float(row.total),
        free=float(row.free),
        locked=float(row.locked),
        usd=number(holding.usd),
        baseline=float(row.baseline),
        fraction=None if skew is None else float(skew.fraction),
        share=None if skew is None else float(skew.share),
        floor=None if skew is None else float(skew.floor),
        skew=None if skew is None else skew.state.value,
        frozen=holding.frozen,
        ts=stamp(row.updated_ns),
    )
