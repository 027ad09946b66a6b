"""Writing answers, and reading the times and dates a caller gives."""

import asyncio
import math
import re
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from http import HTTPStatus
from typing import Any, TypeVar

from pydantic import BaseModel
from starlette.responses import Response

from arbiter.api.spot.bodies import ErrorBody
from arbiter.api.spot.errors import invalid
from arbiter.model.time import NS_PER_S, from_datetime, nearest_kept

FAILURES: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorBody, "description": HTTPStatus(status).phrase}
    for status in (400, 401, 403, 404, 413, 429, 500, 503)
}
"""Failures every route may answer with."""

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
"""Other forms of ISO 8601, as 2024-W01-1, are as long."""

R = TypeVar("R")
T = TypeVar("T")

_AT_ONCE = 100
_LATEST_S = 253_402_300_799
"""The end of the year 9999."""


def answer(body: BaseModel, status: int = 200) -> Response:
    return Response(body.model_dump_json(), status_code=status, media_type="application/json")


async def in_turns(records: Iterable[R], make: Callable[[R], T]) -> list[T]:
    """Make rows, letting the loop have its turn: a long page must not stand before a quote."""
    rows: list[T] = []
    for record in records:
        rows.append(make(record))
        if not len(rows) % _AT_ONCE:
            await asyncio.sleep(0)
    return rows


def number(value: Decimal) -> float:
    """Convert money for JSON: the shortest float that stands for it."""
    return float(value)


def maybe(value: Decimal | None) -> float | None:
    return None if value is None else float(value)


def moment_ns(text: str, name: str) -> int:
    """Read epoch seconds or RFC 3339; without an offset it is UTC."""
    try:
        seconds = float(text)
    except ValueError:
        try:
            moment = datetime.fromisoformat(text.strip().replace(" ", "+"))
        except ValueError:
            raise invalid(
                f"{name} must be epoch seconds or RFC 3339, got '{text[:64]}'", fields=[name]
            ) from None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        try:
            return nearest_kept(from_datetime(moment))
        except (OverflowError, ValueError):
            raise invalid(f"{name} is out of range", fields=[name]) from None
    if not math.isfinite(seconds) or not 0 <= seconds <= _LATEST_S:
        raise invalid(f"{name} must be epoch seconds, got '{text[:64]}'", fields=[name])
    return nearest_kept(round(Decimal(repr(seconds)) * NS_PER_S))


def day(text: str, name: str) -> date:
    """Read YYYY-MM-DD, a UTC day."""
    try:
        if _DAY.fullmatch(text) is None:
            raise ValueError
        found = date.fromisoformat(text)
    except ValueError:
        raise invalid(f"{name} must be YYYY-MM-DD, got '{text[:64]}'", fields=[name]) from None
    if found.year < 1970 or found.year > 9998:
        raise invalid(f"{name} is out of range", fields=[name])
    return found


def start_of(when: date) -> int:
    """00:00 UTC, ns."""
    return nearest_kept(from_datetime(datetime(when.year, when.month, when.day, tzinfo=UTC)))


def end_of(when: date) -> int:
    """00:00 UTC of the next day, ns."""
    return start_of(when + timedelta(days=1))


def check_order(since: object, until: object, names: tuple[str, str]) -> None:
    """Refuse a range that ends before it begins."""
    if since is not None and until is not None and until < since:  # type: ignore[operator]
        raise invalid(f"{names[1]} is before {names[0]}", fields=list(names))
