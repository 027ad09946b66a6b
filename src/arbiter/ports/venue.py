"""A venue as the engine sees it: a feed of quotes, an order client, and the sinks they call."""

from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from typing import Protocol, runtime_checkable

from arbiter.model.ids import ClientOrderId, InstrumentId, VenueId
from arbiter.model.instruments import Instrument
from arbiter.model.orders import Fill, Order
from arbiter.model.perpetuals import (
    ForcedClose,
    FundingPayment,
    FundingRate,
    MarginBalance,
    VenuePosition,
)
from arbiter.model.reports import (
    Absent,
    Accepted,
    FillSettled,
    Holding,
    OrderTruth,
    Refused,
    Unknown,
    VenueReport,
)


class QuoteSink(Protocol):
    """Called synchronously, once per quote, from the feed's decoder."""

    def on_quote(
        self,
        slot: int,
        bid: float,
        ask: float,
        bid_size: float,
        ask_size: float,
        exchange_ns: int,
        receive_ns: int,
    ) -> None:
        """Take one top of book; `slot` is the board's row for the instrument."""
        ...

    def on_venue_health(self, venue: VenueId, *, connected: bool, reason: str) -> None:
        """Connection lost or regained; a lost venue's quotes are stale at once."""
        ...


class ReportSink(Protocol):
    def on_report(self, report: VenueReport) -> None:
        """Take one private message of the venue (fill, end of order, funding, liquidation …)."""
        ...


class Feed(Protocol):
    """Market data of one or more venues, for as long as `run` runs."""

    async def run(self, sink: QuoteSink) -> None:
        """Connect, decode, reconnect; returns only when cancelled."""
        ...


class OrderClient(Protocol):
    """Orders and account of one venue.

    Calls that change something answer with an outcome value; calls that only read raise
    `VenueUnreachable` / `OutcomeUnknown` when no valid answer came. Nothing is ever re-sent here.
    """

    @property
    def venue(self) -> VenueId: ...

    async def submit(self, order: Order) -> Accepted | Refused | Unknown:
        """Send once. Time-out, reset, 5xx or an unparsable answer is `Unknown`."""
        ...

    async def cancel(self, order: Order) -> None:
        """Ask to cancel; the outcome arrives as a report (`Ended`, `CancelRefused`)."""
        ...

    async def query(
        self, client_order_id: ClientOrderId, instrument: InstrumentId
    ) -> OrderTruth | Absent:
        """Ask for one order by our id."""
        ...

    async def open_orders(self) -> Sequence[OrderTruth]: ...

    async def fills_since(self, since_ns: int) -> Sequence[Fill]:
        """Own fills with venue time >= `since_ns`, oldest first."""
        ...

    async def holdings(self) -> Sequence[Holding]: ...

    async def instruments(self) -> Sequence[Instrument]: ...

    async def run(self, sink: ReportSink) -> None:
        """Serve the private stream; returns only when cancelled."""
        ...


Answering = Callable[[], Awaitable[Accepted | Refused | Unknown]]
"""Call it to wait for the answer to an order that has left."""


@runtime_checkable
class PromptClient(Protocol):
    """An order client that can let an order leave before the next instruction."""

    def submit_now(self, order: Order) -> Answering | None:
        """Write an order's bytes and return how to wait for the answer.

        None, and nothing was done, where sending would have to wait: then `submit` is to be used.
        """
        ...


class FundingSink(Protocol):
    def on_funding(self, rates: Sequence[FundingRate]) -> None:
        """Take what one look at the venues gave; an interval may differ from the last look's."""
        ...


class FundingFeed(Protocol):
    """Funding rates and marks of one or more venues, for as long as `run` runs."""

    async def run(self, sink: FundingSink) -> None:
        """Look again and again; returns only when cancelled."""
        ...


@runtime_checkable
class MarginClient(Protocol):
    """The margin account of one venue of perpetuals. Calls raise as those of `OrderClient`."""

    @property
    def venue(self) -> VenueId: ...

    async def positions(self) -> Sequence[VenuePosition]:
        """Positions that are not flat, as of now."""
        ...

    async def margin_balances(self) -> Sequence[MarginBalance]: ...

    async def payments_since(self, since_ns: int) -> Sequence[FundingPayment]:
        """Funding payments booked at or after `since_ns`, oldest first."""
        ...

    async def forced_since(self, since_ns: int) -> Sequence[ForcedClose]:
        """Liquidations and deleveragings at or after `since_ns`, oldest first."""
        ...

    async def settled_since(self, since_ns: int) -> Sequence[FillSettled]:
        """Confirmations and failures of matched fills at or after `since_ns`, oldest first.

        None where a match is final.
        """
        ...

    async def set_leverage(self, instrument: InstrumentId, leverage: Decimal) -> None:
        """Set it for positions to come. `VenueRefused` while one is open or beyond the maximum."""
        ...
