"""Where OKX is, and what it calls its paths and kinds of instruments (API version 5)."""

from arbiter.model.instruments import InstrumentKind
from arbiter.venues.common.endpoints import Endpoints

ENDPOINTS = Endpoints(stream="wss://ws.okx.com:8443", rest="https://www.okx.com")

KINDS = {InstrumentKind.SPOT: "SPOT", InstrumentKind.LINEAR: "SWAP"}
PUBLIC = "/ws/v5/public"
PRIVATE = "/ws/v5/private"
CANDLES = "/api/v5/market/candles"
