"""Funding pairs as the desk shows them: the newest, with a running total over all of them."""

from decimal import Decimal
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from arbiter.model.pairs import FundingPair
from arbiter.ports.desk_history import CollectedFunding, FundingSums
from arbiter.storage.database import reading
from arbiter.storage.margin_schema import FUNDING_PAIRS
from arbiter.storage.rows import read


async def funding(engine: AsyncEngine, limit: int) -> FundingSums:
    p = FUNDING_PAIRS.c
    in_order = (p.opened_ns, p.id)
    running = func.sum(p.funding_collected).over(order_by=in_order, rows=(None, 0))
    summed = select(FUNDING_PAIRS, running.label("cumulative")).subquery()
    query = (
        select(summed)
        .order_by((summed.c.state != "CLOSED").desc(), summed.c.opened_ns.desc(), summed.c.id)
        .limit(limit)
    )
    sums = select(
        func.coalesce(func.sum(p.funding_collected), 0),
        func.coalesce(func.sum(p.payments), 0),
        func.count(),
    )
    async with reading(engine) as lent:
        connection = await lent.execution_options(isolation_level="REPEATABLE READ")
        collected, payments, pairs = (await connection.execute(sums)).one()
        rows: list[Any] = list((await connection.execute(query)).mappings())
    return FundingSums(
        collected=Decimal(collected),
        payments=int(payments),
        pairs=pairs,
        rows=[
            CollectedFunding(pair=read(FundingPair, row), cumulative=Decimal(row["cumulative"]))
            for row in rows
        ],
    )
