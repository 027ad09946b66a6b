"""Waiting for what engines and exchanges do, and acting in the moment it is done.

The accounts of simulated exchanges live in the test's own process, their engines in others.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from arbiter.matching.orders import OrderRequest
from arbiter.model.reports import VenueReport
from arbiter.simex.account import Account

PATIENCE_S = 90.0
"""No measure of anything: an engine may start while the machine does much else."""

UNTOLD = "a fill that nobody was told of cannot be booked"

UNBOUNDED = """
max_concurrent_trades = 30
max_total_exposure_usd = 1000000
daily_loss_limit_usd = 1000000
max_drawdown_percent = 100
capital_base_usd = 1000000
"""
"""Limits that no number of trades, and no run of bad ones, comes near: else trading ends by chance."""


async def until(
    found: Callable[[], Awaitable[bool]], why: Callable[[], str], within_s: float = PATIENCE_S
) -> None:
    """Look again and again until it is so; else the test fails with what `why` gives."""
    try:
        async with asyncio.timeout(within_s):
            while not await found():  # noqa: ASYNC110 - another process does it
                await asyncio.sleep(0.05)
            return
    except TimeoutError:
        pass  # told without the long way to here: the reason is what matters
    pytest.fail(why(), pytrace=False)


async def words_of(process: asyncio.subprocess.Process) -> bytes:
    """Give what a command prints, once it has ended; it is ended where nobody waits any more."""
    try:
        told, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()
    return told


async def at_fill(
    accounts: Iterable[Account], act: Callable[[], None], why: Callable[[], str], number: int = 1
) -> None:
    """Call `act` in the moment an order fills: the exchange has it, and has told nobody.

    `number` counts, from 1, the orders that fill as they come in, over all accounts together.
    Returns once it is done; where no order comes, the test fails with what `why` gives.
    """
    left, done = number, asyncio.Event()

    def look(account: Account, patch: pytest.MonkeyPatch) -> None:
        submit = account.submit

        def submitted(request: OrderRequest, now_ns: int) -> list[VenueReport]:
            nonlocal left
            before = len(account.fills)
            reports = submit(request, now_ns)
            if len(account.fills) > before:
                left -= 1
                if left == 0:
                    act()
                    done.set()
            return reports

        patch.setattr(account, "submit", submitted)

    with pytest.MonkeyPatch.context() as patch:
        for account in accounts:
            look(account, patch)
        try:
            async with asyncio.timeout(PATIENCE_S):
                await done.wait()
                return
        except TimeoutError:
            pass
    text = f"{left} of {number} orders that were to fill did not come\n{why()}"
    pytest.fail(text, pytrace=False)


_STANDS = (
    "SELECT verdict, count(*), max(seq) FROM signals GROUP BY 1 ORDER BY 3 DESC LIMIT 9",
    "SELECT seq, state, unknown, reason FROM trades ORDER BY seq DESC LIMIT 9",
    "SELECT strategy, instrument, quantity FROM positions WHERE quantity <> 0",
    "SELECT symbol, state, long_instrument, short_instrument, reason FROM funding_pairs",
)


@asynccontextmanager
async def reasons(connection: "asyncpg.Connection[Any]") -> AsyncIterator[None]:
    """Where nothing is traded any more, say what kept the engine from it."""
    try:
        yield
    except pytest.fail.Exception as error:
        told = [str(error)]
        for query in _STANDS:
            told += map(str, await connection.fetch(query))
    else:
        return
    pytest.fail("\n".join(told), pytrace=False)
