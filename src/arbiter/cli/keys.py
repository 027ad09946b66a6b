"""`arbiter keys`."""

from typing import Annotated, Any

import typer

from arbiter.cli.options import ConfigFile, HomeFolder, Json, load_settings
from arbiter.cli.output import emit, emit_json, emit_table, note

app = typer.Typer(help="API keys for programs.", no_args_is_help=True)

KeyName = Annotated[str, typer.Argument(metavar="NAME", help="For example grafana.")]


@app.command("create")
def create(
    name: KeyName,
    role: Annotated[str, typer.Option("--role", help="viewer, trader or admin.")] = "viewer",
    config: ConfigFile = None,
    home: HomeFolder = None,
    as_json: Json = False,
) -> None:
    """Make a key and print it, this once: only its digest is kept."""
    import asyncio

    from arbiter.access.roles import parse_role

    wanted = parse_role(role)
    text = asyncio.run(_create(load_settings(config, home).settings, name, wanted))
    if as_json:
        emit_json({"name": name, "role": wanted.value, "key": text})
    else:
        note(f"the key {name} ({wanted}); it is not shown again:")
        emit(text)


@app.command("revoke")
def revoke(name: KeyName, config: ConfigFile = None, home: HomeFolder = None) -> None:
    """Revoke a key."""
    import asyncio

    asyncio.run(_revoke(load_settings(config, home).settings, name))
    emit(f"the key {name} is revoked")


@app.command("list")
def list_keys(config: ConfigFile = None, home: HomeFolder = None, as_json: Json = False) -> None:
    """List keys, revoked ones too."""
    import asyncio

    rows = asyncio.run(_list(load_settings(config, home).settings))
    if as_json:
        emit_json(rows)
    else:
        columns = ("name", "role", "created_at", "last_used_at", "revoked_at")
        cells = ([str(row[name] or "-") for name in columns] for row in rows)
        emit_table(columns, cells, "no keys yet")


async def _create(settings: Any, name: str, role: Any) -> str:
    from arbiter.app.actor import os_actor
    from arbiter.app.administration import administration

    async with administration(settings) as access:
        made = await access.create_key(os_actor(), name, role)
    return made.text


async def _revoke(settings: Any, name: str) -> None:
    from arbiter.app.actor import os_actor
    from arbiter.app.administration import administration

    async with administration(settings) as access:
        await access.revoke_key(os_actor(), name)


async def _list(settings: Any) -> list[dict[str, str | None]]:
    from arbiter.app.database_access import open_database
    from arbiter.model.time import rfc3339
    from arbiter.storage.access_store import PgAccessStore

    def moment(at_ns: int | None) -> str | None:
        return None if at_ns is None else rfc3339(at_ns)

    async with open_database(settings) as engine:
        keys = await PgAccessStore(engine).list_keys()
    return [
        {
            "name": key.name,
            "role": key.role.value,
            "created_at": moment(key.created_ns),
            "last_used_at": moment(key.last_used_ns),
            "revoked_at": moment(key.revoked_ns),
        }
        for key in keys
    ]
