"""`arbiter users`. A credential never stands on the command line, where others can read it."""

from typing import Annotated, Any

import typer

from arbiter.cli.options import ConfigFile, HomeFolder, Json, load_settings
from arbiter.cli.output import emit, emit_json, emit_table

app = typer.Typer(help="People who may sign in.", no_args_is_help=True)

UserName = Annotated[str, typer.Argument(metavar="USER_ID", help="For example alice.")]
RoleName = Annotated[str, typer.Option("--role", help="viewer, trader or admin.")]
PROMPT = "Credential"


@app.command("add")
def add(
    user_id: UserName, role: RoleName, config: ConfigFile = None, home: HomeFolder = None
) -> None:
    """Add a user; the credential is prompted for, or read from standard input."""
    import asyncio

    from arbiter.access.roles import parse_role
    from arbiter.access.users import check_user_id

    wanted, name = parse_role(role), check_user_id(user_id)
    settings = load_settings(config, home).settings
    asyncio.run(_add(settings, name, wanted, _credential()))
    emit(f"{name} may sign in as {wanted}")


@app.command("role")
def role(
    user_id: UserName,
    role: Annotated[str, typer.Argument(help="viewer, trader or admin.")],
    config: ConfigFile = None,
    home: HomeFolder = None,
) -> None:
    """Change a user's role; it counts from the user's next call on."""
    import asyncio

    from arbiter.access.roles import parse_role

    wanted = parse_role(role)
    asyncio.run(_set_role(load_settings(config, home).settings, user_id, wanted))
    emit(f"{user_id} is {wanted} now")


@app.command("password")
def password(user_id: UserName, config: ConfigFile = None, home: HomeFolder = None) -> None:
    """Set a new credential; every token the user has stops working."""
    import asyncio

    settings = load_settings(config, home).settings
    asyncio.run(_set_credential(settings, user_id, _credential()))
    emit(f"{user_id} has a new credential")


@app.command("remove")
def remove(user_id: UserName, config: ConfigFile = None, home: HomeFolder = None) -> None:
    """Remove a user; every token the user has stops working."""
    import asyncio

    asyncio.run(_remove(load_settings(config, home).settings, user_id))
    emit(f"{user_id} is removed")


@app.command("link")
def link(
    user_id: UserName, config: ConfigFile = None, home: HomeFolder = None, as_json: Json = False
) -> None:
    """Make a code with which a Telegram chat, once, becomes this user's; the engine must run."""
    from arbiter.app.actor import os_actor
    from arbiter.app.control_socket import ControlClient

    settings = load_settings(config, home).settings
    arguments = {"actor": os_actor(), "user_id": user_id}
    made = ControlClient(settings.home.control_socket).call("user_link", arguments)
    if as_json:
        emit_json(made)
    else:
        emit(f"{made['code']}  (send /link {made['code']} to the bot within 10 minutes)")


@app.command("list")
def list_users(config: ConfigFile = None, home: HomeFolder = None, as_json: Json = False) -> None:
    """List users and their roles."""
    import asyncio

    rows = asyncio.run(_list(load_settings(config, home).settings))
    if as_json:
        emit_json(rows)
    else:
        columns = ("user_id", "role", "created_at")
        emit_table(columns, ([row[name] for name in columns] for row in rows), "no users yet")


def _credential() -> str:
    """Ask twice at a terminal; elsewhere take the first line of standard input."""
    import getpass
    import sys

    from arbiter.model.errors import InvalidValue

    if not sys.stdin.isatty():
        given = sys.stdin.readline().rstrip("\n")
        if not given:
            raise InvalidValue("no credential came from standard input")
        return given
    first = getpass.getpass(f"{PROMPT}: ")
    if getpass.getpass(f"{PROMPT} again: ") != first:
        raise InvalidValue("the two credentials differ")
    return first


async def _add(settings: Any, user_id: str, role: Any, credential: str) -> None:
    from arbiter.app.actor import os_actor
    from arbiter.app.administration import administration

    async with administration(settings) as access:
        await access.add_user(os_actor(), user_id, role, credential)


async def _set_role(settings: Any, user_id: str, role: Any) -> None:
    from arbiter.app.actor import os_actor
    from arbiter.app.administration import administration

    async with administration(settings) as access:
        await access.set_role(os_actor(), user_id, role)


async def _set_credential(settings: Any, user_id: str, credential: str) -> None:
    from arbiter.app.actor import os_actor
    from arbiter.app.administration import administration

    async with administration(settings) as access:
        await access.change_credential(os_actor(), user_id, credential)


async def _remove(settings: Any, user_id: str) -> None:
    from arbiter.app.actor import os_actor
    from arbiter.app.administration import administration

    async with administration(settings) as access:
        await access.remove_user(os_actor(), user_id)


async def _list(settings: Any) -> list[dict[str, str]]:
    from arbiter.app.database_access import open_database
    from arbiter.model.time import rfc3339
    from arbiter.storage.access_store import PgAccessStore

    async with open_database(settings) as engine:
        users = await PgAccessStore(engine).list_users()
    return [
        {
            "user_id": user.user_id,
            "role": user.role.value,
            "created_at": rfc3339(user.created_ns),
        }
        for user in users
    ]
