"""The report as one HTML file that needs nothing else: no network, no other file."""

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import Any

import plotly.io as pio
from plotly.offline import get_plotlyjs

from arbiter.backtest import charts
from arbiter.backtest.report import Report
from arbiter.backtest.run import Finished
from arbiter.backtest.tally import TradeRow
from arbiter.model.money import plain
from arbiter.model.time import NS_PER_MS, rfc3339

MAX_TRADES = 2_000
"""Rows of the trades table; the JSON has them all."""

_STYLE = """
:root{--ink:#1f2933;--soft:#52606d;--line:#e4e7eb;--wash:#f5f7fa;--warn:#fff7e6;--warnline:#f0b429}
*{box-sizing:border-box}
body{margin:0;font:15px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif;color:var(--ink);
background:var(--wash)}
main{max-width:1120px;margin:0 auto;padding:24px}
header h1{font-size:26px;margin:0 0 4px}
header p{margin:0;color:var(--soft)}
section{background:#fff;border:1px solid var(--line);border-radius:8px;padding:16px 20px;
margin-top:16px}
h2{font-size:17px;margin:0 0 10px}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(120px,1fr));gap:10px;
margin-top:16px}
.card{background:#fff;border:1px solid var(--line);border-radius:8px;padding:10px 14px}
.card b{display:block;font-size:20px;font-variant-numeric:tabular-nums}
.card span{color:var(--soft);font-size:13px}
.note{background:var(--warn);border-left:4px solid var(--warnline);padding:8px 12px;margin:8px 0}
.two{display:grid;grid-template-columns:1fr 1fr;gap:16px}
@media(max-width:800px){.two{grid-template-columns:1fr}}
.scroll{overflow:auto;max-height:480px}
table{border-collapse:collapse;width:100%;font-size:13px;font-variant-numeric:tabular-nums}
th,td{text-align:left;padding:5px 10px 5px 0;border-bottom:1px solid var(--line);
white-space:nowrap}
th{position:sticky;top:0;background:#fff;color:var(--soft);font-weight:600}
td.n,th.n{text-align:right}
td.wrap{white-space:normal}
.bad{color:#b42318}.good{color:#0f766e}
footer{color:var(--soft);font-size:13px;margin:16px 0 32px}
"""


def write_html(path: Path, report: Report, finished: Finished) -> None:
    """Write the report; the folder must exist."""
    path.write_text(render(report, finished), encoding="utf-8")


def render(report: Report, finished: Finished) -> str:
    body = "".join(
        (
            _header(report),
            _cards(report),
            _notes(report),
            _chart("Equity and drawdown", charts.equity_chart(finished)),
            _chart("Spread over time", charts.spread_chart(finished), _spread_words(finished)),
            '<div class="two">',
            _chart("Edge", charts.edge_chart(finished)),
            _chart("Slippage", charts.slippage_chart(finished)),
            "</div>",
            _chart("What the market offered", charts.offer_chart(finished.prepared.samples)),
            _counts(report),
            _trades(report.trades),
            _markets(report),
            _quality(report),
            _section("What is assumed", _list(report.assumptions)),
            _settings(report),
        )
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>Backtest {escape(report.first)} to {escape(report.last)}</title>"
        f'<link rel="icon" href="data:,"><style>{_STYLE}</style>'
        f"<script>{get_plotlyjs()}</script></head><body><main>{body}"
        f"<footer>Run in {report.run_seconds:.2f} s, "
        f"{report.quotes_per_second / 1e6:.2f} million rows a second.</footer>"
        "</main></body></html>"
    )


def _header(report: Report) -> str:
    files = ", ".join(escape(Path(file).name) for file in report.files)
    return (
        f"<header><h1>Backtest, {escape(report.family)} arbitrage</h1>"
        f"<p>{escape(report.first)} to {escape(report.last)} · {files}</p></header>"
    )


def _cards(report: Report) -> str:
    figures = report.figures
    hit = figures.hit_rate_percent
    cards = (
        ("net", _money(figures.net), _tone(figures.net)),
        ("gross", _money(figures.gross), ""),
        ("fees", _money(figures.fees), ""),
        ("trades", str(figures.trades), ""),
        ("hit rate", "–" if hit is None else f"{hit:.1f} %", ""),
        ("largest drawdown", _money(figures.drawdown.usd), ""),
        ("quotes", f"{figures.quotes:,}", ""),
        ("candidates", "–" if figures.candidates is None else f"{figures.candidates:,}", ""),
    )
    inner = "".join(
        f'<div class="card"><b class="{tone}">{escape(value)}</b><span>{name}</span></div>'
        for name, value, tone in cards
    )
    return f'<div class="cards">{inner}</div>'


def _notes(report: Report) -> str:
    if not report.warnings:
        return ""
    inner = "".join(f'<div class="note">{escape(text)}</div>' for text in report.warnings)
    return _section("Read this first", inner)


def _chart(title: str, figure: Any, words: str = "") -> str:
    drawn = pio.to_html(
        figure,
        include_plotlyjs=False,
        full_html=False,
        config={"displaylogo": False, "responsive": True, "displayModeBar": False},
    )
    text = f"<p>{escape(words)}</p>" if words else ""
    return _section(title, text + drawn)


def _spread_words(finished: Finished) -> str:
    samples = finished.prepared.samples
    left = (
        f" {samples.pairs_left_out} further pairs are not drawn." if samples.pairs_left_out else ""
    )
    return (
        f"Gross spread, bid of the one venue over ask of the other, every "
        f"{samples.every_ns / 1e9:.1f} s; pairs of other symbols can be switched on in the legend. "
        f"Entries stand at the planned spread, exits at the one achieved.{left}"
    )


def _counts(report: Report) -> str:
    figures = report.figures
    rows = [
        ("signals", str(figures.signals)),
        ("executed", str(figures.executed)),
        *((f"stopped: {name}", str(count)) for name, count in figures.stopped_signals.items()),
        *((f"denied: {name}", str(count)) for name, count in figures.denials.items()),
        *((f"ended {name}", str(count)) for name, count in figures.by_state.items()),
        ("open at the end", str(figures.open_at_end)),
        *((f"alert {name}", str(count)) for name, count in figures.alerts.items()),
        ("slippage", _money(figures.slippage)),
        ("volume", _money(figures.volume)),
        ("drawdown of equity", f"{float(figures.drawdown.percent):.4f} %"),
        (
            "Sharpe (daily × √365)",
            "needs two days with trades"
            if figures.sharpe_daily is None
            else f"{figures.sharpe_daily:.2f}",
        ),
        (
            "mean / deviation per trade",
            "–" if figures.per_trade_ratio is None else f"{figures.per_trade_ratio:.3f}",
        ),
        (
            "time in trade",
            f"{figures.seconds_in_trade:.3f} s, {figures.share_of_time_percent:.3f} % of the time",
        ),
    ]
    return _section("From signal to result", _table(("figure", "value"), rows))


def _trades(trades: Sequence[TradeRow]) -> str:
    head = ("#", "started", "symbol", "buy", "sell", "state", "quantity", "buy at", "sell at")
    numbers = ("edge bp", "gross", "fees", "net", "slippage", "ms", "why")
    rows = [_trade(row) for row in trades[:MAX_TRADES]]
    more = len(trades) - len(rows)
    words = f"<p>The first {len(rows)} of {len(trades)}; --json has all.</p>" if more > 0 else ""
    table = _table((*head, *numbers), rows, first_number=6)
    return _section("Trades", f'{words}<div class="scroll">{table}</div>')


def _trade(row: TradeRow) -> tuple[str, ...]:
    return (
        str(row.seq),
        rfc3339(row.started_ns),
        row.symbol,
        row.buy_venue,
        row.sell_venue,
        row.state.value,
        plain(row.quantity),
        "" if row.actual_buy_price is None else _digits(row.actual_buy_price),
        "" if row.actual_sell_price is None else _digits(row.actual_sell_price),
        "" if row.edge is None else f"{float(row.edge) * 1e4:.2f}",
        _money(row.gross),
        _money(row.fees),
        _money(row.net),
        _money(row.slippage),
        "" if row.time_ns is None else f"{row.time_ns / NS_PER_MS:.1f}",
        row.reason,
    )


def _markets(report: Report) -> str:
    rows = [
        (
            row.instrument,
            row.market,
            f"{row.rows:,}",
            row.tick,
            row.lot,
            row.contract_size,
            row.taker_fee,
            ", ".join(row.inferred) or "–",
        )
        for row in report.markets
    ]
    head = ("instrument", "recorded as", "rows", "tick", "lot (base)", "contract size", "taker fee")
    return _section("Markets", _table((*head, "not stated by anyone"), rows))


def _quality(report: Report) -> str:
    quality = report.quality
    rows = [
        ("rows read", f"{quality.rows:,}"),
        ("accepted", f"{quality.accepted:,}"),
        ("of markets left out", f"{quality.left_out:,}"),
        ("received before an earlier row", f"{quality.out_of_order:,}"),
        *(
            (f"{venue}: {reason}", f"{count:,}")
            for venue, reasons in quality.refused.items()
            for reason, count in reasons.items()
        ),
        *((f"left out: {name}", why) for name, why in quality.markets_left_out.items()),
    ]
    words = (
        "<p>One rule: a row that cannot be used is skipped and counted here; nothing is mended or "
        "filled in.</p>"
    )
    return _section("Data quality", words + _table(("rows", "count"), rows))


def _settings(report: Report) -> str:
    table = _table(("setting", "value"), report.settings.items())
    return _section("Settings", f'<div class="scroll">{table}</div>')


def _section(title: str, inner: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{inner}</section>"


def _list(lines: Iterable[str]) -> str:
    return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>"


def _table(
    head: Sequence[str], rows: Iterable[Sequence[str]], first_number: int | None = None
) -> str:
    def kind(column: int) -> str:
        last = column == len(head) - 1
        if first_number is None or column < first_number or last:
            return ""
        return ' class="n"'

    top = "".join(f"<th{kind(at)}>{escape(name)}</th>" for at, name in enumerate(head))
    body = "".join(
        "<tr>"
        + "".join(f"<td{kind(at)}>{escape(cell)}</td>" for at, cell in enumerate(row))
        + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def _money(value: Any) -> str:
    return f"{float(value):,.4f}"


def _digits(value: Any) -> str:
    return f"{float(value):.8g}"


def _tone(value: Any) -> str:
    return "bad" if value < 0 else "good" if value > 0 else ""
