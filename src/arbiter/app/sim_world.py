"""The world of the default mode: simulated venues in a process of their own."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec
import structlog

from arbiter.books.registry import MarketRegistry
from arbiter.model.errors import OutcomeUnknown, TryAgain
from arbiter.model.ids import InstrumentId, VenueId
from arbiter.model.instruments import Instrument
from arbiter.model.perpetuals import is_perpetual
from arbiter.ports.candles import PastCandles
from arbiter.ports.clock import Clock
from arbiter.ports.event_listings import EventListings, LateMarkets
from arbiter.ports.market_data import DepthFeed, TradeFeed
from arbiter.ports.venue import Feed, FundingFeed, MarginClient, OrderClient
from arbiter.runtime.rate_budget import (
    BudgetedClient,
    BudgetedMarginClient,
    RateBudget,
    RateSettings,
)
from arbiter.venues.sim.client import SimFeed, SimOrderClient
from arbiter.venues.sim.events import SimEventListings
from arbiter.venues.sim.margin import SimFundingFeed, SimMarginClient
from arbiter.venues.sim.settings import SimSettings
from arbiter.venues.sim.spawn import SimHandle, ensure_running

log = structlog.get_logger(__name__)

LISTING_PATIENCE_S = 60.0
"""How long a venue's listing is waited for at start: nothing can be traded without it."""


class World(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a mode brings: markets, feeds and order clients."""

    registry: MarketRegistry
    feeds: Sequence[Feed]
    clients: Mapping[VenueId, OrderClient]
    """Each within its venue's rate budget, shared by all that trade there."""
    past: Mapping[VenueId, PastCandles]
    """Whoever can tell candles from before we watched: public data, outside the budgets."""
    margin: Mapping[VenueId, MarginClient] = {}
    """Those of `clients` that hold positions: the same budgets hold for their accounts."""
    funding: Sequence[FundingFeed] = ()
    trades: Sequence[TradeFeed] = ()
    """Public trades, of which candles are made."""
    listings: Mapping[VenueId, EventListings] = {}
    """Of the event markets, with their rule texts."""
    late: Mapping[VenueId, LateMarkets] = {}
    """Venues whose markets can be listed while the engine runs."""
    depth: Callable[[InstrumentId], DepthFeed | None] = lambda _name: None
    """Makes the depth feed of one market; None where there is none."""


def perpetual_clients(world: World) -> dict[VenueId, MarginClient]:
    """Those of the margin clients whose venues list perpetuals."""
    venues = {i.venue for i in world.registry.instruments if is_perpetual(i)}
    return {venue: client for venue, client in world.margin.items() if venue in venues}


async def connect_sim(
    home: Path,
    settings: SimSettings,
    clock: Clock,
    rate: Callable[[VenueId], RateSettings] = lambda _venue: RateSettings(),
    on_ban: Callable[[VenueId, int], None] = lambda _venue, _ms: None,
) -> tuple[World, SimHandle]:
    """Start or adopt the simulated venues and read their listings."""
    handle = await asyncio.to_thread(ensure_running, home, settings)
    spot = {venue: SimOrderClient(home, venue, clock) for venue in settings.markets.venues}
    perpetual, event = settings.perpetuals.listed, settings.events.listed
    margin = {venue: SimMarginClient(home, venue, clock) for venue in (*perpetual, *event)}
    clients = {**spot, **margin}
    listed = await asyncio.gather(*(_listing(client) for client in clients.values()))
    registry = MarketRegistry(instrument for listing in listed for instrument in listing)
    slots = {instrument.id: registry.slot(instrument.id) for instrument in registry.instruments}
    feed = SimFeed(home, slots, settings.venues, clock)
    budgets = {venue: RateBudget(rate(venue), clock.monotonic_ns()) for venue in clients}
    on_margin = {
        venue: BudgetedMarginClient(client, budgets[venue], clock, on_ban)
        for venue, client in margin.items()
    }
    on_spot = {
        venue: BudgetedClient(client, budgets[venue], clock, on_ban)
        for venue, client in spot.items()
    }
    every_s = min(1.0, 600.0 / settings.perpetuals.time_scale)
    funding = SimFundingFeed(home, perpetual, clock, every_s=max(every_s, 0.1))
    world = World(
        registry=registry,
        feeds=(feed,),
        clients={**on_spot, **on_margin},
        past=dict(spot),
        margin=on_margin,
        funding=(funding,) if perpetual else (),
        listings={venue: SimEventListings(home, venue) for venue in event},
    )
    return world, handle


async def _listing(client: OrderClient) -> Sequence[Instrument]:
    """Ask for a venue's listing until it answers, or `LISTING_PATIENCE_S` have passed."""
    loop = asyncio.get_running_loop()
    end_s, pause_s = loop.time() + LISTING_PATIENCE_S, 0.2
    while True:
        try:
            return await client.instruments()
        except (TryAgain, OutcomeUnknown) as error:
            if loop.time() + pause_s > end_s:
                raise
            log.warning("no listing yet", venue=client.venue, why=str(error))
        await asyncio.sleep(pause_s)
        pause_s = min(2 * pause_s, 5.0)
