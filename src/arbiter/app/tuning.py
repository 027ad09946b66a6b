"""Run-time settings: the same sections, ranges and words as the configuration file.

A change is checked as a whole section, so that two settings that contradict each other are refused
together. What was changed before outlives a restart: it is taken from the ledger and stands over
the configuration file.
"""

import difflib
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from enum import Enum
from typing import Any, Protocol

import msgspec
import structlog
from msgspec.structs import replace
from pydantic import ValidationError

from arbiter.app.config import Settings
from arbiter.app.config_events import Events
from arbiter.app.config_fields import Section, domain
from arbiter.app.config_funding import Funding
from arbiter.app.config_sections import Mode
from arbiter.books.registry import MarketRegistry
from arbiter.execution.settings import ExecutionSettings
from arbiter.model.errors import ArbiterError, BadConfig, InvalidValue
from arbiter.model.events import SettingChanged
from arbiter.model.ids import Symbol, VenueId
from arbiter.model.instruments import InstrumentKind
from arbiter.opportunities.event_settings import EventSettings
from arbiter.opportunities.funding_settings import FundingSettings
from arbiter.opportunities.spot_settings import SpotSettings
from arbiter.risk.limits import RiskLimits
from arbiter.runtime.core import TradingCore
from arbiter.runtime.funding_desk import FundingDesk
from arbiter.runtime.tuning import (
    RUN_EXCHANGES,
    RUN_SYMBOLS,
    BadSetting,
    Prepared,
    SettingValue,
)

log = structlog.get_logger(__name__)

_NOT_AT_RUN_TIME = {
    "spot.enabled",
    "funding.enabled",
    "funding.symbols",
    "funding.exchanges",
    "risk.usd_rates",
    "risk.usd_rate_max_age_s",
}
"""Strategies are started and stopped; perpetuals are set up, leverage and all, at the start, and so
is the table of USD rates."""
_OF_EXECUTION = ("execution.unwind_slippage_bps",)
_OF_EVENTS = (
    "events.min_spread",
    "events.max_position_size",
    "events.max_total_exposure",
    "events.staleness_threshold_ms",
)
"""What the control API's contract changes at run time."""


class GovernsEvents(Protocol):
    """Whoever trades event pairs."""

    def reconfigure(self, settings: EventSettings) -> None:
        """Use other settings from the next quote on."""
        ...


class _State(msgspec.Struct, frozen=True, kw_only=True):
    """The sections in force, and what trading was last started with."""

    sections: Mapping[str, Section]
    run: Mapping[str, tuple[str, ...]]


class Tuning:
    """`runtime.tuning.Tuner` over the configuration's sections."""

    def __init__(
        self,
        settings: Settings,
        registry: MarketRegistry,
        persisted: Mapping[str, SettingChanged],
    ) -> None:
        self._registry = registry
        self._core: TradingCore | None = None
        self._funding: FundingDesk | None = None
        self._events: GovernsEvents | None = None
        simulated = settings.engine.mode in (Mode.SIM, Mode.REPLAY)
        self._time_scale = settings.sim.time_scale if simulated else 1.0
        self._state = _State(
            sections={
                "spot": settings.spot,
                "funding": settings.funding,
                "events": settings.events,
                "risk": settings.risk,
                "execution": settings.execution,
            },
            run={RUN_SYMBOLS: (), RUN_EXCHANGES: ()},
        )
        self._paths = (
            *(f"spot.{n}" for n in type(settings.spot).model_fields),
            *(f"funding.{n}" for n in type(settings.funding).model_fields),
            *(f"risk.{n}" for n in type(settings.risk).model_fields),
            *_OF_EXECUTION,
            *_OF_EVENTS,
            RUN_SYMBOLS,
            RUN_EXCHANGES,
        )
        self._paths = tuple(path for path in self._paths if path not in _NOT_AT_RUN_TIME)
        try:
            self._prove(self._state)
        except ArbiterError as error:
            raise BadConfig(f"in [spot]: {error}") from None
        for path, change in persisted.items():
            self._recall(path, change)

    def govern(self, core: TradingCore) -> None:
        """Put changes into force in this core from now on."""
        self._core = core

    def govern_funding(self, desk: FundingDesk) -> None:
        """Put changes of the funding family into force in this desk, those of earlier runs now."""
        self._funding = desk
        desk.reconfigure(self.funding)

    def govern_events(self, desk: GovernsEvents) -> None:
        """Put changes of the events family into force in this desk, those of earlier runs now."""
        self._events = desk
        desk.reconfigure(self.events)

    # What is in force

    @property
    def sections(self) -> Mapping[str, Section]:
        """Those that may change while the engine runs, by name."""
        return self._state.sections

    @property
    def spot(self) -> SpotSettings:
        return self._spot(self._state)

    @property
    def funding(self) -> FundingSettings:
        return self._funding_of(self._state)

    @property
    def events(self) -> EventSettings:
        return self._events_of(self._state)

    @property
    def limits(self) -> RiskLimits:
        limits: RiskLimits = _record(self._state.sections["risk"])
        return limits

    @property
    def execution(self) -> ExecutionSettings:
        settings: ExecutionSettings = _record(self._state.sections["execution"])
        return settings

    @property
    def allowed_symbols(self) -> tuple[Symbol, ...]:
        allowed: SpotSettings = self._allowed(self._state)
        symbols = dict.fromkeys(
            i.symbol
            for i in self._registry.instruments
            if i.kind is InstrumentKind.SPOT
            and (not allowed.quote_currencies or i.quote in allowed.quote_currencies)
            and (not allowed.symbols or i.symbol in allowed.symbols)
        )
        return tuple(symbols)[: allowed.max_symbols]

    @property
    def allowed_exchanges(self) -> tuple[VenueId, ...]:
        enabled = self._allowed(self._state).exchanges
        return tuple(v for v in self._registry.venues if not enabled or v in enabled)

    def paths(self, section: str) -> tuple[str, ...]:
        return tuple(path for path in self._paths if path.startswith(f"{section}."))

    def value(self, path: str) -> SettingValue:
        return _json(self._raw(self._state, path))

    # Changing it

    def prepare(self, changes: Mapping[str, SettingValue]) -> Prepared:
        after = self._changed(changes)
        kept, paths = self._state, list(changes)
        before = {path: _text(self._raw(kept, path)) for path in paths}
        now = {path: _text(self._raw(after, path)) for path in paths}
        differ = [path for path in paths if before[path] != now[path]]

        def apply() -> None:
            self._state = after
            if self._core is not None:
                self._enforce(self._core)
            if self._funding is not None:
                self._funding.reconfigure(self.funding)
            if self._events is not None:
                self._events.reconfigure(self.events)

        return Prepared(
            before={path: before[path] for path in differ},
            after={path: now[path] for path in differ},
            apply=apply,
        )

    def _enforce(self, core: TradingCore) -> None:
        changed = self.limits != core.gate.limits
        core.spot.reconfigure(self.spot)
        core.gate.reconfigure(self.limits)
        core.floor.bound_unwinds(self.execution.unwind_slippage_bps)
        if changed:  # maybe below what is lost already
            core.stop_when_breached()

    def _recall(self, path: str, change: SettingChanged) -> None:
        """Take up an earlier change; one that is valid no more is left out, and said."""
        try:
            self._state = self._changed({path: msgspec.json.decode(change.after)})
        except (ArbiterError, msgspec.MsgspecError) as error:
            log.warning("an earlier change of a setting no longer holds", path=path, why=str(error))

    def _changed(self, changes: Mapping[str, SettingValue]) -> _State:
        run = dict(self._state.run)
        by_section: dict[str, dict[str, SettingValue]] = {}
        for path, value in changes.items():
            if path not in self._paths:
                near = difflib.get_close_matches(path, self._paths, n=1, cutoff=0.0)
                raise BadSetting(path, f"is not a setting; did you mean {near[0]}?")
            if path in run:
                run[path] = _names(path, value)
            else:
                section, _, key = path.partition(".")
                by_section.setdefault(section, {})[key] = value
        sections = dict(self._state.sections)
        for name, values in by_section.items():
            sections[name] = _remade(name, sections[name], values)
        state = replace(self._state, sections=sections, run=run)
        self._check(state, list(changes))
        return state

    def _check(self, state: _State, paths: Sequence[str]) -> None:
        """What only the records themselves see: contradictions, unknown symbols and venues."""
        try:
            self._prove(state)
            _record(state.sections["risk"])
            _record(state.sections["execution"])
            self._funding_of(state)
            self._events_of(state)
        except ArbiterError as error:
            text = str(error)
            path = next((p for p in paths if text.startswith(p.rpartition(".")[2])), paths[0])
            raise BadSetting(path, text.removeprefix(path.rpartition(".")[2]).strip()) from None

    def _prove(self, state: _State) -> None:
        """Raise what is wrong with the markets the strategy is to trade."""
        self._spot(state)
        allowed = self._allowed(state)
        for venue in (*allowed.exchanges, *state.run[RUN_EXCHANGES]):
            self._registry.venue_index(VenueId(venue))
        if not self._registry.spot_instruments:
            return  # what spot is quoted in matters to nobody here
        quotes = sorted({str(i.quote) for i in self._registry.instruments})
        for currency in allowed.quote_currencies:
            if currency not in quotes:
                raise InvalidValue(
                    f"quote_currencies: nothing is quoted in {currency!r}; there are "
                    f"{', '.join(quotes)}"
                )

    def _allowed(self, state: _State) -> SpotSettings:
        """The strategy's settings without the narrowing of its last start."""
        section: Any = state.sections["spot"]
        settings: SpotSettings = section.record(self._registry.resolve_symbol)
        return settings

    def _spot(self, state: _State) -> SpotSettings:
        allowed = self._allowed(state)
        symbols = tuple(self._registry.resolve_symbol(n) for n in state.run[RUN_SYMBOLS])
        exchanges = tuple(VenueId(n) for n in state.run[RUN_EXCHANGES])
        return replace(
            allowed,
            symbols=_within(symbols, allowed.symbols),
            exchanges=_within(exchanges, allowed.exchanges),
        )

    def _funding_of(self, state: _State) -> FundingSettings:
        section = state.sections["funding"]
        assert isinstance(section, Funding)
        return section.record(self._time_scale)

    def _events_of(self, state: _State) -> EventSettings:
        section = state.sections["events"]
        assert isinstance(section, Events)
        return section.record(self._time_scale)

    def _raw(self, state: _State, path: str) -> object:
        if path in state.run:
            return state.run[path]
        section, _, key = path.partition(".")
        return getattr(state.sections[section], key)


def _within(narrow: tuple[Any, ...], wide: tuple[Any, ...]) -> tuple[Any, ...]:
    """Keep of a choice what is allowed; empty stands for all."""
    if not narrow or not wide:
        return narrow or wide
    kept = tuple(name for name in narrow if name in wide)
    if not kept:
        raise InvalidValue(
            f"would leave nothing of what trading was started with ({', '.join(narrow)}); "
            "start it with others first"
        )
    return kept


def _remade(name: str, section: Section, values: Mapping[str, SettingValue]) -> Section:
    """Make a section anew with other values, all checked."""
    try:
        return type(section)(**(section.model_dump() | dict(values)))
    except ValidationError as error:
        key = str(error.errors()[0]["loc"][0])
        raise BadSetting(f"{name}.{key}", _told(type(section), key, values.get(key))) from None


def _told(kind: type[Section], key: str, value: object) -> str:
    field = kind.model_fields[key]
    shown = msgspec.json.encode(value).decode()[:100]
    words = domain(field)
    if words is not None:
        return f"must be {words}, got {shown}"
    annotation = field.annotation
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        known = [str(member.value) for member in annotation]
        near = difflib.get_close_matches(str(value), known, n=1, cutoff=0.6)
        hint = f"; did you mean {near[0]}?" if near else ""
        return f"must be one of {', '.join(known)}, got {shown}{hint}"
    if annotation is bool:
        return f"must be true or false, got {shown}"
    return f"cannot be {shown}"


def _record(section: Section) -> Any:
    make: Callable[[], Any] = section.record  # type: ignore[attr-defined]
    try:
        return make()
    except BadConfig as error:
        raise InvalidValue(str(error)) from None


def _names(path: str, value: SettingValue) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise BadSetting(path, "must be a list of names")
    return tuple(dict.fromkeys(value))


def _json(value: object) -> SettingValue:
    match value:
        case Enum():
            return str(value.value)
        case Decimal():
            return float(value)
        case tuple():
            return [str(name) for name in value]
        case bool() | int() | float() | str():
            return value
    return str(value)


def _text(value: object) -> str:
    """JSON text that reads back to the same value; a Decimal keeps its digits."""
    if isinstance(value, Decimal):
        return format(value, "f")
    return msgspec.json.encode(_json(value)).decode()
