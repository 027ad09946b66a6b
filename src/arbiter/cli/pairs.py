"""`arbiter pairs`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from arbiter.cli.options import ConfigFile, HomeFolder, Json, load_settings
from arbiter.cli.output import emit, emit_json, emit_table

if TYPE_CHECKING:
    from arbiter.model.event_pairs import EventPair

app = typer.Typer(
    help="Event markets of two venues that are one contract; only approved ones trade.",
    no_args_is_help=True,
)

PairName = Annotated[str, typer.Argument(metavar="PAIR", help="The pair's id, or its beginning.")]
Reason = Annotated[str, typer.Option("--reason", help="Kept with the pair and in the audit log.")]
Cap = Annotated[
    str | None,
    typer.Option("--cap", metavar="USD", help="Most that may be lost if both venues disagree."),
]
COLUMNS = ("id", "state", "polarity", "first", "second", "cap_usd", "closes_at", "approved_by")


@app.command("show")
def show(
    pair: Annotated[str | None, typer.Argument(help="Show this one, with both texts.")] = None,
    state: Annotated[
        str | None, typer.Option(help="Only proposed, approved, rejected or suspended ones.")
    ] = None,
    config: ConfigFile = None,
    home: HomeFolder = None,
    as_json: Json = False,
) -> None:
    """List the pairs, or show one with both rule texts and every warning."""
    from arbiter.app.pair_calls import review_of, shown, states

    pairs = _pairs(load_settings(config, home).settings)
    if pair is not None:
        _show_one(_pick(pairs, pair), as_json=as_json)
        return
    chosen = states(pairs, None if state is None else review_of(state))
    rows = [shown(one) for one in chosen]
    if as_json:
        emit_json(rows)
    else:
        emit_table(COLUMNS, ([_cell(row, name) for name in COLUMNS] for row in rows))


@app.command("propose")
def propose(
    markets: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FIRST SECOND]", help="Two instruments; none to search for pairs."),
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--from", help="Markets in a JSON file instead of the engine's.")
    ] = None,
    polarity: Annotated[
        str, typer.Option(help="same or complement, for two instruments.")
    ] = "same",
    cap: Cap = None,
    config: ConfigFile = None,
    home: HomeFolder = None,
    as_json: Json = False,
) -> None:
    """Propose pairs for review: those the matcher finds, or the two that are named."""
    from arbiter.app.pair_calls import amount_of, polarity_of
    from arbiter.model.errors import InvalidValue

    names = tuple(markets or ())
    if len(names) not in {0, 2}:
        raise InvalidValue("name two instruments, or none to search for pairs")
    settings = load_settings(config, home).settings
    usd = settings.pairs.cap_usd if cap is None else amount_of(cap)
    wanted = polarity_of(polarity)
    if file is None:
        rows = _propose_listed(settings, names, str(wanted), str(usd))
    else:
        rows = _propose_written(settings, file, names, wanted, usd)
    if as_json:
        emit_json(rows)
    else:
        emit_table(
            COLUMNS,
            ([_cell(row, name) for name in COLUMNS] for row in rows),
            empty="nothing to propose",
        )


@app.command("approve")
def approve(
    pair: PairName,
    acknowledge: Annotated[
        bool, typer.Option("--acknowledge", help="The pair's warnings were read.")
    ] = False,
    cap: Cap = None,
    config: ConfigFile = None,
    home: HomeFolder = None,
    as_json: Json = False,
) -> None:
    """Let a pair trade, having read both rule texts: arbiter pairs show PAIR."""
    told = {"acknowledged": acknowledge, "cap_usd": cap}
    _review(config, home, pair, "approved", told, as_json=as_json)


@app.command("reject")
def reject(
    pair: PairName,
    reason: Reason = "",
    config: ConfigFile = None,
    home: HomeFolder = None,
    as_json: Json = False,
) -> None:
    """Say that two markets are not one contract; they are not proposed again."""
    _review(config, home, pair, "rejected", {"reason": reason}, as_json=as_json)


@app.command("suspend")
def suspend(
    pair: PairName,
    reason: Reason = "",
    config: ConfigFile = None,
    home: HomeFolder = None,
    as_json: Json = False,
) -> None:
    """Open nothing more in a pair; what is open is kept until it pays."""
    _review(config, home, pair, "suspended", {"reason": reason}, as_json=as_json)


def _review(
    config: Any, home: Any, beginning: str, state: str, told: dict[str, Any], *, as_json: bool
) -> None:
    from arbiter.app.pair_calls import shown

    settings = load_settings(config, home).settings
    name = _pick(_pairs(settings), beginning).id
    _change(settings, "pair_review", {"pair_id": name, "state": state, **told})
    if as_json:
        emit_json(shown(_pick(_pairs(settings), name)))
    else:
        emit(f"{name} is {state}")


def _show_one(pair: "EventPair", *, as_json: bool) -> None:
    from arbiter.app.pair_calls import shown

    row = shown(pair)
    if as_json:
        emit_json(row)
        return
    for name, value in row.items():
        if name not in {"first", "second", "warnings"} and value not in {None, ""}:
            emit(f"{name:18} {value}")
    for warning in pair.warnings:
        emit(f"{'warning':18} {warning}")
    for market in pair.markets:
        emit(f"\n{market.instrument}: {market.title}\nsha256 {market.rules_sha256}\n{market.rules}")


def _cell(row: dict[str, Any], name: str) -> str:
    value = row[name]
    if name in {"first", "second"}:
        return str(value["instrument"])
    if name == "approved_by" and row["simulated"]:
        return f"{value or '-'} (simulated)"
    return "-" if value is None else str(value)


def _pick(pairs: "list[EventPair]", beginning: str) -> "EventPair":
    from arbiter.model.errors import NotFound

    exact = [pair for pair in pairs if pair.id == beginning]
    found = exact or [pair for pair in pairs if pair.id.startswith(beginning)]
    if len(found) != 1:
        how = "no event pair begins" if not found else f"{len(found)} event pairs begin"
        raise NotFound(f"{how} with {beginning!r}; list them: arbiter pairs show")
    return found[0]


def _propose_listed(
    settings: Any, names: tuple[str, ...], polarity: str, cap: str
) -> list[dict[str, Any]]:
    """Of the markets that the running engine sees."""
    from arbiter.app.actor import os_actor
    from arbiter.app.control_socket import ControlClient

    client = ControlClient(settings.home.control_socket)
    if not names:
        rows: list[dict[str, Any]] = client.call("pair_scan", {"actor": os_actor()}, timeout_s=120)
        return rows
    told = {"first": names[0], "second": names[1], "polarity": polarity, "cap_usd": cap}
    return [client.call("pair_named", {**told, "actor": os_actor()})]


def _propose_written(
    settings: Any, file: Path, names: tuple[str, ...], polarity: Any, cap: Any
) -> list[dict[str, Any]]:
    """Of the markets in a file, with the engine running or not."""
    import msgspec

    from arbiter.app.actor import os_actor
    from arbiter.app.pair_calls import shown
    from arbiter.app.pair_files import matched, named, read_markets
    from arbiter.opportunities.pair_entry import same_question
    from arbiter.runtime.clock import SystemClock

    actor, now = os_actor(), SystemClock().now_ns()
    markets = read_markets(file)
    if len(names) == 2:
        found = [named(markets, (names[0], names[1]), polarity, cap, actor, now)]
    else:
        known = _pairs(settings)
        matches = matched(markets, settings.pairs.record(), cap, actor, now)
        found = [pair for pair in matches if not any(same_question(pair, one) for one in known)]
    for pair in found:
        _change(settings, "pair_propose", {"pair": msgspec.to_builtins(pair)})
    return [shown(pair) for pair in found]


def _change(settings: Any, call: str, arguments: dict[str, Any]) -> None:
    """Ask the running engine, else change the ledger at rest."""
    import asyncio

    from arbiter.app.actor import os_actor
    from arbiter.app.control_socket import ControlClient, NotRunning

    told = {**arguments, "actor": os_actor()}
    try:
        ControlClient(settings.home.control_socket).call(call, told)
    except NotRunning:
        asyncio.run(_change_offline(settings, call, told))


async def _change_offline(settings: Any, call: str, told: dict[str, Any]) -> None:
    from arbiter.app.offline import offline
    from arbiter.app.pair_calls import command_of

    async with offline(settings) as desk:
        await desk.bus.execute(command_of(call, told))


def _pairs(settings: Any) -> "list[EventPair]":
    import asyncio

    return asyncio.run(_read(settings))


async def _read(settings: Any) -> "list[EventPair]":
    from arbiter.app.database_access import open_database
    from arbiter.app.pair_calls import pairs_at_rest

    async with open_database(settings) as engine:
        return await pairs_at_rest(engine)
