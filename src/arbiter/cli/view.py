"""The live view: what the engine sees and does, four times a second at most.

A picture is taken on the loop, which is quick; drawing it happens in a thread.
"""

import asyncio
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Protocol

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from arbiter.model.money import plain
from arbiter.model.time import to_datetime
from arbiter.model.trades import Trade, TradeState
from arbiter.runtime.queries import EngineFacts, SpreadFacts, VenueFacts

SECONDS_PER_PICTURE = 0.25
SPREADS = 10
TRADES = 8
ALERTS = 4
FEWEST = 3
"""Rows of a table that others make room for."""
_HEADS = 2
"""Lines of a table above its rows."""


class Pictures(Protocol):
    """Where the view looks: the engine's queries."""

    def facts(self) -> EngineFacts: ...

    def spreads(self, limit: int | None = None) -> tuple[SpreadFacts, ...]: ...


class LiveView:
    def __init__(
        self,
        queries: Pictures,
        listeners: Mapping[str, Sequence[str]],
        console: Console | None = None,
    ) -> None:
        self._queries = queries
        self._listeners = listeners
        self._console = console or Console()
        self._rates = QuoteRates()

    async def run(self, stop: asyncio.Event) -> None:
        """Draw until cancelled or the terminal has gone; says so while the engine stops."""
        try:
            with Live(console=self._console, auto_refresh=False, transient=False) as live:
                while True:
                    picture = self.picture(stopping=stop.is_set())
                    await asyncio.to_thread(live.update, picture, refresh=True)
                    await asyncio.sleep(SECONDS_PER_PICTURE)
        except OSError:
            # The terminal has gone; the engine has not.
            return

    def picture(self, *, stopping: bool = False) -> RenderableType:
        """Draw all of it, on a terminal so much that head, money and alerts are not cut off."""
        facts = self._queries.facts()
        self._rates.note(facts)
        spreads = self._queries.spreads(SPREADS)
        top, bottom = header(facts, self._listeners, stopping=stopping), footer(facts)
        open_, recent, venues, best = self._rows(
            [top, bottom],
            min(len(facts.open_trades), TRADES),
            min(len(facts.recent_trades), TRADES),
            len(facts.venues),
            len(spreads),
        )
        tables = (
            (venues, venue_table(facts, self._rates, venues)),
            (best, spread_table(spreads[:best])),
            (open_, trade_table("Open trades", facts.open_trades[:open_], facts.now_ns)),
            (recent, trade_table("Recent trades", facts.recent_trades[:recent], facts.now_ns)),
        )
        return Group(top, *(table for rows, table in tables if rows), bottom)

    def _rows(self, always: Sequence[RenderableType], *wanted: int) -> list[int]:
        """Share what the terminal's height leaves: to each table in turn a part, then what is left."""
        if not self._console.is_terminal:
            return list(wanted)
        left = self._console.height - 1
        left -= sum(len(self._console.render_lines(part)) for part in always)
        given = []
        for rows in wanted:
            part = min(rows, FEWEST, max(left - _HEADS, 0))
            given.append(part)
            left -= part + _HEADS if part else 0
        for at, rows in enumerate(wanted):
            if given[at]:
                more = min(rows - given[at], max(left, 0))
                given[at] += more
                left -= more
        return given


class QuoteRates:
    """Quotes per second of each venue, over the last second or so."""

    def __init__(self) -> None:
        self._marks: dict[str, tuple[int, int]] = {}
        self._rates: dict[str, float] = {}

    def note(self, facts: EngineFacts) -> None:
        for venue in facts.venues:
            at, count = self._marks.get(venue.venue, (0, 0))
            passed = facts.now_ns - at
            if at and passed < 1_000_000_000:
                continue
            if at:
                self._rates[venue.venue] = (venue.quotes - count) * 1e9 / passed
            self._marks[venue.venue] = (facts.now_ns, venue.quotes)

    def of(self, venue: str) -> float:
        return self._rates.get(venue, 0.0)


def header(
    facts: EngineFacts, listeners: Mapping[str, Sequence[str]], *, stopping: bool
) -> RenderableType:
    switch = facts.kill_switch
    if switch.engaged:
        state = Text(f"KILL SWITCH: {switch.reason} (by {switch.actor})", style="bold white on red")
    elif stopping or facts.stopping:
        state = Text("stopping: open legs are being resolved", style="bold yellow")
    elif not facts.ready:
        state = Text("recovering", style="yellow")
    else:
        state = Text("trading", style="bold green")
    # At an orderly end the journal is closed: that is no lost database.
    if not facts.journal_healthy and not (stopping or facts.stopping):
        state.append("  database does not answer: nothing is opened", style="bold red")
    if facts.idle:
        state.append(f"  not running: {', '.join(facts.idle)}", style="yellow")
    line = Text.assemble(
        ("arbiter ", "bold"),
        f"{facts.version}  mode {facts.mode}  up {duration(facts.uptime_s)}  ",
        f"{facts.symbols} symbols  kill switch {'ENGAGED' if switch.engaged else 'off'}",
    )
    where = Text(
        "  ".join(f"{name} {' '.join(urls)}" for name, urls in listeners.items()), style="dim"
    )
    return Panel(Group(line, state, where) if listeners else Group(line, state), padding=(0, 1))


def venue_table(facts: EngineFacts, rates: QuoteRates, rows: int) -> Table:
    """Draw so many; where not all fit, those in trouble first."""
    table = _table("Exchanges", "exchange", "state", "age", "quotes/s", "quotes", "refused")
    shown = facts.venues
    if rows < len(shown):
        shown = tuple(sorted(shown, key=lambda venue: venue.connected)[:rows])
    for venue in shown:
        table.add_row(
            venue.venue,
            Text("connected", "green") if venue.connected else Text(_why(venue), "bold red"),
            age(venue, facts.now_ns),
            f"{rates.of(venue.venue):,.0f}",
            f"{venue.quotes:,}",
            f"{venue.faults:,}",
        )
    return table


def spread_table(spreads: Sequence[SpreadFacts]) -> Table:
    table = _table(
        "Best spreads, net of fees and slippage", "symbol", "buy", "at", "sell", "at", "net"
    )
    for spread in spreads:
        table.add_row(
            spread.symbol,
            spread.buy_venue,
            f"{spread.buy_price:,.8g}",
            spread.sell_venue,
            f"{spread.sell_price:,.8g}",
            Text(f"{spread.edge * 100:+.3f} %", "green" if spread.edge > 0 else "dim"),
        )
    return table


def trade_table(title: str, trades: Sequence[Trade], now_ns: int) -> Table:
    table = _table(title, "no", "symbol", "buy → sell", "size", "state", "PnL", "when")
    for trade in trades:
        venues = " → ".join(leg.instrument.rpartition(".")[2].lower() for leg in trade.legs)
        table.add_row(
            str(trade.seq),
            trade.symbol,
            venues,
            plain(trade.legs[0].size) if trade.legs else "",
            Text(trade.state.lower(), _STATE_STYLE.get(trade.state, "")),
            money(trade.pnl),
            duration((now_ns - (trade.completed_ns or trade.started_ns)) // 1_000_000_000) + " ago",
        )
    return table


def footer(facts: EngineFacts) -> RenderableType:
    fees = sum((trade.fees_quote for trade in facts.recent_trades), Decimal(0))
    assessment = facts.assessment
    line = Text.assemble(
        ("today  ", "bold"),
        "PnL ",
        money(facts.pnl_today),
        f"  trades {facts.trades_today}  fees of the last {len(facts.recent_trades)} ",
        f"{plain(fees.quantize(Decimal('0.01')))}  ",
        ("in all  ", "bold"),
        "PnL ",
        money(facts.pnl_total),
        f"  signals {facts.signals_total}  risk {assessment.level.value}",
    )
    lines: list[Text] = [line]
    lines += [Text(warning, "yellow") for warning in assessment.warnings]
    for alert in facts.alerts[:ALERTS]:
        moment = to_datetime(alert.at_ns)
        style = "bold red" if alert.severity == "critical" else "yellow"
        lines.append(Text(f"{moment:%H:%M:%S} {alert.severity}: {alert.text}", style))
    return Panel(Group(*lines), padding=(0, 1))


_STATE_STYLE = {
    TradeState.COMPLETED: "green",
    TradeState.UNWOUND: "yellow",
    TradeState.UNWINDING: "yellow",
    TradeState.HELD: "bold red",
    TradeState.FAILED: "dim",
    TradeState.ABANDONED: "dim",
}


def money(amount: Decimal | None) -> Text:
    """Two decimals with the sign, green or red."""
    if amount is None:
        return Text("-", "dim")
    shown = f"{amount.quantize(Decimal('0.01')):+}"
    return Text(shown, "green" if amount > 0 else "red" if amount < 0 else "")


def age(venue: VenueFacts, now_ns: int) -> str:
    if venue.last_quote_ns is None:
        return "-"
    millis = max(0, (now_ns - venue.last_quote_ns) // 1_000_000)
    return f"{millis} ms" if millis < 10_000 else duration(millis // 1_000)


def duration(seconds: int) -> str:
    """``8s``, ``4m 05s``, ``3h 07m``, ``2d 3h``."""
    if seconds < 60:
        return f"{max(0, seconds)}s"
    if seconds < 3_600:
        return f"{seconds // 60}m {seconds % 60:02}s"
    if seconds < 86_400:
        return f"{seconds // 3_600}h {seconds % 3_600 // 60:02}m"
    return f"{seconds // 86_400}d {seconds % 86_400 // 3_600}h"


def _why(venue: VenueFacts) -> str:
    return venue.reason or "no quotes yet"


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, expand=True)
    for column in columns:
        table.add_column(column, style="", header_style="dim", no_wrap=True)
    return table
