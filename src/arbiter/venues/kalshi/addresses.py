"""Where Kalshi is, and what it calls its paths (Trade API version 2)."""

from arbiter.venues.common.endpoints import Endpoints

ENDPOINTS = Endpoints(
    stream="wss://external-api-ws.kalshi.com", rest="https://external-api.kalshi.com"
)
API = "/trade-api/v2"
"""Before every path of the REST API, in the request and in what is signed."""
STREAM = "/trade-api/ws/v2"
