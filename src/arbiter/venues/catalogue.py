"""Which venues there are. A venue's package is loaded when somebody wants to trade there."""

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING

from arbiter.model.ids import VenueId

if TYPE_CHECKING:
    from arbiter.venues.common.connector import Connector

_PACKAGES: Mapping[str, str] = {
    "aster": "aster",
    "binance": "binance",
    "binance_futures": "binance",
    "bybit": "bybit",
    "bybit_futures": "bybit",
    "hyperliquid": "hyperliquid",
    "kraken": "kraken",
    "coinbase": "coinbase",
    "kalshi": "kalshi",
    "okx": "okx",
    "okx_futures": "okx",
    "polymarket": "polymarket",
}
"""The package under `arbiter.venues` whose module `connector` offers a venue."""

SUPPORTED = tuple(_PACKAGES)
DEAD_MAN = (VenueId("polymarket"),)
"""Those that can be told to cancel everything once they hear nothing of us."""
EVENT_VENUES = (VenueId("polymarket"), VenueId("kalshi"))
"""Those that list event markets: followed by name (`venues.events`), not by symbol."""


def for_paper(name: str) -> bool:
    """Whether an exchange that is none of `SUPPORTED` can be followed on paper."""
    from arbiter.venues.ccxt_pro.names import exchanges

    return name not in _PACKAGES and name not in EVENT_VENUES and name in exchanges()


def connector(venue: VenueId) -> "Connector":
    """Give the connector of a venue; `KeyError` where there is none.

    A name that both Arbiter and ccxt have is Arbiter's.
    """
    if for_paper(venue):
        from arbiter.venues.ccxt_pro.connector import connector_of

        return connector_of(venue)
    module = import_module(f"arbiter.venues.{_PACKAGES[venue]}.connector")
    offered: Mapping[VenueId, Connector] = {one.venue: one for one in module.CONNECTORS}
    return offered[venue]
