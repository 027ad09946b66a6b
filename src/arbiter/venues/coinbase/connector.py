"""The connector of Coinbase Advanced Trade, spot."""

from collections.abc import Mapping

from arbiter.model.ids import VenueId
from arbiter.venues.coinbase.depth import CoinbaseDepthFeed
from arbiter.venues.coinbase.feed import CoinbaseFeed
from arbiter.venues.coinbase.history import CoinbaseHistory
from arbiter.venues.coinbase.orders import CoinbaseOrders
from arbiter.venues.coinbase.trades import CoinbaseTradeFeed
from arbiter.venues.common.connector import Connector


def _weights(_markets: int) -> Mapping[str, float]:
    """An order costs its own request, and those for its fills."""
    return {"submit": 2.0, "fills": 2.0, "instruments": 2.0}


CONNECTORS = (
    Connector(
        venue=VenueId("coinbase"),
        capacity=30.0,
        per_second=30.0,
        weights=_weights,
        orders=CoinbaseOrders,
        quotes=CoinbaseFeed,
        depth=CoinbaseDepthFeed,
        trades=CoinbaseTradeFeed,
        past=CoinbaseHistory,
    ),
)
