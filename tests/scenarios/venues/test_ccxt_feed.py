"""The feed of every other exchange: ccxt.pro itself, against a venue in its own wire format."""

import asyncio
import importlib
from collections.abc import AsyncIterator

import pytest

from arbiter.model.errors import BadConfig
from arbiter.model.ids import VenueId
from arbiter.venues.ccxt_pro.exchange import open_exchange
from arbiter.venues.ccxt_pro.feed import CcxtFeed
from tests.fakes.binance_server import FakeBinance
from tests.fakes.wire_server import Playing
from tests.fakes.wiring import HASTY, wiring_to
from tests.port_suites.feed import FeedStand, FeedSuite, QuoteLog

SYMBOLS = ("BTCUSDT", "ETHUSDT")


class TestCcxtFeed(FeedSuite):
    @pytest.fixture
    async def stand(self) -> AsyncIterator[FeedStand]:
        async with FakeBinance(SYMBOLS) as server, Playing(server.step):
            feed = CcxtFeed(wiring_to(server, "binance", SYMBOLS))
            yield FeedStand(feed=feed, slots=[10, 20], venues=[VenueId("binance")])


async def test_a_silent_venue_is_told_lost_and_followed_again() -> None:
    async with FakeBinance(SYMBOLS) as server, Playing(server.step):
        log = QuoteLog()
        feed = CcxtFeed(wiring_to(server, "binance", SYMBOLS), silence_s=3.0)  # also to list in
        task = asyncio.create_task(feed.run(log))
        await log.until(lambda: log.total > 10)
        server.stalled = True
        await log.until(lambda: (VenueId("binance"), False, "silent for 3 s") in log.health)
        server.stalled = False
        await log.until(lambda: log.health[-1][1])
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_venue_that_cannot_be_reached_is_told_once() -> None:
    async with FakeBinance(SYMBOLS) as server:
        server.rest_status = 503
        log = QuoteLog()
        task = asyncio.create_task(CcxtFeed(wiring_to(server, "binance", SYMBOLS)).run(log))
        await server.until(lambda: len(server.requests) >= 4)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert [up for _, up, _ in log.health] == [False]


async def test_an_exchange_ccxt_does_not_know_is_a_mistake_in_the_settings() -> None:
    async with FakeBinance(SYMBOLS) as server:
        feed = CcxtFeed(wiring_to(server, "nowhere", SYMBOLS, stream=HASTY))
        with pytest.raises(BadConfig, match="nowhere"):
            await feed.run(QuoteLog())


async def test_no_exchange_keeps_a_code_that_credits_or_pays_anybody() -> None:
    kept = {}
    for name in importlib.import_module("ccxt.pro").exchanges:
        exchange = open_exchange(name, None)
        for option, value in exchange.options.items():
            if any(word in option.lower() for word in ("broker", "builder", "partner", "referr")):
                paid = _leaves(value)
                if any(paid):
                    kept[name, option] = paid
        headers = {header.lower() for header in exchange.headers or ()}
        assert not headers & {"x-gate-channel-id", "referer", "kc-api-partner"}
    assert not kept


def _leaves(value: object) -> list[object]:
    if isinstance(value, dict):
        return [leaf for inner in value.values() for leaf in _leaves(inner)]
    return [] if value == "0" else [value]
