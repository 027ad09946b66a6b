"""A depth feed whose books the test writes."""

import asyncio

from arbiter.ports.market_data import DepthSink
from arbiter.venues.common.depth_book import DepthBook


class FakeDepth:
    """Implements `ports.DepthFeed`: tells what it is told to tell, while it is followed."""

    def __init__(self) -> None:
        self.sink: DepthSink | None = None
        self.started = asyncio.Event()
        self.ended = asyncio.Event()

    async def run(self, sink: DepthSink) -> None:
        self.sink = sink
        self.started.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.sink = None
            self.ended.set()

    def tell(
        self,
        bids: list[tuple[float, float]],
        asks: list[tuple[float, float]],
        receive_ns: int,
    ) -> None:
        assert self.sink is not None, "nobody follows"
        book = DepthBook()
        book.replace(bids, asks)
        self.sink.on_depth(0, book, receive_ns - 1, receive_ns)

    def lose(self) -> None:
        assert self.sink is not None, "nobody follows"
        self.sink.on_depth_lost(0, "a gap")
