"""Event markets in paper: a match is final, and the real venue's word pays."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from pathlib import Path

import pytest

from arbiter.markets.event_catalogue import TOPICS
from arbiter.markets.event_settings import EVENT_VENUES
from arbiter.markets.events import list_event
from arbiter.matching.latency import NO_LATENCY
from arbiter.model.errors import VenueUnreachable
from arbiter.model.event_pairs import EventListing
from arbiter.model.ids import Asset, InstrumentId, VenueId
from arbiter.model.orders import Side, TimeInForce
from arbiter.model.perpetuals import ForcedCause
from arbiter.model.reports import FillSettled, ForcedReported, Refused
from arbiter.runtime.clock import SystemClock
from arbiter.venues.paper.client import PaperClient
from arbiter.venues.paper.payouts import PaperPayouts, final_at_once
from tests.port_suites.feed import QuoteLog
from tests.port_suites.order_client import OrderDesk

VENUE = VenueId("polymarket")


class Deciding:
    """A venue that fails to answer once, then knows what it was told."""

    def __init__(self) -> None:
        self.decided: dict[InstrumentId, Decimal] = {}
        self.asked = 0

    async def listings(self) -> Sequence[EventListing]:
        return ()

    async def outcomes(
        self, instruments: Collection[InstrumentId]
    ) -> Mapping[InstrumentId, Decimal]:
        self.asked += 1
        if self.asked == 1:
            raise VenueUnreachable("no answer")
        return {name: paid for name, paid in self.decided.items() if name in instruments}


@pytest.mark.parametrize(("payout", "total"), [("1", "1009.8"), ("0", "989.8")])
async def test_contracts_pay_when_the_real_market_is_decided(
    tmp_path: Path, payout: str, total: str
) -> None:
    listed = final_at_once(list_event(TOPICS[0], EVENT_VENUES[VENUE]))
    assert not listed.settles_fills
    balances = {Asset(listed.settle): Decimal(1_000)}
    client = PaperClient(VENUE, [listed], balances, tmp_path / "paper", SystemClock(), NO_LATENCY)
    desk = OrderDesk(client, listed, price=Decimal("0.5"))
    venue = Deciding()
    tasks = [
        asyncio.create_task(client.run(desk.log)),
        asyncio.create_task(PaperPayouts(venue, client, [listed], 0.01).run(QuoteLog())),
    ]
    await client.following.wait()
    client.quoted(listed.id, 0.49, 0.51, 100.0, 100.0)
    fills = await desk.trade(desk.order(usd=10, tif=TimeInForce.IOC))
    assert sum(fill.size for fill in fills) == Decimal(20)
    venue.decided[listed.id] = Decimal(payout)
    await desk.log.until(lambda: any(isinstance(r, ForcedReported) for r in desk.log.reports))
    (told,) = (r.forced for r in desk.log.reports if isinstance(r, ForcedReported))
    assert (told.cause, told.price, told.side) == (
        ForcedCause.RESOLUTION,
        Decimal(payout),
        Side.SELL,
    )
    assert (await desk.totals())[listed.settle] == Decimal(total)
    assert not any(isinstance(r, FillSettled) for r in desk.log.reports)
    assert isinstance(await client.submit(desk.order(usd=10)), Refused)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_market_listed_later_is_traded_and_paid_as_one_listed_from_the_start(
    tmp_path: Path,
) -> None:
    first, late = (final_at_once(list_event(topic, EVENT_VENUES[VENUE])) for topic in TOPICS[:2])
    balances = {Asset(first.settle): Decimal(1_000)}
    folder = tmp_path / "paper"
    client = PaperClient(VENUE, [first], balances, folder, SystemClock(), NO_LATENCY)
    desk = OrderDesk(client, late, price=Decimal("0.5"))
    venue = Deciding()
    payouts = PaperPayouts(venue, client, [], 0.01)
    tasks = [
        asyncio.create_task(client.run(desk.log)),
        asyncio.create_task(payouts.run(QuoteLog())),
    ]
    await client.following.wait()
    assert isinstance(await client.submit(desk.order(usd=10)), Refused)
    for admit in (client.admit, payouts.admit):
        admit([late], {late.id: 1})
    client.quoted(late.id, 0.49, 0.51, 100.0, 100.0)
    fills = await desk.trade(desk.order(usd=10, tif=TimeInForce.IOC))
    assert sum(fill.size for fill in fills) == Decimal(20)
    venue.decided[late.id] = Decimal(1)
    await desk.log.until(lambda: any(isinstance(r, ForcedReported) for r in desk.log.reports))
    (held,) = await client.holdings()
    assert held.total == Decimal("1009.8")
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    again = PaperClient(VENUE, [first, late], balances, folder, SystemClock(), NO_LATENCY)
    assert list(await again.fills_since(0)) == fills, "a restart lists it from the start"
