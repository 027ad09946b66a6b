"""Whole books over a socket, kept in step with a venue in its own wire format."""

import json
from collections.abc import AsyncIterator

import pytest

from arbiter.model.instruments import InstrumentKind
from arbiter.venues.binance.depth import BinanceDepthFeed
from arbiter.venues.bybit.depth import BybitDepthFeed
from tests.fakes.binance_server import FakeBinance
from tests.fakes.bybit_server import FakeBybit
from tests.fakes.wiring import wiring_to
from tests.port_suites.depth import DepthStand, DepthSuite, _running

SYMBOLS = ("BTCUSDT", "ETHUSDT")


def stand_on(
    server: FakeBinance | FakeBybit, feed: BinanceDepthFeed | BybitDepthFeed
) -> DepthStand:
    return DepthStand(
        feed=feed,
        venue=server,
        symbols=SYMBOLS,
        slots=[10, 20],
        gaps=lambda: feed.tally.gaps,
        resyncs=lambda: feed.tally.resyncs,
        slowest_resync_ns=lambda: feed.tally.slowest_resync_ns,
        broken_level=lambda symbol: broken_level(server, symbol),
    )


def broken_level(server: FakeBinance | FakeBybit, symbol: str) -> bytes:
    last = server.books[symbol].last
    levels = {"b": [["27000.00", "-1.0"]], "a": []}
    told: dict[str, object]
    if isinstance(server, FakeBinance):
        told = {"E": 1, "s": symbol, "U": last + 1, "u": last + 1, "pu": last, **levels}
    else:
        data = {"s": symbol, "u": last + 1, **levels}
        told = {"topic": f"orderbook.50.{symbol}", "type": "delta", "ts": 1, "data": data}
    return json.dumps(told).encode()


class BinanceCases(DepthSuite):
    """What a Binance book needs beside the common cases: its snapshots come over HTTP."""

    server: FakeBinance

    async def test_a_snapshot_older_than_the_stream_is_asked_for_again(
        self, stand: DepthStand
    ) -> None:
        self.server.step()
        self.server.stale_snapshots = 3
        async with _running(stand):
            await stand.in_step()
        assert len(self.server.requests) >= 5
        assert stand.gaps() == 0

    async def test_books_wait_while_snapshots_cannot_be_had(self, stand: DepthStand) -> None:
        self.server.rest_status = 503
        async with _running(stand):
            await self.server.until_subscribed("btcusdt@depth@100ms")
            self.server.step()
            await self.server.until(lambda: len(self.server.requests) >= 3)
            assert not stand.log.books
            self.server.rest_status = 200
            await stand.in_step()


class TestBinanceSpot(BinanceCases):
    @pytest.fixture
    async def stand(self) -> AsyncIterator[DepthStand]:
        async with FakeBinance(SYMBOLS) as self.server:
            feed = BinanceDepthFeed(wiring_to(self.server, "binance", SYMBOLS))
            yield stand_on(self.server, feed)


class TestBinanceFutures(BinanceCases):
    @pytest.fixture
    async def stand(self) -> AsyncIterator[DepthStand]:
        async with FakeBinance(SYMBOLS, futures=True) as self.server:
            wiring = wiring_to(self.server, "binance_futures", SYMBOLS, InstrumentKind.LINEAR)
            yield stand_on(self.server, BinanceDepthFeed(wiring))


class TestBybit(DepthSuite):
    server: FakeBybit

    @pytest.fixture
    async def stand(self) -> AsyncIterator[DepthStand]:
        async with FakeBybit(SYMBOLS) as self.server:
            feed = BybitDepthFeed(wiring_to(self.server, "bybit", SYMBOLS))
            yield stand_on(self.server, feed)

    async def test_a_restart_of_the_venue_starts_the_book_anew(self, stand: DepthStand) -> None:
        async with _running(stand):
            await stand.in_step()
            self.server.restart("BTCUSDT")
            await stand.in_step()
        assert stand.gaps() == 0

    async def test_a_renewal_without_a_snapshot_is_mended_by_a_new_connection(
        self, stand: DepthStand
    ) -> None:
        async with _running(stand):
            await stand.in_step()
            self.server.deaf_to_renewals = True
            self.server.skip("BTCUSDT")
            await stand.in_step()
        assert self.server.connections == 2
