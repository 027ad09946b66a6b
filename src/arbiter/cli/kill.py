"""`arbiter kill` and `arbiter resume`: they must work when nothing else does."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from arbiter.cli.options import ConfigFile, HomeFolder, Json, home_for_kill, load_settings
from arbiter.cli.output import emit, emit_json, note

if TYPE_CHECKING:
    from arbiter.app.home import Home

ANSWER_S = 20.0
"""An engine proves every venue flat, or not, within this."""


def kill(
    reason: Annotated[
        str, typer.Option(help="Kept with the latch and in the audit log.")
    ] = "arbiter kill",
    flatten: Annotated[
        bool, typer.Option("--flatten", help="Also close every open position.")
    ] = False,
    config: ConfigFile = None,
    home: HomeFolder = None,
    as_json: Json = False,
) -> None:
    """Stop everything now: cancel all orders and open nothing until `arbiter resume`."""
    from arbiter.app.actor import os_actor
    from arbiter.app.control_socket import ControlClient, NotRunning
    from arbiter.app.kill_file import KillOrder
    from arbiter.model.errors import ArbiterError

    folder, problem = home_for_kill(config, home)
    if problem is not None:
        note(f"warning: the configuration is broken, using {folder.root}: {problem}")
    actor = os_actor()
    order = KillOrder(actor=actor, reason=reason, flatten=flatten, at_ns=time.time_ns())
    written = _write(folder, order)
    arguments = {"actor": actor, "reason": reason, "flatten": flatten}
    try:
        report = ControlClient(folder.control_socket).call("kill", arguments, timeout_s=ANSWER_S)
    except NotRunning:
        if not written:
            raise typer.Exit(1) from None
        _tell_stopped(folder.kill_file, as_json)
        return
    except ArbiterError as error:
        note(f"error: {error}")
        if written:
            note(f"the kill file {folder.kill_file} stands: the engine opens nothing")
        raise typer.Exit(1) from None
    _tell(report, as_json, flatten)


def resume(config: ConfigFile = None, home: HomeFolder = None, as_json: Json = False) -> None:
    """Release the kill switch, so that trading may start again."""
    from arbiter.app import kill_file
    from arbiter.app.actor import os_actor
    from arbiter.app.control_socket import ControlClient, NotRunning

    loaded = load_settings(config, home)
    folder = loaded.settings.home
    removed = kill_file.remove(folder.kill_file)
    actor = os_actor()
    try:
        ControlClient(folder.control_socket).call("resume", {"actor": actor}, timeout_s=ANSWER_S)
        running = True
    except NotRunning:
        import asyncio

        asyncio.run(_release(loaded.settings, actor))
        running = False
    if as_json:
        emit_json({"resumed": True, "engine_running": running, "kill_file_removed": removed})
    else:
        emit("the kill switch is released" + ("" if running else "; the engine is not running"))


def _write(folder: "Home", order: Any) -> bool:
    """Write the kill file; a failure must not keep the engine from being told."""
    from arbiter.app import kill_file
    from arbiter.model.errors import StorageUnavailable

    try:
        kill_file.write(folder.kill_file, order)
    except StorageUnavailable as error:
        note(f"error: {error}")
        return False
    return True


async def _release(settings: Any, actor: str) -> None:
    from arbiter.app.offline import offline
    from arbiter.model.commands import ReleaseKillSwitch
    from arbiter.model.ids import Actor

    async with offline(settings) as desk:
        if desk.ledger.kill_switch.engaged:
            await desk.bus.execute(ReleaseKillSwitch(actor=Actor(actor)))


def _tell_stopped(file: Path, as_json: bool) -> None:
    if as_json:
        emit_json({"engine_running": False, "kill_file": str(file), "report": None})
        return
    emit(f"the engine is not running; {file} keeps it from opening anything when it starts")
    emit("no venue was asked: orders left there by a crash are looked after at the next start")


def _tell(report: Any, as_json: bool, flatten: bool) -> None:
    """Print what each venue said; exit 1 unless every one is proven flat."""
    venues = report["venues"]
    flat = [venue for venue in venues if _is_flat(venue)]
    if as_json:
        emit_json({"engine_running": True, "flat": len(flat) == len(venues), "report": report})
    else:
        emit("the kill switch is engaged; nothing is opened until: arbiter resume")
        if not report["durable"]:
            note(
                "warning: the database does not answer; the latch holds in memory and by the kill file"
            )
        for venue in venues:
            emit(f"  {venue['venue']}: {_state(venue)}")
        if not flatten and any(map(_may_close, venues)):
            emit("positions stay as they are; close them with: arbiter kill --flatten")
    if len(flat) != len(venues):
        raise typer.Exit(1)


def _is_flat(venue: Any) -> bool:
    left = venue["open_orders"] or venue["unhedged"] or venue["positions"]
    return bool(venue["reachable"] and not left)


def _may_close(venue: Any) -> bool:
    """Whether there are positions that an order could close; of dust, its text says what ends it."""
    return len(venue["positions"]) > len(venue["dust"])


def _state(venue: Any) -> str:
    if not venue["reachable"]:
        return f"NOT PROVEN FLAT: {venue['note']}"
    if _is_flat(venue):
        return "flat: no open orders, nothing unhedged, no open position"
    left = [f"order {order}" for order in venue["open_orders"]] + list(venue["unhedged"])
    left += [f"position {position}" for position in venue["positions"]]
    return f"NOT FLAT: {', '.join(left)}"
