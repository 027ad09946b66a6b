"""The visible market of one instrument at a simulated venue, and our orders resting in it.

Taking liquidity uses up the displayed size until the next quote shows a new one: two orders can
never both be filled from the same size.
"""

from decimal import Decimal

from arbiter.matching.orders import VenueOrder
from arbiter.model.ids import ClientOrderId
from arbiter.model.instruments import Instrument
from arbiter.model.money import ZERO, from_float
from arbiter.model.orders import Side

# Looking a member up on its enum costs more than comparing with it.
_BUY = Side.BUY


class Book:
    """Top of book as floats, because most quotes are never looked at; `Decimal` on demand."""

    __slots__ = (
        "_ask",
        "_ask_size",
        "_bid",
        "_bid_size",
        "_taken_ask",
        "_taken_bid",
        "instrument",
        "resting",
    )

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self.resting: dict[ClientOrderId, VenueOrder] = {}
        self._bid = self._ask = self._bid_size = self._ask_size = 0.0
        self._taken_bid = self._taken_ask = ZERO

    def quote(self, bid: float, ask: float, bid_size: float, ask_size: float) -> None:
        """Show a new top of book with its full size."""
        self._bid = bid
        self._ask = ask
        self._bid_size = bid_size
        self._ask_size = ask_size
        self._taken_bid = self._taken_ask = ZERO

    def best(self, side: Side) -> Decimal | None:
        """Price an order of this side would take: the ask for a buy, the bid for a sell."""
        price = self._ask if side is _BUY else self._bid
        return from_float(price) if price > 0.0 else None

    def available(self, side: Side) -> Decimal:
        """Size an order of this side can still take, in whole lots."""
        if side is _BUY:
            left = from_float(self._ask_size) - self._taken_ask
        else:
            left = from_float(self._bid_size) - self._taken_bid
        return self.instrument.floor_size(left) if left > ZERO else ZERO

    def take(self, side: Side, size: Decimal) -> None:
        """Use up displayed size."""
        if side is _BUY:
            self._taken_ask += size
        else:
            self._taken_bid += size

    def crossed(self) -> list[VenueOrder]:
        """Our resting orders the market has come to, best price first, then oldest."""
        ask, bid = self.best(_BUY), self.best(Side.SELL)
        buys = [
            order
            for order in self.resting.values()
            if order.request.side is _BUY and ask is not None and _price(order) >= ask
        ]
        sells = [
            order
            for order in self.resting.values()
            if order.request.side is Side.SELL and bid is not None and _price(order) <= bid
        ]
        buys.sort(key=lambda order: (-_price(order), order.number))
        sells.sort(key=lambda order: (_price(order), order.number))
        return buys + sells


def _price(order: VenueOrder) -> Decimal:
    price = order.request.price
    assert price is not None, "only limit orders rest"
    return price
