"""The agents' backtest, set up from the configuration."""

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

from arbiter.agents.rehearsal import RehearsalSettings, rehearse
from arbiter.agents.script import Script
from arbiter.agents.settings import VoteSettings
from arbiter.app.config import Settings
from arbiter.backtest.agents_report import AgentsRun, ReplayedModel
from arbiter.backtest.klines import read_klines
from arbiter.model.errors import BadConfig, NotFound
from arbiter.model.ids import Symbol
from arbiter.model.time import NS_PER_DAY, rfc3339


def run_agents(
    settings: Settings,
    files: Sequence[Path],
    symbol: str,
    *,
    venue: str | None,
    interval: str | None,
    transcripts: Sequence[Path] = (),
    allow_before_cutoff: bool = False,
) -> AgentsRun:
    """Let the agents vote on the bars of one market.

    Raises `BadConfig` for words on days that their model already knew of, unless told to go on.
    """
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
    script: Script | None = None
    models: tuple[ReplayedModel, ...] = ()
    if transcripts:
        first, last = int(bars.opens_ns[0]), int(bars.opens_ns[-1]) + interval_ns
        script = _script(transcripts, market, first, last)
        models = _models(script, settings.llm.knowledge_cutoffs, allowed=allow_before_cutoff)
    result = rehearse(bars, Symbol(market), interval_ns, rehearsal, script)
    return AgentsRun(
        market=market,
        venue=found_venue,
        interval_ns=interval_ns,
        bars=bars,
        settings=rehearsal,
        result=result,
        models=models,
    )


def _script(files: Sequence[Path], market: str, first_ns: int, last_ns: int) -> Script:
    from arbiter.llm.transcripts import read_transcripts

    script = read_transcripts(files, market).within(first_ns, last_ns)
    if not script.models():
        raise NotFound(
            f"no transcript has a model's word on {market} between {rfc3339(first_ns)} and "
            f"{rfc3339(last_ns)}"
        )
    return script


def _models(
    script: Script, cutoffs: Mapping[str, date], *, allowed: bool
) -> tuple[ReplayedModel, ...]:
    found = []
    for model, words in sorted(script.models().items()):
        cutoff = cutoffs.get(model)
        said = [word.at_ns for word in script.words() if word.model == model]
        known_ns = None if cutoff is None else (_days(cutoff) + 1) * NS_PER_DAY
        early = len(said) if known_ns is None else sum(at < known_ns for at in said)
        if early and not allowed:
            why = (
                f"the last day {model} knows of is not set: llm.knowledge_cutoffs.{model}"
                if cutoff is None
                else f"{model} knows of days up to {cutoff}, and {early} of its {words} words are "
                f"from {rfc3339(said[0])} on: it may have known what came next"
            )
            raise BadConfig(f"{why}. --allow-before-cutoff replays them, and the report says so")
        found.append(ReplayedModel(name=model, words=words, cutoff=cutoff, before_cutoff=early))
    return tuple(found)


def _days(day: date) -> int:
    return (day - date(1970, 1, 1)).days
