"""Where Bybit is, and what it calls its streams and paths (API version 5)."""

from arbiter.model.instruments import InstrumentKind
from arbiter.venues.common.endpoints import Endpoints

ENDPOINTS = Endpoints(stream="wss://stream.bybit.com", rest="https://api.bybit.com")

CATEGORIES = {
    InstrumentKind.SPOT: "spot",
    InstrumentKind.LINEAR: "linear",
    InstrumentKind.INVERSE: "inverse",
}
STREAM = "/v5/public/"
"""Followed by the category."""
KLINES = "/v5/market/kline"
