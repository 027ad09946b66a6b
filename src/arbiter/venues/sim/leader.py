"""The simulated trader as a leader: what he did and holds, from the process he lives in."""

from collections.abc import Sequence
from pathlib import Path

from arbiter.markets.leader import SIMULATED_WALLET
from arbiter.model.copying import LeaderAction, LeaderHolding, Wallet
from arbiter.model.errors import OutcomeUnknown, VenueUnreachable
from arbiter.model.ids import VenueId
from arbiter.venues.sim import wire
from arbiter.venues.sim.client import expect
from arbiter.venues.sim.link import SimLink

TIMEOUT_S = 3.0


class SimLeaders:
    """Follows the simulated trader's wallet alone; one connection, made anew where it is gone."""

    def __init__(self, home: Path, venue: VenueId) -> None:
        self._home = home
        self._venue = venue
        self._link: SimLink | None = None

    @property
    def venue(self) -> VenueId:
        return self._venue

    def follows(self, wallet: Wallet) -> bool:
        return wallet == SIMULATED_WALLET

    async def actions_since(self, wallet: Wallet, since_ns: int) -> Sequence[LeaderAction]:
        return (await self._told(wallet, since_ns)).actions

    async def holdings(self, wallet: Wallet) -> Sequence[LeaderHolding]:
        return (await self._told(wallet, 2**62)).holdings

    def close(self) -> None:
        if self._link is not None:
            self._link.close()
            self._link = None

    async def _told(self, wallet: Wallet, since_ns: int) -> wire.LeaderTold:
        if self._link is None or not self._link.up:
            self._link = await SimLink.connect(self._home)
        request = wire.ListLeader(
            id=self._link.next_id(), venue=self._venue, wallet=wallet, since_ns=since_ns
        )
        try:
            return expect(await self._link.ask(request, TIMEOUT_S), wire.LeaderTold)
        except OutcomeUnknown as error:
            self.close()
            raise VenueUnreachable(
                f"{self._venue} does not tell what {wallet} did: {error}"
            ) from error
