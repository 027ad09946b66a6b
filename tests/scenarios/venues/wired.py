"""Every venue in its own wire format: the suites over sockets run over these rows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from arbiter.model.ids import VenueId
from arbiter.model.instruments import InstrumentKind
from arbiter.venues.catalogue import connector
from arbiter.venues.common.connector import Connector
from arbiter.venues.common.wiring import FeedWiring
from tests.fakes.binance_server import FakeBinance
from tests.fakes.book_server import BookServer
from tests.fakes.bybit_server import FakeBybit
from tests.fakes.coinbase_server import FakeCoinbase
from tests.fakes.hyperliquid_server import FakeHyperliquid
from tests.fakes.kraken_server import FakeKraken
from tests.fakes.okx_server import FakeOkx
from tests.fakes.wiring import wiring_to

SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")


@dataclass(frozen=True)
class Wired:
    venue: str
    server: Callable[[Sequence[str]], BookServer]
    kind: InstrumentKind = InstrumentKind.SPOT
    unknown: Callable[[str], str] = str
    """What the venue calls the quotes of a symbol that it knows nothing of."""
    numbered: bool = True
    """Repeated quotes can be told by their number or time."""

    @property
    def connector(self) -> Connector:
        return connector(VenueId(self.venue))

    def wiring(self, server: BookServer) -> FeedWiring:
        """Wire the server's symbols to slots 10, 20, 30 …"""
        return wiring_to(server, self.venue, list(server.books), self.kind)


LINEAR = InstrumentKind.LINEAR
WIRED = (
    Wired("binance", FakeBinance, unknown=lambda symbol: f"{symbol.lower()}@bookTicker"),
    Wired(
        "binance_futures",
        partial(FakeBinance, futures=True),
        kind=LINEAR,
        unknown=lambda symbol: f"{symbol.lower()}@bookTicker",
    ),
    Wired("bybit", FakeBybit, unknown="orderbook.1.{}".format),
    Wired("bybit_futures", FakeBybit, kind=LINEAR, unknown="orderbook.1.{}".format),
    Wired("kraken", FakeKraken, numbered=False),
    Wired("coinbase", FakeCoinbase),
    Wired("okx", FakeOkx, unknown="bbo-tbt:{}".format),
    Wired("hyperliquid", FakeHyperliquid, kind=LINEAR, unknown="bbo:{}".format),
)
BY_VENUE = {row.venue: row for row in WIRED}
