"""Where Kraken is, what it calls its paths, and its names for assets and markets.

A market has three names: ``XBTUSDT`` for REST (the altname), ``XBT/USDT`` in listings and
``BTC/USDT`` for WebSocket version 2. The last is an instrument's `market_id` here; the first is
made from it.
"""

from arbiter.model.ids import Asset
from arbiter.venues.common.endpoints import Endpoints

ENDPOINTS = Endpoints(stream="wss://ws.kraken.com", rest="https://api.kraken.com")
PRIVATE = "wss://ws-auth.kraken.com"
STREAM = "/v2"
OHLC = "/0/public/OHLC"

_NORMAL = {"XBT": "BTC", "XDG": "DOGE"}
_KRAKEN = {normal: own for own, normal in _NORMAL.items()}
_ELSEWHERE = {"LUNA": "LUNC", "LUNA2": "LUNA", "UST": "USTC", "REP": "REPV1", "REPV2": "REP"}
"""Kraken's normal names that stand for something else on other venues."""


def normal_name(altname: str) -> str:
    """Give WebSocket version 2's name of an asset: XBT is BTC there."""
    return _NORMAL.get(altname, altname)


def asset_of(altname: str) -> Asset:
    """Give the name by which every venue knows an asset; ``XBT.F`` is ``BTC.F``."""
    name, dot, kind = altname.partition(".")
    normal = normal_name(name)
    return Asset(_ELSEWHERE.get(normal, normal) + dot + kind)


def rest_name(market_id: str) -> str:
    """Give the altname of a market: ``BTC/USDT`` is ``XBTUSDT``."""
    base, _, quote = market_id.partition("/")
    return _KRAKEN.get(base, base) + _KRAKEN.get(quote, quote)
