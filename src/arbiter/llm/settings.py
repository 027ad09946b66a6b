"""How models are asked: names, time-outs, retries, budgets, prices."""

from decimal import Decimal

import msgspec

from arbiter.model.errors import BadConfig
from arbiter.model.money import ZERO


class LlmSettings(msgspec.Struct, frozen=True, kw_only=True):
    base_url: str
    primary_model: str
    fallback_model: str | None = None
    agents: frozenset[str] = frozenset()
    """Agents that ask."""
    temperature: float = 0.7
    max_tokens: int = 2_000
    timeout_s: float = 30.0
    """For one answer."""
    retries: int = 2
    """Further tries with one model, after outages and refusals for load."""
    retry_s: float = 0.5
    """Before try n + 1 it waits n² × this."""
    breaker_failures: int = 5
    breaker_s: float = 60.0
    breaker_successes: int = 2
    caching: bool = True
    cache_s: float = 3_600.0
    cache_entries: int = 2_000
    daily_cost_usd: Decimal = Decimal(10)
    daily_tokens: int = 2_000_000
    input_prices: dict[str, Decimal] = {}
    output_prices: dict[str, Decimal] = {}
    """USD per million tokens by model; a model without a price counts as free."""

    def __post_init__(self) -> None:
        if not self.base_url or not self.primary_model:
            raise BadConfig("llm.base_url and llm.primary_model must both be set")
        if self.timeout_s <= 0 or self.max_tokens < 1 or self.retries < 0:
            raise BadConfig("llm.timeout_seconds, llm.max_tokens and llm.retries are out of range")

    @property
    def models(self) -> tuple[str, ...]:
        """In the order they are asked."""
        others = () if self.fallback_model is None else (self.fallback_model,)
        return (self.primary_model, *others)

    def cost(self, model: str, prompt_tokens: int, completion_tokens: int) -> Decimal:
        """USD for so many tokens of a model."""
        asked = self.input_prices.get(model, ZERO) * prompt_tokens
        answered = self.output_prices.get(model, ZERO) * completion_tokens
        return (asked + answered) / 1_000_000
