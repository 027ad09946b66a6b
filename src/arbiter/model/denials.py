"""Refusals by our own gate: a closed list, each with its numbers.

A denial prints as it is stored and shown: ``BUDGET_EXCEEDED: allocated=500 reserved=480 needed=40``.
"""

from decimal import Decimal
from enum import StrEnum

import msgspec

from arbiter.model.money import plain


class DenialCode(StrEnum):
    KILL_SWITCH = "KILL_SWITCH"
    MODE_FORBIDS = "MODE_FORBIDS"
    STRATEGY_STOPPED = "STRATEGY_STOPPED"
    STARTING_UP = "STARTING_UP"
    STORAGE_DOWN = "STORAGE_DOWN"
    VENUE_UNHEALTHY = "VENUE_UNHEALTHY"
    QUOTE_STALE = "QUOTE_STALE"
    QUOTE_MISSING = "QUOTE_MISSING"
    UNKNOWN_OUTCOME_ON_PAIR = "UNKNOWN_OUTCOME_ON_PAIR"
    LOT_SIZE = "LOT_SIZE"
    MIN_SIZE = "MIN_SIZE"
    MIN_NOTIONAL = "MIN_NOTIONAL"
    TICK_SIZE = "TICK_SIZE"
    RATE_MISSING = "RATE_MISSING"
    """No fresh USD rate for a currency, so limits in USD cannot be checked."""
    TRADE_SIZE = "TRADE_SIZE"
    """One trade's notional above its limit."""
    TOTAL_EXPOSURE = "TOTAL_EXPOSURE"
    CONCURRENT_TRADES = "CONCURRENT_TRADES"
    DAILY_LOSS = "DAILY_LOSS"
    DRAWDOWN = "DRAWDOWN"
    INVENTORY_SKEW = "INVENTORY_SKEW"
    BUDGET_EXCEEDED = "BUDGET_EXCEEDED"
    BUDGET_MISSING = "BUDGET_MISSING"
    """The strategy has budgets, but none in this currency."""
    BALANCE = "BALANCE"
    NOT_REDUCING = "NOT_REDUCING"
    """A reduce-only leg that would open or flip a position."""
    EDGE_GONE = "EDGE_GONE"
    """After the intents were durable the edge no longer stood."""


class Denied(msgspec.Struct, frozen=True):
    """One refusal: a code and the numbers that led to it, in plain notation."""

    code: DenialCode
    numbers: dict[str, str] = {}

    def __str__(self) -> str:
        shown = " ".join(f"{name}={value}" for name, value in self.numbers.items())
        return f"{self.code}: {shown}" if shown else str(self.code)


def deny(code: DenialCode, **numbers: Decimal | int | str) -> Denied:
    """Make a refusal, writing its numbers in plain notation."""
    return Denied(
        code,
        {
            name: plain(value) if isinstance(value, Decimal) else str(value)
            for name, value in numbers.items()
        },
    )
