"""Whole books over a socket, kept in step with a venue in its own wire format."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.fakes.binance_server import FakeBinance
from tests.fakes.bybit_server import FakeBybit
from tests.fakes.coinbase_server import FakeCoinbase
from tests.fakes.kraken_server import FakeKraken
from tests.fakes.okx_server import FakeOkx
from tests.port_suites.depth import DepthStand, DepthSuite, DepthVenue
from tests.scenarios.venues.wired import BY_VENUE, Wired

SYMBOLS = ("BTCUSDT", "ETHUSDT")


@asynccontextmanager
async def stand_of(row: Wired) -> AsyncIterator[DepthStand]:
    async with row.server(SYMBOLS) as server:
        make = row.connector.depth
        assert make is not None
        assert isinstance(server, DepthVenue)
        feed = make(row.wiring(server))
        yield DepthStand(feed=feed, venue=server, symbols=SYMBOLS, slots=[10, 20])


class Depth(DepthSuite):
    venue: str

    @pytest.fixture
    async def stand(self) -> AsyncIterator[DepthStand]:
        async with stand_of(BY_VENUE[self.venue]) as stand:
            yield stand


class Binance(Depth):
    """What a Binance book needs beside the common cases: its snapshots come over HTTP."""

    async def test_a_snapshot_older_than_the_stream_is_asked_for_again(
        self, stand: DepthStand
    ) -> None:
        assert isinstance(stand.venue, FakeBinance)
        stand.venue.step()
        stand.venue.stale_snapshots = 3
        async with stand.running():
            await stand.in_step()
        assert len(stand.venue.requests) >= 5
        assert stand.tally.gaps == 0

    async def test_books_wait_while_snapshots_cannot_be_had(self, stand: DepthStand) -> None:
        server = stand.venue
        assert isinstance(server, FakeBinance)
        server.rest_status = 503
        async with stand.running():
            await server.until_subscribed("btcusdt@depth@100ms")
            server.step()
            await server.until(lambda: len(server.requests) >= 3)
            assert not stand.log.books
            server.rest_status = 200
            await stand.in_step()


class TestBinanceSpot(Binance):
    venue = "binance"


class TestBinanceFutures(Binance):
    venue = "binance_futures"


class RenewedDepth(Depth):
    """A book is mended by subscribing to it anew."""

    async def test_a_renewal_without_a_snapshot_is_mended_by_a_new_connection(
        self, stand: DepthStand
    ) -> None:
        assert isinstance(stand.venue, FakeBybit | FakeKraken | FakeOkx)
        async with stand.running():
            await stand.in_step()
            stand.venue.deaf_to_renewals = True
            stand.venue.skip("BTCUSDT")
            await stand.in_step()
        assert stand.venue.connections == 2


class TestBybit(RenewedDepth):
    venue = "bybit"

    async def test_a_restart_of_the_venue_starts_the_book_anew(self, stand: DepthStand) -> None:
        assert isinstance(stand.venue, FakeBybit)
        async with stand.running():
            await stand.in_step()
            stand.venue.restart("BTCUSDT")
            await stand.in_step()
        assert stand.tally.gaps == 0


class TestKraken(RenewedDepth):
    venue = "kraken"


class TestCoinbase(Depth):
    """Messages are numbered by connection: what is missing may have been of any book."""

    venue = "coinbase"

    async def test_dp07_one_books_gap_leaves_the_others_alone(self, stand: DepthStand) -> None:
        """Here it takes them with it, at once, and all come back over a new connection."""
        assert isinstance(stand.venue, FakeCoinbase)
        async with stand.running():
            await stand.in_step()
            stand.venue.skip(stand.symbols[0])
            await stand.in_step()
            assert {slot for slot, _ in stand.log.lost} == set(stand.slots)
        assert stand.venue.connections == 2
        assert (stand.tally.gaps, stand.tally.resyncs) == (1, 1)


class Okx(RenewedDepth):
    venue = "okx"

    async def test_numbers_that_begin_anew_are_followed(self, stand: DepthStand) -> None:
        assert isinstance(stand.venue, FakeOkx)
        async with stand.running():
            await stand.in_step()
            stand.venue.maintain("BTCUSDT")
            await stand.in_step()
            assert not stand.log.lost
        assert stand.tally.gaps == 0

    async def test_a_message_without_changes_says_that_the_book_stands(
        self, stand: DepthStand
    ) -> None:
        assert isinstance(stand.venue, FakeOkx)
        async with stand.running():
            await stand.in_step()
            told = len(stand.log.times)
            stand.venue.stand_still("BTCUSDT")
            await stand.log.until(lambda: len(stand.log.times) > told)
            await stand.in_step()
        assert stand.tally.gaps == 0


class TestOkx(Okx):
    async def test_a_book_that_does_not_come_to_its_checksum_is_fetched_anew(
        self, stand: DepthStand
    ) -> None:
        assert isinstance(stand.venue, FakeOkx)
        async with stand.running():
            await stand.in_step()
            stand.venue.wrong_checksums = 1
            stand.venue.move("BTCUSDT")
            await stand.log.until(lambda: bool(stand.log.lost))
            assert "checksum" in stand.log.lost[0][1]
            await stand.in_step()
        assert (stand.tally.gaps, stand.tally.resyncs) == (0, 1)


class TestOkxWithoutChecksums(Okx):
    """As the venue is since it tells 0 for every checksum."""

    @pytest.fixture
    async def stand(self) -> AsyncIterator[DepthStand]:
        async with stand_of(BY_VENUE[self.venue]) as stand:
            assert isinstance(stand.venue, FakeOkx)
            stand.venue.tells_checksums = False
            yield stand
