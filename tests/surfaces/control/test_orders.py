"""TradingService and the account: orders through the gate, once per client_order_id (items 3 to 8)."""

import asyncio
from decimal import Decimal

import pytest

import arbiter_pb2 as pb
from arbiter.access.roles import Role
from arbiter.api.control import trading
from arbiter.client import ArbiterClient, BadRequest, NotFound
from arbiter.model.ids import VenueOrderId
from arbiter.model.orders import OrderStatus, OrderType
from arbiter.risk.limits import RiskLimits
from tests.fakes.postgres import FreshDatabase
from tests.surfaces.control.world import BTC, World, world


async def placed(
    engine: World, client: ArbiterClient, price: float = 99.0, key: str = ""
) -> pb.PlaceOrderResponse:
    """A limit order that its venue accepts and that then rests."""
    count = len(engine.outbox.sent) + 1
    call = asyncio.create_task(
        client.trading.place_order(*BTC, pb.SIDE_BUY, 0.5, price, client_order_id=key)
    )
    engine.accept(await engine.ordered(count))
    return await call


async def test_a_limit_order_is_open_once_its_venue_accepts_it(
    engine: World, trader: ArbiterClient
) -> None:
    answer = await placed(engine, trader)
    order = engine.outbox.sent[0]
    assert answer.status == pb.ORDER_STATUS_OPEN
    assert answer.order_id == f"v-{order.client_order_id}"
    assert (order.price, order.size) == (Decimal("99.0"), Decimal("0.5"))
    shown = await trader.trading.order(pb.EXCHANGE_BINANCE, answer.order_id)
    assert (shown.status, shown.side) == (pb.ORDER_STATUS_OPEN, pb.SIDE_BUY)
    assert (shown.market_id, shown.price, shown.filled_size) == ("BTCUSDT", 99.0, 0.0)


async def test_price_zero_is_a_market_order_and_is_told_when_it_has_filled(
    engine: World, trader: ArbiterClient
) -> None:
    call = asyncio.create_task(trader.trading.place_order(*BTC, pb.SIDE_BUY, 0.5))
    order = await engine.ordered()
    assert (order.type, order.price) == (OrderType.MARKET, None)
    engine.complete(order)
    answer = await call
    assert answer.status == pb.ORDER_STATUS_FILLED
    shown = await trader.trading.order(pb.EXCHANGE_BINANCE, answer.order_id)
    assert (shown.price, shown.filled_size, shown.average_fill_price) == (0.0, 0.5, 100.1)


async def test_an_order_whose_fill_overtakes_its_answer_is_told_by_its_venues_id(
    engine: World, trader: ArbiterClient
) -> None:
    call = asyncio.create_task(trader.trading.place_order(*BTC, pb.SIDE_BUY, 0.5))
    order = await engine.ordered()
    engine.fill(order)
    engine.end(order, OrderStatus.FILLED, order.size)
    (shown,) = await trader.trading.orders()
    assert shown.status == pb.ORDER_STATUS_FILLED
    engine.accept(order)
    answer = await call
    assert (answer.order_id, answer.status) == (
        f"v-{order.client_order_id}",
        pb.ORDER_STATUS_FILLED,
    )


async def test_what_a_thin_book_leaves_over_counts_to_the_order_that_was_asked_for(
    engine: World, trader: ArbiterClient
) -> None:
    call = asyncio.create_task(trader.trading.place_order(*BTC, pb.SIDE_BUY, 1.0))
    first = await engine.ordered()
    engine.accept(first)
    engine.fill(first, Decimal("0.4"))
    engine.end(first, OrderStatus.EXPIRED, Decimal("0.4"))
    second = await engine.ordered(2)
    engine.complete(second)
    answer = await call
    assert answer.status == pb.ORDER_STATUS_FILLED
    (only,) = await trader.trading.orders()
    assert (only.order_id, only.size, only.filled_size) == (answer.order_id, 1.0, 1.0)


async def test_a_repeat_gives_the_first_order_as_it_stands_now(
    engine: World, trader: ArbiterClient
) -> None:
    first = await placed(engine, trader, key="mine-1")
    engine.fill(engine.outbox.sent[0], Decimal("0.2"))
    again = await trader.trading.place_order(*BTC, pb.SIDE_BUY, 0.5, 99.0, client_order_id="mine-1")
    assert again.order_id == first.order_id
    assert again.status == pb.ORDER_STATUS_PARTIALLY_FILLED
    assert len(engine.outbox.sent) == 1
    shown = await trader.trading.order(pb.EXCHANGE_BINANCE, "mine-1")
    assert shown.filled_size == 0.2


@pytest.mark.parametrize(
    ("side", "size", "price"),
    [(pb.SIDE_SELL, 0.5, 99.0), (pb.SIDE_BUY, 0.6, 99.0), (pb.SIDE_BUY, 0.5, 0.0)],
)
async def test_the_same_id_with_other_terms_is_refused(
    engine: World, trader: ArbiterClient, side: pb.Side, size: float, price: float
) -> None:
    await placed(engine, trader, key="mine-1")
    with pytest.raises(BadRequest, match=r"belongs to another order: BUY 0\.5"):
        await trader.trading.place_order(*BTC, side, size, price, client_order_id="mine-1")
    assert len(engine.outbox.sent) == 1


async def test_two_calls_at_once_under_one_id_place_one_order(
    engine: World, trader: ArbiterClient
) -> None:
    calls = [
        asyncio.create_task(
            trader.trading.place_order(*BTC, pb.SIDE_BUY, 0.5, 99.0, client_order_id="twice")
        )
        for _ in range(8)
    ]
    engine.accept(await engine.ordered())
    answers = await asyncio.gather(*calls)
    assert len(engine.outbox.sent) == 1
    assert len({answer.order_id for answer in answers}) == 1


async def test_ids_are_each_users_own(engine: World, trader: ArbiterClient) -> None:
    await placed(engine, trader, key="same")
    async with engine.as_user("bob", Role.TRADER) as bob:
        await placed(engine, bob, key="same")
    assert len(engine.outbox.sent) == 2


async def test_a_repeat_after_a_restart_finds_the_first_order(control_db: FreshDatabase) -> None:
    async with (
        world(control_db.url) as engine,
        engine.as_user("alice", Role.TRADER) as client,
    ):
        first = await placed(engine, client, key="mine-1")
        engine.complete(engine.outbox.sent[0])
        denied = await client.trading.place_order(
            *BTC, pb.SIDE_BUY, 500.0, 99.0, client_order_id="mine-2"
        )
    async with world(control_db.url) as engine, ArbiterClient(engine.address) as client:
        await client.sign_in("alice", "a credential of alice")
        again = await client.trading.place_order(
            *BTC, pb.SIDE_BUY, 0.5, 99.0, client_order_id="mine-1"
        )
        assert (again.order_id, again.status) == (first.order_id, pb.ORDER_STATUS_FILLED)
        refused = await client.trading.place_order(
            *BTC, pb.SIDE_BUY, 500.0, 99.0, client_order_id="mine-2"
        )
        assert refused == denied
        with pytest.raises(BadRequest, match="belongs to another order"):
            await client.trading.place_order(*BTC, pb.SIDE_BUY, 1, 99.0, client_order_id="mine-1")
        assert engine.outbox.sent == []


async def test_a_business_refusal_is_an_answer_with_the_numbers(
    engine: World, trader: ArbiterClient
) -> None:
    answer = await trader.trading.place_order(*BTC, pb.SIDE_BUY, 500.0, 99.0)
    assert answer.status == pb.ORDER_STATUS_REJECTED
    assert answer.message == "TRADE_SIZE: notional=49500 limit=5000"
    shown = await trader.trading.order(pb.EXCHANGE_BINANCE, answer.order_id)
    assert shown.status == pb.ORDER_STATUS_REJECTED
    assert engine.outbox.sent == []


async def test_a_market_nobody_quotes_is_a_business_refusal(
    engine: World, trader: ArbiterClient
) -> None:
    engine.core.on_venue_health(engine.registry.venues[0], connected=False, reason="gone")
    answer = await trader.trading.place_order(*BTC, pb.SIDE_BUY, 0.5)
    assert answer.status == pb.ORDER_STATUS_REJECTED
    assert answer.message.startswith("VENUE_UNHEALTHY")


async def test_an_order_its_venue_refuses_is_rejected_with_the_venues_words(
    engine: World, trader: ArbiterClient
) -> None:
    call = asyncio.create_task(trader.trading.place_order(*BTC, pb.SIDE_BUY, 0.5, 99.0))
    engine.refuse(await engine.ordered(), "post only, would cross")
    answer = await call
    assert answer.status == pb.ORDER_STATUS_REJECTED
    assert "post only, would cross" in answer.message


async def test_an_order_without_an_answer_is_pending_and_can_be_asked_for(
    engine: World, trader: ArbiterClient
) -> None:
    answer = await trader.trading.place_order(*BTC, pb.SIDE_BUY, 0.5, 99.0)
    order = await engine.ordered()
    assert (answer.status, answer.order_id) == (pb.ORDER_STATUS_PENDING, order.client_order_id)
    engine.accept(order)
    shown = await trader.trading.order(pb.EXCHANGE_BINANCE, answer.order_id)
    assert (shown.status, shown.order_id) == (pb.ORDER_STATUS_OPEN, f"v-{answer.order_id}")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"size": 0.0}, "size must be more than 0"),
        ({"size": float("nan")}, "size must be a number"),
        ({"size": float("inf")}, "size must be a number"),
        ({"price": -1.0}, "price must be more than 0"),
        ({"side": pb.SIDE_UNSPECIFIED}, "SIDE_BUY or SIDE_SELL"),
        ({"exchange": pb.EXCHANGE_UNSPECIFIED}, "exchange must be set"),
        ({"exchange": 9}, "no number of the enum Exchange"),
        ({"market_id": ""}, "market_id must be set"),
        ({"client_order_id": "x" * 300}, "at most 256"),
        (
            {"exchange": pb.EXCHANGE_POLYMARKET, "market_id": "0xfed", "price": 1.0},
            "between 0 and 1",
        ),
        ({"size": 1e308}, "size must lie in"),
        ({"size": 1e-300}, "size must lie in"),
        ({"price": 1e300}, "price must lie in"),
    ],
)
async def test_a_request_that_makes_no_sense_is_invalid(
    engine: World, trader: ArbiterClient, changes: dict[str, object], said: str
) -> None:
    asked: dict[str, object] = {
        "exchange": pb.EXCHANGE_BINANCE,
        "market_id": "BTCUSDT",
        "side": pb.SIDE_BUY,
        "size": 0.5,
        "price": 99.0,
    }
    with pytest.raises(BadRequest, match=said):
        await trader.trading.place_order(**(asked | changes))  # type: ignore[arg-type]
    assert engine.outbox.sent == []


async def test_a_market_or_a_venue_that_is_not_there_is_not_found(trader: ArbiterClient) -> None:
    with pytest.raises(NotFound, match="did you mean BTCUSDT"):
        await trader.trading.place_order(pb.EXCHANGE_BINANCE, "BTCUST", pb.SIDE_BUY, 1, 99.0)
    with pytest.raises(NotFound, match="kraken is not connected; there are binance"):
        await trader.trading.place_order(pb.EXCHANGE_KRAKEN, "BTCUSDT", pb.SIDE_BUY, 1, 99.0)


async def test_an_event_market_takes_orders_at_a_probability(
    engine: World, trader: ArbiterClient
) -> None:
    call = asyncio.create_task(
        trader.trading.place_order(pb.EXCHANGE_POLYMARKET, "0xfed", pb.SIDE_BUY, 20, 0.41)
    )
    order = await engine.ordered()
    engine.accept(order)
    answer = await call
    assert answer.status == pb.ORDER_STATUS_OPEN
    shown = await trader.trading.order(pb.EXCHANGE_POLYMARKET, answer.order_id)
    assert (shown.exchange, shown.market_id) == (pb.EXCHANGE_POLYMARKET, "0xfed")


async def test_a_cancel_is_true_once_the_venue_confirmed_it(
    engine: World, trader: ArbiterClient
) -> None:
    answer = await placed(engine, trader)
    call = asyncio.create_task(trader.trading.cancel_order(pb.EXCHANGE_BINANCE, answer.order_id))
    order = await engine.cancelled()
    engine.end(order, OrderStatus.CANCELLED)
    done = await call
    assert (done.success, done.message) == (True, "cancelled; 0 had been filled")
    again = await trader.trading.cancel_order(pb.EXCHANGE_BINANCE, answer.order_id)
    assert not again.success
    assert "nothing to cancel" in again.message


async def test_a_cancel_that_its_venue_has_not_confirmed_is_not_told_as_done(
    engine: World, trader: ArbiterClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = await placed(engine, trader)
    monkeypatch.setattr(trading, "ANSWER_S", 0.01)
    done = await trader.trading.cancel_order(pb.EXCHANGE_BINANCE, answer.order_id)
    assert len(engine.outbox.cancelled) == 1
    assert not done.success
    assert "has not confirmed it yet" in done.message


async def test_a_fill_that_overtakes_the_cancel_is_told(
    engine: World, trader: ArbiterClient
) -> None:
    answer = await placed(engine, trader)
    call = asyncio.create_task(trader.trading.cancel_order(pb.EXCHANGE_BINANCE, answer.order_id))
    order = await engine.cancelled()
    engine.fill(order)
    engine.end(order, OrderStatus.FILLED, order.size)
    done = await call
    assert not done.success
    assert "filled before the cancel" in done.message


async def test_orders_nobody_knows_are_not_found(trader: ArbiterClient) -> None:
    with pytest.raises(NotFound, match="there is no order 'v-9' on binance; ListOrders"):
        await trader.trading.order(pb.EXCHANGE_BINANCE, "v-9")
    with pytest.raises(NotFound):
        await trader.trading.cancel_order(pb.EXCHANGE_BINANCE, "v-9")


async def test_an_order_is_not_found_on_another_exchange(
    engine: World, trader: ArbiterClient
) -> None:
    answer = await placed(engine, trader)
    with pytest.raises(NotFound):
        await trader.trading.order(pb.EXCHANGE_BYBIT, answer.order_id)


async def test_an_id_that_two_venues_gave_is_nobodys_until_the_exchange_is_named(
    engine: World, trader: ArbiterClient
) -> None:
    """Venues count for themselves: the wrong order must not be cancelled."""
    for count, exchange in enumerate((pb.EXCHANGE_BINANCE, pb.EXCHANGE_BYBIT), 1):
        call = asyncio.create_task(
            trader.trading.place_order(exchange, "BTCUSDT", pb.SIDE_BUY, 0.5, 99.0)
        )
        engine.accept(await engine.ordered(count), VenueOrderId("7"))
        assert (await call).order_id == "7"
    for asked in (trader.trading.order, trader.trading.cancel_order):
        with pytest.raises(BadRequest, match="binance and bybit each have an order '7'"):
            await asked(pb.EXCHANGE_UNSPECIFIED, "7")
    assert engine.outbox.cancelled == []
    first, second = engine.outbox.sent
    assert (await trader.trading.order(pb.EXCHANGE_BYBIT, "7")).exchange == pb.EXCHANGE_BYBIT
    for order, exchange in ((first, pb.EXCHANGE_BINANCE), (second, pb.EXCHANGE_BYBIT)):
        named = await trader.trading.order(pb.EXCHANGE_UNSPECIFIED, order.client_order_id)
        assert named.exchange == exchange


async def test_an_id_that_one_venue_gave_is_found_without_the_exchange(
    engine: World, trader: ArbiterClient
) -> None:
    answer = await placed(engine, trader)
    found = await trader.trading.order(pb.EXCHANGE_UNSPECIFIED, answer.order_id)
    assert found.order_id == answer.order_id


async def test_orders_are_listed_newest_first_with_filters_and_a_limit(
    engine: World, trader: ArbiterClient
) -> None:
    ids = []
    for price in (95.0, 96.0, 97.0):
        engine.clock.advance(1_000_000)
        ids.append((await placed(engine, trader, price)).order_id)
    engine.complete(engine.outbox.sent[0])
    engine.clock.advance(1_000_000)
    rejected = await trader.trading.place_order(
        pb.EXCHANGE_BYBIT, "BTCUSDT", pb.SIDE_BUY, 500, 99.0
    )
    listed = await trader.trading.orders()
    assert [each.order_id for each in listed] == [rejected.order_id, *reversed(ids)]
    filled = await trader.trading.orders(status=pb.ORDER_STATUS_FILLED)
    assert [each.order_id for each in filled] == ids[:1]
    still = await trader.trading.orders(status=pb.ORDER_STATUS_OPEN)
    assert [each.order_id for each in still] == [ids[2], ids[1]]
    elsewhere = await trader.trading.orders(exchange=pb.EXCHANGE_BYBIT)
    assert [each.order_id for each in elsewhere] == [rejected.order_id]
    assert len(await trader.trading.orders(limit=2)) == 2
    with pytest.raises(BadRequest, match="limit must not be negative"):
        await trader.trading.orders(limit=-1)


async def test_balances_are_free_plus_locked(engine: World, trader: ArbiterClient) -> None:
    (before,) = [
        row
        for row in await trader.users.balances(exchange=pb.EXCHANGE_BINANCE)
        if row.currency == "USDT"
    ]
    assert before.locked == 0
    await placed(engine, trader)
    rows = {row.currency: row for row in await trader.users.balances(exchange=pb.EXCHANGE_BINANCE)}
    assert rows["USDT"].locked > 0
    assert rows["USDT"].available + rows["USDT"].locked == pytest.approx(rows["USDT"].total)
    everywhere = {row.exchange for row in await trader.users.balances()}
    assert everywhere == {pb.EXCHANGE_BINANCE, pb.EXCHANGE_BYBIT, pb.EXCHANGE_POLYMARKET}
    assert await trader.users.balances(exchange=pb.EXCHANGE_KALSHI) == []


async def test_positions_show_what_was_bought_at_what_and_what_it_is_worth(
    engine: World, trader: ArbiterClient
) -> None:
    call = asyncio.create_task(trader.trading.place_order(*BTC, pb.SIDE_BUY, 0.5))
    engine.complete(await engine.ordered())
    await call
    engine.quote("BTCUSDT.BINANCE", 101.9, 102.1)
    (position,) = await trader.users.positions()
    assert (position.exchange, position.market_id) == (pb.EXCHANGE_BINANCE, "BTCUSDT")
    assert (position.market_name, position.side) == ("BTC/USDT", pb.SIDE_BUY)
    assert (position.size, position.entry_price) == (0.5, 100.1)
    assert position.current_price == 102.0
    assert position.unrealized_pnl == pytest.approx(0.95)
    assert await trader.users.positions(market_id="BTCUSDT") == [position]
    assert await trader.users.positions(exchange=pb.EXCHANGE_BYBIT) == []
    assert await trader.users.positions(market_id="ETHUSDT") == []


async def test_the_kill_switch_turns_orders_down(engine: World, trader: ArbiterClient) -> None:
    await trader.operator.kill("a drill")
    answer = await trader.trading.place_order(*BTC, pb.SIDE_BUY, 0.5, 99.0)
    assert answer.status == pb.ORDER_STATUS_REJECTED
    assert answer.message == "KILL_SWITCH: actor=user:alice reason='a drill'"


async def test_a_sale_far_below_the_market_is_refused_for_what_it_would_sell(
    engine: World, trader: ArbiterClient
) -> None:
    engine.core.gate.reconfigure(RiskLimits(max_trade_usd=Decimal(50)))
    answer = await trader.trading.place_order(*BTC, pb.SIDE_SELL, 0.6, 10.0)
    assert answer.status == pb.ORDER_STATUS_REJECTED
    assert "TRADE_SIZE: notional=60 limit=50" in answer.message
    assert engine.outbox.sent == []
