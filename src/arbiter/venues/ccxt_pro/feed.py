"""Top of book of any exchange that ccxt.pro follows, for those without a feed of their own here.

It costs some fifty microseconds a message, tells of several changes at once as one, and verifies
sequence numbers only where ccxt does. After every change all that ccxt holds is looked through, as
it may have taken in more than the one it tells of.
"""

import asyncio
import math
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from typing import Any

import structlog

from arbiter.model.errors import BadConfig, VenueUnreachable
from arbiter.model.instruments import InstrumentKind
from arbiter.ports.venue import QuoteSink
from arbiter.venues.ccxt_pro.exchange import asked, close_exchange, open_exchange
from arbiter.venues.common.backoff import Backoff
from arbiter.venues.common.frames import FeedTally
from arbiter.venues.common.wiring import FeedWiring

log = structlog.get_logger(__name__)

SILENCE_S = 30.0
"""Without any change for this long the connection is taken for dead."""
_POLL_S = 1.0
_LEVELS = 5

_KINDS = {
    InstrumentKind.SPOT: "spot",
    InstrumentKind.LINEAR: "swap",
    InstrumentKind.INVERSE: "swap",
}

Top = tuple[float, float, float, float, int]
"""Bid, ask, bid size, ask size, the venue's time in ns (0 where it gives none)."""


class CcxtFeed:
    """Implements `ports.Feed`. `exchange` is ccxt's name, the venue's own where None."""

    def __init__(
        self, wiring: FeedWiring, exchange: str | None = None, silence_s: float = SILENCE_S
    ) -> None:
        self.tally = FeedTally()
        self._wiring = wiring
        self._exchange = exchange or wiring.venue
        self._silence_s = silence_s
        settings = wiring.stream
        self._backoff = Backoff(wiring.draw, settings.first_retry_s, settings.longest_retry_s)

    async def run(self, sink: QuoteSink) -> None:
        """Follow until cancelled. `BadConfig` when ccxt does not know the exchange."""
        venue, told = self._wiring.venue, _Told(sink, self._wiring, self.tally)
        up: bool | None = None
        while True:
            why = "ended"
            exchange = open_exchange(self._exchange, self._wiring.endpoints)
            try:
                async with aclosing(self._tops(exchange)) as tops:
                    async for symbol, top in tops:
                        if not up:
                            up = True
                            sink.on_venue_health(venue, connected=True, reason="")
                        if told.tell(symbol, top):
                            self._backoff.reset()
            except VenueUnreachable as error:
                why = str(error)
            finally:
                await close_exchange(exchange)
            log.info("market data lost", venue=venue, why=why)
            if up is not False:
                up = False
                sink.on_venue_health(venue, connected=False, reason=why)
            self.tally.reconnects += 1
            await asyncio.sleep(self._backoff.delay_s())

    async def _tops(self, exchange: Any) -> AsyncGenerator[tuple[str, Top], None]:
        """Give (market id, top of book) as they change; `VenueUnreachable` when that ends."""
        markets = await asked(exchange.load_markets, self._silence_s)
        names = _names(markets, self._wiring)
        if not names:
            raise VenueUnreachable(f"{self._exchange} lists none of what is followed")
        source = _source(exchange, list(names))
        while True:
            for name, top in await asked(source, self._silence_s):
                yield names[name], top


class _Told:
    """What was last told of each instrument."""

    def __init__(self, sink: QuoteSink, wiring: FeedWiring, tally: FeedTally) -> None:
        self._sink = sink
        self._slots = wiring.slot_of()
        self._now_ns = wiring.clock.now_ns
        self._tally = tally
        self._last: dict[str, Top] = {}

    def tell(self, symbol: str, top: Top) -> bool:
        last = self._last.get(symbol)
        if last is not None and top[4] < last[4]:
            self._tally.stale += 1
            return False
        self._last[symbol] = top
        self._tally.messages += 1
        self._sink.on_quote(self._slots[symbol], *top, self._now_ns())
        return True


def _names(markets: Mapping[str, Any], wiring: FeedWiring) -> dict[str, str]:
    """Give ccxt's symbol of each instrument and the venue's own name of it."""
    kinds = {told.market_id: _KINDS.get(told.kind) for told in wiring.instruments}
    names = {
        symbol: str(market["id"])
        for symbol, market in markets.items()
        if kinds.get(str(market["id"]), "") == market["type"]
    }
    for missing in kinds.keys() - set(names.values()):
        log.warning("not listed", venue=wiring.venue, instrument=missing)
    return names


Source = Callable[[], Any]
"""Awaits news; gives (symbol, top) of everything the venue has told of since."""


def _source(exchange: Any, symbols: list[str]) -> Source:
    """Take the cheapest way to the best prices and their sizes that the exchange has."""
    if exchange.has.get("watchBidsAsks"):
        return _BestQuotes(exchange, symbols)
    if exchange.has.get("watchOrderBook"):
        return _WatchedBooks(exchange, symbols)
    if exchange.has.get("fetchOrderBook"):
        return _PolledBooks(exchange, symbols)
    raise BadConfig(f"ccxt has no order books of {exchange.id}")


class _BestQuotes:
    def __init__(self, exchange: Any, symbols: list[str]) -> None:
        self._exchange = exchange
        self._symbols = symbols
        self._seen: dict[str, Any] = {}

    async def __call__(self) -> list[tuple[str, Top]]:
        await self._exchange.watch_bids_asks(self._symbols)
        news = []
        for symbol in self._symbols:
            told = self._exchange.bidsasks.get(symbol)
            if told is None or told is self._seen.get(symbol):
                continue
            self._seen[symbol] = told
            top = _of_ticker(told)
            news += [(symbol, top)] if top is not None else []
        return news


class _WatchedBooks:
    """One waiting call per symbol; a broken sequence is asked for again, ccxt then starts anew."""

    def __init__(self, exchange: Any, symbols: list[str]) -> None:
        self._exchange = exchange
        self._waiting: dict[asyncio.Task[Any], str] = {}
        self._idle = symbols

    async def __call__(self) -> list[tuple[str, Top]]:
        for symbol in self._idle:
            task = asyncio.ensure_future(self._exchange.watch_order_book(symbol))
            self._waiting[task] = symbol
        self._idle = []
        try:
            done, _ = await asyncio.wait(self._waiting, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            self._give_up()
            raise
        news = []
        for task in done:
            symbol = self._waiting.pop(task)
            self._idle.append(symbol)
            error = task.exception()
            if error is None:
                top = _of_book(task.result())
                news += [(symbol, top)] if top is not None else []
            elif not _is_checksum(error):
                self._give_up()
                raise error
        return news

    def _give_up(self) -> None:
        for task in self._waiting:
            task.cancel()
            task.add_done_callback(_read_and_forget)


class _PolledBooks:
    def __init__(self, exchange: Any, symbols: list[str]) -> None:
        self._exchange = exchange
        self._symbols = symbols

    async def __call__(self) -> list[tuple[str, Top]]:
        await asyncio.sleep(_POLL_S)
        news = []
        for symbol in self._symbols:
            top = _of_book(await self._exchange.fetch_order_book(symbol, _LEVELS))
            news += [(symbol, top)] if top is not None else []
        return news


def _of_ticker(told: Mapping[str, Any]) -> Top | None:
    return _top(
        told.get("bid"),
        told.get("ask"),
        told.get("bidVolume"),
        told.get("askVolume"),
        told.get("timestamp"),
    )


def _of_book(told: Mapping[str, Any]) -> Top | None:
    bids, asks = told["bids"], told["asks"]
    if not bids or not asks:
        return None
    return _top(bids[0][0], asks[0][0], bids[0][1], asks[0][1], told.get("timestamp"))


def _top(bid: Any, ask: Any, bid_size: Any, ask_size: Any, at_ms: Any) -> Top | None:
    """Make a top of book of what ccxt gives; None when a part is missing or cannot be."""
    if None in (bid, ask, bid_size, ask_size):
        return None
    prices = (float(bid), float(ask), float(bid_size), float(ask_size))
    if not all(math.isfinite(number) and number > 0 for number in prices):
        return None
    if prices[0] >= prices[1]:
        return None
    return (*prices, int(at_ms) * 1_000_000 if at_ms else 0)


def _is_checksum(error: BaseException) -> bool:
    return type(error).__name__ == "ChecksumError"


def _read_and_forget(task: asyncio.Task[Any]) -> None:
    if not task.cancelled():
        task.exception()
