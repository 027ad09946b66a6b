"""Records and rows: one statement per table takes any number of records as one JSON text.

A record's fields are its row's columns, so PostgreSQL spreads the JSON itself. Decimals travel as
strings and lose no digit; what comes back is equal in value (an exponent is written out).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar
from uuid import UUID

import msgspec
from sqlalchemy import JSON, Interval, Table, Text, bindparam, cast, column, func, literal_column
from sqlalchemy import select as select_from
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.dialects.postgresql import asyncpg as asyncpg_dialect
from sqlalchemy.sql import ColumnElement, Executable, FromClause

from arbiter.model.changes import Changes, SettlementChanges
from arbiter.model.copying import CopyPosition, CopySubscription, LeaderAction
from arbiter.model.event_pairs import EventPair
from arbiter.model.events import Audited, EngineStarted, EngineStopped, Event, SettingChanged
from arbiter.model.holdings import (
    Balance,
    Budget,
    ClosedPosition,
    KillSwitch,
    PnlMinute,
    Position,
    Residual,
    TradingDay,
)
from arbiter.model.orders import Fill, Order
from arbiter.model.pairs import FundingPair
from arbiter.model.perpetuals import Contract, ForcedClose, FundingPayment, MarginPosition
from arbiter.model.placed import PlacedOrder
from arbiter.model.plans import Signal
from arbiter.model.settling import SettledFill, Settling
from arbiter.model.trades import Trade
from arbiter.storage import copying_schema, margin_schema, schema
from arbiter.storage.event_schema import EVENT_PAIRS
from arbiter.storage.placed_schema import PLACED_ORDERS
from arbiter.storage.settling_schema import SETTLED_FILLS, SETTLING

Statement = tuple[str, tuple[Any, ...]]
"""SQL and its arguments, for asyncpg."""

R = TypeVar("R", bound=msgspec.Struct)

_DIALECT = asyncpg_dialect.dialect()  # type: ignore[no-untyped-call]


def moment(ns: ColumnElement[int]) -> ColumnElement[Any]:
    """Turn ns into a TIMESTAMPTZ without a detour over floats; what is below 1 µs is cut."""
    micros = (ns // literal_column("1000")) * literal_column("interval '1 microsecond'", Interval())
    return literal_column("timestamptz 'epoch'", schema.MOMENT) + micros


def _spread(table: Table, names: Sequence[str], rows: str | None = None) -> FromClause:
    given = cast(bindparam("rows", rows, type_=Text(), required=rows is None), JSON)
    return (
        func.json_to_recordset(given)
        .table_valued(*(column(name, table.c[name].type) for name in names), name="r")
        .render_derived(with_types=True)
    )


def _upsert(
    table: Table,
    names: Sequence[str],
    keys: Sequence[str],
    moments: Mapping[str, str],
    rows: str | None = None,
) -> Insert:
    source = _spread(table, names, rows)
    values: dict[str, ColumnElement[Any]] = {name: source.c[name] for name in names}
    values |= {name: moment(source.c[ns]) for name, ns in moments.items()}
    statement = insert(table).from_select(list(values), select_from(*values.values()))
    if keys:
        statement = statement.on_conflict_do_update(
            index_elements=list(keys),
            set_={name: statement.excluded[name] for name in values if name not in keys},
        )
    return statement


def _write(
    table: Table,
    record: type[msgspec.Struct] | Sequence[str],
    *,
    keys: Sequence[str] = (),
    moments: Mapping[str, str] | None = None,
) -> str:
    """Compile an INSERT of a JSON list of records; with `keys` a known key is overwritten.

    A field without a column is a KeyError, so none is dropped in silence.
    """
    names = record if isinstance(record, Sequence) else record.__struct_fields__
    return str(_upsert(table, names, keys, moments or {}).compile(dialect=_DIALECT))


def spread(table: Table, records: Sequence[msgspec.Struct], *, keys: Sequence[str]) -> Executable:
    """Write any number of records of one kind in one statement, for SQLAlchemy."""
    names = [name for name in records[0].__struct_fields__ if name in table.c]
    return _upsert(table, names, keys, {}, encode(records))


def _write_fills() -> str:
    """Fills are inserted, never overwritten: a second booking of one execution is an error."""
    names = list(Fill.__struct_fields__)
    source = _spread(schema.FILLS, names)
    order = schema.ORDERS
    values: dict[str, ColumnElement[Any]] = {name: source.c[name] for name in names}
    values |= {"at": moment(source.c.at_ns)}
    values |= {"strategy": order.c.strategy, "trade_id": order.c.trade_id}
    rows = select_from(*values.values()).select_from(
        source.outerjoin(order, order.c.client_order_id == source.c.client_order_id)
    )
    return str(insert(schema.FILLS).from_select(list(values), rows).compile(dialect=_DIALECT))


INSERT_EVENTS = """
INSERT INTO events (at_ns, at, kind, trade_id, body)
SELECT (b ->> 'at_ns')::bigint,
       timestamptz 'epoch' + ((b ->> 'at_ns')::bigint / 1000) * interval '1 microsecond',
       b ->> 'kind',
       coalesce(b #>> '{trade,id}', b ->> 'trade_id')::uuid,
       b
FROM jsonb_array_elements($1::text::jsonb) WITH ORDINALITY AS e (b, n)
ORDER BY n
"""
_WRITE_TRADES = _write(schema.TRADES, Trade, keys=["id"], moments={"started_at": "started_ns"})
_WRITE_ORDERS = _write(
    schema.ORDERS, Order, keys=["client_order_id"], moments={"created_at": "created_ns"}
)
_WRITE_FILLS = _write_fills()
_WRITE_SIGNALS = _write(schema.SIGNALS, Signal, keys=["id"], moments={"detected_at": "detected_ns"})
_WRITE_BALANCES = _write(schema.BALANCES, Balance, keys=["venue", "asset"])
_WRITE_POSITIONS = _write(schema.POSITIONS, Position, keys=["strategy", "instrument"])
_WRITE_CLOSED = _write(
    schema.CLOSED_POSITIONS, ClosedPosition, keys=["strategy", "instrument", "number"]
)
_WRITE_BUDGETS = _write(schema.BUDGETS, Budget, keys=["strategy", "currency"])
_WRITE_RESIDUALS = _write(schema.RESIDUALS, Residual, keys=["strategy", "asset", "quote"])
_WRITE_DAYS = _write(schema.TRADING_DAYS, TradingDay, keys=["day_ns"])
_WRITE_MINUTES = _write(schema.PNL_MINUTES, PnlMinute, keys=["minute_ns", "strategy"])
_WRITE_CONTRACTS = _write(margin_schema.CONTRACTS, Contract, keys=["instrument"])
_WRITE_MARGIN = _write(margin_schema.MARGIN_POSITIONS, MarginPosition, keys=["instrument"])
_WRITE_PAYMENTS = _write(
    margin_schema.FUNDING_PAYMENTS,
    FundingPayment,
    keys=["venue", "payment_id"],
    moments={"at": "at_ns"},
)
_WRITE_FORCED = _write(
    margin_schema.FORCED_CLOSES,
    ForcedClose,
    keys=["venue", "venue_trade_id"],
    moments={"at": "at_ns"},
)
_WRITE_SETTLING = _write(SETTLING, Settling, keys=["instrument"])
_WRITE_SETTLED = _write(
    SETTLED_FILLS, SettledFill, keys=["venue", "venue_trade_id"], moments={"at": "at_ns"}
)
_WRITE_PAIRS = _write(margin_schema.FUNDING_PAIRS, FundingPair, keys=["id"])
_WRITE_SUBSCRIPTIONS = _write(copying_schema.COPY_SUBSCRIPTIONS, CopySubscription, keys=["id"])
_WRITE_COPIES = _write(
    copying_schema.COPY_POSITIONS, CopyPosition, keys=["subscription", "instrument"]
)
_WRITE_LEADERS = _write(
    copying_schema.LEADER_ACTIONS,
    LeaderAction,
    keys=["venue", "wallet", "key"],
    moments={"at": "at_ns"},
)
_WRITE_EVENT_PAIRS = _write(EVENT_PAIRS, EventPair, keys=["id"])
_WRITE_PLACED = _write(PLACED_ORDERS, PlacedOrder, keys=["actor", "key"])
_REMOVE_BUDGETS = """
DELETE FROM budgets USING unnest($1::text[], $2::text[]) AS gone (strategy, currency)
WHERE budgets.strategy = gone.strategy AND budgets.currency = gone.currency
"""
_REMOVE_FILLS = """
DELETE FROM fills USING unnest($1::text[], $2::text[]) AS void (venue, venue_trade_id)
WHERE fills.venue = void.venue AND fills.venue_trade_id = void.venue_trade_id
"""
_REOPEN = """
DELETE FROM closed_positions
USING unnest($1::text[], $2::text[], $3::bigint[]) AS gone (strategy, instrument, number)
WHERE closed_positions.strategy = gone.strategy
  AND closed_positions.instrument = gone.instrument AND closed_positions.number = gone.number
"""
_FORGET_ACTS = """
DELETE FROM leader_actions
USING unnest($1::text[], $2::text[], $3::text[]) AS gone (venue, wallet, market)
WHERE leader_actions.venue = gone.venue AND leader_actions.wallet = gone.wallet
  AND leader_actions.market = gone.market
"""
_WRITE_STRATEGIES = _write(schema.STRATEGIES, ["strategy", "running"], keys=["strategy"])
_WRITE_SETTINGS = _write(schema.SETTINGS, SettingChanged, keys=["path"])
_WRITE_KILL_SWITCH = _write(schema.KILL_SWITCH, ["id", *KillSwitch.__struct_fields__], keys=["id"])
WRITE_AUDIT = _write(schema.AUDIT, Audited, moments={"at": "at_ns"})
_START_RUN = """
INSERT INTO runs (run_id, mode, version, started_ns) VALUES ($1, $2, $3, $4)
ON CONFLICT (run_id) DO NOTHING
"""
_STOP_RUN = "UPDATE runs SET stopped_ns = $2 WHERE run_id = $1"

_encoder = msgspec.json.Encoder()
_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")


def encode(records: Iterable[object]) -> str:
    """Write records as a JSON list that PostgreSQL takes: NUL, which it cannot store, is replaced."""
    text = _encoder.encode(list(records)).decode()
    return _NUL.sub(r"\1\\ufffd", text) if "\\u0000" in text else text


def event_statements(events: Sequence[Event]) -> list[Statement]:
    """Journal the events, in their order, and keep the list of runs."""
    if not events:
        return []
    return [(INSERT_EVENTS, (encode(events),)), *run_statements(events)]


def run_statements(events: Iterable[Event]) -> list[Statement]:
    """Keep the list of runs by those events that begin or end one."""
    statements: list[Statement] = []
    for event in events:
        if isinstance(event, EngineStarted):
            run = (event.run_id, event.mode, event.version, event.at_ns)
            statements.append((_START_RUN, run))
        elif isinstance(event, EngineStopped):
            statements.append((_STOP_RUN, (event.run_id, event.at_ns)))
    return statements


def projection_statements(changes: Changes) -> list[Statement]:
    """Bring the projections to `changes`; orders go before the fills that refer to them."""
    strategies = [{"strategy": name, "running": on} for name, on in changes.strategies.items()]
    latch = [] if changes.kill_switch is None else [_latch_row(changes.kill_switch)]
    statements: list[Statement] = []
    if changes.removed_budgets:
        gone = sorted(changes.removed_budgets)
        statements.append(
            (_REMOVE_BUDGETS, ([strategy for strategy, _ in gone], [asset for _, asset in gone]))
        )
    if changes.settlement is not None:
        statements += _settlement_statements(changes.settlement)
    if changes.forgotten_acts:
        venues, wallets, markets = zip(*sorted(changes.forgotten_acts), strict=True)
        statements.append((_FORGET_ACTS, (list(venues), list(wallets), list(markets))))
    tables: tuple[tuple[str, Iterable[object]], ...] = (
        (_WRITE_TRADES, changes.trades.values()),
        (_WRITE_ORDERS, changes.orders.values()),
        (_WRITE_FILLS, changes.fills.values()),
        (_WRITE_SIGNALS, changes.signals.values()),
        (_WRITE_BALANCES, changes.balances.values()),
        (_WRITE_POSITIONS, changes.positions.values()),
        (_WRITE_CLOSED, changes.closed_positions.values()),
        (_WRITE_BUDGETS, changes.budgets.values()),
        (_WRITE_RESIDUALS, changes.residuals.values()),
        (_WRITE_DAYS, changes.days.values()),
        (_WRITE_MINUTES, changes.minutes.values()),
        (_WRITE_CONTRACTS, changes.contracts.values()),
        (_WRITE_MARGIN, changes.margin_positions.values()),
        (_WRITE_PAYMENTS, changes.funding_payments.values()),
        (_WRITE_FORCED, changes.forced_closes.values()),
        (_WRITE_PAIRS, changes.funding_pairs.values()),
        (_WRITE_EVENT_PAIRS, changes.event_pairs.values()),
        (_WRITE_SUBSCRIPTIONS, changes.copy_subscriptions.values()),
        (_WRITE_COPIES, changes.copy_positions.values()),
        (_WRITE_LEADERS, changes.leader_actions.values()),
        (_WRITE_STRATEGIES, strategies),
        (_WRITE_SETTINGS, changes.settings.values()),
        (_WRITE_KILL_SWITCH, latch),
        (_WRITE_PLACED, changes.placed),
        (WRITE_AUDIT, changes.audit),
    )
    for sql, records in tables:
        if records:
            statements.append((sql, (encode(records),)))
    return statements


def _settlement_statements(changes: SettlementChanges) -> list[Statement]:
    statements: list[Statement] = []
    if changes.void_fills:
        venues, names = zip(*sorted(changes.void_fills), strict=True)
        statements.append((_REMOVE_FILLS, (list(venues), list(names))))
    if changes.reopened:
        owners, held, numbers = zip(*sorted(changes.reopened), strict=True)
        statements.append((_REOPEN, (list(owners), list(held), list(numbers))))
    if changes.settling:
        statements.append((_WRITE_SETTLING, (encode(changes.settling.values()),)))
    if changes.settled:
        statements.append((_WRITE_SETTLED, (encode(changes.settled.values()),)))
    return statements


def _latch_row(switch: KillSwitch) -> dict[str, object]:
    return {"id": 1, **msgspec.structs.asdict(switch)}


def read(record: type[R], row: Mapping[str, Any]) -> R:
    """Make a record of a row; columns the record does not know are ignored."""
    return msgspec.convert(
        {name: _plain(row[name]) for name in record.__struct_fields__ if name in row}, record
    )


def _plain(value: object) -> object:
    """Give asyncpg's own UUID class back as the standard one."""
    if isinstance(value, UUID) and type(value) is not UUID:
        return UUID(int=value.int)
    return value
