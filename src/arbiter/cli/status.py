"""`arbiter status`."""

from typing import Any

import typer

from arbiter.cli.options import ConfigFile, HomeFolder, Json, load_settings
from arbiter.cli.output import emit, emit_json


def status(config: ConfigFile = None, home: HomeFolder = None, as_json: Json = False) -> None:
    """Say whether the engine runs, and how it is. Exit 1 when it does not run."""
    from arbiter.app import kill_file
    from arbiter.app.control_socket import ControlClient, NotRunning

    folder = load_settings(config, home).settings.home
    try:
        facts = ControlClient(folder.control_socket).call("status")
    except NotRunning:
        order = kill_file.read(folder.kill_file)
        killed = None if order is None else order.reason
        if as_json:
            emit_json({"running": False, "home": str(folder.root), "kill_file": killed})
        else:
            emit(f"no engine is running on {folder.root}")
            if killed is not None:
                emit(f"it will start stopped: {killed} ({folder.kill_file})")
        raise typer.Exit(1) from None
    if as_json:
        emit_json({"running": True, **facts})
    else:
        for line in _lines(facts):
            emit(line)


def _lines(facts: Any) -> list[str]:
    switch = facts["kill_switch"]
    state = "recovering"
    if facts["ready"]:
        state = "trading"
    if switch["engaged"]:
        state = f"STOPPED by {switch['actor']}: {switch['reason']}"
    if facts["stopping"]:
        state = "stopping"
    connected = [venue["venue"] for venue in facts["venues"] if venue["connected"]]
    lost = [venue["venue"] for venue in facts["venues"] if not venue["connected"]]
    uptime = (facts["now_ns"] - facts["started_ns"]) // 1_000_000_000
    lines = [
        f"engine       {state}, mode {facts['mode']}, up {uptime} s",
        f"exchanges    {', '.join(connected) or 'none connected'}",
        f"quotes       {facts['quotes_total']}",
        f"trades       {facts['trades_today']} today, {len(facts['open_trades'])} open",
        f"PnL          {_cents(facts['pnl_today'])} today, {_cents(facts['pnl_total'])} in all",
    ]
    if facts.get("idle") and not switch["engaged"]:
        lines.insert(1, f"not running  {', '.join(facts['idle'])}")
    if lost:
        lines.insert(-3, f"not reached  {', '.join(lost)}")
    if not facts["journal_healthy"]:
        lines.append("database     does not answer; nothing is opened until it does")
    return lines


def _cents(amount: str) -> str:
    from decimal import Decimal

    return f"{Decimal(amount):+.2f}"
