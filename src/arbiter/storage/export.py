"""Whole tables as CSV or JSON text, streamed oldest first: memory does not grow with the history.

Numbers are written in plain notation and times in RFC 3339 beside the ns, so that a spreadsheet
and a program both read them.
"""

import csv
import io
from collections.abc import AsyncIterator, Callable, Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncEngine

from arbiter.model.money import plain
from arbiter.model.time import rfc3339
from arbiter.storage import schema
from arbiter.storage.agents_schema import DECISIONS
from arbiter.storage.database import reading
from arbiter.storage.decision_rows import filled

_CHUNK = 1_000


class Export(StrEnum):
    TRADES = "trades"
    ORDERS = "orders"
    FILLS = "fills"
    DECISIONS = "decisions"


class Format(StrEnum):
    CSV = "csv"
    JSON = "json"


_TABLES = {
    Export.TRADES: (schema.TRADES, (schema.TRADES.c.seq,)),
    Export.ORDERS: (schema.ORDERS, (schema.ORDERS.c.created_ns, schema.ORDERS.c.client_order_id)),
    Export.FILLS: (schema.FILLS, (schema.FILLS.c.seq,)),
    Export.DECISIONS: (DECISIONS, (DECISIONS.c.created_ns, DECISIONS.c.seq)),
}
_WITHOUT = {"started_at", "created_at", "at", "embedding", "sketch"}
"""Times come from the exact ns columns; embeddings can be made again."""


async def export(engine: AsyncEngine, what: Export, form: Format) -> AsyncIterator[str]:
    """Give the text in pieces; together they are one CSV table with a header, or one JSON list."""
    table, order = _TABLES[what]
    columns = [column for column in table.c if column.name not in _WITHOUT]
    query = select(*columns).order_by(*order)
    names = _names([column.name for column in columns])
    pieces = _csv if form is Format.CSV else _json
    async for piece in pieces(engine, query, names):
        yield piece


def _names(columns: Sequence[str]) -> list[str]:
    """Put the readable time after each ns column: ``started_ns, started_at``."""
    names: list[str] = []
    for name in columns:
        names.append(name)
        if name.endswith("_ns"):
            names.append(_readable(name))
    return names


def _readable(name: str) -> str:
    return "at" if name == "at_ns" else f"{name.removesuffix('_ns')}_at"


async def _rows(engine: AsyncEngine, query: Select[Any]) -> AsyncIterator[list[dict[str, Any]]]:
    async with reading(engine) as connection:
        result = await connection.stream(query.execution_options(yield_per=_CHUNK))
        async for chunk in result.mappings().partitions():
            yield [_whole(row) for row in chunk]


def _whole(row: Any) -> dict[str, Any]:
    whole = filled(row) if "prompt" in row else dict(row)
    for name, value in row.items():
        if name.endswith("_ns"):
            whole[_readable(name)] = None if value is None else rfc3339(value)
    return whole


async def _csv(engine: AsyncEngine, query: Select[Any], names: Sequence[str]) -> AsyncIterator[str]:
    def text(fill: Callable[[Any], None]) -> str:
        buffer = io.StringIO()
        fill(csv.writer(buffer, lineterminator="\n"))
        return buffer.getvalue()

    yield text(lambda writer: writer.writerow(names))
    async for rows in _rows(engine, query):
        cells = [[_cell(row[name]) for name in names] for row in rows]
        yield text(lambda writer, cells=cells: writer.writerows(cells))  # type: ignore[misc]


async def _json(
    engine: AsyncEngine, query: Select[Any], names: Sequence[str]
) -> AsyncIterator[str]:
    encoder = msgspec.json.Encoder(enc_hook=str)
    yield "["
    first = True
    async for rows in _rows(engine, query):
        for row in rows:
            shown = {name: _value(row[name]) for name in names}
            yield ("\n" if first else ",\n") + encoder.encode(shown).decode()
            first = False
    yield "\n]\n"


def _value(value: object) -> object:
    return plain(value) if isinstance(value, Decimal) else value


def _cell(value: object) -> str:
    """Write one cell; text that a spreadsheet would run as a formula is quoted with an apostrophe."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case Decimal():
            return plain(value)
        case list() | dict():
            return msgspec.json.encode(value).decode()
        case str() if value[:1] in ("=", "+", "-", "@"):
            return f"'{value}"
        case _:
            return str(value)
