"""OperatorService and MarketService: what Telegram and other operators live on."""

import asyncio

import pytest

import arbiter_pb2 as pb
from arbiter.access.roles import Principal, Role
from arbiter.api.control.convert import Markets
from arbiter.api.control.deps import DoctorCheck
from arbiter.api.control.guard import Call
from arbiter.api.control.operator import OperatorService
from arbiter.client import ArbiterClient, BadRequest, NotFound
from arbiter.model.commands import EngageKillSwitch
from arbiter.model.ids import Actor, Asset, InstrumentId, StrategyId
from arbiter.runtime.kill import KillReport, KillSwitchControl
from arbiter.runtime.kill_proof import VenueProof
from tests.fakes.depth import FakeDepth
from tests.surfaces.control.world import BTC, World


async def bought(engine: World, client: ArbiterClient, size: float = 0.5) -> None:
    count = len(engine.outbox.sent) + 1
    call = asyncio.create_task(client.trading.place_order(*BTC, pb.SIDE_BUY, size))
    engine.complete(await engine.ordered(count))
    await call


async def test_the_status_tells_what_runs_and_what_is_connected(
    engine: World, trader: ArbiterClient
) -> None:
    status = await trader.operator.status()
    assert (status.mode, status.version, status.limits_level) == ("sim", "1.2.3", "normal")
    assert status.ready
    assert {venue.venue: venue.connected for venue in status.venues} == {
        "binance": True,
        "bybit": True,
        "polymarket": True,
    }
    assert [strategy.name for strategy in status.strategies] == ["spot-arbitrage", "manual"]
    assert not status.kill_switch.engaged


async def test_the_kill_switch_is_engaged_and_released_by_name(
    engine: World, trader: ArbiterClient
) -> None:
    report = await trader.operator.kill("prices look wrong")
    assert report.durable
    latch = (await trader.operator.status()).kill_switch
    assert (latch.engaged, latch.actor, latch.reason) == (True, "user:alice", "prices look wrong")
    released = await trader.operator.resume()
    assert not released.engaged
    assert not engine.ledger.kill_switch.engaged


async def test_what_every_venue_proved_is_told_and_closing_is_asked_for(
    trader: ArbiterClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[EngageKillSwitch] = []

    async def engage(_control: KillSwitchControl, command: EngageKillSwitch) -> KillReport:
        asked.append(command)
        proofs = (
            VenueProof(venue="binance", reachable=True, open_orders=(), unhedged=()),
            VenueProof(
                venue="bybit", reachable=False, open_orders=("o-1",), unhedged=(), note="silent"
            ),
        )
        return KillReport(durable=False, venues=proofs)

    monkeypatch.setattr(KillSwitchControl, "engage", engage)
    report = await trader.operator.kill("fire", flatten=True)
    assert (report.durable, report.flat) == (False, False)
    assert [(each.venue, each.reachable, each.flat) for each in report.venues] == [
        ("binance", True, True),
        ("bybit", False, False),
    ]
    assert (report.venues[1].open_orders, report.venues[1].note) == (["o-1"], "silent")
    await trader.operator.kill("smoke")
    assert [(each.reason, each.flatten) for each in asked] == [("fire", True), ("smoke", False)]


async def test_a_caller_that_hangs_up_does_not_stop_the_killing(
    engine: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, go_on = asyncio.Event(), asyncio.Event()
    engage = KillSwitchControl.engage

    async def slowly(control: KillSwitchControl, command: EngageKillSwitch) -> KillReport:
        began.set()
        await go_on.wait()
        return await engage(control, command)

    monkeypatch.setattr(KillSwitchControl, "engage", slowly)
    deps = engine.deps()
    service = OperatorService(deps, Markets(deps.core.registry, lambda _instrument: ""))
    alice = Principal(actor=Actor("user:alice"), user_id="alice", role=Role.TRADER)
    request = pb.EngageKillSwitchRequest(reason="now", flatten=True)
    calling = asyncio.create_task(service.EngageKillSwitch(request, Call(None, alice)))  # type: ignore[arg-type]
    await began.wait()
    calling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await calling
    (killing,) = service._kills
    go_on.set()
    assert (await killing).durable
    assert engine.ledger.kill_switch.actor == "user:alice"


async def test_a_kill_needs_a_reason(engine: World, trader: ArbiterClient) -> None:
    with pytest.raises(BadRequest, match="reason must be set"):
        await trader.operator.kill("")
    assert not engine.ledger.kill_switch.engaged


async def test_a_strategy_is_stopped_and_started(engine: World, trader: ArbiterClient) -> None:
    stopped = await trader.operator.set_strategy_running("spot-arbitrage", False, "a pause")
    assert (stopped.name, stopped.running) == ("spot-arbitrage", False)
    assert engine.ledger.strategies[StrategyId("spot-arbitrage")] is False
    started = await trader.operator.set_strategy_running("spot-arbitrage", True)
    assert started.running
    with pytest.raises(NotFound, match="no strategy is named 'sport'"):
        await trader.operator.set_strategy_running("sport", True)


async def test_nothing_starts_under_the_kill_switch(trader: ArbiterClient) -> None:
    await trader.operator.kill("a drill")
    with pytest.raises(BadRequest, match="release it first"):
        await trader.operator.set_strategy_running("spot-arbitrage", True)


async def test_budgets_are_set_shown_and_removed(engine: World, trader: ArbiterClient) -> None:
    made = await trader.operator.set_budget("manual", "usdt", 250.5)
    assert (made.strategy, made.currency, made.allocated, made.available) == (
        "manual",
        "USDT",
        250.5,
        250.5,
    )
    await trader.operator.set_budget("spot-arbitrage", "USDT", 9)
    assert [row.allocated for row in await trader.operator.budgets("manual")] == [250.5]
    assert len(await trader.operator.budgets()) == 2
    answer = await trader.trading.place_order(*BTC, pb.SIDE_BUY, 5, 99.0)
    assert answer.status == pb.ORDER_STATUS_REJECTED
    assert answer.message.startswith("BUDGET_EXCEEDED: allocated=250.5 reserved=0 needed=495")
    assert "no limit in USDT" in await trader.operator.remove_budget("manual", "USDT")
    with pytest.raises(NotFound, match="has no budget in USDT"):
        await trader.operator.remove_budget("manual", "USDT")
    with pytest.raises(BadRequest, match="nothing listed is paid in DOGE"):
        await trader.operator.set_budget("manual", "DOGE", 1)
    with pytest.raises(NotFound):
        await trader.operator.set_budget("sport", "USDT", 1)
    key = (StrategyId("manual"), Asset("USDT"))
    assert key not in engine.ledger.budgets or engine.ledger.budgets[key].allocated is None


async def test_pnl_and_trades_are_those_of_the_ledger(engine: World, trader: ArbiterClient) -> None:
    await bought(engine, trader)
    pnl = await trader.operator.pnl()
    (row,) = [each for each in pnl.strategies if each.strategy == "manual"]
    assert (row.currency, row.fees) == ("USDT", pytest.approx(0.05005))
    assert pnl.today == float(engine.ledger.realized_today(engine.clock.now_ns()))
    (trade,) = await trader.operator.trades()
    assert (trade.strategy, trade.family, trade.state) == ("manual", "manual", "COMPLETED")
    assert trade.bought == 0.5
    assert trade.HasField("pnl")
    assert await trader.operator.trades("spot-arbitrage") == []
    await bought(engine, trader)
    assert [each.number for each in await trader.operator.trades()] == [
        trade.number + 1,
        trade.number,
    ]


async def test_the_doctor_is_healthy_unless_a_check_fails(
    engine: World, trader: ArbiterClient
) -> None:
    engine.checks = [DoctorCheck(name="clock", verdict="warn", detail="1 s off", mend="set it")]
    report = await trader.operator.doctor()
    assert report.healthy
    assert (report.checks[0].status, report.checks[0].mend) == ("warn", "set it")
    engine.checks.append(DoctorCheck(name="disk", verdict="fail", detail="full", mend="free it"))
    assert not (await trader.operator.doctor()).healthy


async def test_agents_that_are_off_are_none(trader: ArbiterClient) -> None:
    answer = await trader.operator.agents()
    assert (list(answer.agents), list(answer.sessions)) == ([], [])


async def test_markets_are_found_by_part_of_a_name_and_page_by_page(trader: ArbiterClient) -> None:
    everything = await trader.markets.find()
    assert everything.total == 3
    (fed,) = (await trader.markets.find("fed-")).markets
    assert (fed.exchange, fed.market_id, fed.kind) == (pb.EXCHANGE_POLYMARKET, "0xfed", "binary")
    page = await trader.markets.find("btc", limit=1, offset=1)
    assert (page.total, [each.venue for each in page.markets]) == (2, ["bybit"])
    (one,) = (await trader.markets.find(exchange=pb.EXCHANGE_BINANCE)).markets
    assert (one.tick, one.lot, one.min_notional, one.taker_fee) == (0.01, 0.0001, 5.0, 0.001)


async def test_the_book_is_the_newest_top_with_its_age(
    engine: World, trader: ArbiterClient
) -> None:
    engine.clock.advance(1_500_000_000)
    book = await trader.markets.order_book(pb.EXCHANGE_BINANCE, "BTC/USDT")
    assert (book.market_id, book.bids[0].price, book.asks[0].price) == ("BTCUSDT", 100.0, 100.1)
    assert (book.bids[0].size, book.age_ms, book.fresh) == (5.0, 1_500, True)
    engine.clock.advance(1_000_000_000)
    assert not (await trader.markets.order_book(pb.EXCHANGE_BINANCE, "BTCUSDT")).fresh
    with pytest.raises(NotFound):
        await trader.markets.order_book(pb.EXCHANGE_BINANCE, "LUNA")


async def test_book_that_is_asked_for_is_followed_and_told_in_depth(
    engine: World, trader: ArbiterClient
) -> None:
    engine.quote("BTCUSDT.BINANCE", 100.0, 100.1)
    feed = engine.depths[InstrumentId("BTCUSDT.BINANCE")] = FakeDepth()
    following = asyncio.create_task(engine.depth.run())
    asked = asyncio.create_task(trader.markets.order_book(pb.EXCHANGE_BINANCE, "BTCUSDT"))
    await feed.started.wait()
    feed.tell([(100.0, 5.0), (99.9, 2.0)], [(100.1, 5.0)], engine.clock.now_ns() - 7_000_000)
    book = await asked
    assert [(level.price, level.size) for level in book.bids] == [(100.0, 5.0), (99.9, 2.0)]
    assert [(level.price, level.size) for level in book.asks] == [(100.1, 5.0)]
    assert (book.age_ms, book.fresh) == (7, True)
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
