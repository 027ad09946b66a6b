"""Keys of the trading configuration: the contract's names over the engine's settings."""

import difflib
from collections.abc import Mapping
from decimal import Decimal

import msgspec

from arbiter.api.spot.errors import invalid
from arbiter.model.ids import VenueId
from arbiter.runtime.tuning import SettingValue, Tuner

SETTINGS: Mapping[str, Mapping[str, str]] = {
    "arbitrage": {
        "min_profit_threshold": "spot.min_profit_threshold",
        "max_position_size": "spot.max_position_size",
        "trade_amount_usd": "spot.trade_amount_usd",
        "use_trend_filter": "spot.use_trend_filter",
        "trend_filter_mode": "spot.trend_filter_mode",
    },
    "risk_management": {
        "max_drawdown_percent": "risk.max_drawdown_percent",
        "stop_loss_percent": "execution.unwind_slippage_bps",
        "max_concurrent_trades": "risk.max_concurrent_trades",
    },
}
"""Paths by section and key. A stop loss is how far an unwind of a lone leg may reach: percent
here, basis points there."""

EXCHANGES = "exchanges"
EXCHANGES_PATH = "spot.exchanges"
_STOP_LOSS = "execution.unwind_slippage_bps"
_BPS_PER_PERCENT = 100


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """A body found well-formed: changes by path, leaf names, and the contract's name by path."""

    changes: dict[str, SettingValue]
    fields: list[str]
    names: dict[str, str]


def shown(tuner: Tuner, venues: tuple[VenueId, ...]) -> dict[str, dict[str, object]]:
    """Give the configuration in force."""
    view: dict[str, dict[str, object]] = {
        section: {key: _shown(path, tuner.value(path)) for key, path in keys.items()}
        for section, keys in SETTINGS.items()
    }
    enabled = tuner.allowed_exchanges
    view[EXCHANGES] = {venue: {"enabled": venue in enabled} for venue in venues}
    return view


def read(body: Mapping[str, object], tuner: Tuner, venues: tuple[VenueId, ...]) -> Wanted:
    """Turn a partial configuration into changes; one bad key refuses all of it."""
    wanted = Wanted(changes={}, fields=[], names={})
    for section, content in body.items():
        if section not in {*SETTINGS, EXCHANGES}:
            raise _unknown(section, "", [*SETTINGS, EXCHANGES])
        if not isinstance(content, dict):
            raise invalid(f"{section} must be an object", fields=[section])
        if section == EXCHANGES:
            _read_exchanges(content, tuner, venues, wanted)
        else:
            _read_section(section, content, wanted)
    return wanted


def _read_section(section: str, content: Mapping[str, object], wanted: Wanted) -> None:
    for key, value in content.items():
        path = SETTINGS[section].get(key)
        if path is None:
            raise _unknown(key, section, list(SETTINGS[section]))
        if not isinstance(value, bool | int | float | str):
            raise invalid(f"{section}.{key} has no such value", fields=[f"{section}.{key}"])
        wanted.changes[path] = _taken(path, value)
        wanted.names[path] = f"{section}.{key}"
        wanted.fields.append(key)


def _read_exchanges(
    content: Mapping[str, object], tuner: Tuner, venues: tuple[VenueId, ...], wanted: Wanted
) -> None:
    enabled = set(tuner.allowed_exchanges) & set(venues)
    for name, value in content.items():
        venue = VenueId(name)
        if venue not in venues:
            raise _unknown(name, EXCHANGES, list(venues))
        if not isinstance(value, dict):
            raise invalid(f"{EXCHANGES}.{name} must be an object", fields=[f"{EXCHANGES}.{name}"])
        for key, on in value.items():
            if key != "enabled":
                raise _unknown(key, f"{EXCHANGES}.{name}", ["enabled"])
            if not isinstance(on, bool):
                field = f"{EXCHANGES}.{name}.enabled"
                raise invalid(f"{field} must be true or false", fields=[field])
            enabled = enabled | {venue} if on else enabled - {venue}
            wanted.fields.append(key)
    if not enabled:
        raise invalid(
            "at least one exchange must stay enabled; to stop trading: POST /api/v1/trading/stop",
            fields=[EXCHANGES],
        )
    if content:
        wanted.changes[EXCHANGES_PATH] = [venue for venue in venues if venue in enabled]
        wanted.names[EXCHANGES_PATH] = EXCHANGES


def _unknown(key: str, section: str, known: list[str]) -> Exception:
    named = f"{section}.{key}" if section else key
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.0)
    prefix = f"{section}." if section else ""
    return invalid(
        f"'{named[:128]}' is not a setting; did you mean '{prefix}{near[0]}'?",
        fields=[named[:128]],
        nearest=f"{prefix}{near[0]}",
    )


def _shown(path: str, value: SettingValue) -> object:
    if path == _STOP_LOSS and isinstance(value, int | float):
        return value / _BPS_PER_PERCENT
    return value


def _taken(path: str, value: SettingValue) -> SettingValue:
    """Bring a value to the engine's unit; what is no number is left for it to refuse."""
    if path != _STOP_LOSS or isinstance(value, bool | str | list):
        return value
    points = Decimal(str(value)) * _BPS_PER_PERCENT
    return int(points) if points == points.to_integral_value() else float(points)
