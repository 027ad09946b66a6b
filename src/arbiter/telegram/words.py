"""Answers of the control API as short messages in Telegram's HTML."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from html import escape

from google.protobuf.timestamp_pb2 import Timestamp

import arbiter_pb2 as pb

LONGEST = 3_900
"""Characters of a message; Telegram takes 4,096 after entities."""
ROWS = 20

_VENUES = "EXCHANGE_"
_RUNS, _STOPPED = "\N{BLACK RIGHT-POINTING TRIANGLE}", "\N{BLACK SQUARE FOR STOP}"
_ON, _OFF = "\N{WHITE HEAVY CHECK MARK}", "\N{DOUBLE VERTICAL BAR}"
_WARNING = "\N{WARNING SIGN}"
_SIDES = {pb.SIDE_BUY: "BUY", pb.SIDE_SELL: "SELL"}
_MARKS = {
    pb.ALERT_SEVERITY_INFO: "\N{INFORMATION SOURCE}",
    pb.ALERT_SEVERITY_WARNING: _WARNING,
    pb.ALERT_SEVERITY_CRITICAL: "\N{POLICE CARS REVOLVING LIGHT}",
}


def status(said: pb.EngineStatus) -> str:
    up = [f"{v.venue}" for v in said.venues if v.connected]
    down = [f"{v.venue} ({v.reason or 'no connection'})" for v in said.venues if not v.connected]
    lines = [
        f"<b>{escape(said.mode)}</b>, {'ready' if said.ready else 'not ready'}, "
        f"up {span(said.uptime_seconds)}",
        kill_switch(said.kill_switch),
        f"Today: {money(said.pnl_today)} in {said.trades_today} trades, {said.open_trades} open",
        f"All in all: {money(said.pnl_total)}",
        f"Limits: {escape(said.limits_level)}",
        f"Venues: {escape(', '.join(up)) or 'none connected'}",
    ]
    if down:
        lines.append(f"<b>Down</b>: {escape(', '.join(down))}")
    if not said.journal_healthy:
        lines.append("<b>The database does not answer: nothing is opened.</b>")
    lines += [f"{_WARNING} {escape(each)}" for each in said.warnings]
    lines += [
        f"{_RUNS if s.running else _STOPPED} "
        f"{escape(s.name)}: {'running' if s.running else 'stopped'}, {s.open_trades} open"
        for s in said.strategies
    ]
    return joined(lines)


def kill_switch(said: pb.KillSwitch) -> str:
    if not said.engaged:
        return "Kill switch: released"
    since = f" since {clock(said.since)}" if said.HasField("since") else ""
    return f"<b>Kill switch: ENGAGED</b>{since} by {escape(said.actor)}: {escape(said.reason)}"


def kill_report(said: pb.KillReport) -> str:
    lines = [
        "<b>Flat: proven by every venue.</b>" if said.flat else "<b>NOT proven flat.</b>",
        *(_proof(each) for each in said.venues),
    ]
    if not said.durable:
        lines.append("The latch is not in the database yet; a kill file holds it meanwhile.")
    return joined(lines)


def _proof(said: pb.VenueProof) -> str:
    if said.flat:
        return f"{escape(said.venue)}: flat"
    open_things = [*said.open_orders, *said.unhedged, *said.positions]
    why = ", ".join(open_things) or said.note or "not proven"
    away = "" if said.reachable else "no answer; "
    return f"<b>{escape(said.venue)}: not flat</b>: {escape(away + why)}"


def balances(said: Sequence[pb.Balance]) -> str:
    rows = sorted(
        (each for each in said if each.total), key=lambda b: (venue(b.exchange), b.currency)
    )
    lines, last = [], ""
    for each in rows:
        name = venue(each.exchange)
        if name != last:
            lines.append(f"<b>{escape(name)}</b>")
            last = name
        held = f" ({number(each.locked)} locked)" if each.locked else ""
        lines.append(f"{escape(each.currency)} {number(each.available)}{held}")
    return joined(lines or ["No balances."])


def positions(said: Sequence[pb.Position]) -> str:
    lines = [
        f"{_SIDES.get(p.side, '?')} {number(p.size)} {escape(p.market_name or p.market_id)} on "
        f"{escape(venue(p.exchange))} at {number(p.entry_price)}, now {number(p.current_price)}: "
        f"{money(p.unrealized_pnl)}"
        for p in said
    ]
    return joined(lines or ["No open positions."])


def order(said: pb.OrderResponse) -> str:
    price = f"at {number(said.price)}" if said.price else "at market"
    state = pb.OrderStatus.Name(said.status).removeprefix("ORDER_STATUS_").lower().replace("_", " ")
    return (
        f"{_SIDES.get(said.side, '?')} {number(said.size)} {escape(said.market_id)} {price} on "
        f"{escape(venue(said.exchange))}: {state}, {number(said.filled_size)} filled"
    )


def orders(said: Sequence[pb.OrderResponse]) -> str:
    return joined([order(each) for each in said] or ["No open orders."])


def arb(said: pb.GetArbStatusResponse, config: pb.ArbConfig) -> str:
    state = pb.ArbEngineState.Name(said.state).removeprefix("ARB_ENGINE_STATE_")
    last = clock(said.last_activity) if said.HasField("last_activity") else "none yet"
    return joined(
        [
            f"Prediction-market arbitrage: <b>{state}</b>",
            f"{said.active_pairs} pairs, {said.opportunities_today} openings and "
            f"{said.trades_today} trades today",
            f"Today: {money(said.pnl_today)}; last activity {last}",
            f"At least {number(config.min_spread)} a contract, at most "
            f"{money(config.max_position_size)} a trade and {money(config.max_total_exposure)} "
            f"in all, quotes no older than {config.staleness_threshold_ms} ms",
        ]
    )


def pairs(said: Sequence[pb.EventPair]) -> str:
    lines = [
        f"{_ON if p.enabled else _OFF} "
        f"{escape(p.name)} ({escape(p.polarity)}): {escape(p.first.market_id)} on "
        f"{escape(venue(p.first.exchange))}, {escape(p.second.market_id)} on "
        f"{escape(venue(p.second.exchange))}"
        + (f", edge {number(p.edge)}" if p.HasField("edge") else "")
        for p in said
    ]
    return joined(lines or ["No pairs. Propose some with: arbiter pairs propose"])


def copy_trade(said: pb.CopyTrade) -> str:
    return (
        f"{escape(said.target_wallet)} on {escape(venue(said.exchange))}: "
        f"x{number(said.size_multiplier)}, at most {money(said.max_position_size)} a copy, "
        f"{'on' if said.enabled else 'off'}, {money(said.total_pnl)}"
    )


def copy_trades(said: Sequence[pb.CopyTrade]) -> str:
    return joined([copy_trade(each) for each in said] or ["Nobody is copied."])


def pnl(said: pb.Pnl) -> str:
    lines = [
        f"Today <b>{money(said.today)}</b>, all in all <b>{money(said.total)}</b>",
        f"Exposure {money(said.exposure)}; {said.daily_loss_used:.0%} of the daily loss and "
        f"{said.drawdown_used:.0%} of the drawdown used",
        *(
            f"{escape(each.strategy)}: {number(each.realized)} {escape(each.currency)} before "
            f"{number(each.fees)} fees"
            for each in said.strategies
        ),
        *(f"{escape(day.date)}: {money(day.realized)}" for day in said.days[:7]),
    ]
    return joined(lines)


def budget(said: pb.Budget) -> str:
    limit = number(said.allocated) if said.HasField("allocated") else "unlimited"
    left = f", {number(said.available)} available" if said.HasField("available") else ""
    return (
        f"{escape(said.strategy)} {escape(said.currency)}: {limit}, "
        f"{number(said.reserved)} reserved{left}"
    )


def budgets(said: Sequence[pb.Budget]) -> str:
    return joined([budget(each) for each in said] or ["No budgets: every strategy is unlimited."])


def agents(said: pb.ListAgentsResponse) -> str:
    if not said.agents:
        return "The agents are switched off."
    lines = [
        f"{escape(a.name)}: {escape(a.status)}, {a.signals} opinions by {escape(a.model)}"
        + (f" ({escape(a.note)})" if a.note else "")
        for a in said.agents
    ]
    lines += [
        f"Session {escape(s.symbol)} {escape(s.mode)} {escape(s.state)}: {money(s.total_pnl)} in "
        f"{s.total_trades} trades"
        for s in said.sessions
    ]
    return joined(lines)


def alert(said: pb.Alert) -> str:
    return f"{_MARKS.get(said.severity, '')} {clock(said.at)} {escape(said.text)}"


def joined(lines: Iterable[str]) -> str:
    """Put lines together as far as one message holds, and say how many are left out."""
    given = list(lines)
    taken: list[str] = []
    size = 0
    for line in given:
        size += len(line) + 1
        if size > LONGEST:
            taken.append(f"… and {len(given) - len(taken)} more")
            break
        taken.append(line)
    return "\n".join(taken)


def venue(exchange: pb.Exchange) -> str:
    """Name an exchange as people do: ``binance futures``."""
    try:
        name = pb.Exchange.Name(exchange)
    except ValueError:
        return f"exchange {int(exchange)}"
    return str(name).removeprefix(_VENUES).replace("_", " ").lower()


def exchange_of(name: str) -> pb.Exchange | None:
    """Find the exchange a person named; None for an unknown one."""
    wanted = name.strip().upper().replace(" ", "_").replace("-", "_")
    found = pb.Exchange.DESCRIPTOR.values_by_name.get(f"{_VENUES}{wanted}")
    return None if found is None or not found.number else pb.Exchange.ValueType(found.number)


def money(value: float) -> str:
    """US dollars, to the cent."""
    return f"{'-' if value < 0 else ''}${abs(value):,.2f}"


def number(value: float) -> str:
    """At most eight digits, without an exponent."""
    text = f"{value:,.8f}" if abs(value) < 1 else f"{value:,.4f}"
    return text.rstrip("0").rstrip(".") or "0"


def span(seconds: int) -> str:
    hours, rest = divmod(max(seconds, 0), 3_600)
    days, hours = divmod(hours, 24)
    minutes = rest // 60
    return f"{days} d {hours} h" if days else f"{hours} h {minutes} min"


def clock(at: Timestamp) -> str:
    return datetime.fromtimestamp(at.ToNanoseconds() / 1e9, UTC).strftime("%m-%d %H:%M:%S UTC")
