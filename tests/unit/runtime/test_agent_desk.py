"""Sessions, their orders, and the exits that protect their positions."""

import asyncio
from decimal import Decimal

import pytest

from arbiter.model.agents import (
    MANUAL_SESSION,
    MANUAL_STRATEGY,
    AgentPosition,
    AgentSession,
    SessionMode,
    SessionState,
)
from arbiter.model.denials import Denied
from arbiter.model.errors import InvalidValue, NotFound, StorageUnavailable, TryAgain
from arbiter.model.events import KillSwitchEngaged, TradeOpened
from arbiter.model.ids import Actor
from arbiter.model.orders import Order, OrderStatus, Side
from arbiter.model.time import NS_PER_S
from arbiter.runtime.agent_desk import OrderTicket
from arbiter.runtime.agent_news import ErrorNews, PositionNews, SystemNews
from tests.fakes.agents import BTC, ME, AgentHouse
from tests.fakes.engine import USDT


async def opened() -> AgentHouse:
    house = await AgentHouse().open()
    house.quote(100.0)
    return house


def give(
    house: AgentHouse, side: Side, size: str, price: str | None = None
) -> TradeOpened | Denied:
    instrument = house.desk.instrument_of("BTCUSDT")
    ticket = OrderTicket(
        side, Decimal(size), price=None if price is None else Decimal(price), actor=ME
    )
    return house.desk.place(house.desk.session_for(instrument), instrument, ticket)


async def with_position(size: str = "10") -> tuple[AgentHouse, AgentPosition]:
    house = await opened()
    session = await house.session()
    give(house, Side.BUY, size)
    house.complete_all()
    (position,) = house.desk.book.positions(session.id)
    return house, position


def only_order(house: AgentHouse) -> Order:
    (order,) = house.working()
    return order


async def test_a_sessions_capital_is_its_budget_and_it_is_told() -> None:
    house = await opened()
    session = await house.session("1000")
    budget = house.engine.ledger.budgets[session.strategy, USDT]
    assert budget.allocated == 1_000
    assert house.store.kept_sessions[session.id] == session
    assert any(isinstance(n, SystemNews) and n.status == "trading_started" for n in house.news)
    denied = give(house, Side.BUY, "10.5")
    assert isinstance(denied, Denied)
    assert denied.code == "BUDGET_EXCEEDED"
    assert any(isinstance(n, ErrorNews) for n in house.news)


async def test_a_session_that_could_not_be_kept_does_not_exist() -> None:
    house = await opened()
    house.store.away = True
    with pytest.raises(StorageUnavailable):
        await house.session()
    assert house.desk.sessions == []


async def test_live_sessions_need_a_live_engine() -> None:
    house = await opened()
    with pytest.raises(InvalidValue, match="live mode"):
        await house.desk.start("BTC/USDT", Decimal(1), SessionMode.LIVE, ME)


async def test_an_order_joins_the_running_session_of_its_symbol_else_the_standing_one() -> None:
    house = await opened()
    instrument = house.desk.instrument_of("BTC-USDT")
    assert house.desk.session_for(instrument).id == MANUAL_SESSION
    session = await house.session()
    assert house.desk.session_for(instrument).id == session.id
    await house.desk.pause(session.id, ME)
    assert house.desk.session_for(instrument).id == MANUAL_SESSION
    trade = give(house, Side.BUY, "1")
    assert isinstance(trade, TradeOpened)
    assert trade.trade.strategy == MANUAL_STRATEGY


async def test_a_sale_without_a_position_never_touches_the_inventory() -> None:
    house = await opened()
    denied = give(house, Side.SELL, "1")
    assert isinstance(denied, Denied)
    assert denied.code == "NOT_REDUCING"
    assert house.engine.outbox.sent == []


async def test_a_stop_loss_sells_and_the_round_trip_is_counted() -> None:
    house, position = await with_position()
    assert position.stop_loss == Decimal("98.09")
    house.quote(98.5)
    house.desk.look_after()
    assert house.working() == []
    house.quote(98.0)
    house.desk.look_after()
    order = only_order(house)
    assert (order.side, order.size, order.reduce_only) == (Side.SELL, Decimal(10), True)
    house.desk.look_after()
    assert len(house.working()) == 1, "one exit at a time"
    house.complete_all()
    (closed,) = house.desk.book.positions(position.session_id)
    assert closed.exit_reason == "stop loss at 98"
    assert closed.realized_pnl < 0
    session = house.desk.book.session(position.session_id)
    assert session is not None
    assert (session.total_trades, session.losing_trades) == (1, 1)
    assert isinstance(house.news[-1], PositionNews)


async def test_a_take_profit_sells_at_the_bid() -> None:
    house, position = await with_position()
    assert position.take_profit is not None
    house.quote(float(position.take_profit))
    house.desk.look_after()
    assert only_order(house).side is Side.SELL


async def test_protection_outlives_a_pause() -> None:
    house, position = await with_position()
    await house.desk.pause(position.session_id, ME)
    house.quote(90.0)
    house.desk.look_after()
    assert only_order(house).side is Side.SELL


async def test_a_refused_exit_is_tried_again_after_a_while() -> None:
    house, _ = await with_position()
    house.quote(90.0)
    house.desk.look_after()
    house.engine.refuse(only_order(house))
    house.desk.look_after()
    assert house.working() == []
    house.engine.clock.advance(3 * NS_PER_S)
    house.quote(90.0)
    house.desk.look_after()
    assert only_order(house).side is Side.SELL


async def test_a_resting_sale_makes_way_for_the_stop_loss() -> None:
    house, _ = await with_position()
    give(house, Side.SELL, "10", "120")
    resting = only_order(house)
    house.engine.accept(resting)
    house.quote(90.0)
    house.desk.look_after()
    assert [order.client_order_id for order in house.engine.outbox.cancelled] == [
        resting.client_order_id
    ]
    house.engine.end(resting, OrderStatus.CANCELLED)
    house.engine.clock.advance(3 * NS_PER_S)
    house.quote(90.0)
    house.desk.look_after()
    assert only_order(house).price is None


async def test_the_kill_switch_with_flatten_sells_everything() -> None:
    house, _ = await with_position()
    house.engine.core.recorder.record(
        KillSwitchEngaged(at_ns=1, actor=Actor("test"), reason="stop", flatten=True)
    )
    house.desk.look_after()
    assert only_order(house).reduce_only
    assert isinstance(give(house, Side.BUY, "1"), Denied)


async def test_stopping_cancels_and_closes_first() -> None:
    house, position = await with_position("5")
    give(house, Side.BUY, "1", "80")
    resting = only_order(house)
    house.engine.accept(resting)

    async def venue() -> None:
        house.engine.end(house.engine.order(resting.client_order_id), OrderStatus.CANCELLED)
        house.complete_all()

    stopping = house.desk.stop(position.session_id, Decimal(10_500), ME)
    task = asyncio.create_task(stopping)
    session = position.session_id
    while house.desk.book.sessions[session].state is not SessionState.STOPPING:  # noqa: ASYNC110
        await asyncio.sleep(0)
    await venue()
    ended = await task
    assert (ended.state, ended.total_pnl, ended.total_trades) == (
        SessionState.STOPPED,
        Decimal(500),
        1,
    )
    assert house.desk.book.open_positions() == []
    assert (ended.strategy, USDT) not in house.engine.ledger.budgets
    with pytest.raises(NotFound):
        await house.desk.pause(position.session_id, ME)


async def test_a_restart_folds_the_same_positions_again() -> None:
    house, position = await with_position()
    give(house, Side.SELL, "4")
    house.complete_all()
    await house.desk.book.save()
    for saved in (True, False):
        store = house.store
        if not saved:
            store.kept_positions.clear()
        again = AgentHouse(engine=house.engine, store=store)
        await again.desk.book.restore()
        (found,) = again.desk.book.positions(position.session_id)
        (kept,) = house.desk.book.positions(position.session_id)
        assert (found.id, found.held, found.spent) == (kept.id, kept.held, kept.spent)
        assert found.stop_loss == kept.stop_loss


async def test_a_stop_that_cannot_close_says_so_and_goes_on() -> None:
    house, position = await with_position()
    import arbiter.runtime.agent_desk as module

    patience = module.STOP_PATIENCE_S
    module.STOP_PATIENCE_S = 0.05
    try:
        with pytest.raises(TryAgain):
            await house.desk.stop(position.session_id, Decimal(0), ME)
    finally:
        module.STOP_PATIENCE_S = patience
    session = house.desk.book.session(position.session_id)
    assert session is not None
    assert session.state is SessionState.STOPPING
    assert house.store.kept_sessions[session.id].final_capital == 0
    assert BTC in {order.instrument for order in house.working()}


async def test_an_older_record_never_lands_after_the_last_one() -> None:
    """A save under way when a session ends must not bring it back from the dead."""
    house, position = await with_position()
    session_id = position.session_id
    give(house, Side.SELL, "10")
    house.complete_all()
    store = house.store.save_session
    waiting = asyncio.Event()

    async def save_session(session: AgentSession) -> None:
        if session.state is not SessionState.STOPPED:
            waiting.set()
            for _ in range(1_000):  # longer than a stop takes that does not wait for it
                await asyncio.sleep(0)
        await store(session)

    house.store.save_session = save_session  # type: ignore[method-assign]
    saving = asyncio.create_task(house.desk.book.save())
    await waiting.wait()
    ended = await house.desk.stop(session_id, Decimal(10_500), ME)
    await saving
    assert house.store.kept_sessions[session_id] == ended
    assert ended.total_pnl == 500
