"""Starting and stopping a backtest; the engine's own trading and a backtest are never mixed."""

from arbiter.api.spot import bodies
from arbiter.api.spot.backtests import Backtest
from arbiter.api.spot.deps import SpotDeps
from arbiter.api.spot.errors import invalid, spot_symbols
from arbiter.api.spot.shown import mode_of
from arbiter.model.errors import BadConfig, InvalidValue
from arbiter.model.plans import Family
from arbiter.model.time import rfc3339


async def start_backtest(deps: SpotDeps, wanted: bodies.StartRequest) -> bodies.Started:
    """Run the recorded data of the configuration; 400 with the reason where that cannot be."""
    if not deps.backtests.configured:
        raise _refusal(deps, "no recorded data are named: set backtest.data to Parquet files")
    if reason := _under_way(deps):
        raise _refusal(deps, reason)
    try:
        run = await deps.backtests.start(wanted.symbols or (), wanted.exchanges or ())
    except (BadConfig, InvalidValue) as error:
        raise _refusal(deps, str(error)) from None
    if reason := _under_way(deps):
        deps.backtests.leave()
        raise _refusal(deps, reason)
    return bodies.Started(
        success=True,
        message="Backtest started successfully",
        mode="backtest",
        start_time=rfc3339(run.started_ns),
        symbols_count=len(spot_symbols(run.registry)),
        exchanges_count=len({i.venue for i in run.registry.instruments}),
    )


async def stop_backtest(deps: SpotDeps, run: Backtest) -> bodies.Stopped:
    ended = run.ended is not None
    await deps.backtests.stop()
    return bodies.Stopped(
        success=True,
        message="The backtest has ended already" if ended else "Backtest stopped successfully",
        stop_time=rfc3339(deps.clock.now_ns()),
        trades_completed=run.picture.completed,
        pending_trades=run.picture.under_way,
    )


def _under_way(deps: SpotDeps) -> str | None:
    """Say what the family is still doing; None when it is at rest."""
    ledger, strategy = deps.core.ledger, deps.core.spot.settings.strategy
    if ledger.strategies.get(strategy, True):
        return "trading runs; stop it first: POST /api/v1/trading/stop"
    pending = sum(trade.family is Family.SPOT for trade in ledger.open_trades())
    if pending:
        return f"{pending} trades are still being finished; ask again in a moment"
    return None


def _refusal(deps: SpotDeps, reason: str) -> Exception:
    return invalid(
        f"cannot start a backtest: {reason}",
        fields=["mode"],
        running_mode=mode_of(deps.core),
        provided_mode="backtest",
    )
