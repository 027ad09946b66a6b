"""The seven agents: name, what they do, how often, and by which rules."""

import msgspec

from arbiter.agents import arbitrage, orderbook, reversion, sentiment, technical, trend
from arbiter.agents.opinions import Analyst
from arbiter.agents.settings import Schedule
from arbiter.model.agents import RISK_AGENT


class AgentProfile(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    type: str
    """``analysis``, ``strategy`` or ``risk``."""
    every_s: float | None
    """None for the one that is asked, not scheduled."""
    rules: Analyst | None
    asks_model: bool
    """Whether a language model may be switched on for it."""


def roster(schedule: Schedule) -> tuple[AgentProfile, ...]:
    def voter(name: str, kind: str, every_s: float, rules: Analyst, model: bool) -> AgentProfile:
        return AgentProfile(name=name, type=kind, every_s=every_s, rules=rules, asks_model=model)

    return (
        voter(technical.NAME, "analysis", schedule.technical, technical.analyse, True),
        voter(orderbook.NAME, "analysis", schedule.orderbook, orderbook.analyse, False),
        voter(sentiment.NAME, "analysis", schedule.sentiment, sentiment.analyse, True),
        voter(trend.NAME, "strategy", schedule.trend, trend.analyse, True),
        voter(reversion.NAME, "strategy", schedule.reversion, reversion.analyse, True),
        voter(arbitrage.NAME, "strategy", schedule.arbitrage, arbitrage.analyse, False),
        AgentProfile(name=RISK_AGENT, type="risk", every_s=None, rules=None, asks_model=True),
    )
