"""The connectors of Bybit: spot, and linear perpetuals."""

from arbiter.model.ids import VenueId
from arbiter.venues.bybit.depth import BybitDepthFeed
from arbiter.venues.bybit.feed import BybitFeed
from arbiter.venues.bybit.funding import BybitFundingFeed
from arbiter.venues.bybit.history import BybitHistory
from arbiter.venues.bybit.orders import make_bybit
from arbiter.venues.bybit.trades import BybitTradeFeed
from arbiter.venues.common.connector import Connector

CONNECTORS = (
    Connector(
        venue=VenueId("bybit"),
        wallet="bybit",
        capacity=600.0,
        per_second=100.0,
        orders=make_bybit,
        quotes=BybitFeed,
        depth=BybitDepthFeed,
        trades=BybitTradeFeed,
        past=BybitHistory,
    ),
    Connector(
        venue=VenueId("bybit_futures"),
        wallet="bybit",
        capacity=600.0,
        per_second=100.0,
        orders=make_bybit,
        quotes=BybitFeed,
        depth=BybitDepthFeed,
        trades=BybitTradeFeed,
        funding=BybitFundingFeed,
        past=BybitHistory,
    ),
)
