"""Performance figures from sums over trades: profit is gross, net after fees.

win_rate        = successful / trades × 100
net_profit      = total_profit − total_fees
avg_profit      = total_profit / trades
sharpe_ratio    = mean / standard deviation of daily net profit × √365, over every day from the
                  first with a trade to the last of the period; 0 below two days
profit_factor   = Σ wins / |Σ losses|; without a loss one cent stands for it
"""

import math
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal

from arbiter.api.spot.bodies import DayRow, Metrics
from arbiter.model.ids import Asset, VenueId
from arbiter.model.money import ZERO, quotient
from arbiter.model.time import NS_PER_DAY, NS_PER_S, utc_date
from arbiter.ports.spot_history import DayResult, Result

DAYS_A_YEAR = 365
_CENT = Decimal("0.01")


def win_rate(successful: int, trades: int) -> float:
    """Percent; 0 without trades."""
    return successful / trades * 100 if trades else 0.0


def metrics(result: Result, days: Sequence[DayResult], until_ns: int) -> Metrics:
    """`until_ns` is the end of the period or of today, whichever comes first."""
    lost = max(-result.lost, _CENT)
    return Metrics(
        total_trades=result.trades,
        successful_trades=result.successful,
        win_rate=win_rate(result.successful, result.trades),
        total_profit=float(result.gross),
        total_fees=float(result.fees),
        net_profit=float(result.net),
        avg_profit_per_trade=float(result.gross / result.trades) if result.trades else 0.0,
        max_profit=float(max(result.best or ZERO, ZERO)),
        max_loss=float(min(result.worst or ZERO, ZERO)),
        avg_execution_time_seconds=result.mean_duration_ns / NS_PER_S,
        sharpe_ratio=sharpe(days, until_ns),
        max_drawdown_percent=float(result.drawdown * 100),
        profit_factor=float(quotient(result.won, lost)) if result.won else 0.0,
    )


def sharpe(days: Sequence[DayResult], until_ns: int) -> float:
    """Annualised; days without a trade count as days without profit."""
    if not days:
        return 0.0
    count = (until_ns - days[0].day_ns) // NS_PER_DAY
    if count < 2:
        return 0.0
    nets = [float(day.net) for day in days]
    mean = math.fsum(nets) / count
    squares = math.fsum((net - mean) ** 2 for net in nets) + (count - len(nets)) * mean**2
    deviation = math.sqrt(squares / (count - 1))
    return mean / deviation * math.sqrt(DAYS_A_YEAR) if deviation > 0 else 0.0


def day_row(day: DayResult) -> DayRow:
    return DayRow(
        date=utc_date(day.day_ns).isoformat(),
        trades=day.trades,
        profit=float(day.net),
        win_rate=win_rate(day.successful, day.trades),
    )


def period_start(period: str, today: date) -> date:
    """The first day of the calendar period that holds today."""
    match period:
        case "day":
            return today
        case "week":
            return today - timedelta(days=today.weekday())
        case "year":
            return today.replace(month=1, day=1)
        case _:
            return today.replace(day=1)


Held = dict[tuple[VenueId, Asset], Decimal]


def total_value(held: Held, marks: dict[Asset, Decimal]) -> tuple[Decimal, list[Asset]]:
    """Σ quantity × USD mark, and the assets without a mark that are left out."""
    unpriced = sorted({asset for (_, asset), size in held.items() if size and asset not in marks})
    value = sum(
        (size * marks[asset] for (_, asset), size in held.items() if asset in marks), start=ZERO
    )
    return value, unpriced
