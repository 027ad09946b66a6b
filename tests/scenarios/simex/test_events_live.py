"""Live, end to end: the engine's own process trades an approved pair on Polymarket and Kalshi, and
copies a wallet, over sockets; `kill -9` loses and doubles nothing."""

import asyncio
import random
import shutil
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import pytest
from msgspec.structs import replace

from arbiter.model.ids import InstrumentId
from arbiter.model.orders import Side, TimeInForce
from arbiter.simex.kalshi import words as kalshi
from arbiter.simex.polymarket import words as polymarket
from arbiter.simex.settings import SimexSettings
from tests.port_suites.order_client import OrderDesk, ReportLog
from tests.scenarios.kill9 import Account, gap, ledger
from tests.scenarios.simex import moments
from tests.scenarios.simex.conftest import Serve, Served
from tests.scenarios.simex.moments import UNBOUNDED, UNTOLD, at_fill, reasons
from tests.scenarios.simex.test_polymarket import client_of
from tests.scenarios.test_kill9 import ROOT, Place, events

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1_200)]
"""Each wait has an end of its own; together they are one for each of a dozen processes."""

KILLS = (1, None, 2, None)
"""At which fill the engine dies; None: some time after one."""
SEED = 20_261_121
VENUES = ("polymarket", "kalshi")
COPIED = InstrumentId("HEAT-NORTH.POLYMARKET")
LATE = InstrumentId("LAUNCH.POLYMARKET")
LATE_PAIR = ("ETH-ABOVE.POLYMARKET", "ETH-ABOVE.KALSHI")
"""Of markets that the settings do not name."""
_BASE = SimexSettings(venues=VENUES, starting_quote=Decimal(100_000))
LIVELY = replace(
    _BASE,
    events=replace(
        _BASE.events,
        dislocations_per_minute=600.0,
        smallest=0.06,
        largest=0.12,
        hold_seconds=3.0,
        quotes_per_second=300.0,
        confirm_seconds=0.8,
    ),
)


def configuration(served: Served) -> str:
    rest = {venue: served.lines[venue]["rest"] for venue in VENUES}
    stream = {venue: served.lines[venue]["ws"] for venue in VENUES}
    return f"""
[engine]
mode = "live"
[venues]
enabled = ["polymarket", "kalshi"]
[venues.events]
polymarket = ["btc-above", "heat-north"]
kalshi = ["BTC-ABOVE"]
[venues.rest]
polymarket = "{rest["polymarket"]}"
kalshi = "{rest["kalshi"]}"
[venues.stream]
polymarket = "{stream["polymarket"]}"
kalshi = "{stream["kalshi"]}"
[events]
min_spread = 0.005
cooldown_seconds = 0.3
max_position_size = 20
max_total_exposure = 1000000
[pairs]
poll_seconds = 2
[risk]
{UNBOUNDED}
[copying]
polymarket_url = "{rest["polymarket"]}"
poll_seconds = 0.5
slippage = 0.5
[agents]
enabled = false
[listen]
spot_enabled = false
agents_enabled = false
desk_enabled = false
ops_enabled = false
control_enabled = false
"""


class EventPlace(Place):
    """A data folder with the keys of both venues."""

    def __init__(self, home: Path, served: Served) -> None:
        super().__init__(home)
        one, other = (served.lines[venue] for venue in VENUES)
        pem = other["privateKey"].strip().replace("\n", "\\n")
        self.environment |= {
            "ARBITER_VENUE_POLYMARKET_API_KEY": one["walletAddress"],
            "ARBITER_VENUE_POLYMARKET_SECRET": one["privateKey"],
            "ARBITER_VENUE_KALSHI_API_KEY": other["apiKey"],
            "ARBITER_VENUE_KALSHI_SECRET": pem,
        }

    @asynccontextmanager
    async def up(self) -> AsyncIterator[asyncio.subprocess.Process]:
        """`arbiter up`; killed at the end, without a word."""
        with (self.home / "up.log").open("ab") as log:
            process = await self._start("up", stdout=log, stderr=log)
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()

    async def say(self, *words: str) -> bytes:
        """Run a command beside the engine until it succeeds and prints more than an empty list."""
        told = b""

        async def succeeds() -> bool:
            nonlocal told
            pipe = asyncio.subprocess.PIPE
            process = await self._start(*words, stdout=pipe, stderr=asyncio.subprocess.DEVNULL)
            told = await moments.words_of(process)
            return process.returncode == 0 and told.strip() != b"[]"

        await moments.until(succeeds, self.up_tail)
        return told

    def up_tail(self) -> str:
        return (self.home / "up.log").read_text(errors="replace")[-4_000:]

    async def _start(self, *words: str, **pipes: Any) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            "from arbiter.cli.main import main; main()",
            *words,
            env=self.environment,
            cwd=ROOT,
            **pipes,
        )


@pytest.fixture
async def served(serve: Serve) -> Served:
    return await serve(LIVELY)


@pytest.fixture
async def place(served: Served) -> AsyncIterator[EventPlace]:
    home = Path(tempfile.mkdtemp(prefix="arbiter-events-"))
    place = EventPlace(home, served)
    (home / "arbiter.toml").write_text(configuration(served))
    try:
        yield place
    finally:
        assert await place.database.destroy(), "somebody still uses the database"
        await asyncio.to_thread(shutil.rmtree, home)


def venue_truth(served: Served) -> Account:
    """What both simulated venues hold to be so; ids and orders as their clients know them."""
    fills: Counter[tuple[str, str]] = Counter()
    balances: dict[tuple[str, str], Decimal] = {}
    names = {"polymarket": polymarket.trade_id, "kalshi": kalshi.trade_id}
    open_orders: set[str] = set()
    for venue in VENUES:
        account = served.simex.servers[venue].accounts[0]
        for fill in account.fills:
            fills[venue, names[venue](fill.venue_trade_id, 0)] += 1
        balances |= {(venue, asset): total for asset, (total, _) in account.balances.items()}
        open_orders |= {view.order.client_order_id for view in account.open_orders()}
    return Account(fills=fills, balances=balances, open_orders=frozenset(open_orders), filled={})


async def ledger_truth(connection: "asyncpg.Connection[Any]") -> Account:
    """Orders are compared by their fills: Polymarket has no names of ours for them."""
    told = await ledger(connection)
    return Account(
        fills=told.fills, balances=told.balances, open_orders=told.open_orders, filled={}
    )


def held(served: Served, venue: str, name: InstrumentId, account: int = 0) -> Decimal:
    return served.simex.servers[venue].accounts[account].exchange.margin.quantity(name)


async def until(found: Callable[[], bool], why: Callable[[], str]) -> None:
    """Look again and again: the venues are in this process and tell of themselves."""

    async def so() -> bool:
        return found()

    await moments.until(so, why)


async def test_pair_and_wallet_are_traded_live_and_kill_nine_loses_nothing(
    served: Served, place: EventPlace
) -> None:
    draw = random.Random(SEED)
    accounts = [served.simex.servers[venue].accounts[0] for venue in VENUES]
    leader = served.lines["polymarket"]["accounts"][1]
    follower = served.simex.servers["polymarket"].accounts[0]

    await place.database.start()
    connection = await asyncpg.connect(place.database.dsn)
    try:
        async with place.up():
            (pair,) = [
                row
                # The engine compares both texts by itself, once it has read them.
                for row in msgspec.json.decode(await place.say("pairs", "show", "--json"))
                if "BTC-ABOVE.POLYMARKET"
                in (row["first"]["instrument"], row["second"]["instrument"])
            ]
            assert (pair["state"], pair["simulated"]) == ("proposed", False)
            assert not follower.fills, "nothing trades before it is approved"
            await place.say("pairs", "approve", pair["id"], "--cap", "4000", "--acknowledge")
            await place.say("copy", "add", leader["walletAddress"].lower())
            await asyncio.sleep(1.1)  # activity is told by the second
            await _lead(served, Side.BUY, "20")
            await until(lambda: held(served, "polymarket", COPIED) == Decimal(20), place.up_tail)
            await until(lambda: len(follower.fills) > 4, place.up_tail)
        for kill, fill in enumerate(KILLS):
            async with place.engine() as engine:
                apart = gap(venue_truth(served), await ledger_truth(connection))
                assert not apart, f"after {kill + 1} kills: {apart}\n{place.log_tail()}"
                await engine.tell("stop")
                assert await engine.process.wait() == 0, place.log_tail()
            async with place.up() as process:
                async with reasons(connection):
                    if fill is None:
                        await at_fill(accounts, lambda: None, place.up_tail)
                        await asyncio.sleep(draw.uniform(0.0, 1.0))
                        process.kill()
                    else:
                        await at_fill(accounts, process.kill, place.up_tail, fill)
                assert await process.wait() == -signal.SIGKILL, place.up_tail()
            lost = gap(venue_truth(served), await ledger_truth(connection)).missing_fills
            assert lost or fill is None, UNTOLD
        async with place.up():
            await _lead(served, Side.SELL, "20")
            await until(lambda: held(served, "polymarket", COPIED) == 0, place.up_tail)
            await _decide_apart(served, connection, place.up_tail)
        await place.restart_and_stop()
        apart = gap(venue_truth(served), await ledger_truth(connection))
        assert not apart, f"{apart}\n{place.log_tail()}"
        booked = await events(connection)
        assert booked["OrderFilled"] == len(venue_truth(served).fills), "a fill was told twice"
        bent = booked.keys() & {"ExternalChange", "FOREIGN_FILL", "FOREIGN_ORDER", "VENUE_FORGOT"}
        assert not bent, "a difference was booked away instead of explained"
        assert booked["TradeOpened"] > len(KILLS)
        for venue in VENUES:
            assert (await served.state(venue))["brokers"] == {}
    finally:
        await connection.close()


async def test_markets_are_listed_copied_and_paired_while_the_engine_runs(
    served: Served, place: EventPlace
) -> None:
    """The settings name none of them: a leader enters one, a person names a pair of the other."""
    leader = served.lines["polymarket"]["accounts"][1]

    await place.database.start()
    connection = await asyncpg.connect(place.database.dsn)
    try:
        async with place.up():
            await place.say("status")  # without an engine the next would be done by the command
            await place.say("copy", "add", leader["walletAddress"].lower())
            await asyncio.sleep(1.1)  # activity is told by the second
            await _lead(served, Side.BUY, "20", LATE)
            await until(lambda: held(served, "polymarket", LATE) == Decimal(20), place.up_tail)
            named = await place.say("pairs", "propose", *LATE_PAIR, "--json")
            (pair,) = msgspec.json.decode(named)
            await place.say("pairs", "approve", pair["id"], "--cap", "4000", "--acknowledge")
            for venue, name in zip(VENUES, LATE_PAIR, strict=True):
                await until(
                    lambda v=venue, n=name: _traded(served, v, InstrumentId(n)),  # type: ignore[misc]
                    place.up_tail,
                )
            await _lead(served, Side.SELL, "20", LATE)
            await until(lambda: held(served, "polymarket", LATE) == 0, place.up_tail)
        await place.restart_and_stop()
        apart = gap(venue_truth(served), await ledger_truth(connection))
        assert not apart, f"{apart}\n{place.log_tail()}"
        booked = await events(connection)
        bent = booked.keys() & {"ExternalChange", "FOREIGN_FILL", "FOREIGN_ORDER", "VENUE_FORGOT"}
        assert not bent, "a difference was booked away instead of explained"
        assert not booked.keys() & {"COPY_UNLISTED", "PAIR_UNLISTED", "VENUE_HEALTH"}
    finally:
        await connection.close()


def _traded(served: Served, venue: str, name: InstrumentId) -> bool:
    fills = served.simex.servers[venue].accounts[0].fills
    return any(fill.instrument == name for fill in fills)


async def _decide_apart(
    served: Served, connection: "asyncpg.Connection[Any]", why: Callable[[], str]
) -> None:
    """Both venues end the pair's market against us, or for us: both legs are booked as they paid."""
    name = InstrumentId("BTC-ABOVE.POLYMARKET")
    yes = held(served, "polymarket", name)
    await served.act("polymarket", "resolve", symbol="BTC-ABOVE", amount="0" if yes > 0 else "1")
    await served.act("kalshi", "resolve", symbol="BTC-ABOVE", amount="1" if yes > 0 else "0")
    # What was held in that moment: the engine has traded on until then.
    ended = sum(len(served.simex.servers[v].accounts[0].forced) for v in VENUES)

    async def decided() -> bool:
        return (await events(connection))["PositionForced"] >= ended

    await moments.until(decided, why)


async def _lead(served: Served, side: Side, size: str, market: InstrumentId = COPIED) -> None:
    """Let the wallet that is copied trade."""
    client = client_of(served, account=1)
    log = ReportLog()
    listed = await client.instruments()
    desk = OrderDesk(client, next(i for i in listed if i.id == market), Decimal("0.5"), log)
    task = asyncio.create_task(client.run(log))
    await client.following.wait()
    limit = Decimal("0.99") if side is Side.BUY else Decimal("0.01")
    order = desk.order(side, tif=TimeInForce.IOC)
    fills = await desk.trade(replace(order, size=Decimal(size), price=limit))
    assert sum(fill.size for fill in fills) == Decimal(size)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await client.aclose()
