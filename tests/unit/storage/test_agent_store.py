"""Decisions, sessions and positions in a real database."""

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from uuid import UUID, uuid4

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace
from sqlalchemy.ext.asyncio import AsyncEngine

from arbiter.agents.embedding import embed
from arbiter.agents.sketch import VERSION, project
from arbiter.agents.words import context_text
from arbiter.llm.transcripts import read_transcripts
from arbiter.model.agents import (
    EMBEDDING_SIZE,
    Action,
    AgentPosition,
    AgentSession,
    Decision,
    DecisionType,
    Outcome,
    SessionMode,
    SessionState,
    session_of,
    session_strategy,
)
from arbiter.model.changes import Changes
from arbiter.model.ids import InstrumentId, Symbol, TradeId, VenueId
from arbiter.model.orders import OrderStatus
from arbiter.ports.agent_store import DecisionFilter
from arbiter.storage.agent_store import PgAgentStore
from arbiter.storage.database import connect, make_engine
from arbiter.storage.export import Export, Format, export
from arbiter.storage.rows import projection_statements
from tests.fakes.postgres import FreshDatabase
from tests.unit.agents.markets import bars_along, path, view_of
from tests.unit.storage import samples

BTC, ETH = Symbol("BTC/USDT"), Symbol("ETH/USDT")
ALL = DecisionFilter()


@pytest.fixture
async def engine(ledger_db: FreshDatabase) -> AsyncIterator[AsyncEngine]:
    engine = make_engine(ledger_db.url)
    yield engine
    await engine.dispose()


@pytest.fixture
def store(engine: AsyncEngine) -> PgAgentStore:
    return PgAgentStore(engine)


def decision(number: int = 1, /, **changes: object) -> Decision:
    fields: dict[str, object] = {
        "id": uuid4(),
        "agent_name": "trend-agent",
        "symbol": BTC,
        "decision_type": DecisionType.SIGNAL,
        "decision": "BUY",
        "confidence": 0.85,
        "reasoning": "up\x00 and away",
        "context": {"price": 42_000.0, "none": None},
        "prompt": "what now",
        "response": '{"action":"BUY"}',
        "model": "rules-1",
        "created_ns": number,
    }
    return Decision(**(fields | changes))  # type: ignore[arg-type]


def vector(*values: float) -> tuple[float, ...]:
    return project(np.array([*values, *([0.0] * (29 - len(values)))]))


async def test_a_decision_comes_back_with_everything_it_was_made_from(store: PgAgentStore) -> None:
    kept = decision(
        embedding=vector(1.0), cost_usd=Decimal("0.0012"), prompt_tokens=9, round_id=uuid4()
    )
    await store.save_decisions([kept])
    found = await store.decision(kept.id)
    assert found is not None
    assert found.embedding is not None
    assert len(found.embedding) == EMBEDDING_SIZE
    assert found.embedding == pytest.approx(kept.embedding, abs=1e-4)
    stored = replace(kept, reasoning="up\ufffd and away", embedding=None)
    assert replace(found, embedding=None) == stored
    assert await store.decision(uuid4()) is None


async def test_decisions_are_filtered_and_come_newest_first(store: PgAgentStore) -> None:
    await store.save_decisions(
        [
            decision(1),
            decision(2, symbol=ETH),
            decision(3, model="gpt-x", decision="HOLD"),
            decision(4, decision_type=DecisionType.RISK_APPROVAL),
        ]
    )

    async def times(wanted: DecisionFilter, limit: int = 50, offset: int = 0) -> list[int]:
        rows = await store.decisions(wanted, limit=limit, offset=offset)
        return [row.created_ns for row in rows]

    assert await times(ALL) == [4, 3, 2, 1]
    assert await times(ALL, limit=2, offset=1) == [3, 2]
    assert await times(DecisionFilter(symbol=ETH)) == [2]
    assert await times(DecisionFilter(model="gpt-x")) == [3]
    assert await times(DecisionFilter(decision_type=DecisionType.RISK_APPROVAL)) == [4]
    assert await times(DecisionFilter(since_ns=2, until_ns=3)) == [3, 2]
    assert await times(DecisionFilter(outcome=Outcome.SUCCESS)) == []


async def test_similar_ones_are_nearest_first_without_itself(store: PgAgentStore) -> None:
    up, also_up, down, blind = (
        decision(1, embedding=vector(1.0, 0.9, 0.8)),
        decision(2, embedding=vector(0.9, 1.0, 0.8)),
        decision(3, embedding=vector(-1.0, -0.9, -0.8)),
        decision(4),
    )
    await store.save_decisions([up, also_up, down, blind])
    found = await store.similar(up.id, 10)
    assert found is not None
    assert [each.id for each in found] == [also_up.id, down.id]
    assert found[0].similarity > 0.9
    assert found[1].similarity < 0
    assert await store.similar(blind.id, 10) == []
    assert await store.similar(uuid4(), 10) is None


async def test_embeddings_of_two_models_are_never_compared(store: PgAgentStore) -> None:
    mine, other, same = (
        decision(1, embedding=vector(1.0), embedding_model="one"),
        decision(2, embedding=vector(1.0), embedding_model="two"),
        decision(3, embedding=vector(-1.0), embedding_model="one"),
    )
    await store.save_decisions([mine, other, same])
    found = await store.similar(mine.id, 10)
    assert found is not None
    assert [each.id for each in found] == [same.id]


async def test_old_decisions_go_unless_they_have_an_outcome_or_hold_a_position(
    store: PgAgentStore,
) -> None:
    open_round, closed_round = uuid4(), uuid4()
    await store.save_position(replace(position(1), round_id=open_round))
    await store.save_position(replace(position(2, 5), round_id=closed_round))
    loose, held, loser, won, young = (
        decision(1),
        decision(2, round_id=open_round),
        decision(3, round_id=closed_round),
        decision(4, outcome=Outcome.SUCCESS),
        decision(10),
    )
    await store.save_decisions([loose, held, loser, won, young])
    assert await store.forget_decisions(10, 1) == 1
    assert await store.forget_decisions(10, 100) == 1
    assert await store.forget_decisions(10, 100) == 0
    left = await store.decisions(ALL, limit=9, offset=0)
    assert [each.id for each in left] == [young.id, won.id, held.id]


async def test_idle_are_the_rules_words_that_no_order_came_of(store: PgAgentStore) -> None:
    ordered, vetoed, asked, open_round = uuid4(), uuid4(), uuid4(), uuid4()
    await store.save_position(replace(position(1), round_id=open_round))
    consensus, risk = DecisionType.CONSENSUS, DecisionType.RISK_APPROVAL
    idle = [
        decision(1, decision="HOLD"),
        decision(2),
        decision(3, decision_type=consensus, round_id=uuid4(), decision="HOLD"),
        decision(4, decision_type=consensus, round_id=vetoed),
        decision(5, decision_type=risk, round_id=vetoed, decision="VETO"),
    ]
    kept = [
        decision(1, decision_type=consensus, round_id=ordered),
        decision(1, decision_type=risk, round_id=ordered, decision="APPROVE"),
        decision(1, round_id=ordered),
        decision(1, outcome=Outcome.FAILURE),
        decision(1, decision_type=consensus, round_id=open_round),
        decision(1, decision_type=consensus, round_id=asked),
        decision(1, decision_type=risk, round_id=asked, decision="VETO", model="gpt-x"),
        decision(1, error="no form", prompt_tokens=7),
        decision(1, cost_usd=Decimal("0.01")),
        decision(1, model="gpt-x", decision="HOLD"),
    ]
    eth = decision(9, symbol=ETH)
    await store.save_decisions([*idle, *kept, eth])
    assert await store.idle_decisions() == {BTC: 5, ETH: 1}
    assert await store.forget_idle(BTC, 1) == 1
    assert await store.decision(idle[0].id) is None
    assert await store.forget_decisions(5, 100, idle=True) == 3
    assert await store.idle_decisions() == {BTC: 1, ETH: 1}
    left = {each.id for each in await store.decisions(ALL, limit=99, offset=0)}
    assert left == {each.id for each in [*kept, idle[4], eth]}


async def test_what_follows_from_a_decision_is_not_stored_twice(
    store: PgAgentStore, ledger_db: FreshDatabase, engine: AsyncEngine
) -> None:
    context: dict[str, object] = {
        "rsi": 31.25,
        "a": None,
        "scores": {"SELL": 0.25, "BUY": 1e-07, "HOLD": 3},
    }
    seen = embed(view_of(bars_along(path(1e-4))), "trend-agent")
    asked = context_text(context)
    words = {"context": context, "prompt": asked, "reasoning": "up"}
    kinds = {
        DecisionType.SIGNAL: ("BUY", '{"action":"BUY","confidence":0.85,"reasoning":"up"}'),
        DecisionType.CONSENSUS: ("SELL", '{"action":"SELL","confidence":0.85}'),
        DecisionType.RISK_APPROVAL: (
            "VETO",
            '{"approved":false,"position_size":null,"reasoning":"up"}',
        ),
    }
    kept = [
        decision(
            decision_type=kind,
            decision=said,
            response=response,
            embedding=seen,
            embedding_model=VERSION,
            **words,
        )
        for kind, (said, response) in kinds.items()
    ]
    own = {"prompt": "a model's own", "embedding_model": "e-1"}
    kept.append(decision(model="gpt-x", **own))
    kept.append(decision(model="gpt-x", response="", **own))
    await store.save_decisions(kept)
    connection = await connect(ledger_db.url)
    full = await connection.fetchval(
        "SELECT count(*) FROM agent_decisions"
        " WHERE embedding IS NOT NULL OR prompt <> '' OR response <> ''"
    )
    await connection.close()
    assert full == 2
    for each in kept:
        found = await store.decision(each.id)
        assert found is not None
        assert (found.prompt, found.response) == (each.prompt, each.response)
    found = await store.decision(kept[0].id)
    assert found is not None
    assert found.embedding == pytest.approx(seen, abs=1e-4)
    exported = "".join([piece async for piece in export(engine, Export.DECISIONS, Format.JSON)])
    rows = msgspec.json.decode(exported)
    assert [(row["prompt"], row["response"]) for row in rows] == [
        (each.prompt, each.response) for each in kept
    ]


async def test_similar_ones_by_sketch_are_those_by_the_whole_embedding(
    store: PgAgentStore,
) -> None:
    views = [
        view_of(bars_along(path(drift, seed=n))) for n, drift in enumerate((1e-4, 3e-4, -4e-4))
    ]
    vectors = [embed(view, "trend-agent") for view in views]
    kept = [decision(n, embedding=each, embedding_model=VERSION) for n, each in enumerate(vectors)]
    await store.save_decisions(kept)
    found = await store.similar(kept[0].id, 10)
    assert found is not None
    expected = {
        each.id: float(np.dot(vectors[0], one))
        for each, one in zip(kept[1:], vectors[1:], strict=True)
    }
    assert {each.id: each.similarity for each in found} == pytest.approx(expected, abs=1e-3)
    assert [each.id for each in found] == sorted(expected, key=lambda key: -expected[key])


async def test_a_closed_position_writes_its_outcome_into_the_votes_for_it(
    store: PgAgentStore,
) -> None:
    entry = uuid4()
    bought, held, approved = (
        decision(1, round_id=entry),
        decision(2, round_id=entry, decision="HOLD"),
        decision(3, round_id=entry, decision="APPROVE", decision_type=DecisionType.RISK_APPROVAL),
    )
    await store.save_decisions([bought, held, approved, decision(4)])
    await store.settle([entry], "BUY", Decimal("250.5"))
    rows = await store.decisions(DecisionFilter(outcome=Outcome.SUCCESS), limit=9, offset=0)
    assert {(row.id, row.actual_pnl) for row in rows} == {
        (bought.id, Decimal("250.5")),
        (approved.id, Decimal("250.5")),
    }


async def test_statistics_count_pending_ones_out_of_the_success_rate(store: PgAgentStore) -> None:
    won, lost = uuid4(), uuid4()
    await store.save_decisions(
        [
            decision(1, round_id=won, cost_usd=Decimal("0.5"), latency_ms=100.0),
            decision(2, round_id=lost, confidence=0.65, cached=True, cost_usd=Decimal(9)),
            decision(3, model="gpt-x", latency_ms=200.0),
        ]
    )
    await store.settle([won], "BUY", Decimal(30))
    await store.settle([lost], "BUY", Decimal(-10))
    stats = await store.stats(ALL)
    assert stats.total == 3
    assert stats.by_outcome == {"SUCCESS": 1, "FAILURE": 1, "PENDING": 1}
    assert stats.by_model == {"rules-1": 2, "gpt-x": 1}
    assert stats.average_pnl == 10
    assert stats.total_cost == Decimal("0.5")
    assert stats.average_latency_ms == 100
    assert (await store.spent_since(0)).cost_usd == Decimal("0.5")
    assert (await store.stats(DecisionFilter(symbol=ETH))).total == 0


def a_session(started_ns: int, state: SessionState = SessionState.RUNNING) -> AgentSession:
    return AgentSession(
        id=uuid4(),
        mode=SessionMode.PAPER,
        state=state,
        symbol=BTC,
        venue=VenueId("binance"),
        instrument=InstrumentId("BTCUSDT.BINANCE"),
        initial_capital=Decimal("10000.01"),
        started_ns=started_ns,
        actor="test",
        updated_ns=started_ns,
    )


async def test_sessions_are_kept_and_the_stopped_ones_told_apart(store: PgAgentStore) -> None:
    one, other = a_session(1), a_session(2, SessionState.PAUSED)
    for each in (one, other):
        await store.save_session(each)
    stopped = replace(one, state=SessionState.STOPPED, final_capital=Decimal(3), stopped_ns=9)
    await store.save_session(stopped)
    assert await store.sessions(active=True) == [other]
    assert await store.sessions(active=False) == [other, stopped]
    assert await store.session(one.id) == stopped
    assert session_of(session_strategy(one.id)) == one.id


def position(entry_ns: int, exit_ns: int | None = None, symbol: Symbol = BTC) -> AgentPosition:
    return AgentPosition(
        id=uuid4(),
        session_id=UUID(int=7),
        symbol=symbol,
        venue=VenueId("binance"),
        instrument=InstrumentId("BTCUSDT.BINANCE"),
        opening_trade=TradeId(uuid4()),
        entry_ns=entry_ns,
        exit_ns=exit_ns,
        updated_ns=entry_ns,
    )


async def test_open_positions_come_before_newer_closed_ones(store: PgAgentStore) -> None:
    old, closed, other = position(1, None), position(5, 6), position(7, None, ETH)
    for each in (old, closed, other):
        await store.save_position(each)
    assert await store.positions(symbol=BTC) == [old, closed]
    assert await store.positions(symbol=BTC, limit=1) == [old]
    assert await store.positions(open_only=True) == [other, old]
    assert await store.positions(session=UUID(int=8)) == []


async def test_orders_of_agents_are_grouped_by_what_was_asked_for(
    store: PgAgentStore, ledger_db: FreshDatabase
) -> None:
    session = uuid4()
    mine = session_strategy(session)
    changes = Changes()
    first = replace(samples.order(1, "a", status=OrderStatus.EXPIRED), strategy=mine)
    rest = replace(
        first, client_order_id=samples.order(2, "a").client_order_id, status=OrderStatus.FILLED
    )
    foreign = samples.order(3, "a")
    for order in (first, rest, foreign):
        changes.orders[order.client_order_id] = order
    connection = await connect(ledger_db.url)
    for sql, arguments in projection_statements(changes):
        await connection.execute(sql, *arguments)
    await connection.close()
    (worked,) = await store.orders()
    assert worked.id == first.trade_id
    assert {order.client_order_id for order in worked.orders} == {
        first.client_order_id,
        rest.client_order_id,
    }
    assert await store.orders(session=uuid4()) == []
    assert await store.order(first.trade_id) == worked
    assert await store.order(foreign.trade_id) is None


async def test_exported_decisions_can_be_replayed_as_transcripts(
    store: PgAgentStore, engine: AsyncEngine, tmp_path: Path
) -> None:
    said = decision(
        5, model="gpt-x", response='{"action":"SELL","confidence":0.7,"reasoning":"down"}'
    )
    await store.save_decisions([decision(1), said, decision(9, error="HTTP 500")])
    path = tmp_path / "transcripts.json"
    path.write_text(
        "".join([piece async for piece in export(engine, Export.DECISIONS, Format.JSON)])
    )
    script = read_transcripts([path], "BTC/USDT")
    assert script.models() == {"gpt-x": 1}
    assert script.said(5, 0)["trend-agent"].action is Action.SELL
    assert script.said(9, 9)["trend-agent"].action is None
