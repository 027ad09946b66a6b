"""Market data beyond the top of book: depth and public trades, and the sinks that take them."""

from collections.abc import Sequence
from typing import Protocol


class Depth(Protocol):
    """One side-by-side book, in step with its venue when handed out.

    It is the feed's own and changes with the next message: take from it what is needed, at once.
    """

    @property
    def best_bid(self) -> float:
        """0 when the side is empty."""
        ...

    @property
    def best_ask(self) -> float:
        """Infinite when the side is empty."""
        ...

    def bids(self, levels: int) -> Sequence[tuple[float, float]]:
        """(price, size), best first."""
        ...

    def asks(self, levels: int) -> Sequence[tuple[float, float]]: ...


class DepthSink(Protocol):
    """Called synchronously from the feed's decoder."""

    def on_depth(self, slot: int, book: Depth, exchange_ns: int, receive_ns: int) -> None:
        """Take a book that has just changed and is whole."""
        ...

    def on_depth_lost(self, slot: int, reason: str) -> None:
        """The book is not to be trusted until the next `on_depth`."""
        ...


class DepthFeed(Protocol):
    async def run(self, sink: DepthSink) -> None:
        """Connect, decode, verify, resynchronise; returns only when cancelled."""
        ...


class TradeSink(Protocol):
    def on_trade(
        self,
        slot: int,
        price: float,
        size: float,
        exchange_ns: int,
        receive_ns: int,
        *,
        taker_buys: bool,
    ) -> None:
        """Take one public trade; a trade is told once."""
        ...


class TradeFeed(Protocol):
    async def run(self, sink: TradeSink) -> None:
        """Connect, decode, reconnect; returns only when cancelled."""
        ...
