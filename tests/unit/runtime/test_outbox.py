"""Orders leave at the decision where their venue's connection is free, and once, whichever way."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from decimal import Decimal
from typing import Any, cast

import pytest

from arbiter.model.errors import RateLimited, Unreadable
from arbiter.model.ids import Asset, ClientOrderId, InstrumentId, VenueId, VenueOrderId
from arbiter.model.orders import Fill, Liquidity, Order, OrderStatus
from arbiter.model.reports import Absent, Accepted, OrderTruth, Refused, Unknown, VenueReport
from arbiter.ports.venue import Answering, OrderClient
from arbiter.runtime.outbox import LiveOutbox
from arbiter.runtime.rate_budget import BudgetedClient, RateBudget, RateSettings
from tests.fakes.clock import FakeClock
from tests.unit.execution.legs import order

A, B = order("a", OrderStatus.CREATED), order("b", OrderStatus.CREATED)
VENUE = VenueId("binance")


class PromptVenue:
    """Writes at once while `free`; everything written is in `written`."""

    venue = VENUE

    def __init__(self) -> None:
        self.free = True
        self.written: list[Order] = []
        self.says: Exception | None = None
        self.answered = asyncio.Event()

    def submit_now(self, wanted: Order) -> Answering | None:
        if not self.free:
            return None
        self.written.append(wanted)
        return lambda: self._answer(wanted)

    async def submit(self, wanted: Order) -> Accepted | Refused | Unknown:
        self.written.append(wanted)
        return await self._answer(wanted)

    async def _answer(self, wanted: Order) -> Accepted | Refused | Unknown:
        await self.answered.wait()
        if self.says is not None:
            raise self.says
        return Accepted(
            venue=VENUE,
            at_ns=0,
            client_order_id=wanted.client_order_id,
            venue_order_id=VenueOrderId("1"),
        )


class Heard:
    def __init__(self) -> None:
        self.reports: list[VenueReport] = []

    def on_report(self, report: VenueReport) -> None:
        self.reports.append(report)

    def on_answer(self, *_: object) -> None:
        raise AssertionError("nothing was asked")

    def on_wake(self, *_: object) -> None:
        raise AssertionError("nothing was to be woken")


async def settled() -> None:
    """Let everything go as far as it goes by itself."""
    for _ in range(50):
        await asyncio.sleep(0)


Scene = Callable[[PromptVenue, LiveOutbox, Heard], Awaitable[None]]


def play(scene: Scene, budget: RateBudget | None = None) -> None:
    async def run() -> None:
        tasks: set[asyncio.Task[None]] = set()

        def spawn(work: Coroutine[None, None, None]) -> None:
            task = asyncio.ensure_future(work)
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        venue, heard, clock = PromptVenue(), Heard(), FakeClock()
        client: Any = venue
        if budget is not None:
            client = BudgetedClient(cast(OrderClient, venue), budget, clock)
        outbox = LiveOutbox({A.venue: client, B.venue: client}, clock)
        outbox.open(heard, spawn)
        await scene(venue, outbox, heard)
        venue.answered.set()
        while tasks:
            await asyncio.gather(*tasks)

    asyncio.run(run())


def test_both_legs_are_written_before_the_next_instruction() -> None:
    async def scene(venue: PromptVenue, outbox: LiveOutbox, heard: Heard) -> None:
        outbox.send(A)
        outbox.send(B)
        assert venue.written == [A, B]
        assert heard.reports == []
        venue.answered.set()
        await settled()
        assert [r.client_order_id for r in heard.reports if isinstance(r, Accepted)] == [
            A.client_order_id,
            B.client_order_id,
        ]
        assert venue.written == [A, B], "each once"

    play(scene)


def test_a_connection_that_is_not_free_sends_as_soon_as_it_can() -> None:
    async def scene(venue: PromptVenue, outbox: LiveOutbox, heard: Heard) -> None:
        venue.free = False
        outbox.send(A)
        assert venue.written == []
        await asyncio.sleep(0)
        assert venue.written == [A]

    play(scene)


def test_an_order_that_leaves_at_once_takes_its_weight_of_the_budget() -> None:
    budget = RateBudget(RateSettings(capacity=10, per_second=1, reserve=0), 0)

    async def scene(venue: PromptVenue, outbox: LiveOutbox, heard: Heard) -> None:
        outbox.send(A)
        assert venue.written == [A]
        assert budget.left(0) == 9

    play(scene, budget)


def test_without_weight_new_risk_is_refused_as_not_sent_and_nothing_leaves() -> None:
    budget = RateBudget(RateSettings(capacity=10, per_second=1, reserve=0), 0)
    for _ in range(10):
        budget.spend("submit")

    async def scene(venue: PromptVenue, outbox: LiveOutbox, heard: Heard) -> None:
        outbox.send(A)
        await asyncio.sleep(0)
        assert venue.written == []
        (refused,) = heard.reports
        assert isinstance(refused, Refused)
        assert refused.code == "NOT_SENT"

    play(scene, budget)


@pytest.mark.parametrize("free", [True, False])
def test_one_order_too_many_closes_the_budget_whichever_way_it_left(free: bool) -> None:
    budget = RateBudget(RateSettings(capacity=10, per_second=1, reserve=0), 0)

    async def scene(venue: PromptVenue, outbox: LiveOutbox, heard: Heard) -> None:
        venue.free = free
        venue.says = RateLimited("slow down", retry_after_ms=60_000)
        venue.answered.set()
        outbox.send(A)
        await settled()
        (refused,) = heard.reports
        assert isinstance(refused, Refused)
        outbox.send(B)
        await settled()
        assert venue.written == [A], "what would be one more is kept back"

    play(scene, budget)


# Questions.


class Asked:
    """Tells of an order that is filled, and of its fill beside a row that cannot be read."""

    venue = VENUE

    def __init__(self, fill: Fill) -> None:
        self.fill = fill

    async def query(self, name: ClientOrderId, instrument: InstrumentId) -> OrderTruth:
        return OrderTruth(
            venue=VENUE,
            client_order_id=name,
            venue_order_id=VenueOrderId("1"),
            instrument=instrument,
            status=OrderStatus.FILLED,
            size=A.size,
            filled_size=A.size,
            at_ns=0,
        )

    async def fills_since(self, since_ns: int) -> Sequence[Fill]:
        raise Unreadable("the trade {'id': 2} cannot be read", rest=[self.fill])


class Answered(Heard):
    def __init__(self) -> None:
        super().__init__()
        self.answers: list[tuple[OrderTruth | Absent, Sequence[Fill]]] = []

    def on_answer(self, *told: object) -> None:
        _, answer, fills = told
        self.answers.append(cast(tuple[OrderTruth | Absent, Sequence[Fill]], (answer, fills)))


async def test_a_row_that_cannot_be_read_keeps_no_fill_from_the_order_that_is_asked_for() -> None:
    fill = Fill(
        venue=VENUE,
        venue_trade_id="1",
        client_order_id=A.client_order_id,
        instrument=A.instrument,
        side=A.side,
        size=A.size,
        price=Decimal(100),
        fee=Decimal(0),
        fee_asset=Asset("USDT"),
        liquidity=Liquidity.TAKER,
        at_ns=0,
    )
    heard = Answered()
    outbox = LiveOutbox({A.venue: cast(OrderClient, Asked(fill))}, FakeClock())
    async with asyncio.TaskGroup() as group:
        outbox.open(heard, group.create_task)
        outbox.ask(A)
    ((answer, fills),) = heard.answers
    assert isinstance(answer, OrderTruth)
    assert fills == [fill]
    assert heard.reports == []
