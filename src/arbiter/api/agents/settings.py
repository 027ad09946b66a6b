"""The configuration as shown, and its changes at run time: all of them or none."""

import math
from collections.abc import Callable, Mapping
from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from arbiter.access.roles import Principal
from arbiter.api.agents import bodies, models
from arbiter.api.agents.answers import answer, bad, exact, number
from arbiter.api.agents.deps import AgentsDeps
from arbiter.api.common.admission import Ask
from arbiter.model.agents import SessionMode
from arbiter.model.events import Audited

Check = Callable[[object], str | None]

NOTE = "Changes are in-memory only and will reset on server restart"


def _numeric(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def _between(low: float, high: float, *, above: bool) -> Check:
    """A number in (low, high] with `above`, else in [low, high]."""

    def check(value: object) -> str | None:
        found = _numeric(value)
        if found is not None and (low < found if above else low <= found) and found <= high:
            return None
        shown = f"more than {low:g} and at most {high:g}" if above else f"from {low:g} to {high:g}"
        return f"must be {shown}"

    return check


def _positive(value: object) -> str | None:
    found = _numeric(value)
    return None if found is not None and 0 < found < 1e15 else "must be greater than 0"


def _count(value: object) -> str | None:
    good = isinstance(value, int) and not isinstance(value, bool) and 0 < value <= 1_000_000
    return None if good else "must be a whole number greater than 0"


def _switch(value: object) -> str | None:
    return None if isinstance(value, bool) else "must be true or false"


def _mode(value: object) -> str | None:
    good = isinstance(value, str) and value.lower() in {"paper", "live"}
    return None if good else "must be paper or live"


_FRACTION = _between(0, 1, above=True)
CHECKS: Mapping[str, Check] = {
    "trading_mode": _mode,
    "initial_capital": _positive,
    "max_positions": _count,
    "max_position_size": _FRACTION,
    "max_daily_loss": _FRACTION,
    "max_drawdown": _FRACTION,
    "default_stop_loss": _FRACTION,
    "default_take_profit": _positive,
    "min_confidence": _between(0, 1, above=False),
    "llm_approval_required": _switch,
    "llm_temperature": _between(0, 2, above=False),
    "llm_max_tokens": _count,
}
_NAMES = {
    "trading_mode": "mode",
    "llm_temperature": "temperature",
    "llm_max_tokens": "max_tokens",
}


def config_routes(deps: AgentsDeps, admin: Ask, retune: Callable[[], None]) -> APIRouter:
    routes = APIRouter(prefix="/api/v1", tags=["config"])

    @routes.get("/config", response_model=models.WholeConfig, responses=models.failures())
    async def config() -> Response:
        """Show the configuration in force, without secrets."""
        steering, rules = deps.desk.steering, deps.desk.steering.rules
        symbols = list(dict.fromkeys(each.symbol for each in deps.desk.sessions)) or list(
            deps.core.registry.symbols[:2]
        )
        mode = str(steering.mode).lower()
        return answer(
            {
                "config": {
                    "app": {
                        "name": "cryptofunk",
                        "version": deps.version,
                        "environment": deps.settings.environment,
                        "log_level": deps.settings.log_level,
                    },
                    "trading": {
                        "mode": mode,
                        "symbols": symbols,
                        "exchange": mode.upper(),
                        "venue": deps.desk.venue,
                        "initial_capital": number(steering.initial_capital),
                        "max_positions": rules.max_positions,
                        "default_quantity": 0.1,
                    },
                    "risk": {
                        "max_position_size": rules.max_position_size,
                        "max_daily_loss": rules.max_daily_loss,
                        "max_drawdown": rules.max_drawdown,
                        "default_stop_loss": rules.default_stop_loss,
                        "default_take_profit": rules.default_take_profit,
                        "llm_approval_required": rules.llm_approval_required,
                        "min_confidence": rules.min_confidence,
                    },
                    "llm": {
                        "gateway": deps.models.gateway,
                        "primary_model": deps.models.primary_model,
                        "fallback_model": deps.models.fallback_model,
                        "temperature": steering.temperature,
                        "max_tokens": steering.max_tokens,
                        "enable_caching": deps.models.caching,
                    },
                }
            }
        )

    @routes.patch(
        "/config",
        response_model=models.Changed,
        responses=models.failures(413),
        openapi_extra={"requestBody": bodies.CONFIG_CHANGE},
    )
    async def change(request: Request, caller: Annotated[Principal, Depends(admin)]) -> Response:
        """Change settings in force; one bad value and nothing changes."""
        asked = _object(await request.body())
        errors = [
            f"{name} {problem}"
            for name, value in asked.items()
            if (problem := _problem(name, value)) is not None
        ]
        live = str(asked.get("trading_mode", "")).lower() == "live"
        if live and deps.core.state.mode != "live":
            errors.append(
                f"trading_mode live needs an engine in live mode, not {deps.core.state.mode}"
            )
        if errors:
            raise bad("validation failed", errors=errors, details="; ".join(errors))
        if not asked:
            raise bad("no updatable fields", details=f"use {', '.join(CHECKS)}")
        before = _in_force(deps, asked)
        deps.desk.steering.apply({_NAMES.get(n, n): _value(n, v) for n, v in asked.items()})
        retune()
        deps.core.recorder.record(
            Audited(
                at_ns=deps.clock.now_ns(),
                actor=caller.actor,
                action="agents.config",
                entity="agents",
                before=msgspec.json.encode(before).decode(),
                after=msgspec.json.encode(asked).decode(),
            )
        )
        return answer(
            {"message": "Configuration updated successfully", "updates": asked, "note": NOTE}
        )

    return routes


def _object(body: bytes) -> dict[str, object]:
    try:
        asked = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise bad("invalid request body", details=str(error)) from None
    if not isinstance(asked, dict):
        raise bad("invalid request body", details="an object is needed")
    return asked


def _problem(name: str, value: object) -> str | None:
    check = CHECKS.get(name)
    return "cannot be updated" if check is None else check(value)


def _value(name: str, value: object) -> object:
    if name == "trading_mode":
        return SessionMode(str(value).upper())
    if name == "initial_capital":
        return exact(value)
    return value


def _in_force(deps: AgentsDeps, asked: Mapping[str, object]) -> dict[str, object]:
    steering = deps.desk.steering
    return {
        name: getattr(steering.rules, name, None)
        if hasattr(steering.rules, name)
        else str(getattr(steering, _NAMES.get(name, name)))
        for name in asked
    }
