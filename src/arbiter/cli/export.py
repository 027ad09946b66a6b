"""`arbiter export`: also with the engine stopped."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from arbiter.cli.options import ConfigFile, HomeFolder, load_settings
from arbiter.cli.output import note

app = typer.Typer(help="Whole tables, oldest first.", no_args_is_help=True)


class Form(StrEnum):
    CSV = "csv"
    JSON = "json"


Format = Annotated[Form, typer.Option("--format", help="How to write it.")]
Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE", help="A file instead of standard output."),
]


@app.command("trades")
def trades(
    form: Format = Form.CSV,
    output: Output = None,
    config: ConfigFile = None,
    home: HomeFolder = None,
) -> None:
    """Every trade with its account."""
    _export("trades", form, output, config, home)


@app.command("orders")
def orders(
    form: Format = Form.CSV,
    output: Output = None,
    config: ConfigFile = None,
    home: HomeFolder = None,
) -> None:
    """Every order, denied and abandoned ones too."""
    _export("orders", form, output, config, home)


@app.command("fills")
def fills(
    form: Format = Form.CSV,
    output: Output = None,
    config: ConfigFile = None,
    home: HomeFolder = None,
) -> None:
    """Every execution."""
    _export("fills", form, output, config, home)


@app.command("decisions")
def decisions(
    form: Format = Form.JSON,
    output: Output = None,
    config: ConfigFile = None,
    home: HomeFolder = None,
) -> None:
    """Every decision of the agents with its prompt and answer: transcripts for a backtest."""
    _export("decisions", form, output, config, home)


def _export(
    what: str, form: Form, output: Path | None, config: Path | None, home: Path | None
) -> None:
    import asyncio

    settings = load_settings(config, home).settings
    lines = asyncio.run(_write(settings, what, form.value, output))
    if output is not None:
        note(f"wrote {output}: {lines} lines")


async def _write(settings: Any, what: str, form: str, output: Path | None) -> int:
    """Write beside the file and move it into place, so that it is whole or not there."""
    import contextlib
    import os
    import sys

    from arbiter.app.database_access import open_database
    from arbiter.storage.export import Export, Format, export

    draft = None if output is None else output.with_name(f".{output.name}.part")
    lines = 0
    with contextlib.ExitStack() as stack:
        stream = sys.stdout
        if draft is not None:
            stream = stack.enter_context(draft.open("w", encoding="utf-8"))
            stack.callback(draft.unlink, missing_ok=True)
        async with open_database(settings) as engine:
            async for piece in export(engine, Export(what), Format(form)):
                stream.write(piece)
                lines += piece.count("\n")
        stream.flush()
        if draft is not None and output is not None:
            os.replace(draft, output)
    return lines
