"""What a feed of funding rates told."""

import asyncio
from collections.abc import Callable, Sequence

from arbiter.model.perpetuals import FundingRate


class FundingLog:
    def __init__(self) -> None:
        self.rates: dict[str, FundingRate] = {}
        self._news = asyncio.Event()

    def on_funding(self, rates: Sequence[FundingRate]) -> None:
        self.rates.update((told.instrument, told) for told in rates)
        self._news.set()

    async def until(self, found: Callable[[], bool]) -> None:
        while not found():
            self._news.clear()
            await self._news.wait()
