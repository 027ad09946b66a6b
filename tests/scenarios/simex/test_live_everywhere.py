"""Every exchange at once, live: one engine trades spot and funding over all that are simulated."""

import asyncio
import json
import shutil
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from arbiter.model.ids import Symbol, VenueId
from arbiter.model.perpetuals import FundingRate
from arbiter.runtime.clock import SystemClock
from arbiter.simex.account import Account
from arbiter.simex.market import Market
from arbiter.simex.settings import SimexSettings
from arbiter.venues.catalogue import connector
from tests.scenarios.simex.conftest import Serve, Served
from tests.scenarios.simex.moments import UNBOUNDED, UNTOLD, at_fill, reasons, until
from tests.scenarios.test_kill9 import Place, events

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

SPOT = {"binance": 0, "bybit": 0, "okx": 0, "kraken": 0, "coinbase": 0}
PERPETUALS = {"binance_futures": 0, "bybit_futures": 1, "hyperliquid": 0, "aster": 0}
"""Accounts by venue: a wallet that spot and perpetuals would share is not counted twice."""
VENUES = SPOT | PERPETUALS
KILLS = (1, None, 4)
"""At which fill, after all have traded, the engine dies; None: some time after one."""
WITHIN_S = 300.0
"""For a trade at each of them: few chances are taken in time where the machine does much else."""
SETTLED_IN = ("USDT", "USDC")
BASES = ("BTC", "ETH", "BNB", "SOL", "XRP", "ADA", "DOGE", "AVAX")
EVERYWHERE = SimexSettings(
    seed=21,
    venues=tuple(dict.fromkeys(v.replace("bybit_futures", "bybit") for v in VENUES)),
    symbols=len(BASES),
    quotes_per_second=100.0,
    dislocations_per_minute=400.0,
    funding_dispersion=0.004,
    starting_base_usd=Decimal(100_000),
)
"""Dislocated often enough that each exchange is soon the best to buy or to sell at.

With this seed each exchange of perpetuals has the lowest or the highest rate of three symbols or
more: `test_each_exchange_of_perpetuals_has_rates_that_make_a_pair` holds it to that.
"""


def server_of(venue: str) -> str:
    return "bybit" if venue == "bybit_futures" else venue


def configuration(served: Served) -> str:
    def table(part: str) -> str:
        return "\n".join(f'{v} = "{served.lines[server_of(v)][part]}"' for v in VENUES)

    symbols = [f"{base}/{quote}" for base in BASES for quote in SETTLED_IN]
    return f"""
[engine]
mode = "live"
[venues]
enabled = {json.dumps(list(VENUES))}
symbols = {json.dumps(symbols)}
[venues.rest]
{table("rest")}
[venues.stream]
{table("ws")}
[spot]
cooldown_seconds = 0.5
use_trend_filter = false
max_trades_per_hour = 100000
[funding]
hold_hours = 72
quiet_before_seconds = 0
quiet_after_seconds = 0
max_pairs = {len(BASES)}
min_liquidation_distance = 0
max_adl_rank = 5
max_entry_basis = 0.01
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


class Everywhere(Place):
    def __init__(self, home: Path, served: Served) -> None:
        super().__init__(home)
        for venue, number in VENUES.items():
            key = served.lines[server_of(venue)]["accounts"][number]
            form, stem = connector(VenueId(venue)).key, f"ARBITER_VENUE_{venue.upper()}"
            self.environment[f"{stem}_API_KEY"] = key[form.api_key]
            self.environment[f"{stem}_SECRET"] = key[form.secret]
            if form.password:
                self.environment[f"{stem}_PASSWORD"] = key[form.password]


@pytest.fixture
async def served(serve: Serve) -> Served:
    return await serve(EVERYWHERE)


@pytest.fixture
async def place(served: Served) -> AsyncIterator[Everywhere]:
    home = Path(tempfile.mkdtemp(prefix="arbiter-live-"))
    place = Everywhere(home, served)
    try:
        yield place
    finally:
        assert await place.database.destroy(), "somebody still uses the database"
        await asyncio.to_thread(shutil.rmtree, home)


def accounts(served: Served) -> dict[str, Account]:
    return {
        venue: served.simex.servers[server_of(venue)].accounts[number]
        for venue, number in VENUES.items()
    }


async def traded_everywhere(served: Served) -> bool:
    return all(account.fills for account in accounts(served).values())


def venue_books(served: Served) -> dict[str, Any]:
    """Number of fills by venue, and what is held there."""
    told = accounts(served)
    held: dict[tuple[str, str], Decimal] = {}
    for venue, account in told.items():
        if venue in SPOT:
            held |= {(venue, a): total for a, (total, _) in account.balances.items() if total}
        else:
            held |= {
                (venue, one.asset): one.wallet
                for one in account.exchange.margin.balances()
                if one.asset in SETTLED_IN
            }
    return {"fills": {v: len(a.fills) for v, a in told.items() if a.fills}, "held": held}


async def ledger_books(
    connection: "asyncpg.Connection[Any]", like: dict[str, Any]
) -> dict[str, Any]:
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        fills = await connection.fetch("SELECT venue, count(*) n FROM fills GROUP BY venue")
        held = await connection.fetch("SELECT venue, asset, total FROM balances")
    told = {(row["venue"], row["asset"]): row["total"] for row in held if row["total"]}
    return {
        "fills": {row["venue"]: row["n"] for row in fills},
        "held": {key: told.get(key) for key in like["held"]},
    }


def test_each_exchange_of_perpetuals_has_rates_that_make_a_pair() -> None:
    """One pair of each symbol is opened, between its lowest and its highest rate."""
    now_ns = SystemClock().now_ns()
    market = Market(EVERYWHERE, now_ns)
    market.first(now_ns)
    by_symbol: dict[Symbol, list[FundingRate]] = {}
    for rate in market.funding(now_ns).values():
        if rate.venue in PERPETUALS:
            by_symbol.setdefault(rate.symbol, []).append(rate)
    assert len(by_symbol) == len(BASES)
    best: Counter[str] = Counter()
    for rates in by_symbol.values():
        ordered = sorted(rates, key=lambda rate: rate.per_8h)
        best.update((ordered[0].venue, ordered[-1].venue))
    assert all(best[venue] >= 3 for venue in PERPETUALS), best


async def test_one_engine_trades_spot_over_five_exchanges_and_funding_over_four(
    served: Served, place: Everywhere
) -> None:
    (place.home / "arbiter.toml").write_text(configuration(served))
    await place.database.start()
    connection = await asyncpg.connect(place.database.dsn)

    def missing() -> str:
        idle = [venue for venue, account in accounts(served).items() if not account.fills]
        return f"nothing was traded at {idle}\n{place.log_tail()}"

    try:
        for fill in KILLS:
            async with place.engine() as engine:
                await engine.tell("trade")
                assert await engine.says("trading"), place.log_tail()
                await engine.tell("fund")
                assert await engine.says("funding"), place.log_tail()
                there = list(accounts(served).values())
                async with reasons(connection):
                    await until(lambda: traded_everywhere(served), missing, WITHIN_S)
                    if fill is None:
                        await at_fill(there, lambda: None, place.log_tail)
                        await asyncio.sleep(0.05)  # the answer may be read or on its way
                        engine.kill()
                    else:
                        await at_fill(there, engine.kill, place.log_tail, fill)
                await engine.killed()
            books = venue_books(served)
            booked = await ledger_books(connection, books)
            assert fill is None or booked["fills"] != books["fills"], UNTOLD
        await place.restart_and_stop()
        books = venue_books(served)
        assert await ledger_books(connection, books) == books, place.log_tail()
        kinds = await events(connection)
        assert not kinds.keys() & {"ExternalChange", "FOREIGN_FILL", "FOREIGN_ORDER"}, kinds
        for server in served.lines:
            state = await served.state(server)
            assert state["brokers"] == {}, server
            assert state["weight"]["bans"] == 0, server
    finally:
        await connection.close()
