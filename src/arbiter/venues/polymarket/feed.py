"""Polymarket's top of book, depth and trades: the YES token's book is the market's.

A market may have nothing to say for minutes. The venue's answer to each ping says that what was
told still stands, and is passed on as such.
"""

import asyncio
from collections.abc import Callable, Mapping

from msgspec.structs import replace

from arbiter.model.money import plain
from arbiter.ports.clock import Clock
from arbiter.ports.market_data import DepthSink, TradeSink
from arbiter.ports.venue import QuoteSink
from arbiter.venues.common.frames import FeedTally
from arbiter.venues.common.health import VenueHealth
from arbiter.venues.common.stream import Link, Stream, StreamSettings, TalkMaker
from arbiter.venues.common.subscriptions import shards
from arbiter.venues.common.wiring import FeedWiring
from arbiter.venues.polymarket.addresses import MARKET_PATH, stream_of
from arbiter.venues.polymarket.decode import Event, at_ns, number
from arbiter.venues.polymarket.talk import MarketTalk, Row, Terms

TOKENS_PER_CONNECTION = 200
Shard = Mapping[str, Terms]


class PolymarketFeed:
    """Implements `ports.Feed`."""

    def __init__(self, wiring: FeedWiring) -> None:
        self.tally = FeedTally()
        self._wiring = wiring

    async def run(self, sink: QuoteSink) -> None:
        wiring = self._wiring
        parts = connections(wiring)
        health = VenueHealth(wiring.venue, sink, len(parts))

        def talk(terms: Shard) -> TalkMaker:
            return lambda link: QuoteTalk(link, terms, sink, wiring.clock, self.tally)

        await _run(wiring, self.tally, talk, health.listener)


class PolymarketDepthFeed:
    """Implements `ports.DepthFeed`."""

    def __init__(self, wiring: FeedWiring) -> None:
        self.tally = FeedTally()
        self._wiring = wiring

    async def run(self, sink: DepthSink) -> None:
        wiring = self._wiring

        def talk(terms: Shard) -> TalkMaker:
            return lambda link: DepthTalk(link, terms, sink, wiring.clock, self.tally)

        await _run(wiring, self.tally, talk, _nobody)


class PolymarketTradeFeed:
    """Implements `ports.TradeFeed`."""

    def __init__(self, wiring: FeedWiring) -> None:
        self.tally = FeedTally()
        self._wiring = wiring

    async def run(self, sink: TradeSink) -> None:
        wiring = self._wiring

        def talk(terms: Shard) -> TalkMaker:
            return lambda link: TradeTalk(link, terms, sink, wiring.clock, self.tally)

        await _run(wiring, self.tally, talk, _nobody)


class QuoteTalk(MarketTalk):
    def __init__(
        self, link: Link, terms: Shard, sink: QuoteSink, clock: Clock, tally: FeedTally
    ) -> None:
        super().__init__(link, terms, clock, tally)
        self._on_quote = sink.on_quote

    def changed(self, row: Row) -> None:
        book = row.told.book
        bid, ask = book.best_bid, book.best_ask
        bid_size, ask_size = book.bid_size(bid), book.ask_size(ask)
        if bid_size and ask_size:
            now = self._clock.now_ns()
            self._on_quote(row.slot, bid, ask, bid_size, ask_size, row.at_ns, now)

    def alive(self) -> None:
        for row in self._rows.values():
            if row.told.in_step:
                self.changed(row)


class DepthTalk(MarketTalk):
    def __init__(
        self, link: Link, terms: Shard, sink: DepthSink, clock: Clock, tally: FeedTally
    ) -> None:
        super().__init__(link, terms, clock, tally)
        self._sink = sink

    def changed(self, row: Row) -> None:
        self._sink.on_depth(row.slot, row.told.book, row.at_ns, self._clock.now_ns())

    def lost(self, row: Row, why: str) -> None:
        self._sink.on_depth_lost(row.slot, why)


class TradeTalk(MarketTalk):
    """Each trade is told once: there are no numbers to know a repeated one by, and none is."""

    def __init__(
        self, link: Link, terms: Shard, sink: TradeSink, clock: Clock, tally: FeedTally
    ) -> None:
        super().__init__(link, terms, clock, tally)
        self._on_trade = sink.on_trade

    def traded(self, row: Row, told: Event) -> None:
        self._on_trade(
            row.slot,
            number(told.price),
            number(told.size),
            at_ns(told),
            self._clock.now_ns(),
            taker_buys=told.side == "BUY",
        )


def connections(wiring: FeedWiring) -> list[Shard]:
    """Share the YES tokens out over connections."""
    terms = {
        str(told.base): Terms(wiring.slots[told.id], plain(told.tick), plain(told.min_size))
        for told in wiring.instruments
    }
    return [
        {token: terms[token] for token in share}
        for share in shards(list(terms), TOKENS_PER_CONNECTION)
    ]


def pace(settings: StreamSettings) -> StreamSettings:
    """Silence of a market is nothing; an unanswered ping is."""
    return replace(
        settings,
        quiet_factor=1e9,
        keepalive_s=min(settings.keepalive_s, settings.silence_s / 3, 1.0),
        request_gap_s=min(settings.request_gap_s, 0.05),
    )


def _nobody(_number: int) -> Callable[[bool, str], None]:
    return lambda _up, _why: None


async def _run(
    wiring: FeedWiring,
    tally: FeedTally,
    talk: Callable[[Shard], TalkMaker],
    listener: Callable[[int], Callable[[bool, str], None]],
) -> None:
    url = stream_of(wiring.endpoints) + MARKET_PATH
    async with asyncio.TaskGroup() as group:
        for number_, terms in enumerate(connections(wiring)):
            stream = Stream(
                url,
                talk(terms),
                on_state=listener(number_),
                tally=tally,
                settings=pace(wiring.stream),
                draw=wiring.draw,
            )
            group.create_task(stream.run(), name=f"{wiring.venue} {number_}")
