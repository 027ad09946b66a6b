"""The connectors of Binance: spot, and USD-M perpetuals."""

from collections.abc import Mapping

from arbiter.model.ids import VenueId
from arbiter.venues.binance.depth import BinanceDepthFeed
from arbiter.venues.binance.feed import BinanceFeed
from arbiter.venues.binance.funding import BinanceFundingFeed
from arbiter.venues.binance.futures import BinanceFuturesOrders
from arbiter.venues.binance.history import BinanceHistory
from arbiter.venues.binance.orders import BinanceSpotOrders
from arbiter.venues.binance.trades import BinanceTradeFeed
from arbiter.venues.common.connector import Connector


def _spot_weights(markets: int) -> Mapping[str, float]:
    return {
        "query": 4.0,
        "open_orders": 80.0,
        "fills": 20.0 * markets,
        "holdings": 20.0,
        "instruments": 21.0,
    }


def _futures_weights(markets: int) -> Mapping[str, float]:
    return {"open_orders": 40.0, "fills": 5.0 * markets, "holdings": 5.0}


CONNECTORS = (
    Connector(
        venue=VenueId("binance"),
        capacity=6_000.0,
        per_second=100.0,
        weights=_spot_weights,
        orders=BinanceSpotOrders,
        quotes=BinanceFeed,
        depth=BinanceDepthFeed,
        trades=BinanceTradeFeed,
        past=BinanceHistory,
    ),
    Connector(
        venue=VenueId("binance_futures"),
        capacity=2_400.0,
        per_second=40.0,
        weights=_futures_weights,
        orders=BinanceFuturesOrders,
        quotes=BinanceFeed,
        depth=BinanceDepthFeed,
        trades=BinanceTradeFeed,
        funding=BinanceFundingFeed,
        past=BinanceHistory,
    ),
)
