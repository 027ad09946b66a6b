"""The connector of Kraken spot.

The engine's budget is that of the trading engine: a counter per market, taken here for all markets
together. Reads have a counter of their own, which the order client minds (`reads`), so that they
never stand in an order's way. The figures are those of an account of the tier "Intermediate".
"""

from collections.abc import Mapping

from arbiter.model.ids import VenueId
from arbiter.venues.common.connector import Connector
from arbiter.venues.kraken.depth import KrakenDepthFeed
from arbiter.venues.kraken.feed import KrakenFeed
from arbiter.venues.kraken.history import KrakenHistory
from arbiter.venues.kraken.orders import KrakenOrders
from arbiter.venues.kraken.trades import KrakenTradeFeed

_READS = ("query", "open_orders", "fills", "holdings", "instruments")


def _weights(_markets: int) -> Mapping[str, float]:
    return {"submit": 1.0, "cancel": 2.0} | dict.fromkeys(_READS, 0.1)


CONNECTORS = (
    Connector(
        venue=VenueId("kraken"),
        capacity=125.0,
        per_second=2.34,
        weights=_weights,
        orders=KrakenOrders,
        quotes=KrakenFeed,
        depth=KrakenDepthFeed,
        trades=KrakenTradeFeed,
        past=KrakenHistory,
    ),
)
