"""One-minute candles: the only market data PostgreSQL keeps."""

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from arbiter.model.ids import InstrumentId
from arbiter.model.quotes import Candle
from arbiter.model.time import NS_PER_MINUTE
from arbiter.storage import schema
from arbiter.storage.database import reading
from arbiter.storage.rows import read, spread

_COLUMNS = schema.CANDLES_1M.c


async def save(engine: AsyncEngine, candles: Iterable[Candle]) -> None:
    """Keep candles; one that is known already is overwritten."""
    rows = list(candles)
    if not rows:
        return
    async with reading(engine) as connection:
        await connection.execute(spread(schema.CANDLES_1M, rows, keys=("instrument", "open_ns")))
        await connection.commit()


async def load(
    engine: AsyncEngine,
    instrument: InstrumentId,
    *,
    since_ns: int = 0,
    until_ns: int | None = None,
    limit: int = 1_440,
) -> tuple[Candle, ...]:
    """Give the newest `limit` candles that open within the times (end not included), oldest first."""
    query = (
        select(schema.CANDLES_1M)
        .where(_COLUMNS.instrument == instrument, _COLUMNS.open_ns >= since_ns)
        .order_by(_COLUMNS.open_ns.desc())
        .limit(limit)
    )
    if until_ns is not None:
        query = query.where(_COLUMNS.open_ns < until_ns)
    async with reading(engine) as connection:
        rows = (await connection.execute(query)).mappings().all()
    return tuple(read(Candle, {**row, "interval_ns": NS_PER_MINUTE}) for row in reversed(rows))
