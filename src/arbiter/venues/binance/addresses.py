"""Where Binance is, and what it calls its streams and paths."""

import msgspec

from arbiter.model.ids import VenueId
from arbiter.venues.common.endpoints import Endpoints

SPOT_ENDPOINTS = Endpoints(stream="wss://stream.binance.com:9443", rest="https://api.binance.com")
FUTURES_ENDPOINTS = Endpoints(stream="wss://fstream.binance.com", rest="https://fapi.binance.com")


class Market(msgspec.Struct, frozen=True, kw_only=True):
    """One of Binance's two markets: same shapes, other paths and weights."""

    venue: VenueId
    endpoints: Endpoints
    """Defaults; a setting may replace them."""
    books: str
    """Path of the stream of quotes and depth."""
    others: str
    """Path of the stream of trades and marks."""
    depth: str
    """Path of the depth snapshot."""
    klines: str
    trades: str
    """Name of the trade stream."""
    linked: bool
    """Depth messages name the one before them (``pu``)."""
    intervals: str = ""
    """Path of the list of funding intervals, where there are perpetuals."""
    snapshot_levels: int
    snapshot_weight: int
    weight_per_minute: int


SPOT = Market(
    venue=VenueId("binance"),
    endpoints=SPOT_ENDPOINTS,
    books="/ws",
    others="/ws",
    depth="/api/v3/depth",
    klines="/api/v3/klines",
    trades="trade",
    linked=False,
    snapshot_levels=500,
    snapshot_weight=25,
    weight_per_minute=6000,
)
FUTURES = Market(
    venue=VenueId("binance_futures"),
    endpoints=FUTURES_ENDPOINTS,
    books="/public/ws",
    others="/market/ws",
    depth="/fapi/v1/depth",
    klines="/fapi/v1/klines",
    trades="aggTrade",
    linked=True,
    intervals="/fapi/v1/fundingInfo",
    snapshot_levels=500,
    snapshot_weight=10,
    weight_per_minute=2400,
)
MARKETS = {market.venue: market for market in (SPOT, FUTURES)}
