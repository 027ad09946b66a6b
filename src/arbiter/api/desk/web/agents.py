"""Agents and decisions: who votes, what was said and why, and what happened when it was alike."""

from nicegui import ui

from arbiter.api.desk.web import words
from arbiter.api.desk.web.client import Json
from arbiter.api.desk.web.page import ROOT, Page

_ROWS = 50
_TYPES = {
    "": "All",
    "signal": "Opinions",
    "consensus": "Votes",
    "risk_approval": "Risk agent",
}
_REASON = 140


async def agents(page: Page) -> None:
    body = await page.desk.get("/api/desk/agents")
    names = {"": "All", "orchestrator": "orchestrator"}
    names |= {each["name"]: each["name"] for each in body["agents"]}
    page.region("off", _off(body))
    with ui.element("section").classes("card"):
        ui.html("<h2>Who votes</h2>", sanitize=False)
        page.region("agents", agents_table(body["agents"]))
    with ui.element("section").classes("card"):
        ui.html("<h2>Sessions</h2>", sanitize=False)
        page.region("sessions", sessions_table(body["sessions"]))
    with ui.element("section").classes("card"):
        with ui.element("div").classes("head"):
            ui.html("<h2>Decisions</h2>", sanitize=False)
            symbol = ui.input("Symbol").props("dense outlined clearable debounce=400")
            agent = ui.select(names, value="", label="Agent").props("dense outlined")
            kind = ui.select(_TYPES, value="", label="Kind").props("dense outlined")
        page.region("decisions")

    async def read() -> None:
        found = await page.desk.get(
            "/api/desk/decisions",
            symbol=symbol.value,
            agent=agent.value,
            type=kind.value,
            limit=_ROWS,
        )
        page.show("decisions", decisions_table(found))

    async def changed() -> None:
        await page.attempt(read())

    def follow(news: Json) -> None:
        page.show("off", _off(news))
        page.show("agents", agents_table(news["agents"]))
        page.show("sessions", sessions_table(news["sessions"]))

    for each in (symbol, agent, kind):
        each.on_value_change(changed)
    page.follow("agents", follow)
    page.reread({"agents"}, read, every_s=2.0)
    await read()


def _off(body: Json) -> str:
    if body["enabled"]:
        return ""
    return '<p class="card">The agents are switched off in this engine: agents.enabled.</p>'


def agents_table(rows: list[Json]) -> str:
    heads = ["Agent", "Kind", "State", "#Signals", "Last one, UTC", "By", "Note"]
    lines = [
        [
            words.text(row["name"]),
            words.text(row["type"]),
            words.pill(
                row["status"], {"active": "good", "error": "bad"}.get(row["status"], "warn")
            ),
            words.figure(row["signals"], 0),
            words.clock(row["ts_last_signal"]),
            words.text(row["model"]),
            words.short(row["note"], 60) if row["note"] else words.DASH,
        ]
        for row in rows
    ]
    return words.table(heads, lines, "No agent.", "Agents and how each is")


def sessions_table(rows: list[Json]) -> str:
    heads = ["Symbol", "Venue", "State", "#Capital", "#PnL, net", "#Trades", "#Won", "#Drawdown"]
    lines = [
        [
            words.text(row["symbol"]),
            words.text(row["venue"]),
            words.pill(row["state"], "good" if row["state"] == "RUNNING" else "warn"),
            words.figure(row["initial_capital"], 2),
            words.signed(row["total_pnl"], 4),
            words.figure(row["total_trades"], 0),
            words.figure(row["winning_trades"], 0),
            words.figure(row["max_drawdown"] * 100, 2, " %"),
            words.clock(row["ts_started"]),
        ]
        for row in rows
    ]
    return words.table(
        [*heads, "Started, UTC"],
        lines,
        "No session runs; one is started by POST /api/v1/trade/start of the agents' API.",
        "Sessions",
    )


def decisions_table(rows: list[Json], empty: str = "No decision yet.") -> str:
    heads = ["Said, UTC", "Agent", "Symbol", "Decision", "#Confidence", "Outcome", "#PnL", "Why"]
    lines = [
        [
            _link(row),
            words.text(row["agent"]),
            words.text(row["symbol"]),
            _said(row["decision"]),
            words.figure(row["confidence"], 2),
            _outcome(row["outcome"]),
            words.signed(row["pnl"], 4),
            words.short(row["reasoning"], _REASON),
            words.text(row["model"]),
        ]
        for row in rows
    ]
    return words.table([*heads, "By"], lines, empty, "Decisions, newest first")


def _link(row: Json) -> str:
    moment = words.text(row["ts"])
    return (
        f'<a href="{ROOT}/agents/{row["id"]}"><time datetime="{moment}" title="{moment}">'
        f"{moment[11:19]}</time></a>"
    )


def _said(word: str) -> str:
    kinds = {"BUY": "good", "APPROVE": "good", "SELL": "bad", "VETO": "bad"}
    return words.pill(word, kinds.get(word, "plain"))


def _outcome(word: str) -> str:
    return words.pill(word, {"SUCCESS": "good", "FAILURE": "bad"}.get(word, "plain"))


async def decision(page: Page, key: str) -> None:
    story = await page.desk.get(f"/api/desk/decisions/{key}")
    one = story["decision"]
    ui.html(
        f"<h1>{words.text(one['agent'])} <small>{words.text(one['symbol'])} · "
        f'<a href="{ROOT}/agents">all decisions</a></small></h1>',
        sanitize=False,
    )
    page.region("story", tell(story))


def tell(story: Json) -> str:
    one = story["decision"]
    tiles = "".join(
        (
            words.tile("Said", _said(one["decision"]), words.clock(one["ts"])),
            words.tile("Confidence", words.figure(one["confidence"], 2)),
            words.tile("Outcome", _outcome(one["outcome"])),
            words.tile("PnL", words.signed(one["pnl"], 4)),
            words.tile("By", words.text(one["model"]), _cost(story)),
        )
    )
    failed = (
        ""
        if one["error"] is None
        else (f'<p class="bad">No model\'s answer was used: {words.text(one["error"])}</p>')
    )
    seen = "".join(
        f"<dt>{words.text(name.replace('_', ' '))}</dt><dd>{_plain(value)}</dd>"
        for name, value in story["context"].items()
        if not isinstance(value, dict | list)
    )
    return (
        f'<div class="tiles">{tiles}</div>'
        f'<section class="card"><h2>Reasoning</h2><p class="lead" data-name="reasoning">'
        f"{words.text(one['reasoning'])}</p>{failed}</section>"
        f'<section class="card" data-name="votes"><h2>Votes</h2>{votes(story)}</section>'
        f'<section class="card" data-name="round"><h2>In the same round</h2>'
        f"{decisions_table(story['round'], 'Nothing else belongs to it.')}</section>"
        f'<section class="card" data-name="similar"><h2>Similar past decisions</h2>'
        f"{similar_table(story['similar'])}</section>"
        f'<section class="card"><h2>What it saw</h2><dl class="facts-list">{seen}</dl>'
        f"<h2>Asked</h2>{_quoted(story['prompt'], 'What was asked')}"
        f"<h2>Answered</h2>{_quoted(story['response'], 'What was answered')}</section>"
    )


def votes(story: Json) -> str:
    lines = [
        [
            words.text(vote["agent"]),
            _said(vote["action"]),
            words.figure(vote["confidence"], 2),
            words.bar(vote["confidence"], "good", f"{vote['agent']}'s confidence"),
        ]
        for vote in story["votes"]
    ]
    shown = words.table(
        ["Agent", "Said", "#Confidence", "How sure"],
        lines,
        "It was part of no vote.",
        "Votes that were counted",
    )
    scores = ", ".join(
        f"{words.text(action)} {words.figure(score, 3)}"
        for action, score in story["scores"].items()
    )
    return shown + (f'<p class="muted">Weight × confidence: {scores}</p>' if scores else "")


def similar_table(rows: list[Json]) -> str:
    lines = [
        [
            _link(row),
            words.text(row["symbol"]),
            _said(row["decision"]),
            words.figure(row["confidence"], 2),
            words.figure(row["similarity"], 4),
            _outcome(row["outcome"]),
        ]
        for row in rows
    ]
    heads = ["Said, UTC", "Symbol", "Decision", "#Confidence", "#Similarity", "Outcome"]
    return words.table(heads, lines, "Nothing alike yet.", "Similar past decisions, nearest first")


def _cost(story: Json) -> str:
    tokens = story["prompt_tokens"] + story["completion_tokens"]
    if not tokens:
        return ""
    return f"{tokens:,} tokens, {words.figure(story['cost_usd'], 4)} USD"


def _plain(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return words.DASH if value is None else words.text(value)
    return words.figure(value)


def _quoted(text: str, label: str) -> str:
    return (
        f'<pre class="quoted" tabindex="0" role="region" aria-label="{label}">'
        f"{words.text(text)}</pre>"
    )
