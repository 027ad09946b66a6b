"""Alerts: what a person wants to hear of, in words."""

from collections import deque
from collections.abc import Iterator, Sequence

import arbiter_pb2 as pb
from arbiter.api.control.convert import moment
from arbiter.api.control.deps import ControlDeps
from arbiter.api.control.fan import Fan
from arbiter.api.control.operator import trade_shown
from arbiter.model.changes import Changes
from arbiter.model.events import (
    AlertRaised,
    Event,
    KillSwitchEngaged,
    KillSwitchReleased,
    StrategySwitched,
    TradeAdvanced,
)
from arbiter.model.money import plain
from arbiter.model.trades import Trade, TradeState
from arbiter.risk.staircase import Level

_KEPT = 50
_SEVERITIES: dict[str, pb.AlertSeverity] = {
    "info": pb.ALERT_SEVERITY_INFO,
    "warning": pb.ALERT_SEVERITY_WARNING,
    "critical": pb.ALERT_SEVERITY_CRITICAL,
}
_LEVELS: dict[Level, pb.AlertSeverity] = {
    Level.NORMAL: pb.ALERT_SEVERITY_INFO,
    Level.WARNING: pb.ALERT_SEVERITY_WARNING,
    Level.CRITICAL: pb.ALERT_SEVERITY_CRITICAL,
    Level.BREACH: pb.ALERT_SEVERITY_CRITICAL,
}
_FAILED = frozenset({TradeState.UNWOUND, TradeState.HELD})


class Alerts:
    """What a person wants to hear of, in words; the last ones are kept."""

    def __init__(self, deps: ControlDeps) -> None:
        self._deps = deps
        self._level = Level.NORMAL
        self.recent: deque[pb.Alert] = deque(maxlen=_KEPT)
        self.news: Fan[pb.Alert] = Fan()
        deps.hub.listen(self._watch)

    def _watch(self, events: Sequence[Event], changes: Changes) -> None:
        for event in events:
            for alert in self._told(event, changes):
                self.recent.append(alert)
                self.news.publish(alert)

    def _told(self, event: Event, changes: Changes) -> Iterator[pb.Alert]:
        match event:
            case AlertRaised(severity=severity, code=code, text=text):
                yield _alert(_SEVERITIES.get(severity, pb.ALERT_SEVERITY_INFO), code, text, event)
            case KillSwitchEngaged(actor=actor, reason=reason):
                text = f"kill switch engaged by {actor}: {reason}"
                yield _alert(pb.ALERT_SEVERITY_CRITICAL, "KILL_SWITCH", text, event)
            case KillSwitchReleased(actor=actor):
                text = f"kill switch released by {actor}"
                yield _alert(pb.ALERT_SEVERITY_INFO, "KILL_SWITCH", text, event)
            case StrategySwitched(strategy=strategy, running=running, actor=actor, reason=reason):
                done = "started" if running else "stopped"
                text = f"{strategy} {done} by {actor}" + (f": {reason}" if reason else "")
                yield _alert(pb.ALERT_SEVERITY_INFO, "STRATEGY", text, event)
            case TradeAdvanced(trade_id=trade_id, state=state):
                trade = changes.trades.get(trade_id) or self._deps.core.ledger.trade(trade_id)
                if trade is not None:
                    yield from _trade_told(trade, state, event)
                if state.terminal:
                    yield from self._limits(event)

    def _limits(self, event: Event) -> Iterator[pb.Alert]:
        """Tell when losses climb the staircase, or come down again."""
        assessment = self._deps.core.gate.assess(self._deps.clock.now_ns())
        levels = (assessment.daily_loss.level, assessment.drawdown.level)
        level = max(levels, key=list(Level).index)
        if level is self._level:
            return
        self._level = level
        text = "; ".join(assessment.warnings) or "losses are within their limits again"
        yield _alert(_LEVELS[level], "LIMITS", f"limits {level}: {text}", event)


def _trade_told(trade: Trade, state: TradeState, event: Event) -> Iterator[pb.Alert]:
    name = f"trade {trade.seq} {trade.symbol} ({trade.strategy})"
    if state is TradeState.COMPLETED:
        pnl = "" if trade.pnl is None else f": {plain(trade.pnl)} {trade.quote}"
        yield _alert(pb.ALERT_SEVERITY_INFO, "TRADE_DONE", f"{name} completed{pnl}", event, trade)
    elif state in _FAILED:
        severity = (
            pb.ALERT_SEVERITY_CRITICAL if state is TradeState.HELD else pb.ALERT_SEVERITY_WARNING
        )
        text = f"{name} is {state}: {trade.reason}"
        yield _alert(severity, "LEG_FAILURE", text, event, trade)


def _alert(
    severity: pb.AlertSeverity, code: str, text: str, event: Event, trade: Trade | None = None
) -> pb.Alert:
    return pb.Alert(
        severity=severity,
        code=code,
        text=text,
        at=moment(event.at_ns),
        trade=None if trade is None else trade_shown(trade),
    )
