"""One budget per key: unwinds always get through, bans never happen, and are honoured if they do."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from decimal import Decimal
from typing import TypeVar

import pytest
from msgspec.structs import replace

from arbiter.model.errors import Banned, InvalidValue, RateLimited
from arbiter.model.ids import ClientOrderId, InstrumentId, VenueId, VenueOrderId
from arbiter.model.instruments import Instrument
from arbiter.model.orders import Fill, Order, OrderStatus
from arbiter.model.perpetuals import (
    ForcedClose,
    FundingPayment,
    MarginBalance,
    VenuePosition,
)
from arbiter.model.reports import Absent, Accepted, FillSettled, Holding, OrderTruth, Refused
from arbiter.model.time import NS_PER_HOUR, NS_PER_MS, NS_PER_S
from arbiter.ports.venue import ReportSink
from arbiter.runtime.outcomes import NOT_SENT
from arbiter.runtime.rate_budget import (
    BudgetedClient,
    BudgetedMarginClient,
    RateBudget,
    RateSettings,
    Urgency,
)
from tests.chaos.virtual_loop import VirtualClock, VirtualLoop
from tests.unit.execution.legs import order

T = TypeVar("T")

VENUE = VenueId("binance")
SETTINGS = RateSettings(capacity=100, per_second=20, reserve=0.3, weights={"query": 4.0})
LEG = order("a", OrderStatus.CREATED)
UNWIND = replace(order("u", OrderStatus.CREATED), reduce_only=True)


class StrictVenue:
    """Counts weight as the venue does, and bans whoever asks for more."""

    venue = VENUE

    def __init__(self, loop: VirtualLoop) -> None:
        self._clock = VirtualClock(loop)
        self._left, self._at_ns = SETTINGS.capacity, 0
        self.bans = 0
        self.calls = 0
        self.says: Exception | None = None

    def _weigh(self, weight: float) -> None:
        now = self._clock.monotonic_ns()
        back = (now - self._at_ns) / NS_PER_S * SETTINGS.per_second
        self._left, self._at_ns = min(self._left + back, SETTINGS.capacity) - weight, now
        self.calls += 1
        if self._left < -1e-6:
            self.bans += 1
        if self.says is not None:
            raised, self.says = self.says, None
            raise raised

    async def submit(self, order: Order) -> Accepted:
        self._weigh(1)
        return Accepted(
            venue=VENUE,
            at_ns=0,
            client_order_id=order.client_order_id,
            venue_order_id=VenueOrderId("1"),
        )

    async def cancel(self, order: Order) -> None:
        self._weigh(1)

    async def query(
        self, client_order_id: ClientOrderId, instrument: InstrumentId
    ) -> OrderTruth | Absent:
        self._weigh(4)
        return Absent(venue=VENUE, client_order_id=client_order_id, at_ns=0)

    async def open_orders(self) -> Sequence[OrderTruth]:
        self._weigh(1)
        return ()

    async def fills_since(self, since_ns: int) -> Sequence[Fill]:
        self._weigh(1)
        return ()

    async def holdings(self) -> Sequence[Holding]:
        self._weigh(1)
        return ()

    async def instruments(self) -> Sequence[Instrument]:
        self._weigh(1)
        return ()

    async def run(self, sink: ReportSink) -> None:
        await asyncio.Event().wait()


class StrictPerpetuals(StrictVenue):
    """The same, with a margin account on the same key."""

    async def positions(self) -> Sequence[VenuePosition]:
        self._weigh(1)
        return ()

    async def margin_balances(self) -> Sequence[MarginBalance]:
        self._weigh(1)
        return ()

    async def payments_since(self, since_ns: int) -> Sequence[FundingPayment]:
        self._weigh(1)
        return ()

    async def forced_since(self, since_ns: int) -> Sequence[ForcedClose]:
        self._weigh(1)
        return ()

    async def settled_since(self, since_ns: int) -> Sequence[FillSettled]:
        """A match is final here."""
        del since_ns
        return ()

    async def set_leverage(self, instrument: InstrumentId, leverage: Decimal) -> None:
        self._weigh(1)


def play(act: Callable[[StrictVenue, BudgetedClient, VirtualLoop], Awaitable[T]]) -> T:
    """Run a scene in virtual time."""
    loop = VirtualLoop()
    try:
        clock = VirtualClock(loop)
        venue = StrictVenue(loop)
        client = BudgetedClient(venue, RateBudget(SETTINGS, 0), clock)
        return loop.run_until_complete(act(venue, client, loop))
    finally:
        loop.close()


def test_new_risk_stops_at_the_reserve_and_a_cancel_goes_on() -> None:
    budget = RateBudget(SETTINGS, 0)
    sent = 0
    while not budget.wait_ns("submit", Urgency.OPENING, 0):
        budget.spend("submit")
        sent += 1
    assert sent == 70
    assert budget.wait_ns("cancel", Urgency.MENDING, 0) == 0


def test_weight_comes_back_at_its_rate_and_never_beyond_the_capacity() -> None:
    budget = RateBudget(SETTINGS, 0)
    for _ in range(20):
        budget.spend("query")
    assert budget.left(0) == 20
    assert budget.left(NS_PER_S) == 40
    assert budget.left(NS_PER_HOUR) == 100
    assert budget.wait_ns("query", Urgency.OPENING, NS_PER_HOUR) == 0


def test_a_clock_that_steps_back_gives_no_weight() -> None:
    budget = RateBudget(SETTINGS, NS_PER_S)
    budget.spend("query")
    assert budget.left(0) == 96


def test_slow_down_is_honoured_by_everybody_for_as_long_as_it_says() -> None:
    budget = RateBudget(SETTINGS, 0)
    budget.slow_down(1_500, 0)
    for urgency in Urgency:
        assert budget.wait_ns("cancel", urgency, 0) == 1_500 * NS_PER_MS
    assert budget.wait_ns("cancel", Urgency.MENDING, 1_500 * NS_PER_MS) == 0


def test_a_ban_is_remembered_until_it_is_over() -> None:
    budget = RateBudget(SETTINGS, 0)
    budget.slow_down(120_000, 0, banned=True)
    assert budget.wait_ns("cancel", Urgency.MENDING, 0)
    assert budget.banned
    assert budget.wait_ns("cancel", Urgency.MENDING, 120 * NS_PER_S) == 0
    assert not budget.banned


@pytest.mark.parametrize(
    "wrong",
    [{"capacity": 0.0}, {"per_second": -1.0}, {"reserve": 1.0}, {"weights": {"query": 80.0}}],
)
def test_a_budget_that_could_never_serve_a_call_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InvalidValue):
        RateSettings(**wrong)  # type: ignore[arg-type]


def test_an_opening_order_is_refused_as_not_sent_rather_than_kept_until_its_price_is_old() -> None:
    async def scene(venue: StrictVenue, client: BudgetedClient, loop: VirtualLoop) -> None:
        answers = [await client.submit(LEG) for _ in range(71)]
        last = answers[-1]
        assert isinstance(last, Refused)
        assert last.code == NOT_SENT
        assert venue.calls == 70
        assert isinstance(await client.submit(UNWIND), Accepted)

    play(scene)


def test_too_many_requests_makes_the_next_call_wait() -> None:
    async def scene(venue: StrictVenue, client: BudgetedClient, loop: VirtualLoop) -> None:
        venue.says = RateLimited("429", retry_after_ms=2_000)
        with pytest.raises(RateLimited):
            await client.open_orders()
        await client.cancel(LEG)
        assert loop.now_ns >= 2_000 * NS_PER_MS

    play(scene)


def test_a_ban_is_told_and_nothing_leaves_before_it_ends() -> None:
    async def scene(venue: StrictVenue, client: BudgetedClient, loop: VirtualLoop) -> None:
        banned: list[tuple[VenueId, int]] = []
        client = BudgetedClient(
            venue, RateBudget(SETTINGS, 0), VirtualClock(loop), lambda *told: banned.append(told)
        )
        venue.says = Banned("418", retry_after_ms=60_000)
        answer = await client.submit(UNWIND)
        assert isinstance(answer, Refused)
        assert banned == [(VENUE, 60_000)]
        await client.cancel(LEG)
        assert loop.now_ns >= 60 * NS_PER_S

    play(scene)


def _p99_unwind_ms(strategies: int) -> tuple[float, int, int]:
    """Saturate one key for an hour; give (p99 wait of an unwind in ms, bans, calls)."""

    async def scene(
        venue: StrictVenue, client: BudgetedClient, loop: VirtualLoop
    ) -> tuple[float, int, int]:
        waits: list[float] = []

        async def trade() -> None:
            while True:
                await client.submit(LEG)
                await asyncio.sleep(0.3)

        async def look() -> None:
            while True:
                await client.holdings()
                await asyncio.sleep(0.5)

        async def unwind() -> None:
            while True:
                began = loop.now_ns
                await client.submit(UNWIND)
                waits.append((loop.now_ns - began) / NS_PER_MS)
                await asyncio.sleep(2.0)

        works: list[Coroutine[None, None, None]] = [unwind()]
        for _ in range(strategies):
            works += [trade(), look()]
        tasks = [loop.create_task(work) for work in works]
        await asyncio.sleep(3_600)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        waits.sort()
        return waits[int(len(waits) * 0.99)], venue.bans, venue.calls

    return play(scene)


@pytest.mark.slow
def test_twenty_strategies_saturating_a_key_cause_no_ban_and_delay_no_unwind() -> None:
    idle, _, _ = _p99_unwind_ms(0)
    busy, bans, calls = _p99_unwind_ms(20)
    assert bans == 0
    assert calls > 50_000
    assert busy <= idle * 1.2 + 1e-6


def test_calls_of_the_margin_account_share_the_bucket_of_the_orders() -> None:
    loop = VirtualLoop()
    venue = StrictPerpetuals(loop)
    budget = RateBudget(SETTINGS, 0)
    client = BudgetedMarginClient(venue, budget, VirtualClock(loop))

    async def scene() -> None:
        await client.positions()
        await client.margin_balances()
        await client.payments_since(0)
        await client.forced_since(0)
        await client.set_leverage(InstrumentId("BTCUSDT-PERP.X"), Decimal(2))
        assert budget.left(0) == SETTINGS.capacity - 5
        await asyncio.gather(*(client.positions() for _ in range(300)))
        assert venue.bans == 0
        venue.says = RateLimited("slow down", retry_after_ms=2_000)
        with pytest.raises(RateLimited):
            await client.payments_since(0)
        began = loop.time()
        await client.cancel(LEG)
        assert loop.time() - began >= 2.0, "one account's 429 holds for all calls of the key"

    loop.run_until_complete(scene())
    loop.close()
