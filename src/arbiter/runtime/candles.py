"""One-minute candles, kept when their minute is over: of public trades where a feed tells them.

Elsewhere they are made of mids, sampled each second. A top of book tells no public volume: there
`volume` is what this engine itself traded on the instrument in that minute.
"""

import asyncio
import math
from collections import deque
from collections.abc import Mapping, Sequence

import numpy as np
import structlog
from numpy.typing import NDArray

from arbiter.books.board import QuoteBoard
from arbiter.books.registry import MarketRegistry
from arbiter.model.changes import Changes
from arbiter.model.errors import NO_ANSWER, OutcomeUnknown, TryAgain
from arbiter.model.events import Event, OrderFilled
from arbiter.model.ids import InstrumentId, VenueId
from arbiter.model.instruments import InstrumentKind
from arbiter.model.quotes import Candle
from arbiter.model.time import NS_PER_MINUTE
from arbiter.ports.candles import CandleStore, PastCandles
from arbiter.ports.clock import Clock

log = structlog.get_logger(__name__)

Floats = NDArray[np.float64]

SAMPLE_S = 1.0
_KEPT_MINUTES = 30
"""Minutes that wait for a database that is away; older ones are given up."""
_BATCH = 2_000
_PAST_PAUSES_S = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Between asking a silent venue for the same past again."""


class CandleBuilder:
    """Open, high, low and close of the minute under way, one column per slot."""

    def __init__(self, registry: MarketRegistry) -> None:
        self._registry = registry
        self._opens_ns: int | None = None
        self._bars: Floats = np.full((4, registry.n_slots), np.nan)
        self._volume: Floats = np.zeros(registry.n_slots)
        self._printed: dict[int, list[float]] = {}
        """Open, high, low, close and volume of the minute's public trades, by slot."""
        self._early: list[tuple[int, float, float]] = []
        """Trades of the next minute: it begins for all slots with the next sample."""

    def sample(self, mids: Floats, now_ns: int) -> list[Candle]:
        """Take the mids of this second (NaN where unknown); gives the minute that just ended."""
        opens = now_ns - now_ns % NS_PER_MINUTE
        finished = []
        if self._opens_ns is not None and opens != self._opens_ns:
            finished = self._finish(self._opens_ns)
            for early in self._early:
                self._print(*early)
            self._early.clear()
        self._opens_ns = opens
        first, high, low, last = self._bars
        first[:] = np.where(np.isnan(first), mids, first)
        np.fmax(high, mids, out=high)
        np.fmin(low, mids, out=low)
        last[:] = np.where(np.isnan(mids), last, mids)
        return finished

    def traded(self, slot: int, size: float) -> None:
        """Count one execution of ours, in base units."""
        self._volume[slot] += size

    def printed(self, slot: int, price: float, size: float, now_ns: int) -> None:
        """Count one public trade; `size` in base units."""
        if self._opens_ns is not None and now_ns >= self._opens_ns + NS_PER_MINUTE:
            self._early.append((slot, price, size))
        else:
            self._print(slot, price, size)

    def _print(self, slot: int, price: float, size: float) -> None:
        bar = self._printed.get(slot)
        if bar is None:
            self._printed[slot] = [price, price, price, price, size]
            return
        bar[1] = max(bar[1], price)
        bar[2] = min(bar[2], price)
        bar[3] = price
        bar[4] += size

    def _finish(self, opens_ns: int) -> list[Candle]:
        for slot, (*bar, size) in self._printed.items():
            self._bars[:, slot], self._volume[slot] = bar, size
        self._printed.clear()
        seen = np.flatnonzero(~np.isnan(self._bars[0])).tolist()
        bars, volume = self._bars[:, seen].T.tolist(), self._volume[seen].tolist()
        candles = []
        for slot, (first, high, low, last), size in zip(seen, bars, volume, strict=True):
            instrument = self._registry.instrument_at(slot)
            if instrument is not None:
                candles.append(
                    Candle(
                        instrument=instrument.id,
                        interval_ns=NS_PER_MINUTE,
                        open_ns=opens_ns,
                        open=first,
                        high=high,
                        low=low,
                        close=last,
                        volume=size,
                    )
                )
        self._bars[:] = np.nan
        self._volume[:] = 0.0
        return candles


class CandleKeeper:
    """Samples the board, keeps finished minutes, and fills in what venues know of their past."""

    def __init__(
        self,
        *,
        board: QuoteBoard,
        registry: MarketRegistry,
        store: CandleStore,
        clock: Clock,
        past: Mapping[VenueId, PastCandles],
    ) -> None:
        self._board = board
        self._registry = registry
        self._store = store
        self._clock = clock
        self._past = past
        self._builder = CandleBuilder(registry)
        self._units = {
            registry.slot(told.id): float(told.contract_size) for told in registry.instruments
        }
        self._inverse = {
            registry.slot(told.id)
            for told in registry.instruments
            if told.kind is InstrumentKind.INVERSE
        }
        self._waiting: deque[list[Candle]] = deque(maxlen=_KEPT_MINUTES)

    def watch(self, events: Sequence[Event], changes: Changes) -> None:
        """Count our own executions: a listener of the event hub."""
        del changes
        for event in events:
            if isinstance(event, OrderFilled):
                slot = self._registry.slot(event.fill.instrument)
                self._builder.traded(slot, float(event.fill.size))

    def on_trade(
        self,
        slot: int,
        price: float,
        size: float,
        exchange_ns: int,
        receive_ns: int,
        *,
        taker_buys: bool,
    ) -> None:
        """Count a public trade: the sink of trade feeds. What cannot be is left out."""
        del exchange_ns, taker_buys
        if 0.0 < price < math.inf and 0.0 < size < math.inf:
            base = size * self._units[slot]
            base = base / price if slot in self._inverse else base
            self._builder.printed(slot, price, base, receive_ns)

    async def run(self) -> None:
        """Sample until cancelled; saves as minutes end, and fills in the past meanwhile."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.fill_in(), name="past candles")
            group.create_task(self._sample(), name="candle samples")

    async def _sample(self) -> None:
        while True:
            now = self._clock.now_ns()
            finished = self._builder.sample(self._board.mids(now), now)
            if finished:
                self._waiting.append(finished)
                await self._save()
            await asyncio.sleep(SAMPLE_S)

    async def fill_in(self) -> None:
        """Ask the venues for the past of every instrument of which nothing is known."""
        try:
            missing = await self._store.missing([i.id for i in self._registry.instruments])
            for instrument in missing:
                source = self._past.get(self._registry.by_id(instrument).venue)
                if source is not None:
                    await self._store.save(await _history(source, instrument))
        except NO_ANSWER as error:
            log.warning("no past candles", why=str(error))

    async def _save(self) -> None:
        try:
            while self._waiting:
                minute = self._waiting[0]
                for start in range(0, len(minute), _BATCH):
                    await self._store.save(minute[start : start + _BATCH])
                self._waiting.popleft()
        except TryAgain as error:
            log.warning("candles wait for the database", minutes=len(self._waiting), why=str(error))


async def _history(source: PastCandles, instrument: InstrumentId) -> Sequence[Candle]:
    """Ask for one instrument's past; a venue that does not answer is asked a few times more."""
    for pause_s in _PAST_PAUSES_S:
        try:
            return await source.history(instrument)
        except (TryAgain, OutcomeUnknown) as error:
            log.debug("past candles asked for again", instrument=instrument, why=str(error))
        await asyncio.sleep(pause_s)
    return await source.history(instrument)
