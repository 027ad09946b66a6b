"""Agent sessions under the switch of all strategies: what one surface turns, the others show."""

import asyncio
from decimal import Decimal

import pytest
from msgspec.structs import replace

from arbiter.model.agents import MANUAL_SESSION, MANUAL_STRATEGY, AgentSession, SessionState
from arbiter.model.commands import ReleaseKillSwitch, SetBudget, StartStrategy, StopStrategy
from arbiter.model.denials import Denied
from arbiter.model.errors import Conflict, NotFound, TradingDisabled
from arbiter.model.events import Audited, KillSwitchEngaged, StrategySwitched, TradeOpened
from arbiter.model.ids import Actor, StrategyId, strategy_uuid
from arbiter.model.orders import Side
from arbiter.model.plans import Family
from arbiter.runtime.agent_desk import OrderTicket
from arbiter.runtime.agent_news import SystemNews
from arbiter.runtime.bus import CommandBus
from arbiter.runtime.desk_view import DeskView, StrategyCard, StrategyFacts
from arbiter.runtime.queries import Queries
from tests.fakes.agents import ME, AgentHouse
from tests.fakes.engine import USDT

ANN = Actor("user:ann")
SPOT = StrategyId("spot-arbitrage")


class Stage:
    """A house of agents, the bus that commands come by, and what the desk shows."""

    def __init__(self, house: AgentHouse) -> None:
        self.house = house
        core = house.engine.core
        self.bus = CommandBus(ledger=core.ledger, recorder=core.recorder, strategies=(SPOT,))
        self.bus.welcome(house.desk.switches.knows)
        self.view = DeskView(
            core=core,
            queries=Queries(core, house.engine.clock, "0"),
            clock=house.engine.clock,
            usd_rate={USDT: Decimal(1)}.get,
            strategies=(StrategyCard(name=SPOT, family=Family.SPOT, kinds=()),),
            sessions=house.desk.switches.facts,
        )

    async def stop(self, session: AgentSession) -> None:
        await self.bus.execute(StopStrategy(actor=ANN, strategy=session.strategy, reason="enough"))

    async def start(self, session: AgentSession) -> None:
        await self.bus.execute(StartStrategy(actor=ANN, strategy=session.strategy))

    def shown(self, strategy: StrategyId) -> StrategyFacts:
        (facts,) = (each for each in self.view.strategies() if each.name == strategy)
        assert self.view.strategy_of(strategy_uuid(strategy)) == strategy
        assert self.view.strategy(strategy) == facts
        return facts

    def state(self, session: AgentSession) -> SessionState:
        return self.house.desk.book.sessions[session.id].state

    def buy(self, session: AgentSession) -> TradeOpened | Denied:
        instrument = self.house.desk.instrument_of("BTCUSDT")
        return self.house.desk.place(
            session, instrument, OrderTicket(Side.BUY, Decimal(1), actor=ME)
        )

    def told(self) -> list[str]:
        return [news.status for news in self.house.news if isinstance(news, SystemNews)]


async def staged() -> tuple[Stage, AgentSession]:
    house = await AgentHouse().open()
    house.quote(100.0)
    return Stage(house), await house.session()


async def test_desk_lists_sessions_beside_the_other_strategies() -> None:
    stage, session = await staged()
    names = [each.name for each in stage.view.strategies()]
    assert names == [SPOT, MANUAL_STRATEGY, session.strategy]
    facts = stage.shown(session.strategy)
    assert (facts.family, facts.running) == (Family.AGENTS, True)
    assert facts.instruments == (session.instrument,)
    assert stage.view.family_of(session.strategy) is Family.AGENTS


async def test_session_stopped_at_the_desk_opens_nothing_and_still_sells() -> None:
    stage, session = await staged()
    assert isinstance(stage.buy(session), TradeOpened)
    stage.house.complete_all()
    await stage.stop(session)
    assert (stage.state(session), stage.shown(session.strategy).running) == (
        SessionState.PAUSED,
        False,
    )
    denied = stage.buy(session)
    assert isinstance(denied, Denied)
    assert denied.code == "STRATEGY_STOPPED"
    (position,) = stage.house.desk.book.positions(session.id)
    assert isinstance(stage.house.desk.close(position, "stop loss"), TradeOpened)
    assert stage.told() == ["trading_started", "trading_paused"]
    audits = [e for e in stage.house.engine.journal.of(Audited) if isinstance(e, Audited)]
    assert (audits[-1].actor, audits[-1].action) == (ANN, "strategy.stop")
    await stage.start(session)
    assert stage.state(session) is SessionState.RUNNING
    assert isinstance(stage.buy(session), TradeOpened)
    assert stage.told()[-1] == "trading_resumed"


async def test_pause_and_resume_are_the_same_switch() -> None:
    stage, session = await staged()
    await stage.house.desk.pause(session.id, ME)
    assert not stage.shown(session.strategy).running
    assert stage.house.engine.ledger.strategies[session.strategy] is False
    assert isinstance(stage.buy(session), Denied)
    await stage.house.desk.pause(session.id, ME)
    await stage.house.desk.resume(session.id, ME)
    assert stage.shown(session.strategy).running
    assert stage.told() == ["trading_started", "trading_paused", "trading_resumed"]
    switched = stage.house.engine.journal.of(StrategySwitched)
    assert len(switched) == 2, "pausing twice is pausing once"


@pytest.mark.parametrize("running", [True, False])
async def test_switch_in_the_ledger_outlives_a_kill_before_the_sessions_record(
    running: bool,
) -> None:
    stage, session = await staged()
    house = stage.house
    kept = replace(session, state=SessionState.PAUSED if running else SessionState.RUNNING)
    house.store.kept_sessions[session.id] = kept
    house.engine.core.recorder.record(
        StrategySwitched(at_ns=1, strategy=session.strategy, running=running, actor=ANN)
    )
    again = await AgentHouse(store=house.store, engine=house.engine).open()
    assert again.desk.book.sessions[session.id].state is (
        SessionState.RUNNING if running else SessionState.PAUSED
    )


async def test_session_that_was_paused_before_there_was_a_switch_stays_paused() -> None:
    stage, session = await staged()
    house = stage.house
    house.store.kept_sessions[session.id] = replace(session, state=SessionState.PAUSED)
    again = await AgentHouse(store=house.store, engine=house.engine).open()
    (_, facts) = again.desk.switches.facts()
    assert not facts.running
    assert Stage(again).state(session) is SessionState.PAUSED


async def test_session_that_is_ending_takes_no_commands_and_one_that_ended_is_unknown() -> None:
    stage, session = await staged()
    stage.buy(session)
    stage.house.complete_all()
    closing = asyncio.Event()
    stage.house.engine.hub.listen(
        lambda events, _: closing.set() if isinstance(events[-1], TradeOpened) else None
    )
    ending = asyncio.create_task(stage.house.desk.stop(session.id, Decimal(10_000), ME))
    await closing.wait()
    for command in (stage.start, stage.stop):
        with pytest.raises(Conflict, match="stopping"):
            await command(session)
    assert not stage.shown(session.strategy).running
    stage.house.complete_all()
    await ending
    with pytest.raises(NotFound):
        await stage.start(session)
    facts = stage.shown(session.strategy)
    assert (facts.family, facts.running) == (None, False), "only the ledger remembers it"


async def test_engaged_kill_switch_keeps_a_session_from_being_started() -> None:
    stage, session = await staged()
    await stage.stop(session)
    stage.house.engine.core.recorder.record(
        KillSwitchEngaged(at_ns=1, actor=ANN, reason="enough", flatten=False)
    )
    with pytest.raises(TradingDisabled):
        await stage.start(session)
    await stage.bus.execute(ReleaseKillSwitch(actor=ANN))
    await stage.start(session)
    assert stage.state(session) is SessionState.RUNNING


async def test_orders_by_hand_have_a_switch_of_their_own() -> None:
    stage, session = await staged()
    by_hand = stage.house.desk.book.sessions[MANUAL_SESSION]
    await stage.stop(by_hand)
    assert not stage.shown(MANUAL_STRATEGY).running
    assert stage.shown(session.strategy).running
    assert isinstance(stage.buy(by_hand), Denied)
    await stage.start(by_hand)
    assert isinstance(stage.buy(by_hand), TradeOpened)


async def test_a_sessions_capital_can_be_changed_as_any_budget() -> None:
    stage, session = await staged()
    await stage.bus.execute(
        SetBudget(actor=ANN, strategy=session.strategy, currency=USDT, allocated=Decimal(50))
    )
    denied = stage.buy(session)
    assert isinstance(denied, Denied)
    assert denied.code == "BUDGET_EXCEEDED"


@pytest.mark.parametrize("name", ["agents:", "agents:nobody", "agents"])
async def test_a_session_that_never_was_is_not_found_whatever_it_is_called(name: str) -> None:
    stage, _ = await staged()
    with pytest.raises(NotFound, match=name):
        await stage.bus.execute(StopStrategy(actor=ANN, strategy=StrategyId(name), reason=""))


async def test_a_sessions_name_in_other_letters_is_another_name() -> None:
    stage, session = await staged()
    other = StrategyId(f"agents:{str(session.id).upper()}")
    with pytest.raises(NotFound):
        await stage.bus.execute(StopStrategy(actor=ANN, strategy=other, reason=""))
    assert stage.state(session) is SessionState.RUNNING
    assert stage.shown(session.strategy).running
