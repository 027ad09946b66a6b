"""The connector of Aster's perpetuals."""

from collections.abc import Mapping
from functools import partial

from arbiter.venues.aster.addresses import MARKET
from arbiter.venues.aster.orders import AsterOrders
from arbiter.venues.binance.depth import BinanceDepthFeed
from arbiter.venues.binance.feed import BinanceFeed
from arbiter.venues.binance.funding import BinanceFundingFeed
from arbiter.venues.binance.history import BinanceHistory
from arbiter.venues.binance.trades import BinanceTradeFeed
from arbiter.venues.common.connector import Connector, KeyForm


def _weights(markets: int) -> Mapping[str, float]:
    return {"open_orders": 40.0, "fills": 5.0 * markets, "holdings": 5.0}


CONNECTORS = (
    Connector(
        venue=MARKET.venue,
        key=KeyForm(api_key="walletAddress", secret="privateKey"),
        capacity=2_400.0,
        per_second=40.0,
        weights=_weights,
        orders=AsterOrders,
        quotes=partial(BinanceFeed, market=MARKET),
        depth=partial(BinanceDepthFeed, market=MARKET),
        trades=partial(BinanceTradeFeed, market=MARKET),
        funding=partial(BinanceFundingFeed, market=MARKET),
        past=partial(BinanceHistory, market=MARKET),
    ),
)
