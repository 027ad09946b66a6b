"""Where Coinbase is, and what it calls its paths (Advanced Trade, version 3)."""

from arbiter.venues.common.endpoints import Endpoints

ENDPOINTS = Endpoints(
    stream="wss://advanced-trade-ws.coinbase.com", rest="https://api.coinbase.com"
)
PRIVATE = "wss://advanced-trade-ws-user.coinbase.com"
STREAM = "/"
CANDLES = "/api/v3/brokerage/market/products/{}/candles"
