"""Risk: the limits in force with their use, and the emergency stop."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from arbiter.access.roles import Principal, Role
from arbiter.api.common.auth import Door
from arbiter.api.spot import bodies
from arbiter.api.spot.answers import FAILURES, answer
from arbiter.api.spot.deps import SpotDeps
from arbiter.api.spot.door import needs
from arbiter.api.spot.shown import risks
from arbiter.ledger.reads import LedgerReads
from arbiter.model.commands import EngageKillSwitch
from arbiter.model.ids import InstrumentId, StrategyId
from arbiter.model.money import ZERO
from arbiter.model.time import rfc3339
from arbiter.model.trades import TradeState
from arbiter.opportunities.spot_settings import SPOT_ARBITRAGE
from arbiter.risk.staircase import Level

_LEVELS = {
    Level.NORMAL: "normal",
    Level.WARNING: "warning",
    Level.CRITICAL: "critical",
    Level.BREACH: "critical",
}


def risk_routes(deps: SpotDeps, door: Door) -> APIRouter:
    routes = APIRouter(prefix="/risk", tags=["risk"])
    core = deps.core

    @routes.get("/limits", response_model=bodies.RiskReport, responses=FAILURES)
    async def limits(
        caller: Annotated[Principal, Depends(needs(door, Role.VIEWER))],
    ) -> Response:
        """The limits of the configuration and how much of each is used."""
        in_force, assessment = risks(deps)
        return answer(
            bodies.RiskReport.model_validate(
                {
                    "limits": {
                        "max_drawdown_percent": float(in_force.max_drawdown_percent),
                        "current_drawdown_percent": float(assessment.drawdown.used),
                        "max_concurrent_trades": in_force.max_concurrent_trades,
                        "current_active_trades": int(assessment.concurrency.used),
                        "daily_loss_limit": float(in_force.daily_loss_limit_usd),
                        "current_daily_loss": float(assessment.daily_loss.used),
                    },
                    "status": _LEVELS[assessment.level],
                    "warnings": list(assessment.warnings),
                }
            )
        )

    @routes.post("/emergency-stop", response_model=bodies.EmergencyStopped, responses=FAILURES)
    async def emergency_stop(
        caller: Annotated[Principal, Depends(needs(door, Role.TRADER))],
        wanted: bodies.EmergencyStopRequest | None = None,
    ) -> Response:
        """Latch the kill switch of the whole engine and cancel everything; `force` also closes.

        Trading stays disabled, across restarts, until `arbiter resume`.
        """
        wanted = wanted or bodies.EmergencyStopRequest()
        under_way = [trade.id for trade in core.ledger.open_trades()]
        held = _held(core.ledger)
        report = await deps.kill_switch.engage(
            EngageKillSwitch(
                actor=caller.actor,
                reason=wanted.reason or "emergency stop over the spot API",
                flatten=wanted.force,
            )
        )
        deps.backtests.end()
        after = [core.ledger.trade(trade_id) for trade_id in under_way]
        ended = [trade for trade in after if trade is not None and trade.state.terminal]
        unwound = sum(
            trade.state is TradeState.UNWOUND and trade.strategy == SPOT_ARBITRAGE
            for trade in ended
        )  # what others undid is among the positions that are gone
        completed = sum(trade.state is TradeState.COMPLETED for trade in ended)
        closed = len(held - _held(core.ledger))
        return answer(
            bodies.EmergencyStopped(
                success=True,
                message="Emergency stop activated",
                trades_cancelled=len(under_way) - completed,
                positions_closed=unwound + closed if wanted.force else 0,
                timestamp=rfc3339(deps.clock.now_ns()),
                exchanges=[
                    bodies.VenueWord(exchange=proof.venue, flat=proof.flat, note=proof.note)
                    for proof in report.venues
                ],
            )
        )

    return routes


def _held(ledger: LedgerReads) -> set[tuple[StrategyId, InstrumentId, bool]]:
    """Positions of every strategy, by side; what spot arbitrage moves about is inventory."""
    return {
        (strategy, instrument, row.quantity > ZERO)
        for (strategy, instrument), row in ledger.positions.items()
        if row.quantity and strategy != SPOT_ARBITRAGE
    }
