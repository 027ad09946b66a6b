"""A record that goes through the database comes back equal, to the last digit."""

import sys
from decimal import Decimal
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from arbiter.model.changes import Changes
from arbiter.model.events import SettingChanged
from arbiter.model.holdings import Balance, Budget, KillSwitch, Position
from arbiter.model.ids import Actor, StrategyId
from arbiter.model.orders import OrderStatus
from arbiter.model.trades import TradeState
from arbiter.storage import loader, schema
from arbiter.storage.database import connect, make_engine
from arbiter.storage.rows import projection_statements, read
from tests.fakes.postgres import FreshDatabase
from tests.unit.storage import samples

one_database = settings(
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
exact = st.one_of(
    st.decimals(
        allow_nan=False, allow_infinity=False, places=30, min_value=-(10**30), max_value=10**30
    ),
    st.builds(
        lambda digits, exponent: Decimal(digits).scaleb(exponent),
        st.integers(-(10**25), 10**25),
        st.integers(-40, 20),
    ),
    st.sampled_from([Decimal("-0"), Decimal("0E-18"), Decimal("1E+9"), Decimal("1.500")]),
)
positive = exact.filter(lambda value: value > 0)
words = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30)
times = st.integers(0, sys.maxsize)


async def store(database: FreshDatabase, changes: Changes) -> None:
    connection = await connect(database.url)
    for sql, arguments in projection_statements(changes):
        await connection.execute(sql, *arguments)
    await connection.close()


async def back(database: FreshDatabase, record: type[Any], table: Any) -> list[Any]:
    engine = make_engine(database.url)
    async with engine.connect() as connection:
        rows = (await connection.execute(select(table))).mappings().all()
    await engine.dispose()
    return [read(record, dict(row)) for row in rows]


@one_database
@given(total=exact, locked=exact, at=times)
async def test_money_keeps_every_digit(
    ledger_db: FreshDatabase, total: Decimal, locked: Decimal, at: int
) -> None:
    balance = Balance(
        venue=samples.BUY_AT, asset=samples.USDT, total=total, locked=locked, updated_ns=at
    )
    await store(ledger_db, Changes(balances={(balance.venue, balance.asset): balance}))
    assert await back(ledger_db, Balance, schema.BALANCES) == [balance]


@one_database
@given(
    size=positive, price=positive, filled=exact, reason=st.none() | words, unknown=st.none() | times
)
async def test_an_order_comes_back_as_it_was(
    ledger_db: FreshDatabase,
    size: Decimal,
    price: Decimal,
    filled: Decimal,
    reason: str | None,
    unknown: int | None,
) -> None:
    order = msgspec.structs.replace(
        samples.order(1),
        size=size,
        price=price,
        filled_size=filled,
        reason=reason,
        unknown_since_ns=unknown,
    )
    await store(ledger_db, Changes(orders={order.client_order_id: order}))
    assert await back(ledger_db, type(order), schema.ORDERS) == [order]


async def test_every_projection_comes_back_as_it_was(ledger_db: FreshDatabase) -> None:
    trade = samples.trade(1, state=TradeState.COMPLETED, pnl=Decimal("-0.000000000000000001"))
    order = samples.order(1, "b", status=OrderStatus.FILLED)
    fill, signal = samples.fill(1, "b"), samples.signal(1)
    position = Position(
        strategy=samples.SPOT, instrument=order.instrument, symbol=samples.BTC, closed_ns=5
    )
    budget = Budget(strategy=samples.SPOT, currency=samples.USDT, allocated=None)
    switch = KillSwitch(engaged=True, actor="cli", reason="drill", flatten=True, changed_ns=9)
    change = SettingChanged(at_ns=1, path="a.b", before="1", after='"x"', actor=Actor("cli"))
    changes = Changes(
        trades={trade.id: trade},
        orders={order.client_order_id: order},
        fills={(fill.venue, fill.venue_trade_id): fill},
        signals={signal.id: signal},
        positions={(position.strategy, position.instrument): position},
        budgets={(budget.strategy, budget.currency): budget},
        kill_switch=switch,
        strategies={StrategyId("copy"): False},
        settings={change.path: change},
    )
    await store(ledger_db, changes)
    for record, table in (
        (trade, schema.TRADES),
        (order, schema.ORDERS),
        (fill, schema.FILLS),
        (signal, schema.SIGNALS),
        (position, schema.POSITIONS),
        (budget, schema.BUDGETS),
    ):
        assert await back(ledger_db, type(record), table) == [record]
    engine = make_engine(ledger_db.url)
    image = await loader.load(engine)
    await engine.dispose()
    assert image.kill_switch == switch
    assert image.settings == {"a.b": change}
    assert image.strategies == {"copy": False}
    assert (image.next_trade_seq, image.next_signal_seq) == (2, 2)
    assert type(image.trades[0].id) is type(trade.id)
