"""How Kalshi is asked for what its streams do not tell: payouts, and books without a key."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from arbiter.model.errors import OutcomeUnknown, RateLimited
from arbiter.model.reports import ForcedReported, VenueReport
from arbiter.model.time import NS_PER_DAY, NS_PER_S
from arbiter.venues.common.account import AccountWiring
from arbiter.venues.common.endpoints import Endpoints
from arbiter.venues.common.frames import FeedTally
from arbiter.venues.common.wiring import FeedWiring
from arbiter.venues.kalshi.depth import KalshiDepthFeed
from arbiter.venues.kalshi.feed import _Looks
from arbiter.venues.kalshi.orders import KalshiOrders
from arbiter.venues.kalshi.rest import KalshiRest
from arbiter.venues.kalshi.rows import moment_ns
from tests.fakes.clock import FakeClock
from tests.unit.venues.frames import Taker
from tests.unit.venues.test_kalshi import INSTRUMENT, TICKER, VENUE, settlement


class Paying(KalshiRest):
    """Tells what it is given, and keeps what it was asked for."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(None, None, clock, 1.0)
        self.asked: list[Mapping[str, Any]] = []
        self.answer: dict[str, Any] = {"settlements": [settlement("yes", yes="10.00")]}

    async def call(self, endpoint: str, params: Mapping[str, Any] | None = None) -> Any:
        self.asked.append(dict(params or {}))
        return self.answer


class Paid(KalshiOrders):
    def __init__(self, clock: FakeClock) -> None:
        super().__init__(AccountWiring(venue=VENUE, keys=None, clock=clock))
        self.paying = Paying(clock)
        self._api = self._rest = self.paying
        self._listed, self._by_market = {INSTRUMENT.id: INSTRUMENT}, {TICKER: INSTRUMENT}
        self.said: list[VenueReport] = []
        self._sink = self

    def on_report(self, report: VenueReport) -> None:
        self.said.append(report)

    async def look(self, since_ns: int) -> int:
        return await self._tell_payouts(since_ns)

    @property
    def remembered(self) -> int:
        return len(self._told)


async def test_a_payout_is_told_once_and_is_not_asked_for_forever() -> None:
    paid_ns = moment_ns("2023-12-13T20:30:00.500000+00:00")
    clock = FakeClock(paid_ns + 60 * NS_PER_S)
    client = Paid(clock)
    since_ns = began_ns = paid_ns - 3_600 * NS_PER_S
    for _ in range(3):
        since_ns = await client.look(since_ns)
    assert [type(report) for report in client.said] == [ForcedReported]
    assert since_ns == began_ns, "within a day all of it is asked for again"
    clock.advance(2 * NS_PER_DAY)
    since_ns = await client.look(since_ns)
    assert since_ns == clock.now_ns() - NS_PER_DAY
    await client.look(since_ns)
    assert client.paying.asked[-1]["min_ts"] == since_ns // NS_PER_S
    assert len(client.said) == 1
    assert client.remembered == 0


async def test_a_decision_that_cannot_be_read_is_no_answer() -> None:
    client = Paid(FakeClock())
    row = {"ticker": TICKER, "status": "settled", "settlement_value_dollars": "one"}
    client.paying.answer = {"markets": [row]}
    with pytest.raises(OutcomeUnknown, match="cannot be read"):
        await client.outcomes([INSTRUMENT.id])


class Ear(Taker):
    def __init__(self) -> None:
        super().__init__()
        self.heard = asyncio.Event()

    def on_depth_lost(self, *_: object) -> None:
        super().on_depth_lost()
        self.heard.set()


def wiring(clock: FakeClock) -> FeedWiring:
    return FeedWiring(venue=VENUE, instruments=(INSTRUMENT,), slots={INSTRUMENT.id: 1}, clock=clock)


@pytest.mark.parametrize("answer", [{}, {"orderbook_fp": None}, {"orderbook_fp": [1]}])
async def test_a_book_that_cannot_be_read_is_lost_and_asked_for_again(
    answer: dict[str, Any],
) -> None:
    clock, ear = FakeClock(), Ear()
    rest = Paying(clock)
    rest.answer = answer
    task = asyncio.create_task(KalshiDepthFeed(wiring(clock))._look(rest, ear))
    heard = asyncio.create_task(ear.heard.wait())
    await asyncio.wait({task, heard}, return_when=asyncio.FIRST_COMPLETED)
    assert ear.lost
    assert not task.done()
    for each in (task, heard):
        each.cancel()
    await asyncio.gather(task, heard, return_exceptions=True)


async def test_a_market_that_cannot_be_read_is_passed_over() -> None:
    clock, ear, tally = FakeClock(), Ear(), FeedTally()
    rest = Paying(clock)
    row = {"yes_bid_dollars": "0.4", "yes_ask_dollars": "0.5"}
    row |= {"yes_bid_size_fp": "1", "yes_ask_size_fp": "2"}
    rest.answer = {"markets": [row, [], row | {"ticker": TICKER}]}
    await _Looks(wiring(clock), rest, ear, tally)._look({TICKER: 1})
    assert [quote[:5] for quote in ear.quotes] == [(1, 0.4, 0.5, 1.0, 2.0)]
    assert tally.bad == 2


async def test_a_venue_that_is_busy_says_for_how_long() -> None:
    async def busy(_request: web.Request) -> web.Response:
        told = {"error": {"code": "too_many_requests", "message": "slow down"}}
        return web.json_response(told, status=429, headers={"Retry-After": "37"})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", busy)
    async with TestServer(app) as server:
        origin = str(server.make_url("")).rstrip("/")
        endpoints = Endpoints(stream=origin.replace("http", "ws", 1), rest=origin)
        wiring = AccountWiring(venue=VENUE, keys=None, clock=FakeClock(), endpoints=endpoints)
        client = KalshiOrders(wiring)
        client._listed = {INSTRUMENT.id: INSTRUMENT}
        with pytest.raises(RateLimited) as limited:
            await client.positions()
        await client.aclose()
    assert limited.value.retry_after_ms == 37_000
