"""Any exchange that ccxt.pro knows, for trading on paper: its listing and its best prices."""

from arbiter.model.errors import BadConfig
from arbiter.model.ids import VenueId
from arbiter.venues.ccxt_pro.feed import CcxtFeed
from arbiter.venues.ccxt_pro.listing import CcxtListing
from arbiter.venues.common.account import AccountWiring, VenueAccount
from arbiter.venues.common.connector import Connector


def connector_of(venue: VenueId) -> Connector:
    """Offer an exchange under ccxt's name for it."""
    return Connector(
        venue=venue,
        capacity=60.0,
        per_second=1.0,
        orders=_no_orders,
        lists=CcxtListing,
        quotes=CcxtFeed,
    )


def _no_orders(wiring: AccountWiring) -> VenueAccount:
    raise BadConfig(f"{wiring.venue} is followed through ccxt.pro, for paper alone: no live orders")
