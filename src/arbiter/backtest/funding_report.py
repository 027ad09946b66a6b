"""What a run over recorded funding came to: lines, a table, and a page with charts."""

import html
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from arbiter.backtest.funding_run import FundingReport
from arbiter.model.money import ZERO, plain
from arbiter.model.time import to_datetime

if TYPE_CHECKING:
    import plotly.graph_objects as go

CANDOUR = (
    "A settlement's own rate was not known before it: decisions use the rate settled last.",
    "Orders are filled at one price per asset and hour, one basis point from it on either side, "
    "whatever their size: differences between the venues' prices neither cost nor earn here.",
    "Payments are made at the price named for their row; where a venue's own is missing, at the "
    "newest of another.",
)
HEADERS = ("pair", "long", "short", "opened", "closed", "units", "spread 8h", "funding", "why")


def pair_rows(report: FundingReport) -> list[tuple[str, ...]]:
    """One row per pair, by `HEADERS`."""
    return [
        (
            row.symbol.partition(":")[0],
            row.long_venue,
            row.short_venue,
            row.opened,
            row.closed or "open",
            plain(row.units),
            f"{row.entry_spread:.6f}",
            f"{row.funding:.2f}",
            row.reason.partition(":")[0],
        )
        for row in report.pairs
    ]


def summary(report: FundingReport) -> Iterator[str]:
    named = ", ".join(f"{name} {count}" for name, count in report.prices.items() if count)
    earned = sum(row.funding > ZERO for row in report.pairs)
    yield f"{report.settlements} settlements in {report.hours} hours; prices from: {named}"
    yield f"{len(report.pairs)} pairs, {earned} of them collected funding, {report.forced} forced"
    yield (
        f"funding {report.funding:.2f}  fees {report.fees:.2f}  "
        f"net of everything {report.pnl:.2f} USD"
    )
    still_open = sum(not row.closed for row in report.pairs)
    if still_open:
        yield (
            f"{still_open} pairs were still open when the recording ended: their way out, prices "
            "and fees, is in none of these figures."
        )
    if report.stopped:
        yield f"A loss limit stopped everything: {report.stopped}"
    yield from CANDOUR


def write_html(path: Path, report: FundingReport) -> None:
    """Write one self-contained file."""
    curve = _figure("Cumulative funding against fees, USD")
    at = [to_datetime(ns) for ns, _, _ in report.curve]
    curve.add_scatter(x=at, y=[float(f) for _, f, _ in report.curve], name="funding")
    curve.add_scatter(x=at, y=[float(f) for _, _, f in report.curve], name="fees")
    spreads = _figure("Widest spread of each day over 8 h")
    for symbol in dict.fromkeys(symbol for _, symbol, _ in report.spreads):
        days = [(day, wide) for day, named, wide in report.spreads if named == symbol]
        spreads.add_scatter(
            x=[to_datetime(day) for day, _ in days], y=[wide for _, wide in days], name=symbol
        )
    body = "".join(f"<p>{html.escape(line)}</p>" for line in summary(report))
    charts = curve.to_html(full_html=False, include_plotlyjs=True)
    charts += spreads.to_html(full_html=False, include_plotlyjs=False)
    path.write_text(
        "<!doctype html><meta charset=utf-8><title>Funding backtest</title>"
        "<style>body{font:14px sans-serif;margin:2em}td,th{padding:2px 10px;text-align:left}"
        f"</style><h1>Funding backtest</h1>{body}{charts}{_table(pair_rows(report))}",
        encoding="utf-8",
    )


def _figure(title: str) -> "go.Figure":
    import plotly.graph_objects as go

    return go.Figure(layout={"title": title, "height": 420})


def _table(rows: Sequence[Sequence[str]]) -> str:
    def line(cells: Sequence[str], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{html.escape(c)}</{tag}>" for c in cells) + "</tr>"

    return "<table>" + line(HEADERS, "th") + "".join(line(row, "td") for row in rows) + "</table>"
