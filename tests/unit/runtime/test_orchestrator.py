"""Votes, the veto, and models that cannot be trusted."""

import asyncio
from decimal import Decimal

import numpy as np
import pytest
from msgspec.structs import replace

from arbiter.agents.settings import TradingRules
from arbiter.model.agents import RISK_AGENT, Action, Decision, DecisionType, Outcome
from arbiter.model.orders import Side
from arbiter.model.time import NS_PER_S
from arbiter.ports.advisor import NoAdvice, Question, RiskAdvice, SignalAdvice, Usage
from arbiter.runtime.agent_news import AgentStatus, ErrorNews
from tests.fakes.agents import ME, AgentHouse

KEEN = TradingRules(min_confidence=0.5)


class Model:
    """An advisor that says what it is told to."""

    def __init__(
        self,
        *,
        action: Action = Action.BUY,
        approved: bool = True,
        fraction: float = 1.0,
        fails: str | None = None,
    ) -> None:
        self.action = action
        self.approved = approved
        self.fraction = fraction
        self.fails = fails
        self.asked: list[Question] = []

    def serves(self, agent: str) -> bool:
        return agent in {"technical-agent", "trend-agent", "reversion-agent", RISK_AGENT}

    def tune(self, *, temperature: float | None, max_tokens: int | None) -> None:
        pass

    async def signal(self, question: Question) -> SignalAdvice | NoAdvice:
        self.asked.append(question)
        if self.fails is not None:
            return NoAdvice(error=self.fails, prompt="p")
        return SignalAdvice(
            action=self.action,
            confidence=1.0,
            reasoning="the model says so",
            model="m-1",
            prompt="p",
            response="r",
            usage=Usage(prompt_tokens=10, completion_tokens=5, cost_usd=Decimal("0.01")),
        )

    async def approval(self, question: Question) -> RiskAdvice | NoAdvice:
        self.asked.append(question)
        if self.fails is not None:
            return NoAdvice(error=self.fails, prompt="p")
        return RiskAdvice(
            approved=self.approved,
            fraction=self.fraction,
            confidence=1.0,
            reasoning="fine",
            model="m-1",
            prompt="p",
            response="r",
            usage=Usage(),
        )


async def rising(rules: TradingRules = KEEN, model: Model | None = None) -> AgentHouse:
    """A market that rises steadily, and more bids than asks."""
    house = await AgentHouse(rules=rules, advisor=model).open()
    steps = np.random.RandomState(5).standard_normal(400) * 2e-4 + 3e-4
    house.candles.closes = (100.0 * np.exp(np.cumsum(steps))).tolist()
    return tick(house)


def tick(house: AgentHouse, seconds: int = 0) -> AgentHouse:
    house.engine.clock.advance(seconds * NS_PER_S)
    last = house.candles.closes[-1]
    house.engine.quote("BTCUSDT.BINANCE", last, last * 1.0002, 40, 4)
    house.engine.quote("BTCUSDT.BYBIT", last, last * 1.0002, 40, 4)
    return house


def kept(house: AgentHouse, kind: DecisionType) -> list[Decision]:
    found = house.store.kept_decisions.values()
    return [each for each in found if each.decision_type is kind]


async def test_agreement_buys_within_the_limits_and_everything_is_kept() -> None:
    house = await rising()
    session = await house.session()
    await house.vote()
    (order,) = house.working()
    assert (order.side, order.strategy) == (Side.BUY, session.strategy)
    assert order.size * order.planned_price <= Decimal(2_000)
    (consensus,) = kept(house, DecisionType.CONSENSUS)
    (approval,) = kept(house, DecisionType.RISK_APPROVAL)
    assert (consensus.decision, approval.decision) == ("BUY", "APPROVE")
    signals = kept(house, DecisionType.SIGNAL)
    assert {each.agent_name for each in signals} >= {"trend-agent", "technical-agent"}
    assert all(each.embedding is not None and each.prompt for each in signals)
    assert all(each.model == "rules-1" for each in signals)


async def test_the_outcome_reaches_the_votes_that_led_to_it_and_no_others() -> None:
    house = await rising()
    session = await house.session()
    await house.vote()
    house.complete_all()
    (position,) = house.desk.book.positions(session.id)
    house.engine.quote("BTCUSDT.BINANCE", 50.0, 50.1, 40, 4)
    house.desk.look_after()
    house.complete_all()
    await house.desk.book.save()
    (closed,) = house.desk.book.positions(session.id)
    rows = house.store.kept_decisions.values()
    done = [each for each in rows if each.outcome is not Outcome.PENDING]
    assert position.round_id is not None
    assert done
    for each in done:
        assert each.round_id == position.round_id
        assert each.decision in {"BUY", "APPROVE"}
        assert (each.outcome, each.actual_pnl) == (Outcome.FAILURE, closed.realized_pnl)
    held = [each for each in rows if each.decision == "HOLD"]
    assert all(each.outcome is Outcome.PENDING for each in held)


async def test_the_least_confidence_steers_at_once() -> None:
    house = await rising(replace(KEEN, min_confidence=1.0))
    await house.session()
    await house.vote()
    assert house.working() == []
    house.desk.steering.apply({"min_confidence": 0.5})
    tick(house, 31)
    await house.vote()
    assert len(house.working()) == 1


async def test_a_paused_session_does_not_decide() -> None:
    house = await rising()
    session = await house.session()
    await house.desk.pause(session.id, ME)
    await house.vote()
    assert house.store.kept_decisions == {}
    await house.desk.resume(session.id, ME)
    await house.vote()
    assert len(house.working()) == 1


async def test_a_vote_that_finds_no_fresh_quote_is_held_as_soon_as_there_is_one() -> None:
    """One late quote does not put off the next decision by a whole interval."""
    house = await rising()
    await house.session()
    await house.orchestrator.tick()
    house.engine.clock.advance(3 * NS_PER_S)  # the quote is too old when the vote begins
    await house.run_spawned()
    await house.vote()
    assert kept(house, DecisionType.CONSENSUS) == []
    tick(house)
    await house.vote()
    assert len(kept(house, DecisionType.CONSENSUS)) == 1


async def test_without_an_approval_on_record_nothing_is_ordered() -> None:
    house = await rising()
    await house.session()
    await house.orchestrator.tick()
    house.store.away = True
    await house.run_spawned()
    assert house.working() == []
    assert any(isinstance(news, ErrorNews) for news in house.news)


async def test_approvals_may_be_left_out_but_the_limits_may_not() -> None:
    house = await rising(replace(KEEN, llm_approval_required=False))
    await house.session()
    await house.vote()
    assert kept(house, DecisionType.RISK_APPROVAL) == []
    assert len(house.working()) == 1
    wild = await rising(replace(KEEN, llm_approval_required=False, max_volatility=1e-6))
    await wild.session()
    await wild.vote()
    assert wild.working() == []


async def test_one_position_is_not_bought_twice() -> None:
    house = await rising()
    await house.session()
    await house.vote()
    house.complete_all()
    for _ in range(3):
        tick(house, 31)
        await house.vote()
    assert house.working() == []
    assert len(house.engine.outbox.sent) == 1


async def test_a_model_that_approves_everything_cannot_enlarge_anything() -> None:
    by_rules = await rising()
    await by_rules.session()
    await by_rules.vote()
    (plain,) = by_rules.working()
    model = Model(fraction=1.0)
    house = await rising(model=model)
    await house.session()
    await house.vote()
    (order,) = house.working()
    assert order.size * order.planned_price <= Decimal(2_000)
    assert order.size <= plain.size * 2
    assert any(each.agent == RISK_AGENT for each in model.asked)


async def test_a_model_can_make_a_trade_smaller_or_refuse_it() -> None:
    small = await rising(model=Model(fraction=0.01))
    await small.session()
    await small.vote()
    (order,) = small.working()
    assert order.size * order.planned_price <= Decimal(100)
    refusing = await rising(model=Model(approved=False))
    await refusing.session()
    await refusing.vote()
    assert refusing.working() == []
    (veto,) = kept(refusing, DecisionType.RISK_APPROVAL)
    assert (veto.decision, veto.model) == ("VETO", "m-1")


async def test_no_model_can_pass_the_rules_veto() -> None:
    model = Model()
    house = await rising(replace(KEEN, max_volatility=1e-6), model)
    await house.session()
    await house.vote()
    assert house.working() == []
    (veto,) = kept(house, DecisionType.RISK_APPROVAL)
    assert (veto.decision, veto.model) == ("VETO", "rules-1")
    assert not any(each.agent == RISK_AGENT for each in model.asked)


async def test_a_failing_model_leaves_the_rules_word_and_says_so() -> None:
    house = await rising(model=Model(fails="m-1: HTTP 500"))
    await house.session()
    await house.vote()
    (order,) = house.working()
    assert order.side is Side.BUY
    (trend,) = [
        each for each in kept(house, DecisionType.SIGNAL) if each.agent_name == "trend-agent"
    ]
    assert (trend.model, trend.error) == ("rules-1", "m-1: HTTP 500")
    assert "by rules (m-1: HTTP 500)" in trend.reasoning
    assert house.orchestrator.records.status("trend-agent").status == "error"
    assert any(isinstance(news, ErrorNews) for news in house.news)


async def test_a_hold_by_error_is_not_a_hold_by_decision() -> None:
    calm = [100.0 + 0.01 * (n % 2) for n in range(400)]
    by_model = await AgentHouse(advisor=Model(action=Action.HOLD)).open()
    by_error = await AgentHouse(advisor=Model(fails="no answer")).open()
    said = []
    for house in (by_model, by_error):
        house.candles.closes = calm
        tick(house)
        await house.session()
        await house.vote()
        said += [
            each
            for each in kept(house, DecisionType.SIGNAL)
            if each.agent_name == "technical-agent"
        ]
    assert [each.decision for each in said] == ["HOLD", "HOLD"]
    assert [each.error for each in said] == [None, "no answer"]
    assert [each.model for each in said] == ["m-1", "rules-1"]


async def test_agents_show_life_without_a_session() -> None:
    house = await rising()
    running = asyncio.create_task(house.orchestrator.run())
    while not any(isinstance(news, AgentStatus) for news in house.news):  # noqa: ASYNC110
        await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    told = [news for news in house.news if isinstance(news, AgentStatus)]
    assert {each.name: each.status for each in told} == {
        "technical-agent": "active",
        "orderbook-agent": "active",
        "sentiment-agent": "inactive",
        "trend-agent": "active",
        "reversion-agent": "active",
        "arbitrage-agent": "active",
        "risk-agent": "active",
    }
