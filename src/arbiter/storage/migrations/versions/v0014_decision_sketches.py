"""Decisions carry the sketch of the built-in embedding instead of it; the newest are converted."""

import logging

import numpy as np
import sqlalchemy as sa
from alembic import op
from pgvector.sqlalchemy import HALFVEC

from arbiter.agents.sketch import condense

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

MOST = 100_000
"""Decisions converted, beside all with an outcome; older ones are found among themselves, and go."""
_BATCH = 2_000
_NEXT = """
SELECT seq, halfvec_send(embedding) AS vector FROM agent_decisions
WHERE embedding IS NOT NULL AND embedding_model = 'context-1' AND seq < :before
  AND (seq > :after OR outcome <> 'PENDING')
ORDER BY seq DESC LIMIT :most
"""
_STORE = """
UPDATE agent_decisions AS d SET sketch = n.sketch::halfvec, embedding = NULL
FROM unnest(CAST(:numbers AS bigint[]), CAST(:sketches AS text[])) AS n (seq, sketch)
WHERE d.seq = n.seq
"""
_HEADER = 4
"""Bytes before the numbers of a halfvec on the wire: its size, and two unused."""

logger = logging.getLogger("arbiter.storage.migrations")


def upgrade() -> None:
    op.add_column("agent_decisions", sa.Column("sketch", HALFVEC(36)))
    converted = _convert(op.get_bind())
    op.create_index(
        "ix_agent_decisions_sketch",
        "agent_decisions",
        ["sketch"],
        postgresql_using="hnsw",
        postgresql_with={"m": 16, "ef_construction": 64},
        postgresql_ops={"sketch": "halfvec_cosine_ops"},
    )
    if converted:
        logger.info("the embeddings of %d decisions are condensed", converted)


def _convert(connection: sa.Connection) -> int:
    newest = connection.scalar(sa.text("SELECT max(seq) FROM agent_decisions"))
    if newest is None:
        return 0
    before, after, total = newest + 1, newest - MOST, 0
    while True:
        found = connection.execute(
            sa.text(_NEXT), {"before": before, "after": after, "most": _BATCH}
        ).all()
        if not found:
            return total
        vectors = np.array([np.frombuffer(row.vector, ">f2", offset=_HEADER) for row in found])
        sketches = condense(vectors.astype(np.float64))
        connection.execute(
            sa.text(_STORE),
            {
                "numbers": [row.seq for row in found],
                "sketches": [
                    "[" + ",".join(f"{value:.6g}" for value in sketch) + "]"
                    for sketch in sketches.tolist()
                ],
            },
        )
        before, total = found[-1].seq, total + len(found)
