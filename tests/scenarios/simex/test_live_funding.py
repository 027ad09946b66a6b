"""Funding pairs live: the engine's own process against simulated exchanges of perpetuals."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import pytest

from arbiter.model.money import ZERO
from arbiter.simex.settings import SimexSettings
from tests.scenarios.simex.conftest import Serve, Served
from tests.scenarios.simex.moments import UNBOUNDED, UNTOLD, at_fill, reasons, until
from tests.scenarios.simex.test_live import LivePlace
from tests.scenarios.test_kill9 import Engine, events

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

KILLS = (1, None, None)
"""At which fill of what it opens the engine dies; None: some time after a payment."""
SERVERS = {"binance_futures": "binance_futures", "bybit_futures": "bybit"}
PAYING = SimexSettings(
    venues=("binance_futures", "bybit"),
    symbols=4,
    quotes_per_second=100.0,
    funding_dispersion=0.004,
    dislocations_per_minute=0.0,
    order_latency_ms=30.0,
)
"""Rates so far apart that some pair is always worth opening."""
HASTY = msgspec.structs.replace(PAYING, time_scale=3_600.0)
"""Beside that an hour of funding passes in a second."""


def configuration(served: Served, more: str = "") -> str:
    def table(part: str) -> str:
        rows = (f'{venue} = "{served.lines[at][part]}"' for venue, at in SERVERS.items())
        return "\n".join(rows)

    return f"""
[engine]
mode = "live"
[venues]
enabled = ["binance_futures", "bybit_futures"]
symbols = ["BTC/USDT", "ETH/USDT", "BNB/USDT", "SOL/USDT"]
[venues.rest]
{table("rest")}
[venues.stream]
{table("ws")}
[funding]
hold_hours = 72
target_profit = 1
trailing_start = 0.2
trailing_stop = 0.5
narrow_spread_exit_periods = 1000
min_liquidation_distance = 0
max_adl_rank = 5
max_entry_basis = 0.01
{more}
[risk]
{UNBOUNDED}
[agents]
enabled = false
[listen]
spot_enabled = false
agents_enabled = false
desk_enabled = false
ops_enabled = false
control_enabled = false
"""


AT_ONCE = "quiet_before_seconds = 0\nquiet_after_seconds = 0"
"""Where settlements are seconds apart, every moment is shortly before one."""


class Books(msgspec.Struct, frozen=True, kw_only=True):
    """What venues and ledger must agree on, by venue."""

    fills: dict[str, int]
    wallets: dict[str, Decimal]
    positions: dict[str, Decimal]
    """Contracts by instrument."""
    payments: dict[str, tuple[int, Decimal]]
    """How many, and their sum."""


def venue_books(served: Served) -> Books:
    accounts = {v: served.simex.servers[at].accounts[0] for v, at in SERVERS.items()}
    return Books(
        fills={v: len(told.fills) for v, told in accounts.items()},
        wallets={v: told.exchange.margin.balances()[0].wallet for v, told in accounts.items()},
        positions={
            name: held.quantity
            for told in accounts.values()
            for name, held in told.exchange.margin.positions.items()
            if held.quantity
        },
        payments={
            v: (len(told.payments), sum((p.amount for p in told.payments), ZERO))
            for v, told in accounts.items()
        },
    )


async def ledger_books(connection: "asyncpg.Connection[Any]") -> Books:
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        fills = await connection.fetch("SELECT venue, count(*) n FROM fills GROUP BY venue")
        wallets = await connection.fetch(
            "SELECT venue, total FROM balances WHERE asset = 'USDT' ORDER BY venue"
        )
        held = await connection.fetch(
            "SELECT instrument, quantity FROM margin_positions WHERE quantity <> 0"
        )
        paid = await connection.fetch(
            "SELECT venue, count(*) n, sum(amount) total FROM funding_payments GROUP BY venue"
        )
    nothing = dict.fromkeys(SERVERS, 0)
    none: dict[str, tuple[int, Decimal]] = dict.fromkeys(SERVERS, (0, ZERO))
    return Books(
        fills=nothing | {row["venue"]: row["n"] for row in fills},
        wallets={row["venue"]: row["total"] for row in wallets},
        positions={row["instrument"]: row["quantity"] for row in held},
        payments=none | {row["venue"]: (row["n"], row["total"]) for row in paid},
    )


class Look:
    """The database of an engine's data folder beside what the venues hold to be so."""

    def __init__(
        self, served: Served, place: LivePlace, connection: "asyncpg.Connection[Any]"
    ) -> None:
        self.served, self.place, self.connection = served, place, connection
        self.ledger: Books | None = None

    async def alike(self) -> bool:
        self.ledger = await ledger_books(self.connection)
        return self.ledger == venue_books(self.served)

    async def agrees(self) -> None:
        """Wait until both tell the same: settlements go on while we look."""
        await until(
            self.alike,
            lambda: f"{self.ledger}\n{venue_books(self.served)}\n{self.place.log_tail()}",
        )

    async def counted(self, kind: str, least: int) -> None:
        async def enough() -> bool:
            return (await events(self.connection))[kind] >= least

        async with reasons(self.connection):
            await until(enough, lambda: f"too few {kind}\n{self.place.log_tail()}")

    async def paid_again(self) -> None:
        await self.counted("FundingPaid", (await events(self.connection))["FundingPaid"] + 1)

    async def killed_at(self, engine: Engine, fill: int) -> None:
        accounts = [self.served.simex.servers[at].accounts[0] for at in SERVERS.values()]
        async with reasons(self.connection):
            await at_fill(accounts, engine.kill, self.place.log_tail, fill)


@pytest.fixture
async def folder() -> AsyncIterator[Path]:
    home = Path(tempfile.mkdtemp(prefix="arbiter-live-"))
    yield home
    await asyncio.to_thread(shutil.rmtree, home)


async def look(served: Served, home: Path, more: str) -> Look:
    place = LivePlace(home, served, SERVERS)
    (home / "arbiter.toml").write_text(configuration(served, more))
    await place.database.start()
    return Look(served, place, await asyncpg.connect(place.database.dsn))


async def end(look: Look) -> None:
    await look.connection.close()
    assert await look.place.database.destroy(), "somebody still uses the database"


async def test_pairs_are_opened_paid_and_closed_and_kill_nine_loses_nothing(
    serve: Serve, folder: Path
) -> None:
    served = await serve(HASTY)
    at = await look(served, folder, AT_ONCE)
    try:
        for kill, fill in enumerate(KILLS):
            async with at.place.engine() as engine:
                await at.agrees()
                await engine.tell("fund")
                assert await engine.says("funding"), at.place.log_tail()
                if fill is None:
                    await at.paid_again()
                    await asyncio.sleep(0.37 * kill)
                    engine.kill()
                else:
                    await at.killed_at(engine, fill)
                await engine.killed()
            assert fill is None or not await at.alike(), UNTOLD
        async with at.place.engine() as engine:
            await at.agrees()
            await at.counted("PairOpened", 1)
            await at.counted("FundingPaid", 2)
            before = sum(venue_books(served).fills.values())
            assert venue_books(served).positions, "pairs outlive the engine"
            await engine.tell("close")
            await at.killed_at(engine, 2)
            await engine.killed()
        assert not await at.alike(), UNTOLD
        async with at.place.engine() as engine:

            async def flat() -> bool:
                return not venue_books(served).positions

            await until(flat, at.place.log_tail)
            await at.agrees()
            assert sum(venue_books(served).fills.values()) > before
            await engine.tell("stop")
            assert await engine.process.wait() == 0, at.place.log_tail()
        booked = await events(at.connection)
        bent = booked.keys() & {"ExternalChange", "FOREIGN_FILL", "FOREIGN_ORDER", "VENUE_FORGOT"}
        assert not bent, "a difference was booked away instead of explained"
        states = await at.connection.fetch("SELECT state FROM funding_pairs")
        assert {row["state"] for row in states} == {"CLOSED"}
        for server in SERVERS.values():
            assert (await served.state(server))["brokers"] == {}
    finally:
        await end(at)


async def test_rates_far_enough_apart_open_a_pair_at_the_venues_own_hours(
    serve: Serve, folder: Path
) -> None:
    served = await serve(PAYING)
    at = await look(served, folder, "quiet_before_seconds = 0")
    try:
        async with at.place.engine() as engine:
            await engine.tell("fund")
            assert await engine.says("funding"), at.place.log_tail()
            await at.counted("PairOpened", 1)

            async def level() -> bool:
                held = venue_books(served).positions
                return len(held) >= 2 and sum(held.values()) == 0

            # The first to be opened may come to nothing, and is opened again.
            async with reasons(at.connection):
                await until(level, lambda: f"not level: {venue_books(served)}")
            await at.agrees()
            await engine.tell("stop")
            assert await engine.process.wait() == 0, at.place.log_tail()
        held = venue_books(served).positions
        assert len(held) >= 2
        assert sum(held.values()) == 0, "as much long as short"
    finally:
        await end(at)
