"""What a venue says: the only way the world enters the ledger.

A report is matched by client order id. Order of arrival is not trusted: a fill may come before
the acknowledgement, after the cancel, or twice.
"""

from decimal import Decimal

import msgspec

from arbiter.model.ids import Asset, ClientOrderId, InstrumentId, VenueId, VenueOrderId
from arbiter.model.orders import Fill, OrderStatus
from arbiter.model.perpetuals import ForcedClose, FundingPayment


class Report(msgspec.Struct, frozen=True, gc=False, kw_only=True, tag=True):
    """Base of all venue reports; `at_ns` is the venue's time."""

    venue: VenueId
    at_ns: int


class Accepted(Report, frozen=True, kw_only=True):
    client_order_id: ClientOrderId
    venue_order_id: VenueOrderId


class Refused(Report, frozen=True, kw_only=True):
    """A valid, authenticated refusal: the order does not exist at the venue."""

    client_order_id: ClientOrderId
    code: str
    """The venue's own code."""
    reason: str


class Filled(Report, frozen=True, kw_only=True):
    fill: Fill


class Ended(Report, frozen=True, kw_only=True):
    """The venue closed the order: cancelled, expired (IOC remainder) or filled in full.

    `filled_size` is the venue's cumulative figure; when it exceeds what fills have shown so far,
    the missing fills are fetched before the order leaves tracking.
    """

    client_order_id: ClientOrderId
    status: OrderStatus
    filled_size: Decimal
    reason: str = ""


class CancelRefused(Report, frozen=True, kw_only=True):
    """The venue would not cancel; the order's truth must be asked for."""

    client_order_id: ClientOrderId
    code: str
    reason: str


class Unknown(Report, frozen=True, kw_only=True):
    """Made by our own client, never by a venue: sent, and no valid answer came back."""

    client_order_id: ClientOrderId
    why: str


class FundingReported(Report, frozen=True, kw_only=True):
    payment: FundingPayment


class ForcedReported(Report, frozen=True, kw_only=True):
    """The venue closed a position of ours, wholly or in part."""

    forced: ForcedClose


class FillSettled(Report, frozen=True, kw_only=True):
    """A matched fill is final: confirmed, or failed and void as if it had never been."""

    instrument: InstrumentId
    venue_trade_id: str
    ok: bool


class OrderTruth(msgspec.Struct, frozen=True, kw_only=True):
    """An order as the venue holds it, answered to a query."""

    venue: VenueId
    client_order_id: ClientOrderId
    venue_order_id: VenueOrderId
    instrument: InstrumentId
    status: OrderStatus
    size: Decimal
    filled_size: Decimal
    at_ns: int


class Absent(msgspec.Struct, frozen=True, kw_only=True):
    """A schema-valid, authenticated "no such order" from the venue itself."""

    venue: VenueId
    client_order_id: ClientOrderId
    at_ns: int


class Holding(msgspec.Struct, frozen=True, kw_only=True):
    """What a venue says it holds of an asset for us; total = free + locked."""

    venue: VenueId
    asset: Asset
    free: Decimal
    locked: Decimal

    @property
    def total(self) -> Decimal:
        return self.free + self.locked


OrderReport = Accepted | Refused | Filled | Ended | CancelRefused | Unknown
MarginReport = FundingReported | ForcedReported | FillSettled
"""What a venue of contracts on margin says beside that; it names no order."""
MARGIN_REPORTS = (FundingReported, ForcedReported, FillSettled)
"""For `isinstance`, which takes several times as long over a union."""
VenueReport = OrderReport | MarginReport
