"""Options that many commands share, and how they become settings."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from arbiter.app.config import Loaded
    from arbiter.app.home import Home

ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="Configuration file instead of arbiter.toml."),
]
HomeFolder = Annotated[
    Path | None,
    typer.Option("--home", metavar="DIR", help="Data folder instead of ARBITER_HOME."),
]
Json = Annotated[bool, typer.Option("--json", help="Print the result alone, as JSON.")]

Flags = Mapping[str, tuple[str, Any]]


def load_settings(
    config: Path | None, home: Path | None = None, flags: Flags | None = None
) -> "Loaded":
    """Read the configuration as every command does; faults are `BadConfig`."""
    from arbiter.app.config import load

    given = dict(flags or {})
    if home is not None:
        given["engine.home"] = ("--home", str(home.absolute()))
    return load(environment=os.environ, flags=given, file=config, working_directory=Path.cwd())


def home_for_kill(config: Path | None, home: Path | None) -> tuple["Home", str | None]:
    """Find the data folder even when the configuration is broken; also say what is wrong with it."""
    from arbiter.app.config import lenient_home
    from arbiter.model.errors import BadConfig

    try:
        return load_settings(config, home).settings.home, None
    except BadConfig as error:
        found = lenient_home(os.environ, home=home, file=config, working_directory=Path.cwd())
        return found, str(error)
