"""The worlds of paper and live: real venues, with fills made here or there."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from decimal import Decimal
from typing import cast

import msgspec
import structlog

from arbiter.app.config import Settings
from arbiter.app.event_needs import EventNeeds
from arbiter.app.late_markets import VenueLateMarkets
from arbiter.app.sim_world import World
from arbiter.books.registry import MarketRegistry
from arbiter.model.errors import BadConfig, OutcomeUnknown, TryAgain
from arbiter.model.ids import Asset, InstrumentId, VenueId
from arbiter.model.instruments import Instrument
from arbiter.model.money import ZERO
from arbiter.model.perpetuals import is_margined
from arbiter.ports.candles import PastCandles
from arbiter.ports.clock import Clock
from arbiter.ports.event_listings import EventFinder, EventListings, EventOutcomes, LateMarkets
from arbiter.ports.market_data import DepthFeed, TradeFeed
from arbiter.ports.venue import Feed, FundingFeed
from arbiter.runtime.rate_budget import (
    BudgetedClient,
    BudgetedMarginClient,
    PerpetualsClient,
    RateBudget,
    RateSettings,
)
from arbiter.venues.catalogue import EVENT_VENUES, connector
from arbiter.venues.common.account import AccountWiring, VenueAccount
from arbiter.venues.common.connector import Lister
from arbiter.venues.common.keys import VenueKeys
from arbiter.venues.common.late_feed import LateFeed
from arbiter.venues.common.wiring import FeedWiring
from arbiter.venues.paper.client import PaperClient
from arbiter.venues.paper.feed import PaperFeed, PaperFunding
from arbiter.venues.paper.payouts import PaperPayouts, final_at_once

log = structlog.get_logger(__name__)

PATIENCE_S = 60.0
ROOM = 256
"""Event markets that can be listed while the engine runs."""
NOTHING = EventNeeds()
NO_KEYS: Mapping[VenueId, VenueKeys] = {}
_USD = ("USD", "USDT", "USDC")


def rate_settings(settings: Settings, venue: VenueId) -> RateSettings:
    """The venue's own limits and weights, where the settings say nothing else."""
    known, rate = connector(venue), settings.rate
    weights = {"submit": 1.0, "cancel": 1.0} | dict(
        known.weights(max(len(settings.venues.symbols), 1))
    )
    capacity = float(rate.venue_capacity.get(venue, Decimal(str(known.capacity))))
    most = capacity * (1 - float(rate.reserve))
    weights |= {call: float(weight) for call, weight in rate.weights.items()}
    return RateSettings(
        capacity=capacity,
        per_second=float(rate.venue_per_second.get(venue, Decimal(str(known.per_second)))),
        reserve=float(rate.reserve),
        weights={call: min(weight, most) for call, weight in weights.items()},
    )


def make_account(
    settings: Settings,
    venue: VenueId,
    keys: VenueKeys | None,
    clock: Clock,
    needs: EventNeeds = NOTHING,
) -> VenueAccount:
    """The venue's own client; without keys it can only list."""
    return connector(venue).orders(_account_wiring(settings, venue, keys, clock, needs))


def make_lister(
    settings: Settings, venue: VenueId, clock: Clock, needs: EventNeeds = NOTHING
) -> Lister:
    """What paper asks of a venue, which needs no key."""
    known = connector(venue)
    make = known.lists or known.orders
    return make(_account_wiring(settings, venue, None, clock, needs))


def _account_wiring(
    settings: Settings,
    venue: VenueId,
    keys: VenueKeys | None,
    clock: Clock,
    needs: EventNeeds,
) -> AccountWiring:
    named = settings.venues.events.get(venue, ())
    return AccountWiring(
        venue=venue,
        keys=keys,
        clock=clock,
        endpoints=settings.venues.endpoints(venue),
        private=settings.venues.private.get(venue, ""),
        symbols=() if venue in EVENT_VENUES else settings.venues.wanted(),
        markets=needs.markets.get(venue, named),
        wallets=needs.wallets.get(venue, ()),
        dead_man=venue in settings.venues.dead_man,
        folder=settings.home.root / "venues" / venue if keys is not None else None,
        timeout_s=settings.venues.timeout_seconds,
    )


class RealVenues:
    """What has to be closed when the engine ends."""

    def __init__(self, accounts: Sequence[Lister]) -> None:
        self._accounts = accounts

    async def aclose(self) -> None:
        for account in self._accounts:
            await account.aclose()


async def connect_live(
    settings: Settings,
    keys: Mapping[VenueId, VenueKeys],
    clock: Clock,
    on_ban: Callable[[VenueId, int], None],
    needs: EventNeeds = NOTHING,
) -> tuple[World, RealVenues]:
    """Read the listings and refuse keys that may do too much or too little."""
    accounts = {
        v: make_account(settings, v, keys[v], clock, needs) for v in settings.venues.venues()
    }
    real = RealVenues(tuple(accounts.values()))
    async with AsyncExitStack() as unless_all_goes_well:
        unless_all_goes_well.push_async_callback(real.aclose)
        listed = {venue: await _listing(account) for venue, account in accounts.items()}
        for account in accounts.values():
            await _check_rights(account)
        unless_all_goes_well.pop_all()
    registry = _registry(listed)
    budgets = {
        venue: RateBudget(rate_settings(settings, venue), clock.monotonic_ns())
        for venue in accounts
    }
    margin = {
        venue: BudgetedMarginClient(cast(PerpetualsClient, account), budgets[venue], clock, on_ban)
        for venue, account in accounts.items()
        if _on_margin(listed[venue])
    }
    spot = {
        venue: BudgetedClient(account, budgets[venue], clock, on_ban)
        for venue, account in accounts.items()
        if venue not in margin
    }
    wirings = _wirings(settings, listed, registry, clock, keys)
    quotes = {wiring.venue: _quotes(wiring) for wiring in wirings}
    world = World(
        registry=registry,
        feeds=list(quotes.values()),
        clients={**spot, **margin},
        past=_past(wirings),
        margin=margin,
        funding=_funding(wirings),
        trades=_trades(wirings),
        depth=_depth_of(wirings, registry),
        listings=_event_listings(accounts),
        late={
            venue: VenueLateMarkets(venue, account, [feed.follow])
            for venue, account in accounts.items()
            if isinstance(account, EventFinder) and isinstance(feed := quotes[venue], LateFeed)
        },
    )
    return world, real


async def connect_paper(
    settings: Settings,
    clock: Clock,
    on_ban: Callable[[VenueId, int], None],
    needs: EventNeeds = NOTHING,
) -> tuple[World, RealVenues]:
    """Real listings and feeds; accounts of paper in the data folder."""
    lister = {v: make_lister(settings, v, clock, needs) for v in settings.venues.venues()}
    real = RealVenues(tuple(lister.values()))
    async with AsyncExitStack() as unless_all_goes_well:
        unless_all_goes_well.push_async_callback(real.aclose)
        listed = {
            venue: [final_at_once(i) for i in await _listing(account)]
            for venue, account in lister.items()
        }
        prices = await _prices(lister, listed)
        unless_all_goes_well.pop_all()
    registry = _registry(listed)
    wirings = _wirings(settings, listed, registry, clock)
    clients = {
        venue: PaperClient(
            venue,
            listing,
            _paper_balances(settings, listing, prices),
            settings.home.root / "paper" / venue,
            clock,
            settings.venues.latency(),
        )
        for venue, listing in listed.items()
    }
    by_slot: dict[VenueId, dict[int, InstrumentId]] = {
        venue: {registry.slot(i.id): i.id for i in listing} for venue, listing in listed.items()
    }
    budgets = {v: RateBudget(settings.rate.record(v), clock.monotonic_ns()) for v in clients}
    margin = {
        venue: BudgetedMarginClient(client, budgets[venue], clock, on_ban)
        for venue, client in clients.items()
        if _on_margin(listed[venue])
    }
    spot = {
        venue: BudgetedClient(client, budgets[venue], clock, on_ban)
        for venue, client in clients.items()
        if venue not in margin
    }
    feeds: list[Feed] = []
    late: dict[VenueId, LateMarkets] = {}
    for wiring in wirings:
        venue, account = wiring.venue, lister[wiring.venue]
        quotes = _quotes(wiring)
        shown = PaperFeed(quotes, clients[venue], by_slot[venue])
        feeds.append(shown)
        if isinstance(account, EventFinder) and isinstance(quotes, LateFeed):
            payouts = PaperPayouts(account, clients[venue], listed[venue])
            feeds.append(payouts)
            parts = [clients[venue].admit, shown.admit, quotes.follow, payouts.admit]
            late[venue] = VenueLateMarkets(venue, account, parts, final_at_once)
    funding: list[FundingFeed] = [
        PaperFunding(make(wiring), clients[wiring.venue])
        for wiring in wirings
        if (make := connector(wiring.venue).funding) is not None
    ]
    world = World(
        registry=registry,
        feeds=feeds,
        clients={**spot, **margin},
        past=_past(wirings),
        margin=margin,
        funding=funding,
        trades=_trades(wirings),
        depth=_depth_of(wirings, registry),
        listings=_event_listings(lister),
        late=late,
    )
    return world, real


def _event_listings(accounts: Mapping[VenueId, Lister]) -> dict[VenueId, EventListings]:
    return {v: account for v, account in accounts.items() if isinstance(account, EventOutcomes)}


async def _check_rights(account: VenueAccount) -> None:
    rights = await account.rights()
    if rights.can_withdraw:
        raise BadConfig(
            f"the key of {account.venue} may withdraw: it is refused; "
            f"{rights.safe_key or 'make one that may only read and trade'}, and run "
            f"`arbiter keys add {account.venue}`"
        )
    if not rights.can_trade:
        raise BadConfig(
            f"the key of {account.venue} may not trade: allow it at the venue, or give another"
        )


def _registry(listed: Mapping[VenueId, Sequence[Instrument]]) -> MarketRegistry:
    """With room for event markets that are listed later."""
    room = ROOM if any(venue in EVENT_VENUES for venue in listed) else 0
    return MarketRegistry((i for listing in listed.values() for i in listing), room=room)


def _quotes(wiring: FeedWiring) -> Feed:
    make = connector(wiring.venue).quotes
    return LateFeed(wiring, make) if wiring.venue in EVENT_VENUES else make(wiring)


def _on_margin(listing: Sequence[Instrument]) -> bool:
    return any(is_margined(instrument) for instrument in listing)


async def _listing(account: Lister) -> Sequence[Instrument]:
    """Ask for a listing until the venue answers, or `PATIENCE_S` have passed."""
    loop = asyncio.get_running_loop()
    end_s, pause_s = loop.time() + PATIENCE_S, 0.2
    while True:
        try:
            found = await account.instruments()
        except (TryAgain, OutcomeUnknown) as error:
            if loop.time() + pause_s > end_s:
                raise
            log.warning("no listing yet", venue=account.venue, why=str(error))
        else:
            if not found:
                raise BadConfig(_nothing_listed(account.venue))
            return found
        await asyncio.sleep(pause_s)
        pause_s = min(2 * pause_s, 5.0)


def _nothing_listed(venue: VenueId) -> str:
    if venue in EVENT_VENUES:
        return f"venues.events.{venue}: name event markets that it lists, or approve a pair of them"
    return f"venues.symbols: {venue} lists none of them"


def _wirings(
    settings: Settings,
    listed: Mapping[VenueId, Sequence[Instrument]],
    registry: MarketRegistry,
    clock: Clock,
    keys: Mapping[VenueId, VenueKeys] = NO_KEYS,
) -> list[FeedWiring]:
    return [
        FeedWiring(
            venue=venue,
            instruments=listing,
            slots={i.id: registry.slot(i.id) for i in listing},
            clock=clock,
            endpoints=settings.venues.endpoints(venue),
            keys=keys.get(venue),
        )
        for venue, listing in listed.items()
    ]


def _funding(wirings: Sequence[FeedWiring]) -> list[FundingFeed]:
    makers = ((connector(wiring.venue).funding, wiring) for wiring in wirings)
    return [make(wiring) for make, wiring in makers if make is not None]


def _trades(wirings: Sequence[FeedWiring]) -> list[TradeFeed]:
    makers = ((connector(wiring.venue).trades, wiring) for wiring in wirings)
    return [make(wiring) for make, wiring in makers if make is not None]


def _depth_of(
    wirings: Sequence[FeedWiring], registry: MarketRegistry
) -> Callable[[InstrumentId], DepthFeed | None]:
    """Follow one market by a feed of its own: depth is for those that somebody looks at."""
    of_venue = {wiring.venue: wiring for wiring in wirings}

    def open_feed(name: InstrumentId) -> DepthFeed | None:
        instrument = registry.get(name)
        if instrument is None or instrument.venue not in of_venue:
            return None
        wiring = of_venue[instrument.venue]
        make = connector(wiring.venue).depth
        if make is None:
            return None
        slots = {name: registry.slot(name)}
        return make(msgspec.structs.replace(wiring, instruments=(instrument,), slots=slots))

    return open_feed


def _past(wirings: Sequence[FeedWiring]) -> dict[VenueId, PastCandles]:
    makers = ((connector(wiring.venue).past, wiring) for wiring in wirings)
    return {wiring.venue: make(wiring) for make, wiring in makers if make is not None}


async def _prices(
    accounts: Mapping[VenueId, Lister], listed: Mapping[VenueId, Sequence[Instrument]]
) -> dict[Asset, Decimal]:
    """A price in dollars for each base asset, from any venue."""
    prices: dict[Asset, Decimal] = {}
    for venue, account in accounts.items():
        told = await account.prices()
        for instrument in listed[venue]:
            price = told.get(instrument.id)
            if price is not None and instrument.quote in _USD:
                prices.setdefault(instrument.base, price)
    return prices


def _paper_balances(
    settings: Settings, listing: Sequence[Instrument], prices: Mapping[Asset, Decimal]
) -> dict[Asset, Decimal]:
    balances: dict[Asset, Decimal] = {}
    for instrument in listing:
        balances[instrument.settle] = settings.venues.paper_quote
        price = prices.get(instrument.base, ZERO)
        if not is_margined(instrument) and price > ZERO:
            worth = settings.venues.paper_base_usd / price
            balances[instrument.base] = instrument.floor_size(worth)
    return balances
