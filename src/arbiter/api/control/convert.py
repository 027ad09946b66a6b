"""Between the contract's messages and the engine's records: venues, sides, statuses, times, money."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

from google.protobuf.timestamp_pb2 import Timestamp

import arbiter_pb2 as pb
from arbiter.books.registry import MarketRegistry
from arbiter.model.errors import InvalidValue, NotFound, UnknownSymbol
from arbiter.model.ids import InstrumentId, VenueId
from arbiter.model.instruments import Instrument, InstrumentKind
from arbiter.model.money import from_float
from arbiter.model.orders import OrderStatus, Side
from arbiter.model.time import NS_PER_S
from arbiter.runtime.worked import Worked

_PREFIX = "EXCHANGE_"
_BY_VENUE: dict[VenueId, pb.Exchange] = {
    VenueId(name.removeprefix(_PREFIX).lower()): number
    for name, number in pb.Exchange.items()
    if number not in {pb.EXCHANGE_UNSPECIFIED, pb.EXCHANGE_OTHER}
}
_OTHER: pb.Exchange = pb.EXCHANGE_OTHER
_BY_NUMBER: dict[int, VenueId] = {number: venue for venue, number in _BY_VENUE.items()}

LONGEST_TEXT = 256
"""Characters of an id or a name in a request."""

LEAST, MOST = Decimal("1e-18"), Decimal("1e15")
"""What an amount of a request may be: beyond, no product with a price or a step is exact."""

_STATUSES: dict[OrderStatus, pb.OrderStatus] = {
    OrderStatus.CREATED: pb.ORDER_STATUS_PENDING,
    OrderStatus.SUBMITTED: pb.ORDER_STATUS_PENDING,
    OrderStatus.WORKING: pb.ORDER_STATUS_OPEN,
    OrderStatus.PARTIALLY_FILLED: pb.ORDER_STATUS_PARTIALLY_FILLED,
    OrderStatus.FILLED: pb.ORDER_STATUS_FILLED,
    OrderStatus.CANCELLED: pb.ORDER_STATUS_CANCELLED,
    OrderStatus.EXPIRED: pb.ORDER_STATUS_CANCELLED,
    OrderStatus.REJECTED: pb.ORDER_STATUS_REJECTED,
    OrderStatus.DENIED: pb.ORDER_STATUS_REJECTED,
    OrderStatus.ABANDONED: pb.ORDER_STATUS_REJECTED,
}
_SIDES: dict[int, Side] = {pb.SIDE_BUY: Side.BUY, pb.SIDE_SELL: Side.SELL}
_SIDES_SHOWN: dict[Side, pb.Side] = {Side.BUY: pb.SIDE_BUY, Side.SELL: pb.SIDE_SELL}


def exchange_of(venue: VenueId) -> pb.Exchange:
    """The number of a venue; `EXCHANGE_OTHER` for one that has none of its own."""
    return _BY_VENUE.get(venue, _OTHER)


def venues_of(exchange: int, known: tuple[VenueId, ...]) -> tuple[VenueId, ...] | None:
    """The engine's venues a filter lets through; None for all of them."""
    if exchange == pb.EXCHANGE_UNSPECIFIED:
        return None
    if exchange == pb.EXCHANGE_OTHER:
        return tuple(venue for venue in known if venue not in _BY_VENUE)
    return (venue_of(exchange),)


def venue_of(exchange: int) -> VenueId:
    """The venue of a number; unspecified or unknown is `InvalidValue`."""
    venue = _BY_NUMBER.get(exchange)
    if venue is None:
        raise InvalidValue(
            "exchange must be set, for example EXCHANGE_BINANCE"
            if exchange == pb.EXCHANGE_UNSPECIFIED
            else f"exchange {exchange} is no number of the enum Exchange"
        )
    return venue


def side_of(side: int) -> Side:
    found = _SIDES.get(side)
    if found is None:
        raise InvalidValue("side must be SIDE_BUY or SIDE_SELL")
    return found


def side_shown(side: Side) -> pb.Side:
    return _SIDES_SHOWN[side]


def status_shown(status: OrderStatus) -> pb.OrderStatus:
    return _STATUSES[status]


def statuses_of(status: int) -> tuple[OrderStatus, ...] | None:
    """The engine's statuses that the contract calls so; None for all."""
    if status == pb.ORDER_STATUS_UNSPECIFIED:
        return None
    found = tuple(ours for ours, shown in _STATUSES.items() if shown == status)
    if not found:
        raise InvalidValue(f"status {status} is no number of the enum OrderStatus")
    return found


def amount(value: float, name: str) -> Decimal:
    """An exact positive number of a request."""
    try:
        found = from_float(value)
    except InvalidValue:
        raise InvalidValue(f"{name} must be a number, got {value}") from None
    if found <= 0:
        raise InvalidValue(f"{name} must be more than 0, got {value:g}")
    if not LEAST <= found < MOST:
        raise InvalidValue(f"{name} must lie in [{LEAST:g}, {MOST:g}), got {value:g}")
    return found


def text_of(value: str, name: str, *, needed: bool = True) -> str:
    """A short printable text of a request."""
    if needed and not value:
        raise InvalidValue(f"{name} must be set")
    if len(value) > LONGEST_TEXT:
        raise InvalidValue(f"{name} has {len(value)} characters; at most {LONGEST_TEXT} are taken")
    if not value.isprintable():
        raise InvalidValue(f"{name} has unprintable characters")
    return value


def limit_of(limit: int, *, default: int, most: int) -> int:
    """How many rows are wanted; 0 is the default, more than `most` is `most`."""
    if limit < 0:
        raise InvalidValue(f"limit must not be negative, got {limit}")
    return min(limit or default, most)


def moment(ns: int | None) -> Timestamp | None:
    """A time; None, an absent field, for one that never was."""
    if not ns:
        return None
    return Timestamp(seconds=ns // NS_PER_S, nanos=ns % NS_PER_S)


def day(ns: int) -> str:
    return datetime.fromtimestamp(ns // NS_PER_S, UTC).strftime("%Y-%m-%d")


class Markets:
    """Market ids both ways: what is shown is what finds the same market again."""

    def __init__(self, registry: MarketRegistry, title: Callable[[InstrumentId], str]) -> None:
        """`title` gives a market's own words, or nothing."""
        self._registry = registry
        self._title = title
        self._shown: dict[InstrumentId, str] = {}

    @property
    def venues(self) -> tuple[VenueId, ...]:
        return self._registry.venues

    @property
    def all(self) -> tuple[Instrument, ...]:
        return self._registry.instruments

    def find(self, exchange: int, market_id: str) -> Instrument:
        """Find a market; `InvalidValue` for a request that names none, else `NotFound`."""
        text_of(market_id, "market_id")
        venue = None if exchange == pb.EXCHANGE_OTHER else venue_of(exchange)
        if venue is not None and venue not in self.venues:
            raise NotFound(f"{venue} is not connected; there are {', '.join(self.venues)}")
        try:
            found = self._registry.resolve(market_id, venue)
        except UnknownSymbol as error:
            where = "" if venue is None else f" on {venue}"
            near = f"; did you mean {', '.join(error.suggestions)}?" if error.suggestions else ""
            raise NotFound(f"there is no market {market_id!r}{where}{near}") from None
        if isinstance(found, tuple):
            raise InvalidValue(f"write the venue with the market id: {market_id}.VENUE")
        return found

    def by_id(self, instrument: InstrumentId) -> Instrument | None:
        try:
            return self._registry.by_id(instrument)
        except NotFound:
            return None  # no longer listed

    def id_shown(self, instrument: InstrumentId) -> str:
        """The venue's own id where it finds the market again, else the engine's."""
        shown = self._shown.get(instrument)
        if shown is None:
            shown = self._shown[instrument] = self._id_of(instrument)
        return shown

    def name_shown(self, instrument: InstrumentId) -> str:
        listed = self.by_id(instrument)
        if listed is None:
            return instrument
        if listed.kind is not InstrumentKind.BINARY:
            return listed.symbol
        return self._title(instrument) or listed.symbol

    def _id_of(self, instrument: InstrumentId) -> str:
        listed = self.by_id(instrument)
        if listed is None:
            return instrument
        try:
            again = self._registry.resolve(listed.market_id, listed.venue)
        except InvalidValue:
            return instrument
        return listed.market_id if again is listed else instrument


def check_price(instrument: Instrument, price: Decimal) -> None:
    """Prices of event markets are probabilities."""
    if instrument.kind is InstrumentKind.BINARY and not 0 < price < 1:
        raise InvalidValue(
            f"the price of {instrument.id} is a probability between 0 and 1, got {price}"
        )


def order_shown(order: Worked, markets: Markets) -> pb.OrderResponse:
    first = order.first
    average = order.average_price
    return pb.OrderResponse(
        order_id=order_id(order),
        exchange=exchange_of(first.venue),
        market_id=markets.id_shown(first.instrument),
        side=side_shown(first.side),
        size=float(first.size),
        price=0.0 if first.price is None else float(first.price),
        filled_size=float(order.filled_size),
        average_fill_price=0.0 if average is None else float(average),
        status=status_shown(order.status),
        created_at=moment(first.created_ns),
        updated_at=moment(order.updated_ns),
    )


def order_id(order: Worked) -> str:
    """The venue's id; the engine's own while, or where, there is none."""
    return order.first.venue_order_id or order.first.client_order_id
