"""What the agents' rehearsal came to: figures, and a page with votes and trades on the chart."""

import html
from collections import Counter
from datetime import date
from pathlib import Path

import msgspec

from arbiter.agents.rehearsal import Rehearsal, RehearsalSettings
from arbiter.agents.settings import RULES_MODEL
from arbiter.agents.view import Bars
from arbiter.model.agents import Action
from arbiter.model.time import rfc3339, to_datetime

_BY_RULES = "The rules voted; no language model was asked, so none could know the future."
_ALWAYS = (
    "Bars hold no order book and no other venue: the orderbook, arbitrage and sentiment agents "
    "had nothing to say.",
    "Decisions are made at a bar's close and filled at the next one's open, half a spread away, "
    "with the taker's fee; within a bar the stop is taken to come before the profit.",
    "Perpetuals' candles are traded as if they were spot: no funding, no leverage.",
)
_MOST_POINTS = 20_000


class ReplayedModel(msgspec.Struct, frozen=True, kw_only=True):
    """A language model whose recorded words were counted."""

    name: str
    words: int
    cutoff: date | None
    """The last day it knows of, where that is set."""
    before_cutoff: int
    """Words on days it may already have known what came of."""


class AgentsRun(msgspec.Struct, frozen=True, kw_only=True):
    market: str
    venue: str
    interval_ns: int
    bars: Bars
    settings: RehearsalSettings
    result: Rehearsal
    models: tuple[ReplayedModel, ...] = ()

    @property
    def label(self) -> str:
        """Whose votes they are, and whether the future may have been known."""
        names = " + ".join([RULES_MODEL, *(f"replayed {model.name}" for model in self.models)])
        early = any(model.before_cutoff for model in self.models)
        return f"{names} (BEFORE KNOWLEDGE CUT-OFF: the future may be known)" if early else names

    @property
    def candour(self) -> list[str]:
        """What a reader should know before believing the figures."""
        said = [_replayed(model) for model in self.models] or [_BY_RULES]
        return [*said, *_ALWAYS]


def summary(run: AgentsRun) -> dict[str, object]:
    """All figures, as JSON has them."""
    result, capital = run.result, run.settings.capital
    votes = Counter(str(vote.action) for vote in result.votes)
    hold = float(run.bars.close[-1] / run.bars.close[0] - 1.0) if len(run.bars) else 0.0
    return {
        "model": run.label,
        "market": run.market,
        "venue": run.venue,
        "bars": len(run.bars),
        "from": rfc3339(int(run.bars.opens_ns[0])) if len(run.bars) else None,
        "to": rfc3339(int(run.bars.opens_ns[-1])) if len(run.bars) else None,
        "votes": dict(votes),
        "vetoes": sum(bool(vote.veto) for vote in result.votes),
        "round_trips": len(result.trips),
        "wins": result.wins,
        "win_rate": result.wins / len(result.trips) if result.trips else 0.0,
        "pnl": result.pnl,
        "return": result.pnl / capital,
        "buy_and_hold_return": hold,
        "max_drawdown": result.max_drawdown,
        "exits": dict(Counter(trip.reason for trip in result.trips)),
        "replayed_models": {
            model.name: {
                "words": model.words,
                "knowledge_cutoff": None if model.cutoff is None else model.cutoff.isoformat(),
                "words_before_cutoff": model.before_cutoff,
            }
            for model in run.models
        },
        "votes_with_a_model": sum(bool(vote.models) for vote in result.votes),
        "candour": run.candour,
    }


def rows(run: AgentsRun) -> list[tuple[str, str]]:
    """The same as lines of a table."""
    shown = []
    for name, value in summary(run).items():
        if name in {"candour", "replayed_models"}:
            continue
        if isinstance(value, float):
            text = f"{value:.4f}"
        elif isinstance(value, dict):
            text = ", ".join(f"{key} {count}" for key, count in value.items())
        else:
            text = str(value)
        shown.append((name.replace("_", " "), text))
    return shown + [("note", line) for line in run.candour]


def _replayed(model: ReplayedModel) -> str:
    said = f"{model.name}: {model.words} recorded words were replayed, none was asked for anew"
    if not model.before_cutoff:
        return f"{said}; all are from after {model.cutoff}, the last day it knows of."
    known = (
        "the last day it knows of is not set"
        if model.cutoff is None
        else (f"it knows of days up to {model.cutoff}")
    )
    return (
        f"{said}; {model.before_cutoff} of them may have known the future: {known}. "
        "These figures are no evidence of skill."
    )


def write_html(path: Path, run: AgentsRun) -> None:
    """Write one page that needs nothing from anywhere."""
    from plotly.graph_objects import Figure, Scattergl
    from plotly.io import to_html
    from plotly.subplots import make_subplots

    figure: Figure = make_subplots(
        rows=2, cols=1, shared_xaxes=True, row_heights=[0.7, 0.3], vertical_spacing=0.04
    )
    step = max(len(run.bars) // _MOST_POINTS, 1)
    times = [to_datetime(int(at)) for at in run.bars.opens_ns[::step]]
    figure.add_trace(
        Scattergl(x=times, y=run.bars.close[::step], name="close", line={"width": 1}), row=1, col=1
    )
    for action, mark, colour in (
        (Action.BUY, "triangle-up", "#2a9d4a"),
        (Action.SELL, "triangle-down", "#c0392b"),
    ):
        said = [vote for vote in run.result.votes if vote.action is action][:_MOST_POINTS]
        figure.add_trace(
            Scattergl(
                x=[to_datetime(vote.at_ns) for vote in said],
                y=[vote.price for vote in said],
                mode="markers",
                name=f"votes {action}",
                marker={"symbol": mark, "size": 6, "color": colour, "opacity": 0.45},
                text=[_told(vote.opinions, vote.veto) for vote in said],
            ),
            row=1,
            col=1,
        )
    trips = run.result.trips
    for name, at, price, colour in (
        ("bought", [t.entry_ns for t in trips], [t.entry for t in trips], "#1f6f38"),
        ("sold", [t.exit_ns for t in trips], [t.exit for t in trips], "#8e2a20"),
    ):
        figure.add_trace(
            Scattergl(
                x=[to_datetime(each) for each in at],
                y=price,
                mode="markers",
                name=name,
                marker={"size": 10, "color": colour, "line": {"width": 1, "color": "#ffffff"}},
                text=[f"{t.reason}: {t.pnl:.2f}" for t in trips],
            ),
            row=1,
            col=1,
        )
    equity = run.result.equity[::step]
    figure.add_trace(
        Scattergl(
            x=[to_datetime(at) for at, _ in equity], y=[worth for _, worth in equity], name="equity"
        ),
        row=2,
        col=1,
    )
    figure.update_layout(height=760, template="plotly_white", margin={"t": 20})
    table = "".join(
        f"<tr><th>{html.escape(name)}</th><td>{html.escape(text)}</td></tr>"
        for name, text in rows(run)
    )
    title = html.escape(f"Agents on {run.market} at {run.venue}, {run.label}")
    body = to_html(figure, include_plotlyjs=True, full_html=False)
    path.write_text(
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title>"
        "<style>body{font:15px system-ui;margin:2em;max-width:75em}"
        "th{text-align:left;padding-right:2em;font-weight:500}</style>"
        f"<h1>{title}</h1><table>{table}</table>{body}</html>",
        encoding="utf-8",
    )


def _told(opinions: dict[str, str], veto: str) -> str:
    lines = [f"{name}: {said}" for name, said in opinions.items()]
    return "<br>".join([*lines, f"veto: {veto}"] if veto else lines)
