"""Price updates for many clients: which quotes moved, and how fast they may be told.

Quotes come far faster than anybody can read them, so they are conflated: ten times a second the
board is compared with what it was, and a client that has not yet been told of a symbol's last
price gets only its newest. All clients together share one allowance, handed out a few messages per
turn of the loop, so that no number of readers stands before the next quote.
"""

import asyncio
from collections import deque

import numpy as np
from numpy.typing import NDArray

from arbiter.api.spot.frames import write
from arbiter.api.spot.prices import leaf_of
from arbiter.books.board import QuoteBoard
from arbiter.books.registry import MarketRegistry
from arbiter.model.ids import Symbol
from arbiter.model.instruments import InstrumentKind

TICK_S = 0.1
_TURNS_AT_ONCE = 2

Slots = NDArray[np.bool_]


class PriceFeed:
    def __init__(self, board: QuoteBoard, registry: MarketRegistry) -> None:
        self._board = board
        self._registry = registry
        self._seen: NDArray[np.float64] | None = None
        self._frames: dict[int, str | None] = {}

    def changed(self) -> Slots:
        """Find the slots quoted since the last call; older frames are forgotten."""
        received = self._received()
        moved: Slots = received > -np.inf
        if self._seen is not None:
            moved &= received != self._seen
        self._seen = received
        self._frames.clear()
        return moved

    def frame(self, slot: int) -> str | None:
        """Give a slot's newest price as a frame, written once for all who want it."""
        if slot not in self._frames:
            self._frames[slot] = self._write(slot)
        return self._frames[slot]

    def slots_of(self, symbols: frozenset[Symbol] | None) -> Slots:
        """Mark the rows of these symbols; None for every spot market."""
        listed = [self._registry.instrument_at(s) for s in range(self._registry.n_slots)]
        return np.array(
            [
                i is not None
                and i.kind is InstrumentKind.SPOT
                and (symbols is None or i.symbol in symbols)
                for i in listed
            ],
            dtype=np.bool_,
        )

    def _write(self, slot: int) -> str | None:
        quote = self._board.quote_at(slot)
        instrument = self._registry.instrument_at(slot)
        if quote is None or instrument is None or not self._board.healthy(instrument.venue):
            return None
        data = {
            "symbol": self._registry.compact_name(instrument.symbol),
            "exchange": instrument.venue,
            **leaf_of(quote),
        }
        return write("price_update", data=data)

    def _received(self) -> NDArray[np.float64]:
        """Times of receipt by slot; a copy."""
        by_venue = [self._board.tops(venue)[:, 5] for venue in self._registry.venues]
        if not by_venue:
            return np.empty(0)
        return np.stack(by_venue, axis=1).reshape(-1)


class Turnstile:
    """Lets writers through a few at a time, and no more per second than agreed."""

    def __init__(self, per_second: int) -> None:
        self._per_tick = max(int(per_second * TICK_S), 1)
        self._left = self._per_tick
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._any = asyncio.Event()

    async def turn(self) -> None:
        """Wait for leave to send one message."""
        ticket: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(ticket)
        self._any.set()
        await ticket

    def refill(self) -> None:
        """Begin a new tick."""
        self._left = self._per_tick
        if self._waiting:
            self._any.set()

    async def run(self) -> None:
        """Hand out turns until cancelled."""
        while True:
            await self._any.wait()
            while self._waiting and self._left > 0:
                for _ in range(min(_TURNS_AT_ONCE, self._left, len(self._waiting))):
                    ticket = self._waiting.popleft()
                    if not ticket.done():
                        ticket.set_result(None)
                        self._left -= 1
                await asyncio.sleep(0)
            self._any.clear()
