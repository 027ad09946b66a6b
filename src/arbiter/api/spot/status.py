"""Status and health: what the engine is doing, and whether what it stands on is sound."""

import shutil
import time
from pathlib import Path
from typing import Any

import psutil
from fastapi import APIRouter
from starlette.responses import Response

from arbiter.api.spot import bodies
from arbiter.api.spot.answers import FAILURES, answer
from arbiter.api.spot.deps import SpotDeps
from arbiter.api.spot.shown import activity, mode
from arbiter.model.errors import StorageUnavailable
from arbiter.model.time import NS_PER_S, epoch_seconds

_WARN_MEMORY, _FAIL_MEMORY = 90.0, 97.0
_WARN_DISK_GB, _FAIL_DISK_GB = 5.0, 0.5
_ENOUGH_VENUES = 2


def standing(deps: SpotDeps) -> tuple[str, str]:
    """Say what trading does, and why where it does not run."""
    core, now = deps.core, deps.clock.now_ns()
    ledger, strategy = core.ledger, core.spot.settings.strategy
    if ledger.kill_switch.engaged:
        return "emergency_stopped", ledger.kill_switch.reason
    if not core.state.started:
        return "starting", "recovery is under way"
    if core.state.stopping:
        return "stopped", "the engine is shutting down"
    run = deps.backtests.chosen
    if run is not None:
        return ("running", "") if run.ended is None else ("stopped", run.ended)
    if not ledger.strategies.get(strategy, True):
        return "stopped", "trading was stopped"
    if not core.state.journal_healthy:
        return "paused", "the database does not answer"
    assessment = core.gate.assess(now)
    if not (assessment.daily_loss.opens and assessment.drawdown.opens):
        return "paused", "; ".join(assessment.warnings)
    if sum(venue.connected for venue in deps.queries.spot_venues()) < _ENOUGH_VENUES:
        return "paused", "fewer than two exchanges are connected"
    return "running", ""


def status_routes(deps: SpotDeps) -> APIRouter:
    routes = APIRouter(tags=["status"])

    @routes.get("/status", response_model=bodies.Status, responses=FAILURES)
    async def status() -> Response:
        now = deps.clock.now_ns()
        word, reason = standing(deps)
        family = activity(deps)
        return answer(
            bodies.Status.model_validate(
                {
                    "status": word,
                    "reason": reason,
                    "uptime": (now - deps.tally.started_ns) // NS_PER_S,
                    "version": deps.version,
                    "mode": mode(deps),
                    "exchanges": {
                        venue.venue: {
                            "connected": venue.connected,
                            "last_update": epoch_seconds(venue.last_quote_ns or 0),
                            "latency_ms": venue.latency_ms,
                        }
                        for venue in family.venues
                    },
                    "active_symbols": family.active_symbols,
                    "signals_last_hour": family.signals_last_hour,
                    "trades_today": family.trades_today,
                }
            )
        )

    unwell: dict[int | str, dict[str, Any]] = {
        503: {"model": bodies.Health, "description": "Unhealthy"}
    }

    @routes.get("/health", response_model=bodies.Health, responses=FAILURES | unwell)
    async def health() -> Response:
        checks = bodies.Checks(
            database=await _database(deps),
            exchanges=_exchanges(deps),
            memory=_memory(),
            disk=_disk(deps.home),
        )
        parts = (checks.database, checks.exchanges, checks.memory, checks.disk)
        healthy = all(part.status != "fail" for part in parts)
        return answer(bodies.Health(healthy=healthy, checks=checks), 200 if healthy else 503)

    return routes


async def _database(deps: SpotDeps) -> bodies.DatabaseCheck:
    began = time.perf_counter()
    try:
        await deps.history.ping()
        well = deps.core.state.journal_healthy
    except StorageUnavailable:
        well = False
    took_ms = round((time.perf_counter() - began) * 1_000, 1)
    return bodies.DatabaseCheck(status="pass" if well else "fail", response_time_ms=took_ms)


def _exchanges(deps: SpotDeps) -> bodies.ExchangesCheck:
    venues = deps.queries.spot_venues()
    connected = sum(venue.connected for venue in venues)
    verdict: bodies.Verdict = "pass" if connected == len(venues) else "warn"
    if connected == 0:
        verdict = "fail"
    return bodies.ExchangesCheck(status=verdict, connected_count=connected, total_count=len(venues))


def _memory() -> bodies.MemoryCheck:
    used = float(psutil.virtual_memory().percent)
    return bodies.MemoryCheck(status=_verdict(used, _WARN_MEMORY, _FAIL_MEMORY), usage_percent=used)


def _disk(folder: Path) -> bodies.DiskCheck:
    free = shutil.disk_usage(folder).free / 1e9
    return bodies.DiskCheck(
        status=_verdict(-free, -_WARN_DISK_GB, -_FAIL_DISK_GB), free_space_gb=round(free, 1)
    )


def _verdict(value: float, warn: float, fail: float) -> bodies.Verdict:
    if value >= fail:
        return "fail"
    return "warn" if value >= warn else "pass"
