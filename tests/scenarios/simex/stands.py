"""Which simulated server serves which venue: every shared suite runs over these rows."""

from dataclasses import dataclass
from decimal import Decimal

from arbiter.model.ids import VenueId
from arbiter.venues.catalogue import connector
from arbiter.venues.common.account import VenueAccount
from tests.scenarios.simex.conftest import Served


@dataclass(frozen=True)
class Stand:
    venue: str
    server: str
    symbol: str = "ETH/USDT"
    """The instrument that the suites trade; its price is 2285 where prices stand still."""
    perpetual: bool = False

    def client(self, served: Served, *, account: int = 0) -> VenueAccount:
        wiring = served.wiring(self.server, self.venue, account=account)
        return connector(VenueId(self.venue)).orders(wiring)


PRICE = Decimal(2285)
SPOT = (
    Stand("binance", "binance"),
    Stand("bybit", "bybit"),
    Stand("kraken", "kraken"),
    Stand("coinbase", "coinbase"),
    Stand("okx", "okx"),
)
PERPETUALS = (
    Stand("aster", "aster", "ETH/USDT:PERP", perpetual=True),
    Stand("binance_futures", "binance_futures", "ETH/USDT:PERP", perpetual=True),
    Stand("bybit_futures", "bybit", "ETH/USDT:PERP", perpetual=True),
    Stand("okx_futures", "okx", "ETH/USDT:PERP", perpetual=True),
    Stand("hyperliquid", "hyperliquid", "ETH/USDT:PERP", perpetual=True),
)
STANDS = {stand.venue: stand for stand in (*SPOT, *PERPETUALS)}
