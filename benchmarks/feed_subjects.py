"""The two that are measured: our decoders into the quote board and books, and ccxt.pro."""

import importlib
from collections.abc import Callable
from typing import Any

from arbiter.books.board import BoardSettings, QuoteBoard
from arbiter.books.registry import MarketRegistry
from arbiter.kernels.warm import warm
from arbiter.ports.venue import QuoteSink
from arbiter.runtime.clock import SystemClock
from arbiter.venues.binance.addresses import SPOT
from arbiter.venues.binance.decode import read_snapshot
from arbiter.venues.binance.depth import DepthTalk as BinanceDepth
from arbiter.venues.binance.feed import QuoteTalk as BinanceQuotes
from arbiter.venues.bybit.depth import DepthTalk as BybitDepth
from arbiter.venues.bybit.feed import QuoteTalk as BybitQuotes
from arbiter.venues.common.frames import FeedTally
from benchmarks.feed_messages import DEPTH_SYMBOL, SYMBOLS, listing

URLS = {
    "binance": "wss://stream.binance.com:9443/ws/0",
    "bybit": "wss://stream.bybit.com/v5/public/spot",
}
Hear = Callable[[Any], None]


class NoLink:
    """A connection that is not there."""

    def send(self, data: bytes) -> None:
        """Nobody listens."""

    def ready(self) -> None:
        """Nobody asked."""

    def aside(self) -> None:
        """Nobody counts."""

    def drop(self, why: str) -> None:
        raise AssertionError(why)


class BoardSink:
    """The quote board as a sink, as the trading core has it."""

    def __init__(self, venue: str) -> None:
        registry = MarketRegistry(listing(symbol, venue) for symbol in SYMBOLS)
        self.board = QuoteBoard(registry, BoardSettings())
        self.slots = {told.market_id: registry.slot(told.id) for told in registry.instruments}
        self.on_quote: Callable[..., int] = self.board.update

    def on_venue_health(self, *_: object, **__: object) -> None:
        """Nothing is lost here."""


class DepthEyes:
    """A sink that looks at the best prices, as any consumer of depth does."""

    def __init__(self) -> None:
        self.seen = 0

    def on_depth(self, slot: int, book: Any, exchange_ns: int, receive_ns: int) -> None:
        self.seen += book.best_bid < book.best_ask

    def on_depth_lost(self, slot: int, reason: str) -> None:
        raise AssertionError(reason)


def our_quotes(venue: str) -> Hear:
    """Give what takes a message of top of book, up to the board."""
    warm()
    board: Any = BoardSink(venue)
    sink: QuoteSink = board
    talk = BinanceQuotes if venue == "binance" else BybitQuotes
    return talk(NoLink(), board.slots, sink, SystemClock(), FeedTally()).hear


def our_depth(venue: str, snapshot: bytes) -> tuple[Hear, DepthEyes]:
    """Give what takes a message of depth, up to the book, which begins with the snapshot."""
    eyes, slots = DepthEyes(), {DEPTH_SYMBOL: 1}
    if venue == "bybit":
        talk = BybitDepth(NoLink(), slots, eyes, SystemClock(), FeedTally())
        talk.hear(snapshot)
        return talk.hear, eyes
    binance = BinanceDepth(NoLink(), slots, eyes, SystemClock(), FeedTally(), SPOT, _never)
    binance._rows[DEPTH_SYMBOL].numbered.snapshot(read_snapshot(snapshot))
    return binance.hear, eyes


def _never(*_: object) -> None:
    raise AssertionError("a gap")


def ccxt_exchange(venue: str) -> Any:
    """Make ccxt.pro's exchange with our listing, so that nothing is fetched."""
    exchange = getattr(importlib.import_module("ccxt.pro"), venue)({"newUpdates": True})
    markets = []
    for symbol in SYMBOLS:
        base = symbol.removesuffix("USDT")
        markets.append(
            exchange.safe_market_structure(
                {
                    "id": symbol,
                    "lowercaseId": symbol.lower(),
                    "symbol": f"{base}/USDT",
                    "base": base,
                    "quote": "USDT",
                    "baseId": base,
                    "quoteId": "USDT",
                    "type": "spot",
                    "spot": True,
                    "active": True,
                    "precision": {"price": 0.01, "amount": 0.00001},
                }
            )
        )
    exchange.set_markets(markets)
    return exchange


def ccxt_hear(venue: str, snapshot: bytes | None = None) -> tuple[Hear, Any]:
    """Give what ccxt does with the text of a frame; needs a running loop."""
    exchange = ccxt_exchange(venue)
    client = exchange.client(URLS[venue])
    hear = client.handle_text_or_binary_message
    if snapshot is not None and venue == "bybit":
        hear(snapshot.decode())
    elif snapshot is not None:
        symbol = exchange.market(DEPTH_SYMBOL)["symbol"]
        told = exchange.parse_json(snapshot.decode())
        book = exchange.order_book({}, BOOK_LIMIT)
        book.reset(exchange.parse_order_book(told, symbol))
        book["nonce"] = told["lastUpdateId"]
        exchange.orderbooks[symbol] = book
    return hear, exchange


BOOK_LIMIT = 1_000
