"""Tables of the agents: sessions, positions and decisions.

They are no projections of the journal: an order and its money are, and stay the truth; what is
here says why it was made. Positions can be folded again from the fills of their session.
"""

from pgvector.sqlalchemy import HALFVEC
from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    Identity,
    Index,
    Integer,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from arbiter.model.agents import EMBEDDING_SIZE
from arbiter.storage.metadata import METADATA
from arbiter.storage.schema import MONEY

HNSW = {"m": 16, "ef_construction": 64}


def _needed(name: str, kind: object) -> "Column[object]":
    return Column(name, kind, nullable=False)  # type: ignore[arg-type]


SESSIONS = Table(
    "agent_sessions",
    METADATA,
    Column("id", Uuid, primary_key=True),
    _needed("mode", Text),
    _needed("state", Text),
    _needed("symbol", Text),
    _needed("venue", Text),
    _needed("instrument", Text),
    _needed("initial_capital", MONEY),
    Column("final_capital", MONEY),
    _needed("started_ns", BigInteger),
    Column("stopped_ns", BigInteger),
    _needed("actor", Text),
    _needed("total_pnl", MONEY),
    _needed("total_trades", Integer),
    _needed("winning_trades", Integer),
    _needed("losing_trades", Integer),
    _needed("max_drawdown", Double),
    _needed("sharpe_ratio", Double),
    _needed("peak_equity", MONEY),
    _needed("updated_ns", BigInteger),
    CheckConstraint("state IN ('RUNNING', 'PAUSED', 'STOPPING', 'STOPPED')", name="state"),
)
Index("ix_agent_sessions_active", SESSIONS.c.id, postgresql_where=text("state <> 'STOPPED'"))

POSITIONS = Table(
    "agent_positions",
    METADATA,
    Column("id", Uuid, primary_key=True),
    _needed("session_id", Uuid),
    _needed("symbol", Text),
    _needed("venue", Text),
    _needed("instrument", Text),
    _needed("opening_trade", Uuid),
    Column("round_id", Uuid),
    _needed("size", MONEY),
    _needed("bought", MONEY),
    _needed("spent", MONEY),
    _needed("sold", MONEY),
    _needed("received", MONEY),
    _needed("fees", MONEY),
    _needed("entry_ns", BigInteger),
    Column("exit_ns", BigInteger),
    Column("stop_loss", MONEY),
    Column("take_profit", MONEY),
    Column("entry_reason", Text),
    Column("exit_reason", Text),
    _needed("dust", MONEY),
    _needed("updated_ns", BigInteger),
)
Index("ix_agent_positions_session_id", POSITIONS.c.session_id, POSITIONS.c.entry_ns)
Index("ix_agent_positions_symbol", POSITIONS.c.symbol, POSITIONS.c.entry_ns)
Index("ix_agent_positions_open", POSITIONS.c.id, postgresql_where=text("exit_ns IS NULL"))

DECISIONS = Table(
    "agent_decisions",
    METADATA,
    Column("seq", BigInteger, Identity(), nullable=False, unique=True),
    Column("id", Uuid, primary_key=True),
    Column("session_id", Uuid),
    Column("round_id", Uuid),
    _needed("agent_name", Text),
    _needed("symbol", Text),
    _needed("decision_type", Text),
    _needed("decision", Text),
    _needed("confidence", Double),
    _needed("reasoning", Text),
    _needed("context", JSONB),
    _needed("prompt", Text),
    _needed("response", Text),
    _needed("model", Text),
    _needed("prompt_tokens", Integer),
    _needed("completion_tokens", Integer),
    _needed("cost_usd", MONEY),
    _needed("latency_ms", Double),
    _needed("cached", Boolean),
    Column("error", Text),
    Column("embedding", HALFVEC(EMBEDDING_SIZE)),
    _needed("embedding_model", Text),
    _needed("outcome", Text),
    Column("actual_pnl", MONEY),
    _needed("created_ns", BigInteger),
)
Index("ix_agent_decisions_created_ns", DECISIONS.c.created_ns, DECISIONS.c.seq)
Index("ix_agent_decisions_symbol", DECISIONS.c.symbol, DECISIONS.c.created_ns)
Index("ix_agent_decisions_outcome", DECISIONS.c.outcome, DECISIONS.c.created_ns)
Index(
    "ix_agent_decisions_round_id",
    DECISIONS.c.round_id,
    postgresql_where=text("round_id IS NOT NULL"),
)
Index(
    "ix_agent_decisions_embedding",
    DECISIONS.c.embedding,
    postgresql_using="hnsw",
    postgresql_with=HNSW,
    postgresql_ops={"embedding": "halfvec_cosine_ops"},
)
