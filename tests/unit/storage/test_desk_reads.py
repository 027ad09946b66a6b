"""The curve and the sums that the desk draws."""

from collections.abc import AsyncIterator
from decimal import Decimal

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from arbiter.model.changes import Changes
from arbiter.model.holdings import PnlMinute
from arbiter.model.ids import StrategyId
from arbiter.model.plans import Family
from arbiter.model.time import NS_PER_MINUTE
from arbiter.model.trades import TradeState
from arbiter.storage import loader
from arbiter.storage.database import connect, make_engine
from arbiter.storage.desk_reads import DeskReads
from arbiter.storage.rows import projection_statements
from tests.fakes.postgres import FreshDatabase
from tests.unit.storage import samples

COPY = StrategyId("copy-trading")
BEGIN = samples.T0 - samples.T0 % NS_PER_MINUTE
MADE = ((0, samples.SPOT, 2), (0, COPY, 5), (1, COPY, -3), (4, samples.SPOT, 1))
"""By minute and strategy; a leader's positions pay out without a trade."""


@pytest.fixture
async def engine(ledger_db: FreshDatabase) -> AsyncIterator[AsyncEngine]:
    changes = Changes()
    trade = samples.trade(1, state=TradeState.COMPLETED, pnl=Decimal(2))
    changes.trades[trade.id] = trade
    for number, strategy, made in MADE:
        at_ns = BEGIN + number * NS_PER_MINUTE
        changes.minutes[at_ns, strategy] = PnlMinute(
            strategy=strategy, minute_ns=at_ns, realized=Decimal(made)
        )
    connection = await connect(ledger_db.url)
    for sql, arguments in projection_statements(changes):
        await connection.execute(sql, *arguments)
    await connection.close()
    engine = make_engine(ledger_db.url)
    yield engine
    await engine.dispose()


async def test_the_curve_holds_what_no_trade_made(engine: AsyncEngine) -> None:
    end = BEGIN + 5 * NS_PER_MINUTE
    curve = await DeskReads(engine).equity(None, end, 300)
    assert [point.cumulative for point in curve] == [0, 7, 4, 5]
    assert [point.trades for point in curve] == [0, 1, 0, 0]
    assert [point.at_ns for point in curve[:2]] == [BEGIN, BEGIN + NS_PER_MINUTE - 1]
    late = await DeskReads(engine).equity(BEGIN + NS_PER_MINUTE, end - NS_PER_MINUTE // 2, 2)
    assert [point.cumulative for point in late] == [7, 5]
    assert late[-1].at_ns == end - NS_PER_MINUTE // 2 - 1


async def test_a_trade_that_made_nothing_is_counted_in_the_curve(
    engine: AsyncEngine, ledger_db: FreshDatabase
) -> None:
    changes = Changes()
    trade = samples.trade(150, state=TradeState.COMPLETED, pnl=Decimal(0))
    changes.trades[trade.id] = trade
    connection = await connect(ledger_db.url)
    for sql, arguments in projection_statements(changes):
        await connection.execute(sql, *arguments)
    await connection.close()
    curve = await DeskReads(engine).equity(None, BEGIN + 5 * NS_PER_MINUTE, 300)
    assert [point.cumulative for point in curve] == [0, 7, 4, 4, 5]
    assert [point.trades for point in curve] == [0, 1, 0, 1, 0]
    assert sorted(point.at_ns for point in curve) == [point.at_ns for point in curve]
    late = await DeskReads(engine).equity(BEGIN + 30 * 10**9, BEGIN + 5 * NS_PER_MINUTE, 300)
    assert [point.trades for point in late] == [0, 0, 1, 0], "the first minute is before the curve"


async def test_pnl_is_summed_by_strategy_and_trades_by_family(engine: AsyncEngine) -> None:
    reads = DeskReads(engine)
    assert await reads.pnl_by_strategy(BEGIN) == {samples.SPOT: 3, COPY: 2}
    assert await reads.pnl_by_strategy(BEGIN + 1) == {samples.SPOT: 1, COPY: -3}
    assert await reads.trades_by_family(BEGIN) == {Family.SPOT: 1}


async def test_a_ledger_goes_on_in_the_newest_minute(engine: AsyncEngine) -> None:
    (newest,) = (await loader.load(engine)).minutes
    assert newest.minute_ns == BEGIN + 4 * NS_PER_MINUTE
    assert newest.realized == 1


async def test_what_was_made_before_there_were_minutes_is_taken_from_trades(
    engine: AsyncEngine, ledger_db: FreshDatabase
) -> None:
    from arbiter.storage.migrations.versions import v0013_pnl_minutes as step

    connection: asyncpg.Connection = await connect(ledger_db.url)
    await connection.execute("DELETE FROM pnl_minutes")
    await connection.execute(step.FILL)
    rows = await connection.fetch("SELECT minute_ns, strategy, realized FROM pnl_minutes")
    await connection.close()
    ended = samples.trade(1, state=TradeState.COMPLETED).completed_ns or 0
    assert [tuple(row) for row in rows] == [(ended - ended % NS_PER_MINUTE, samples.SPOT, 2)]
