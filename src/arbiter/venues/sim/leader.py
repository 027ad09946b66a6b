"""The simulated trader as a leader: what he did and holds, from the process he lives in."""

from collections.abc import Sequence

from arbiter.markets.leader import SIMULATED_WALLET
from arbiter.model.copying import LeaderAction, LeaderHolding, Wallet
from arbiter.venues.sim import wire
from arbiter.venues.sim.asking import SimAsking


class SimLeaders(SimAsking):
    """Follows the simulated trader's wallet alone."""

    def follows(self, wallet: Wallet) -> bool:
        return wallet == SIMULATED_WALLET

    async def actions_since(self, wallet: Wallet, since_ns: int) -> Sequence[LeaderAction]:
        return (await self._told(wallet, since_ns)).actions

    async def holdings(self, wallet: Wallet) -> Sequence[LeaderHolding]:
        return (await self._told(wallet, 2**62)).holdings

    async def _told(self, wallet: Wallet, since_ns: int) -> wire.LeaderTold:
        return await self.ask(
            lambda number: wire.ListLeader(
                id=number, venue=self.venue, wallet=wallet, since_ns=since_ns
            ),
            wire.LeaderTold,
            f"what {wallet} did",
        )
