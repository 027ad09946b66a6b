"""What a used-up loss limit does in a backtest: the kill switch, without a report to wait for."""

from arbiter.model.events import KillSwitchEngaged
from arbiter.model.ids import ENGINE
from arbiter.runtime.core import TradingCore


def stop_for_losses(core: TradingCore, reason: str) -> None:
    """Engage the switch, flattening, and have every order cancelled."""
    now = core.recorder.now_ns()
    core.recorder.record(KillSwitchEngaged(at_ns=now, actor=ENGINE, reason=reason, flatten=True))
    core.floor.cancel_everything()
