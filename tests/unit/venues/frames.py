"""Message fixtures, and the talks that read them."""

from collections.abc import Callable
from pathlib import Path

from arbiter.venues.binance.addresses import FUTURES, SPOT
from arbiter.venues.binance.depth import DepthTalk as BinanceDepth
from arbiter.venues.binance.feed import QuoteTalk as BinanceQuotes
from arbiter.venues.binance.funding import MarkTalk
from arbiter.venues.binance.trades import TradeTalk as BinanceTrades
from arbiter.venues.bybit.depth import DepthTalk as BybitDepth
from arbiter.venues.bybit.feed import QuoteTalk as BybitQuotes
from arbiter.venues.bybit.funding import TickerTalk
from arbiter.venues.bybit.trades import TradeTalk as BybitTrades
from arbiter.venues.common.frames import FeedTally
from arbiter.venues.common.funding import FundingBoard
from arbiter.venues.common.seen import SeenTrades
from arbiter.venues.common.stream import Talk
from tests.fakes.clock import FakeClock
from tests.fakes.wiring import listing

DATA = Path(__file__).parents[2] / "data" / "venues"


def frame(name: str) -> bytes:
    return (DATA / f"{name}.json").read_bytes()


def frames(venue: str) -> list[bytes]:
    return [path.read_bytes() for path in sorted((DATA / venue).glob("*.json"))]


class FakeLink:
    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.is_ready = False
        self.dropped: list[str] = []
        self.asides = 0

    def send(self, data: bytes) -> None:
        self.sent.append(data)

    def ready(self) -> None:
        self.is_ready = True

    def aside(self) -> None:
        self.asides += 1

    def drop(self, why: str) -> None:
        self.dropped.append(why)


class Taker:
    """Every sink at once; keeps what it is told."""

    def __init__(self) -> None:
        self.quotes: list[tuple[float, ...]] = []
        self.trades: list[tuple[float, ...]] = []
        self.depths = 0
        self.lost = 0

    def on_quote(self, *told: float) -> None:
        self.quotes.append(told)

    def on_venue_health(self, *_: object, **__: object) -> None:
        """Not of interest here."""

    def on_trade(self, *told: float, taker_buys: bool) -> None:
        self.trades.append((*told, taker_buys))

    def on_depth(self, *_: object) -> None:
        self.depths += 1

    def on_depth_lost(self, *_: object) -> None:
        self.lost += 1


SYMBOLS = {name: number for number, name in enumerate(("BNBUSDT", "BTCUSDT", "BNBBTC"), 1)}


def binance_talks(link: FakeLink, taker: Taker) -> list[Talk]:
    clock, tally = FakeClock(), FeedTally()
    board = FundingBoard([listing(name, "binance_futures") for name in SYMBOLS], clock)
    want: Callable[..., None] = lambda *_: None  # noqa: E731
    return [
        BinanceQuotes(link, SYMBOLS, taker, clock, tally),
        BinanceDepth(link, SYMBOLS, taker, clock, tally, SPOT, want),
        BinanceDepth(link, SYMBOLS, taker, clock, tally, FUTURES, want),
        BinanceTrades(link, "trade", SYMBOLS, dict.fromkeys(SYMBOLS, -1), taker, clock, tally),
        MarkTalk(link, list(SYMBOLS), board, tally),
    ]


def bybit_talks(link: FakeLink, taker: Taker) -> list[Talk]:
    clock, tally = FakeClock(), FeedTally()
    board = FundingBoard([listing(name, "bybit_futures") for name in SYMBOLS], clock)
    return [
        BybitQuotes(link, SYMBOLS, taker, clock, tally),
        BybitDepth(link, SYMBOLS, taker, clock, tally),
        BybitTrades(link, SYMBOLS, SeenTrades(100), taker, clock, tally),
        TickerTalk(link, SYMBOLS, board, tally),
    ]
