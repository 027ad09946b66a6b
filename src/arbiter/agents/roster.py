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


def roster(schedule: Schedule) -> tuple[AgentProfile, ...]:
    def voter(name: str, kind: str, every_s: float, rules: Analyst) -> AgentProfile:
        return AgentProfile(name=name, type=kind, every_s=every_s, rules=rules)

    return (
        voter(technical.NAME, "analysis", schedule.technical, technical.analyse),
        voter(orderbook.NAME, "analysis", schedule.orderbook, orderbook.analyse),
        voter(sentiment.NAME, "analysis", schedule.sentiment, sentiment.analyse),
        voter(trend.NAME, "strategy", schedule.trend, trend.analyse),
        voter(reversion.NAME, "strategy", schedule.reversion, reversion.analyse),
        voter(arbitrage.NAME, "strategy", schedule.arbitrage, arbitrage.analyse),
        AgentProfile(name=RISK_AGENT, type="risk", every_s=None, rules=None),
    )
