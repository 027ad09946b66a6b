"""Every feed of ours over a socket, against a venue in its own wire format."""

from collections.abc import AsyncIterator, Callable, Sequence

import pytest

from arbiter.model.ids import VenueId
from arbiter.model.instruments import InstrumentKind
from arbiter.venues.binance.feed import BinanceFeed
from arbiter.venues.bybit.feed import BybitFeed
from tests.fakes.binance_server import FakeBinance
from tests.fakes.bybit_server import FakeBybit
from tests.fakes.moving_book import MovingBook
from tests.fakes.wire_server import Playing
from tests.fakes.wiring import wiring_to
from tests.port_suites.feed import WireFeedSuite, WireStand

SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")


def truth_of(books: dict[str, MovingBook]) -> Callable[[str], tuple[float, float, float, float]]:
    def truth(symbol: str) -> tuple[float, float, float, float]:
        (bid, bid_size), (ask, ask_size) = books[symbol].bids(1)[0], books[symbol].asks(1)[0]
        return float(bid), float(ask), float(bid_size), float(ask_size)

    return truth


def stand_on(
    server: FakeBinance | FakeBybit, feed: BinanceFeed | BybitFeed, venue: VenueId, topic: str
) -> WireStand:
    slots: Sequence[int] = [10, 20, 30]
    return WireStand(
        feed=feed,
        slots=slots,
        venues=[venue],
        venue=server,
        symbols=SYMBOLS,
        truth=truth_of(server.books),
        refuse=lambda symbol: server.refused.add(topic.format(symbol, symbol.lower())),
        playing=lambda: Playing(server.step),
        bad=lambda: feed.tally.bad,
    )


class TestBinanceSpot(WireFeedSuite):
    @pytest.fixture
    async def stand(self) -> AsyncIterator[WireStand]:
        async with FakeBinance(SYMBOLS) as server:
            feed = BinanceFeed(wiring_to(server, "binance", SYMBOLS))
            yield stand_on(server, feed, VenueId("binance"), "{1}@bookTicker")


class TestBinanceFutures(WireFeedSuite):
    @pytest.fixture
    async def stand(self) -> AsyncIterator[WireStand]:
        async with FakeBinance(SYMBOLS, futures=True) as server:
            kind = InstrumentKind.LINEAR
            feed = BinanceFeed(wiring_to(server, "binance_futures", SYMBOLS, kind))
            yield stand_on(server, feed, VenueId("binance_futures"), "{1}@bookTicker")


class TestBybitSpot(WireFeedSuite):
    @pytest.fixture
    async def stand(self) -> AsyncIterator[WireStand]:
        async with FakeBybit(SYMBOLS) as server:
            feed = BybitFeed(wiring_to(server, "bybit", SYMBOLS))
            yield stand_on(server, feed, VenueId("bybit"), "orderbook.1.{0}")


class TestBybitLinear(WireFeedSuite):
    @pytest.fixture
    async def stand(self) -> AsyncIterator[WireStand]:
        async with FakeBybit(SYMBOLS) as server:
            kind = InstrumentKind.LINEAR
            feed = BybitFeed(wiring_to(server, "bybit_futures", SYMBOLS, kind))
            yield stand_on(server, feed, VenueId("bybit_futures"), "orderbook.1.{0}")
