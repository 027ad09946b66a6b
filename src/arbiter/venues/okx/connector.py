"""The connectors of OKX: spot, and linear swaps. Both are one account under one key."""

from collections.abc import Mapping

from arbiter.model.ids import VenueId
from arbiter.venues.common.connector import Connector, KeyForm
from arbiter.venues.okx.depth import OkxDepthFeed
from arbiter.venues.okx.feed import OkxFeed
from arbiter.venues.okx.funding import OkxFundingFeed
from arbiter.venues.okx.history import OkxHistory
from arbiter.venues.okx.swaps import make_okx
from arbiter.venues.okx.trades import OkxTradeFeed

_KEY = KeyForm(password="password")


def _weights(markets: int) -> Mapping[str, float]:
    """In requests of the sort of which sixty may be made in two seconds."""
    del markets
    return {"holdings": 6.0, "positions": 6.0, "margin_balances": 6.0, "payments": 7.0}


CONNECTORS = (
    Connector(
        venue=VenueId("okx"),
        wallet="okx",
        key=_KEY,
        capacity=60.0,
        per_second=30.0,
        weights=_weights,
        orders=make_okx,
        quotes=OkxFeed,
        depth=OkxDepthFeed,
        trades=OkxTradeFeed,
        past=OkxHistory,
    ),
    Connector(
        venue=VenueId("okx_futures"),
        wallet="okx",
        key=_KEY,
        capacity=60.0,
        per_second=30.0,
        weights=_weights,
        orders=make_okx,
        quotes=OkxFeed,
        depth=OkxDepthFeed,
        trades=OkxTradeFeed,
        funding=OkxFundingFeed,
        past=OkxHistory,
    ),
)
