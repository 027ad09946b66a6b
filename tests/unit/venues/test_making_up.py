"""What the private stream did not tell while it was away is made up for, however long that takes."""

import asyncio
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from arbiter.model.errors import OutcomeUnknown
from arbiter.model.ids import Asset, ClientOrderId, InstrumentId, VenueId
from arbiter.model.orders import Fill, Liquidity, Side
from arbiter.model.reports import Accepted, Ended, Filled, Refused, VenueReport
from arbiter.model.time import NS_PER_MS, NS_PER_S
from arbiter.ports.venue import ReportSink
from arbiter.venues.common.account import AccountWiring
from arbiter.venues.common.signed import Answered
from arbiter.venues.okx.orders import OkxOrders
from tests.fakes.clock import START_NS, FakeClock
from tests.unit.venues.test_unreadable_answers import FILL, ROW, UntilEnded, order_of

VENUE = VenueId("okx")
LATER_NS = START_NS + 600 * NS_PER_S


class Away:
    """Takes orders, which rest; its fills are out of reach at the first question for them."""

    def __init__(self) -> None:
        self.offset_ms = 0
        self.asked_from: list[int] = []
        self.failed = asyncio.Event()

    async def call(self, endpoint: str, params: Mapping[str, Any] | None = None) -> Any:
        match endpoint:
            case "public_get_public_instruments":
                rows: list[Any] = [ROW]
            case "public_get_public_time":
                rows = [{"ts": str(START_NS // NS_PER_MS)}]
            case "private_get_trade_fills":
                assert params is not None
                self.asked_from.append(int(params["begin"]) * NS_PER_MS)
                if len(self.asked_from) == 1:
                    self.failed.set()
                    raise OutcomeUnknown("no answer")
                rows = []
            case "private_post_trade_order":
                rows = [{"ordId": "1"}]
            case _:
                row = {"instId": "BTC-USDT", "ordId": "1", "clOrdId": "caseX1", "state": "live"}
                rows = [row | {"sz": "0.01", "accFillSz": "0", "uTime": "0"}]
        return {"code": "0", "data": rows}

    async def close(self) -> None:
        """Nothing is open."""


class Followed(OkxOrders):
    """Its private stream is what a test says."""

    def __init__(self) -> None:
        super().__init__(AccountWiring(venue=VENUE, keys=None, clock=FakeClock()))
        self.away = Away()
        self._rest = self.away

    async def _follow(self) -> None:
        self.stream(up=True)
        await asyncio.Event().wait()

    def stream(self, *, up: bool) -> None:
        self._state(up, "")

    def tell(self, report: VenueReport) -> None:
        self._say(report)


class Sink:
    def on_report(self, report: VenueReport) -> None:
        """Nobody listens."""


def filled(name: InstrumentId) -> Filled:
    fill = Fill(
        venue=VENUE,
        venue_trade_id="BTC-USDT:2",
        client_order_id=ClientOrderId("case-2"),
        instrument=name,
        side=Side.BUY,
        size=Decimal(1),
        price=Decimal(1),
        fee=Decimal(0),
        fee_asset=Asset("BTC"),
        liquidity=Liquidity.TAKER,
        at_ns=LATER_NS,
    )
    return Filled(venue=VENUE, at_ns=LATER_NS, fill=fill)


async def test_news_of_after_an_outage_do_not_shorten_what_is_asked_for_of_before() -> None:
    client = Followed()
    (listed,) = await client.instruments()
    await client.submit(order_of(listed))
    task = asyncio.create_task(client.run(Sink()))
    await client.away.failed.wait()
    client.tell(filled(listed.id))
    await client.following.wait()
    assert len(client.away.asked_from) == 2
    assert all(asked <= START_NS for asked in client.away.asked_from)
    client.stream(up=False)
    client.stream(up=True)
    await client.following.wait()
    assert START_NS < client.away.asked_from[-1] <= LATER_NS, "all before that was told"
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_another_loss_does_not_shorten_what_is_still_to_be_made_up_for() -> None:
    client = Followed()
    (listed,) = await client.instruments()
    await client.submit(order_of(listed))
    task = asyncio.create_task(client.run(Sink()))
    await client.away.failed.wait()
    client.tell(filled(listed.id))
    client.stream(up=False)
    client.stream(up=True)
    await client.following.wait()
    assert len(client.away.asked_from) == 2
    assert all(asked <= START_NS for asked in client.away.asked_from)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


class Ahead(Away):
    """Its clock is half a minute ahead: it takes no order dated by ours."""

    async def call(self, endpoint: str, params: Mapping[str, Any] | None = None) -> Any:
        if endpoint == "private_post_trade_order" and not self.offset_ms:
            raise Answered(401, "50102", "Timestamp request expired")
        if endpoint == "public_get_public_time":
            at_ms = START_NS // NS_PER_MS + 30_000
            return {"code": "0", "data": [{"ts": str(at_ms)}]}
        return await super().call(endpoint, params)


async def test_an_order_refused_for_its_time_is_not_repeated_and_the_next_has_the_venues() -> None:
    client = Followed()
    client.away = client._rest = Ahead()
    (listed,) = await client.instruments()
    refused = await client.submit(order_of(listed))
    assert isinstance(refused, Refused)
    assert client.away.offset_ms == 30_000
    assert isinstance(await client.submit(order_of(listed)), Accepted)


class Flapping(Followed):
    """Loses its stream, and has it back, while it makes up for the last loss."""

    def __init__(self) -> None:
        super().__init__()
        self.made_up: list[int] = []

    async def _make_up_more(self, sink: ReportSink, since_ns: int) -> None:
        self.made_up.append(since_ns)
        if len(self.made_up) == 1:
            self.stream(up=False)
            self.stream(up=True)


async def test_a_loss_while_another_is_made_up_for_is_made_up_for_too() -> None:
    client = Flapping()
    await client.instruments()
    task = asyncio.create_task(client.run(Sink()))
    await client.following.wait()
    assert len(client.made_up) == 2
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


class Spoilt(Away):
    """The order has ended unheard; beside its fill lies a row that cannot be read."""

    def __init__(self) -> None:
        super().__init__()
        self.spoilt = True

    async def call(self, endpoint: str, params: Mapping[str, Any] | None = None) -> Any:
        if endpoint == "private_get_trade_fills":
            at = str(START_NS // NS_PER_MS)
            got = FILL | {"clOrdId": "caseX1", "fillSz": "0.01", "ts": at}
            other = FILL | {"tradeId": "2", "clOrdId": "caseX2", "fillSz": "?", "ts": at}
            return {"code": "0", "data": [got, other] if self.spoilt else [got]}
        told = await super().call(endpoint, params)
        for row in told["data"]:
            if row.get("state") == "live" and "ordId" in row:
                row |= {"state": "filled", "accFillSz": "0.01"}
        return told


async def test_a_row_that_cannot_be_read_keeps_no_order_from_its_end() -> None:
    client = Followed()
    away = client.away = client._rest = Spoilt()
    (listed,) = await client.instruments()
    await client.submit(order_of(listed))
    sink = UntilEnded()
    task = asyncio.create_task(client.run(sink))
    async with asyncio.timeout(30):
        await sink.ended.wait()
    assert [type(report) for report in sink.told] == [Filled, Ended]
    assert not client.following.is_set(), "what is behind the row is still to come"
    away.spoilt = False
    client.stream(up=False)
    client.stream(up=True)
    async with asyncio.timeout(30):
        await client.following.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
