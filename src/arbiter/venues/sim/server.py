"""The process of the simulated venues: ``python -m arbiter.venues.sim.server --home DIR``.

It leads a session of its own, so that what kills the engine's process group leaves it running,
and ends on SIGTERM with its state folded into a snapshot. Any failure it does not understand ends
it too: nothing it has told can be lost by that, and it can be started again.
"""

import argparse
import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import uvloop

from arbiter.model.errors import ArbiterError, StorageUnavailable
from arbiter.model.ids import InstrumentId
from arbiter.model.money import use_wide_context
from arbiter.model.time import NS_PER_S
from arbiter.venues.sim import wire
from arbiter.venues.sim.house import VenueHouse
from arbiter.venues.sim.lock import ServerLock
from arbiter.venues.sim.paths import listening_socket, lock_path, sim_folder, socket_path
from arbiter.venues.sim.session import Session
from arbiter.venues.sim.settings import SimSettings
from arbiter.venues.sim.store import Store

_HEARTBEAT_S = 0.5
"""Longest silence towards a subscriber: an empty batch is sent then."""
_SAVE_MARKET_S = 5.0


def venue_clock() -> Callable[[], int]:
    """Make a clock of UTC nanoseconds that never goes back, whatever the system's does."""
    last = 0

    def now_ns() -> int:
        nonlocal last
        last = max(last, time.time_ns())
        return last

    return now_ns


class SimServer:
    """Serves one `VenueHouse` on one unix socket."""

    def __init__(self, home: Path, settings: SimSettings, owns_folder: Callable[[], bool]) -> None:
        self._home = home
        self._owns_folder = owns_folder
        self._settings = settings
        self._now_ns = venue_clock()
        self._started_ns = self._now_ns()
        self._store = Store(sim_folder(home))
        self._house = VenueHouse(settings, self._store, self._started_ns)
        instruments = self._house.instruments
        self._table = np.zeros(len(instruments), dtype=wire.QUOTE_DTYPE)
        self._table["row"] = np.arange(len(instruments))
        self._sessions: set[Session] = set()
        self._stopped = asyncio.Event()
        self._failure: str | None = None
        self._due_timer: asyncio.TimerHandle | None = None
        self._tick_timer: asyncio.TimerHandle | None = None
        self._last_sent_s = 0.0
        self._saved_s = 0.0

    async def run(self, ready: Callable[[], None]) -> int:
        """Serve until told to stop; gives the exit code."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._on_failure)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopped.set)
        self._show(self._house.first_quotes(self._now_ns()))
        server = await loop.create_unix_server(
            self._session, sock=listening_socket(socket_path(self._home))
        )
        self._tick_timer = loop.call_soon(self._tick)  # type: ignore[assignment]
        ready()
        await self._stopped.wait()
        server.close()
        for timer in (self._tick_timer, self._due_timer):
            if timer is not None:
                timer.cancel()
        for session in list(self._sessions):
            session.close()
        if self._owns_folder():
            socket_path(self._home).unlink(missing_ok=True)
        if self._failure is not None:
            sys.stderr.write(f"simulated venues: {self._failure}\n")
            return 1
        self._house.save_market()
        self._house.compact()
        self._store.close()
        return 0

    def _session(self) -> Session:
        return Session(
            self._house,
            self._table,
            self._info,
            self._now_ns,
            self._schedule_due,
            self._sessions,
        )

    def _info(self, request_id: int) -> wire.Info:
        return wire.Info(
            id=request_id,
            pid=os.getpid(),
            digest=self._settings.digest(),
            started_ns=self._started_ns,
            first_ns=self._house.first_ns,
            venues=self._house.venues,
            faults={} if self._house.faults is None else self._house.faults.counts(),
        )

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        self._tick_timer = loop.call_later(self._settings.tick_ms / 1_000.0, self._tick)
        now_ns = self._now_ns()
        self._house.let_faults_begin(now_ns)
        batch = self._house.step(now_ns)
        self._house.on_batch(batch, now_ns)
        self._show(batch)
        self._house.let_leader_act(now_ns, self._quote_of)
        self._house.deliver_due(now_ns)
        self._schedule_due()
        now_s = loop.time()
        if now_s - self._saved_s >= _SAVE_MARKET_S:
            self._saved_s = now_s
            if not self._owns_folder():
                self._failure = f"the data folder {self._home} was removed"
                self._stopped.set()
                return
            # Neither is needed for the books to be right: a full disk ends only what must be kept.
            with contextlib.suppress(StorageUnavailable):
                self._house.save_market()
                self._house.compact_if_large()

    def _show(self, batch: Any) -> None:
        """Put a batch into the table and send it to whoever listens."""
        at_ns = batch.at_ns
        if self._house.faults is not None:
            batch, at_ns = self._house.faults.shown(batch, self._now_ns())
        rows = batch.rows
        table = self._table
        for name in ("bid", "ask", "bid_size", "ask_size"):
            table[name][rows] = getattr(batch, name)
        table["at_ns"][rows] = at_ns
        now_s = asyncio.get_running_loop().time()
        if not len(rows) and now_s - self._last_sent_s < _HEARTBEAT_S:
            return
        self._last_sent_s = now_s
        listeners = [session for session in self._sessions if session.wants_quotes]
        if listeners:
            framed = wire.frame(wire.QUOTES, table[rows].tobytes())
            for session in listeners:
                session.send_quotes(rows, framed)

    def _quote_of(self, instrument: InstrumentId) -> tuple[float, float] | None:
        """What is shown now; nothing of a market that is closed."""
        if not self._house.trades(instrument, self._now_ns()):
            return None
        shown = self._table[self._house.row_of[instrument]]
        bid, ask = float(shown["bid"]), float(shown["ask"])
        return (bid, ask) if 0.0 < bid < ask else None

    def _schedule_due(self) -> None:
        """Wake up when the next message arrives or leaves."""
        due_ns = self._house.next_due_ns
        if self._due_timer is not None:
            self._due_timer.cancel()
            self._due_timer = None
        if due_ns is not None:
            delay = max(due_ns - self._now_ns(), 0) / NS_PER_S
            self._due_timer = asyncio.get_running_loop().call_later(delay, self._deliver_due)

    def _deliver_due(self) -> None:
        self._due_timer = None
        self._house.deliver_due(self._now_ns())
        self._schedule_due()

    def _on_failure(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """End at the first failure nobody caught: what is on disk is right, what follows may not."""
        error = context.get("exception")
        if isinstance(error, ConnectionError):
            return
        # Nobody may be told anything of a state that could not be stored.
        for session in list(self._sessions):
            session.abort()
        known = isinstance(error, ArbiterError)
        self._failure = str(error) if known else f"{context.get('message')}: {error!r}"
        self._stopped.set()


def main(arguments: list[str] | None = None) -> int:
    """Run the process; exit code 0 clean, 1 failed, 2 wrong arguments, 3 already running."""
    parser = argparse.ArgumentParser(prog="arbiter.venues.sim.server", description=__doc__)
    parser.add_argument("--home", type=Path, required=True, help="the engine's data folder")
    parser.add_argument("--config", default="{}", help="settings as JSON")
    parser.add_argument("--ready-fd", type=int, help="written to and closed once serving")
    options = parser.parse_args(arguments)
    if os.getsid(0) != os.getpid() and os.getpgrp() != os.getpid():
        os.setsid()
    use_wide_context()
    home: Path = options.home
    sim_folder(home).mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = ServerLock(lock_path(home))
    if not lock.acquire():
        sys.stderr.write(f"simulated venues already run in {home}\n")
        return 3
    try:
        settings = SimSettings.from_json(options.config)
        return uvloop.run(_serve(home, settings, options.ready_fd, lock.still_ours))
    except ArbiterError as error:
        sys.stderr.write(f"simulated venues: {error}\n")
        return 1
    finally:
        lock.release()


async def _serve(
    home: Path, settings: SimSettings, ready_fd: int | None, owns_folder: Callable[[], bool]
) -> int:
    server = SimServer(home, settings, owns_folder)

    def ready() -> None:
        if ready_fd is not None:
            os.write(ready_fd, b"ready\n")
            os.close(ready_fd)

    return await server.run(ready)


if __name__ == "__main__":
    sys.exit(main())
