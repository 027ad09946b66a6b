"""The rate budget: what one key may ask of one venue, shared by everything that uses the key.

A bucket holds weight that comes back at a steady rate. The last part of it is kept for what makes
us safer: cancels, questions about orders, orders that only reduce. A new risk never waits for
weight (its price would be old by then): it is refused as not sent. A venue that says "slow down"
is believed, and one that bans us is left alone for as long as it said.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from decimal import Decimal
from enum import IntEnum
from functools import partial
from typing import Protocol, TypeVar

import msgspec

from arbiter.model.errors import Banned, InvalidValue, RateLimited
from arbiter.model.ids import ClientOrderId, InstrumentId, VenueId
from arbiter.model.instruments import Instrument
from arbiter.model.orders import Fill, Order
from arbiter.model.perpetuals import (
    ForcedClose,
    FundingPayment,
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
)
from arbiter.model.time import NS_PER_MS, NS_PER_S
from arbiter.ports.clock import Clock
from arbiter.ports.venue import (
    Answering,
    MarginClient,
    OrderClient,
    PromptClient,
    ReportSink,
)
from arbiter.runtime.outcomes import NOT_SENT

T = TypeVar("T")

CALLS = (
    "submit",
    "cancel",
    "query",
    "open_orders",
    "fills",
    "holdings",
    "instruments",
    "positions",
    "margin_balances",
    "payments",
    "forced",
    "leverage",
)
"""Calls that can be given a weight."""


class Urgency(IntEnum):
    OPENING = 0
    """New risk: may not touch the reserve, does not wait."""
    LOOKING = 1
    """Reads that can wait: may not touch the reserve."""
    MENDING = 2
    """Cancels, unwinds, questions about orders: may use everything."""


class RateSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Weights are the venue's own units; a call not named in `weights` weighs 1."""

    capacity: float = 100.0
    per_second: float = 20.0
    reserve: float = 0.3
    """Fraction of the capacity kept for mending."""
    weights: Mapping[str, float] = {}

    def __post_init__(self) -> None:
        for name in ("capacity", "per_second"):
            if not getattr(self, name) > 0:
                raise InvalidValue(f"rate budget: {name} must be positive")
        if not 0 <= self.reserve < 1:
            raise InvalidValue("rate budget: reserve must be a fraction from 0 to below 1")
        heaviest = max(self.weights.values(), default=1.0)
        if heaviest > self.capacity * (1 - self.reserve):
            raise InvalidValue(f"rate budget: one call weighs {heaviest}, more than there ever is")


class RateBudget:
    """Token bucket by monotonic time, ns; pure but for what it remembers."""

    def __init__(self, settings: RateSettings, now_ns: int) -> None:
        self._settings = settings
        self._left = settings.capacity
        self._counted_ns = now_ns
        self._closed_until_ns = 0
        self.banned = False
        """The venue has banned this key: nothing goes there before the ban is over."""

    def left(self, now_ns: int) -> float:
        self._refill(now_ns)
        return self._left

    def wait_ns(self, call: str, urgency: Urgency, now_ns: int) -> int:
        """Say how long a call must wait; 0 when it may go now."""
        self._refill(now_ns)
        if now_ns < self._closed_until_ns:
            return self._closed_until_ns - now_ns
        self.banned = False
        settings = self._settings
        floor = 0.0 if urgency is Urgency.MENDING else settings.capacity * settings.reserve
        missing = floor + settings.weights.get(call, 1.0) - self._left
        if missing <= 0:
            return 0
        return max(int(missing / settings.per_second * NS_PER_S), 1)

    def spend(self, call: str) -> None:
        """Take a call's weight; only after `wait_ns` gave 0."""
        self._left -= self._settings.weights.get(call, 1.0)

    def slow_down(self, retry_after_ms: int, now_ns: int, *, banned: bool = False) -> None:
        """Take a venue's "too many requests" or ban: nothing goes before that time has passed."""
        until = now_ns + retry_after_ms * NS_PER_MS
        self._closed_until_ns = max(self._closed_until_ns, until)
        self.banned = self.banned or banned
        self._left = min(self._left, self._settings.capacity * self._settings.reserve)

    def _refill(self, now_ns: int) -> None:
        passed = max(now_ns - self._counted_ns, 0) / NS_PER_S
        capacity = self._settings.capacity
        self._left = min(self._left + passed * self._settings.per_second, capacity)
        self._counted_ns = now_ns


class PerpetualsClient(OrderClient, MarginClient, Protocol):
    """Orders and the margin account of one venue of perpetuals."""


class BudgetedClient:
    """An order client that asks the budget first; implements `ports.OrderClient`.

    `on_ban` is told the venue and for how long, ms, when a venue bans the key.
    """

    def __init__(
        self,
        client: OrderClient,
        budget: RateBudget,
        clock: Clock,
        on_ban: Callable[[VenueId, int], None] = lambda _venue, _ms: None,
    ) -> None:
        self._client = client
        self._prompt = client.submit_now if isinstance(client, PromptClient) else None
        self._budget = budget
        self._clock = clock
        self._on_ban = on_ban

    @property
    def venue(self) -> VenueId:
        return self._client.venue

    def submit_now(self, order: Order) -> Answering | None:
        """Let an order leave at once where neither the budget nor the client makes it wait."""
        prompt = self._prompt
        if prompt is None or self._budget.wait_ns(
            "submit", _urgency(order), self._clock.monotonic_ns()
        ):
            return None
        answering = prompt(order)
        if answering is None:
            return None
        self._budget.spend("submit")
        return partial(self._answer, order, answering)

    async def submit(self, order: Order) -> Accepted | Refused | Unknown:
        """Send an order; one that opens risk is refused rather than kept waiting."""
        if _urgency(order) is Urgency.MENDING:
            await self._turn("submit", Urgency.MENDING)
        else:
            wait_ns = self._budget.wait_ns("submit", Urgency.OPENING, self._clock.monotonic_ns())
            if wait_ns:
                return self._refused(
                    order, f"the rate budget frees up in {wait_ns // NS_PER_MS} ms"
                )
            self._budget.spend("submit")
        return await self._answer(order, partial(self._client.submit, order))

    async def _answer(self, order: Order, answering: Answering) -> Accepted | Refused | Unknown:
        try:
            return await answering()
        except RateLimited as error:
            self._limited(error)
            return self._refused(order, str(error))

    async def cancel(self, order: Order) -> None:
        await self._ask("cancel", Urgency.MENDING, lambda: self._client.cancel(order))

    async def query(
        self, client_order_id: ClientOrderId, instrument: InstrumentId
    ) -> OrderTruth | Absent:
        return await self._ask(
            "query", Urgency.MENDING, lambda: self._client.query(client_order_id, instrument)
        )

    async def open_orders(self) -> Sequence[OrderTruth]:
        return await self._ask("open_orders", Urgency.MENDING, self._client.open_orders)

    async def fills_since(self, since_ns: int) -> Sequence[Fill]:
        return await self._ask("fills", Urgency.MENDING, lambda: self._client.fills_since(since_ns))

    async def holdings(self) -> Sequence[Holding]:
        return await self._ask("holdings", Urgency.LOOKING, self._client.holdings)

    async def instruments(self) -> Sequence[Instrument]:
        return await self._ask("instruments", Urgency.LOOKING, self._client.instruments)

    async def run(self, sink: ReportSink) -> None:
        await self._client.run(sink)

    async def _ask(self, call: str, urgency: Urgency, act: Callable[[], Awaitable[T]]) -> T:
        await self._turn(call, urgency)
        try:
            return await act()
        except RateLimited as error:
            self._limited(error)
            raise

    async def _turn(self, call: str, urgency: Urgency) -> None:
        """Wait for weight and take it."""
        while True:
            wait_ns = self._budget.wait_ns(call, urgency, self._clock.monotonic_ns())
            if not wait_ns:
                break
            await asyncio.sleep(wait_ns / NS_PER_S)
        self._budget.spend(call)

    def _limited(self, error: RateLimited) -> None:
        banned = isinstance(error, Banned)
        self._budget.slow_down(error.retry_after_ms, self._clock.monotonic_ns(), banned=banned)
        if banned:
            self._on_ban(self.venue, error.retry_after_ms)

    def _refused(self, order: Order, why: str) -> Refused:
        return Refused(
            venue=self.venue,
            at_ns=self._clock.now_ns(),
            client_order_id=order.client_order_id,
            code=NOT_SENT,
            reason=f"not sent: {why}",
        )


def _urgency(order: Order) -> Urgency:
    opening = not order.reduce_only and order.leg in ("a", "b")
    return Urgency.OPENING if opening else Urgency.MENDING


class BudgetedMarginClient(BudgetedClient):
    """The same for a venue of perpetuals: its margin account draws on the same budget.

    Implements `ports.OrderClient` and `ports.MarginClient`.
    """

    def __init__(
        self,
        client: PerpetualsClient,
        budget: RateBudget,
        clock: Clock,
        on_ban: Callable[[VenueId, int], None] = lambda _venue, _ms: None,
    ) -> None:
        super().__init__(client, budget, clock, on_ban)
        self._account = client

    async def positions(self) -> Sequence[VenuePosition]:
        return await self._ask("positions", Urgency.MENDING, self._account.positions)

    async def margin_balances(self) -> Sequence[MarginBalance]:
        return await self._ask("margin_balances", Urgency.LOOKING, self._account.margin_balances)

    async def payments_since(self, since_ns: int) -> Sequence[FundingPayment]:
        return await self._ask(
            "payments", Urgency.MENDING, lambda: self._account.payments_since(since_ns)
        )

    async def forced_since(self, since_ns: int) -> Sequence[ForcedClose]:
        return await self._ask(
            "forced", Urgency.MENDING, lambda: self._account.forced_since(since_ns)
        )

    async def settled_since(self, since_ns: int) -> Sequence[FillSettled]:
        return await self._ask(
            "settled", Urgency.MENDING, lambda: self._account.settled_since(since_ns)
        )

    async def set_leverage(self, instrument: InstrumentId, leverage: Decimal) -> None:
        await self._ask(
            "leverage", Urgency.LOOKING, lambda: self._account.set_leverage(instrument, leverage)
        )
