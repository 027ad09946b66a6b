"""The kill switch in action: latch, cancel, flatten when asked, and ask every venue what is left.

The latch acts at once, with or without a database; flatness is never claimed, only proven by what
each venue answers (`kill_proof`).
"""

import asyncio
from collections.abc import Mapping

import msgspec

from arbiter.ledger.ledger import Ledger
from arbiter.model.commands import EngageKillSwitch
from arbiter.model.ids import VenueId
from arbiter.ports.venue import OrderClient
from arbiter.runtime.bus import CommandBus
from arbiter.runtime.floor import TradingFloor
from arbiter.runtime.kill_proof import (
    Listings,
    Marks,
    PositionClient,
    VenueProof,
    Witness,
    venues_of,
)

PROOF_TIMEOUT_S = 5.0
FLATTEN_TIMEOUT_S = 12.0
"""Positions take several orders to close; what is left after that is told, and work goes on."""
DURABLE_TIMEOUT_S = 2.0
"""A commit takes milliseconds; a database that needs longer is told as away."""
_LOOK_AGAIN_S = 0.2


class KillReport(msgspec.Struct, frozen=True, kw_only=True):
    durable: bool
    """The latch is in the database; otherwise it holds in memory and in the kill file."""
    venues: tuple[VenueProof, ...]

    @property
    def flat(self) -> bool:
        return all(proof.flat for proof in self.venues)


class KillSwitchControl:
    """`holdings` are the venues' answers about positions, where a venue knows any.

    `marks` say what is worth too little to be sold.
    """

    def __init__(
        self,
        *,
        bus: CommandBus,
        ledger: Ledger,
        floor: TradingFloor,
        clients: Mapping[VenueId, OrderClient],
        listings: Listings,
        holdings: Mapping[VenueId, PositionClient] | None = None,
        marks: Marks | None = None,
    ) -> None:
        self._bus = bus
        self._floor = floor
        self._ledger = ledger
        told = holdings or {}

        def witness(venue: VenueId, client: OrderClient | None) -> Witness:
            return Witness(
                venue,
                client,
                holdings=told.get(venue),
                ledger=ledger,
                listings=listings,
                marks=marks,
            )

        self._witnesses = {venue: witness(venue, client) for venue, client in clients.items()}
        self._witness = witness

    async def engage(self, command: EngageKillSwitch) -> KillReport:
        """Latch, cancel everything, and report per venue what is proven flat.

        Lone legs are closed by the machines of their trades as ever; `flatten` also takes the
        cheapest way out of those that a setting had left to a person, and the latch tells the
        desks to close every position they hold, both legs of a pair in one reduction.
        """
        durable = asyncio.Event()
        self._bus.start(command, durable.set)
        self._floor.cancel_everything()
        if command.flatten:
            self._floor.flatten()
        proofs, latched = await asyncio.gather(
            asyncio.gather(*(_prove(each, command.flatten) for each in self._witnesses.values())),
            _set_within(durable, DURABLE_TIMEOUT_S),
        )
        return KillReport(durable=latched, venues=(*proofs, *await self._absent()))

    async def _absent(self) -> list[VenueProof]:
        """Tell of venues that this run does not speak to, where something is open by the ledger."""
        venues = sorted(venues_of(self._ledger) - self._witnesses.keys())
        proofs = [await self._witness(venue, None).look() for venue in venues]
        return [each for each in proofs if each.open_orders or each.unhedged or each.positions]


async def _prove(witness: Witness, flatten: bool) -> VenueProof:
    """Ask until the venue shows nothing, or time is up; give the last thing it said.

    Positions that nobody asked to close are told, not waited for; nor is dust, which no order
    closes.
    """
    proof = witness.silent("no answer")
    try:
        async with asyncio.timeout(FLATTEN_TIMEOUT_S if flatten else PROOF_TIMEOUT_S):
            while not (proof.done if flatten else proof.quiet):
                proof = await witness.look()
                if not proof.done:
                    await asyncio.sleep(_LOOK_AGAIN_S)
    except TimeoutError:
        pass
    return proof


async def _set_within(event: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
