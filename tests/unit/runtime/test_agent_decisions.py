"""Decisions are embedded when they are made, and old ones without an outcome are forgotten."""

from collections.abc import Sequence
from uuid import UUID

from arbiter.agents.sketch import VERSION
from arbiter.model.agents import EMBEDDING_SIZE, Decision, DecisionType, Outcome
from arbiter.model.time import NS_PER_DAY, NS_PER_S
from arbiter.ports.embedder import Vector
from arbiter.runtime.agent_decisions import EMBEDDER_REST_NS, DecisionKeeper, Retention
from arbiter.runtime.agent_news import ErrorNews, News, NewsDesk
from tests.fakes.agent_store import FakeAgentStore
from tests.fakes.agents import AgentHouse
from tests.fakes.clock import FakeClock

OWN: Vector = (1.0,) + (0.0,) * (EMBEDDING_SIZE - 1)
GIVEN: Vector = (0.0,) * (EMBEDDING_SIZE - 1) + (1.0,)


FOR_EVER = Retention()


class Model:
    model = "e-1"

    def __init__(self, fails: str | None = None) -> None:
        self.fails = fails
        self.asked: list[str] = []

    async def embed(self, texts: Sequence[str]) -> Sequence[Vector] | str:
        self.asked += texts
        return self.fails or [GIVEN for _ in texts]

    async def close(self) -> None:
        pass


def decision(number: int, **changes: object) -> Decision:
    fields: dict[str, object] = {
        "id": UUID(int=number),
        "agent_name": "trend-agent",
        "symbol": "BTC/USDT",
        "decision_type": DecisionType.SIGNAL,
        "decision": "HOLD",
        "confidence": 0.5,
        "reasoning": "nothing stands out",
        "context": {},
        "prompt": f"prompt {number}",
        "response": "{}",
        "model": "rules-1",
        "embedding": OWN,
        "embedding_model": VERSION,
        "created_ns": number,
    }
    return Decision(**(fields | changes))  # type: ignore[arg-type]


def keeper(
    store: FakeAgentStore, model: Model | None = None, *, retention: Retention = FOR_EVER
) -> tuple[DecisionKeeper, FakeClock, list[News]]:
    clock, told, news = FakeClock(), list[News](), NewsDesk()
    news.listen(told.append)
    return DecisionKeeper(store, clock, news, embedder=model, retention=retention), clock, told


async def test_without_a_model_the_contexts_embedding_is_kept() -> None:
    store = FakeAgentStore()
    made, _, _ = keeper(store)
    await made.keep([decision(1)])
    assert store.kept_decisions[UUID(int=1)].embedding_model == VERSION


async def test_a_gateways_embedding_of_the_prompt_takes_its_place() -> None:
    store, model = FakeAgentStore(), Model()
    made, _, _ = keeper(store, model)
    made.remember(decision(1))
    made.remember(decision(2))
    await made.save()
    kept = store.kept_decisions.values()
    assert {(each.embedding, each.embedding_model) for each in kept} == {(GIVEN, "e-1")}
    assert model.asked == ["prompt 1", "prompt 2"]


async def test_a_failing_model_leaves_the_contexts_embedding_is_told_and_rests() -> None:
    store, model = FakeAgentStore(), Model("HTTP 500")
    made, clock, told = keeper(store, model)
    await made.keep([decision(1)])
    await made.keep([decision(2)])
    assert [each.embedding_model for each in store.kept_decisions.values()] == [VERSION] * 2
    assert model.asked == ["prompt 1"]
    (news,) = told
    assert isinstance(news, ErrorNews)
    assert "e-1: HTTP 500" in news.details
    clock.advance(EMBEDDER_REST_NS + NS_PER_S)
    model.fails = None
    await made.keep([decision(3)])
    assert store.kept_decisions[UUID(int=3)].embedding_model == "e-1"


async def test_only_decisions_without_an_outcome_grow_too_old() -> None:
    store = FakeAgentStore()
    made, clock, _ = keeper(store, retention=Retention(keep_ns=NS_PER_DAY))
    now = clock.now_ns()
    old, older = now - NS_PER_DAY - 1, now - 2 * NS_PER_DAY
    await store.save_decisions(
        [
            decision(1, created_ns=now - NS_PER_DAY + 1),
            decision(2, created_ns=old),
            decision(3, created_ns=older, outcome=Outcome.SUCCESS),
            decision(4, created_ns=older),
        ]
    )
    assert await made.forget_old() == 2
    assert set(store.kept_decisions) == {UUID(int=1), UUID(int=3)}


async def test_idle_decisions_go_sooner_than_those_an_order_came_of() -> None:
    store = FakeAgentStore()
    bounds = Retention(keep_ns=30 * NS_PER_DAY, idle_keep_ns=NS_PER_DAY)
    made, clock, _ = keeper(store, retention=bounds)
    two_days_ago = clock.now_ns() - 2 * NS_PER_DAY
    await store.save_decisions(
        [
            decision(1, created_ns=two_days_ago),
            decision(2, created_ns=two_days_ago, round_id=UUID(int=9)),
            decision(3, created_ns=clock.now_ns()),
        ]
    )
    assert await made.forget_old() == 1
    assert set(store.kept_decisions) == {UUID(int=2), UUID(int=3)}


async def test_of_too_many_idle_decisions_the_newest_of_each_symbol_stay() -> None:
    store = FakeAgentStore()
    made, _, _ = keeper(store, retention=Retention(idle_most=2_500))
    await store.save_decisions([decision(n) for n in range(7_001)])
    await store.save_decisions([decision(7_001, symbol="ETH/USDT", created_ns=0)])
    assert await made.forget_old() == 4_501
    assert set(store.kept_decisions) == {UUID(int=n) for n in range(4_501, 7_002)}
    assert await made.forget_old() == 0


async def test_every_decision_of_a_vote_says_what_embedded_it() -> None:
    model = Model()
    house = await AgentHouse(embedder=model).open()
    house.candles.closes = [100.0 + 0.01 * n for n in range(400)]
    house.quote(104.0)
    await house.session()
    await house.vote()
    kept = house.store.kept_decisions.values()
    assert {each.decision_type for each in kept} >= {DecisionType.SIGNAL, DecisionType.CONSENSUS}
    assert {each.embedding_model for each in kept} == {"e-1"}
