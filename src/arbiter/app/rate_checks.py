"""USD rates as `arbiter doctor` shows them: those of the running engine, else those it begins with."""

import asyncio
import time

import msgspec

from arbiter.app.checks_kinds import Check, ok, warn
from arbiter.app.config import Settings
from arbiter.app.control_socket import ControlClient, NotRunning
from arbiter.model.money import plain
from arbiter.model.time import NS_PER_S
from arbiter.risk.rates import USD, RateRow, UsdRates

NAME = "USD rates"


async def check_usd_rates(settings: Settings) -> Check:
    client = ControlClient(settings.home.control_socket)
    now_ns = time.time_ns()
    try:
        told = await asyncio.to_thread(client.call, "usd_rates")
    except NotRunning:
        return judged(UsdRates(settings.risk.rates()).rows(now_ns), now_ns)
    return judged(msgspec.convert(told, list[RateRow], strict=False), now_ns)


def judged(rows: list[RateRow], now_ns: int) -> Check:
    """Show every rate with its source and age; one that nothing is opened on is worth a word."""
    shown = "; ".join(_shown(row, now_ns) for row in rows if row.currency != USD)
    missing = [row.currency for row in rows if not row.fresh]
    if not missing:
        return ok(NAME, shown)
    names = ", ".join(missing)
    mend = f"nothing is opened in {names} until its market is quoted again: look at that venue"
    return warn(NAME, f"{shown}; no fresh rate of {names}", mend)


def _shown(row: RateRow, now_ns: int) -> str:
    rate = f"{row.currency} {plain(round(row.usd, 6))}"
    if row.as_of_ns is None:
        return f"{rate} ({row.source})"
    return f"{rate} ({row.source}, {max(now_ns - row.as_of_ns, 0) // NS_PER_S} s old)"
