"""One customer's account at one server: the matching engine, and what a venue tells of it.

The exchange remembers orders as its own records; what venues answer (average prices, order times,
the fills of one order) is kept here, from the steps the exchange records.
"""

import hashlib
from collections.abc import Iterable, Mapping
from decimal import Decimal

import msgspec

from arbiter.matching.event_exchange import EventExchange
from arbiter.matching.orders import OrderRequest, VenueOrder
from arbiter.matching.state import Step
from arbiter.model.ids import Asset, ClientOrderId, InstrumentId, VenueId
from arbiter.model.instruments import Instrument
from arbiter.model.money import ZERO, quotient
from arbiter.model.orders import Fill
from arbiter.model.perpetuals import ForcedClose, FundingPayment
from arbiter.model.reports import VenueReport


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """Credentials of an account; a key may be allowed less, or more, than to trade."""

    key: str
    secret: str
    account: int
    password: str = ""
    can_trade: bool = True
    can_withdraw: bool = False


def derive_key(server: str, seed: int, account: int, kind: str = "") -> ApiKey:
    """Derive a key from the seed: the same start gives the same credentials."""

    def digest(what: str) -> str:
        return hashlib.sha256(f"{server}:{seed}:{account}:{kind}:{what}".encode()).hexdigest()

    return ApiKey(
        key=digest("key"),
        secret=digest("secret"),
        account=account,
        can_trade=kind != "reading",
        can_withdraw=kind == "withdrawing",
    )


class OrderView(msgspec.Struct, kw_only=True):
    """An order with what its fills have come to."""

    order: VenueOrder
    instrument: Instrument
    fills: list[Fill] = []
    value: Decimal = ZERO
    """Σ size × price of the fills."""
    told_size: Decimal = ZERO
    """Filled size of what the private stream has been told so far."""
    told_value: Decimal = ZERO

    @property
    def request(self) -> OrderRequest:
        return self.order.request

    @property
    def average(self) -> Decimal:
        filled = self.order.filled_size
        return quotient(self.value, filled) if filled else ZERO


class Account:
    """`number` counts accounts of a server from 0."""

    def __init__(
        self,
        number: int,
        venue: VenueId,
        instruments: Iterable[Instrument],
        balances: Mapping[Asset, Decimal],
        now_ns: int,
    ) -> None:
        listed = tuple(instruments)
        self.number = number
        self._instruments = {i.id: i for i in listed}
        self.orders: dict[ClientOrderId, OrderView] = {}
        self._by_number: dict[int, ClientOrderId] = {}
        self.fills: list[Fill] = []
        self.payments: list[FundingPayment] = []
        self.forced: list[ForcedClose] = []
        self.balances: dict[Asset, tuple[Decimal, Decimal]] = {}
        """(total, locked)."""
        self._touched: dict[Asset, None] = {}
        self.exchange = EventExchange(venue, listed, record=self._on_step)
        self.exchange.open_account(dict(balances), now_ns)

    def instrument(self, name: InstrumentId) -> Instrument:
        return self._instruments[name]

    def submit(self, request: OrderRequest, now_ns: int) -> list[VenueReport]:
        return self.exchange.submit(request, now_ns)

    def cancel(self, view: OrderView, now_ns: int) -> list[VenueReport]:
        return self.exchange.cancel(view.order.client_order_id, now_ns)

    def remember(self, order: VenueOrder) -> None:
        """Keep an order that the venue took and ended at once: the exchange never had it."""
        instrument = self._instruments[order.request.instrument]
        self.orders[order.client_order_id] = OrderView(order=order, instrument=instrument)
        self._by_number[order.number] = order.client_order_id

    def by_number(self, number: int) -> OrderView | None:
        name = self._by_number.get(number)
        return None if name is None else self.orders[name]

    def open_orders(self) -> list[OrderView]:
        return [view for view in self.orders.values() if not view.order.status.terminal]

    def take_touched(self) -> dict[Asset, tuple[Decimal, Decimal]]:
        """Give (total, locked) of what changed since the last call."""
        touched = {asset: self.balances[asset] for asset in self._touched}
        self._touched.clear()
        return touched

    def free(self, asset: Asset) -> Decimal:
        total, locked = self.balances.get(asset, (ZERO, ZERO))
        return total - locked

    def _on_step(self, step: Step) -> None:
        for order in step.orders:
            view = self.orders.get(order.client_order_id)
            if view is None:
                instrument = self._instruments[order.request.instrument]
                self.orders[order.client_order_id] = OrderView(order=order, instrument=instrument)
                self._by_number[order.number] = order.client_order_id
            else:
                view.order = order
        for fill in step.fills:
            view = self.orders[fill.client_order_id]
            view.fills.append(fill)
            view.value += fill.size * fill.price
        self.fills += step.fills
        self.payments += step.payments
        self.forced += step.forced
        self.balances |= step.balances
        self._touched |= dict.fromkeys(step.balances)
