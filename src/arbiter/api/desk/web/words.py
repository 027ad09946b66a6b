"""Figures, times and states as people read them; everything that comes out is safe HTML."""

from datetime import UTC, datetime
from html import escape
from typing import Any

DASH = '<span class="muted">–</span>'

_LEVELS = {"normal": "good", "warning": "warn", "critical": "bad", "breach": "bad"}
_GOOD = {"FILLED", "COMPLETED", "RUNNING", "running", "HEDGED", "ok", "ACCEPTED"}
_BAD = {"DENIED", "REJECTED", "FAILED", "killed", "stopped", "STOPPED", "critical", "error"}
_WARN = {"UNWOUND", "UNWINDING", "HELD", "low", "starting", "stopping", "warning", "EXPIRED"}


def text(value: object) -> str:
    return escape(str(value))


def figure(value: float | None, digits: int | None = None, unit: str = "") -> str:
    """A number with thousands apart; without `digits` as many as its size asks for.

    The exact value stands beside it in the markup, for scripts and for copying.
    """
    if value is None:
        return DASH
    shown = f"{value:,.{_digits(value) if digits is None else digits}f}"
    if shown.startswith("-"):
        nothing = not float(shown.replace(",", ""))
        shown = shown.replace("-", "" if nothing else "−")
    return f'<data value="{value!r}">{shown}</data>{escape(unit) if unit else ""}'


def signed(value: float | None, digits: int = 2, unit: str = "") -> str:
    """A gain or a loss: sign and colour both say which."""
    if value is None:
        return DASH
    shown = f"{value:+,.{digits}f}"
    if float(shown.replace(",", "")) == 0:
        return f'<data value="{value!r}">{shown[1:]}</data>{escape(unit)}'
    side = "gain" if value > 0 else "loss"
    shown = shown.replace("-", "−")
    return f'<data class="{side}" value="{value!r}">{shown}</data>{escape(unit)}'


def _digits(value: float) -> int:
    size = abs(value)
    if size >= 1_000 or size == 0:
        return 2
    if size >= 1:
        return 4
    return 6 if size >= 0.001 else 8


def clock(ts: str | None) -> str:
    """The time of day, UTC; the whole moment is its tool tip, and the date where it is not today."""
    if not ts:
        return DASH
    today = datetime.now(UTC).date().isoformat()
    day = "" if ts.startswith(today) else f"{ts[5:10]} "
    return f'<time datetime="{escape(ts)}" title="{escape(ts)}">{day}{escape(ts[11:19])}</time>'


def lasted(ms: float | None) -> str:
    if ms is None:
        return DASH
    if ms < 1_000:
        return f"{ms:.0f} ms"
    return f"{ms / 1_000:.1f} s" if ms < 120_000 else uptime(int(ms / 1_000))


def uptime(seconds: int) -> str:
    minutes, left = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {left:02d} s"


def pill(word: str, kind: str = "") -> str:
    """A state as a small label; its word says what its colour does."""
    kind = kind or _kind(word)
    shown = word.replace("_", " ").lower()
    return f'<span class="pill {kind}">{escape(shown)}</span>'


def _kind(word: str) -> str:
    if word in _GOOD:
        return "good"
    if word in _BAD:
        return "bad"
    return "warn" if word in _WARN else "plain"


def side(word: str) -> str:
    return f'<span class="{"buy" if word in ("BUY", "LONG") else "sell"}">{escape(word)}</span>'


def bar(fraction: float, level: str, label: str) -> str:
    """How much of something is used; `label` is read out where the bar cannot be seen."""
    width = min(max(fraction, 0.0), 1.0) * 100
    kind = _LEVELS.get(level, level)
    return (
        f'<div class="bar {kind}" role="meter" aria-label="{escape(label)}" aria-valuemin="0" '
        f'aria-valuemax="100" aria-valuenow="{width:.0f}"><i style="width:{width:.1f}%"></i></div>'
    )


def link(target: str, label: str) -> str:
    return f'<a href="{escape(target)}">{escape(label)}</a>'


_PINNED = ("#PnL", "#Unrealized")


def table(heads: list[str], rows: list[list[str]], empty: str, caption: str) -> str:
    """`heads` that begin with ``#`` are columns of figures; cells are HTML already.

    A phone shows the first column of PnL whatever part of the table it shows.
    """
    if not rows:
        return f'<p class="muted empty">{escape(empty)}</p>'
    kinds = [' class="n"' if head.startswith("#") else "" for head in heads]
    pinned = next((n for n, head in enumerate(heads) if head.startswith(_PINNED)), None)
    if pinned is not None:
        kinds[pinned] = ' class="n pin"'
    names = "".join(
        f'<th scope="col"{kind}>{escape(head.lstrip("#"))}</th>'
        for head, kind in zip(heads, kinds, strict=True)
    )
    lines = "".join(
        "<tr>"
        + "".join(f"<td{k}>{cell}</td>" for cell, k in zip(row, kinds, strict=True))
        + "</tr>"
        for row in rows
    )
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(caption)}"><table>'
        f"<caption>{escape(caption)}</caption>"
        f"<thead><tr>{names}</tr></thead><tbody>{lines}</tbody></table></div>"
    )


def tile(name: str, value: str, more: str = "") -> str:
    small = f"<small>{more}</small>" if more else ""
    return f'<div class="tile"><span>{escape(name)}</span><b>{value}</b>{small}</div>'


def short(value: Any, most: int = 80) -> str:
    """Text cut to a length, the whole of it as its tool tip."""
    whole = str(value)
    if len(whole) <= most:
        return escape(whole)
    return f'<span title="{escape(whole)}">{escape(whole[: most - 1])}…</span>'
