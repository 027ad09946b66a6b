"""`arbiter backtest`: research on recorded quotes."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from arbiter.cli.elapsed import seconds_in_all
from arbiter.cli.options import ConfigFile, Json
from arbiter.cli.output import built, emit, emit_built, emit_json, emit_table, note

if TYPE_CHECKING:
    from arbiter.app.config import Loaded
    from arbiter.backtest.figures import Figures
    from arbiter.backtest.report import Report
    from arbiter.backtest.run import Finished, Prepared


def _in_a_folder(file: Path | None) -> Path | None:
    """Refuse a report that could not be written before the run it would tell of."""
    if file is not None and not file.absolute().parent.is_dir():
        raise typer.BadParameter(f"there is no folder {file.absolute().parent}")
    return file


ReportFile = Annotated[
    Path | None,
    typer.Option(
        "--report",
        metavar="FILE.html",
        help="Write a self-contained report.",
        callback=_in_a_folder,
    ),
]
Assignments = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Any setting, by its path; repeatable."),
]

app = typer.Typer(help="Run a strategy over recorded quotes.", no_args_is_help=True)


@app.callback()
def families() -> None:
    """Run a strategy over recorded quotes."""


@app.command("spot")
def spot(
    data: Annotated[
        list[Path], typer.Option("--data", metavar="FILE", help="Parquet of quotes; repeatable.")
    ],
    more: Annotated[
        list[Path] | None, typer.Argument(metavar="[FILE]...", help="More files.")
    ] = None,
    symbols: Annotated[
        str | None, typer.Option(metavar="SYMBOL,…", help="Only these, as BTCUSDT or BTC/USDT.")
    ] = None,
    venues: Annotated[
        str | None, typer.Option(metavar="VENUE,…", help="Only these; perpetuals: NAME_futures.")
    ] = None,
    setting: Assignments = None,
    config: ConfigFile = None,
    report: ReportFile = None,
    as_json: Json = False,
) -> None:
    """Buy on one venue, sell on another: what would it have made?"""
    from arbiter.app.research import make_request
    from arbiter.backtest.report import make_report
    from arbiter.backtest.run import prepare
    from arbiter.backtest.survey import survey

    files = [*data, *(more or [])]
    loaded = _load(config, setting or [])
    request = make_request(loaded, files, symbols=_names(symbols), venues=_names(venues))
    note(f"reading what {_count(len(files), 'file')} hold")
    prepared = prepare(request, survey(files))
    finished = _run(prepared)
    result = make_report(finished)
    if report is not None:
        from arbiter.backtest.report_html import write_html

        write_html(report, result, finished)
        note(f"report: {report}")
    if as_json:
        emit_json(result)
    else:
        tell(result)


@app.command("funding")
def funding(
    data: Annotated[Path, typer.Option("--data", metavar="FILE", help="Parquet of funding rates.")],
    prices: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Parquet of klines; else reference prices.")
    ] = None,
    bases: Annotated[str, typer.Option(metavar="BASE,…", help="Base assets.")] = "BTC,ETH",
    since: Annotated[str, typer.Option(metavar="DAY", help="First day, UTC.")] = "2023-05-01",
    until: Annotated[str, typer.Option(metavar="DAY", help="Last day, UTC.")] = "2025-06-30",
    setting: Assignments = None,
    config: ConfigFile = None,
    report: ReportFile = None,
    as_json: Json = False,
) -> None:
    """Hold funding pairs through recorded settlements: what would they have collected?"""
    from arbiter.app.funding_research import run_funding
    from arbiter.backtest.funding_report import HEADERS, pair_rows, summary, write_html

    loaded = _load(config, setting or [])
    found = run_funding(loaded, data, prices, bases=bases.split(","), since=since, until=until)
    if report is not None:
        write_html(report, found)
        note(f"report: {report}")
    if as_json:
        told = built(found)
        told["seconds"] = round(seconds_in_all(), 2)
        emit_built(told)
        return
    emit_table(HEADERS, pair_rows(found))
    for line in summary(found):
        emit(line)
    emit(f"{seconds_in_all():.1f} s in all, {found.run_seconds:.1f} s of it for the run itself")


@app.command("events")
def events(
    data: Annotated[
        Path,
        typer.Option("--data", metavar="FILE", help="Parquet of two venues' books of an event."),
    ],
    payout: Annotated[
        str | None, typer.Option(metavar="DAY", help="Expected day of the payout, UTC.")
    ] = None,
    polarity: Annotated[
        str, typer.Option(help="same, or complement: YES here is NO there.")
    ] = "same",
    setting: Assignments = None,
    config: ConfigFile = None,
    report: ReportFile = None,
    as_json: Json = False,
) -> None:
    """YES on one venue and NO on the other: what would a recorded pair have locked in?"""
    from arbiter.app.event_research import run_events
    from arbiter.app.pair_calls import polarity_of
    from arbiter.backtest.event_report import HEADERS, candour, summary, trade_rows, write_html

    loaded = _load(config, setting or [])
    found = run_events(loaded, data, payout=payout, polarity=polarity_of(polarity))
    if report is not None:
        write_html(report, found)
        note(f"report: {report}")
    if as_json:
        emit_json({"report": found, "caveats": list(candour(found))})
        return
    emit_table(HEADERS, trade_rows(found))
    for line in summary(found):
        emit(line)


@app.command("agents")
def agents(
    data: Annotated[
        list[Path], typer.Option("--data", metavar="FILE", help="Parquet of candles; repeatable.")
    ],
    symbol: Annotated[str, typer.Option(help="Market, or its beginning: BTC.")] = "BTC",
    venue: Annotated[str | None, typer.Option(help="Venue; else the one with most bars.")] = None,
    interval: Annotated[str | None, typer.Option(help="1m, 5m, 15m or 1h.")] = None,
    transcripts: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="Recorded decisions to replay; repeatable."),
    ] = None,
    allow_before_cutoff: Annotated[
        bool,
        typer.Option(
            "--allow-before-cutoff",
            help="Replay words on days a model already knew of; the report says so.",
        ),
    ] = False,
    setting: Assignments = None,
    config: ConfigFile = None,
    report: ReportFile = None,
    as_json: Json = False,
) -> None:
    """Let the agents vote on recorded candles, by rules and by what models once said."""
    from arbiter.app.agents_research import run_agents
    from arbiter.backtest.agents_report import rows, summary, write_html

    loaded = _load(config, setting or [])
    note("the agents vote on every bar; no language model is asked")
    found = run_agents(
        loaded.settings,
        data,
        symbol,
        venue=venue,
        interval=interval,
        transcripts=transcripts or (),
        allow_before_cutoff=allow_before_cutoff,
    )
    if report is not None:
        write_html(report, found)
        note(f"report: {report}")
    if as_json:
        emit_json(summary(found))
    else:
        emit_table(("Figure", "Value"), rows(found))


def _load(config: Path | None, assignments: list[str]) -> "Loaded":
    from arbiter.app import logs
    from arbiter.app.config import load
    from arbiter.app.config_sections import Logging, LogLevel
    from arbiter.model.errors import BadConfig

    logs.configure(Logging(level=LogLevel.WARNING))  # to stderr: results alone go to stdout
    flags = {}
    for assignment in assignments:
        key, found, value = assignment.partition("=")
        if not found:
            raise BadConfig(f"--set {assignment}: write it as KEY=VALUE")
        flags[key.strip()] = (f"--set {key.strip()}", value.strip())
    return load(
        environment=os.environ,
        flags=flags,
        file=config,
        working_directory=Path.cwd(),
        profiled=False,
    )


def _run(prepared: "Prepared") -> "Finished":
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from arbiter.backtest.run import run_backtest

    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    ) as progress:
        task = progress.add_task("backtest", total=prepared.survey.rows, rate="")

        def on_progress(_rows: int) -> None:
            done = prepared.quotes.counts.read
            elapsed = progress.tasks[task].elapsed or 0.0
            rate = f"{done / elapsed / 1e6:.2f} million rows/s" if elapsed else ""
            progress.update(task, completed=done, rate=rate)

        finished = run_backtest(prepared, on_progress)
        progress.update(task, completed=prepared.survey.rows)
    return finished


def _names(text: str | None) -> list[str]:
    return [] if text is None else [name.strip() for name in text.split(",") if name.strip()]


def tell(result: "Report") -> None:
    """Print a result as tables."""
    emit(f"{result.first} to {result.last}, {_count(len(result.markets), 'market')}")
    emit_table(("figure", "value"), rows_of(result.figures))
    quality = result.quality
    emit("")
    emit(
        f"rows {quality.rows}: {quality.accepted} taken, {quality.left_out} of other markets, "
        f"{quality.out_of_order} out of order"
    )
    for venue, reasons in quality.refused.items():
        told = ", ".join(f"{count} {reason}" for reason, count in reasons.items())
        emit(f"  refused on {venue}: {told}")
    if quality.markets_left_out:
        emit(f"  {left_out(quality.markets_left_out)}")
    for warning in result.warnings:
        emit(f"note: {warning}")


def left_out(markets: dict[str, str]) -> str:
    """Sum up which markets were not replayed: by reason, the commonest first."""
    from collections import Counter

    reasons = Counter(markets.values()).most_common()
    told = "; ".join(f"{count} {reason}" for reason, count in reasons)
    return (
        f"left out {_count(len(markets), 'market')}: {told} (each is named in --report and --json)"
    )


def rows_of(figures: "Figures") -> list[tuple[str, str]]:
    """The table of a result, in words and plain numbers."""
    from arbiter.model.money import plain

    return [
        ("quotes", str(figures.quotes)),
        ("candidates", "not counted" if figures.candidates is None else str(figures.candidates)),
        ("signals", f"{figures.signals} ({figures.executed} executed)"),
        ("stopped signals", _counts(figures.stopped_signals)),
        ("denials", _counts(figures.denials)),
        ("trades", f"{figures.trades} ({_counts(figures.by_state)})"),
        ("hit rate", _number(figures.hit_rate_percent, " %")),
        ("gross", plain(figures.gross)),
        ("fees", plain(figures.fees)),
        ("net", plain(figures.net)),
        ("slippage", plain(figures.slippage)),
        ("volume", plain(figures.volume)),
        (
            "drawdown",
            f"{plain(figures.drawdown.usd)} ({float(figures.drawdown.percent):.4f} % of equity)",
        ),
        ("Sharpe, daily × √365", _number(figures.sharpe_daily, "", "needs two days with trades")),
        ("mean/deviation per trade", _number(figures.per_trade_ratio, "", "none")),
        (
            "time in trade",
            f"{figures.seconds_in_trade:.3f} s, {figures.share_of_time_percent:.3f} % of the time, "
            f"{_number(figures.mean_ms_in_trade, ' ms')} on average",
        ),
    ]


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items()) or "none"


def _number(value: float | None, unit: str, instead: str = "no trades") -> str:
    return instead if value is None else f"{value:.2f}{unit}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")
