"""The protocol between the simulated venues and their clients.

Frames: payload length (u32), kind (u8), payload; little-endian. Market data are packed rows of
`QUOTE` in a `QUOTES` frame; everything else is one msgpack message. Rows number the instruments
as listed by the server and are told to a client when it subscribes.
"""

import struct
from collections.abc import Iterator
from decimal import Decimal
from typing import Final

import msgspec
import numpy as np

from arbiter.matching.orders import OrderRequest
from arbiter.model.copying import LeaderAction, LeaderHolding, Wallet
from arbiter.model.errors import InvalidValue
from arbiter.model.event_pairs import EventListing
from arbiter.model.ids import ClientOrderId, InstrumentId, VenueId
from arbiter.model.instruments import Instrument
from arbiter.model.orders import Fill
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
    CancelRefused,
    Ended,
    Filled,
    FillSettled,
    ForcedReported,
    FundingReported,
    Holding,
    OrderTruth,
    Refused,
)

HEADER = struct.Struct("<IB")
VERSION: Final = 2
"""Of this protocol: a server of another one is not adopted but started anew."""
MESSAGE: Final = 0
QUOTES: Final = 1

QUOTE = struct.Struct("<Iddddq")
"""Row, bid, ask, bid size, ask size, venue time in ns."""
QUOTE_DTYPE = np.dtype(
    [
        ("row", "<u4"),
        ("bid", "<f8"),
        ("ask", "<f8"),
        ("bid_size", "<f8"),
        ("ask_size", "<f8"),
        ("at_ns", "<i8"),
    ]
)
assert QUOTE_DTYPE.itemsize == QUOTE.size

LARGEST_REQUEST: Final = 1 << 20
LARGEST_ANSWER: Final = 256 << 20


class BadFrame(InvalidValue):
    """What came over the wire is not this protocol: the connection ends."""


# Requests. Each carries an id of the client's choosing, which its answer repeats.


class Request(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    id: int
    plain: bool = False
    """Asked by a tool that only looks: no fault befalls it."""


class GetInfo(Request, frozen=True, kw_only=True):
    pass


class OpenVenue(Request, frozen=True, kw_only=True):
    """First word of a connection that is for one venue, as shaking hands with it would be."""

    venue: VenueId


class Subscribe(Request, frozen=True, kw_only=True):
    """Quotes of these instruments from now on; an empty list means all."""

    instruments: list[InstrumentId] = []


class PlaceOrder(Request, frozen=True, kw_only=True):
    venue: VenueId
    order: OrderRequest


class CancelOrder(Request, frozen=True, kw_only=True):
    venue: VenueId
    client_order_id: ClientOrderId


class QueryOrder(Request, frozen=True, kw_only=True):
    venue: VenueId
    client_order_id: ClientOrderId


class ListOrders(Request, frozen=True, kw_only=True):
    venue: VenueId
    only_open: bool = True


class ListFills(Request, frozen=True, kw_only=True):
    venue: VenueId
    since_ns: int


class ListHoldings(Request, frozen=True, kw_only=True):
    venue: VenueId


class ListInstruments(Request, frozen=True, kw_only=True):
    venue: VenueId


class FollowReports(Request, frozen=True, kw_only=True):
    """Private stream of a venue: what came after report number `after`, then what comes."""

    venue: VenueId
    after: int | None = None


class ListPositions(Request, frozen=True, kw_only=True):
    """Open positions and the margin account."""

    venue: VenueId


class ListPayments(Request, frozen=True, kw_only=True):
    """Funding payments and forced closes since a time."""

    venue: VenueId
    since_ns: int


class SetLeverage(Request, frozen=True, kw_only=True):
    venue: VenueId
    instrument: InstrumentId
    leverage: Decimal


class GetFunding(Request, frozen=True, kw_only=True):
    venue: VenueId


class GetHistory(Request, frozen=True, kw_only=True):
    instrument: InstrumentId


class ListLeader(Request, frozen=True, kw_only=True):
    """What the simulated trader did since a time, and holds now: public."""

    venue: VenueId
    wallet: Wallet
    since_ns: int


class ListEvents(Request, frozen=True, kw_only=True):
    """What a venue says of its event markets."""

    venue: VenueId


AnyRequest = (
    GetInfo
    | OpenVenue
    | Subscribe
    | PlaceOrder
    | CancelOrder
    | QueryOrder
    | ListOrders
    | ListFills
    | ListHoldings
    | ListInstruments
    | FollowReports
    | ListPositions
    | ListPayments
    | SetLeverage
    | GetFunding
    | GetHistory
    | ListLeader
    | ListEvents
)

# Answers.


class Answer(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    id: int


class Info(Answer, frozen=True, kw_only=True):
    pid: int
    digest: str
    """Of the settings the process runs with."""
    started_ns: int
    first_ns: int
    """When these venues were first started: the end of their back-filled history."""
    venues: tuple[VenueId, ...]
    faults: dict[str, int] = {}
    """Faults injected since the process started, by kind."""


class Subscribed(Answer, frozen=True, kw_only=True):
    rows: list[tuple[int, InstrumentId]]


class Placed(Answer, frozen=True, kw_only=True):
    report: Accepted | Refused


class Done(Answer, frozen=True, kw_only=True):
    pass


class OrderAnswer(Answer, frozen=True, kw_only=True):
    """Exactly one of the two."""

    order: OrderTruth | None = None
    absent: Absent | None = None


class OrderList(Answer, frozen=True, kw_only=True):
    orders: list[OrderTruth]


class FillList(Answer, frozen=True, kw_only=True):
    fills: list[Fill]


class HoldingList(Answer, frozen=True, kw_only=True):
    holdings: list[Holding]


class InstrumentList(Answer, frozen=True, kw_only=True):
    instruments: list[Instrument]


class PositionList(Answer, frozen=True, kw_only=True):
    positions: list[VenuePosition]
    balances: list[MarginBalance]


class PaymentList(Answer, frozen=True, kw_only=True):
    payments: list[FundingPayment]
    forced: list[ForcedClose]
    settled: list[FillSettled] = []


class FundingList(Answer, frozen=True, kw_only=True):
    rates: list[FundingRate]


class Following(Answer, frozen=True, kw_only=True):
    """`last` is the newest report's number; `missed` says that some can no longer be repeated."""

    last: int
    missed: bool


class History(Answer, frozen=True, kw_only=True):
    """One-minute candles that end at `end_ns`: float64 rows of `markets.candles.COLUMNS`."""

    end_ns: int
    rows: bytes


class LeaderTold(Answer, frozen=True, kw_only=True):
    """Nothing, for a wallet nobody has here."""

    actions: list[LeaderAction] = []
    holdings: list[LeaderHolding] = []


class EventList(Answer, frozen=True, kw_only=True):
    listings: list[EventListing] = []


BAD_REQUEST: Final = "BAD_REQUEST"
RATE_LIMITED: Final = "RATE_LIMITED"
SERVER_ERROR: Final = "SERVER_ERROR"
"""The request may have been carried out or not."""


class Failed(Answer, frozen=True, kw_only=True):
    """The request was understood and cannot be served."""

    reason: str
    code: str = BAD_REQUEST
    retry_after_ms: int = 0


class StreamReport(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """One private report; numbers of a venue have no gaps."""

    venue: VenueId
    number: int
    report: Filled | Ended | CancelRefused | FundingReported | ForcedReported | FillSettled


AnyAnswer = (
    Info
    | Subscribed
    | Placed
    | Done
    | OrderAnswer
    | OrderList
    | FillList
    | HoldingList
    | InstrumentList
    | PositionList
    | PaymentList
    | FundingList
    | Following
    | History
    | LeaderTold
    | EventList
    | Failed
)

_encoder = msgspec.msgpack.Encoder()
_requests: msgspec.msgpack.Decoder[AnyRequest] = msgspec.msgpack.Decoder(AnyRequest)
_answers: msgspec.msgpack.Decoder[AnyAnswer | StreamReport] = msgspec.msgpack.Decoder(
    AnyAnswer | StreamReport
)


def frame(kind: int, payload: bytes) -> bytes:
    return HEADER.pack(len(payload), kind) + payload


def message(value: msgspec.Struct) -> bytes:
    """Write one message with its frame."""
    return frame(MESSAGE, _encoder.encode(value))


def read_request(payload: bytes) -> AnyRequest:
    try:
        return _requests.decode(payload)
    except (msgspec.MsgspecError, InvalidValue) as error:
        raise BadFrame(f"not a request: {error}") from error


def read_answer(payload: bytes) -> AnyAnswer | StreamReport:
    try:
        return _answers.decode(payload)
    except (msgspec.MsgspecError, InvalidValue) as error:
        raise BadFrame(f"not an answer: {error}") from error


class FrameReader:
    """Cut a byte stream into frames; at most one incomplete frame is kept."""

    def __init__(self, largest: int) -> None:
        self._largest = largest
        self._rest = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Give the complete frames. One that is too long, or of no known kind, is `BadFrame`."""
        if self._rest:
            self._rest += data
            data = bytes(self._rest)
            self._rest.clear()
        at, end = 0, len(data)
        while end - at >= HEADER.size:
            length, kind = HEADER.unpack_from(data, at)
            if length > self._largest or kind > QUOTES:
                raise BadFrame(f"frame of kind {kind} with {length} bytes")
            start = at + HEADER.size
            if start + length > end:
                break
            at = start + length
            yield kind, data[start:at]
        if at < end:
            self._rest += data[at:]
