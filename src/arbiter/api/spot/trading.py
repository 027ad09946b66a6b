"""Trading control: start, stop, and the configuration."""

from decimal import Decimal
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends
from starlette.responses import Response

from arbiter.access.roles import Principal, Role
from arbiter.api.common.auth import Door
from arbiter.api.common.errors import Refused
from arbiter.api.spot import bodies, config_keys
from arbiter.api.spot.answers import FAILURES, answer
from arbiter.api.spot.backtest_control import start_backtest, stop_backtest
from arbiter.api.spot.deps import SpotDeps
from arbiter.api.spot.door import needs
from arbiter.api.spot.errors import (
    INSUFFICIENT_BALANCE,
    exchange_down,
    invalid,
    resolve_symbol,
    resolve_venue,
)
from arbiter.api.spot.shown import mode_of
from arbiter.model.commands import ChangeSettings, StartStrategy, StopStrategy
from arbiter.model.errors import TradingDisabled
from arbiter.model.ids import Symbol, VenueId
from arbiter.model.instruments import Instrument
from arbiter.model.money import ZERO, plain
from arbiter.model.plans import Family
from arbiter.model.time import rfc3339
from arbiter.runtime.tuning import RUN_EXCHANGES, RUN_SYMBOLS, BadSetting

Scope = tuple[tuple[Symbol, ...], tuple[VenueId, ...]]
"""Symbols and venues to trade."""


def trading_routes(deps: SpotDeps, door: Door) -> APIRouter:
    routes = APIRouter(prefix="/trading", tags=["trading"])
    trader = Annotated[Principal, Depends(needs(door, Role.TRADER))]
    admin = Annotated[Principal, Depends(needs(door, Role.ADMIN))]
    core = deps.core

    @routes.post("/start", response_model=bodies.Started, responses=FAILURES)
    async def start(caller: trader, wanted: bodies.StartRequest | None = None) -> Response:
        """Start the family in the mode the engine runs in, for all symbols or those named.

        `backtest` runs over the recorded data of the configuration instead; trading must be
        stopped then, and the family's answers are the backtest's until trading starts again.
        """
        wanted = wanted or bodies.StartRequest()
        refuse_while_killed(deps)
        if wanted.mode == "backtest":
            return answer(await start_backtest(deps, wanted))
        _check_mode(deps, wanted.mode)
        symbols, exchanges = _scope(deps, wanted)
        _check_funds(_instruments(deps, (symbols, exchanges)), deps)
        narrowing = ChangeSettings(
            actor=caller.actor,
            changes={
                RUN_SYMBOLS: list(symbols) if wanted.symbols else [],
                RUN_EXCHANGES: list(exchanges) if wanted.exchanges else [],
            },
        )
        deps.backtests.leave()
        strategy = core.spot.settings.strategy
        running = core.ledger.strategies.get(strategy, True)
        await deps.bus.execute(narrowing)
        if not running:
            await deps.bus.execute(StartStrategy(actor=caller.actor, strategy=strategy))
        listed = _instruments(deps, (symbols, exchanges))
        return answer(
            bodies.Started(
                success=True,
                message="Trading is running already" if running else "Trading started successfully",
                mode=mode_of(core),
                start_time=rfc3339(deps.tally.run_started_ns),
                symbols_count=len({i.symbol for i in listed}),
                exchanges_count=len({i.venue for i in listed}),
            )
        )

    @routes.post("/stop", response_model=bodies.Stopped, responses=FAILURES)
    async def stop(caller: trader) -> Response:
        """Open nothing new; trades under way are finished. A backtest ends where it is."""
        if deps.backtests.chosen is not None:
            return answer(await stop_backtest(deps, deps.backtests.chosen))
        strategy = core.spot.settings.strategy
        await deps.bus.execute(
            StopStrategy(actor=caller.actor, strategy=strategy, reason="asked over the spot API")
        )
        pending = sum(t.family is Family.SPOT for t in core.ledger.open_trades())
        return answer(
            bodies.Stopped(
                success=True,
                message="Trading stopped successfully",
                stop_time=rfc3339(deps.clock.now_ns()),
                trades_completed=deps.tally.completed_in_run,
                pending_trades=pending,
            )
        )

    @routes.get("/config", response_model=bodies.TradingConfig, responses=FAILURES)
    async def config(
        caller: Annotated[Principal, Depends(needs(door, Role.VIEWER))],
    ) -> Response:
        view = config_keys.shown(deps.tuner, core.registry.spot_venues)
        return answer(bodies.TradingConfig.model_validate(view))

    @routes.put("/config", response_model=bodies.ConfigUpdated, responses=FAILURES)
    async def update(
        caller: admin,
        body: Annotated[
            dict[str, Any],
            Body(
                description="A part of the configuration; only what changes.",
                examples=[{"arbitrage": {"min_profit_threshold": 0.006}}],
            ),
        ],
    ) -> Response:
        """Change the configuration at once; one bad key refuses the whole body."""
        wanted = config_keys.read(body, deps.tuner, core.registry.spot_venues)
        if wanted.changes:
            try:
                await deps.bus.execute(ChangeSettings(actor=caller.actor, changes=wanted.changes))
            except BadSetting as error:
                name = wanted.names.get(error.path, error.path)
                raise invalid(f"{name} {error.reason}", fields=[name]) from None
        return answer(
            bodies.ConfigUpdated(
                success=True,
                message="Configuration updated successfully",
                updated_fields=wanted.fields,
            )
        )

    return routes


def refuse_while_killed(deps: SpotDeps) -> None:
    """Answer 403 while the kill switch is latched."""
    switch = deps.core.ledger.kill_switch
    if switch.engaged:
        raise TradingDisabled(
            f"Trading is disabled by an emergency stop ({switch.reason}); "
            "release it first: arbiter resume"
        )


def _check_mode(deps: SpotDeps, asked: bodies.Mode | None) -> None:
    running = mode_of(deps.core)
    if asked is None or asked == running:
        return
    raise invalid(
        f"the engine runs in mode '{running}', not '{asked}'; "
        "the mode is chosen when the engine starts: arbiter up --mode MODE",
        fields=["mode"],
        running_mode=running,
        provided_mode=asked,
    )


def _scope(deps: SpotDeps, wanted: bodies.StartRequest) -> Scope:
    """Resolve what was named; nothing named stands for all that the settings allow."""
    registry, tuner = deps.core.registry, deps.tuner
    symbols = tuple(dict.fromkeys(resolve_symbol(registry, name) for name in wanted.symbols or ()))
    exchanges = tuple(
        dict.fromkeys(resolve_venue(registry, name) for name in wanted.exchanges or ())
    )
    for symbol in symbols:
        if symbol not in tuner.allowed_symbols:
            raise invalid(f"the settings exclude {symbol} from trading", fields=["symbols"])
    for venue in exchanges:
        if venue not in tuner.allowed_exchanges:
            raise invalid(f"{venue} is disabled in the configuration", fields=["exchanges"])
        if not deps.core.board.healthy(venue):
            raise exchange_down(venue, deps.core.board.health_reason(venue))
    return symbols or tuner.allowed_symbols, exchanges or tuner.allowed_exchanges


def _instruments(deps: SpotDeps, scope: Scope) -> list[Instrument]:
    symbols, exchanges = scope
    registry = deps.core.registry
    found = (registry.find(venue, symbol) for symbol in symbols for venue in exchanges)
    return [instrument for instrument in found if instrument is not None]


def _check_funds(instruments: list[Instrument], deps: SpotDeps) -> None:
    """Refuse to start where no exchange holds enough of any quote currency for one order."""
    ledger = deps.core.ledger
    if not instruments:
        raise invalid("no exchange lists any of these symbols", fields=["symbols", "exchanges"])
    needed = min(instrument.min_notional for instrument in instruments)
    held = max((ledger.free(i.venue, i.quote) for i in instruments), default=ZERO)
    if held < needed or held == ZERO:
        raise Refused(
            HTTPStatus.BAD_REQUEST,
            INSUFFICIENT_BALANCE,
            f"No exchange holds enough to buy with: at most {plain(held)}, needed {plain(needed)}",
            {
                "currency": instruments[0].quote,
                "required": float(needed),
                "available": float(max(held, Decimal(0))),
            },
        )
