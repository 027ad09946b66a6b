"""The engine's side of the simulated venues of perpetuals: their funding, and margin accounts."""

import asyncio
import random
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path

import structlog
from msgspec.structs import replace

from arbiter.model.errors import NO_ANSWER, RateLimited, VenueUnreachable
from arbiter.model.ids import InstrumentId, VenueId
from arbiter.model.perpetuals import (
    ForcedClose,
    FundingPayment,
    FundingRate,
    MarginBalance,
    VenuePosition,
)
from arbiter.model.reports import FillSettled, ForcedReported, FundingReported
from arbiter.ports.clock import Clock
from arbiter.ports.venue import FundingSink, ReportSink
from arbiter.venues.common.backoff import Backoff
from arbiter.venues.sim import wire
from arbiter.venues.sim.client import SimOrderClient, expect
from arbiter.venues.sim.link import SimLink

log = structlog.get_logger(__name__)

TIMEOUT_S = 3.0


class SimMarginClient(SimOrderClient):
    """Orders and the margin account of one simulated venue of perpetuals."""

    on_margin = True

    async def positions(self) -> Sequence[VenuePosition]:
        return (await self._positions()).positions

    async def margin_balances(self) -> Sequence[MarginBalance]:
        return (await self._positions()).balances

    async def payments_since(self, since_ns: int) -> Sequence[FundingPayment]:
        return (await self._payments(since_ns)).payments

    async def forced_since(self, since_ns: int) -> Sequence[ForcedClose]:
        return (await self._payments(since_ns)).forced

    async def settled_since(self, since_ns: int) -> Sequence[FillSettled]:
        return (await self._payments(since_ns)).settled

    async def set_leverage(self, instrument: InstrumentId, leverage: Decimal) -> None:
        link = await self._up()
        request = wire.SetLeverage(
            id=link.next_id(), venue=self.venue, instrument=instrument, leverage=leverage
        )
        expect(await link.ask(request, self._timeout_s), wire.Done)

    async def _make_up(self, sink: ReportSink) -> None:
        """Also payments and forced closes: what comes twice is booked once."""
        since_ns = self._last_fill_ns
        await super()._make_up(sink)
        told = await self._payments(since_ns)
        for payment in told.payments:
            sink.on_report(FundingReported(venue=self.venue, at_ns=payment.at_ns, payment=payment))
        for forced in told.forced:
            sink.on_report(ForcedReported(venue=self.venue, at_ns=forced.at_ns, forced=forced))
        for settled in told.settled:
            sink.on_report(settled)

    async def _positions(self) -> wire.PositionList:
        link = await self._up()
        request = wire.ListPositions(id=link.next_id(), venue=self.venue)
        return expect(await link.ask(request, self._timeout_s), wire.PositionList)

    async def _payments(self, since_ns: int) -> wire.PaymentList:
        link = await self._up()
        request = wire.ListPayments(id=link.next_id(), venue=self.venue, since_ns=since_ns)
        return expect(await link.ask(request, self._timeout_s), wire.PaymentList)


class SimFundingFeed:
    """Asks every venue of perpetuals for its funding, again and again."""

    def __init__(
        self,
        home: Path,
        venues: Sequence[VenueId],
        clock: Clock,
        every_s: float = 1.0,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._home = home
        self._venues = tuple(venues)
        self._clock = clock
        self._every_s = every_s
        self._backoff = Backoff(draw)

    async def run(self, sink: FundingSink) -> None:
        """Look, tell, wait; reconnects by itself and returns only when cancelled."""
        while True:
            try:
                link = await SimLink.connect(self._home)
            except VenueUnreachable:
                await asyncio.sleep(self._backoff.delay_s())
                continue
            try:
                await self._look_while_up(link, sink)
            finally:
                link.close()
            await asyncio.sleep(self._backoff.delay_s())

    async def _look_while_up(self, link: SimLink, sink: FundingSink) -> None:
        """Look at each venue by itself, so that one that is silent does not hide the others."""
        async with asyncio.TaskGroup() as group:
            for venue in self._venues:
                group.create_task(self._look_at(venue, link, sink))

    async def _look_at(self, venue: VenueId, link: SimLink, sink: FundingSink) -> None:
        while link.up:
            request = wire.GetFunding(id=link.next_id(), venue=venue)
            pause_s = self._every_s
            try:
                answer = expect(await link.ask(request, TIMEOUT_S), wire.FundingList)
            except NO_ANSWER as error:
                log.debug("no funding rates", venue=venue, why=str(error))
                if isinstance(error, RateLimited):
                    pause_s = max(pause_s, error.retry_after_ms / 1_000)
            else:
                sink.on_funding(self._fetched(answer.rates))
                self._backoff.reset()
            await asyncio.sleep(pause_s)

    def _fetched(self, rates: Sequence[FundingRate]) -> list[FundingRate]:
        now = self._clock.now_ns()
        return [replace(told, updated_ns=now) for told in rates]
