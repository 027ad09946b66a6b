"""Start the simulated venues of a data folder, or adopt those that already run.

Starting blocks, for about a second: call it before the loop, or in a thread.
"""

import asyncio
import contextlib
import os
import random
import select
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from arbiter.model.errors import (
    Conflict,
    OutcomeUnknown,
    StorageUnavailable,
    TryAgain,
    VenueUnreachable,
)
from arbiter.model.ids import VenueId
from arbiter.venues.common.backoff import Backoff
from arbiter.venues.sim.paths import log_path, sim_folder
from arbiter.venues.sim.probe import Probe, VenueTruth, truth
from arbiter.venues.sim.settings import SimSettings

_SERVER = "arbiter.venues.sim.server"
START_S = 60.0
STOP_S = 30.0


class SimHandle(msgspec.Struct, frozen=True, kw_only=True):
    """A running set of simulated venues."""

    home: Path
    pid: int
    adopted: bool
    """It ran before we asked."""
    first_ns: int
    """When these venues were first started."""

    def alive(self) -> bool:
        """Ask the process itself."""
        try:
            with Probe(self.home) as probe:
                return probe.info().pid == self.pid
        except (VenueUnreachable, OutcomeUnknown):
            return False

    def truth(self) -> dict[VenueId, VenueTruth]:
        return truth(self.home)

    def stop(self) -> None:
        """End it cleanly and wait for its end; nothing happens when it already has ended.

        Also what was started in its place since, and whether or not it answers just now.
        """
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals) -> None:
        answering = _running(self.home)
        for pid in {self.pid} if answering is None else {self.pid, answering[0]}:
            if _serves(pid, self.home):
                _signal_and_wait(pid, number)
            _reap(pid)


def ensure_running(home: Path, settings: SimSettings) -> SimHandle:
    """Give the venues of `home`, running with these settings.

    Those that run with others are restarted: their books stay as they are.
    """
    running = _running(home)
    if running is not None:
        if running[1] == settings.digest():
            return SimHandle(home=home, pid=running[0], adopted=True, first_ns=running[2])
        SimHandle(home=home, pid=running[0], adopted=True, first_ns=running[2]).stop()
    _start(home, settings)
    started = _running(home)
    if started is None or started[1] != settings.digest():
        raise Conflict(
            f"the simulated venues in {home} run with other settings; stop whoever started them"
        )
    return SimHandle(home=home, pid=started[0], adopted=False, first_ns=started[2])


async def keep_running(
    home: Path, settings: SimSettings, handle: SimHandle, draw: Callable[[], float] = random.random
) -> None:
    """Start the venues again whenever their process ends; returns only when cancelled."""
    while True:
        await _ended(handle.pid)
        _reap(handle.pid)
        ended, backoff = handle.pid, Backoff(draw, first_s=0.2, longest_s=10.0)
        while handle.pid == ended:
            await asyncio.sleep(backoff.delay_s())
            starting = asyncio.ensure_future(asyncio.to_thread(ensure_running, home, settings))
            with contextlib.suppress(TryAgain, Conflict):
                try:
                    handle = await asyncio.shield(starting)
                finally:
                    if not starting.done():  # cancelled: whoever stops the venues must find them
                        await asyncio.wait([starting])


async def _ended(pid: int) -> None:
    """Wait for the end of a process, ours or not."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(descriptor, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


def _running(home: Path) -> tuple[int, str, int] | None:
    """Give process id, settings digest and first start of those that answer."""
    try:
        with Probe(home) as probe:
            info = probe.info()
    except (VenueUnreachable, OutcomeUnknown):
        return None
    return info.pid, info.digest, info.first_ns


def _start(home: Path, settings: SimSettings) -> None:
    """Start the process in a session of its own and wait until it says that it serves."""
    try:
        sim_folder(home).mkdir(mode=0o700, parents=True, exist_ok=True)
        log = os.open(log_path(home), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    except OSError as error:
        raise StorageUnavailable(f"{sim_folder(home)}: {error.strerror}") from error
    ready, tell = os.pipe()
    os.set_inheritable(tell, True)
    arguments = [
        sys.executable,
        "-m",
        _SERVER,
        "--home",
        str(home),
        "--config",
        settings.to_json(),
        "--ready-fd",
        str(tell),
    ]
    try:
        os.posix_spawn(
            sys.executable,
            arguments,
            dict(os.environ),
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, log, 1),
                (os.POSIX_SPAWN_DUP2, log, 2),
            ],
            setsid=True,
        )
        os.close(tell)
        tell = -1
        _await_ready(ready, home)
    finally:
        for descriptor in (ready, tell, log):
            if descriptor >= 0:
                os.close(descriptor)


def _await_ready(ready: int, home: Path) -> None:
    """Wait for the word, or for the pipe to close because the process has ended."""
    readable, _, _ = select.select([ready], [], [], START_S)
    if not readable:
        raise TryAgain(f"the simulated venues in {home} did not start within {START_S:g} s")
    if not os.read(ready, 16) and _running(home) is None:
        lines = log_path(home).read_text(errors="replace").strip().splitlines()
        last = lines[-1] if lines else "no output"
        raise TryAgain(
            f"the simulated venues in {home} ended at start: {last} (see {log_path(home)})"
        )


def _serves(pid: int, home: Path) -> bool:
    """Whether a process is the server of a folder: its number may be another's by now."""
    try:
        arguments = os.fsdecode(Path(f"/proc/{pid}/cmdline").read_bytes()).split("\0")
    except OSError:
        return False
    if _SERVER not in arguments or "--home" not in arguments[:-1]:
        return False
    return Path(arguments[arguments.index("--home") + 1]).resolve() == home.resolve()


def _signal_and_wait(pid: int, number: signal.Signals) -> None:
    """Signal one process and wait for its end, without polling and without mixing up pids."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        signal.pidfd_send_signal(descriptor, number)
        readable, _, _ = select.select([descriptor], [], [], STOP_S)
        if not readable:
            raise TryAgain(f"the simulated venues (process {pid}) did not end in {STOP_S:g} s")
    except ProcessLookupError:
        return
    finally:
        os.close(descriptor)


def _reap(pid: int) -> None:
    """Collect the exit status where the process is a child of ours."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
