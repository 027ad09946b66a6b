"""The staircase: how much of a limit is used up, and what follows from it.

From 50 % of a limit sizes are halved, from 80 % nothing is opened, at 100 % everything is closed
and stopped. It is measured on trading PnL alone: equity is the capital base plus what trading
earned, so a falling price of pre-funded inventory moves nothing here.

Open trades climb the same steps but the last: filling the allowed number of slots is not a loss,
and closing everything for it would make one.
"""

from decimal import Decimal
from enum import StrEnum

import msgspec

from arbiter.model.money import ONE, ZERO, plain, quotient
from arbiter.risk.limits import RiskLimits
from arbiter.risk.view import LedgerView

HALF = Decimal("0.5")
_WARNING_AT = Decimal("0.5")
_CRITICAL_AT = Decimal("0.8")
_HUNDRED = Decimal(100)


class Level(StrEnum):
    NORMAL = "normal"
    WARNING = "warning"
    CRITICAL = "critical"
    BREACH = "breach"


_NORMAL, _WARNING, _CRITICAL, _BREACH = Level
_OPENING = (_NORMAL, _WARNING)
_WORST_FIRST = tuple(reversed(Level))


class Usage(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One limit and how much of it is used, both in `unit`."""

    name: str
    used: Decimal
    limit: Decimal
    unit: str
    level: Level

    @property
    def opens(self) -> bool:
        """New trades are allowed as far as this limit goes."""
        return self.level in _OPENING

    @property
    def fraction(self) -> Decimal:
        """used / limit, 1 is all of it."""
        return quotient(self.used, self.limit)

    def __str__(self) -> str:
        percent = plain((self.fraction * _HUNDRED).quantize(Decimal("0.1")))
        return f"{self.name} at {percent}% of its limit: {plain(self.used)} of {plain(self.limit)} {self.unit}"


class Assessment(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Where the engine stands on every staircase at one moment."""

    daily_loss: Usage
    drawdown: Usage
    concurrency: Usage

    @property
    def level(self) -> Level:
        """The worst of the three."""
        levels = [usage.level for usage in self._usages]
        return next(level for level in _WORST_FIRST if level in levels)

    @property
    def breached(self) -> bool:
        """Everything has to be closed and stopped."""
        return self.daily_loss.level is _BREACH or self.drawdown.level is _BREACH

    @property
    def warnings(self) -> tuple[str, ...]:
        """A line for each limit that is not at normal."""
        return tuple(str(usage) for usage in self._usages if usage.level is not _NORMAL)

    @property
    def _usages(self) -> tuple[Usage, Usage, Usage]:
        return self.daily_loss, self.drawdown, self.concurrency


def assess(limits: RiskLimits, ledger: LedgerView, now_ns: int) -> Assessment:
    """Measure every staircase."""
    return Assessment(
        daily_loss=daily_loss(limits, ledger, now_ns),
        drawdown=drawdown(limits, ledger),
        concurrency=concurrency(limits, len(ledger.open_trades())),
    )


def breached(limits: RiskLimits, ledger: LedgerView, now_ns: int) -> bool:
    """Say whether everything has to be closed and stopped, as `Assessment.breached` does."""
    return (
        _level(_lost(ledger, now_ns), limits.daily_loss_limit_usd) is _BREACH
        or _level(_fallen(limits, ledger), limits.max_drawdown_percent) is _BREACH
    )


def size_scale(limits: RiskLimits, ledger: LedgerView, now_ns: int) -> Decimal:
    """Give the factor for new sizes: 0.5 from warning on in any staircase, else 1."""
    lost, fallen = _lost(ledger, now_ns), _fallen(limits, ledger)
    climbed = (
        (lost and _level(lost, limits.daily_loss_limit_usd) is not _NORMAL)
        or (fallen and _level(fallen, limits.max_drawdown_percent) is not _NORMAL)
        or len(ledger.open_trades()) >= limits.max_concurrent_trades * _WARNING_AT
    )
    return HALF if climbed else ONE


def daily_loss(limits: RiskLimits, ledger: LedgerView, now_ns: int) -> Usage:
    """Measure what trading lost since 00:00 UTC; a profit uses nothing."""
    return _usage("daily loss", _lost(ledger, now_ns), limits.daily_loss_limit_usd, "USD")


def drawdown(limits: RiskLimits, ledger: LedgerView) -> Usage:
    """Measure the fall of trading equity from its peak, in percent of the peak."""
    return _usage("drawdown", _fallen(limits, ledger), limits.max_drawdown_percent, "%")


def concurrency(limits: RiskLimits, open_trades: int) -> Usage:
    """Measure the slots in use; never a breach."""
    usage = _usage(
        "concurrent trades", Decimal(open_trades), Decimal(limits.max_concurrent_trades), "trades"
    )
    if usage.level is _BREACH:
        return msgspec.structs.replace(usage, level=_CRITICAL)
    return usage


def loss_bearable(limits: RiskLimits, ledger: LedgerView, now_ns: int) -> bool:
    """Whether new trades are allowed as far as today's loss goes."""
    lost = _lost(ledger, now_ns)
    return not lost or _level(lost, limits.daily_loss_limit_usd) in _OPENING


def fall_bearable(limits: RiskLimits, ledger: LedgerView) -> bool:
    """Whether new trades are allowed as far as the drawdown goes."""
    fallen = _fallen(limits, ledger)
    return not fallen or _level(fallen, limits.max_drawdown_percent) in _OPENING


def slot_left(limits: RiskLimits, open_trades: int) -> bool:
    """Whether new trades are allowed as far as the slots in use go."""
    return _level(Decimal(open_trades), Decimal(limits.max_concurrent_trades)) in _OPENING


def _lost(ledger: LedgerView, now_ns: int) -> Decimal:
    realized = ledger.realized_today(now_ns)
    return -realized if realized < ZERO else ZERO


def _fallen(limits: RiskLimits, ledger: LedgerView) -> Decimal:
    """In percent of the peak."""
    peak = ledger.peak_pnl
    lost = peak - ledger.cumulative_pnl
    if lost <= ZERO:
        return ZERO
    return quotient(lost * _HUNDRED, limits.capital_base_usd + max(peak, ZERO))


def _usage(name: str, used: Decimal, limit: Decimal, unit: str) -> Usage:
    return Usage(name=name, used=used, limit=limit, unit=unit, level=_level(used, limit))


def _level(used: Decimal, limit: Decimal) -> Level:
    if not used or used < limit * _WARNING_AT:
        return _NORMAL
    if used < limit * _CRITICAL_AT:
        return _WARNING
    return _CRITICAL if used < limit else _BREACH
