"""Sessions, positions and decisions of the agents."""

import sqlalchemy as sa
from alembic import op
from pgvector.sqlalchemy import HALFVEC
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE EXTENSION IF NOT EXISTS vector")
    _sessions()
    _positions()
    _decisions()


def _needed(name: str, kind: object) -> "sa.Column[object]":
    return sa.Column(name, kind, nullable=False)  # type: ignore[arg-type]


def _sessions() -> None:
    op.create_table(
        "agent_sessions",
        _needed("id", sa.Uuid()),
        _needed("mode", sa.Text()),
        _needed("state", sa.Text()),
        _needed("symbol", sa.Text()),
        _needed("venue", sa.Text()),
        _needed("instrument", sa.Text()),
        _needed("initial_capital", sa.Numeric()),
        sa.Column("final_capital", sa.Numeric()),
        _needed("started_ns", sa.BigInteger()),
        sa.Column("stopped_ns", sa.BigInteger()),
        _needed("actor", sa.Text()),
        _needed("total_pnl", sa.Numeric()),
        _needed("total_trades", sa.Integer()),
        _needed("winning_trades", sa.Integer()),
        _needed("losing_trades", sa.Integer()),
        _needed("max_drawdown", sa.Double()),
        _needed("sharpe_ratio", sa.Double()),
        _needed("peak_equity", sa.Numeric()),
        _needed("updated_ns", sa.BigInteger()),
        sa.CheckConstraint(
            "state IN ('RUNNING', 'PAUSED', 'STOPPING', 'STOPPED')",
            name=op.f("ck_agent_sessions_state"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agent_sessions")),
    )
    op.create_index(
        "ix_agent_sessions_active",
        "agent_sessions",
        ["id"],
        postgresql_where=sa.text("state <> 'STOPPED'"),
    )


def _positions() -> None:
    op.create_table(
        "agent_positions",
        _needed("id", sa.Uuid()),
        _needed("session_id", sa.Uuid()),
        _needed("symbol", sa.Text()),
        _needed("venue", sa.Text()),
        _needed("instrument", sa.Text()),
        _needed("opening_trade", sa.Uuid()),
        sa.Column("round_id", sa.Uuid()),
        _needed("size", sa.Numeric()),
        _needed("bought", sa.Numeric()),
        _needed("spent", sa.Numeric()),
        _needed("sold", sa.Numeric()),
        _needed("received", sa.Numeric()),
        _needed("fees", sa.Numeric()),
        _needed("entry_ns", sa.BigInteger()),
        sa.Column("exit_ns", sa.BigInteger()),
        sa.Column("stop_loss", sa.Numeric()),
        sa.Column("take_profit", sa.Numeric()),
        sa.Column("entry_reason", sa.Text()),
        sa.Column("exit_reason", sa.Text()),
        _needed("dust", sa.Numeric()),
        _needed("updated_ns", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agent_positions")),
    )
    op.create_index("ix_agent_positions_session_id", "agent_positions", ["session_id", "entry_ns"])
    op.create_index("ix_agent_positions_symbol", "agent_positions", ["symbol", "entry_ns"])
    op.create_index(
        "ix_agent_positions_open",
        "agent_positions",
        ["id"],
        postgresql_where=sa.text("exit_ns IS NULL"),
    )


def _decisions() -> None:
    op.create_table(
        "agent_decisions",
        sa.Column("seq", sa.BigInteger(), sa.Identity(), nullable=False),
        _needed("id", sa.Uuid()),
        sa.Column("session_id", sa.Uuid()),
        sa.Column("round_id", sa.Uuid()),
        _needed("agent_name", sa.Text()),
        _needed("symbol", sa.Text()),
        _needed("decision_type", sa.Text()),
        _needed("decision", sa.Text()),
        _needed("confidence", sa.Double()),
        _needed("reasoning", sa.Text()),
        _needed("context", postgresql.JSONB()),
        _needed("prompt", sa.Text()),
        _needed("response", sa.Text()),
        _needed("model", sa.Text()),
        _needed("prompt_tokens", sa.Integer()),
        _needed("completion_tokens", sa.Integer()),
        _needed("cost_usd", sa.Numeric()),
        _needed("latency_ms", sa.Double()),
        _needed("cached", sa.Boolean()),
        sa.Column("error", sa.Text()),
        sa.Column("embedding", HALFVEC(1536)),
        _needed("outcome", sa.Text()),
        sa.Column("actual_pnl", sa.Numeric()),
        _needed("created_ns", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agent_decisions")),
        sa.UniqueConstraint("seq", name=op.f("uq_agent_decisions_seq")),
    )
    op.create_index("ix_agent_decisions_created_ns", "agent_decisions", ["created_ns", "seq"])
    op.create_index("ix_agent_decisions_symbol", "agent_decisions", ["symbol", "created_ns"])
    op.create_index("ix_agent_decisions_outcome", "agent_decisions", ["outcome", "created_ns"])
    op.create_index(
        "ix_agent_decisions_round_id",
        "agent_decisions",
        ["round_id"],
        postgresql_where=sa.text("round_id IS NOT NULL"),
    )
    op.create_index(
        "ix_agent_decisions_embedding",
        "agent_decisions",
        ["embedding"],
        postgresql_using="hnsw",
        postgresql_with={"m": 16, "ef_construction": 64},
        postgresql_ops={"embedding": "halfvec_cosine_ops"},
    )
