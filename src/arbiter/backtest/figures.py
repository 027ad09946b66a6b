"""The figures of a run, each by its formula, and what has to be said beside them."""

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from decimal import Decimal

import msgspec

from arbiter.backtest.run import Finished
from arbiter.backtest.tally import TradeRow
from arbiter.model.money import ZERO, quotient
from arbiter.model.time import NS_PER_DAY, NS_PER_MS, NS_PER_S, day_start

_DAYS_A_YEAR = 365


class Drawdown(msgspec.Struct, frozen=True, kw_only=True):
    """Largest fall of trading equity (capital base + net PnL so far) from its peak."""

    usd: Decimal
    percent: Decimal
    """Of the peak equity."""


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """Money in the quote currency, all dollar tokens taken at par."""

    quotes: int
    """Rows the board accepted."""
    candidates: int | None
    signals: int
    executed: int
    stopped_signals: dict[str, int]
    denials: dict[str, int]
    alerts: dict[str, int]
    trades: int
    by_state: dict[str, int]
    open_at_end: int
    won: int
    hit_rate_percent: float | None
    """Of the trades that filled anything, how many earned something after fees."""
    gross: Decimal
    fees: Decimal
    net: Decimal
    slippage: Decimal
    volume: Decimal
    """Quote paid and received over all fills."""
    drawdown: Drawdown
    sharpe_daily: float | None
    """Mean / standard deviation of the days' net returns on the capital base × √365; None below
    two days with trades."""
    per_trade_ratio: float | None
    """Mean / standard deviation of the trades' net results; not annualised."""
    seconds_in_trade: float
    mean_ms_in_trade: float | None
    share_of_time_percent: float
    """Time with some trade open, of the time that was recorded."""


def figures(finished: Finished) -> Figures:
    prepared = finished.prepared
    tally = prepared.tally
    rows = tally.rows()
    filled = [row for row in rows if row.bought or row.sold]
    won = sum(row.net > ZERO for row in filled)
    capital = prepared.core.limits.capital_base_usd
    times = [row.time_ns for row in filled if row.time_ns is not None]
    open_ns = _covered_ns(rows)
    quoted_ns = prepared.survey.quoted_ns
    return Figures(
        quotes=prepared.session.core.board.quotes_total,
        candidates=finished.candidates,
        signals=tally.signals,
        executed=tally.executed,
        stopped_signals=dict(tally.verdicts.most_common()),
        denials=dict(tally.denials.most_common()),
        alerts=dict(tally.alerts.most_common()),
        trades=len(rows),
        by_state=dict(Counter(row.state.value for row in rows).most_common()),
        open_at_end=len(tally.open_at_end()),
        won=won,
        hit_rate_percent=100 * won / len(filled) if filled else None,
        gross=sum((row.gross for row in rows), ZERO),
        fees=sum((row.fees for row in rows), ZERO),
        net=sum((row.net for row in rows), ZERO),
        slippage=sum((row.slippage for row in rows), ZERO),
        volume=sum((fill.size * fill.price for row in rows for fill in row.fills), ZERO),
        drawdown=drawdown(rows, capital),
        sharpe_daily=_sharpe(rows, capital),
        per_trade_ratio=_ratio([float(row.net) for row in filled]),
        seconds_in_trade=open_ns / NS_PER_S,
        mean_ms_in_trade=sum(times) / len(times) / NS_PER_MS if times else None,
        share_of_time_percent=100 * open_ns / quoted_ns if quoted_ns else 0.0,
    )


def equity(rows: Sequence[TradeRow]) -> list[tuple[int, Decimal]]:
    """Cumulative net PnL after each trade, by the time it ended."""
    total = ZERO
    curve = []
    for row in sorted(_ended(rows), key=lambda row: (row.completed_ns or 0, row.seq)):
        total += row.net
        curve.append((row.completed_ns or 0, total))
    return curve


def drawdown(rows: Sequence[TradeRow], capital: Decimal) -> Drawdown:
    peak, worst, percent = ZERO, ZERO, ZERO
    for _, total in equity(rows):
        peak = max(peak, total)
        worst = max(worst, peak - total)
        percent = max(percent, quotient(100 * (peak - total), capital + peak))
    return Drawdown(usd=worst, percent=percent)


def _ended(rows: Sequence[TradeRow]) -> list[TradeRow]:
    return [row for row in rows if row.completed_ns is not None]


def _sharpe(rows: Sequence[TradeRow], capital: Decimal) -> float | None:
    """Days between the first and the last one with trades count, those without trades as zero."""
    by_day: defaultdict[int, Decimal] = defaultdict(lambda: ZERO)
    for row in _ended(rows):
        by_day[day_start(row.completed_ns or 0)] += row.net
    if len(by_day) < 2:
        return None
    days = range(min(by_day), max(by_day) + 1, NS_PER_DAY)
    ratio = _ratio([float(by_day.get(day, ZERO) / capital) for day in days])
    return None if ratio is None else ratio * math.sqrt(_DAYS_A_YEAR)


def _ratio(values: Sequence[float]) -> float | None:
    """Mean over sample standard deviation; None for fewer than two values or no spread."""
    if len(values) < 2:
        return None
    mean = sum(values) / len(values)
    variance = sum((value - mean) ** 2 for value in values) / (len(values) - 1)
    return mean / math.sqrt(variance) if variance > 0 else None


def _covered_ns(rows: Sequence[TradeRow]) -> int:
    """Time during which at least one trade was open."""
    total, until = 0, 0
    for row in sorted(_ended(rows), key=lambda row: row.started_ns):
        end = row.completed_ns or row.started_ns
        total += max(end - max(row.started_ns, until), 0)
        until = max(until, end)
    return total
