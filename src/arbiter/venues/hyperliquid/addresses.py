"""Where Hyperliquid is: one path for questions, one for actions, one for streams."""

from arbiter.venues.common.endpoints import Endpoints

ENDPOINTS = Endpoints(stream="wss://api.hyperliquid.xyz", rest="https://api.hyperliquid.xyz")

INFO = "/info"
EXCHANGE = "/exchange"
STREAM = "/ws"
