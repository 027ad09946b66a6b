"""A backtest in a process of its own: ``python -m arbiter.app.backtest_worker``.

The engine that starts it writes one `Order` as a line of JSON to its input and reads `Word`s, one a
line, from its output. The run ends where it is as soon as the input closes, so that it does not
outlive the engine either. It is polite: the engine's own trading goes first.
"""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import BinaryIO

import msgspec
import structlog

from arbiter.app.backtest_words import Order, Progress, Ready, Refused, Word, read_order
from arbiter.app.research import Research
from arbiter.backtest.run import Prepared, prepare
from arbiter.backtest.scan import scan_rows
from arbiter.books.board import QuoteRows
from arbiter.model.errors import ArbiterError, StorageUnavailable
from arbiter.model.money import use_wide_context
from arbiter.runtime.hub import EventHub
from arbiter.runtime.queries import Queries
from arbiter.runtime.spot_picture import SpotPicture, picture_of
from arbiter.runtime.spot_tally import SpotTally
from arbiter.runtime.supervisor import Supervisor
from arbiter.storage import migrate
from arbiter.storage.journal import JournalSettings, PgJournal

AT_THE_END = "the recording is at its end"
STOPPED = "the backtest was stopped"

_NICENESS = 10
_SLICE_ROWS = 8_192
"""Rows between two turns of the loop."""
_PICTURES_APART_S = 0.25
_MOST_WAITING = 5_000_000
"""Events of one slice that may wait for the database; each slice waits for its own."""


_encoder = msgspec.json.Encoder()


def main() -> None:
    order = read_order(sys.stdin.buffer.readline())
    os.nice(_NICENESS)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started us closes our input
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    use_wide_context()
    try:
        asyncio.run(_Run(order, sys.stdout.buffer).to_the_end())
    except ArbiterError as error:
        _say(
            sys.stdout.buffer,
            Refused(reason=str(error), storage=isinstance(error, StorageUnavailable)),
        )


def _say(output: BinaryIO, word: Word) -> None:
    output.write(_encoder.encode(word) + b"\n")
    output.flush()


class _Run:
    def __init__(self, order: Order, output: BinaryIO) -> None:
        self._order = order
        self._output = output
        self._supervisor = Supervisor()
        self._journal = PgJournal(
            order.database,
            on_fatal=lambda error: self._supervisor.fail(str(error)),
            settings=JournalSettings(max_waiting=_MOST_WAITING),
        )
        self._stop = asyncio.Event()

    async def to_the_end(self) -> None:
        order = self._order
        hub = EventHub()
        prepared = prepare(
            Research.model_validate(order.settings).request(
                [Path(file) for file in order.files], symbols=order.symbols, venues=order.venues
            ),
            kept=self._journal,
            hub=hub,
        )
        session = prepared.session
        now = session.clock.now_ns()
        self._queries = Queries(session.core, session.clock, version("arbiter-engine"))
        self._tally = SpotTally(session.ledger, session.core.spot.settings.strategy, now)
        hub.listen(self._queries.watch)
        hub.listen(self._tally.watch)
        await migrate.upgrade(order.database)
        await self._journal.open()
        try:
            async with self._supervisor:
                await self._obey_input()
                self._supervisor.spawn(self._journal.run(), "journal")
                self._tell(
                    Ready(
                        instruments=prepared.listing.registry.instruments,
                        picture=self._picture(prepared),
                    )
                )
                ended = await self._play(prepared)
                await self._journal.drain()
                self._tell(Progress(picture=self._picture(prepared), ended=ended))
        finally:
            await self._journal.close()
        if self._supervisor.failure is not None:
            raise StorageUnavailable(f"the backtest stopped: {self._supervisor.failure}")

    async def _play(self, prepared: Prepared) -> str:
        """Run the recording as `arbiter backtest` does, in slices."""
        told = time.monotonic()
        for rows in _slices(prepared):
            scan_rows(prepared.session, rows)
            await self._journal.drain()
            await asyncio.sleep(0)
            if self._stop.is_set():
                return STOPPED
            if time.monotonic() - told >= _PICTURES_APART_S:
                self._tell(Progress(picture=self._picture(prepared)))
                told = time.monotonic()
        prepared.session.finish()
        return AT_THE_END

    async def _obey_input(self) -> None:
        """Have the closing of our input end the run."""
        loop = asyncio.get_running_loop()

        def readable() -> None:
            if not os.read(sys.stdin.fileno(), 1_024):
                loop.remove_reader(sys.stdin.fileno())
                self._stop.set()

        loop.add_reader(sys.stdin.fileno(), readable)

    def _picture(self, prepared: Prepared) -> SpotPicture:
        session = prepared.session
        return picture_of(
            session.core,
            self._queries,
            self._tally,
            session.clock.now_ns(),
            session.rates.worth,
        )

    def _tell(self, word: Word) -> None:
        _say(self._output, word)


def _slices(prepared: Prepared) -> Iterator[QuoteRows]:
    for rows in prepared.quotes.chunks():
        for start in range(0, len(rows), _SLICE_ROWS):
            part = slice(start, start + _SLICE_ROWS)
            yield QuoteRows(
                slots=rows.slots[part], prices=rows.prices[part], times=rows.times[part]
            )


if __name__ == "__main__":
    main()
