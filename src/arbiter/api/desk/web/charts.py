"""The two charts: equity over time, and candles. Colours come from the theme, in the browser."""

from datetime import datetime, timedelta
from typing import Any

from nicegui import ui

from arbiter.api.desk.web.client import Json

_LEAD = timedelta(minutes=5)
_GRID = {"left": 12, "right": 16, "top": 16, "bottom": 8, "containLabel": True}


def equity() -> ui.echart:
    return _chart(
        {
            "animation": False,
            "grid": _GRID,
            "tooltip": {"trigger": "axis", "confine": True},
            "xAxis": {"type": "time", "axisLabel": {"hideOverlap": True}},
            "yAxis": {"type": "value", "scale": True},
            "series": [
                {
                    "type": "line",
                    "name": "Trading PnL, USD",
                    "showSymbol": False,
                    "lineStyle": {"width": 2},
                    "areaStyle": {"opacity": 0.12},
                    "data": [],
                }
            ],
        },
        "Equity: cumulative trading PnL over time",
    )


def draw_equity(chart: ui.echart, body: Json) -> None:
    """Draw from shortly before the first trade of the period on: nothing moved before it."""
    points = [[point["ts"], round(point["cumulative_pnl"], 6)] for point in body["points"]]
    if len(points) > 1:
        before = datetime.fromisoformat(points[1][0]) - _LEAD
        points[0][0] = max(points[0][0], before.strftime("%Y-%m-%dT%H:%M:%SZ"))
    _ = chart.run_chart_method("setOption", {"series": [{"data": points}]})


def candles() -> ui.echart:
    return _chart(
        {
            "animation": False,
            "grid": _GRID,
            "tooltip": {"trigger": "axis", "confine": True},
            "xAxis": {"type": "category", "data": []},
            "yAxis": {"type": "value", "scale": True},
            "dataZoom": [{"type": "inside"}],
            "series": [{"type": "candlestick", "name": "Price", "data": []}],
        },
        "Candles",
    )


def draw_candles(chart: ui.echart, body: Json) -> None:
    found = body["candles"]
    bars = [[bar["open"], bar["close"], bar["low"], bar["high"]] for bar in found]
    _ = chart.run_chart_method(
        "setOption",
        {
            "xAxis": {"data": [bar["ts"][5:16].replace("T", " ") for bar in found]},
            "series": [{"data": bars}],
        },
    )


def _chart(options: dict[str, Any], label: str) -> ui.echart:
    chart = ui.echart(options).classes("chart")
    chart.props(f'role="img" aria-label="{label}"')
    return chart
