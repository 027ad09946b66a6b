"""Kraken's feeds over a socket, against a venue in its own wire format."""

from collections.abc import AsyncIterator

import pytest

from arbiter.model.ids import VenueId
from arbiter.venues.kraken.depth import KrakenDepthFeed
from arbiter.venues.kraken.feed import KrakenFeed
from arbiter.venues.kraken.history import KrakenHistory
from arbiter.venues.kraken.trades import KrakenTradeFeed
from tests.fakes.kraken_server import FakeKraken
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
        async with FakeKraken(SYMBOLS) as server:
            feed = KrakenFeed(wiring_to(server, "kraken", SYMBOLS))
            yield WireStand(
                feed=feed,
                slots=[10, 20, 30],
                venues=[VenueId("kraken")],
                venue=server,
                symbols=SYMBOLS,
                truth=truth_of(server.books),
                refuse=server.refused.add,
                numbered=False,
                playing=lambda: Playing(server.step),
                bad=lambda: feed.tally.bad,
            )


class TestDepth(DepthSuite):
    server: FakeKraken

    @pytest.fixture
    async def stand(self) -> AsyncIterator[DepthStand]:
        async with FakeKraken(SYMBOLS[:2]) as self.server:
            feed = KrakenDepthFeed(wiring_to(self.server, "kraken", SYMBOLS[:2]))
            yield DepthStand(
                feed=feed,
                venue=self.server,
                symbols=SYMBOLS[:2],
                slots=[10, 20],
                gaps=lambda: feed.tally.gaps,
                resyncs=lambda: feed.tally.resyncs,
                slowest_resync_ns=lambda: feed.tally.slowest_resync_ns,
                broken_level=self.server.broken_level,
            )

    async def test_a_renewal_without_a_snapshot_is_mended_by_a_new_connection(
        self, stand: DepthStand
    ) -> None:
        async with _running(stand):
            await stand.in_step()
            self.server.deaf_to_renewals = True
            self.server.skip("BTCUSDT")
            await stand.in_step()
        assert self.server.connections == 2


async def test_trades_are_told_once_and_none_of_before_we_came() -> None:
    async with FakeKraken(SYMBOLS) as server:
        feed = KrakenTradeFeed(wiring_to(server, "kraken", SYMBOLS))
        log = TradeLog()
        async with running(feed.run(log)):
            await server.until_subscribed("trade:ETHUSDT")
            server.trade("ETHUSDT", 3, "2285.5", "0.25", "buy")
            server.trade("ETHUSDT", 3, "2285.5", "0.25", "buy")
            server.trade("ETHUSDT", 4, "2285.0", "0.50", "sell")
            await log.until(2)
        assert [(t.slot, t.price, t.size, t.taker_buys) for t in log.trades] == [
            (20, 2285.5, 0.25, True),
            (20, 2285.0, 0.5, False),
        ]


async def test_half_a_day_of_finished_minutes_is_told() -> None:
    async with FakeKraken(SYMBOLS) as server:
        wiring = wiring_to(server, "kraken", SYMBOLS)
        candles = await KrakenHistory(wiring).history(wiring.instruments[0].id)
    assert len(candles) == 719, "the running minute is not over"
    assert candles[0].open_ns < candles[-1].open_ns
    assert (candles[0].open, candles[0].close, candles[0].volume) == (1.0, 2.0, 7.5)
