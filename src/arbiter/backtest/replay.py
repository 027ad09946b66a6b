"""Replay: every recorded quote through the live core, one by one, at any speed."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator

from arbiter.backtest.quotes import RecordedQuotes
from arbiter.backtest.session import Session
from arbiter.books.board import QuoteRows
from arbiter.model.time import NS_PER_MS, NS_PER_S

_BREATH = 2_000
"""Quotes between two turns of the loop at full speed."""
_SLICE_ROWS = 16_384


def replay(session: Session, quotes: RecordedQuotes) -> None:
    """Run the whole recording as fast as it goes."""
    for rows in quotes.chunks():
        for quote in _one_by_one(rows):
            session.quote(*quote)
    session.finish()


async def _turn() -> None:
    await asyncio.sleep(0)


async def replay_paced(
    session: Session,
    quotes: RecordedQuotes,
    speed: float | None,
    breathe: Callable[[], Awaitable[None]] = _turn,
) -> None:
    """Run the recording on a live loop, `speed` times as fast as it was recorded; None for full.

    Trades do not depend on the speed: time is the recording's. `breathe` is awaited now and then,
    so that others get their turn.
    """
    started = time.monotonic()
    first_ns: int | None = None
    taken = 0
    for rows in quotes.chunks():
        for quote in _one_by_one(rows):
            received = quote[-1]
            first_ns = received if first_ns is None else first_ns
            if speed is not None:
                ahead = (received - first_ns) / NS_PER_S / speed - (time.monotonic() - started)
                if ahead > NS_PER_MS / NS_PER_S:
                    await asyncio.sleep(ahead)
            taken += 1
            if not taken % _BREATH:
                await breathe()
            session.quote(*quote)
    session.finish()


Quote = tuple[int, float, float, float, float, int, int]


def _one_by_one(rows: QuoteRows) -> Iterator[Quote]:
    """Give rows as plain numbers, a few thousand at a time."""
    for start in range(0, len(rows), _SLICE_ROWS):
        part = slice(start, start + _SLICE_ROWS)
        for slot, prices, times in zip(
            rows.slots[part].tolist(),
            rows.prices[part].tolist(),
            rows.times[part].tolist(),
            strict=True,
        ):
            yield (slot, *prices, *times)
