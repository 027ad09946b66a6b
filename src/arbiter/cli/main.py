"""The `arbiter` command. Each subcommand lives in a file of its own and imports what it needs late."""

import os
import sys
from types import TracebackType

import typer

from arbiter.cli import (
    backtest,
    budgets,
    config_show,
    copy,
    db,
    doctor,
    export,
    keys,
    kill,
    markets,
    pairs,
    reconcile,
    record,
    simex,
    status,
    telegram,
    up,
    users,
    version,
    warm,
)
from arbiter.cli.output import fail
from arbiter.model.errors import ArbiterError

app = typer.Typer(
    name="arbiter",
    help="A self-hosted engine that hunts price differences between venues.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("up")(up.up)
app.command("status")(status.status)
app.command("kill")(kill.kill)
app.command("resume")(kill.resume)
app.command("reconcile")(reconcile.reconcile)
app.command("doctor")(doctor.doctor)
app.command("markets")(markets.markets)
app.command("record")(record.record)
app.command("simex")(simex.simex)
app.command("telegram")(telegram.telegram)
app.add_typer(backtest.app, name="backtest")
app.add_typer(export.app, name="export")
app.add_typer(budgets.app, name="budgets")
app.add_typer(copy.app, name="copy")
app.add_typer(pairs.app, name="pairs")
app.add_typer(users.app, name="users")
app.add_typer(keys.app, name="keys")
app.add_typer(db.app, name="db")
app.add_typer(config_show.app, name="config")
app.command("warm")(warm.warm)
app.command("version")(version.version)


def main() -> None:
    """Run and exit: 0 done, 1 refused or failed, 2 misused."""
    # Looking through every installed package for plugins of pydantic takes longer than most commands.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    try:
        app()
    except ArbiterError as error:
        fail(str(error))
        sys.exit(1)
    except OSError as error:
        sys.exit(_system_error(error))
    finally:
        # Typer puts a hook of its own in place, which prints tracebacks.
        sys.excepthook = _crashed


def _system_error(error: OSError) -> int:
    """A disk that is full or a file that may not be read is no bug of ours."""
    where = f"{error.filename}: " if error.filename else ""
    fail(f"{where}{error.strerror or error}")
    return 1


def _crashed(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """What nobody foresaw: the details go to a file, a sentence to the person."""
    import tempfile
    import traceback

    details = "".join(traceback.format_exception(kind, error, trace))
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="arbiter-crash-", suffix=".txt", delete=False, encoding="utf-8"
        ) as file:
            file.write(details)
        where = f"details are in {file.name}"
    except OSError:
        where = "its details could not be written anywhere"
    fail(f"this is a bug in arbiter ({kind.__name__}: {error}); {where}")
