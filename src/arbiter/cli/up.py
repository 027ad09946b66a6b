"""`arbiter up`."""

import os
import signal
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from arbiter.cli.options import ConfigFile, HomeFolder, load_settings
from arbiter.cli.output import note

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Coroutine, Mapping

    from arbiter.app.config import Loaded, Settings
    from arbiter.app.running import Running
    from arbiter.runtime.queries import Queries

PARTS = {
    "spot": ("spot.enabled", "listen.spot_enabled"),
    "funding": ("funding.enabled",),
    "events": ("events.enabled",),
    "copy": ("copying.enabled",),
    "agents": ("agents.enabled", "listen.agents_enabled"),
    "desk": ("listen.desk_enabled",),
    "control": ("listen.control_enabled",),
    "ops": ("listen.ops_enabled",),
}
"""What `--only` can name, and the settings that switch it."""


def up(
    mode: Annotated[
        str | None, typer.Option(help="sim (the default), replay, paper or live.")
    ] = None,
    data: Annotated[
        list[Path] | None,
        typer.Option("--data", metavar="FILE", help="Replay: Parquet of quotes; repeatable."),
    ] = None,
    speed: Annotated[str, typer.Option(help="Replay: times as fast as recorded, or max.")] = "1",
    config: ConfigFile = None,
    only: Annotated[
        str | None, typer.Option(metavar="PART,…", help=f"Run only these: {', '.join(PARTS)}.")
    ] = None,
    view: Annotated[
        bool | None, typer.Option("--view/--no-view", help="Live view, or log lines on stderr.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the simulated market.")] = None,
    home: HomeFolder = None,
) -> None:
    """Start the engine; Ctrl-C stops it in order, a second one at once."""
    flags: dict[str, tuple[str, Any]] = dict(_switches(only))
    if mode is not None:
        flags["engine.mode"] = ("--mode", mode)
    if seed is not None:
        flags["sim.seed"] = ("--seed", seed)
    loaded = load_settings(config, home, flags)
    show = sys.stdout.isatty() if view is None else view
    pace = _replay_speed(loaded.settings, data or [], speed)
    if data:
        rehearse = partial(_rehearse, loaded, data, pace, show=show)
        raise typer.Exit(_begin(loaded.settings, rehearse, show))
    raise typer.Exit(_begin(loaded.settings, partial(_serve, loaded.settings, show=show), show))


def _replay_speed(settings: "Settings", data: list[Path], speed: str) -> float | None:
    """Check what belongs to a replay and give its speed; None is as fast as it goes."""
    from arbiter.model.errors import BadConfig

    if (settings.engine.mode == "replay") != bool(data):
        raise BadConfig("--mode replay and --data FILE belong together")
    if speed == "max":
        return None
    try:
        pace = float(speed)
    except ValueError:
        pace = 0.0
    if not 0 < pace < 1e9:
        raise BadConfig(f"--speed {speed}: give a number above 0, or max")
    return pace


def _switches(only: str | None) -> list[tuple[str, tuple[str, bool]]]:
    if only is None:
        return []
    from arbiter.app.config_schema import closest
    from arbiter.model.errors import BadConfig

    wanted = [name.strip() for name in only.split(",")]
    for name in wanted:
        if name not in PARTS:
            near = closest(name, list(PARTS))
            hint = f"; did you mean {near}?" if near else f"; there are {', '.join(PARTS)}"
            raise BadConfig(f"--only: {name!r} is no part of the engine{hint}")
    return [(path, ("--only", name in wanted)) for name, paths in PARTS.items() for path in paths]


def _begin(settings: "Settings", work: "Callable[[], Coroutine[Any, Any, int]]", show: bool) -> int:
    import asyncio

    import uvloop

    from arbiter.app import logs

    settings.home.prepare()
    log_file = settings.home.logs / "arbiter.log" if show else None
    logs.configure(settings.logging, log_file)
    note(f"arbiter is starting in {settings.home.root}")
    if log_file is not None:
        note(f"log: {log_file}")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work())


async def _rehearse(loaded: "Loaded", data: list[Path], speed: float | None, *, show: bool) -> int:
    """Replay, then tell what it made in the words of a backtest."""
    import asyncio

    from arbiter.app.replay import run_replay
    from arbiter.backtest.report import make_report
    from arbiter.cli.backtest import tell
    from arbiter.cli.view import LiveView

    stop = asyncio.Event()
    _stop_on_signals(stop)
    views: list[asyncio.Task[None]] = []

    def ready(queries: "Queries") -> None:
        if show:
            view = LiveView(queries, {})
            views.append(asyncio.create_task(view.run(stop), name="live view"))

    finished = await run_replay(
        loaded, data, speed=speed, stop=stop, environment=os.environ, on_ready=ready
    )
    for view in views:
        view.cancel()
    await asyncio.gather(*views, return_exceptions=True)
    if finished is None:
        note("the replay was stopped before its end")
    else:
        tell(make_report(finished))
    return 0


async def _serve(settings: "Settings", *, show: bool) -> int:
    import asyncio

    from arbiter.app.bootstrap import run_engine
    from arbiter.cli.view import LiveView

    stop = asyncio.Event()
    _stop_on_signals(stop)
    views: list[asyncio.Task[None]] = []

    def ready(running: "Running") -> None:
        for line in _where(settings, running):
            note(line)
        if show:
            view = LiveView(running.queries, running.listeners)
            views.append(asyncio.create_task(view.run(stop), name="live view"))

    environment = _with_passphrase(settings)
    code = await run_engine(settings, stop=stop, environment=environment, on_ready=ready)
    for view in views:
        view.cancel()
    await asyncio.gather(*views, return_exceptions=True)
    note("arbiter has stopped" if code == 0 else "arbiter stopped after a failure; see the log")
    return code


def _with_passphrase(settings: "Settings") -> "Mapping[str, str]":
    """Ask at the terminal for the passphrase of the venues' keys, where one is needed."""
    from arbiter.app.config_sections import Mode
    from arbiter.app.venue_credentials import PASSPHRASE, from_environment, stored_venues

    if settings.engine.mode is not Mode.LIVE or PASSPHRASE in os.environ:
        return os.environ
    unset = {v for v in settings.venues.venues() if from_environment(v, os.environ) is None}
    if not unset & stored_venues(settings.home) or not sys.stdin.isatty():
        return os.environ
    import getpass

    return {**os.environ, PASSPHRASE: getpass.getpass("passphrase of the venues' keys: ")}


def _where(settings: "Settings", running: "Running") -> list[str]:
    """Where everything listens."""
    lines = [f"  {name:<9} {' '.join(urls)}" for name, urls in running.listeners.items()]
    return ["arbiter is running:", *lines, f"  control   {settings.home.control_socket}"]


def _stop_on_signals(stop: "asyncio.Event") -> None:
    import asyncio

    loop = asyncio.get_running_loop()

    def asked() -> None:
        if stop.is_set():
            # A kill at any moment is a supported way to stop: the next start recovers.
            sys.stderr.write("\x1b[?25hstopped at once; the next start recovers\n")
            sys.stderr.flush()
            os._exit(130)
        note("stopping: no new trades, open legs are being resolved (again: stop at once)")
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, asked)
