"""What a run over a recorded event pair came to: lines, a table, and a page with charts."""

import html
from collections.abc import Iterator, Sequence
from pathlib import Path

import plotly.graph_objects as go

from arbiter.backtest.event_run import EventReport
from arbiter.model.money import plain
from arbiter.model.time import to_datetime

HEADERS = ("time", "first", "second", "contracts", "cost", "fees", "capital", "net")


def trade_rows(report: EventReport) -> list[tuple[str, ...]]:
    """One row per trade, by `HEADERS`."""
    return [
        (
            trade.at,
            trade.first,
            trade.second,
            plain(trade.size),
            f"{trade.cost:.2f}",
            f"{trade.fees:.2f}",
            f"{trade.capital:.2f}",
            f"{trade.net:.2f}",
        )
        for trade in report.trades
    ]


def candour(report: EventReport) -> Iterator[str]:
    """What a reader has to know before believing any of it."""
    yield (
        f"The two books of a row share a bucket of {report.bucket_minutes:g} minutes and nothing "
        "else: they were not taken at one moment. An edge seen in a row may never have stood on "
        "both venues at once, and one that stood between two rows is not seen."
    )
    yield (
        "Decided, checked and executed as live: the same desk, gate and leg machine. Orders arrive "
        f"{report.order_ms:g} ms after the decision and meet the books of their row, which are "
        "taken to stand until the next; nobody else answers."
    )
    if report.alone:
        yield (
            f"{plain(report.alone)} contracts were left without their other leg, and count as "
            "worth nothing."
        )
    yield (
        "Profit is what a contract pays when both venues resolve alike. If they do not, and both "
        f"legs lose, {report.divergence_loss:.2f} USD are gone; the pair's cap is "
        f"{report.cap:.2f} USD."
    )
    if not report.payout_given:
        yield (
            "No day of payout was given: capital is counted as locked until the recording ends, "
            "which is too short. Give one with --payout."
        )


def summary(report: EventReport) -> Iterator[str]:
    first, second = report.venues
    yield (
        f"{report.rows} rows of {first} and {second}, {report.first} to {report.last}; "
        f"{report.refused_quotes} books refused"
    )
    if report.best_gross is not None and report.best_net is not None:
        yield (
            f"best edge of a contract: {report.best_gross:.4f} before fees, {report.best_net:.4f} "
            f"after fees and capital cost; min_spread asks for {plain(report.min_spread)}"
        )
    yield f"{report.openings} openings, {len(report.trades)} trades, payout {report.payout}"
    for why, count in sorted(report.refusals.items()):
        yield f"  {count} rows with an opening: {why}"
    yield (
        f"{plain(report.contracts)} contracts for {report.locked:.2f} USD, of it fees "
        f"{report.fees:.2f}; profit at the payout {report.profit:.2f}, less capital cost "
        f"{report.capital:.2f}: {report.net:.2f} USD  ({report.seconds:.1f} s)"
    )
    if report.annual_return is not None:
        yield f"a year's return on what was locked: {100 * report.annual_return:.2f} %"
    yield from candour(report)


def write_html(path: Path, report: EventReport) -> None:
    """Write one self-contained file."""
    at = [to_datetime(ns) for ns, _, _ in report.edges]
    edges = _figure("Edge of a contract in each row, the better way round, USD")
    edges.add_scatter(x=at, y=[gross for _, gross, _ in report.edges], name="before fees")
    edges.add_scatter(x=at, y=[net for _, _, net in report.edges], name="after fees and capital")
    edges.add_hline(y=float(report.min_spread), line_dash="dot", annotation_text="min_spread")
    curve = _figure("Locked capital and net profit at the payout, USD")
    times, locked, net, sums = [], [], [], (0.0, 0.0)
    for trade in report.trades:
        sums = (sums[0] + float(trade.cost + trade.fees), sums[1] + float(trade.net))
        times.append(trade.at)
        locked.append(sums[0])
        net.append(sums[1])
    curve.add_scatter(x=times, y=locked, name="locked")
    curve.add_scatter(x=times, y=net, name="net profit")
    notes = "".join(f"<p class=note>{html.escape(line)}</p>" for line in candour(report))
    told = list(candour(report))
    lines = (line for line in summary(report) if line not in told)
    body = notes + "".join(f"<p>{html.escape(line)}</p>" for line in lines)
    charts = edges.to_html(full_html=False, include_plotlyjs=True)
    charts += curve.to_html(full_html=False, include_plotlyjs=False)
    path.write_text(
        "<!doctype html><meta charset=utf-8><title>Event pair backtest</title>"
        "<style>body{font:14px sans-serif;margin:2em}td,th{padding:2px 10px;text-align:left}"
        ".note{background:#fff7e6;border-left:4px solid #f0b429;padding:8px 12px}</style>"
        f"<h1>Event pair backtest</h1>{body}{charts}{_table(trade_rows(report))}",
        encoding="utf-8",
    )


def _figure(title: str) -> go.Figure:
    return go.Figure(layout={"title": title, "height": 420})


def _table(rows: Sequence[Sequence[str]]) -> str:
    def line(cells: Sequence[str], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{html.escape(c)}</{tag}>" for c in cells) + "</tr>"

    return "<table>" + line(HEADERS, "th") + "".join(line(row, "td") for row in rows) + "</table>"
