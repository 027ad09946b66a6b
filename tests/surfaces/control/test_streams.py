"""StreamService: orders, quotes, opportunities and alerts as they happen."""

import asyncio
from collections.abc import AsyncIterator
from typing import TypeVar

import pytest
from msgspec.structs import replace

import arbiter_pb2 as pb
from arbiter.api.control import alerts as alerts_module
from arbiter.api.control import streams as streams_module
from arbiter.api.control.convert import Markets
from arbiter.api.control.guard import Call
from arbiter.api.control.streams import StreamService
from arbiter.client import ArbiterClient, BadRequest, NotFound, TooMany
from arbiter.model.changes import Changes
from arbiter.model.events import AlertRaised, SignalSeen
from arbiter.model.ids import StrategyId
from arbiter.model.orders import OrderStatus
from arbiter.risk.staircase import Level
from tests.surfaces.control.world import BTC, World
from tests.unit.storage import samples

T = TypeVar("T")


async def next_of(stream: AsyncIterator[T]) -> T:
    async with asyncio.timeout(60):
        return await anext(stream)


async def read_to_the_end(stream: AsyncIterator[object]) -> None:
    async with asyncio.timeout(60):
        async for _ in stream:
            pass


def alert(engine: World, text: str, severity: str = "warning") -> None:
    now = engine.clock.now_ns()
    engine.core.recorder.record(AlertRaised(at_ns=now, severity=severity, code="DRILL", text=text))


async def test_open_orders_come_first_then_every_change(
    engine: World, trader: ArbiterClient
) -> None:
    first = asyncio.create_task(trader.trading.place_order(*BTC, pb.SIDE_BUY, 0.5, 99.0))
    order = await engine.ordered()
    engine.accept(order)
    placed = await first
    stream = trader.streams.orders()
    standing = await next_of(stream)
    assert (standing.snapshot, standing.order.order_id) == (True, placed.order_id)
    assert standing.strategy == "manual"
    engine.fill(order)
    engine.end(order, OrderStatus.FILLED, order.size)
    statuses: list[int] = []
    while not statuses or statuses[-1] != pb.ORDER_STATUS_FILLED:
        statuses.append((await next_of(stream)).order.status)
    await stream.aclose()  # type: ignore[attr-defined]


async def test_orders_of_another_exchange_or_of_a_strategy_can_be_left_out(
    engine: World, trader: ArbiterClient
) -> None:
    stream = trader.streams.orders(pb.EXCHANGE_BYBIT, manual_only=True)
    waiting = asyncio.create_task(next_of(stream))
    await engine.subscribed.wait()
    engine.open_spread()
    elsewhere = asyncio.create_task(trader.trading.place_order(*BTC, pb.SIDE_BUY, 0.5, 99.0))
    await engine.ordered(3)
    call = asyncio.create_task(
        trader.trading.place_order(pb.EXCHANGE_BYBIT, "BTCUSDT", pb.SIDE_BUY, 0.5, 99.0)
    )
    update = await waiting
    assert (update.order.exchange, update.strategy) == (pb.EXCHANGE_BYBIT, "manual")
    await asyncio.gather(elsewhere, call)


async def test_what_changes_while_the_open_orders_are_sent_is_not_left_out(
    engine: World, trader: ArbiterClient
) -> None:
    orders = []
    for count in (1, 2):
        call = asyncio.create_task(trader.trading.place_order(*BTC, pb.SIDE_BUY, 0.5, 99.0))
        orders.append(await engine.ordered(count))
        engine.accept(orders[-1])
        await call
    deps = engine.deps()
    service = StreamService(deps, Markets(deps.core.registry, lambda _instrument: ""))
    request, anybody = pb.StreamOrdersRequest(), Call(None, None)  # type: ignore[arg-type]
    stream = service.StreamOrders(request, anybody)
    assert (await next_of(stream)).snapshot
    recorded = asyncio.Event()
    engine.hub.listen(lambda _events, _changes: recorded.set())
    engine.end(orders[0], OrderStatus.CANCELLED)
    async with asyncio.timeout(60):
        await recorded.wait()
    assert (await next_of(stream)).snapshot
    update = await next_of(stream)
    assert (update.order.status, update.snapshot) == (pb.ORDER_STATUS_CANCELLED, False)
    await stream.aclose()  # type: ignore[attr-defined]


async def test_quotes_are_the_newest_of_each_market_and_only_when_they_change(
    engine: World, trader: ArbiterClient
) -> None:
    stream = trader.streams.quotes(pb.EXCHANGE_BINANCE, ["BTCUSDT"], interval_ms=20)
    quote = await next_of(stream)
    assert (quote.market_id, quote.bid, quote.ask) == ("BTCUSDT", 100.0, 100.1)
    for bid in (101.0, 102.0, 103.0):
        engine.clock.advance(1_000_000)
        engine.quote("BTCUSDT.BINANCE", bid, bid + 0.1)
    assert (await next_of(stream)).bid == 103.0


async def test_a_market_that_stands_still_is_not_told_again(
    engine: World, trader: ArbiterClient
) -> None:
    stream = trader.streams.quotes(interval_ms=20)
    told = [(await next_of(stream)).exchange for _ in range(3)]
    assert told == [pb.EXCHANGE_BINANCE, pb.EXCHANGE_BYBIT, pb.EXCHANGE_POLYMARKET]
    engine.clock.advance(1_000_000)
    engine.quote("FED-HOLD.POLYMARKET", 0.45, 0.46, 100, 100)
    assert (await next_of(stream)).exchange == pb.EXCHANGE_POLYMARKET


async def test_all_markets_of_an_exchange_are_streamed_without_naming_any(
    trader: ArbiterClient,
) -> None:
    stream = trader.streams.quotes(pb.EXCHANGE_POLYMARKET)
    assert (await next_of(stream)).market_id == "0xfed"
    with pytest.raises(NotFound, match="nothing is listed there"):
        await next_of(trader.streams.quotes(pb.EXCHANGE_KALSHI))
    with pytest.raises(BadRequest, match="interval_ms"):
        await next_of(trader.streams.quotes(interval_ms=-1))


async def test_there_are_only_so_many_streams_of_quotes_at_once(
    trader: ArbiterClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams_module, "MOST_QUOTE_STREAMS", 1)
    first = trader.streams.quotes(pb.EXCHANGE_BINANCE, ["BTCUSDT"])
    await next_of(first)
    with pytest.raises(TooMany, match="1 streams of quotes are open already"):
        await next_of(trader.streams.quotes(pb.EXCHANGE_BINANCE, ["BTCUSDT"]))
    await first.aclose()  # type: ignore[attr-defined]
    async with asyncio.timeout(60):
        while not await _is_given(  # noqa: ASYNC110 - the server notices when it does
            trader.streams.quotes(pb.EXCHANGE_BINANCE, ["BTCUSDT"])
        ):
            await asyncio.sleep(0.01)


async def _is_given(stream: AsyncIterator[pb.Quote]) -> bool:
    try:
        await anext(stream)
    except TooMany:
        return False
    return True


async def test_openings_are_told_with_what_became_of_them(
    engine: World, trader: ArbiterClient
) -> None:
    stream = trader.streams.opportunities("spot-arbitrage")
    waiting = asyncio.create_task(next_of(stream))
    await engine.subscribed.wait()
    engine.open_spread()
    found = await waiting
    assert (found.symbol, found.executed) == ("BTC/USDT", True)
    assert (found.buy_exchange, found.sell_exchange) == (pb.EXCHANGE_BINANCE, pb.EXCHANGE_BYBIT)
    assert found.edge > 0.01


async def test_openings_of_other_strategies_can_be_left_out(
    engine: World, trader: ArbiterClient
) -> None:
    stream = trader.streams.opportunities("event-arbitrage")
    waiting = asyncio.create_task(next_of(stream))
    await engine.subscribed.wait()
    spot = samples.signal(1)
    wanted = replace(samples.signal(2), strategy=StrategyId("event-arbitrage"))
    for signal in (spot, wanted):
        engine.hub.publish((SignalSeen(at_ns=1, signal=signal),), Changes())
    assert (await waiting).number == wanted.seq


async def test_alerts_tell_trades_and_the_kill_switch_in_words(
    engine: World, trader: ArbiterClient
) -> None:
    call = asyncio.create_task(trader.trading.place_order(*BTC, pb.SIDE_BUY, 0.5))
    engine.complete(await engine.ordered())
    await call
    await trader.operator.kill("a drill")
    with pytest.raises(BadRequest, match="recent must not be negative"):
        await next_of(trader.streams.alerts(recent=-1))
    stream = trader.streams.alerts(recent=50)
    done, killed = await next_of(stream), await next_of(stream)
    assert (done.code, done.severity) == ("TRADE_DONE", pb.ALERT_SEVERITY_INFO)
    assert done.trade.strategy == "manual"
    assert done.text.startswith("trade 1 BTC/USDT (manual) completed")
    assert (killed.code, killed.severity) == ("KILL_SWITCH", pb.ALERT_SEVERITY_CRITICAL)
    assert killed.text == "kill switch engaged by user:alice: a drill"


async def test_the_least_severity_and_the_number_of_earlier_alerts_are_the_callers(
    engine: World, trader: ArbiterClient
) -> None:
    for number in range(3):
        alert(engine, f"small {number}", "info")
    alert(engine, "large 3", "critical")
    stream = trader.streams.alerts(pb.ALERT_SEVERITY_WARNING, recent=2)
    assert (await next_of(stream)).text == "large 3"
    alert(engine, "small 4", "info")
    alert(engine, "middle 5")
    assert (await next_of(stream)).text == "middle 5"


async def test_a_loss_that_climbs_the_staircase_is_an_alert(
    engine: World, trader: ArbiterClient
) -> None:
    await trader.operator.set_strategy_running("spot-arbitrage", False)
    for count, side, bid in ((1, pb.SIDE_BUY, 100.0), (2, pb.SIDE_SELL, 90.0)):
        engine.quote("BTCUSDT.BINANCE", bid, bid + 0.1, 100, 100)
        call = asyncio.create_task(trader.trading.place_order(*BTC, side, 40.0))
        engine.complete(await engine.ordered(count))
        assert (await call).status == pb.ORDER_STATUS_FILLED
    stream = trader.streams.alerts(pb.ALERT_SEVERITY_WARNING, recent=50)
    found = await next_of(stream)
    assert (found.code, found.severity) == ("LIMITS", pb.ALERT_SEVERITY_CRITICAL)
    assert found.text.startswith("limits critical: ")


async def test_a_lost_venue_is_an_alert(engine: World, trader: ArbiterClient) -> None:
    engine.core.on_venue_health(engine.registry.venues[0], connected=False, reason="reset")
    found = await next_of(trader.streams.alerts(recent=1))
    assert (found.code, found.text) == ("VENUE_HEALTH", "binance lost: reset")


async def test_a_subscriber_that_falls_behind_is_ended_and_told_so(
    engine: World, trader: ArbiterClient
) -> None:
    stream = trader.streams.alerts(recent=1)
    alert(engine, "the first")
    assert (await next_of(stream)).text == "the first"
    for number in range(2_000):  # in one step: the reader has no chance to keep up
        alert(engine, f"alert {number}")
    with pytest.raises(TooMany, match="read too slowly"):
        await read_to_the_end(stream)


async def test_leaving_a_stream_leaves_nothing_behind(engine: World, trader: ArbiterClient) -> None:
    stream = trader.streams.opportunities()
    waiting = asyncio.create_task(next_of(stream))
    await engine.subscribed.wait()
    waiting.cancel()
    await asyncio.wait([waiting])
    async with asyncio.timeout(60):
        await engine.left.wait()
    assert engine.hub._subscriptions == []


async def test_leaving_the_alerts_leaves_nothing_behind(engine: World) -> None:
    deps = engine.deps()
    service = StreamService(deps, Markets(deps.core.registry, lambda _instrument: ""))
    alert(engine, "the first")
    anybody = Call(None, None)  # type: ignore[arg-type]
    stream = service.StreamAlerts(pb.StreamAlertsRequest(recent=1), anybody)
    async with asyncio.timeout(60):
        while not service.alerts.recent:  # noqa: ASYNC110 - it is recorded first
            await asyncio.sleep(0.001)
    assert (await next_of(stream)).text == "the first"
    assert service.alerts.news._readers
    await stream.aclose()  # type: ignore[attr-defined]
    assert service.alerts.news._readers == []


def test_every_level_of_the_staircase_has_a_severity() -> None:
    assert set(alerts_module._LEVELS) == set(Level)
