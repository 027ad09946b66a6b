"""Decisions on their way to the database: embedded when they are made, kept for as long as asked.

A decision is written with the embedding of its market context. Where a gateway's embedding model
is set, that of its prompt takes the place; while the model does not answer, the context's stays,
and the decision says which of the two it has.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from itertools import islice
from typing import Any
from uuid import UUID

import structlog
from msgspec import Struct
from msgspec.structs import asdict, replace

from arbiter.model.agents import Decision
from arbiter.model.errors import TryAgain
from arbiter.model.time import NS_PER_S
from arbiter.ports.advisor import Usage
from arbiter.ports.agent_store import AgentStore
from arbiter.ports.clock import Clock
from arbiter.ports.embedder import Embedder
from arbiter.runtime.agent_news import ErrorNews, NewsDesk

log = structlog.get_logger(__name__)

_WAITING = 5_000
_BATCH = 50
_RETRY_S = 1.0
_SWEEP_S = 3_600.0
_SWEPT_AT_ONCE = 2_000
EMBEDDER_REST_NS = 60 * NS_PER_S
"""After a failure the embedding model is left alone for so long."""


class Retention(Struct, frozen=True, kw_only=True):
    """How long decisions without an outcome are kept; 0 is no bound."""

    keep_ns: int = 0
    idle_keep_ns: int = 0
    """Of the rules' decisions that no order came of."""
    idle_most: int = 0
    """Most of those for one symbol, counted at each sweep."""

    @property
    def bounded(self) -> bool:
        return bool(self.keep_ns or self.idle_keep_ns or self.idle_most)


class DecisionKeeper:
    def __init__(
        self,
        store: AgentStore,
        clock: Clock,
        news: NewsDesk,
        *,
        embedder: Embedder | None = None,
        retention: Retention = Retention(),  # noqa: B008 - frozen
    ) -> None:
        self._store = store
        self._clock = clock
        self._news = news
        self._embedder = embedder
        self._retention = retention
        self._rests_until = 0
        self._unsaved: dict[UUID, Decision] = {}
        self._to_save = asyncio.Event()

    def remember(self, decision: Decision) -> None:
        """Keep soon; a later one of the same id takes its place."""
        self._unsaved[decision.id] = decision
        while len(self._unsaved) > _WAITING:
            del self._unsaved[next(iter(self._unsaved))]
        self._to_save.set()

    async def keep(self, decisions: Sequence[Decision]) -> None:
        """Keep now; they are durable when this returns."""
        await self._store.save_decisions(await self._embedded(decisions))

    async def run(self) -> None:
        """Write what waits and forget what is too old; until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._save_forever(), name="agents decisions")
            if self._retention.bounded:
                group.create_task(self._sweep_forever(), name="agents old decisions")

    async def save(self) -> None:
        """Write the decisions that wait; what fails stays to be written."""
        while self._unsaved:
            batch = list(islice(self._unsaved.values(), _BATCH))
            await self.keep(batch)
            for decision in batch:
                if self._unsaved.get(decision.id) is decision:
                    del self._unsaved[decision.id]

    async def forget_old(self) -> int:
        """Delete what is past its age or too many, a batch at a time; gives how many."""
        now, bounds, store = self._clock.now_ns(), self._retention, self._store
        total = 0
        if bounds.keep_ns:
            before_ns = now - bounds.keep_ns
            total += await _emptied(lambda most: store.forget_decisions(before_ns, most))
        if bounds.idle_keep_ns:
            idle_ns = now - bounds.idle_keep_ns
            total += await _emptied(lambda most: store.forget_decisions(idle_ns, most, idle=True))
        if bounds.idle_most:
            for symbol, count in (await store.idle_decisions()).items():
                total += await _emptied(
                    partial(store.forget_idle, symbol), count - bounds.idle_most
                )
        return total

    async def _embedded(self, decisions: Sequence[Decision]) -> Sequence[Decision]:
        embedder = self._embedder
        if embedder is None or not decisions or self._clock.monotonic_ns() < self._rests_until:
            return decisions
        found = await embedder.embed([decision.prompt for decision in decisions])
        if isinstance(found, str):
            self._rests_until = self._clock.monotonic_ns() + EMBEDDER_REST_NS
            log.warning("decisions keep the context's embedding", why=found)
            details = f"{embedder.model}: {found}; decisions keep the context's embedding"
            self._news.tell(
                ErrorNews(error="embedding model unavailable", details=details, severity="low")
            )
            return decisions
        return [
            replace(decision, embedding=vector, embedding_model=embedder.model)
            for decision, vector in zip(decisions, found, strict=True)
        ]

    async def _save_forever(self) -> None:
        while True:
            await self._to_save.wait()
            self._to_save.clear()
            try:
                await self.save()
            except TryAgain as error:
                log.warning("decisions wait for the database", why=str(error))
                await asyncio.sleep(_RETRY_S)
                self._to_save.set()

    async def _sweep_forever(self) -> None:
        while True:
            try:
                gone = await self.forget_old()
            except TryAgain as error:
                log.warning("old decisions stay for now", why=str(error))
            else:
                if gone:
                    log.info("old decisions are gone", count=gone)
            await asyncio.sleep(_SWEEP_S)


async def _emptied(forget: Callable[[int], Awaitable[int]], most: int = sys.maxsize) -> int:
    """Let `forget` delete at most so many, until there are no more; each batch is its own."""
    total = 0
    while total < most:
        wanted = min(_SWEPT_AT_ONCE, most - total)
        gone = await forget(wanted)
        total += gone
        if gone < wanted:
            break
    return total


def spent(usage: Usage | None) -> dict[str, Any]:
    """What a model was paid, as fields of a decision."""
    return {} if usage is None else asdict(usage)
