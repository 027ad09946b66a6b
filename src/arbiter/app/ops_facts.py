"""What the funding API shows, answered by the running engine."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from arbiter.app.running import Running
from arbiter.model.ids import InstrumentId, Symbol, VenueId
from arbiter.model.money import ONE
from arbiter.model.pairs import FundingPair
from arbiter.model.perpetuals import FundingRate, MarginBalance, VenuePosition, contract_of
from arbiter.observe.metrics import Reading
from arbiter.ports.clock import Clock


class RunningOps:
    """`api.funding.data.FundingFacts` over an engine."""

    def __init__(self, running: Running) -> None:
        self._running = running

    async def live_positions(self) -> Mapping[VenueId, Sequence[VenuePosition] | None]:
        return await self._running.funding.positions()

    def rates(self) -> Iterable[FundingRate]:
        return self._running.funding.desk.rates.values()

    def balances(self) -> Iterable[MarginBalance]:
        for seen in self._running.funding.balances.values():
            yield from seen.balances

    def pairs(self) -> Iterable[tuple[FundingPair, Decimal]]:
        """Active pairs, each with the base units that both its legs hold."""
        desk = self._running.funding.desk
        for pair in self._running.engine.core.ledger.active_pairs():
            long, short = desk.held(pair.long_instrument), desk.held(pair.short_instrument)
            yield pair, min(abs(long), abs(short))

    def symbol_of(self, instrument: InstrumentId) -> Symbol:
        return self._running.engine.core.registry.by_id(instrument).symbol

    def units_of(self, instrument: InstrumentId, contracts: Decimal, mark: Decimal) -> Decimal:
        listed = self._running.engine.core.registry.by_id(instrument)
        return contract_of(listed, ONE).units(contracts, mark)

    @property
    def clock(self) -> Clock:
        return self._running.clock

    def readings(self) -> Iterable[Reading]:
        return self._running.metrics.read()
