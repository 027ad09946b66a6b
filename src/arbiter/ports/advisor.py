"""A language model as the agents see it: asked a question, it answers within bounds or not at all."""

from decimal import Decimal
from enum import StrEnum
from typing import Protocol

import msgspec

from arbiter.model.agents import Action
from arbiter.model.ids import Symbol
from arbiter.model.money import ZERO


class QuestionKind(StrEnum):
    SIGNAL = "signal"
    RISK_APPROVAL = "risk_approval"


class Question(msgspec.Struct, frozen=True, kw_only=True):
    kind: QuestionKind
    agent: str
    symbol: Symbol
    context: dict[str, object]
    """Figures of ours, trusted."""
    rules_say: str
    """What the rules came to, for the model to weigh."""
    untrusted: tuple[str, ...] = ()
    """Texts from outside; they are fenced and never obeyed."""


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """What a question cost, whether or not its answer could be used."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: Decimal = ZERO
    latency_ms: float = 0.0
    cached: bool = False


class SignalAdvice(msgspec.Struct, frozen=True, kw_only=True):
    action: Action
    confidence: float
    """0..1."""
    reasoning: str
    model: str
    prompt: str
    response: str
    usage: Usage


class RiskAdvice(msgspec.Struct, frozen=True, kw_only=True):
    approved: bool
    fraction: float
    """Of the capital, 0..1: it can make a trade smaller, never larger."""
    confidence: float
    reasoning: str
    model: str
    prompt: str
    response: str
    usage: Usage


class NoAdvice(msgspec.Struct, frozen=True, kw_only=True):
    """No usable answer, and why: the rules decide."""

    error: str
    prompt: str = ""
    response: str = ""
    usage: Usage = Usage()


class Advisor(Protocol):
    """Never raises for anything a model or its server does."""

    def serves(self, agent: str) -> bool:
        """Whether a model is switched on for this agent."""
        ...

    async def signal(self, question: Question) -> SignalAdvice | NoAdvice: ...

    async def approval(self, question: Question) -> RiskAdvice | NoAdvice: ...

    def tune(self, *, temperature: float | None, max_tokens: int | None) -> None:
        """Change how models answer, from the next question on."""
        ...
