"""The connector of Hyperliquid: perpetuals."""

from collections.abc import Mapping

from arbiter.model.ids import VenueId
from arbiter.venues.common.connector import Connector, KeyForm
from arbiter.venues.hyperliquid.depth import HyperliquidDepthFeed
from arbiter.venues.hyperliquid.feed import HyperliquidFeed
from arbiter.venues.hyperliquid.funding import HyperliquidFundingFeed
from arbiter.venues.hyperliquid.history import HyperliquidHistory
from arbiter.venues.hyperliquid.orders import HyperliquidOrders
from arbiter.venues.hyperliquid.trades import HyperliquidTradeFeed


def _weights(_markets: int) -> Mapping[str, float]:
    """Questions cost 20, but for those that the venue holds to be cheap."""
    return {
        "query": 2.0,
        "open_orders": 20.0,
        "fills": 20.0,
        "holdings": 2.0,
        "instruments": 40.0,
        "positions": 2.0,
        "margin_balances": 2.0,
        "payments": 20.0,
        "forced": 20.0,
    }


CONNECTORS = (
    Connector(
        venue=VenueId("hyperliquid"),
        key=KeyForm(api_key="walletAddress", secret="privateKey"),
        capacity=1_200.0,
        per_second=20.0,
        weights=_weights,
        orders=HyperliquidOrders,
        quotes=HyperliquidFeed,
        depth=HyperliquidDepthFeed,
        trades=HyperliquidTradeFeed,
        funding=HyperliquidFundingFeed,
        past=HyperliquidHistory,
    ),
)
