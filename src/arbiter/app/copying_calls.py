"""What the command line asks about copying: of a running engine, or of a database at rest."""

from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from arbiter.model.commands import AddCopy, RemoveCopy, SwitchCopy
from arbiter.model.copying import SubscriptionId
from arbiter.model.errors import InvalidValue, NotFound
from arbiter.model.ids import Actor, VenueId
from arbiter.model.money import ZERO, plain
from arbiter.model.time import rfc3339
from arbiter.runtime.bus import CommandBus
from arbiter.runtime.clock import SystemIds
from arbiter.runtime.copy_view import CopyRow, CopyView
from arbiter.storage import copying_schema as tables
from arbiter.storage.database import reading

CopyCommand = AddCopy | SwitchCopy | RemoveCopy


class CopyCalls:
    """Handlers by name, as `ControlHandlers` has them; without a view nothing can be listed."""

    def __init__(self, bus: CommandBus, view: CopyView) -> None:
        self._bus = bus
        self._view = view

    async def add(self, arguments: dict[str, Any]) -> str:
        return await self._carry_out("copy_add", arguments)

    async def switch(self, arguments: dict[str, Any]) -> str:
        return await self._carry_out("copy_switch", arguments)

    async def remove(self, arguments: dict[str, Any]) -> str:
        return await self._carry_out("copy_remove", arguments)

    async def list_all(self, _: dict[str, Any]) -> list[dict[str, Any]]:
        return [shown(row) for row in self._view.rows()]

    async def _carry_out(self, call: str, arguments: dict[str, Any]) -> str:
        command = command_of(call, arguments)
        await self._bus.execute(command)
        return str(command.id)


def command_of(call: str, arguments: dict[str, Any]) -> CopyCommand:
    """Read a call; `InvalidValue` names what is missing or wrong."""
    actor = Actor(_text(arguments, "actor"))
    if call == "copy_add":
        return AddCopy(
            actor=actor,
            id=SubscriptionId(SystemIds().new_id()),
            venue=VenueId(_text(arguments, "venue").lower()),
            wallet=_text(arguments, "wallet"),
            multiplier=_amount(arguments, "multiplier"),
            max_position_size=_amount(arguments, "max_position_size"),
        )
    text = _text(arguments, "id")
    try:
        found = SubscriptionId(UUID(text))
    except ValueError:
        raise NotFound(f"{text!r} is no id of a copy subscription") from None
    if call == "copy_switch":
        return SwitchCopy(actor=actor, id=found, enabled=bool(arguments.get("enabled")))
    return RemoveCopy(actor=actor, id=found)


def shown(row: CopyRow) -> dict[str, Any]:
    """Write a row for people: money in plain notation, times in RFC 3339."""
    return {
        "id": str(row.id),
        "venue": row.venue,
        "wallet": row.wallet,
        "multiplier": plain(row.multiplier),
        "max_position_size": plain(row.max_position_size),
        "enabled": row.enabled,
        "fills": row.fills,
        "leader_acts": row.leader_acts,
        "realized_pnl": _money(row.realized_pnl),
        "unrealized_pnl": _money(row.unrealized_pnl),
        "fees": _money(row.fees),
        "total_pnl": _money(row.total_pnl),
        "status": row.status,
        "actor": row.actor,
        "created_at": rfc3339(row.created_ns),
        "holdings": [
            {
                "instrument": held.instrument,
                "market": held.market,
                "quantity": plain(held.quantity),
                "target": plain(held.target),
                "leader": plain(held.leader),
                "fills": held.fills,
                "realized_pnl": _money(held.realized_pnl),
                "unrealized_pnl": _money(held.unrealized_pnl),
                "waiting": held.waiting,
            }
            for held in row.holdings
        ],
    }


async def rows_at_rest(engine: AsyncEngine) -> list[dict[str, Any]]:
    """List from the database alone: what is held has no mark, so only realized PnL is told."""
    copies, positions = tables.COPY_SUBSCRIPTIONS, tables.COPY_POSITIONS
    query = select(copies).where(copies.c.removed_ns.is_(None)).order_by(copies.c.created_ns)
    async with reading(engine) as connection:
        found = (await connection.execute(query)).all()
        held = (await connection.execute(select(positions))).all()
    rows = []
    for row in found:
        own = [position for position in held if position.subscription == row.id]
        realized = sum((position.realized_pnl for position in own), ZERO)
        fees = sum((position.fees for position in own), ZERO)
        rows.append(
            {
                "id": str(row.id),
                "venue": row.venue,
                "wallet": row.wallet,
                "multiplier": plain(row.multiplier),
                "max_position_size": plain(row.max_position_size),
                "enabled": row.enabled,
                "fills": sum(position.fills for position in own),
                "realized_pnl": _money(realized),
                "fees": _money(fees),
                "total_pnl": _money(realized - fees),
                "status": "the engine is not running",
                "actor": row.actor,
                "created_at": rfc3339(row.created_ns),
                "holdings": [
                    {"instrument": position.instrument, "quantity": plain(position.quantity)}
                    for position in own
                    if position.quantity
                ],
            }
        )
    return rows


def _money(value: Decimal) -> str:
    return plain(round(value, 6))


def _amount(arguments: dict[str, Any], name: str) -> Decimal:
    text = _text(arguments, name)
    try:
        return Decimal(text)
    except InvalidOperation:
        raise InvalidValue(f"the {name.replace('_', ' ')} {text!r} is not a number") from None


def _text(arguments: dict[str, Any], name: str) -> str:
    value = arguments.get(name)
    if not isinstance(value, str) or not value:
        raise InvalidValue(f"the call needs {name!r} as text")
    return value
