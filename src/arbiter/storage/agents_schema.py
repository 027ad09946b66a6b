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

from arbiter.model.agents import EMBEDDING_SIZE, SKETCH_SIZE
from arbiter.storage.metadata import METADATA, needed
from arbiter.storage.schema import MONEY

HNSW = {"m": 16, "ef_construction": 64}


SESSIONS = Table(
    "agent_sessions",
    METADATA,
    Column("id", Uuid, primary_key=True),
    needed("mode", Text),
    needed("state", Text),
    needed("symbol", Text),
    needed("venue", Text),
    needed("instrument", Text),
    needed("initial_capital", MONEY),
    Column("final_capital", MONEY),
    needed("started_ns", BigInteger),
    Column("stopped_ns", BigInteger),
    needed("actor", Text),
    needed("total_pnl", MONEY),
    needed("total_trades", Integer),
    needed("winning_trades", Integer),
    needed("losing_trades", Integer),
    needed("max_drawdown", Double),
    needed("sharpe_ratio", Double),
    needed("peak_equity", MONEY),
    needed("updated_ns", BigInteger),
    CheckConstraint("state IN ('RUNNING', 'PAUSED', 'STOPPING', 'STOPPED')", name="state"),
)
Index("ix_agent_sessions_active", SESSIONS.c.id, postgresql_where=text("state <> 'STOPPED'"))

POSITIONS = Table(
    "agent_positions",
    METADATA,
    Column("id", Uuid, primary_key=True),
    needed("session_id", Uuid),
    needed("symbol", Text),
    needed("venue", Text),
    needed("instrument", Text),
    needed("opening_trade", Uuid),
    Column("round_id", Uuid),
    needed("size", MONEY),
    needed("bought", MONEY),
    needed("spent", MONEY),
    needed("sold", MONEY),
    needed("received", MONEY),
    needed("fees", MONEY),
    needed("entry_ns", BigInteger),
    Column("exit_ns", BigInteger),
    Column("stop_loss", MONEY),
    Column("take_profit", MONEY),
    Column("entry_reason", Text),
    Column("exit_reason", Text),
    needed("dust", MONEY),
    needed("updated_ns", BigInteger),
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
    needed("agent_name", Text),
    needed("symbol", Text),
    needed("decision_type", Text),
    needed("decision", Text),
    needed("confidence", Double),
    needed("reasoning", Text),
    needed("context", JSONB),
    needed("prompt", Text),
    needed("response", Text),
    needed("model", Text),
    needed("prompt_tokens", Integer),
    needed("completion_tokens", Integer),
    needed("cost_usd", MONEY),
    needed("latency_ms", Double),
    needed("cached", Boolean),
    Column("error", Text),
    Column("embedding", HALFVEC(EMBEDDING_SIZE)),
    needed("embedding_model", Text),
    needed("outcome", Text),
    Column("actual_pnl", MONEY),
    needed("created_ns", BigInteger),
    Column("sketch", HALFVEC(SKETCH_SIZE)),
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
Index(
    "ix_agent_decisions_sketch",
    DECISIONS.c.sketch,
    postgresql_using="hnsw",
    postgresql_with=HNSW,
    postgresql_ops={"sketch": "halfvec_cosine_ops"},
)
