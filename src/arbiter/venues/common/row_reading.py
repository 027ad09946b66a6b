"""Reading the rows of an answer one by one, so that a bad one spoils no other."""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from arbiter.model.errors import InvalidValue, OutcomeUnknown, Unreadable

R = TypeVar("R")
T = TypeVar("T")

UNREADABLE_ROWS = (
    LookupError,
    ArithmeticError,
    TypeError,
    ValueError,
    AttributeError,
    InvalidValue,
)
"""What an answer without its fields, or with others in their place, comes to."""
_SHOWN = 400


def each(what: str, rows: Iterable[R], read: Callable[[R], T | None]) -> list[T]:
    """Read every row; None leaves one out.

    `Unreadable` when one cannot be read: it shows the first such row, tells how many there are,
    and carries what was read of the others.
    """
    made: list[T] = []
    bad: list[tuple[R, Exception]] = []
    for row in rows:
        try:
            one = read(row)
        except (*UNREADABLE_ROWS, OutcomeUnknown) as error:
            bad.append((row, error))
            continue
        if one is not None:
            made.append(one)
    if bad:
        row, first = bad[0]
        more = f", and {len(bad) - 1} more" if len(bad) > 1 else ""
        why = first if isinstance(first, OutcomeUnknown) else repr(first)
        raise Unreadable(f"{what} {_shown(row)} cannot be read ({why}){more}", rest=made) from first
    return made


def _shown(row: Any) -> str:
    text = str(row)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
