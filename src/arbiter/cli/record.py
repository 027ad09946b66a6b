"""`arbiter record`."""

import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from arbiter.cli.options import ConfigFile, HomeFolder, Json, load_settings
from arbiter.cli.output import emit, emit_json, note

if TYPE_CHECKING:
    from arbiter.app.config import Settings
    from arbiter.backtest.recording import QuoteRecorder


def record(
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Folder for the files.")
    ] = Path("recordings"),
    seconds: Annotated[
        float | None, typer.Option(min=0.1, help="Stop after this long; else at Ctrl-C.")
    ] = None,
    rotate_rows: Annotated[
        int, typer.Option(min=1, max=50_000_000, help="Quotes per file at most.")
    ] = 1_000_000,
    rotate_seconds: Annotated[
        float, typer.Option(min=0.1, max=86_400.0, help="Time per file at most.")
    ] = 600.0,
    config: ConfigFile = None,
    home: HomeFolder = None,
    as_json: Json = False,
) -> None:
    """Write the quotes of all feeds to Parquet, for `arbiter backtest` and replays."""
    import asyncio

    settings = load_settings(config, home).settings
    made = asyncio.run(_record(settings, output, seconds, rotate_rows, rotate_seconds))
    if as_json:
        emit_json({"rows": made.rows, "files": [str(file) for file in made.files]})
        return
    for file in made.files:
        emit(str(file))
    note(f"recorded {made.rows} quotes")


async def _record(
    settings: "Settings", output: Path, seconds: float | None, rows: int, period: float
) -> "QuoteRecorder":
    import asyncio

    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from arbiter.app.recorder import record as record_feeds

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("recording", total=None)

        def on_progress(done: int) -> None:
            progress.update(task, description=f"recording: {done} quotes")

        return await record_feeds(
            settings,
            output,
            stop=stop,
            seconds=seconds,
            max_rows=rows,
            max_seconds=period,
            on_progress=on_progress,
        )
