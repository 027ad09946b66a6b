"""`kill -9` is a supported way to stop: whatever the moment, starting again makes the ledger true."""

import asyncio
import os
import random
import shutil
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import asyncpg
import psutil
import pytest

from arbiter.app.config import load
from arbiter.model.errors import VenueUnreachable
from arbiter.storage import rebuild
from arbiter.storage.embedded import EmbeddedServer
from arbiter.venues.sim.probe import Probe
from arbiter.venues.sim.spawn import SimHandle, ensure_running
from tests.scenarios.kill9 import Account, Gap, gap, ledger, venues

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1_200)]

ROOT = Path(__file__).parents[2]
KILLS = 20
HANGS_S = 150.0
"""Any one step that takes longer hangs; there are dozens, so the whole test may take far longer."""
SEED = 20_260_801
LIVELY = """
[listen]
ops_enabled = false
spot_enabled = false
agents_enabled = false
desk_enabled = false
control_enabled = false
[spot]
cooldown_seconds = 0.2
use_trend_filter = false
max_trades_per_hour = 100000
[risk]
max_concurrent_trades = 30
max_total_exposure_usd = 1000000
[sim]
symbols = 20
order_latency_ms = 40
report_latency_ms = 40
starting_quote = 1000000
starting_base_usd = 100000
[sim.dislocations]
per_minute = 600
"""
"""Many trades a second, each under way for a tenth of a second: most moments are bad ones."""


class Engine:
    """One engine process, leader of a group of its own."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def tell(self, command: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(command.encode() + b"\n")
        await self.process.stdin.drain()

    async def says(self, word: str) -> bool:
        """Wait for a line; False when the process ends, or hangs, before it says so."""
        assert self.process.stdout is not None
        with suppress(TimeoutError):
            async with asyncio.timeout(HANGS_S):
                while line := await self.process.stdout.readline():
                    if line == word.encode() + b"\n":
                        return True
        return False

    def kill(self, *, group: bool = False) -> None:
        """End without a word, at once: this process alone, or its whole group."""
        (os.killpg if group else os.kill)(self.process.pid, signal.SIGKILL)

    async def killed(self) -> None:
        """Wait until it is gone; fails where something else had ended it."""
        assert await self.process.wait() == -signal.SIGKILL, "it had ended before"

    async def die(self, *, group: bool) -> None:
        self.kill(group=group)
        await self.killed()


class Place:
    """A data folder for engines, one at a time, with its venues and its database."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.environment = os.environ | {"ARBITER_HOME": str(home)}
        self.database = EmbeddedServer(home / "postgres")

    @asynccontextmanager
    async def engine(self) -> AsyncIterator[Engine]:
        """Start an engine and wait until it has recovered and nothing is under way."""
        with (self.home / "engine.log").open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "tests.scenarios.kill9_engine",
                env=self.environment,
                cwd=ROOT,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        engine = Engine(process)
        try:
            if not await engine.says("settled"):
                end = (
                    f"ended with {process.returncode}"
                    if process.returncode is not None
                    else "hangs"
                )
                pytest.fail(f"the engine {end} at its start:\n{self.log_tail()}")
            yield engine
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    os.kill(process.pid, signal.SIGKILL)
            await process.wait()

    async def restart_and_stop(self) -> None:
        async with self.engine() as engine:
            await engine.tell("stop")
            async with asyncio.timeout(HANGS_S):
                assert await engine.process.wait() == 0, self.log_tail()

    async def truth(self) -> Account:
        """Ask the simulated venues; where a clean stop ended them, they are started again."""
        settings = load(environment=self.environment).settings.sim.record()
        await asyncio.to_thread(ensure_running, self.home, settings)
        return await asyncio.to_thread(venues, self.home)

    def sim_pid(self) -> int:
        with Probe(self.home) as probe:
            return probe.info().pid

    def log_tail(self) -> str:
        return (self.home / "engine.log").read_text(errors="replace")[-4_000:]

    def end_venues(self) -> None:
        with suppress(VenueUnreachable):
            SimHandle(home=self.home, pid=self.sim_pid(), adopted=True, first_ns=0).kill()


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    home = Path(tempfile.mkdtemp(prefix="arbiter-kill9-"))
    (home / "arbiter.toml").write_text(LIVELY)
    place = Place(home)
    try:
        yield place
    finally:
        place.end_venues()
        assert await place.database.destroy(), "somebody still uses the database"
        await asyncio.to_thread(shutil.rmtree, home)


async def events(connection: "asyncpg.Connection[Any]", after: int = 0) -> Counter[str]:
    """Count the journal's events by kind, alerts by code."""
    rows = await connection.fetch(
        "SELECT coalesce(body->>'code', kind) AS kind FROM events WHERE seq > $1", after
    )
    return Counter(row["kind"] for row in rows)


async def test_kill_nine_while_trading_loses_and_doubles_nothing(place: Place) -> None:
    moments = random.Random(SEED)
    differed: list[Gap] = []
    await place.database.start()
    connection = await asyncpg.connect(place.database.dsn)
    try:
        for kill in range(1, KILLS + 1):
            async with place.engine() as engine:
                recovered = gap(await place.truth(), await ledger(connection))
                assert not recovered, f"after {kill - 1} kills: {recovered}"
                await engine.tell("trade")
                assert await engine.says("trading"), place.log_tail()
                await asyncio.sleep(moments.uniform(0.2, 1.5))
                await engine.die(group=not kill % 2)
            found = gap(await place.truth(), await ledger(connection))
            print(f"kill {kill}: {found}")
            if found:
                differed.append(found)

        await place.restart_and_stop()
        truth = await place.truth()
        recovered = gap(truth, await ledger(connection))
        assert not recovered, f"after the last kill: {recovered}"
        booked = await events(connection)
        bent = booked.keys() & {"ExternalChange", "FOREIGN_FILL", "FOREIGN_ORDER", "VENUE_FORGOT"}
        assert not bent, "a difference was booked away instead of explained"
        assert booked["OrderFilled"] == len(truth.fills), "a fill was told twice"

        last = await connection.fetchval("SELECT max(seq) FROM events")
        await place.restart_and_stop()
        assert await events(connection, last) == Counter(
            EngineStarted=1, SETTLED=1, EngineStopped=1
        ), "the second restart changes nothing"
    finally:
        await connection.close()
    assert not await rebuild.verify(place.database.url)
    lost = sum(found.missing_fills for found in differed)
    print(f"{len(differed)} of {KILLS} kills left ledger and venues apart; {lost} fills missing")
    print(f"{len(truth.fills)} fills of {booked['TradeOpened']} trades in all")
    assert lost, "no kill left anything to recover: this run proved nothing"


async def test_a_group_kill_spares_the_venues_and_the_database(place: Place) -> None:
    async with place.engine() as engine:
        database, sim = place.database.status().pid, place.sim_pid()
        await engine.die(group=True)
    assert database is not None
    assert psutil.pid_exists(database)
    assert psutil.pid_exists(sim)

    async with place.engine() as engine:
        assert place.database.status().pid == database, "adopted, not started anew"
        assert place.sim_pid() == sim
        await engine.die(group=False)
