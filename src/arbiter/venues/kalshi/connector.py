"""The connector of Kalshi."""

from collections.abc import Mapping

from arbiter.model.ids import VenueId
from arbiter.venues.common.connector import Connector, KeyForm
from arbiter.venues.kalshi.depth import KalshiDepthFeed
from arbiter.venues.kalshi.feed import KalshiFeed
from arbiter.venues.kalshi.orders import make_kalshi
from arbiter.venues.kalshi.trades import KalshiTradeFeed

_REQUEST = 10.0


def _weights(markets: int) -> Mapping[str, float]:
    """Tokens, ten a request and two a cancel. Reads have a bucket of their own, twice as large,
    which is not counted on."""
    return {
        "submit": _REQUEST,
        "cancel": 2.0,
        "query": _REQUEST,
        "open_orders": _REQUEST,
        "fills": _REQUEST,
        "positions": _REQUEST,
        "forced": _REQUEST,
        "holdings": 3 * _REQUEST,
        "margin_balances": 3 * _REQUEST,
        "instruments": min(2 * _REQUEST + markets, 6 * _REQUEST),
        "leverage": 0.1,
        "payments": 0.1,
    }


CONNECTORS = (
    Connector(
        venue=VenueId("kalshi"),
        wallet="kalshi",
        key=KeyForm(secret="privateKey"),
        capacity=100.0,
        per_second=100.0,
        weights=_weights,
        orders=make_kalshi,
        quotes=KalshiFeed,
        depth=KalshiDepthFeed,
        trades=KalshiTradeFeed,
    ),
)
