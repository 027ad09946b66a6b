"""The configuration: defaults < profile of the mode < arbiter.toml < environment < flags.

Nothing unknown is skipped: a misspelt key would otherwise leave a default in force on real money.
All faults found are told at once, each with where it was written, its full path and the mend.
"""

import contextlib
import tomllib
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from enum import Enum
from pathlib import Path as FilePath
from typing import Any
from urllib.parse import urlsplit

import msgspec
from pydantic import SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from arbiter.app import config_layers as layers
from arbiter.app.config_agents import Agents, Llm
from arbiter.app.config_copying import Copying
from arbiter.app.config_events import Events, Pairs
from arbiter.app.config_fields import domain
from arbiter.app.config_funding import Funding, Telemetry
from arbiter.app.config_inventory import InventoryCosts
from arbiter.app.config_layers import Kind, Layer, Origin
from arbiter.app.config_profiles import PROFILES
from arbiter.app.config_rates import Rate
from arbiter.app.config_schema import Path, Schema, closest
from arbiter.app.config_sections import (
    BUDGET_CURRENCIES,
    Access,
    Backtest,
    Budgets,
    Database,
    Engine,
    Execution,
    Listen,
    Logging,
    Mode,
    Risk,
    Sim,
    Spot,
    SpotApi,
)
from arbiter.app.config_telegram import Telegram
from arbiter.app.config_venues import Venues
from arbiter.app.home import CONFIG_NAME, Home, absolute, default_home
from arbiter.model.errors import BadConfig, InvalidValue
from arbiter.model.ids import Symbol

MASK = "********"


class Settings(BaseSettings):
    """Everything that can be set. Make it with `load`."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True)

    engine: Engine = Engine()
    database: Database = Database()
    spot: Spot = Spot()
    funding: Funding = Funding()
    risk: Risk = Risk()
    execution: Execution = Execution()
    rate: Rate = Rate()
    inventory: InventoryCosts = InventoryCosts()
    copying: Copying = Copying()
    events: Events = Events()
    pairs: Pairs = Pairs()
    sim: Sim = Sim()
    venues: Venues = Venues()
    backtest: Backtest = Backtest()
    budgets: Budgets = Budgets()
    access: Access = Access()
    agents: Agents = Agents()
    llm: Llm = Llm()
    listen: Listen = Listen()
    spot_api: SpotApi = SpotApi()
    telegram: Telegram = Telegram()
    telemetry: Telemetry = Telemetry()
    logging: Logging = Logging()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take what `load` merged and nothing else: the stock sources skip what they do not know."""
        return (init_settings,)

    @property
    def home(self) -> Home:
        return Home(FilePath(self.engine.home))


SCHEMA = Schema(Settings)


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """Settings with the source of each."""

    settings: Settings
    origins: dict[Path, Origin]
    file: FilePath | None

    def rows(self) -> list["Row"]:
        """Every setting with its effective value, secrets masked, in the file's order."""
        rows: list[Row] = []
        for path in SCHEMA.leaves:
            value: Any = self.settings
            for part in path:
                value = getattr(value, part)
            rows.extend(self._rows(path, value))
        return rows

    def _rows(self, path: Path, value: object) -> Iterator["Row"]:
        if isinstance(value, dict):
            for key, inner in value.items():
                yield from self._rows((*path, key), inner)
        else:
            yield self._row(path, value)

    def _row(self, path: Path, value: object) -> "Row":
        origin = self.origins.get(path, Origin(Kind.DEFAULT, "default"))
        return Row(path=".".join(path), value=_shown(value), source=str(origin))


class Row(msgspec.Struct, frozen=True, kw_only=True):
    path: str
    value: bool | int | float | str | list[str]
    source: str


def load(
    *,
    environment: Mapping[str, str],
    flags: Mapping[str, tuple[str, Any]] | None = None,
    file: FilePath | None = None,
    working_directory: FilePath | None = None,
    profiled: bool = True,
) -> Loaded:
    """Read every layer and check it; without `profiled`, none of a mode's own defaults apply.

    `flags` maps a dotted path to the flag's name and its value. Without `file`, ``arbiter.toml``
    is looked for in the working directory and in the data folder; both is a `BadConfig`.
    """
    from_environment = layers.environment_layer(environment, SCHEMA)
    from_flags = layers.flag_layer(flags or {}, SCHEMA)
    above = from_environment | from_flags
    path = absolute(file) if file is not None else _find(working_directory, above, environment)
    from_file = (
        layers.toml_layer(layers.read_file(path), str(path), SCHEMA) if path is not None else {}
    )
    set_by_user = from_file | above
    profile = _profile(set_by_user) if profiled else {}
    merged = profile | set_by_user
    try:
        settings = Settings(**layers.nested(merged))
    except ValidationError as error:
        raise BadConfig("\n".join(_faults(error, merged))) from None
    settings = _with_home(settings, environment)
    if path is not None and file is None and settings.home.config.is_file():
        _refuse_two(path, settings.home.config)
    _check(settings, merged)
    origins = {key: value.origin for key, value in merged.items()}
    return Loaded(settings=settings, origins=origins, file=path)


def _find(
    working_directory: FilePath | None, above: Layer, environment: Mapping[str, str]
) -> FilePath | None:
    home = above.get(("engine", "home"))
    folder = absolute(str(home.value)) if home is not None else default_home(environment)
    places = [Home(folder).config]
    if working_directory is not None:
        places.insert(0, working_directory / CONFIG_NAME)
    found = [place for place in places if place.is_file()]
    if len(found) == 2:
        _refuse_two(*found)
    return found[0] if found else None


def _refuse_two(one: FilePath, other: FilePath) -> None:
    if not one.samefile(other):
        raise BadConfig(
            f"there are two configuration files, {one} and {other}; "
            "name the one that counts with --config"
        )


def _profile(set_by_user: Layer) -> Layer:
    chosen = set_by_user.get(("engine", "mode"))
    name = Mode.SIM.value if chosen is None else str(chosen.value)
    # An unknown mode is told about when the settings are validated.
    mode = Mode(name) if name in list(Mode) else Mode.SIM
    return layers.profile_layer(PROFILES.get(mode, {}), f"profile {mode}")


def _with_home(settings: Settings, environment: Mapping[str, str]) -> Settings:
    home = absolute(settings.engine.home) if settings.engine.home else default_home(environment)
    engine = settings.engine.model_copy(update={"home": str(home)})
    return settings.model_copy(update={"engine": engine})


def _check(settings: Settings, merged: Layer) -> None:
    """What no single field can see."""
    records: Mapping[str, Callable[[], object]] = {
        "spot": lambda: settings.spot.record(Symbol),
        "funding": settings.funding.record,
        "risk": lambda: (settings.risk.record(), settings.risk.rates()),
        "execution": settings.execution.record,
        "sim": settings.sim.record,
        "venues": lambda: settings.venues.check(
            needed=settings.engine.mode in (Mode.PAPER, Mode.LIVE),
            live=settings.engine.mode is Mode.LIVE,
        ),
        "rate": lambda: settings.rate.check(settings.sim.record().venues),
        "backtest": lambda: settings.backtest.record(settings.risk),
        "access": settings.access.record,
        "llm": settings.llm.check,
        "copying": settings.copying.check,
        "events": settings.events.record,
        "pairs": settings.pairs.check,
        "listen": settings.listen.check,
        "spot_api": lambda: _check_spot_api(settings),
    }
    for name, record in records.items():
        try:
            record()
        except (BadConfig, InvalidValue) as error:
            raise BadConfig(f"in [{name}]: {error}") from None
    if settings.execution.max_retry_ms < settings.execution.retry_ms:
        raise BadConfig("execution.max_retry_ms must not be below execution.retry_ms")
    for currency in settings.budgets.spot_arbitrage:
        if currency not in BUDGET_CURRENCIES:
            path = ("budgets", "spot_arbitrage", currency)
            near = closest(currency, list(BUDGET_CURRENCIES))
            hint = f"; did you mean {near}?" if near else f"; use {', '.join(BUDGET_CURRENCIES)}"
            raise BadConfig(
                f"{merged[path].origin}: {'.'.join(path)}: "
                f"{currency!r} is no currency a budget can be in{hint}"
            )
    settings.telegram.check_served(settings.listen.control_enabled)
    settings.listen.check_control(bool(settings.access.jwt_secret.get_secret_value()))
    _check_secret(settings, merged)
    _check_url(settings, merged)


def _check_spot_api(settings: Settings) -> None:
    if settings.listen.spot_enabled:
        settings.spot_api.check(settings.listen.spot_host)


def _check_secret(settings: Settings, merged: Layer) -> None:
    secret = settings.access.jwt_secret.get_secret_value()
    if secret:
        from arbiter.access.secrets import check_secret

        try:
            check_secret(secret)
        except BadConfig as error:
            raise BadConfig(f"{merged['access', 'jwt_secret'].origin}: {error}") from None


def _check_url(settings: Settings, merged: Layer) -> None:
    url = settings.database.url.get_secret_value()
    if not url:
        return
    scheme = url.partition("://")[0]
    if scheme not in {"postgresql", "postgres", "postgresql+asyncpg"} or "://" not in url:
        raise BadConfig(
            f"{merged['database', 'url'].origin}: database.url must begin with postgresql:// "
            "(PostgreSQL is the only database)"
        )


def _faults(error: ValidationError, merged: Layer) -> list[str]:
    return [
        _fault(tuple(str(part) for part in item["loc"]), item, merged) for item in error.errors()
    ]


def _fault(loc: Path, item: Any, merged: Layer) -> str:
    path = next((loc[:depth] for depth in range(len(loc), 0, -1) if loc[:depth] in merged), loc)
    leaf = SCHEMA.leaf_of(path)
    origin = merged[path].origin if path in merged else Origin(Kind.DEFAULT, "default")
    if leaf is None:
        return f"{origin}: {'.'.join(path)}: {item['msg']}"
    secret = isinstance(leaf.field.default, SecretStr)
    got = "" if secret or path not in merged else f", got {_written(merged[path].value)}"
    told = domain(leaf.field)
    kind = leaf.field.annotation
    if told is not None:
        return f"{origin}: {leaf.dotted} must be {told}{got}"
    if isinstance(kind, type) and issubclass(kind, Enum):
        words = [str(member.value) for member in kind]
        near = closest(str(merged[path].value), words)
        hint = f"; did you mean {near}?" if near else ""
        return f"{origin}: {leaf.dotted} must be one of {', '.join(words)}{got}{hint}"
    said = str(item["msg"]).removeprefix("Value error, ")
    if leaf.open_keys and not said.startswith("must"):
        said = "must be a number" if len(path) > len(leaf.path) else "must be a table of numbers"
    return f"{origin}: {'.'.join(path)} {said}{got}"


def _written(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'"{value}"'
    return str(value)


def _shown(value: object) -> bool | int | float | str | list[str]:
    if isinstance(value, SecretStr):
        return _masked(value.get_secret_value())
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, tuple):
        return [str(item) for item in value]
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, bool | int | float):
        return value
    return str(value)


def _masked(secret: str) -> str:
    """Hide a secret; of an address only the password is one."""
    if "://" not in secret:
        return MASK if secret else ""
    parts = urlsplit(secret)
    if parts.password is None and not parts.query:
        return secret
    host = parts.netloc.rpartition("@")[2]
    who = f"{parts.username}:{MASK}@" if parts.password is not None else ""
    query = f"?{MASK}" if parts.query else ""
    return f"{parts.scheme}://{who}{host}{parts.path}{query}"


def lenient_home(
    environment: Mapping[str, str],
    *,
    home: FilePath | None,
    file: FilePath | None,
    working_directory: FilePath,
) -> Home:
    """Find the data folder although the configuration cannot be used: stopping must always work.

    In the order of the layers; what cannot be read is passed over.
    """
    named = home or environment.get("ARBITER__ENGINE__HOME") or environment.get("ARBITER_HOME")
    if named:
        return Home(absolute(named))
    for place in (file, working_directory / CONFIG_NAME, Home(default_home(environment)).config):
        if place is None:
            continue
        with contextlib.suppress(OSError, ValueError):
            engine = tomllib.loads(place.read_text(encoding="utf-8")).get("engine")
            if isinstance(engine, dict) and isinstance(engine.get("home"), str) and engine["home"]:
                return Home(absolute(engine["home"]))
    return Home(default_home(environment))
