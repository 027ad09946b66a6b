"""The connector of Kraken spot.

Reads are counted per key and forgotten at a pace; orders and cancels have a counter of their own
per market. The figures are those of an account of the tier "Intermediate".
"""

from collections.abc import Mapping

from arbiter.model.ids import VenueId
from arbiter.venues.common.connector import Connector
from arbiter.venues.kraken.depth import KrakenDepthFeed
from arbiter.venues.kraken.feed import KrakenFeed
from arbiter.venues.kraken.history import KrakenHistory
from arbiter.venues.kraken.orders import KrakenOrders
from arbiter.venues.kraken.trades import KrakenTradeFeed


def _weights(_markets: int) -> Mapping[str, float]:
    return {
        "submit": 0.1,
        "cancel": 0.2,
        "query": 2.0,
        "open_orders": 1.0,
        "fills": 3.0,
        "holdings": 1.0,
        "instruments": 2.0,
    }


CONNECTORS = (
    Connector(
        venue=VenueId("kraken"),
        capacity=20.0,
        per_second=0.5,
        weights=_weights,
        orders=KrakenOrders,
        quotes=KrakenFeed,
        depth=KrakenDepthFeed,
        trades=KrakenTradeFeed,
        past=KrakenHistory,
    ),
)
