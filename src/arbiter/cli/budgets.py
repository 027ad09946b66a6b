"""`arbiter budgets`."""

from typing import Annotated, Any

import typer

from arbiter.cli.options import ConfigFile, HomeFolder, Json, load_settings
from arbiter.cli.output import emit, emit_json, emit_table

app = typer.Typer(help="Capital a strategy may have in use.", no_args_is_help=True)

Strategy = Annotated[str, typer.Argument(help="For example spot-arbitrage.")]
Currency = Annotated[str, typer.Argument(help="For example USDT.")]
COLUMNS = (
    "strategy",
    "currency",
    "allocated",
    "reserved",
    "available",
    "realized_pnl",
    "total_fees",
)


@app.command("list")
def list_budgets(config: ConfigFile = None, home: HomeFolder = None, as_json: Json = False) -> None:
    """List every budget and what of it is in use."""
    import asyncio

    rows = asyncio.run(_read(load_settings(config, home).settings))
    if as_json:
        emit_json(rows)
    else:
        emit_table(
            COLUMNS,
            (
                [
                    str(row[name] or "unlimited")
                    if name in {"allocated", "available"} and row[name] is None
                    else str(row[name])
                    for name in COLUMNS
                ]
                for row in rows
            ),
        )


@app.command("set")
def set_budget(
    strategy: Strategy,
    currency: Currency,
    amount: Annotated[str, typer.Argument(help="In the currency; 0 lets nothing be opened.")],
    config: ConfigFile = None,
    home: HomeFolder = None,
) -> None:
    """Set the capital a strategy may have in use in a currency."""
    from decimal import Decimal, InvalidOperation

    from arbiter.model.errors import InvalidValue

    try:
        allocated = Decimal(amount)
    except InvalidOperation:
        raise InvalidValue(f"the amount {amount!r} is not a number") from None
    settings = load_settings(config, home).settings
    _change(settings, "budget_set", strategy, currency, allocated)
    emit(f"{strategy} may have {amount} {currency} in use")


@app.command("remove")
def remove_budget(
    strategy: Strategy, currency: Currency, config: ConfigFile = None, home: HomeFolder = None
) -> None:
    """Remove a limit: use is still tracked, nothing is refused."""
    _change(load_settings(config, home).settings, "budget_remove", strategy, currency, None)
    emit(f"{strategy} has no limit in {currency} any more")


def _change(settings: Any, call: str, strategy: str, currency: str, allocated: Any) -> None:
    import asyncio

    from arbiter.app.actor import os_actor
    from arbiter.app.control_socket import ControlClient, NotRunning
    from arbiter.model.money import plain

    actor = os_actor()
    arguments: dict[str, Any] = {"actor": actor, "strategy": strategy, "currency": currency}
    if allocated is not None:
        arguments["allocated"] = plain(allocated)
    try:
        ControlClient(settings.home.control_socket).call(call, arguments)
    except NotRunning:
        asyncio.run(_change_offline(settings, actor, strategy, currency, allocated))


async def _change_offline(
    settings: Any, actor: Any, strategy: str, currency: str, allocated: Any
) -> None:
    from arbiter.app.offline import offline
    from arbiter.model.commands import Command, RemoveBudget, SetBudget
    from arbiter.model.ids import Asset, StrategyId

    name, asset = StrategyId(strategy), Asset(currency)
    command: Command = RemoveBudget(actor=actor, strategy=name, currency=asset)
    if allocated is not None:
        command = SetBudget(actor=actor, strategy=name, currency=asset, allocated=allocated)
    async with offline(settings) as desk:
        await desk.bus.execute(command)


async def _read(settings: Any) -> list[dict[str, Any]]:
    from sqlalchemy import select

    from arbiter.app.database_access import open_database
    from arbiter.model.money import plain
    from arbiter.storage.database import reading
    from arbiter.storage.schema import BUDGETS

    async with open_database(settings) as engine, reading(engine) as connection:
        found = await connection.execute(
            select(BUDGETS).order_by(BUDGETS.c.strategy, BUDGETS.c.currency)
        )
        return [
            {
                "strategy": row.strategy,
                "currency": row.currency,
                "allocated": None if row.allocated is None else plain(row.allocated),
                "reserved": plain(row.reserved),
                "available": None if row.allocated is None else plain(row.allocated - row.reserved),
                "realized_pnl": plain(row.realized_pnl),
                "total_fees": plain(row.total_fees),
            }
            for row in found
        ]
