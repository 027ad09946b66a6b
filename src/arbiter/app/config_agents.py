"""Settings of the agents and of the language models behind them."""

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from pydantic import SecretStr

from arbiter.app.config_fields import (
    Line,
    Money,
    Names,
    Real,
    Section,
    Switch,
    Unit,
    Whole,
    number,
    text,
)
from arbiter.model.errors import BadConfig

if TYPE_CHECKING:
    from arbiter.agents.settings import TradingRules


class AgentSchedule(Section):
    """Seconds between two evaluations of a symbol."""

    technical: Real = number(30.0, Unit.SECONDS, 1, 3_600, "technical-agent.")
    orderbook: Real = number(10.0, Unit.SECONDS, 1, 3_600, "orderbook-agent.")
    sentiment: Real = number(300.0, Unit.SECONDS, 1, 3_600, "sentiment-agent.")
    trend: Real = number(300.0, Unit.SECONDS, 1, 3_600, "trend-agent.")
    reversion: Real = number(60.0, Unit.SECONDS, 1, 3_600, "reversion-agent.")
    arbitrage: Real = number(5.0, Unit.SECONDS, 1, 3_600, "arbitrage-agent.")


class Agents(Section):
    """Analysts that vote on a symbol; they trade only in sessions started through their API."""

    enabled: Switch = text(True, "Whether the agents run.")
    venue: Line = text("", "Where PAPER sessions trade; empty means the first venue.")
    initial_capital: Money = number(
        Decimal(10_000), Unit.NUMBER, 1, 1_000_000_000, "Shown as a session's usual capital."
    )
    vote_every_seconds: Real = number(30.0, Unit.SECONDS, 1, 3_600, "Between two votes.")
    consensus: Real = number(
        0.5, Unit.FRACTION, 0.01, 1, "Share of the votes cast that the winner needs."
    )
    opinion_max_age_seconds: Real = number(
        300.0, Unit.SECONDS, 5, 86_400, "Older opinions do not count."
    )
    max_positions: Whole = number(3, Unit.COUNT, 1, 1_000, "Open positions of a session.")
    max_position_size: Real = number(0.2, Unit.FRACTION, 0.001, 1, "Of the session's capital.")
    max_daily_loss: Real = number(0.05, Unit.FRACTION, 0.001, 1, "Of the session's capital.")
    max_drawdown: Real = number(0.15, Unit.FRACTION, 0.001, 1, "Of the session's peak equity.")
    default_stop_loss: Real = number(0.02, Unit.FRACTION, 0.0005, 1, "Below the entry price.")
    default_take_profit: Real = number(0.05, Unit.FRACTION, 0.0005, 2, "Above the entry price.")
    min_confidence: Real = number(0.6, Unit.FRACTION, 0, 1, "Least confidence of a vote.")
    llm_approval_required: Switch = text(
        True, "Whether an order needs a stored approval of the risk agent."
    )
    kelly_fraction: Real = number(0.25, Unit.FRACTION, 0.01, 1, "Of the Kelly stake.")
    value_at_risk: Real = number(
        0.02, Unit.FRACTION, 0.0001, 1, "Largest one-hour loss at 95 %, of the capital."
    )
    max_volatility: Real = number(
        0.04, Unit.FRACTION, 0.0001, 1, "Of hourly returns; above it nothing is opened."
    )
    sentiment_feeds: Names = text(
        (), "Files of headlines, one a line, newest last (BTC|text for one asset)."
    )
    decision_retention_days: Whole = number(
        30,
        Unit.DAYS,
        0,
        36_500,
        "Age at which decisions without an outcome are deleted; 0 keeps all for ever, idle ones too.",
    )
    idle_retention_days: Real = number(
        1.0,
        Unit.DAYS,
        0,
        36_500,
        "The same for idle ones: by rules, and no order came of them; 0 keeps them as the others.",
    )
    idle_decisions: Whole = number(
        20_000, Unit.COUNT, 0, 10**9, "Most idle decisions kept of one symbol; 0 is no bound."
    )
    schedule: AgentSchedule = AgentSchedule()

    def rules(self) -> "TradingRules":
        from arbiter.agents.settings import TradingRules

        return TradingRules(
            max_positions=self.max_positions,
            max_position_size=self.max_position_size,
            max_daily_loss=self.max_daily_loss,
            max_drawdown=self.max_drawdown,
            default_stop_loss=self.default_stop_loss,
            default_take_profit=self.default_take_profit,
            min_confidence=self.min_confidence,
            llm_approval_required=self.llm_approval_required,
            kelly_fraction=self.kelly_fraction,
            value_at_risk=self.value_at_risk,
            max_volatility=self.max_volatility,
        )


Prices = dict[str, Money]
Cutoffs = dict[str, date]


class Llm(Section):
    """Language models behind an OpenAI-compatible gateway; off while no address is set."""

    base_url: Line = text("", "The gateway, for example http://127.0.0.1:11434/v1; empty is off.")
    api_key: SecretStr = text(SecretStr(""), "The gateway's key, where it asks for one.")
    gateway: Line = text("openai-compatible", "What the gateway is called in listings.")
    primary_model: Line = text("", "Asked first.")
    fallback_model: Line = text("", "Asked when the first cannot answer; empty means none.")
    embedding_model: Line = text(
        "", "Embeds the decisions' prompts (1536 dimensions); empty is the built-in embedding."
    )
    embedding_timeout_seconds: Real = number(3.0, Unit.SECONDS, 0.1, 60, "For one answer.")
    knowledge_cutoffs: Cutoffs = text(
        {}, "Last day a model knows of, by model, as 2024-10-01: backtests begin after it."
    )
    agents: Names = text(
        ("technical-agent", "trend-agent", "reversion-agent", "risk-agent"),
        "Agents that ask a model; all others go by their rules.",
    )
    temperature: Real = number(0.7, Unit.NUMBER, 0, 2, "Of the models.")
    max_tokens: Whole = number(2_000, Unit.COUNT, 1, 1_000_000, "Most tokens of one answer.")
    timeout_seconds: Real = number(30.0, Unit.SECONDS, 0.1, 600, "For one answer.")
    retries: Whole = number(2, Unit.COUNT, 0, 10, "Further tries with one model.")
    retry_seconds: Real = number(0.5, Unit.SECONDS, 0, 60, "Before the first further try.")
    breaker_failures: Whole = number(5, Unit.COUNT, 1, 100, "In a row that rest a model.")
    breaker_seconds: Real = number(60.0, Unit.SECONDS, 0.1, 3_600, "How long it rests.")
    enable_caching: Switch = text(True, "Whether equal questions are asked once.")
    cache_seconds: Real = number(3_600.0, Unit.SECONDS, 1, 86_400, "Age of a cached answer.")
    daily_cost_usd: Money = number(
        Decimal(10), Unit.USD, 0, 1_000_000, "Most spent since 00:00 UTC; then rules decide."
    )
    daily_tokens: Whole = number(
        2_000_000, Unit.COUNT, 0, 10**12, "Most tokens since 00:00 UTC; then rules decide."
    )
    input_prices: Prices = text({}, "USD per million prompt tokens, by model.")
    output_prices: Prices = text({}, "USD per million answered tokens, by model.")

    @property
    def enabled(self) -> bool:
        return bool(self.base_url and self.primary_model)

    def check(self) -> None:
        """Refuse a gateway without a model, and a model without a gateway."""
        if bool(self.base_url) != bool(self.primary_model):
            raise BadConfig("base_url and primary_model belong together: set both")
        if self.base_url and not self.base_url.startswith(("http://", "https://")):
            raise BadConfig("base_url must begin with http:// or https://")
        if self.embedding_model and not self.base_url:
            raise BadConfig("embedding_model needs base_url and primary_model")
