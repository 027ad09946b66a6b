"""Pages for the APIs and whole tables for export."""

import csv
import io
import json
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from arbiter.model.changes import Changes
from arbiter.model.events import Audited
from arbiter.model.ids import Actor, InstrumentId, StrategyId, Symbol
from arbiter.model.orders import OrderStatus, Side
from arbiter.model.quotes import Candle
from arbiter.model.time import NS_PER_MINUTE, NS_PER_S
from arbiter.model.trades import TradeState
from arbiter.ports.past import (
    AuditWanted,
    FillsWanted,
    OrdersWanted,
    Page,
    SignalsWanted,
    TradesWanted,
)
from arbiter.storage import candles, listings, loader
from arbiter.storage.database import connect, make_engine
from arbiter.storage.export import Export, Format, export
from arbiter.storage.rows import projection_statements
from tests.fakes.postgres import FreshDatabase
from tests.unit.storage import samples

PAGE = Page(limit=3)
ETH = Symbol("ETH/USDT")


@pytest.fixture
async def engine(ledger_db: FreshDatabase) -> AsyncIterator[AsyncEngine]:
    """Trades 1 to 10, every third in ETH, the last one open; each bought, all but the last sold."""
    changes = Changes()
    for seq in range(1, 11):
        closed = seq < 10
        trade = samples.trade(
            seq,
            state=TradeState.COMPLETED if closed else TradeState.WORKING,
            pnl=Decimal(seq) if closed else None,
            symbol=ETH if seq % 3 == 0 else samples.BTC,
        )
        changes.trades[trade.id] = trade
        for leg in "ab" if closed else "a":
            order = samples.order(seq, leg, status=OrderStatus.FILLED)
            fill = samples.fill(seq, leg)
            changes.orders[order.client_order_id] = order
            changes.fills[fill.venue, fill.venue_trade_id] = fill
        signal = samples.signal(seq, executed=closed)
        changes.signals[signal.id] = signal
        actor = Actor("cli" if closed else "user:alice")
        changes.audit.append(Audited(at_ns=seq, actor=actor, action="login", entity=str(seq)))
    connection = await connect(ledger_db.url)
    for sql, arguments in projection_statements(changes):
        await connection.execute(sql, *arguments)
    await connection.close()
    engine = make_engine(ledger_db.url)
    yield engine
    await engine.dispose()


async def test_trades_come_newest_first_with_the_number_of_all(engine: AsyncEngine) -> None:
    first = await listings.trades(engine, TradesWanted(), PAGE)
    assert [trade.seq for trade in first.rows] == [10, 9, 8]
    assert first.total == 10
    last = await listings.trades(engine, TradesWanted(), Page(limit=3, offset=9))
    assert [trade.seq for trade in last.rows] == [1]


async def test_filters_narrow_the_page_and_its_total(engine: AsyncEngine) -> None:
    async def seqs(wanted: TradesWanted) -> tuple[list[int], int]:
        found = await listings.trades(engine, wanted, PAGE)
        return [trade.seq for trade in found.rows], found.total

    wanted = TradesWanted
    assert await seqs(wanted(symbol=ETH)) == ([9, 6, 3], 3)
    assert await seqs(wanted(states=[TradeState.WORKING])) == ([10], 1)
    assert await seqs(wanted(states=[])) == ([], 0)
    assert await seqs(wanted(any_filled=True)) == ([], 0)
    assert await seqs(wanted(any_filled=False)) == ([10, 9, 8], 10)
    start = samples.T0 + 4 * NS_PER_S
    assert await seqs(wanted(since_ns=start, until_ns=start + NS_PER_S)) == ([4], 1)


async def test_orders_and_fills_by_what_the_desk_asks(engine: AsyncEngine) -> None:
    buys = samples.instrument(samples.BUY_AT)
    orders = await listings.orders(engine, OrdersWanted(instrument=buys), PAGE)
    assert orders.total == 10
    assert {order.side for order in orders.rows} == {Side.BUY}
    part = OrdersWanted(strategy_part="ARBIT")
    assert (await listings.orders(engine, part, PAGE)).total == 19
    percent = OrdersWanted(strategy_part="%")
    assert (await listings.orders(engine, percent, PAGE)).total == 0
    live = OrdersWanted(statuses=[OrderStatus.WORKING])
    assert (await listings.orders(engine, live, PAGE)).total == 0
    sells = await listings.fills(engine, FillsWanted(side=Side.SELL), PAGE)
    assert sells.total == 9
    assert {fill.strategy for fill in sells.rows} == {samples.SPOT}
    other = FillsWanted(strategy=StrategyId("copy"))
    assert (await listings.fills(engine, other, PAGE)).total == 0


async def test_one_trade_with_all_that_was_done_for_it(engine: AsyncEngine) -> None:
    file = await listings.trade(engine, 4)
    assert file is not None
    assert [order.leg for order in file.orders] == ["a", "b"]
    assert len(file.fills) == 2
    assert await listings.trade(engine, file.trade.id) == file
    assert await listings.trade(engine, 99) is None


async def test_signals_by_what_became_of_them(engine: AsyncEngine) -> None:
    missed = await listings.signals(engine, SignalsWanted(executed=False), PAGE)
    assert [(signal.seq, signal.verdict) for signal in missed.rows] == [(10, "cooldown")]
    assert (await listings.signals(engine, SignalsWanted(symbol=ETH), PAGE)).total == 0
    found = await listings.signal(engine, 10)
    assert found == missed.rows[0]


async def test_the_audit_log_by_actor(engine: AsyncEngine) -> None:
    alice = AuditWanted(actor=Actor("user:alice"))
    found = await listings.audit(engine, alice, PAGE)
    assert [one.entry.entity for one in found.rows] == ["10"]


async def test_any_order_and_fill_ever_owned_is_found_again(engine: AsyncEngine) -> None:
    found = await loader.find_order(engine, samples.order_id(2, "a"))
    assert found is not None
    order, trade = found
    assert trade is not None
    assert trade.id == order.trade_id
    assert await loader.find_order(engine, samples.order_id(77, "a")) is None
    known = (samples.BUY_AT, "a-1")
    assert await loader.known_fills(engine, [known, (samples.BUY_AT, "never")]) == {known}
    assert await loader.known_fills(engine, []) == set()


async def test_an_image_holds_open_trades_and_the_newest_closed(engine: AsyncEngine) -> None:
    image = await loader.load(engine, closed_trades=2, fill_keys=1)
    assert [trade.seq for trade in image.trades] == [8, 9, 10]
    assert {order.trade_id for order in image.orders} == {trade.id for trade in image.trades}
    assert len(image.fills) == 5
    assert len(image.fill_keys) == 1
    assert image.next_trade_seq == 11


async def text_of(engine: AsyncEngine, what: Export, form: Format) -> str:
    return "".join([piece async for piece in export(engine, what, form)])


async def test_a_csv_export_reads_back_exactly(engine: AsyncEngine) -> None:
    rows = list(csv.DictReader(io.StringIO(await text_of(engine, Export.TRADES, Format.CSV))))
    assert [row["seq"] for row in rows] == [str(seq) for seq in range(1, 11)]
    assert rows[0]["pnl"] == "1"
    assert rows[9]["pnl"] == ""
    assert rows[0]["started_ns"] == str(samples.T0 + NS_PER_S)
    assert rows[0]["started_at"].endswith("Z")
    assert json.loads(rows[0]["legs"])[0]["role"] == "a"
    fills = list(csv.DictReader(io.StringIO(await text_of(engine, Export.FILLS, Format.CSV))))
    assert fills[0]["fee"] == "0.10812525"


async def test_a_json_export_is_one_list(engine: AsyncEngine) -> None:
    orders = json.loads(await text_of(engine, Export.ORDERS, Format.JSON))
    assert len(orders) == 19
    assert orders[0]["size"] == "0.0025"
    assert orders[0]["trade_id"] == str(samples.trade_id(1))


async def test_an_empty_table_exports_as_an_empty_list(ledger_db: FreshDatabase) -> None:
    engine = make_engine(ledger_db.url)
    assert json.loads(await text_of(engine, Export.FILLS, Format.JSON)) == []
    assert (await text_of(engine, Export.FILLS, Format.CSV)).count("\n") == 1
    await engine.dispose()


def candle(minute: int, close: float) -> Candle:
    return Candle(
        instrument=InstrumentId("BTCUSDT.BINANCE"),
        interval_ns=NS_PER_MINUTE,
        open_ns=minute * NS_PER_MINUTE,
        open=1.1,
        high=2.0,
        low=0.5,
        close=close,
        volume=1e-9,
    )


async def test_candles_are_kept_once_and_come_oldest_first(ledger_db: FreshDatabase) -> None:
    engine = make_engine(ledger_db.url)
    await candles.save(engine, [candle(minute, 1.5) for minute in range(5)])
    await candles.save(engine, [candle(4, 1.9), candle(5, 1.7)])
    await candles.save(engine, [])
    kept = await candles.load(engine, InstrumentId("BTCUSDT.BINANCE"), limit=3)
    assert kept == (candle(3, 1.5), candle(4, 1.9), candle(5, 1.7))
    early = await candles.load(
        engine, InstrumentId("BTCUSDT.BINANCE"), since_ns=1, until_ns=2 * NS_PER_MINUTE
    )
    assert early == (candle(1, 1.5),)
    await engine.dispose()
