"""Event pairs live: `arbiter up` against a simulated Polymarket and a simulated Kalshi."""

import asyncio
import json
import os
import random
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import pytest

from arbiter.markets.event_settings import EVENT_VENUES, EventMarketSettings
from arbiter.model.ids import VenueId
from arbiter.model.money import ZERO
from arbiter.simex.settings import SimexSettings
from arbiter.storage.embedded import EmbeddedServer
from arbiter.venues.catalogue import connector
from tests.scenarios.simex.conftest import Serve, Served
from tests.scenarios.simex.moments import UNBOUNDED, UNTOLD, at_fill, reasons, until, words_of
from tests.scenarios.test_kill9 import ROOT, events

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1_200)]
"""Each wait has an end of its own; together they are one for each of a dozen processes."""

KILLS = (1, None, 2, None, 5)
"""At which fill the engine dies; None: some time after one."""
_TRIES = 3
CAP = 60
WIDE = 4_000
"""A cap that is never reached: what is left of one may be too little for an order."""
ARBITER = str(Path(sys.executable).with_name("arbiter"))
SEED = 20_261_121
VENUES = ("polymarket", "kalshi")
COMPLEMENTS = ("JOBLESS-CAP",)
TOPICS = ("BTC-ABOVE", "ETH-ABOVE", "GOLD-ABOVE", "RATE-HOLD", "HARBOUR-NORTH", *COMPLEMENTS)
LIVELY = SimexSettings(
    venues=VENUES,
    order_latency_ms=30.0,
    events=EventMarketSettings(
        round_seconds=86_400.0,
        quotes_per_second=120.0,
        dislocations_per_minute=400.0,
        confirm_seconds=0.5,
        volatility=1.0,
    ),
)
"""One price or the other is away by several cents at almost any time."""


def configuration(served: Served, mode: str = "live", cap: int = CAP) -> str:
    def table(part: str) -> str:
        return "\n".join(f'{venue} = "{served.lines[venue][part]}"' for venue in VENUES)

    names = json.dumps(TOPICS)
    return f"""
[engine]
mode = "{mode}"
[venues]
enabled = ["polymarket", "kalshi"]
[venues.events]
kalshi = {names}
polymarket = {names.lower()}
[venues.rest]
{table("rest")}
[venues.stream]
{table("ws")}
[events]
max_position_size = 20
cooldown_seconds = 0.2
retry_seconds = 0.2
[pairs]
poll_seconds = 2
cap_usd = {cap}
[risk]
{UNBOUNDED}
[agents]
enabled = false
[copying]
enabled = false
[listen]
spot_enabled = false
agents_enabled = false
desk_enabled = false
ops_enabled = false
control_enabled = false
"""


class Place:
    """A data folder, the engine's process over it, and its database."""

    def __init__(self, home: Path, served: Served) -> None:
        self.home = home
        self.database = EmbeddedServer(home / "postgres")
        self.environment = os.environ | {"ARBITER_HOME": str(home)}
        for venue in VENUES:
            form, line = connector(VenueId(venue)).key, served.lines[venue]
            stem = f"ARBITER_VENUE_{venue.upper()}"
            self.environment[f"{stem}_API_KEY"] = line[form.api_key]
            self.environment[f"{stem}_SECRET"] = line[form.secret]
            if form.password:
                self.environment[f"{stem}_PASSWORD"] = line[form.password]

    @asynccontextmanager
    async def up(self, *, opening: bool = True) -> AsyncIterator[asyncio.subprocess.Process]:
        """`arbiter up`, which opens pairs or only keeps those that are open."""
        environment = self.environment | {"ARBITER__EVENTS__ENABLED": str(opening).lower()}
        with (self.home / "engine.log").open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                ARBITER, "up", "--no-view",
                env=environment, cwd=ROOT, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def arbiter(self, *words: str) -> Any:
        """Give what a command answers in JSON; None when it fails."""
        process = await asyncio.create_subprocess_exec(
            ARBITER, *words, "--json",
            env=self.environment, cwd=ROOT, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        told = await words_of(process)
        return json.loads(told) if process.returncode == 0 else None

    def log_tail(self) -> str:
        return (self.home / "engine.log").read_text(errors="replace")[-6_000:]


class Books(msgspec.Struct, frozen=True, kw_only=True):
    """What venues and ledger must agree on."""

    fills: dict[str, tuple[int, Decimal, Decimal]]
    """Number, size and fees by venue."""
    wallets: dict[str, Decimal]
    positions: dict[str, Decimal]
    """Contracts of YES by instrument."""
    open_orders: int


def venue_books(served: Served) -> Books:
    accounts = {venue: served.simex.servers[venue].accounts[0] for venue in VENUES}
    return Books(
        fills={
            venue: (
                len(told.exchange.fills_since(0)),
                sum((fill.size for fill in told.exchange.fills_since(0)), ZERO),
                sum((fill.fee for fill in told.exchange.fills_since(0)), ZERO),
            )
            for venue, told in accounts.items()
        },
        wallets={
            venue: next(total for total, _ in told.balances.values())
            for venue, told in accounts.items()
        },
        positions={
            name: held.quantity
            for told in accounts.values()
            for name, held in told.exchange.margin.positions.items()
            if held.quantity
        },
        open_orders=sum(len(told.open_orders()) for told in accounts.values()),
    )


def lone(books: Books) -> dict[str, Decimal]:
    """Contracts by topic that one leg holds more than the other, and that are enough for an order."""
    found = {}
    for topic in TOPICS:
        yes, other = (books.positions.get(f"{topic}.{venue.upper()}", ZERO) for venue in VENUES)
        turned = other if topic in COMPLEMENTS else -other
        matched = min(abs(yes), abs(turned)) if yes * turned > 0 else ZERO
        over = dict(zip(VENUES, (abs(yes) - matched, abs(turned) - matched), strict=True))
        if any(size >= EVENT_VENUES[VenueId(venue)].min_size for venue, size in over.items()):
            found[topic] = yes - turned
    return found


def costs(served: Served) -> dict[str, Decimal]:
    """What both legs of each topic cost, and lose when both pay nothing."""
    made: dict[str, Decimal] = {}
    for venue in VENUES:
        margin = served.simex.servers[venue].accounts[0].exchange.margin
        for name, held in margin.positions.items():
            if held.quantity:
                topic = name.rpartition(".")[0]
                made[topic] = made.get(topic, ZERO) + held.margin
    return made


async def ledger_books(connection: "asyncpg.Connection[Any]") -> Books:
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        fills = await connection.fetch(
            "SELECT venue, count(*) n, sum(size) size, sum(fee) fee FROM fills GROUP BY venue"
        )
        wallets = await connection.fetch("SELECT venue, total FROM balances")
        held = await connection.fetch(
            "SELECT instrument, quantity FROM margin_positions WHERE quantity <> 0"
        )
        waiting = await connection.fetchval(
            "SELECT count(*) FROM orders WHERE status IN "
            "('CREATED', 'SUBMITTED', 'WORKING', 'PARTIALLY_FILLED')"
        )
    none: dict[str, tuple[int, Decimal, Decimal]] = dict.fromkeys(VENUES, (0, ZERO, ZERO))
    return Books(
        fills=none | {row["venue"]: (row["n"], row["size"], row["fee"]) for row in fills},
        wallets={row["venue"]: row["total"] for row in wallets},
        positions={row["instrument"]: row["quantity"] for row in held},
        open_orders=waiting,
    )


class Look:
    """The ledger beside what the venues hold to be so."""

    def __init__(self, served: Served, place: Place, connection: "asyncpg.Connection[Any]") -> None:
        self.served, self.place, self.connection = served, place, connection
        self.ledger: Books | None = None

    async def alike(self) -> bool:
        self.ledger = await ledger_books(self.connection)
        return self.ledger == venue_books(self.served)

    async def agrees(self) -> None:
        await until(
            self.alike,
            lambda: f"{self.ledger}\n{venue_books(self.served)}\n{self.place.log_tail()}",
        )

    async def counted(self, kind: str, least: int) -> None:
        async def enough() -> bool:
            return (await events(self.connection))[kind] >= least

        async with reasons(self.connection):
            await until(enough, lambda: f"too few {kind}\n{self.place.log_tail()}")

    async def filled(self, least: int) -> None:
        """Wait for so many fills at either venue."""

        async def enough() -> bool:
            return all(number >= least for number, _, _ in venue_books(self.served).fills.values())

        async with reasons(self.connection):
            await until(enough, lambda: f"too few fills\n{self.place.log_tail()}")

    async def whole(self) -> None:
        """Wait until nothing is under way and no leg stands alone that an order could reduce."""

        async def so() -> bool:
            books = venue_books(self.served)
            return not (books.open_orders or lone(books)) and await self.alike()

        async with reasons(self.connection):
            await until(so, lambda: f"{venue_books(self.served)}\n{self.place.log_tail()}")

    async def at_fill(self, act: Callable[[], None], number: int = 1) -> None:
        accounts = [self.served.simex.servers[venue].accounts[0] for venue in VENUES]
        async with reasons(self.connection):
            await at_fill(accounts, act, self.place.log_tail, number)

    async def approve(self, least: int) -> None:
        """Wait for the engine's own proposals and approve them."""

        async def proposed() -> bool:
            rows = await self.place.arbiter("pairs", "show", "--state", "proposed")
            return rows is not None and len(rows) >= least

        await until(proposed, self.place.log_tail)
        rows = None
        for _ in range(_TRIES):  # an answer that a busy engine gives too late is no refusal
            for row in await self.place.arbiter("pairs", "show", "--state", "proposed") or ():
                await self.place.arbiter("pairs", "approve", row["id"], "--acknowledge")
            rows = await self.place.arbiter("pairs", "show", "--state", "approved")
            if rows is not None and len(rows) >= least:
                return
        pytest.fail(f"approved: {rows}\n{self.place.log_tail()}", pytrace=False)


@pytest.fixture
async def look(serve: Serve) -> AsyncIterator[Look]:
    served = await serve(LIVELY)
    home = Path(tempfile.mkdtemp(prefix="arbiter-events-"))
    place = Place(home, served)
    (home / "arbiter.toml").write_text(configuration(served))
    await place.database.start()
    connection = await asyncpg.connect(place.database.dsn)
    try:
        yield Look(served, place, connection)
    finally:
        await connection.close()
        assert await place.database.destroy(), "somebody still uses the database"
        await asyncio.to_thread(shutil.rmtree, home)


async def test_approved_pairs_trade_live_and_kill_nine_loses_and_doubles_nothing(
    look: Look,
) -> None:
    place, draw = look.place, random.Random(SEED)
    (place.home / "arbiter.toml").write_text(configuration(look.served, cap=WIDE))
    async with place.up():
        await look.approve(4)
        await look.filled(len(KILLS) + 1)
    for kill, fill in enumerate(KILLS, start=2):
        async with place.up() as process:
            await look.counted("EngineStarted", kill)
            if fill is None:
                await look.at_fill(lambda: None)
                await asyncio.sleep(draw.uniform(0.0, 0.15))  # the answer may be read or not
                process.kill()
            else:
                await look.at_fill(process.kill, fill)
            assert await process.wait() == -signal.SIGKILL, place.log_tail()
        alike = await look.alike()
        assert fill is None or not alike, UNTOLD
    async with place.up(opening=False) as process:
        await look.counted("EngineStarted", len(KILLS) + 2)
        await look.agrees()
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0, place.log_tail()
    booked = await events(look.connection)
    bent = booked.keys() & {"ExternalChange", "FOREIGN_FILL", "FOREIGN_ORDER", "VENUE_FORGOT"}
    assert not bent, "a difference was booked away instead of explained"
    told = venue_books(look.served)
    assert all(told.fills[venue][0] > len(KILLS) for venue in VENUES)
    for venue in VENUES:
        assert (await look.served.state(venue))["brokers"] == {}


async def test_divergent_resolution_loses_at_most_the_cap_and_is_booked_and_alarmed(
    look: Look,
) -> None:
    """Both legs of a pair lose: the venues decide the same event differently."""
    async with look.place.up() as process:
        await look.approve(4)
        await look.filled(2)
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0, look.place.log_tail()
    async with look.place.up(opening=False):
        await look.counted("EngineStarted", 2)
        await look.whole()
        before, cost = venue_books(look.served), costs(look.served)
        for name, held in before.positions.items():
            topic, _, venue = name.rpartition(".")
            payout = 0 if held > 0 else 1
            await look.served.act(venue.lower(), "resolve", symbol=topic, amount=payout)
        await look.counted("RESOLUTION", len(before.positions))
        await look.agrees()
    after = venue_books(look.served)
    assert before.positions
    assert after.positions == {}
    assert sum(before.wallets.values()) - sum(after.wallets.values()) == sum(cost.values())
    assert all(ZERO < spent <= CAP for spent in cost.values()), "the cap holds for each pair"


async def test_paper_trades_an_approved_pair_without_a_key_and_sends_nothing(look: Look) -> None:
    (look.place.home / "arbiter.toml").write_text(configuration(look.served, "paper"))
    for name in [name for name in look.place.environment if name.startswith("ARBITER_VENUE_")]:
        del look.place.environment[name]
    async with look.place.up() as process:
        await look.approve(4)
        await look.counted("TradeOpened", 1)
        await look.counted("OrderFilled", 2)
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0, look.place.log_tail()
    assert not (await events(look.connection)).keys() & {"ExternalChange", "FOREIGN_FILL"}
    for server in look.served.simex.servers.values():
        assert not server.accounts[0].orders, "an order of paper reached a venue"
