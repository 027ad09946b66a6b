"""Where Polymarket is. With endpoints of one's own, all four APIs share their REST origin."""

from enum import StrEnum

from arbiter.venues.common.endpoints import Endpoints

STREAM = "wss://ws-subscriptions-clob.polymarket.com"
MARKET_PATH, USER_PATH = "/ws/market", "/ws/user"


class Api(StrEnum):
    GAMMA = "https://gamma-api.polymarket.com"
    """Markets, events, rule texts, outcomes."""
    CLOB = "https://clob.polymarket.com"
    """Books, orders, trades of one's own, balances."""
    DATA = "https://data-api.polymarket.com"
    """What wallets hold and did."""
    RELAYER = "https://relayer-v2.polymarket.com"
    """Transactions whose gas the venue pays."""

    def at(self, endpoints: Endpoints | None) -> str:
        return self.value if endpoints is None else endpoints.rest.rstrip("/")


def stream_of(endpoints: Endpoints | None) -> str:
    return STREAM if endpoints is None else endpoints.stream.rstrip("/")
