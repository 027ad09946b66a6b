"""Bodies of the agents' and the funding pages, beyond the contract.

Numbers are JSON numbers, times RFC 3339 with Z, to the microsecond.
"""

from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from arbiter.api.desk.bodies import Asked, Body


class Agent(Body):
    name: str
    type: str
    status: str
    """``active``, ``inactive`` or ``error``."""
    healthy: bool
    model: str
    """What gave its last word: the rules or a language model."""
    note: str
    """Why it says nothing, or what failed."""
    signals: int
    """Since the start."""
    ts_last_signal: str | None


class AgentSession(Body):
    id: UUID
    symbol: str
    venue: str
    mode: str
    state: str
    actor: str
    initial_capital: float
    total_pnl: float
    """Of closed positions, net of fees, in quote."""
    total_trades: int
    winning_trades: int
    losing_trades: int
    max_drawdown: float
    """A fraction of the peak."""
    ts_started: str


class Agents(Body):
    enabled: bool
    """Whether this engine runs them."""
    venue: str | None
    agents: list[Agent]
    sessions: list[AgentSession]
    """Those not stopped, the newest first."""


class Decision(Body):
    id: UUID
    ts: str
    agent: str
    symbol: str
    type: str
    """``signal``, ``consensus`` or ``risk_approval``."""
    decision: str
    confidence: float
    reasoning: str
    model: str
    outcome: str
    pnl: float | None
    session_id: UUID | None
    error: str | None
    """Why a language model's answer was not used."""


class Vote(Body):
    agent: str
    action: str
    confidence: float


class SimilarDecision(Body):
    id: UUID
    ts: str
    symbol: str
    decision: str
    confidence: float
    outcome: str
    similarity: float
    """1 − cosine distance of the market contexts: 1 is equal, −1 opposed."""


class DecisionStory(Body):
    decision: Decision
    context: dict[str, Any]
    """The figures it was made from."""
    prompt: str
    response: str
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float
    latency_ms: float
    cached: bool
    embedding_model: str
    votes: list[Vote]
    """The opinions its vote counted; empty where it was part of none."""
    scores: dict[str, float]
    """Weight × confidence cast, by action."""
    round: list[Decision]
    """What else belongs to the same vote: opinions, the consensus, the risk agent's word."""
    similar: list[SimilarDecision]
    """Earlier and later ones made in a similar market, nearest first."""


class FundingPair(Body):
    id: UUID
    symbol: str
    strategy_name: str
    long_instrument: str
    short_instrument: str
    state: str
    reason: str
    """Why it is closing or has closed."""
    quantity: float
    """Base units of each leg, as planned."""
    notional: float
    entry_spread_percent: float
    """Rate short − rate long at entry, over eight hours, in percent."""
    funding_collected: float
    """Σ confirmed payments of both legs so far, in USD; may be negative."""
    payments: int
    cumulative: float
    """With that of every pair opened before it."""
    ts_opened: str
    ts_closed: str | None


class Funding(Body):
    funding_collected: float
    """Of all pairs there ever were, in USD; before fees."""
    payments: int
    pairs_total: int
    pairs: list[FundingPair]
    """Open ones first, then the newest."""


Value = bool | int | float | str | list[str]


class Settings(Body):
    """By the names of the configuration file; numbers in the units it gives."""

    settings: dict[str, Value]


class ChangedSettings(Asked):
    settings: Annotated[dict[str, Value], Field(min_length=1, max_length=50)]
