"""The live outbox: what the core asks for, done as tasks on the loop."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Protocol

from arbiter.model.errors import NO_ANSWER, Unreadable
from arbiter.model.ids import TradeId, VenueId
from arbiter.model.orders import Fill, Order
from arbiter.model.reports import Absent, OrderTruth, Unknown, VenueReport
from arbiter.model.time import NS_PER_S
from arbiter.ports.clock import Clock
from arbiter.ports.venue import Answering, OrderClient, PromptClient

Spawn = Callable[[Coroutine[None, None, None]], object]

_FILL_MARGIN_NS = 5 * NS_PER_S
"""Fills are asked for from a little before the order was made: the venue's clock is not ours."""


class Answers(Protocol):
    """Where what comes back goes; `TradingCore` in the engine."""

    def on_report(self, report: VenueReport) -> None: ...

    def on_answer(
        self, order: Order, answer: OrderTruth | Absent, fills: Sequence[Fill]
    ) -> None: ...

    def on_wake(self, trade: TradeId) -> None: ...


class LiveOutbox:
    """Sends through the venues' order clients; `open` it before anything is asked of it."""

    def __init__(self, clients: Mapping[VenueId, OrderClient], clock: Clock) -> None:
        self._clients = clients
        self._clock = clock
        self._prompt = {
            venue: client.submit_now
            for venue, client in clients.items()
            if isinstance(client, PromptClient)
        }
        self._left: list[Answering] = []
        """Orders that have left and whose answers nobody waits for yet."""
        self._answers: Answers | None = None
        self._spawn: Spawn | None = None

    def open(self, answers: Answers, spawn: Spawn) -> None:
        """Say where answers go and who owns the tasks."""
        self._answers = answers
        self._spawn = spawn

    def send(self, order: Order) -> None:
        """Let an order leave at once where its venue's connection is free, else as a task.

        A decision falls amid a burst of quotes: what leaves as a task waits for the burst's end.
        """
        prompt = self._prompt.get(order.venue)
        answering = None if prompt is None else prompt(order)
        if answering is None:
            self._start(self._submit(order))
            return
        if not self._left:  # the task that waits for the answer can wait itself
            asyncio.get_running_loop().call_soon(self._hear_all)
        self._left.append(answering)

    def cancel(self, order: Order) -> None:
        self._start(self._cancel(order))

    def ask(self, order: Order) -> None:
        self._start(self._ask(order))

    def wake(self, at_ns: int, trade: TradeId) -> Callable[[], object]:
        delay = max(at_ns - self._clock.monotonic_ns(), 0) / NS_PER_S
        return asyncio.get_running_loop().call_later(delay, self._back().on_wake, trade).cancel

    async def _submit(self, order: Order) -> None:
        self._back().on_report(await self._clients[order.venue].submit(order))

    def _hear_all(self) -> None:
        left, self._left = self._left, []
        for answering in left:
            self._start(self._hear(answering))

    async def _hear(self, answering: Answering) -> None:
        self._back().on_report(await answering())

    async def _cancel(self, order: Order) -> None:
        try:
            await self._clients[order.venue].cancel(order)
        except NO_ANSWER as error:
            self._unanswered(order, f"cancel: {error}")

    async def _ask(self, order: Order) -> None:
        client = self._clients[order.venue]
        fills: Sequence[Fill] = ()
        try:
            answer = await client.query(order.client_order_id, order.instrument)
            if isinstance(answer, OrderTruth) and answer.filled_size > order.filled_size:
                fills = await _readable(client.fills_since(order.created_ns - _FILL_MARGIN_NS))
        except NO_ANSWER as error:
            self._unanswered(order, f"query: {error}")
            return
        own = [fill for fill in fills if fill.client_order_id == order.client_order_id]
        self._back().on_answer(order, answer, own)

    def _unanswered(self, order: Order, why: str) -> None:
        """No answer is not an answer: the order stays, its outcome is unknown."""
        self._back().on_report(
            Unknown(
                venue=order.venue,
                at_ns=self._clock.now_ns(),
                client_order_id=order.client_order_id,
                why=why,
            )
        )

    def _start(self, work: Coroutine[None, None, None]) -> None:
        if self._spawn is None:
            raise RuntimeError("the outbox was not opened")
        self._spawn(work)

    def _back(self) -> Answers:
        if self._answers is None:
            raise RuntimeError("the outbox was not opened")
        return self._answers


async def _readable(asked: Awaitable[Sequence[Fill]]) -> Sequence[Fill]:
    """Take the fills that can be read: whether an order has all of its own, quantities tell."""
    try:
        return await asked
    except Unreadable as error:
        return [fill for fill in error.rest if isinstance(fill, Fill)]
