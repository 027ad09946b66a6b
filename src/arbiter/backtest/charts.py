"""The charts of a report, as Plotly figures."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from arbiter.backtest.figures import equity
from arbiter.backtest.run import Finished
from arbiter.backtest.samples import SpreadSamples
from arbiter.backtest.tally import TradeRow
from arbiter.model.time import NS_PER_MINUTE, to_datetime

_INK, _GOOD, _BAD, _LINE = "#1f2933", "#0f766e", "#b42318", "#2563eb"
_LONG_PAUSE_NS = 10 * NS_PER_MINUTE
_MAX_BREAKS = 30
_BPS = 1e4


def equity_chart(finished: Finished) -> go.Figure:
    """Cumulative net PnL and its distance from the peak."""
    curve = equity(finished.prepared.tally.rows())
    start = finished.prepared.survey.first_ns
    if curve:
        start = min(row.started_ns for row in finished.prepared.tally.rows())
    times = [_at(start), *(_at(at_ns) for at_ns, _ in curve)]
    totals = np.array([0.0, *(float(total) for _, total in curve)])
    fall = totals - np.maximum.accumulate(np.maximum(totals, 0.0))
    figure = go.Figure(
        [
            go.Scatter(
                x=times,
                y=totals,
                name="net PnL",
                mode="lines",
                line={"shape": "hv", "color": _GOOD, "width": 2},
            ),
            go.Scatter(
                x=times,
                y=fall,
                name="drawdown",
                mode="lines",
                fill="tozeroy",
                line={"shape": "hv", "color": _BAD, "width": 1},
                yaxis="y2",
            ),
        ]
    )
    layout = _layout(finished)
    layout["xaxis"] |= {"anchor": "y2"}
    figure.update_layout(
        **layout,
        yaxis={"title": "net PnL (quote)", "domain": [0.34, 1.0]},
        yaxis2={"title": "drawdown", "domain": [0.0, 0.26], "anchor": "x"},
    )
    return figure


def spread_chart(finished: Finished) -> go.Figure:
    """Gross spread of each pair at even intervals, with the trades on it."""
    samples = finished.prepared.samples
    rows = finished.prepared.tally.rows()
    busiest = _busiest(finished, rows)
    figure = go.Figure()
    times = [_at(at_ns) for at_ns in samples.times_ns]
    table = np.array(samples.gross) * _BPS if samples.gross else np.empty((0, len(samples.pairs)))
    for pair in sorted(samples.pairs, key=lambda pair: pair not in busiest):
        figure.add_scatter(
            x=times,
            y=table[:, samples.pairs.index(pair)],
            name=_pair_name(finished, pair),
            mode="lines",
            connectgaps=False,
            line={"width": 1.2},
            visible=True if pair in busiest else "legendonly",
        )
    _mark(figure, rows, "exit", "x", _INK)
    _mark(figure, rows, "entry", "triangle-up", _GOOD)
    layout = _layout(finished)
    drawn = [column for column, pair in enumerate(samples.pairs) if pair in busiest]
    there = np.flatnonzero(np.isfinite(table[:, drawn]).any(axis=1)).tolist()
    if there:
        layout["xaxis"] |= {"range": [times[there[0]], times[there[-1]]]}
    layout["height"] = 520
    figure.update_layout(**layout, yaxis={"title": "gross spread (bp)"})
    return figure


def edge_chart(finished: Finished) -> go.Figure:
    """What was planned, what the sampled market offered, and what each trade came to."""
    rows = [row for row in finished.prepared.tally.rows() if row.bought or row.sold]
    planned = [float(row.edge) * _BPS for row in rows if row.edge is not None]
    achieved = [_net_bps(row) for row in rows]
    figure = go.Figure()
    figure.add_histogram(x=planned, name="signal's net edge", opacity=0.6, marker={"color": _LINE})
    figure.add_histogram(
        x=achieved, name="achieved, net of fees", opacity=0.6, marker={"color": _GOOD}
    )
    figure.update_layout(
        **_plain_layout(),
        barmode="overlay",
        xaxis={"title": "bp of the amount traded"},
        yaxis={"title": "trades"},
    )
    return figure


def slippage_chart(finished: Finished) -> go.Figure:
    """Adverse difference between planned and actual prices."""
    rows = [row for row in finished.prepared.tally.rows() if row.bought and row.sold]
    values = [float(row.slippage) / _worth(row) * _BPS for row in rows if _worth(row)]
    figure = go.Figure(go.Histogram(x=values, name="slippage", marker={"color": _BAD}))
    figure.update_layout(
        **_plain_layout(),
        xaxis={"title": "slippage, bp of the amount traded (adverse > 0)"},
        yaxis={"title": "trades"},
    )
    return figure


def offer_chart(samples: SpreadSamples) -> go.Figure:
    """Best net edge of all pairs at the sampled moments."""
    values = [edge * _BPS for edge in samples.best_edges if np.isfinite(edge)]
    figure = go.Figure(go.Histogram(x=values, nbinsx=80, marker={"color": _LINE}))
    figure.update_layout(
        **_plain_layout(),
        xaxis={"title": "best net edge over all pairs (bp), at even intervals"},
        yaxis={"title": "moments"},
    )
    return figure


def _mark(figure: go.Figure, rows: Sequence[TradeRow], name: str, symbol: str, color: str) -> None:
    entry = name == "entry"
    marked = [
        (row.started_ns if entry else row.completed_ns, _planned_bps(row) if entry else _got(row))
        for row in rows
    ]
    shown = [
        (at, y, row) for (at, y), row in zip(marked, rows, strict=True) if at and y is not None
    ]
    figure.add_scatter(
        x=[_at(at) for at, _, _ in shown],
        y=[y for _, y, _ in shown],
        name=name,
        mode="markers",
        marker={"symbol": symbol, "size": 6, "color": color, "opacity": 0.6},
        text=[f"#{r.seq} {r.symbol} {r.buy_venue} → {r.sell_venue} {r.state}" for _, _, r in shown],
        hovertemplate="%{text}<br>%{y:.2f} bp<br>%{x}<extra></extra>",
    )


def _planned_bps(row: TradeRow) -> float | None:
    if not row.planned_buy_price or row.planned_sell_price is None:
        return None
    return float((row.planned_sell_price - row.planned_buy_price) / row.planned_buy_price) * _BPS


def _got(row: TradeRow) -> float | None:
    if not row.actual_buy_price or row.actual_sell_price is None:
        return None
    return float((row.actual_sell_price - row.actual_buy_price) / row.actual_buy_price) * _BPS


def _worth(row: TradeRow) -> float:
    bought = float(row.bought * (row.actual_buy_price or 0))
    return bought or float(row.sold * (row.actual_sell_price or 0))


def _net_bps(row: TradeRow) -> float:
    worth = _worth(row)
    return float(row.net) / worth * _BPS if worth else 0.0


def _busiest(finished: Finished, rows: Sequence[TradeRow]) -> set[tuple[int, int]]:
    """Pairs of the symbol traded most, or of the first one that showed a spread."""
    samples = finished.prepared.samples
    registry = finished.prepared.listing.registry
    counts: dict[str, int] = {}
    for row in rows:
        counts[row.symbol] = counts.get(row.symbol, 0) + 1
    if counts:
        symbol = max(counts, key=lambda name: counts[name])
    elif samples.gross:
        best = np.nanmax(np.where(np.isnan(samples.gross), -np.inf, samples.gross), axis=0)
        instrument = registry.instrument_at(samples.pairs[int(best.argmax())][0])
        symbol = "" if instrument is None else instrument.symbol
    else:
        return set()
    place = [index for index, known in enumerate(registry.symbols) if known == symbol]
    return {pair for pair in samples.pairs if pair[0] // len(registry.venues) in place}


def _pair_name(finished: Finished, pair: tuple[int, int]) -> str:
    registry = finished.prepared.listing.registry
    buy, sell = registry.instrument_at(pair[0]), registry.instrument_at(pair[1])
    assert buy is not None
    assert sell is not None
    return f"{buy.symbol} {buy.venue} → {sell.venue}"


def _at(at_ns: int) -> str:
    return to_datetime(at_ns).strftime("%Y-%m-%d %H:%M:%S.%f")


def _layout(finished: Finished) -> dict[str, Any]:
    """Time runs along the recording: long pauses between its parts are cut out."""
    stretches = sorted(finished.prepared.survey.stretches)
    breaks = []
    until = stretches[0][1] if stretches else 0
    for first, last in stretches[1:]:
        if first - until > _LONG_PAUSE_NS:
            breaks.append({"bounds": [_at(until), _at(first)]})
        until = max(until, last)
    axis: dict[str, Any] = {"title": "UTC", "type": "date"}
    if 0 < len(breaks) <= _MAX_BREAKS:
        axis["rangebreaks"] = breaks
    return _plain_layout() | {"xaxis": axis}


def _plain_layout() -> dict[str, Any]:
    return {
        "template": "plotly_white",
        "height": 420,
        "margin": {"l": 60, "r": 20, "t": 20, "b": 50},
        "legend": {"orientation": "h", "y": -0.2, "yanchor": "top", "x": 0},
        "colorway": ["#2563eb", "#d97706", "#7c3aed", "#0891b2", "#be185d", "#4d7c0f"],
        "font": {"family": "system-ui, sans-serif", "color": _INK, "size": 12},
    }
