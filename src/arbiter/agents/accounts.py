"""A session's account: equity, statistics of its round trips, and what the risk officer asks."""

import math
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from statistics import fmean, stdev

from msgspec.structs import replace

from arbiter.agents.risk_officer import Standing
from arbiter.model.agents import AgentPosition, AgentSession
from arbiter.model.ids import InstrumentId
from arbiter.model.money import ZERO
from arbiter.model.time import day_start


def equity(
    session: AgentSession,
    positions: Iterable[AgentPosition],
    marks: Mapping[InstrumentId, Decimal],
) -> Decimal:
    """Capital + realized + unrealized, in quote; an unmarked position counts at cost."""
    total = session.initial_capital
    for position in positions:
        total += position.realized_pnl
        if position.open:
            mark = marks.get(position.instrument)
            total += position.unrealized_pnl(mark) if mark is not None else ZERO
    return total


def with_closed(session: AgentSession, closed: Sequence[AgentPosition], at_ns: int) -> AgentSession:
    """Write the statistics of all closed positions, in the order they ended, into the session."""
    results = [position.realized_pnl for position in closed]
    capital = float(session.initial_capital) or 1.0
    returns = [float(result) / capital for result in results]
    spread = stdev(returns) if len(returns) > 1 else 0.0
    return replace(
        session,
        total_pnl=sum(results, ZERO),
        total_trades=len(results),
        winning_trades=sum(result > 0 for result in results),
        losing_trades=sum(result <= 0 for result in results),
        sharpe_ratio=fmean(returns) / spread if spread > 0 else 0.0,
        updated_ns=at_ns,
    )


def with_equity(session: AgentSession, now: Decimal, at_ns: int) -> AgentSession:
    """Note the equity of this moment: a new peak, or a new largest drawdown."""
    peak = max(session.peak_equity, session.initial_capital, now)
    fall = float((peak - now) / peak) if peak > 0 else 0.0
    if peak == session.peak_equity and fall <= session.max_drawdown:
        return session
    return replace(
        session,
        peak_equity=peak,
        max_drawdown=max(session.max_drawdown, fall),
        updated_ns=at_ns,
    )


def standing(
    session: AgentSession,
    positions: Sequence[AgentPosition],
    marks: Mapping[InstrumentId, Decimal],
    now_ns: int,
) -> Standing:
    """What the risk officer is told; `positions` are all the session ever had."""
    closed = [position for position in positions if not position.open]
    still = [position for position in positions if position.open]
    wins = [float(p.realized_pnl) for p in closed if p.realized_pnl > 0]
    losses = [-float(p.realized_pnl) for p in closed if p.realized_pnl <= 0]
    today = day_start(now_ns)
    current = equity(session, positions, marks)
    exposure = sum((p.held * marks.get(p.instrument, p.entry_price) for p in still), ZERO)
    realized_today = sum((p.realized_pnl for p in closed if (p.exit_ns or 0) >= today), ZERO)
    floating = sum(
        (p.unrealized_pnl(marks[p.instrument]) for p in still if p.instrument in marks), ZERO
    )
    return Standing(
        capital=float(session.initial_capital),
        equity=_finite(current),
        peak_equity=_finite(max(session.peak_equity, session.initial_capital)),
        pnl_today=float(realized_today + floating),
        exposure=float(exposure),
        open_positions=len(still),
        wins=len(wins),
        losses=len(losses),
        average_win=fmean(wins) if wins else 0.0,
        average_loss=fmean(losses) if losses else 0.0,
    )


def _finite(value: Decimal) -> float:
    result = float(value)
    return result if math.isfinite(result) else 0.0
