"""`arbiter keys`: our own API keys (create, revoke) and those of venues (add, remove)."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from arbiter.cli.options import ConfigFile, HomeFolder, Json, load_settings
from arbiter.cli.output import emit, emit_json, emit_table, note

if TYPE_CHECKING:
    from arbiter.access.venue_keys import Credentials
    from arbiter.model.ids import VenueId

app = typer.Typer(help="API keys for programs, and the keys of venues.", no_args_is_help=True)

VenueName = Annotated[str, typer.Argument(metavar="VENUE", help="For example binance.")]
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


@app.command("add")
def add(
    venue: VenueName,
    from_stdin: Annotated[
        bool,
        typer.Option(
            "--stdin", help="Read JSON with the parts under ccxt's names: apiKey, secret …"
        ),
    ] = False,
    config: ConfigFile = None,
    home: HomeFolder = None,
) -> None:
    """Keep a venue's key, sealed with a passphrase; a key that may withdraw is refused later."""
    import os
    import time

    from arbiter.app.venue_credentials import PASSPHRASE, store_of

    settings = load_settings(config, home).settings
    name = _venue(venue)
    settings.home.prepare()
    credentials = _from_stdin(name) if from_stdin else _from_terminal(name)
    passphrase = os.environ.get(PASSPHRASE) or _new_passphrase(bool(store_of(settings.home).rows()))
    store_of(settings.home).add(name, credentials, passphrase, time.time_ns())
    emit(f"the key of {name} is kept; check it with: arbiter doctor")


@app.command("remove")
def remove(venue: VenueName, config: ConfigFile = None, home: HomeFolder = None) -> None:
    """Forget a venue's key."""
    from arbiter.app.venue_credentials import store_of

    store_of(load_settings(config, home).settings.home).remove(_venue(venue))
    emit(f"the key of {venue} is removed")


@app.command("list")
def list_keys(
    config: ConfigFile = None,
    home: HomeFolder = None,
    as_json: Json = False,
    only_venues: Annotated[
        bool, typer.Option("--venues", help="Only the keys of venues; needs no database.")
    ] = False,
) -> None:
    """List keys, revoked ones too; of venues' keys their last characters."""
    import asyncio

    settings = load_settings(config, home).settings
    rows = _venue_rows(settings) if only_venues else asyncio.run(_list(settings))
    if not only_venues:
        rows += _venue_rows(settings)
    if as_json:
        emit_json(rows)
    else:
        columns = ("kind", "name", "role", "key", "created_at", "last_used_at", "revoked_at")
        cells = ([str(row.get(name) or "-") for name in columns] for row in rows)
        emit_table(columns, cells, "no keys yet")


def _venue(name: str) -> "VenueId":
    from arbiter.app.config_schema import closest
    from arbiter.model.errors import BadConfig
    from arbiter.model.ids import VenueId
    from arbiter.venues.catalogue import SUPPORTED

    if name in SUPPORTED:
        return VenueId(name)
    near = closest(name, list(SUPPORTED))
    hint = f"; did you mean {near}?" if near else f"; there are {', '.join(SUPPORTED)}"
    raise BadConfig(f"{name!r} is no venue with keys{hint}")


def _from_stdin(venue: "VenueId") -> "Credentials":
    import sys

    import msgspec

    from arbiter.access.venue_keys import Credentials
    from arbiter.model.errors import BadConfig
    from arbiter.venues.catalogue import connector

    form = connector(venue).key
    try:
        told = msgspec.json.decode(sys.stdin.buffer.read(65_536), type=dict[str, Any])
        return Credentials(
            api_key=told[form.api_key],
            secret=told[form.secret],
            password=told.get(form.password, "") if form.password else "",
        )
    except (msgspec.MsgspecError, KeyError, TypeError):
        parts = " and ".join(filter(None, (form.api_key, form.secret, form.password)))
        raise BadConfig(f"--stdin wants JSON with {parts}") from None


def _from_terminal(venue: "VenueId") -> "Credentials":
    import getpass

    from arbiter.access.venue_keys import Credentials
    from arbiter.venues.catalogue import connector

    def ask(part: str) -> str:
        return getpass.getpass(f"{part} of {venue}: ").strip() if part else ""

    form = connector(venue).key
    return Credentials(
        api_key=ask(form.api_key), secret=ask(form.secret), password=ask(form.password)
    )


def _new_passphrase(known: bool) -> str:
    import getpass
    import sys

    from arbiter.app.venue_credentials import PASSPHRASE
    from arbiter.model.errors import BadConfig

    if not sys.stdin.isatty():
        raise BadConfig(f"set {PASSPHRASE}: there is no terminal to ask for a passphrase")
    first = getpass.getpass("passphrase: ")
    if not known and getpass.getpass("again: ") != first:
        raise BadConfig("the two passphrases differ")
    return first


def _venue_rows(settings: Any) -> list[dict[str, str | None]]:
    from arbiter.app.venue_credentials import store_of
    from arbiter.model.time import rfc3339

    return [
        {
            "kind": "venue",
            "name": row.venue,
            "role": None,
            "key": f"…{row.hint}",
            "created_at": rfc3339(row.created_ns),
            "last_used_at": None,
            "revoked_at": None,
        }
        for row in store_of(settings.home).rows()
    ]


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
            "kind": "api",
            "name": key.name,
            "role": key.role.value,
            "created_at": moment(key.created_ns),
            "last_used_at": moment(key.last_used_ns),
            "revoked_at": moment(key.revoked_ns),
        }
        for key in keys
    ]
