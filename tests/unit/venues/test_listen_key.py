"""Streams by listen key: what becomes of a key that cannot be read, and of a listener that fails."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from arbiter.model.ids import VenueId
from arbiter.venues.binance import futures
from arbiter.venues.binance.futures import BinanceFuturesOrders
from arbiter.venues.common.account import AccountWiring
from tests.fakes.clock import FakeClock


class Keys:
    """Gives what it is told to for a key; the last again and again."""

    def __init__(self, *answers: Any) -> None:
        self.offset_ms = 0
        self.asked = 0
        self._answers = list(answers)

    async def call(self, endpoint: str, params: Mapping[str, Any] | None = None) -> Any:
        self.asked += 1
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]

    async def close(self) -> None:
        """Nothing is open."""


class Failing:
    """A stream whose listener fails."""

    async def run(self) -> None:
        raise LookupError("of the ledger")


class Futures(BinanceFuturesOrders):
    def __init__(self, *answers: Any) -> None:
        venue = VenueId("binance_futures")
        self.keys = Keys(*answers)
        super().__init__(AccountWiring(venue=venue, keys=None, clock=FakeClock()), self.keys)

    def _stream(self, *_: Any, **__: Any) -> Any:
        return Failing()

    async def follow(self) -> None:
        await self._follow()


async def test_a_failure_of_who_listens_is_that_of_the_account() -> None:
    async with asyncio.timeout(10):
        with pytest.raises(ExceptionGroup) as told:
            await Futures({"listenKey": "abc"}).follow()
    assert told.group_contains(LookupError, match="of the ledger")


async def test_a_listen_key_that_cannot_be_read_is_asked_for_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(futures, "_KEY_RETRY_S", 0.0)
    account = Futures({}, {"listenKey": "abc"})
    async with asyncio.timeout(10):
        with pytest.raises(ExceptionGroup):
            await account.follow()
    assert account.keys.asked == 2
