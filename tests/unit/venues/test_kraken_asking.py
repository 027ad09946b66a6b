"""How Kraken is asked: numbers of requests that rise, and trades as the stream tells them."""

import asyncio
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from arbiter.model.ids import VenueId
from arbiter.venues.common import signed
from arbiter.venues.common.account import AccountWiring
from arbiter.venues.common.signed import Answered
from arbiter.venues.kraken.errors import OVERTAKEN
from arbiter.venues.kraken.orders import KrakenOrders
from arbiter.venues.kraken.rest import KrakenRest
from arbiter.venues.kraken.turns import Turns
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


# Turns, where the key has no nonce window ---------------------------------------------------


class Desk:
    """Numbers requests when they are signed, refuses those that are overtaken, answers when told."""

    def __init__(self) -> None:
        self.signed = 0
        self.arrived = 0
        self.log: list[str] = []
        self.gates: dict[str, asyncio.Event] = {}
        self.turns = Turns(lambda: self.signed)

    async def ask(self, name: str) -> str:
        self.signed += 1
        number = self.signed
        self.log.append(f"signed {name}")
        gate = self.gates.get(name)
        if gate is not None:
            await gate.wait()
        if number < self.arrived:
            self.log.append(f"refused {name}")
            raise Answered(200, OVERTAKEN, "EAPI:Invalid nonce")
        self.arrived = number
        return name

    def read(self, name: str) -> asyncio.Task[str]:
        return asyncio.create_task(self.turns.read(lambda: self.ask(name)))

    def change(self, name: str) -> asyncio.Task[str]:
        return asyncio.create_task(self.turns.change(lambda: self.ask(name)))


async def _settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_an_order_does_not_wait_for_a_slow_read_and_the_overtaken_read_is_asked_again() -> (
    None
):
    desk = Desk()
    desk.gates["read"] = asyncio.Event()
    reading = desk.read("read")
    await _settled()
    assert await desk.change("order") == "order"
    assert not reading.done()
    desk.gates["read"].set()
    assert await reading == "read"
    assert desk.log == ["signed read", "signed order", "refused read", "signed read"]


async def test_a_read_is_not_signed_while_an_order_is_under_way() -> None:
    desk = Desk()
    desk.gates["order"] = asyncio.Event()
    ordering = desk.change("order")
    await _settled()
    reading = desk.read("read")
    await _settled()
    assert desk.log == ["signed order"]
    desk.gates["order"].set()
    assert [await ordering, await reading] == ["order", "read"]


async def test_orders_go_one_after_the_other_unless_the_window_is_wide() -> None:
    desk = Desk()
    desk.gates["first"] = asyncio.Event()
    first = desk.change("first")
    await _settled()
    second = desk.change("second")
    await _settled()
    assert desk.log == ["signed first"]
    desk.turns.wide = True
    assert await desk.change("third") == "third"
    desk.turns.wide = False
    desk.arrived = 0
    desk.gates["first"].set()
    assert [await first, await second] == ["first", "second"]


async def test_a_read_that_nobody_overtook_and_is_refused_for_its_nonce_says_so() -> None:
    desk = Desk()
    desk.arrived = 100
    with pytest.raises(Answered):
        await desk.read("read")
    assert desk.log == ["signed read", "refused read"]


async def test_a_read_that_is_given_up_leaves_nothing_under_way() -> None:
    desk = Desk()
    desk.gates["read"] = asyncio.Event()
    reading = desk.read("read")
    await _settled()
    reading.cancel()
    await _settled()
    assert reading.cancelled()
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "kraken read"]
    assert await desk.read("next") == "next"
