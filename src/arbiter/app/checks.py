"""What must hold before trading, one check each, with its mend.

A check answers with a `Check`; what it raises (`ArbiterError`, `OSError`) counts as failed with
the error's own words. Nothing is left running that did not run before.
"""

import asyncio
import os
import shutil
import socket
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

from arbiter.api.common import listen
from arbiter.app import kill_file
from arbiter.app.checks_kinds import Check, Verdict, bad, ok, warn
from arbiter.app.config import Settings
from arbiter.app.config_sections import Mode
from arbiter.app.control_socket import ControlClient
from arbiter.app.database_access import open_database
from arbiter.app.rate_checks import check_usd_rates
from arbiter.app.venue_checks import check_venues
from arbiter.model.errors import ArbiterError, BadConfig, Conflict
from arbiter.storage import migrate
from arbiter.storage.instance_lock import InstanceLock

__all__ = ["Check", "Verdict", "bad", "ok", "run_checks", "warn"]

OLDEST_PYTHON = (3, 11)
DISK_WARNING = 2 * 1024**3
DISK_FAILURE = 200 * 1024**2
RELEASED = datetime(2025, 6, 1, tzinfo=UTC)
"""No correct clock shows an earlier time."""


async def run_checks(settings: Settings, tell: Callable[[str], None]) -> list[Check]:
    """Every check in order; `tell` hears which one is under way."""
    steps: list[tuple[str, Callable[[Settings], Awaitable[Check]]]] = [
        ("python", check_python),
        ("data folder", check_home),
        ("disk", check_disk),
        ("clock", check_clock),
        ("kill switch", check_kill_file),
        ("ports", check_ports),
        ("USD rates", check_usd_rates),
        ("kernels", check_kernels),
        ("database", check_database),
    ]
    if settings.engine.mode in (Mode.SIM, Mode.REPLAY):
        steps.append(("simulated venues", check_sim))
    checks = [await _guarded(name, check, settings, tell) for name, check in steps]
    return [*checks, *await check_venues(settings, tell)]


async def _guarded(
    name: str,
    check: Callable[[Settings], Awaitable[Check]],
    settings: Settings,
    tell: Callable[[str], None],
) -> Check:
    tell(name)
    try:
        return await check(settings)
    except ArbiterError as error:
        return bad(name, str(error))
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return bad(name, f"{where}{error.strerror or error}")


async def check_python(_: Settings) -> Check:
    shown = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info[:2] < OLDEST_PYTHON:
        return bad("python", shown, "install Python 3.11 or later and run: make setup")
    return ok("python", shown)


async def check_home(settings: Settings) -> Check:
    home = settings.home
    home.prepare()
    probe = home.run / f".doctor-{os.getpid()}"
    try:
        probe.write_bytes(b"x")
    finally:
        probe.unlink(missing_ok=True)
    return ok("data folder", f"{home.root} is writable and closed to others")


async def check_disk(settings: Settings) -> Check:
    free = shutil.disk_usage(settings.home.root).free
    shown = f"{free / 1024**3:.1f} GB free on the disk of {settings.home.root}"
    mend = "free space, or move the data folder (ARBITER_HOME)"
    if free < DISK_FAILURE:
        return bad("disk", shown, mend)
    return warn("disk", shown, mend) if free < DISK_WARNING else ok("disk", shown)


async def check_clock(settings: Settings) -> Check:
    now = datetime.now(UTC)
    mend = "set the system clock (timedatectl set-ntp true)"
    if now < RELEASED:
        return bad("clock", f"the system clock shows {now:%Y-%m-%d %H:%M} UTC", mend)
    ahead = _newest_change(settings.home.logs) - time.time()
    if ahead > 60:
        return warn("clock", f"files in the data folder are {ahead:.0f} s in the future", mend)
    return ok("clock", f"{now:%Y-%m-%d %H:%M:%S} UTC")


def _newest_change(folder: Path) -> float:
    return max((entry.stat().st_mtime for entry in os.scandir(folder)), default=0.0)


async def check_kill_file(settings: Settings) -> Check:
    order = kill_file.read(settings.home.kill_file)
    if order is None:
        return ok("kill switch", "no kill file")
    return warn(
        "kill switch",
        f"the kill file stands ({order.actor}: {order.reason}); the engine will open nothing",
        "arbiter resume",
    )


async def check_ports(settings: Settings) -> Check:
    listeners = _listeners(settings)
    if not listeners:
        return ok("ports", "no listener is enabled")
    shown = ", ".join(f"{port} ({name})" for name, _, port in listeners)
    if ControlClient(settings.home.control_socket).answers():
        return ok("ports", f"{shown} belong to the running engine")
    held: list[socket.socket] = []
    try:
        for name, host, port in listeners:
            held += listen.bind(host, port, setting=f"listen.{name}_port")
    except Conflict as error:
        return bad("ports", str(error), "end the other program or choose another port")
    except BadConfig as error:
        return bad("ports", str(error))
    finally:
        for opened in held:
            opened.close()
    return ok("ports", f"{shown} free")


def _listeners(settings: Settings) -> list[tuple[str, str, int]]:
    """Name, host and port of every listener that is enabled."""
    section = settings.listen.model_dump()
    names = [key.removesuffix("_port") for key in section if key.endswith("_port")]
    return [
        (name, section[f"{name}_host"], section[f"{name}_port"])
        for name in names
        if section[f"{name}_enabled"]
    ]


async def check_kernels(_: Settings) -> Check:
    from arbiter.kernels.warm import warm

    began = time.perf_counter()
    names = await asyncio.to_thread(warm)
    return ok("kernels", f"{', '.join(names)} ready in {time.perf_counter() - began:.1f} s")


async def check_database(settings: Settings) -> Check:
    from sqlalchemy import func, select, text

    from arbiter.storage.database import reading
    from arbiter.storage.schema import EVENTS, KILL_SWITCH

    async with open_database(settings) as engine, reading(engine) as connection:
        server = (await connection.execute(text("SHOW server_version"))).scalar_one()
        newest = (await connection.execute(select(func.max(EVENTS.c.at_ns)))).scalar_one()
        latched = (await connection.execute(select(KILL_SWITCH.c.engaged))).scalar_one_or_none()
    kind = "external" if settings.database.url.get_secret_value() else "embedded"
    detail = f"{kind} PostgreSQL {server}, schema {migrate.newest()}"
    if newest is not None and newest > time.time_ns() + 60 * 1_000_000_000:
        return bad("database", f"{detail}; its last event is in the future", "set the system clock")
    if latched:
        return warn("database", f"{detail}; the kill switch is engaged", "arbiter resume")
    return ok("database", detail)


async def check_sim(settings: Settings) -> Check:
    from arbiter.model.errors import TryAgain
    from arbiter.venues.sim.probe import Probe
    from arbiter.venues.sim.spawn import ensure_running

    home, wanted = settings.home.root, settings.sim.record()
    try:
        with Probe(home) as probe:
            names = ", ".join(probe.info().venues)
        return ok("simulated venues", f"{names} answer")
    except TryAgain:
        if InstanceLock(home).holder() is not None:
            raise
    handle = await asyncio.to_thread(ensure_running, home, wanted)
    try:
        truths = await asyncio.to_thread(handle.truth)
    finally:
        await asyncio.to_thread(handle.stop)
    return ok("simulated venues", f"{', '.join(truths)} start and answer")
