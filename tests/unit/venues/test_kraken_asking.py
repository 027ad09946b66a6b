"""How Kraken is asked: numbers of requests that rise, and trades as the stream tells them."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from arbiter.model.ids import VenueId
from arbiter.venues.common import signed
from arbiter.venues.common.account import AccountWiring
from arbiter.venues.kraken.orders import KrakenOrders
from arbiter.venues.kraken.rest import KrakenRest
from tests.fakes.clock import FakeClock
from tests.fakes.wiring import listing


def test_a_nonce_rises_while_the_clock_stands_still_or_is_set_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rest = KrakenRest(None, None, 5.0)
    told: list[int] = []
    for seconds in (10_000.0, 10_000.0, 6_400.0, 6_400.001):
        monkeypatch.setattr(signed, "time", SimpleNamespace(time=lambda at=seconds: at))
        told.append(rest._exchange.nonce())
    assert told == sorted(set(told)), "each above the one before it"
    assert told[0] == 10_000_000


PARTS = {"T1": "0.4", "T2": "0.6"}
"""What one order took, by the ids of its executions."""


class History:
    """Tells the trades of one order that took twice at once: as one, unless asked for each."""

    def __init__(self) -> None:
        self.offset_ms = 0

    async def call(self, endpoint: str, params: Mapping[str, Any] | None = None) -> Any:
        row = {"ordertxid": "O1", "pair": "BTCUSDT", "type": "buy", "price": "1", "fee": "0"}
        if endpoint == "privatePostQueryOrders":
            return {"result": {"O1": {"cl_ord_id": "ours"}}}
        assert endpoint == "privatePostTradesHistory"
        assert params is not None
        whole = str(params.get("consolidate_taker", "true")).lower() == "true"
        parts = {"T1": "1.0"} if whole else PARTS
        trades = {name: row | {"vol": size, "time": "1.5"} for name, size in parts.items()}
        return {"result": {"trades": trades}}

    async def close(self) -> None:
        """Nothing is open."""


async def test_fills_read_later_are_those_that_the_stream_tells_one_by_one() -> None:
    """Executions come each by itself; another cut of the same trades would be booked beside them."""
    account: Any = KrakenOrders(
        AccountWiring(venue=VenueId("kraken"), keys=None, clock=FakeClock())
    )
    listed = listing("BTCUSDT", "kraken")
    account._listed, account._by_market = {listed.id: listed}, {listed.market_id: listed}
    account._pairs = {"BTCUSDT": listed.market_id}
    account._rest = History()
    found = await account.fills_since(1)
    assert {fill.venue_trade_id: str(fill.size) for fill in found} == PARTS
