"""What the spot API reads of the past: pages of trades and signals, and sums over ended trades."""

import asyncio
from collections.abc import Collection, Sequence
from decimal import Decimal

import msgspec
from msgspec.structs import replace
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    Text,
    cast,
    func,
    literal,
    literal_column,
    select,
    text,
)
from sqlalchemy.ext.asyncio import AsyncEngine

from arbiter.model.ids import Symbol
from arbiter.model.money import ZERO
from arbiter.model.plans import Family, Signal
from arbiter.model.time import NS_PER_DAY
from arbiter.model.trades import Trade, TradeState
from arbiter.opportunities.spot_settings import SPOT_ARBITRAGE
from arbiter.ports.past import Found, Page, SignalsWanted, TradesWanted
from arbiter.ports.spot_history import DayResult, Result, SymbolResult
from arbiter.storage import listings, schema
from arbiter.storage.database import reading

_T = schema.TRADES.c
_NS = BigInteger()
_LARGEST = 2**63 - 1
_TRADE_COLUMNS = [_T[name] for name in Trade.__struct_fields__ if name in _T]
_TRADES = msgspec.json.Decoder(Trade)
"""Of rows that PostgreSQL wrote as JSON: their numbers become Decimals digit by digit."""
_AT_ONCE = 100
"""Rows made before the loop gets a turn."""
_COUNTS_KEPT = 64
_Key = tuple[Symbol | None, int | None, int | None]


class SpotReads:
    """`ports.SpotHistory` over PostgreSQL."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._counted: dict[_Key, tuple[int, int]] = {}
        """By filter: matches, and the newest trade's number among them."""

    async def ping(self) -> None:
        async with reading(self._engine) as connection:
            await connection.execute(text("SELECT 1"))

    async def trades(self, wanted: TradesWanted, page: Page) -> Found[Trade]:
        wanted = replace(wanted, family=Family.SPOT, strategy=None)
        conditions = listings.trade_conditions(wanted)
        shown = (
            select(*_TRADE_COLUMNS)
            .where(*conditions)
            .order_by(_T.started_ns.desc(), _T.seq.desc())
            .limit(page.limit)
            .offset(page.offset)
            .subquery("page")
        )
        texts = select(cast(func.row_to_json(literal_column("page")), Text)).select_from(shown)
        key, (counted, last) = self._counted_before(wanted)
        matches = select(func.count()).select_from(schema.TRADES).where(*conditions)
        query = select(func.array(texts.scalar_subquery()))
        if key is None:
            query = query.add_columns(matches.scalar_subquery())
        else:
            newer = matches.add_columns(func.max(_T.seq)).where(_T.seq > last).subquery("newer")
            query = query.add_columns(*newer.c)
        async with reading(self._engine) as lent:
            # One statement is a transaction of its own: nothing else travels to the server.
            connection = await lent.execution_options(isolation_level="AUTOCOMMIT")
            found = (await connection.execute(query)).one()
        total = counted + int(found[1])
        if key is not None:
            self._note_count(key, total, max(last, int(found[2] or 0)))
        rows: list[Trade] = []
        for row in found[0]:
            rows.append(_TRADES.decode(row))
            if not len(rows) % _AT_ONCE:
                await asyncio.sleep(0)
        return Found(rows=rows, total=total)

    def _counted_before(self, wanted: TradesWanted) -> tuple[_Key | None, tuple[int, int]]:
        """Recall how many matched, and up to which trade; None for the key: all must be counted.

        What the past holds of a symbol and a time never changes, and trades are written in the
        order of their numbers: only those newer than the last count are counted again. States
        change, so what depends on them is counted anew.
        """
        if wanted.states is not None or wanted.any_filled is not None:
            return None, (0, 0)
        key = (wanted.symbol, wanted.since_ns, wanted.until_ns)
        return key, self._counted.get(key, (0, 0))

    def _note_count(self, key: _Key, counted: int, last: int) -> None:
        """Keep the furthest count: calls overlap."""
        if last >= self._counted.get(key, (0, 0))[1]:
            self._counted.pop(key, None)
            self._counted[key] = (counted, last)
        if len(self._counted) > _COUNTS_KEPT:
            self._counted.pop(next(iter(self._counted)))

    async def trade(self, seq: int) -> Trade | None:
        if not 0 < seq <= _LARGEST:
            return None
        found = await listings.trade(self._engine, seq)
        if found is None or found.trade.family is not Family.SPOT:
            return None
        return found.trade

    async def signals(self, wanted: SignalsWanted, page: Page) -> Found[Signal]:
        own = replace(wanted, strategy=SPOT_ARBITRAGE)
        return await listings.signals(self._engine, own, page)

    async def signal(self, seq: int) -> Signal | None:
        found = await listings.signal(self._engine, seq) if 0 < seq <= _LARGEST else None
        return None if found is None or found.strategy != SPOT_ARBITRAGE else found

    async def signal_times(self, since_ns: int) -> Sequence[int]:
        table = schema.SIGNALS
        query = (
            select(table.c.detected_ns)
            .where(table.c.detected_ns >= since_ns, table.c.strategy == SPOT_ARBITRAGE)
            .order_by(table.c.detected_ns)
        )
        async with reading(self._engine) as connection:
            return [int(row[0]) for row in await connection.execute(query)]

    async def result(self, since_ns: int, until_ns: int, capital: Decimal) -> Result:
        ended = _ended(since_ns, until_ns)
        earned = _T.pnl > 0
        sums = select(
            func.count(),
            func.count().filter(_successful()),
            func.coalesce(func.sum(_T.pnl + _T.fees_quote), 0),
            func.coalesce(func.sum(_T.fees_quote), 0),
            func.max(_T.pnl),
            func.min(_T.pnl),
            func.coalesce(func.sum(_T.pnl).filter(earned), 0),
            func.coalesce(func.sum(_T.pnl).filter(_T.pnl < 0), 0),
            func.coalesce(func.avg(_T.completed_ns - _T.started_ns), 0),
        ).where(*ended)
        before = select(func.coalesce(func.sum(_T.pnl), 0)).where(*_ended(0, since_ns))
        async with reading(self._engine) as lent:
            connection = await lent.execution_options(isolation_level="REPEATABLE READ")
            row = (await connection.execute(sums)).one()
            base = capital + Decimal(await connection.scalar(before) or 0)
            fall: Decimal | None = await connection.scalar(_deepest_fall(ended, base))
        return Result(
            trades=row[0],
            successful=row[1],
            gross=Decimal(row[2]),
            fees=Decimal(row[3]),
            best=row[4],
            worst=row[5],
            won=Decimal(row[6]),
            lost=Decimal(row[7]),
            mean_duration_ns=float(row[8]),
            drawdown=fall or ZERO,
        )

    async def days(self, since_ns: int, until_ns: int) -> Sequence[DayResult]:
        day = (_T.completed_ns - _T.completed_ns % literal(NS_PER_DAY, _NS)).label("day")
        query = (
            select(day, func.count(), func.count().filter(_successful()), func.sum(_T.pnl))
            .where(*_ended(since_ns, until_ns))
            .group_by(day)
            .order_by(day)
        )
        async with reading(self._engine) as connection:
            return [
                DayResult(day_ns=row[0], trades=row[1], successful=row[2], net=row[3])
                for row in await connection.execute(query)
            ]

    async def by_symbol(
        self, since_ns: int, until_ns: int, symbols: Collection[Symbol]
    ) -> Sequence[SymbolResult]:
        query = (
            select(
                _T.symbol,
                func.count(),
                func.count().filter(_successful()),
                func.sum(_T.pnl),
                func.sum(_T.bought),
            )
            .where(*_ended(since_ns, until_ns), _T.symbol.in_(list(symbols)))
            .group_by(_T.symbol)
        )
        async with reading(self._engine) as connection:
            return [
                SymbolResult(
                    symbol=Symbol(row[0]),
                    trades=row[1],
                    successful=row[2],
                    net=row[3],
                    bought=row[4],
                )
                for row in await connection.execute(query)
            ]


def _ended(since_ns: int, until_ns: int) -> list[ColumnElement[bool]]:
    """Spot trades that are over and filled something, by the time they ended."""
    ended: list[ColumnElement[str]] = [
        literal_column(f"'{state}'") for state in schema.ENDED_STATES
    ]
    return [
        _T.family == str(Family.SPOT),
        _T.state.in_(ended),
        _T.completed_ns >= since_ns,
        _T.completed_ns < until_ns,
        (_T.bought > 0) | (_T.sold > 0),
    ]


def _successful() -> ColumnElement[bool]:
    return (_T.state == str(TradeState.COMPLETED)) & (_T.pnl > 0)


def _deepest_fall(ended: list[ColumnElement[bool]], base: Decimal) -> Select[tuple[Decimal]]:
    """Walk equity in the order trades ended: base + running sum, against its highest so far."""
    walk = (
        select(
            _T.completed_ns,
            _T.seq,
            func.sum(_T.pnl).over(order_by=(_T.completed_ns, _T.seq)).label("made"),
        )
        .where(*ended)
        .subquery()
    )
    highest = func.max(walk.c.made).over(order_by=(walk.c.completed_ns, walk.c.seq))
    peaks = select(walk.c.made, func.greatest(highest, literal(ZERO)).label("peak")).subquery()
    equity = func.nullif(func.greatest(literal(base) + peaks.c.peak, literal(ZERO)), 0)
    return select(func.max((peaks.c.peak - peaks.c.made) / equity))
