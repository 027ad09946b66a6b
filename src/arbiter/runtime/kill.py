"""The kill switch in action: latch, cancel, and ask every venue what is left.

The latch acts at once, with or without a database; flatness is never claimed, only proven by what
each venue answers.
"""

import asyncio
from collections.abc import Mapping
from uuid import UUID

import msgspec

from arbiter.execution.ways_out import excess
from arbiter.ledger.ledger import Ledger
from arbiter.model.commands import EngageKillSwitch
from arbiter.model.errors import OutcomeUnknown, TryAgain, VenueRefused
from arbiter.model.ids import ENGINE, StrategyId, Symbol, TradeId, VenueId
from arbiter.model.money import ONE, plain
from arbiter.model.orders import Order, OrderStatus, Side, TimeInForce
from arbiter.model.plans import Family
from arbiter.model.reports import OrderTruth
from arbiter.model.trades import Trade, TradeState
from arbiter.ports.venue import OrderClient
from arbiter.runtime.bus import CommandBus
from arbiter.runtime.floor import TradingFloor

PROOF_TIMEOUT_S = 5.0
DURABLE_TIMEOUT_S = 2.0
"""A commit takes milliseconds; a database that needs longer is told as away."""
_LOOK_AGAIN_S = 0.2
_NO_TRADE = UUID(int=0)
_NO_ANSWER = (TryAgain, OutcomeUnknown, VenueRefused)


class VenueProof(msgspec.Struct, frozen=True, kw_only=True):
    """What one venue itself said after the kill switch was engaged."""

    venue: str
    reachable: bool
    open_orders: tuple[str, ...]
    """Orders it still works, ours and others', and ours that it has not spoken of yet."""
    unhedged: tuple[str, ...]
    """Trades of ours with a leg there that have not ended."""
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
        """Latch, cancel everything, and report per venue what is proven flat.

        Lone legs are closed by the machines of their trades as ever; `flatten` also takes the
        cheapest way out of those that a setting had left to a person.
        """
        durable = asyncio.Event()
        self._bus.start(command, durable.set)
        self._floor.cancel_everything()
        if command.flatten:
            self._floor.flatten()
        proofs, latched = await asyncio.gather(
            asyncio.gather(*(self._prove(client) for client in self._clients.values())),
            _set_within(durable, DURABLE_TIMEOUT_S),
        )
        return KillReport(durable=latched, venues=tuple(proofs))

    async def _prove(self, client: OrderClient) -> VenueProof:
        """Ask until the venue shows nothing, or time is up; give the last thing it said."""
        proof = self._silent(client.venue, "no answer")
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
        except _NO_ANSWER as error:
            return self._silent(client.venue, str(error))
        notes: list[str] = []
        for truth in working:
            order = self._ledger.orders.get(truth.client_order_id) or _not_ours(truth)
            try:
                await client.cancel(order)
            except _NO_ANSWER as error:
                notes.append(str(error))
        shown = tuple(truth.client_order_id for truth in working)
        return VenueProof(
            venue=client.venue,
            reachable=True,
            open_orders=(*shown, *self._unanswered(client.venue, set(shown))),
            unhedged=self._unhedged(client.venue),
            note="; ".join(notes),
        )

    def _silent(self, venue: VenueId, note: str) -> VenueProof:
        return VenueProof(
            venue=venue,
            reachable=False,
            open_orders=tuple(self._unanswered(venue, set())),
            unhedged=self._unhedged(venue),
            note=note,
        )

    def _unanswered(self, venue: VenueId, shown: set[str]) -> list[str]:
        """Ours that were sent and have no last word: a venue's empty list does not end them."""
        return [
            f"{order.client_order_id} (no last word)"
            for order in self._ledger.orders.values()
            if order.venue == venue
            and order.open
            and order.status is not OrderStatus.CREATED
            and order.client_order_id not in shown
        ]

    def _unhedged(self, venue: VenueId) -> tuple[str, ...]:
        """Trades that have not ended and have an order at the venue.

        A trade that is only planned has sent nothing, and under the latch never will.
        """
        return tuple(
            _told(trade)
            for trade in self._ledger.open_trades()
            if trade.state is not TradeState.PLANNED
            and any(order.venue == venue for order in self._ledger.orders_of(trade.id))
        )


def _told(trade: Trade) -> str:
    alone = excess(trade)
    rest = f", {plain(alone)} alone" if alone else ""
    return f"trade {trade.seq} {trade.symbol} {trade.state}{rest}"


def _not_ours(truth: OrderTruth) -> Order:
    """Write a stranger's order down as far as a cancel needs it."""
    return Order(
        client_order_id=truth.client_order_id,
        venue_order_id=truth.venue_order_id,
        strategy=StrategyId(Family.MANUAL),
        actor=ENGINE,
        trade_id=TradeId(_NO_TRADE),
        leg="m",
        instrument=truth.instrument,
        venue=truth.venue,
        symbol=Symbol(truth.instrument),
        side=Side.BUY,
        time_in_force=TimeInForce.GTC,
        size=truth.size,
        price=ONE,
        planned_price=ONE,
        status=truth.status,
        created_ns=truth.at_ns,
        updated_ns=truth.at_ns,
    )


async def _set_within(event: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
