"""What venues of event markets share: names, and an account of fully collateralised contracts.

Every binary market is one instrument, its YES side: selling is holding NO. The venue's readable name
of the market, in upper case, is its id and its symbol: ``FED-HOLD.POLYMARKET``, ``FED-HOLD/USD:EVENT``.
"""

from abc import abstractmethod
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal

from arbiter.model.errors import VenueRefused
from arbiter.model.event_pairs import EventListing
from arbiter.model.ids import InstrumentId, Symbol, VenueId
from arbiter.model.instruments import Instrument
from arbiter.model.perpetuals import (
    ForcedClose,
    FundingPayment,
    MarginBalance,
    VenuePosition,
)
from arbiter.model.reports import FillSettled, ForcedReported
from arbiter.ports.venue import ReportSink
from arbiter.venues.common.account import VenueAccount


def event_id(name: str, venue: VenueId) -> InstrumentId:
    return InstrumentId(f"{name.upper()}.{venue.upper()}")


def event_symbol(name: str) -> Symbol:
    return Symbol(f"{name.upper()}/USD:EVENT")


def market_name(instrument: InstrumentId) -> str:
    """The venue's name of a market, in upper case."""
    return instrument.rpartition(".")[0]


class EventAccount(VenueAccount):
    """Also implements `ports.MarginClient` and `ports.EventFinder`."""

    @abstractmethod
    async def positions(self) -> Sequence[VenuePosition]:
        """Contracts held: YES positive, NO negative, priced as YES."""

    @abstractmethod
    async def forced_since(self, since_ns: int) -> Sequence[ForcedClose]:
        """Payouts (`ForcedCause.RESOLUTION`), one per market that was held at its end."""

    @abstractmethod
    async def settled_since(self, since_ns: int) -> Sequence[FillSettled]:
        """Final words on matches; nothing where a match is final."""

    @abstractmethod
    async def listings(self) -> Sequence[EventListing]:
        """Every followed market that is open, as it reads now."""

    @abstractmethod
    async def outcomes(
        self, instruments: Collection[InstrumentId]
    ) -> Mapping[InstrumentId, Decimal]:
        """What YES pays, of those that are decided for good."""

    async def find(self, names: Collection[str]) -> Sequence[Instrument]:
        """Give open markets that are not followed, by names or ids in any case."""
        await self._know_listing()
        found = await self._read("instruments", lambda: self._find(names))
        return [instrument for instrument in found if instrument.id not in self._listed]

    def take_up(self, instruments: Sequence[Instrument]) -> None:
        """Follow what was found, from now on."""
        self._listed |= {listed.id: listed for listed in instruments}
        self._by_market |= {listed.market_id: listed for listed in instruments}

    @abstractmethod
    async def _find(self, names: Collection[str]) -> Sequence[Instrument]:
        """Read open markets."""

    async def margin_balances(self) -> Sequence[MarginBalance]:
        """Collateral: total is what is free, in orders and in contracts at cost."""
        return [
            MarginBalance(
                venue=held.venue,
                asset=held.asset,
                wallet=held.total,
                unrealized=Decimal(0),
                reserved=held.locked,
            )
            for held in await self.holdings()
        ]

    async def payments_since(self, since_ns: int) -> Sequence[FundingPayment]:
        """There is no funding."""
        del since_ns
        return ()

    async def set_leverage(self, instrument: InstrumentId, leverage: Decimal) -> None:
        if leverage != 1:
            raise VenueRefused(f"{instrument} is fully collateralised", code="LEVERAGE")

    async def _last_prices(self) -> Mapping[str, Decimal]:
        """Nothing is valued by them: every contract is worth at most 1."""
        return {}

    async def _make_up_more(self, sink: ReportSink, since_ns: int) -> None:
        """Final words and payouts; what comes twice is booked once."""
        for told in await self.settled_since(since_ns):
            self._say(told)
        for forced in await self.forced_since(since_ns):
            sink.on_report(ForcedReported(venue=self.venue, at_ns=forced.at_ns, forced=forced))
