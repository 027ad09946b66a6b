"""The funding desk's legs in the world: leverage set, positions looked at, ticks when due."""

import asyncio
from collections.abc import Mapping, Sequence

import msgspec
import structlog

from arbiter.model.changes import Changes
from arbiter.model.errors import NO_ANSWER, OutcomeUnknown, TryAgain, VenueRefused
from arbiter.model.events import (
    AlertRaised,
    Event,
    KillSwitchEngaged,
    PositionForced,
    TradeAdvanced,
)
from arbiter.model.ids import InstrumentId, VenueId
from arbiter.model.perpetuals import MarginBalance, VenuePosition
from arbiter.ports.clock import Clock
from arbiter.ports.venue import FundingFeed, MarginClient
from arbiter.runtime.core import TradingCore
from arbiter.runtime.funding_desk import FundingDesk
from arbiter.runtime.supervisor import Supervisor

log = structlog.get_logger(__name__)

TICK_S = 1.0
"""Between two ticks of the desk; a forced close or a trade's end brings the next one at once."""
LOOK_S = 2.0
"""Between two looks at positions and balances."""


class SeenBalances(msgspec.Struct, frozen=True, kw_only=True):
    balances: tuple[MarginBalance, ...]
    at_ns: int


class FundingWatch:
    """Runs a `FundingDesk` for as long as the engine does."""

    def __init__(
        self,
        *,
        core: TradingCore,
        desk: FundingDesk,
        clients: Mapping[VenueId, MarginClient],
        feeds: Sequence[FundingFeed],
        clock: Clock,
    ) -> None:
        self.desk = desk
        self.clients = clients
        self.balances: dict[VenueId, SeenBalances] = {}
        """As last told by each venue."""
        self._core = core
        self._feeds = feeds
        self._clock = clock
        self._wake = asyncio.Event()
        self._refused: set[InstrumentId] = set()
        """Whose leverage the venue would not set: told once, and not traded."""

    async def initialise(self, supervisor: Supervisor) -> None:
        """Start; after recovery, before trading.

        Leverage is set at every venue, again and again until it is confirmed; what is not
        confirmed yet is not traded, and nothing else waits for it.
        """
        self.desk.unready.update(instrument.id for instrument in self.desk.perpetuals)
        self.desk.set_contracts()
        for number, feed in enumerate(self._feeds):
            supervisor.spawn(feed.run(self.desk), f"funding feed {number}")
        for venue, client in self.clients.items():
            supervisor.spawn(self._look_at(client), f"margin {venue}")
        supervisor.spawn(self._tick(), "funding desk")

    def watch(self, events: Sequence[Event], changes: Changes) -> None:
        """Tick soon after what moved a position or asks for it: a listener of the event hub."""
        del changes
        for event in events:
            if isinstance(event, PositionForced | KillSwitchEngaged) or (
                isinstance(event, TradeAdvanced) and event.state.terminal
            ):
                self._wake.set()
                return

    async def positions(self) -> dict[VenueId, Sequence[VenuePosition] | None]:
        """Ask every venue now, all at once; None where one did not answer."""
        asked = await asyncio.gather(*(self._ask(client) for client in self.clients.values()))
        return dict(zip(self.clients, asked, strict=True))

    async def _ask(self, client: MarginClient) -> Sequence[VenuePosition] | None:
        try:
            return await client.positions()
        except NO_ANSWER as error:
            log.warning("positions could not be fetched", venue=client.venue, why=str(error))
            return None

    async def _set_leverage(self, client: MarginClient) -> None:
        for instrument in self.desk.perpetuals:
            if instrument.venue != client.venue or instrument.id not in self._unset():
                continue
            leverage = self.desk.leverage(instrument.symbol)
            try:
                await client.set_leverage(instrument.id, leverage)
                self.desk.unready.discard(instrument.id)
            except (TryAgain, OutcomeUnknown) as error:
                log.debug("leverage not set yet", instrument=instrument.id, why=str(error))
            except VenueRefused as error:
                now = self._clock.now_ns()
                text = f"{instrument.id}: leverage {leverage} was not set: {error}"
                self._core.recorder.record(
                    AlertRaised(at_ns=now, severity="warning", code="LEVERAGE", text=text)
                )
                self._refused.add(instrument.id)

    def _unset(self) -> set[InstrumentId]:
        return self.desk.unready - self._refused

    async def _look_at(self, client: MarginClient) -> None:
        while True:
            await self._set_leverage(client)
            try:
                self.desk.on_positions(client.venue, await client.positions())
                seen = tuple(await client.margin_balances())
                self.balances[client.venue] = SeenBalances(
                    balances=seen, at_ns=self._clock.now_ns()
                )
            except NO_ANSWER as error:
                log.debug("margin account not seen", venue=client.venue, why=str(error))
            await asyncio.sleep(LOOK_S)

    async def _tick(self) -> None:
        while True:
            self._wake.clear()
            self.desk.tick()
            try:
                async with asyncio.timeout(TICK_S):
                    await self._wake.wait()
            except TimeoutError:
                continue
