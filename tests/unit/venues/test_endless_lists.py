"""A list that has no end is not told in part: what is missing from it would count as not there."""

from collections.abc import Callable, Mapping
from itertools import count
from typing import Any

import pytest

from arbiter.model.errors import OutcomeUnknown
from arbiter.model.ids import InstrumentId, VenueId
from arbiter.venues.bybit.orders import BybitOrders
from arbiter.venues.coinbase.orders import CoinbaseOrders
from arbiter.venues.common.account import AccountWiring, VenueAccount
from arbiter.venues.kalshi.orders import KalshiOrders
from arbiter.venues.kalshi.rest import KalshiRest
from arbiter.venues.kraken.orders import KrakenOrders
from arbiter.venues.okx.orders import OkxOrders
from tests.fakes.clock import FakeClock
from tests.unit.venues.test_kalshi import INSTRUMENT

_numbers = count(1)


def page() -> dict[str, Any]:
    """A full one, with one more behind it, in whichever shape."""
    row = {"billId": "1", "ordId": "1"}
    return {
        "data": [row] * 100,
        "result": {
            "list": [row],
            "nextPageCursor": "more",
            "trades": {str(next(_numbers)): row for _ in range(50)},
        },
        "orders": [row],
        "fills": [row],
        "cursor": "more",
    }


class Endless:
    def __init__(self) -> None:
        self.offset_ms = 0

    async def call(self, endpoint: str, params: Mapping[str, Any] | None = None) -> Any:
        return page()

    async def close(self) -> None:
        """Nothing is open."""


class EndlessKalshi(KalshiRest):
    async def call(self, endpoint: str, params: Mapping[str, Any] | None = None) -> Any:
        return page()


def wiring(name: str) -> AccountWiring:
    return AccountWiring(venue=VenueId(name), keys=None, clock=FakeClock())


class Okx(OkxOrders):
    def __init__(self) -> None:
        super().__init__(wiring("okx"))
        self._rest = Endless()


class Bybit(BybitOrders):
    def __init__(self) -> None:
        super().__init__(wiring("bybit"))
        self._rest = Endless()


class Coinbase(CoinbaseOrders):
    def __init__(self) -> None:
        super().__init__(wiring("coinbase"))
        self._rest = Endless()


class Kalshi(KalshiOrders):
    def __init__(self) -> None:
        super().__init__(wiring("kalshi"))
        self._api = self._rest = EndlessKalshi(None, None, FakeClock(), 1.0)


class Kraken(KrakenOrders):
    """Whose reads need not wait."""

    def __init__(self) -> None:
        super().__init__(wiring("kraken"))
        self._rest = Endless()

    async def _counted(
        self, endpoint: str, params: dict[str, Any] | None = None, cost: float = 1.0
    ) -> Any:
        return await self._public(endpoint, params)


def listed(client: VenueAccount) -> VenueAccount:
    client._listed = {InstrumentId("X"): INSTRUMENT}
    return client


@pytest.mark.parametrize("make", [Okx, Bybit, Coinbase, Kalshi, Kraken])
async def test_fills_without_end_are_not_told_in_part(make: Callable[[], VenueAccount]) -> None:
    with pytest.raises(OutcomeUnknown, match="without end"):
        await listed(make()).fills_since(0)


@pytest.mark.parametrize("make", [Okx, Bybit, Coinbase, Kalshi])
async def test_open_orders_without_end_are_not_told_in_part(
    make: Callable[[], VenueAccount],
) -> None:
    with pytest.raises(OutcomeUnknown, match="without end"):
        await listed(make()).open_orders()
