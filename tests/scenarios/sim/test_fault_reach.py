"""Faults over real sockets reach every call, every stream and every new connection of a venue."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from arbiter.app.sim_world import World, connect_sim
from arbiter.markets.perpetual_settings import PerpetualSettings
from arbiter.matching.faults import Fault, FaultRates
from arbiter.model.errors import OutcomeUnknown, VenueUnreachable
from arbiter.model.ids import InstrumentId, VenueId
from arbiter.model.instruments import Instrument
from arbiter.model.orders import TimeInForce
from arbiter.model.perpetuals import FundingRate
from arbiter.model.reports import Accepted, Filled, Refused, Unknown, VenueReport
from arbiter.model.time import NS_PER_MS
from arbiter.runtime.rate_budget import BudgetedMarginClient
from arbiter.venues.sim.client import NOT_SENT, SimFeed, SimOrderClient
from arbiter.venues.sim.faults import FaultEvent, FaultSettings
from arbiter.venues.sim.margin import SimFundingFeed, SimMarginClient
from arbiter.venues.sim.probe import Probe
from arbiter.venues.sim.settings import SimSettings
from tests.port_suites.order_client import OrderDesk
from tests.scenarios.sim.conftest import CALM, Starter, SystemClock, answered

BINANCE, OKX = VenueId("binance"), VenueId("okx")
FUTURES, OTHER_FUTURES = VenueId("binance_futures"), VenueId("bybit_futures")
CLOCK = SystemClock()
TIMEOUT_S = 1.5
DARK_FROM_S, DARK_S = 20.0, 40.0
"""Of the venues' time: long after a client has begun to follow, and long enough for every call."""
WITH_PERPETUALS = msgspec.structs.replace(CALM, perpetuals=PerpetualSettings(symbols=2))


def faulty(*script: FaultEvent, rates: FaultRates | None = None) -> SimSettings:
    faults = FaultSettings(seed=1, script=script, rates=rates or FaultRates())
    return msgspec.structs.replace(WITH_PERPETUALS, faults=faults)


def blackhole(venue: VenueId, at_s: float, seconds: float) -> FaultEvent:
    return FaultEvent(at_s=at_s, fault=Fault.BLACKHOLE, venue=venue, seconds=seconds)


class Heard:
    """A sink of everything a venue can tell."""

    def __init__(self) -> None:
        self.reports: list[VenueReport] = []
        self.quotes: dict[int, int] = {}
        self.rates: set[VenueId] = set()

    def on_report(self, report: VenueReport) -> None:
        self.reports.append(report)

    def on_quote(self, slot: int, *_: float) -> None:
        self.quotes[slot] = self.quotes.get(slot, 0) + 1

    def on_venue_health(self, venue: VenueId, *, connected: bool, reason: str) -> None:
        """One connection serves all venues: it stays."""

    def on_funding(self, rates: Any) -> None:
        self.rates |= {told.venue for told in rates if isinstance(told, FundingRate)}


@asynccontextmanager
async def running(work: Callable[[Heard], Awaitable[None]]) -> AsyncIterator[Heard]:
    heard = Heard()
    task = asyncio.ensure_future(work(heard))
    try:
        yield heard
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(come: Callable[[], object], limit_s: float = 90.0) -> None:
    """Poll until something has come about; not coming is a failure."""
    end_s = asyncio.get_running_loop().time() + limit_s
    while not come():
        assert asyncio.get_running_loop().time() < end_s, f"did not come about in {limit_s:g} s"
        await asyncio.sleep(0.02)


async def until_dark(client: SimOrderClient, home: Path) -> None:
    """Wait until the venue swallows calls; one that is merely late is none of those."""

    def swallowed() -> int:
        with Probe(home) as probe:
            return probe.info().faults.get(Fault.BLACKHOLE, 0)

    async with asyncio.timeout(90):
        while not await asyncio.to_thread(swallowed):
            with suppress(OutcomeUnknown):
                await client.holdings()


async def of_kind(call: Awaitable[object], kind: type[Exception]) -> bool:
    try:
        await call
    except kind:
        return True
    return False


@pytest.mark.slow
@pytest.mark.timeout(240)
async def test_a_blackhole_swallows_every_call_and_lets_no_new_connection_in(
    start: Starter, home: Path
) -> None:
    start(faulty(blackhole(FUTURES, DARK_FROM_S, DARK_S)))
    client = SimMarginClient(home, FUTURES, CLOCK, timeout_s=TIMEOUT_S)
    async with running(client.run):
        await client.following.wait()
        (instrument, *_) = await answered(client.instruments)
        order = OrderDesk(client, instrument, price=Decimal(100)).order()
        await until_dark(client, home)
        calls = {
            "cancel": client.cancel(order),
            "query": client.query(order.client_order_id, instrument.id),
            "open_orders": client.open_orders(),
            "fills": client.fills_since(0),
            "holdings": client.holdings(),
            "instruments": client.instruments(),
            "positions": client.positions(),
            "margin_balances": client.margin_balances(),
            "payments": client.payments_since(0),
            "forced": client.forced_since(0),
            "leverage": client.set_leverage(instrument.id, Decimal(2)),
        }
        lost = await asyncio.gather(*(of_kind(each, OutcomeUnknown) for each in calls.values()))
        assert dict(zip(calls, lost, strict=True)) == dict.fromkeys(calls, True)
        assert isinstance(await client.submit(order), Unknown)

        newcomer = SimOrderClient(home, FUTURES, CLOCK, timeout_s=TIMEOUT_S)
        with pytest.raises(VenueUnreachable, match="lets nobody in"):
            await newcomer.holdings()
        refused = await newcomer.submit(order)
        assert isinstance(refused, Refused)
        assert refused.code == NOT_SENT
        with Probe(home) as probe:
            assert probe.truth(FUTURES).holdings, "a tool that looks is told the truth"
            assert probe.truth(FUTURES).orders == []
            assert probe.info().faults[Fault.BLACKHOLE] >= len(calls) + 2
        neighbour = SimOrderClient(home, BINANCE, CLOCK, timeout_s=5.0)
        assert await neighbour.holdings()
        await neighbour.aclose()

        assert await answered(newcomer.holdings, 2 * DARK_S), "the venue healed"
        assert await answered(client.positions) == []
        await newcomer.aclose()


@pytest.mark.slow
@pytest.mark.timeout(240)
async def test_past_candles_of_a_dark_venue_do_not_come(start: Starter, home: Path) -> None:
    start(faulty(blackhole(BINANCE, DARK_FROM_S, 600.0)))
    patient = SimOrderClient(home, BINANCE, CLOCK)
    (instrument, *_) = await patient.instruments()
    assert len(await patient.history(instrument.id)) == 24 * 60
    await patient.aclose()
    client = SimOrderClient(home, BINANCE, CLOCK, timeout_s=TIMEOUT_S)
    await until_dark(client, home)
    with pytest.raises(OutcomeUnknown):
        await client.history(instrument.id)
    await client.aclose()


async def test_a_new_subscription_hears_nothing_of_a_dark_venue(start: Starter, home: Path) -> None:
    start(faulty(blackhole(BINANCE, 0.0, 600.0)))
    other = SimOrderClient(home, OKX, CLOCK)
    listed = [*await other.instruments(), *_spot_at(BINANCE, await other.instruments())]
    slots = {instrument.id: n for n, instrument in enumerate(listed)}
    feed = SimFeed(home, slots, (BINANCE, OKX), CLOCK)
    async with running(feed.run) as heard:
        await until(lambda: sum(heard.quotes.values()) > 300)
        venues = {listed[slot].venue for slot in heard.quotes}
    assert venues == {OKX}
    await other.aclose()


def _spot_at(venue: VenueId, listed: Any) -> list[Instrument]:
    """The same markets under another venue's names."""
    return [
        msgspec.structs.replace(
            each, id=InstrumentId(str(each.id).replace("OKX", venue.upper())), venue=venue
        )
        for each in listed
    ]


async def test_a_silent_venue_does_not_hide_the_funding_of_the_others(
    start: Starter, home: Path
) -> None:
    start(faulty(blackhole(FUTURES, 0.0, 600.0)))
    feed = SimFundingFeed(home, (FUTURES, OTHER_FUTURES), CLOCK, every_s=0.05)
    async with running(feed.run) as heard:
        await until(lambda: heard.rates)
        await asyncio.sleep(0.2)
        assert heard.rates == {OTHER_FUTURES}


@pytest.mark.parametrize("ahead_ms", [3_000, -3_000])
async def test_a_wrong_clock_shows_in_everything_a_venue_tells(
    start: Starter, home: Path, ahead_ms: int
) -> None:
    start(
        faulty(
            FaultEvent(
                at_s=0, fault=Fault.CLOCK_OFFSET, venue=BINANCE, seconds=600, offset_ms=ahead_ms
            )
        )
    )
    client = SimOrderClient(home, BINANCE, CLOCK)
    began = CLOCK.now_ns()
    async with running(client.run) as heard:
        await client.following.wait()
        (instrument, *_) = [i for i in await client.instruments() if i.symbol == "ETH/USDT"]
        desk = OrderDesk(client, instrument, price=Decimal(2285))
        bought = await client.submit(desk.order(tif=TimeInForce.IOC))
        dust = msgspec.structs.replace(desk.order(), size=Decimal("0.00000001"))
        refused = await client.submit(dust)
        assert isinstance(bought, Accepted)
        assert isinstance(refused, Refused)
        await until(lambda: any(isinstance(r, Filled) for r in heard.reports))
        fills = await client.fills_since(CLOCK.now_ns() + (ahead_ms - 60_000) * NS_PER_MS)
        truth = await client.query(bought.client_order_id, instrument.id)
        told = [bought, refused, truth, *fills, *heard.reports]
        assert len(fills) == 1
        for one in told:
            meant = one.at_ns - ahead_ms * NS_PER_MS
            assert began - NS_PER_MS <= meant <= CLOCK.now_ns() + NS_PER_MS, one
    await client.aclose()


async def test_listings_are_asked_for_until_a_failing_venue_gives_them(
    start: Starter, home: Path
) -> None:
    rates = FaultRates(server_error=0.4, rate_limited=0.1)
    settings = faulty(rates=rates)
    start(settings)
    world, handle = await connect_sim(home, settings, CLOCK)
    assert handle.adopted
    assert set(world.registry.venues) == set(settings.venues)
    with Probe(home) as probe:
        assert probe.info().faults[Fault.SERVER_ERROR] > 0
    await hang_up(world)


async def test_a_margin_account_draws_on_the_budget_of_its_venue(
    start: Starter, home: Path
) -> None:
    start(WITH_PERPETUALS)
    world, _ = await connect_sim(home, WITH_PERPETUALS, CLOCK)
    assert world.margin
    for venue, client in world.margin.items():
        assert isinstance(client, BudgetedMarginClient)
        assert client is world.clients[venue]
    assert await world.margin[FUTURES].positions() == []
    await hang_up(world)


async def hang_up(world: World) -> None:
    """End the connections that were made to read the listings."""
    for client in world.clients.values():
        task = asyncio.ensure_future(client.run(Heard()))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    await asyncio.sleep(0.01)
