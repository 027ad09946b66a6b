"""A connector: what a venue's package offers, and what must be known of it before connecting."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from arbiter.model.ids import InstrumentId, VenueId
from arbiter.model.instruments import Instrument
from arbiter.ports.candles import PastCandles
from arbiter.ports.market_data import DepthFeed, TradeFeed
from arbiter.ports.venue import Feed, FundingFeed
from arbiter.venues.common.account import AccountWiring, VenueAccount
from arbiter.venues.common.wiring import FeedWiring


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyForm:
    """What a key of the venue consists of: each part under ccxt's name for it.

    `VenueKeys` holds the parts in this order, whatever they are called.
    """

    api_key: str = "apiKey"
    secret: str = "secret"
    password: str = ""
    """Empty where a key has two parts."""


class Lister(Protocol):
    """What paper asks of a venue, without a key."""

    @property
    def venue(self) -> VenueId: ...

    async def instruments(self) -> Sequence[Instrument]:
        """What is listed of the wanted symbols. `TryAgain` or `OutcomeUnknown` without an answer."""
        ...

    async def prices(self) -> Mapping[InstrumentId, Decimal]:
        """Last prices of what is listed."""
        ...

    async def aclose(self) -> None: ...


def _no_weights(_markets: int) -> Mapping[str, float]:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Connector:
    """One venue. Makers are None for what it does not have, or not yet offers here."""

    venue: VenueId
    wallet: str = ""
    """Venues that name the same one share their money under one key; empty for one of its own."""
    key: KeyForm = KeyForm()
    capacity: float
    """Request weight at once, and …"""
    per_second: float
    """… what comes back of it, as the venue publishes them."""
    weights: Callable[[int], Mapping[str, float]] = _no_weights
    """Weight of a call (`runtime.rate_budget.CALLS`) by the number of markets; 1 if not named."""
    orders: Callable[[AccountWiring], VenueAccount]
    lists: Callable[[AccountWiring], Lister] | None = None
    """None where the order client lists as well; set, the venue is there for paper alone."""
    quotes: Callable[[FeedWiring], Feed]
    depth: Callable[[FeedWiring], DepthFeed] | None = None
    trades: Callable[[FeedWiring], TradeFeed] | None = None
    funding: Callable[[FeedWiring], FundingFeed] | None = None
    past: Callable[[FeedWiring], PastCandles] | None = None
