"""Bodies of the answers: names and types as published, and what this engine adds to them.

Numbers are JSON numbers, times RFC 3339 with Z, ids UUIDs; null stands where there is nothing to
tell yet.
"""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from arbiter.model.agents import DecisionType, Outcome

Counts = dict[str, int]
Side = Literal["BUY", "SELL"]
Mode = Literal["PAPER", "LIVE"]
Alive = Literal["active", "inactive", "error"]


class Body(BaseModel):
    model_config = ConfigDict(frozen=True)


class Failure(Body):
    """One flat shape for every error; its context (ids, symbol, status) stands beside it."""

    model_config = ConfigDict(frozen=True, extra="allow")

    error: str
    details: str | None = None
    field: str | None = None


# Health and agents


class About(Body):
    name: str
    version: str
    status: Literal["running"]


class Health(Body):
    status: Literal["healthy"]
    version: str
    uptime: str


class Unhealthy(Body):
    status: Literal["unhealthy"]
    error: str
    version: str
    details: str


class Components(Body):
    database: str
    api: str
    websocket: str


class Clients(Body):
    connected_clients: int


class Status(Body):
    status: Literal["operational", "degraded"]
    version: str
    uptime: str
    components: Components
    websocket: Clients


class AgentFacts(Body):
    version: str
    type: str
    signals_generated: int
    last_signal_at: datetime | None
    model: str
    note: str | None = None


class Agent(Body):
    name: str
    status: Alive
    last_seen_at: datetime
    is_healthy: bool
    metadata: AgentFacts


class Agents(Body):
    agents: list[Agent]
    count: int


class OneAgent(Body):
    agent: Agent


class AgentState(Body):
    name: str
    status: Alive
    last_seen_at: datetime
    healthy: bool


# Trading


class Position(Body):
    id: UUID
    session_id: UUID
    symbol: str
    exchange: str
    side: Literal["LONG", "SHORT"]
    entry_price: float
    exit_price: float | None
    quantity: float
    entry_time: datetime
    exit_time: datetime | None
    stop_loss: float | None
    take_profit: float | None
    realized_pnl: float
    unrealized_pnl: float
    fees: float
    entry_reason: str | None
    exit_reason: str | None
    created_at: datetime
    updated_at: datetime


class Positions(Body):
    positions: list[Position]
    count: int


class OnePosition(Body):
    position: Position


class Order(Body):
    id: UUID
    session_id: UUID | None
    position_id: UUID | None
    exchange_order_id: str | None
    client_order_id: str
    symbol: str
    exchange: str
    side: Side
    type: Literal[
        "MARKET", "LIMIT", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT"
    ]
    status: Literal["NEW", "PARTIALLY_FILLED", "FILLED", "CANCELED", "REJECTED", "EXPIRED"]
    price: float | None
    stop_price: float | None
    quantity: float
    executed_quantity: float
    executed_quote_quantity: float
    time_in_force: Literal["GTC", "IOC", "FOK"]
    placed_at: datetime
    filled_at: datetime | None
    canceled_at: datetime | None
    expired_at: datetime | None
    error_message: str | None
    created_at: datetime
    updated_at: datetime


class Orders(Body):
    orders: list[Order]
    count: int


class OneOrder(Body):
    order: Order


class OrderDone(OneOrder):
    message: str


class Started(Body):
    message: str
    session_id: UUID
    symbol: str
    mode: Mode
    started_at: datetime


class Stopped(Body):
    message: str
    session_id: UUID
    final_capital: float
    total_pnl: float
    total_trades: int
    stopped_at: datetime


class Resumed(Body):
    message: str
    session_id: UUID
    symbol: str


class Paused(Resumed):
    note: str


# Configuration


class AppConfig(Body):
    name: str
    version: str
    environment: str
    log_level: str


class TradingConfig(Body):
    mode: Literal["paper", "live"]
    symbols: list[str]
    exchange: Mode
    venue: str
    initial_capital: float
    max_positions: int
    default_quantity: float


class RiskConfig(Body):
    max_position_size: float
    max_daily_loss: float
    max_drawdown: float
    default_stop_loss: float
    default_take_profit: float
    llm_approval_required: bool
    min_confidence: float


class LlmConfig(Body):
    gateway: str
    primary_model: str
    fallback_model: str
    temperature: float
    max_tokens: int
    enable_caching: bool


class Config(Body):
    app: AppConfig
    trading: TradingConfig
    risk: RiskConfig
    llm: LlmConfig


class WholeConfig(Body):
    config: Config


class Changed(Body):
    message: str
    updates: dict[str, Any]
    note: str


# Decisions


class Decision(Body):
    id: UUID
    session_id: UUID | None
    agent_name: str
    symbol: str
    decision_type: DecisionType
    decision: str
    confidence: float
    reasoning: str
    context: dict[str, Any]
    prompt_tokens: int
    completion_tokens: int
    model: str
    outcome: Outcome
    actual_pnl: float | None
    created_at: datetime


class DecisionDetail(Decision):
    prompt: str
    response: str
    prompt_embedding: list[float] | None
    embedding_model: str
    cost_usd: float
    latency_ms: float
    cached: bool
    error: str | None


class Filter(Body):
    """The filters as they were given, and the page."""

    symbol: str | None = None
    decision_type: str | None = None
    outcome: str | None = None
    model: str | None = None
    from_date: str | None = None
    to_date: str | None = None
    limit: int
    offset: int


class Decisions(Body):
    decisions: list[Decision]
    count: int
    filter: Filter


class Similar(Body):
    id: UUID
    symbol: str
    decision: str
    confidence: float
    outcome: Outcome
    similarity: float
    created_at: datetime


class SimilarOnes(Body):
    decision_id: UUID
    similar: list[Similar]
    count: int


class Stats(Body):
    total_decisions: int
    by_outcome: Counts
    by_decision_type: Counts
    avg_confidence: float
    success_rate: float
    avg_pnl: float
    by_model: Counts
    total_cost: float
    avg_latency_ms: float


_FAILURES = {
    400: "A value, a body or a state of things that does not allow it.",
    401: "No credential, or one that does not verify; only with authentication on.",
    403: "The caller's role does not suffice, trading is latched, or a page of another site asks.",
    404: "There is no such thing.",
    409: "The thing is in a state that forbids it.",
    413: "The body is too large.",
    503: "The database or the venue is away; try again.",
}


def failures(*more: int) -> dict[int | str, dict[str, Any]]:
    """Describe what any route may answer instead, and what this one may besides."""
    return {
        status: {"model": Failure, "description": _FAILURES[status]}
        for status in sorted({400, 401, 403, 503, *more})
    }
