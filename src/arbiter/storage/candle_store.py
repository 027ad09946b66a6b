"""One-minute candles in PostgreSQL, and the longer bars made of them."""

from collections.abc import Collection, Sequence

from sqlalchemy import ARRAY, BigInteger, Text, cast, func, literal, select
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.ext.asyncio import AsyncEngine

from arbiter.model.ids import InstrumentId
from arbiter.model.quotes import Candle
from arbiter.storage import candles, schema
from arbiter.storage.database import reading

_TABLE = schema.CANDLES_1M


class PgCandles:
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def save(self, rows: Sequence[Candle]) -> None:
        await candles.save(self._engine, rows)

    async def missing(self, instruments: Collection[InstrumentId]) -> Sequence[InstrumentId]:
        wanted = list(instruments)
        asked = func.unnest(cast(wanted, ARRAY(Text))).table_valued("name").render_derived()
        known = select(_TABLE.c.instrument).where(_TABLE.c.instrument == asked.c.name).exists()
        async with reading(self._engine) as connection:
            rows = await connection.execute(select(asked.c.name).where(~known))
            return [InstrumentId(row[0]) for row in rows]

    async def bars(
        self, instrument: InstrumentId, interval_ns: int, since_ns: int, until_ns: int
    ) -> Sequence[Candle]:
        step = literal(interval_ns, BigInteger)
        opens = (_TABLE.c.open_ns - _TABLE.c.open_ns % step).label("opens")
        first = func.array_agg(aggregate_order_by(_TABLE.c.open, _TABLE.c.open_ns.asc()))
        last = func.array_agg(aggregate_order_by(_TABLE.c.close, _TABLE.c.open_ns.desc()))
        query = (
            select(
                opens,
                first[1],
                func.max(_TABLE.c.high),
                func.min(_TABLE.c.low),
                last[1],
                func.sum(_TABLE.c.volume),
            )
            .where(
                _TABLE.c.instrument == instrument,
                _TABLE.c.open_ns >= since_ns,
                _TABLE.c.open_ns < until_ns,
            )
            .group_by(opens)
            .order_by(opens)
        )
        async with reading(self._engine) as connection:
            rows = (await connection.execute(query)).all()
        return [
            Candle(
                instrument=instrument,
                interval_ns=interval_ns,
                open_ns=row[0],
                open=row[1],
                high=row[2],
                low=row[3],
                close=row[4],
                volume=row[5],
            )
            for row in rows
        ]
