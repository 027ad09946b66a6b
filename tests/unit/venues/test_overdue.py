"""An order without an end is asked about, however long its private stream keeps silent."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from decimal import Decimal
from typing import Any

import pytest

from arbiter.model.errors import RateLimited, VenueUnreachable
from arbiter.model.ids import VenueId
from arbiter.model.orders import Order, OrderStatus
from arbiter.model.reports import Accepted, Ended, Filled, Refused, VenueReport
from arbiter.model.time import NS_PER_MS
from arbiter.venues.common import account
from arbiter.venues.common.account import AccountWiring
from arbiter.venues.common.signed import Answered
from arbiter.venues.okx.orders import OkxOrders
from tests.chaos.virtual_loop import VirtualClock, VirtualLoop
from tests.unit.venues.test_unreadable_answers import FILL, ROW, order_of

ABSENT = "51603"
TOO_MANY = "50011"
NO_FUNDS = "51008"
MINUTES_S = 600.0


class Silent:
    """A venue whose stream says nothing; `state` is what it tells of the one order it was sent."""

    def __init__(self, clock: VirtualClock) -> None:
        self.offset_ms = 0
        self.state = "live"
        self.refusal = ""
        self.sent = 0
        self.asked_s: list[float] = []
        self._clock = clock

    async def call(self, endpoint: str, params: Mapping[str, Any] | None = None) -> Any:
        now_ms = self._clock.now_ns() // NS_PER_MS
        match endpoint:
            case "public_get_public_instruments":
                rows: list[Any] = [ROW]
            case "public_get_public_time":
                rows = [{"ts": str(now_ms)}]
            case "private_post_trade_order":
                self.sent += 1
                if self.refusal == "unreachable":
                    raise VenueUnreachable("nobody is there")
                if self.refusal:
                    raise Answered(200, self.refusal, "no")
                rows = [{"ordId": "1"}]
            case "private_get_trade_fills":
                fill = FILL | {"clOrdId": "caseX1", "fillSz": "0.01", "ts": str(now_ms)}
                rows = [fill] if self.state == "filled" else []
            case "private_get_trade_order":
                self.asked_s.append(asyncio.get_running_loop().time())
                if self.state == "absent":
                    raise Answered(200, ABSENT, "Order does not exist")
                got = "0.01" if self.state == "filled" else "0"
                row = {"instId": "BTC-USDT", "ordId": "1", "clOrdId": "caseX1"}
                rows = [row | {"state": self.state, "sz": "0.01", "accFillSz": got, "uTime": "0"}]
            case _:
                raise AssertionError(endpoint)
        return {"code": "0", "data": rows}

    async def close(self) -> None:
        """Nothing is open."""


class Connected(OkxOrders):
    """Its private stream is up and silent."""

    def __init__(self, clock: VirtualClock) -> None:
        wiring = AccountWiring(venue=VenueId("okx"), keys=None, clock=clock, draw=lambda: 1.0)
        super().__init__(wiring)
        self.silent = self._rest = Silent(clock)
        self.told: list[VenueReport] = []

    def on_report(self, report: VenueReport) -> None:
        self.told.append(report)

    async def _follow(self) -> None:
        self._state(connected=True, why="")
        await asyncio.Event().wait()


Play = Callable[[Connected, Order], Coroutine[Any, Any, None]]


def follow(play: Play) -> Connected:
    """Play with a client at work, in virtual time."""

    async def work(loop: VirtualLoop) -> Connected:
        client = Connected(VirtualClock(loop))
        (listed,) = await client.instruments()
        task = asyncio.create_task(client.run(client))
        await client.following.wait()
        await play(client, order_of(listed))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return client

    loop = VirtualLoop()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(work(loop))


def test_an_end_that_the_stream_never_told_is_told_with_its_fill_once() -> None:
    async def play(client: Connected, order: Order) -> None:
        assert isinstance(await client.submit(order), Accepted)
        client.silent.state = "filled"
        await asyncio.sleep(MINUTES_S)

    client = follow(play)
    filled, ended = client.told
    assert isinstance(filled, Filled)
    assert filled.fill.size == Decimal("0.01")
    assert isinstance(ended, Ended)
    assert (ended.status, ended.filled_size) == (OrderStatus.FILLED, Decimal("0.01"))
    (asked_s,) = client.silent.asked_s
    assert account._OVERDUE_S < asked_s < 3 * account.RECONCILE_EVERY_S


def test_an_order_that_rests_is_asked_about_again_and_again_and_nothing_told() -> None:
    async def play(client: Connected, order: Order) -> None:
        await client.submit(order)
        await asyncio.sleep(MINUTES_S)

    client = follow(play)
    assert client.told == []
    assert len(client.silent.asked_s) > MINUTES_S / account.RECONCILE_EVERY_S - 3


def test_an_order_the_venue_does_not_know_yet_may_still_come_and_end() -> None:
    async def play(client: Connected, order: Order) -> None:
        client.silent.state = "absent"
        await client.submit(order)
        await asyncio.sleep(account._GONE_S - 2 * account.RECONCILE_EVERY_S)
        assert client.silent.asked_s
        assert client.told == []
        client.silent.state = "canceled"
        await asyncio.sleep(2 * account.RECONCILE_EVERY_S)

    (ended,) = follow(play).told
    assert isinstance(ended, Ended)
    assert ended.status is OrderStatus.CANCELLED


def test_an_order_the_venue_never_hears_of_is_not_asked_about_for_ever() -> None:
    async def play(client: Connected, order: Order) -> None:
        client.silent.state = "absent"
        await client.submit(order)
        await asyncio.sleep(MINUTES_S)

    client = follow(play)
    assert client.told == []
    assert account._GONE_S < client.silent.asked_s[-1] < account._GONE_S + 30
    assert client._unended == {}


@pytest.mark.parametrize("refusal", [NO_FUNDS, TOO_MANY, "unreachable"])
def test_an_order_that_was_not_taken_is_not_asked_about(refusal: str) -> None:
    async def play(client: Connected, order: Order) -> None:
        client.silent.refusal = refusal
        if refusal == TOO_MANY:
            with pytest.raises(RateLimited):
                await client.submit(order)
        else:
            assert isinstance(await client.submit(order), Refused)
        await asyncio.sleep(MINUTES_S)

    client = follow(play)
    assert (client.silent.sent, client.silent.asked_s, client.told) == (1, [], [])
