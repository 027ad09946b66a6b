"""Money and quantities: `Decimal` everywhere, floats only inside kernels.

Results of multiplications keep every digit: the context has 60 digits and a trap on any inexact
result would only fire in a division, so divisions say their own quantum.
"""

import decimal
import math
from decimal import ROUND_HALF_EVEN, Decimal
from functools import lru_cache

from arbiter.model.errors import InvalidValue

ZERO = Decimal(0)
ONE = Decimal(1)

DISPLAY_QUANTUM = Decimal("1e-18")
"""Quotients (average prices, fractions) are kept to 18 decimal places, half-even."""

_CONTEXT = decimal.Context(prec=60, rounding=ROUND_HALF_EVEN)
_divide, _divide_int, _multiply = _CONTEXT.divide, _CONTEXT.divide_int, _CONTEXT.multiply
_quantize = _CONTEXT.quantize
remainder = _CONTEXT.remainder
"""`remainder(value, step)`: what a value lies beyond a multiple of `step` (> 0); zero on the step."""


def use_wide_context() -> None:
    """Give the calling thread 60 digits, so that sums and products of money are exact."""
    decimal.setcontext(_CONTEXT.copy())


def quotient(numerator: Decimal, denominator: Decimal) -> Decimal:
    """Divide, half-even, to 18 places. Zero denominator is an `InvalidValue`."""
    if not denominator:
        raise InvalidValue(f"cannot divide {numerator} by zero")
    return _quantize(_divide(numerator, denominator), DISPLAY_QUANTUM)


def floor_to(value: Decimal, step: Decimal) -> Decimal:
    """Round down to a multiple of `step` (> 0)."""
    towards_zero = _multiply(_divide_int(value, step), step)
    return towards_zero if towards_zero <= value else _CONTEXT.subtract(towards_zero, step)


def ceil_to(value: Decimal, step: Decimal) -> Decimal:
    """Round up to a multiple of `step` (> 0)."""
    towards_zero = _multiply(_divide_int(value, step), step)
    return towards_zero if towards_zero >= value else _CONTEXT.add(towards_zero, step)


def on_step(value: Decimal, step: Decimal) -> bool:
    """Whether a value is a multiple of `step` (> 0)."""
    return not remainder(value, step)


@lru_cache(maxsize=1_024)
def from_float(value: float) -> Decimal:
    """Take a kernel's float by its shortest decimal form. Not finite is an `InvalidValue`.

    The last ones are kept: one decision asks for the same few prices and sizes again and again.
    """
    result = Decimal(repr(float(value)))
    if not result.is_finite():
        raise InvalidValue(f"{value} is not a finite number")
    return result


def without_noise(value: float) -> float:
    """Drop what float arithmetic left behind the 14th digit: 0.29000000000000004 is 0.29."""
    return float(f"{value:.14g}")


def plain(value: Decimal) -> str:
    """Write in plain notation without exponent or trailing zeros: ``100``, ``0.00025``."""
    text = str(value)
    if "E" in text:
        text = format(value, "f")
    if text[-1] == "0" and "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


@lru_cache(maxsize=4_096)
def common_step(first: Decimal, second: Decimal) -> Decimal:
    """Give the smallest step that is a multiple of both: sizes on it are valid on both venues."""
    exponent = min(_exponent(first), _exponent(second))
    a = int(first.scaleb(-exponent, context=_CONTEXT))
    b = int(second.scaleb(-exponent, context=_CONTEXT))
    return Decimal(math.lcm(a, b)).scaleb(exponent, context=_CONTEXT)


def _exponent(value: Decimal) -> int:
    if not value.is_finite() or value <= 0:
        raise InvalidValue(f"a step must be positive, got {value}")
    exponent = value.normalize(_CONTEXT).as_tuple().exponent
    return int(exponent)
