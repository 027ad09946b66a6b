"""What agents say and do: opinions kept as decisions, trading sessions, and their positions.

Fractions are of capital or price (0.02 is 2 %), money is in the session's quote currency.
"""

from decimal import Decimal
from enum import StrEnum
from uuid import UUID, uuid5

import msgspec

from arbiter.model.ids import InstrumentId, StrategyId, Symbol, TradeId, VenueId
from arbiter.model.money import ZERO, quotient

EMBEDDING_SIZE = 1536
SKETCH_SIZE = 36
"""Numbers that say the same as a built-in embedding."""
ORCHESTRATOR = "orchestrator"
RISK_AGENT = "risk-agent"

STRATEGY_PREFIX = "agents:"
MANUAL_STRATEGY = StrategyId("agents:manual")
MANUAL_SESSION = UUID("0d4f6c1e-9a53-5c0b-8f5e-6f0d1f6a0001")
"""The standing session that orders without one of their own belong to."""


def session_strategy(session: UUID) -> StrategyId:
    """Each session is a strategy of its own: positions and budgets are never mixed."""
    if session == MANUAL_SESSION:
        return MANUAL_STRATEGY
    return StrategyId(f"{STRATEGY_PREFIX}{session}")


def session_of(strategy: StrategyId) -> UUID | None:
    """The session behind a strategy; None when it is no agents strategy."""
    if strategy == MANUAL_STRATEGY:
        return MANUAL_SESSION
    if not strategy.startswith(STRATEGY_PREFIX):
        return None
    name = strategy.removeprefix(STRATEGY_PREFIX)
    try:
        found = UUID(name)
    except ValueError:  # a name that somebody typed
        return None
    return found if str(found) == name else None  # each session has one name


def position_id(opening: TradeId) -> UUID:
    """A position is known by the trade that opened it."""
    return uuid5(opening, "position")


class Action(StrEnum):
    BUY = "BUY"
    SELL = "SELL"
    HOLD = "HOLD"


class DecisionType(StrEnum):
    SIGNAL = "signal"
    """One agent's opinion."""
    CONSENSUS = "consensus"
    """What the vote came to."""
    RISK_APPROVAL = "risk_approval"


class Outcome(StrEnum):
    PENDING = "PENDING"
    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """One evaluation, kept with all it was made from; a HOLD is one too."""

    id: UUID
    session_id: UUID | None = None
    """None for opinions on a symbol, which every session in it shares."""
    round_id: UUID | None = None
    """The vote it counted in: outcomes are set by round."""
    agent_name: str
    symbol: Symbol
    decision_type: DecisionType
    decision: str
    """An `Action`; APPROVE or VETO for a risk approval."""
    confidence: float
    reasoning: str
    context: dict[str, object]
    prompt: str
    response: str
    model: str
    """``rules-<version>``, or the language model that answered."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: Decimal = ZERO
    latency_ms: float = 0.0
    cached: bool = False
    error: str | None = None
    """Why a language model's answer was not used: then this is the rules' decision."""
    embedding: tuple[float, ...] | None = None
    embedding_model: str = ""
    """What made it; embeddings of two models cannot be compared."""
    outcome: Outcome = Outcome.PENDING
    actual_pnl: Decimal | None = None
    created_ns: int


class SessionMode(StrEnum):
    PAPER = "PAPER"
    LIVE = "LIVE"


class SessionState(StrEnum):
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    """No new decisions; protective exits stay alive."""
    STOPPING = "STOPPING"
    """Orders are being cancelled and positions closed."""
    STOPPED = "STOPPED"


class AgentSession(msgspec.Struct, frozen=True, kw_only=True):
    id: UUID
    mode: SessionMode
    state: SessionState
    symbol: Symbol
    venue: VenueId
    instrument: InstrumentId
    initial_capital: Decimal
    final_capital: Decimal | None = None
    started_ns: int
    stopped_ns: int | None = None
    actor: str
    total_pnl: Decimal = ZERO
    total_trades: int = 0
    """Round trips: positions opened and closed."""
    winning_trades: int = 0
    losing_trades: int = 0
    max_drawdown: float = 0.0
    """Largest fall of equity from its peak, a fraction of the peak."""
    sharpe_ratio: float = 0.0
    """Of the closed positions' returns on capital, per trade; 0 below two of them."""
    peak_equity: Decimal = ZERO
    updated_ns: int

    @property
    def strategy(self) -> StrategyId:
        return session_strategy(self.id)

    @property
    def active(self) -> bool:
        return self.state is not SessionState.STOPPED


class AgentPosition(msgspec.Struct, frozen=True, kw_only=True):
    """A long spot position of one session, from its first fill until it is sold."""

    id: UUID
    session_id: UUID
    symbol: Symbol
    venue: VenueId
    instrument: InstrumentId
    opening_trade: TradeId
    round_id: UUID | None = None
    """The vote that opened it."""
    size: Decimal = ZERO
    """Base units bought in all."""
    bought: Decimal = ZERO
    """What of them was received: less fees taken in base."""
    spent: Decimal = ZERO
    sold: Decimal = ZERO
    received: Decimal = ZERO
    fees: Decimal = ZERO
    """All fees, in quote; those in base at their fill's price."""
    entry_ns: int
    exit_ns: int | None = None
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    entry_reason: str | None = None
    exit_reason: str | None = None
    dust: Decimal = ZERO
    """Too little for an order; left over at the end."""
    updated_ns: int

    @property
    def open(self) -> bool:
        return self.exit_ns is None

    @property
    def held(self) -> Decimal:
        """Base units there are to sell."""
        return self.bought - self.sold - self.dust

    @property
    def entry_price(self) -> Decimal:
        return quotient(self.spent, self.size)

    @property
    def exit_price(self) -> Decimal | None:
        return quotient(self.received, self.sold) if self.sold else None

    @property
    def quantity(self) -> Decimal:
        """What is held, or was held once closed."""
        return self.held if self.open else self.bought

    @property
    def realized_pnl(self) -> Decimal:
        """Of what was sold, net of fees: (exit − entry) × quantity − fees once closed."""
        if not self.sold:
            return ZERO
        cost = quotient(self.spent * self.sold, self.size)
        fees = self.fees if not self.open else quotient(self.fees * self.sold, self.bought)
        return self.received - cost - fees

    def unrealized_pnl(self, mark: Decimal) -> Decimal:
        """(mark − entry) × what is held, before fees."""
        if not self.open or not self.bought:
            return ZERO
        return self.held * mark - quotient(self.spent * self.held, self.size)
