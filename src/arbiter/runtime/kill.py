"""The kill switch in action: latch, cancel, and ask every venue what is left.

The latch acts at once, with or without a database; flatness is never claimed, only proven by what
each venue answers.
"""

import asyncio
from collections.abc import Mapping

import msgspec

from arbiter.ledger.ledger import Ledger
from arbiter.model.commands import EngageKillSwitch
from arbiter.model.errors import OutcomeUnknown, TryAgain
from arbiter.model.ids import VenueId
from arbiter.ports.venue import OrderClient
from arbiter.runtime.bus import CommandBus
from arbiter.runtime.floor import TradingFloor

PROOF_TIMEOUT_S = 5.0
_LOOK_AGAIN_S = 0.2


class VenueProof(msgspec.Struct, frozen=True, kw_only=True):
    """What one venue itself said after the kill switch was engaged."""

    venue: str
    reachable: bool
    open_orders: tuple[str, ...]
    unhedged: tuple[str, ...]
    """Trades of ours with a leg there that is not matched yet."""
    note: str = ""

    @property
    def flat(self) -> bool:
        """Proven: the venue answered, nothing works there and no leg stands alone."""
        return self.reachable and not self.open_orders and not self.unhedged


class KillReport(msgspec.Struct, frozen=True, kw_only=True):
    durable: bool
    """The latch is in the database; otherwise it holds in memory and in the kill file."""
    venues: tuple[VenueProof, ...]

    @property
    def flat(self) -> bool:
        return all(proof.flat for proof in self.venues)


class KillSwitchControl:
    def __init__(
        self,
        *,
        bus: CommandBus,
        ledger: Ledger,
        floor: TradingFloor,
        clients: Mapping[VenueId, OrderClient],
    ) -> None:
        self._bus = bus
        self._ledger = ledger
        self._floor = floor
        self._clients = clients

    async def engage(self, command: EngageKillSwitch) -> KillReport:
        """Latch, cancel everything, and report per venue what is proven flat."""
        durable = asyncio.Event()
        self._bus.start(command, durable.set)
        self._floor.cancel_everything()
        proofs = await asyncio.gather(*(self._prove(client) for client in self._clients.values()))
        return KillReport(durable=durable.is_set(), venues=tuple(proofs))

    async def _prove(self, client: OrderClient) -> VenueProof:
        """Ask until the venue shows nothing, or time is up; give the last thing it said."""
        proof = VenueProof(
            venue=client.venue, reachable=False, open_orders=(), unhedged=(), note="no answer"
        )
        try:
            async with asyncio.timeout(PROOF_TIMEOUT_S):
                while not proof.flat:
                    proof = await self._look(client)
                    if not proof.flat:
                        await asyncio.sleep(_LOOK_AGAIN_S)
        except TimeoutError:
            pass
        return proof

    async def _look(self, client: OrderClient) -> VenueProof:
        try:
            working = await client.open_orders()
        except (TryAgain, OutcomeUnknown) as error:
            return VenueProof(
                venue=client.venue, reachable=False, open_orders=(), unhedged=(), note=str(error)
            )
        for truth in working:
            order = self._ledger.orders.get(truth.client_order_id)
            if order is not None:
                await client.cancel(order)
        return VenueProof(
            venue=client.venue,
            reachable=True,
            open_orders=tuple(truth.client_order_id for truth in working),
            unhedged=self._unhedged(client.venue),
        )

    def _unhedged(self, venue: VenueId) -> tuple[str, ...]:
        """Trades that have not ended and have an order at the venue."""
        return tuple(
            f"trade {trade.seq} {trade.symbol} {trade.state}"
            for trade in self._ledger.open_trades()
            if any(order.venue == venue for order in self._ledger.orders_of(trade.id))
        )
