"""Where Aster's futures are; streams and paths are called as on Binance."""

from arbiter.model.ids import VenueId
from arbiter.venues.binance.addresses import Market
from arbiter.venues.common.endpoints import Endpoints

PRIVATE = "wss://fstream.asterdex.com"
MARKET = Market(
    venue=VenueId("aster"),
    endpoints=Endpoints(stream="wss://fstream.asterdex.com", rest="https://fapi.asterdex.com"),
    books="/ws",
    others="/ws",
    depth="/fapi/v3/depth",
    klines="/fapi/v3/klines",
    trades="aggTrade",
    linked=True,
    intervals="/fapi/v3/fundingInfo",
    snapshot_levels=500,
    snapshot_weight=10,
    weight_per_minute=2400,
)
