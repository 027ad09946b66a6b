"""How one setting is declared: its unit, its range, and the sentence that says so.

A value enters as TOML has it (bool, int, Decimal, text, list), whatever layer it came from, and
nothing is coerced: ``"60s"`` is no number and ``5.0`` is no whole number. Ranges are narrow on
purpose: a percentage given for a fraction, or seconds for milliseconds, falls outside.
"""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.fields import FieldInfo

from arbiter.model.money import plain


class Unit(StrEnum):
    FRACTION = "fraction"
    PERCENT = "percent"
    BASIS_POINTS = "basis points"
    SECONDS = "seconds"
    MILLISECONDS = "milliseconds"
    DAYS = "days"
    USD = "USD"
    COUNT = "count"
    PORT = "port"
    PER_SECOND = "per second"
    PER_MINUTE = "per minute"
    NUMBER = "number"


_EXAMPLE = {
    Unit.FRACTION: ": 0.005 means 0.5 %",
    Unit.PERCENT: ": 5 means 5 %",
    Unit.BASIS_POINTS: ": 100 means 1 %",
    Unit.SECONDS: "",
    Unit.MILLISECONDS: ": 1000 is one second",
}
_KIND = {
    Unit.FRACTION: "a fraction",
    Unit.PERCENT: "a percentage",
    Unit.BASIS_POINTS: "basis points",
    Unit.SECONDS: "seconds",
    Unit.MILLISECONDS: "milliseconds",
    Unit.DAYS: "days",
    Unit.USD: "an amount in USD",
    Unit.PORT: "a port",
    Unit.PER_SECOND: "a rate per second",
    Unit.PER_MINUTE: "a rate per minute",
}


class Section(BaseModel):
    """A table of the configuration; a key it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


def number(
    default: Decimal | float | int,
    unit: Unit,
    least: Decimal | float | int,
    most: Decimal | float | int,
    says: str,
) -> Any:
    """A number in `unit` from `least` to `most`, both included."""
    return Field(
        default=default, ge=least, le=most, description=says, json_schema_extra={"unit": unit.value}
    )


def text(default: Any, says: str) -> Any:
    return Field(default=default, description=says)


def domain(field: FieldInfo) -> str | None:
    """Say in words what a numeric field accepts; None for other fields."""
    extra = field.json_schema_extra
    if not isinstance(extra, dict) or "unit" not in extra:
        return None
    unit = Unit(str(extra["unit"]))
    whole = field.annotation is int
    kind = _KIND.get(unit, "a whole number" if whole else "a number")
    if whole and unit in _KIND and unit is not Unit.PORT:
        kind = f"whole {kind}" if not kind.startswith(("a ", "an ")) else f"{kind}, whole"
    bounds = [getattr(part, name, None) for part in field.metadata for name in ("ge", "le")]
    least, most = [bound for bound in bounds if bound is not None]
    return f"{kind} from {_bare(least)} to {_bare(most)}{_EXAMPLE.get(unit, '')}"


def unit_of(field: FieldInfo) -> Unit | None:
    extra = field.json_schema_extra
    return Unit(str(extra["unit"])) if isinstance(extra, dict) and "unit" in extra else None


def _bare(bound: Decimal | float | int) -> str:
    return plain(Decimal(str(bound)))


def _number(value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise ValueError("not a number")
    result = Decimal(str(value))
    if not result.is_finite():
        raise ValueError("not finite")
    return result


def _whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError("not a whole number")
    return value


def _switch(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")
    return value


def _line(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("must be text")
    if value != value.strip():
        raise ValueError("has a space at its start or end")
    if not value.isprintable():
        raise ValueError("has unprintable characters")
    return value


def _names(value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple):
        raise ValueError("must be a list")
    names = tuple(_line(name) for name in value)
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise ValueError(f"names {doubled[0]} twice")
    if "" in names:
        raise ValueError("has an empty name")
    return names


Money = Annotated[Decimal, BeforeValidator(_number)]
Real = Annotated[float, BeforeValidator(lambda value: float(_number(value)))]
Whole = Annotated[int, BeforeValidator(_whole)]
Switch = Annotated[bool, BeforeValidator(_switch)]
Line = Annotated[str, BeforeValidator(_line)]
Names = Annotated[tuple[str, ...], BeforeValidator(_names)]
