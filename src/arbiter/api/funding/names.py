"""How this API calls venues and symbols, and writes numbers."""

from collections.abc import Mapping
from decimal import Decimal

from arbiter.model.ids import Symbol, VenueId
from arbiter.model.money import plain

_EXCHANGES: Mapping[str, str] = {
    "binance_futures": "BinanceFutures",
    "bybit_futures": "Bybit",
    "hyperliquid": "HyperLiquid",
    "aster": "Aster",
}


def exchange_name(venue: VenueId) -> str:
    """Give the published name; a venue the contract does not know keeps its own."""
    return _EXCHANGES.get(venue, venue)


def symbol_name(symbol: Symbol) -> str:
    """``BTCUSDT`` for ``BTC/USDT:PERP``, whatever the collateral."""
    return symbol.partition(":")[0].replace("/", "")


def decimal_text(value: Decimal) -> str:
    """Plain notation, never an exponent, no trailing zeros."""
    return plain(value)
