"""The agents' backtest, set up from the configuration."""

from collections.abc import Sequence
from pathlib import Path

from arbiter.agents.rehearsal import RehearsalSettings, rehearse
from arbiter.agents.settings import VoteSettings
from arbiter.app.config import Settings
from arbiter.backtest.agents_report import AgentsRun
from arbiter.backtest.klines import read_klines
from arbiter.model.ids import Symbol


def run_agents(
    settings: Settings,
    files: Sequence[Path],
    symbol: str,
    *,
    venue: str | None,
    interval: str | None,
) -> AgentsRun:
    """Let the rules vote on the bars of one market."""
    bars, found_venue, market, interval_ns = read_klines(
        files, symbol, venue=venue, interval=interval
    )
    wanted, research = settings.agents, settings.backtest
    rehearsal = RehearsalSettings(
        rules=wanted.rules(),
        voting=VoteSettings(
            every_s=wanted.vote_every_seconds,
            consensus=wanted.consensus,
            max_age_s=wanted.opinion_max_age_seconds,
        ),
        capital=float(wanted.initial_capital),
        fee=float(research.taker_fee.get(found_venue, research.spot_taker_fee)),
    )
    result = rehearse(bars, Symbol(market), interval_ns, rehearsal)
    return AgentsRun(
        market=market,
        venue=found_venue,
        interval_ns=interval_ns,
        bars=bars,
        settings=rehearsal,
        result=result,
    )
