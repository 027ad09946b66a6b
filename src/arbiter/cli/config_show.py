"""`arbiter config`."""

import typer

from arbiter.cli.options import ConfigFile, HomeFolder, Json, load_settings
from arbiter.cli.output import emit_json, emit_table

app = typer.Typer(help="The configuration.", no_args_is_help=True)


@app.callback()
def config() -> None:
    """The configuration."""


@app.command("show")
def show(config: ConfigFile = None, home: HomeFolder = None, as_json: Json = False) -> None:
    """Print every setting in force, where it comes from, secrets masked."""
    loaded = load_settings(config, home)
    rows = loaded.rows()
    if as_json:
        emit_json(
            {
                "file": None if loaded.file is None else str(loaded.file),
                "settings": {row.path: {"value": row.value, "source": row.source} for row in rows},
            }
        )
        return
    emit_table(
        ("setting", "value", "source"), ((row.path, _shown(row.value), row.source) for row in rows)
    )


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ", ".join(value) or "(all)"
    return str(value)
