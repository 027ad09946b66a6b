"""Similar decisions among 50,000: recall@10 against an exact search, and the time of a query.

    python -m benchmarks.bench_decisions [ROWS]

Regimes drift as markets do (each context follows the one before), for several symbols.
"""

import asyncio
import sys
import time
from uuid import UUID, uuid4

import numpy as np
from sqlalchemy import text

from arbiter.agents.sketch import VERSION, project
from arbiter.model.agents import SKETCH_SIZE, Decision, DecisionType
from arbiter.model.ids import Symbol
from arbiter.storage import migrate
from arbiter.storage.agent_store import PgAgentStore
from arbiter.storage.database import make_engine

FEATURES = SKETCH_SIZE - 1
QUERIES = 300
BATCH = 500
WANTED_RECALL, WANTED_P95_MS = 0.95, 20.0


def contexts(rows: int, seed: int = 7) -> np.ndarray:
    """Walks through feature space that revert to the middle: `[rows, FEATURES]`."""
    rng = np.random.RandomState(seed)
    symbols = 20
    values = np.zeros((symbols, FEATURES))
    walks = []
    for _ in range(rows // symbols + 1):
        values = 0.97 * values + 0.15 * rng.standard_normal(values.shape)
        walks.append(np.clip(values, -1.0, 1.0))
    return np.concatenate(walks)[:rows]


async def measure(url: str, rows: int) -> None:
    await migrate.upgrade(url)
    engine = make_engine(url)
    store = PgAgentStore(engine)
    ids = [uuid4() for _ in range(rows)]
    began = time.perf_counter()
    vectors = np.array([project(row) for row in contexts(rows)], dtype=np.float32)
    print(f"{rows} embeddings: {(time.perf_counter() - began) * 1e3 / rows:.3f} ms each")
    async with engine.begin() as connection:
        await connection.execute(text("DROP INDEX ix_agent_decisions_sketch"))
    for start in range(0, rows, BATCH):
        await store.save_decisions(
            [_decision(ids[n], n, vectors[n]) for n in range(start, min(start + BATCH, rows))]
        )
    began = time.perf_counter()
    async with engine.begin() as connection:
        await connection.execute(text("SET LOCAL maintenance_work_mem = '512MB'"))
        await connection.execute(
            text(
                "CREATE INDEX ix_agent_decisions_sketch ON agent_decisions USING hnsw "
                "(sketch halfvec_cosine_ops) WITH (m = 16, ef_construction = 64)"
            )
        )
    async with engine.connect() as connection:
        raw = await connection.execution_options(isolation_level="AUTOCOMMIT")
        await raw.execute(text("ANALYZE agent_decisions"))
    print(f"index built in {time.perf_counter() - began:.0f} s")
    async with engine.connect() as connection:
        size = await connection.scalar(text("SELECT pg_total_relation_size('agent_decisions')"))
    print(f"{size / rows:.0f} bytes a decision, indexes included")
    picked = np.random.RandomState(1).choice(rows, QUERIES, replace=False)
    found_total = 0
    times = []
    place = {each: n for n, each in enumerate(ids)}
    for n in picked:
        began = time.perf_counter()
        found = await store.similar(ids[n], 10)
        times.append((time.perf_counter() - began) * 1e3)
        assert found is not None
        scores = vectors @ vectors[n]
        scores[n] = -2.0
        least = np.partition(scores, -10)[-10] - 1e-4  # halfvec keeps three digits
        found_total += sum(scores[place[UUID(int=each.id.int)]] >= least for each in found)
    recall, p95 = found_total / (10 * QUERIES), float(np.percentile(times, 95))
    print(
        f"{QUERIES} queries: recall@10 {recall:.4f} (wanted {WANTED_RECALL}), "
        f"p50 {np.percentile(times, 50):.1f} ms, p95 {p95:.1f} ms (wanted {WANTED_P95_MS:.0f})"
    )
    inserts = []
    for n in range(100):
        one = _decision(uuid4(), rows + n, vectors[n])
        began = time.perf_counter()
        await store.save_decisions([one])
        inserts.append((time.perf_counter() - began) * 1e3)
    print(
        f"one insert: p50 {np.percentile(inserts, 50):.1f} ms, p95 {np.percentile(inserts, 95):.1f}"
    )
    await engine.dispose()
    if recall < WANTED_RECALL or p95 > WANTED_P95_MS:
        raise SystemExit(1)


def _decision(key: UUID, number: int, vector: np.ndarray) -> Decision:
    return Decision(
        id=key,
        agent_name="trend-agent",
        symbol=Symbol("BTC/USDT"),
        decision_type=DecisionType.SIGNAL,
        decision="HOLD",
        confidence=0.5,
        reasoning="a measurement",
        context={"price": 42_000.0},
        prompt="",
        response="{}",
        model="rules-1",
        embedding=tuple(vector.tolist()),
        embedding_model=VERSION,
        created_ns=number,
    )


def main() -> None:
    import tempfile
    from pathlib import Path

    from arbiter.storage.embedded import EmbeddedServer

    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 50_000
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        server = EmbeddedServer(Path(folder) / "postgres", state_root=Path(folder) / "state")
        asyncio.run(_with(server, rows))


async def _with(server: object, rows: int) -> None:
    from arbiter.storage.embedded import EmbeddedServer

    assert isinstance(server, EmbeddedServer)
    await server.start()
    try:
        await measure(server.url, rows)
    finally:
        await server.destroy()


if __name__ == "__main__":
    main()
