"""The connector of Polymarket. A key is a wallet: who holds the money, its key, how it signs."""

from collections.abc import Mapping

from arbiter.model.ids import VenueId
from arbiter.venues.common.connector import Connector, KeyForm
from arbiter.venues.polymarket.feed import (
    PolymarketDepthFeed,
    PolymarketFeed,
    PolymarketTradeFeed,
)
from arbiter.venues.polymarket.orders import PolymarketOrders


def _weights(_markets: int) -> Mapping[str, float]:
    return {"query": 2.0, "holdings": 4.0, "margin_balances": 4.0, "forced": 2.0}


CONNECTORS = (
    Connector(
        venue=VenueId("polymarket"),
        wallet="polymarket",
        key=KeyForm(api_key="walletAddress", secret="privateKey", password="signatureType"),
        capacity=300.0,
        per_second=40.0,
        weights=_weights,
        orders=PolymarketOrders,
        quotes=PolymarketFeed,
        depth=PolymarketDepthFeed,
        trades=PolymarketTradeFeed,
    ),
)
