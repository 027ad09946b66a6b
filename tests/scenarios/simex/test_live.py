"""Live and paper, end to end: the engine's own process against simulated exchanges over sockets."""

import asyncio
import json
import shutil
import socket
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest

from arbiter.app.bootstrap import run_engine
from arbiter.app.config import load
from arbiter.model.errors import Conflict
from arbiter.simex.account import Account as SimexAccount
from arbiter.simex.bybit.words import exec_id
from arbiter.simex.settings import SimexSettings
from arbiter.storage.embedded import EmbeddedServer
from tests.scenarios.kill9 import Account, Gap, gap, ledger
from tests.scenarios.simex.conftest import Serve, Served
from tests.scenarios.simex.moments import UNBOUNDED, UNTOLD, at_fill, reasons, until
from tests.scenarios.test_kill9 import Place, events

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

KILLS = (1, 2, None, 7, None)
"""At which fill, counted from the start of trading, the engine dies; None: some time after one."""
SPOT = {"binance": "binance", "bybit": "bybit"}
LIVELY = SimexSettings(
    venues=("binance", "bybit"),
    symbols=4,
    quotes_per_second=150.0,
    dislocations_per_minute=400.0,
    starting_base_usd=Decimal(100_000),
    order_latency_ms=30.0,
)
SYMBOLS = ("BTC/USDT", "ETH/USDT", "BNB/USDT", "SOL/USDT")


def configuration(served: Served, mode: str, servers: Mapping[str, str] = SPOT) -> str:
    def table(part: str) -> str:
        return "\n".join(f'{v} = "{served.lines[at][part]}"' for v, at in servers.items())

    names = ", ".join(f'"{symbol}"' for symbol in SYMBOLS)
    return f"""
[engine]
mode = "{mode}"
[venues]
enabled = {json.dumps(list(servers))}
symbols = [{names}]
[venues.rest]
{table("rest")}
[venues.stream]
{table("ws")}
[spot]
cooldown_seconds = 0.5
use_trend_filter = false
max_trades_per_hour = 100000
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


class LivePlace(Place):
    """An engine's data folder with real venues instead of the built-in ones."""

    def __init__(self, home: Path, served: Served, servers: Mapping[str, str] = SPOT) -> None:
        """`servers` says which of them serves a venue."""
        super().__init__(home)
        for venue, server in servers.items():
            stem = f"ARBITER_VENUE_{venue.upper()}"
            self.environment[f"{stem}_API_KEY"] = served.lines[server]["apiKey"]
            self.environment[f"{stem}_SECRET"] = served.lines[server]["secret"]


def venue_truth(served: Served) -> Account:
    """What the simulated exchanges hold to be so."""
    fills: Counter[tuple[str, str]] = Counter()
    balances: dict[tuple[str, str], Decimal] = {}
    filled: dict[str, Decimal] = {}
    open_orders: set[str] = set()
    for venue, server in served.simex.servers.items():
        account: SimexAccount = server.accounts[0]
        for fill in account.fills:
            market = account.instrument(fill.instrument).market_id
            binance = f"{market}:{fill.venue_trade_id}"
            key = binance if venue == "binance" else exec_id(fill.venue_trade_id, 0)
            fills[venue, key] += 1
        balances |= {(venue, asset): total for asset, (total, _) in account.balances.items()}
        open_orders |= {view.order.client_order_id for view in account.open_orders()}
        filled |= {
            name: view.order.filled_size
            for name, view in account.orders.items()
            if view.order.filled_size
        }
    return Account(
        fills=fills, balances=balances, open_orders=frozenset(open_orders), filled=filled
    )


@pytest.fixture
async def served(serve: Serve) -> Served:
    return await serve(LIVELY)


@pytest.fixture
async def place(served: Served) -> AsyncIterator[LivePlace]:
    home = Path(tempfile.mkdtemp(prefix="arbiter-live-"))
    place = LivePlace(home, served)
    try:
        yield place
    finally:
        assert await place.database.destroy(), "somebody still uses the database"
        await asyncio.to_thread(shutil.rmtree, home)


async def difference(served: Served, connection: "asyncpg.Connection[object]") -> Gap:
    return gap(venue_truth(served), await ledger(connection))


async def test_live_trades_and_kill_nine_loses_and_doubles_nothing(
    served: Served, place: LivePlace
) -> None:
    (place.home / "arbiter.toml").write_text(configuration(served, "live"))
    await place.database.start()
    connection = await asyncpg.connect(place.database.dsn)
    accounts = [server.accounts[0] for server in served.simex.servers.values()]
    try:
        for kill, fill in enumerate(KILLS):
            async with place.engine() as engine:
                apart = await difference(served, connection)
                assert not apart, f"after {kill} kills: {apart}\n{place.log_tail()}"
                await engine.tell("trade")
                assert await engine.says("trading"), place.log_tail()
                async with reasons(connection):
                    if fill is None:
                        await at_fill(accounts, lambda: None, place.log_tail, 5 * kill)
                        await asyncio.sleep(0.037 * kill)  # the answer may be read or on its way
                        engine.kill()
                    else:
                        await at_fill(accounts, engine.kill, place.log_tail, fill)
                await engine.killed()
            lost = (await difference(served, connection)).missing_fills
            assert lost or fill is None, UNTOLD
        await place.restart_and_stop()
        assert not await difference(served, connection), place.log_tail()
        booked = await events(connection)
        assert booked["TradeOpened"] > len(KILLS), booked
        assert booked["OrderFilled"] == len(venue_truth(served).fills), "a fill was told twice"
        bent = booked.keys() & {"ExternalChange", "FOREIGN_FILL", "FOREIGN_ORDER", "VENUE_FORGOT"}
        assert not bent, "a difference was booked away instead of explained"
        for venue in ("binance", "bybit"):
            assert (await served.state(venue))["brokers"] == {}
            assert (await served.state(venue))["weight"]["refused"] == 0
    finally:
        await connection.close()


BY_CCXT = {"binanceus": "binance", "bybit": "bybit"}
"""The first is none of Arbiter's own: ccxt.pro's class of it follows a server of its format."""


@pytest.mark.parametrize("servers", [SPOT, BY_CCXT], ids=",".join)
async def test_paper_trades_on_real_quotes_and_sends_nothing(
    served: Served, place: LivePlace, servers: dict[str, str]
) -> None:
    (place.home / "arbiter.toml").write_text(configuration(served, "paper", servers))
    database: EmbeddedServer = place.database
    await database.start()
    connection = await asyncpg.connect(database.dsn)
    try:
        async with place.engine() as engine:
            await engine.tell("trade")
            assert await engine.says("trading"), place.log_tail()

            async def traded() -> bool:
                at = await connection.fetch("SELECT DISTINCT venue FROM fills")
                return len(at) == len(servers) and (await events(connection))["TradeOpened"] > 1

            async with reasons(connection):
                await until(traded, place.log_tail)
            await engine.die(group=False)
        await place.restart_and_stop()
        booked = await events(connection)
        assert booked["TradeOpened"] > 1, booked
        assert booked["OrderFilled"] > 1, booked
        at = await connection.fetch("SELECT DISTINCT venue FROM fills")
        assert {row["venue"] for row in at} == set(servers)
        assert not booked.keys() & {"ExternalChange", "FOREIGN_FILL", "FOREIGN_ORDER"}
    finally:
        await connection.close()
    for server in served.simex.servers.values():
        assert not server.accounts[0].orders, "an order of paper reached a venue"


async def test_refused_start_leaves_no_connection_of_a_venue_open(
    served: Served, place: LivePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[aiohttp.ClientSession] = []
    begin = aiohttp.ClientSession.__init__

    def begun(session: aiohttp.ClientSession, *given: Any, **named: Any) -> None:
        begin(session, *given, **named)
        opened.append(session)

    monkeypatch.setattr(aiohttp.ClientSession, "__init__", begun)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        made = configuration(served, "live").replace("ops_enabled = false", f"ops_port = {port}")
        (place.home / "arbiter.toml").write_text(made)
        settings = load(environment=place.environment).settings
        with pytest.raises(Conflict, match="ops_port"):
            await run_engine(settings, stop=asyncio.Event(), environment=place.environment)
    assert len(opened) >= len(SPOT)
    assert all(session.closed for session in opened)
