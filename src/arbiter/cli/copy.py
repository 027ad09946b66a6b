"""`arbiter copy`."""

from typing import Annotated, Any

import typer

from arbiter.cli.options import ConfigFile, HomeFolder, Json, load_settings
from arbiter.cli.output import emit, emit_json, emit_table

app = typer.Typer(help="Copy the trades of chosen wallets.", no_args_is_help=True)

Subscription = Annotated[str, typer.Argument(help="The subscription's id, or its beginning.")]
COLUMNS = (
    "id",
    "venue",
    "wallet",
    "multiplier",
    "max_position_size",
    "enabled",
    "fills",
    "total_pnl",
    "status",
)
_SHORT = 13


@app.command("list")
def list_copies(config: ConfigFile = None, home: HomeFolder = None, as_json: Json = False) -> None:
    """List every subscription with what it holds and made; money in USD."""
    rows = _rows(load_settings(config, home).settings)
    if as_json:
        emit_json(rows)
    else:
        emit_table(COLUMNS, ([_cell(row, name) for name in COLUMNS] for row in rows))


@app.command("add")
def add(
    wallet: Annotated[str, typer.Argument(help="The leader's public address, 0x….")],
    venue: Annotated[str, typer.Option(help="polymarket or hyperliquid.")] = "polymarket",
    multiplier: Annotated[str, typer.Option(help="Our size per unit of the leader's.")] = "1",
    max_position_size: Annotated[str, typer.Option(help="Most one copy may cost, USD.")] = "100",
    config: ConfigFile = None,
    home: HomeFolder = None,
) -> None:
    """Copy a wallet's trades from now on."""
    settings = load_settings(config, home).settings
    made = _change(
        settings,
        "copy_add",
        {
            "wallet": wallet,
            "venue": venue,
            "multiplier": multiplier,
            "max_position_size": max_position_size,
        },
    )
    emit(made)


@app.command("remove")
def remove(subscription: Subscription, config: ConfigFile = None, home: HomeFolder = None) -> None:
    """Copy a wallet no longer; what was copied stays."""
    settings = load_settings(config, home).settings
    found = _find(settings, subscription)
    _change(settings, "copy_remove", {"id": found})
    emit(f"{found} is removed; its positions stay")


@app.command("enable")
def enable(subscription: Subscription, config: ConfigFile = None, home: HomeFolder = None) -> None:
    """Open copies again; what the leader opened meanwhile is not copied."""
    _switch(subscription, config, home, enabled=True)


@app.command("disable")
def disable(subscription: Subscription, config: ConfigFile = None, home: HomeFolder = None) -> None:
    """Open no more copies; exits of what was copied go on."""
    _switch(subscription, config, home, enabled=False)


def _switch(subscription: str, config: Any, home: Any, *, enabled: bool) -> None:
    settings = load_settings(config, home).settings
    found = _find(settings, subscription)
    _change(settings, "copy_switch", {"id": found, "enabled": enabled})
    emit(f"{found} is {'enabled' if enabled else 'disabled'}")


def _cell(row: dict[str, Any], name: str) -> str:
    value = row[name]
    if name == "id":
        return str(value)[:_SHORT]
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def _find(settings: Any, beginning: str) -> str:
    from arbiter.model.errors import NotFound

    found = [row["id"] for row in _rows(settings) if row["id"].startswith(beginning.lower())]
    if len(found) != 1:
        how = "no subscription begins" if not found else f"{len(found)} subscriptions begin"
        raise NotFound(f"{how} with {beginning!r}; list them: arbiter copy list")
    return str(found[0])


def _change(settings: Any, call: str, arguments: dict[str, Any]) -> str:
    """Ask the running engine, else change the ledger at rest."""
    import asyncio

    from arbiter.app.actor import os_actor
    from arbiter.app.control_socket import ControlClient, NotRunning

    told = {**arguments, "actor": os_actor()}
    try:
        return str(ControlClient(settings.home.control_socket).call(call, told) or "")
    except NotRunning:
        return asyncio.run(_change_offline(settings, call, told))


async def _change_offline(settings: Any, call: str, told: dict[str, Any]) -> str:
    from arbiter.app.copying_calls import command_of
    from arbiter.app.offline import offline

    command = command_of(call, told)
    async with offline(settings) as desk:
        await desk.bus.execute(command)
    return str(command.id)


def _rows(settings: Any) -> list[dict[str, Any]]:
    import asyncio

    from arbiter.app.control_socket import ControlClient, NotRunning

    try:
        rows: list[dict[str, Any]] = ControlClient(settings.home.control_socket).call(
            "copy_list", {}
        )
    except NotRunning:
        rows = asyncio.run(_rows_at_rest(settings))
    return rows


async def _rows_at_rest(settings: Any) -> list[dict[str, Any]]:
    from arbiter.app.copying_calls import rows_at_rest
    from arbiter.app.database_access import open_database

    async with open_database(settings) as engine:
        return await rows_at_rest(engine)
