"""`arbiter db`."""

from typing import Any

import typer

from arbiter.cli.options import ConfigFile, HomeFolder, Json, load_settings
from arbiter.cli.output import emit, emit_json, note

app = typer.Typer(help="The database.", no_args_is_help=True)


@app.command("upgrade")
def upgrade(config: ConfigFile = None, home: HomeFolder = None) -> None:
    """Bring the database to this version's schema; `arbiter up` does so by itself."""
    import asyncio

    emit(f"schema {asyncio.run(_upgrade(load_settings(config, home).settings))}")


@app.command("verify")
def verify(config: ConfigFile = None, home: HomeFolder = None, as_json: Json = False) -> None:
    """Compare every table with the journal it came from; exit 1 if any differs."""
    import asyncio

    note("reading the whole journal")
    found = asyncio.run(_verify(load_settings(config, home).settings))
    if as_json:
        emit_json({"differences": found})
    elif not found:
        emit("every table agrees with the journal")
    for difference in [] if as_json else found:
        emit(str(difference))
    if found:
        note("`arbiter db rebuild` makes the tables anew from the journal")
        raise typer.Exit(1)


@app.command("rebuild")
def rebuild(config: ConfigFile = None, home: HomeFolder = None) -> None:
    """Make every table anew from the journal. The engine must be stopped."""
    import asyncio

    note("reading the whole journal")
    events = asyncio.run(_rebuild(load_settings(config, home).settings))
    emit(f"made anew from {events} events")


async def _upgrade(settings: Any) -> str:
    from arbiter.app.database_access import open_database
    from arbiter.storage import migrate

    async with open_database(settings):
        return migrate.newest()


async def _verify(settings: Any) -> list[Any]:
    from arbiter.app.database_access import database_address
    from arbiter.storage import rebuild as journal

    async with database_address(settings) as url:
        return list(await journal.verify(url))


async def _rebuild(settings: Any) -> int:
    from arbiter.app.database_access import database_address
    from arbiter.storage import rebuild as journal

    async with database_address(settings) as url:
        return await journal.rebuild(url)
