"""Coinbase's feeds over a socket, against a venue in its own wire format."""

import json
import time
from collections.abc import AsyncIterator

import pytest

from arbiter.model.ids import VenueId
from arbiter.model.time import NS_PER_MINUTE
from arbiter.venues.coinbase.depth import CoinbaseDepthFeed
from arbiter.venues.coinbase.feed import CoinbaseFeed
from arbiter.venues.coinbase.history import CoinbaseHistory
from arbiter.venues.coinbase.trades import CoinbaseTradeFeed
from tests.fakes.coinbase_server import FakeCoinbase
from tests.fakes.wire_server import Playing
from tests.fakes.wiring import wiring_to
from tests.port_suites.depth import DepthStand, DepthSuite, _running
from tests.port_suites.feed import WireFeedSuite, WireStand
from tests.scenarios.venues.test_feeds import truth_of
from tests.scenarios.venues.test_over_simex import running
from tests.scenarios.venues.test_trades import TradeLog

SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")


class TestQuotes(WireFeedSuite):
    @pytest.fixture
    async def stand(self) -> AsyncIterator[WireStand]:
        async with FakeCoinbase(SYMBOLS) as server:
            feed = CoinbaseFeed(wiring_to(server, "coinbase", SYMBOLS))
            yield WireStand(
                feed=feed,
                slots=[10, 20, 30],
                venues=[VenueId("coinbase")],
                venue=server,
                symbols=SYMBOLS,
                truth=truth_of(server.books),
                refuse=server.refused.add,
                playing=lambda: Playing(server.step),
                bad=lambda: feed.tally.bad,
            )


class TestDepth(DepthSuite):
    """Messages are numbered by connection: what is missing may have been of any book."""

    server: FakeCoinbase

    @pytest.fixture
    async def stand(self) -> AsyncIterator[DepthStand]:
        async with FakeCoinbase(SYMBOLS[:2]) as self.server:
            feed = CoinbaseDepthFeed(wiring_to(self.server, "coinbase", SYMBOLS[:2]))

            def broken_level(symbol: str) -> bytes:
                (client,) = self.server.clients
                return json.dumps(self.server.broken_level(symbol)(client)).encode()

            yield DepthStand(
                feed=feed,
                venue=self.server,
                symbols=SYMBOLS[:2],
                slots=[10, 20],
                gaps=lambda: feed.tally.gaps,
                resyncs=lambda: feed.tally.resyncs,
                slowest_resync_ns=lambda: feed.tally.slowest_resync_ns,
                broken_level=broken_level,
            )

    async def test_dp07_one_books_gap_leaves_the_others_alone(self, stand: DepthStand) -> None:
        """Here it takes them with it, at once, and all come back over a new connection."""
        async with _running(stand):
            await stand.in_step()
            self.server.skip(stand.symbols[0])
            await stand.in_step()
            assert {slot for slot, _ in stand.log.lost} == set(stand.slots)
        assert self.server.connections == 2
        assert (stand.gaps(), stand.resyncs()) == (1, 1)


async def test_trades_are_told_once_by_the_takers_side_and_none_of_before_we_came() -> None:
    async with FakeCoinbase(SYMBOLS) as server:
        feed = CoinbaseTradeFeed(wiring_to(server, "coinbase", SYMBOLS))
        log = TradeLog()
        async with running(feed.run(log)):
            await server.until_subscribed("market_trades:ETHUSDT")
            server.trade("ETHUSDT", 3, "2285.5", "0.25", "SELL")
            server.trade("ETHUSDT", 3, "2285.5", "0.25", "SELL")
            server.trade("ETHUSDT", 4, "2285.0", "0.50", "BUY")
            await log.until(2)
        assert [(t.slot, t.price, t.size, t.taker_buys) for t in log.trades] == [
            (20, 2285.5, 0.25, True),
            (20, 2285.0, 0.5, False),
        ]


async def test_a_day_of_finished_minutes_without_a_hole() -> None:
    async with FakeCoinbase(SYMBOLS) as server:
        wiring = wiring_to(server, "coinbase", SYMBOLS)
        candles = await CoinbaseHistory(wiring).history(wiring.instruments[0].id)
    opens = [candle.open_ns for candle in candles]
    assert opens == list(range(opens[0], opens[-1] + 1, NS_PER_MINUTE))
    assert 1_438 <= len(candles) <= 1_441
    assert opens[-1] + NS_PER_MINUTE <= time.time_ns()
    assert (candles[0].open, candles[0].close, candles[0].volume) == (1.0, 2.0, 7.5)
