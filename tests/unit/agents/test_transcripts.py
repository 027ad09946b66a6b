"""Recorded answers of language models, replayed over candles: exact moments, no future, told apart."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
import pytest

from arbiter.agents.rehearsal import Rehearsal, RehearsalSettings, rehearse
from arbiter.agents.script import RiskWord, Script, Word
from arbiter.agents.settings import TradingRules, VoteSettings
from arbiter.app.agents_research import run_agents
from arbiter.app.config import load
from arbiter.backtest.agents_report import AgentsRun, summary, write_html
from arbiter.llm.transcripts import read_transcripts
from arbiter.model.agents import Action
from arbiter.model.errors import BadConfig, NotFound
from arbiter.model.ids import Symbol
from arbiter.model.time import NS_PER_MINUTE, rfc3339
from tests.unit.agents.markets import bars_along

FLAT = np.full(300, 100.0) * np.exp(np.random.RandomState(2).standard_normal(300) * 1e-5)
BARS = bars_along(FLAT)
FIRST = int(BARS.opens_ns[0])
SETTINGS = RehearsalSettings(
    rules=TradingRules(min_confidence=0.5), voting=VoteSettings(consensus=0.3, max_age_s=600)
)


def minute(number: int) -> int:
    """The close of a bar."""
    return FIRST + (number + 1) * NS_PER_MINUTE


def word(number: int, action: Action | None, agent: str = "sentiment-agent") -> Word:
    return Word(agent=agent, at_ns=minute(number), model="gpt-x", action=action, confidence=1.0)


def run(*words: Word, risk: Sequence[RiskWord] = ()) -> Rehearsal:
    return rehearse(BARS, Symbol("BTC/USDT"), NS_PER_MINUTE, SETTINGS, Script(words, risk))


def votes_of(result: Rehearsal, first: int, last: int) -> list[str]:
    return [
        vote.opinions.get("sentiment-agent", "")
        for vote in result.votes
        if minute(first) <= vote.at_ns <= minute(last)
    ]


def test_a_word_counts_from_its_moment_until_the_next_or_until_it_is_too_old() -> None:
    result = run(word(100, Action.BUY), word(105, Action.SELL), word(200, Action.HOLD))
    assert votes_of(result, 99, 106) == [""] + ["BUY 1.00 (gpt-x)"] * 5 + ["SELL 1.00 (gpt-x)"] * 2
    assert votes_of(result, 115, 116) == ["SELL 1.00 (gpt-x)", ""]
    assert [vote.models for vote in result.votes if vote.at_ns == minute(100)] == [("gpt-x",)]


def test_words_to_come_change_nothing_before_them() -> None:
    one = run(word(100, Action.BUY), word(200, Action.BUY))
    other = run(word(100, Action.BUY), word(200, Action.SELL))
    before = [vote for vote in one.votes if vote.at_ns < minute(200)]
    assert before == [vote for vote in other.votes if vote.at_ns < minute(200)]
    assert one.votes != other.votes


def test_a_failed_answer_leaves_the_rules_word() -> None:
    ruled = run(word(100, Action.BUY, "trend-agent"), word(102, None, "trend-agent"))
    alone = run()
    after = [vote.opinions for vote in ruled.votes if vote.at_ns >= minute(102)]
    assert after == [vote.opinions for vote in alone.votes if vote.at_ns >= minute(102)]
    assert ruled.votes != alone.votes


def risk_word(number: int, *, approved: bool, fraction: float) -> RiskWord:
    return RiskWord(
        at_ns=minute(number),
        model="gpt-x",
        approved=approved,
        fraction=fraction,
        reasoning="too hot",
    )


def test_the_risk_models_word_vetoes_or_makes_smaller_and_never_larger() -> None:
    buys = [word(100 + n, Action.BUY, a) for n in (0, 5) for a in ("sentiment-agent", "x-agent")]

    def spent(*risk: RiskWord) -> list[float]:
        result = run(*buys, word(150, Action.SELL), risk=risk)
        return [trip.spent for trip in result.trips]

    (free,) = spent()
    assert spent(risk_word(99, approved=True, fraction=1.0)) == [free]
    assert spent(risk_word(99, approved=True, fraction=0.01)) == [SETTINGS.capital * 0.01]
    vetoed = run(*buys, risk=[risk_word(99, approved=False, fraction=0.5)])
    assert {vote.veto for vote in vetoed.votes if vote.action is Action.BUY} >= {"gpt-x: too hot"}


def test_the_risk_models_word_counts_from_its_moment_until_the_next_or_until_it_is_too_old() -> (
    None
):
    refused = risk_word(100, approved=False, fraction=0.0)
    allowed = risk_word(105, approved=True, fraction=0.1)
    script = Script(risk=[allowed, refused])
    ten = 10 * NS_PER_MINUTE
    said = [script.risk(minute(at), ten) for at in (99, 100, 104, 105, 115, 116)]
    assert said == [None, refused, refused, allowed, allowed, None]
    assert script.risk(minute(100) - 1, ten) is None


def line(number: int, response: str, **changes: object) -> dict[str, object]:
    fields: dict[str, object] = {
        "agent_name": "sentiment-agent",
        "symbol": "BTC/USDT",
        "decision_type": "signal",
        "model": "gpt-x",
        "response": response,
        "created_ns": minute(number),
        "created_at": rfc3339(minute(number)),
        "error": None,
        "context": {"rsi": 30},
    }
    return fields | changes


BUY = '{"action":"BUY","confidence":1.0,"reasoning":"up"}'


def written(folder: Path, *lines: dict[str, object]) -> Path:
    path = folder / "transcripts.json"
    path.write_bytes(msgspec.json.encode(lines))
    return path


def test_answers_are_checked_again_and_the_rules_own_are_no_transcripts(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        line(1, f"```json\n{BUY}\n```"),
        line(2, BUY.replace("1.0", "7.0")),
        line(3, BUY, model="rules-1"),
        line(4, "cut off", model="rules-1", error="no answer within 30 s"),
        line(5, BUY, symbol="ETH/USDT"),
        line(
            6,
            '{"approved":true,"position_size":0.1,"reasoning":"ok"}',
            agent_name="risk-agent",
            decision_type="risk_approval",
        ),
        line(7, BUY, decision_type="consensus", agent_name="orchestrator", model="rules-1"),
    )
    script = read_transcripts([path], "BTCUSDT")
    assert script.models() == {"gpt-x": 2}

    def heard(number: int) -> Action | None:
        return script.said(minute(number), NS_PER_MINUTE)["sentiment-agent"].action

    assert (heard(1), heard(2), heard(4)) == (Action.BUY, None, None)
    risk = script.risk(minute(6), 0)
    assert risk is not None
    assert (risk.approved, risk.fraction) == (True, 0.1)
    assert read_transcripts([path], "BTC").models() == {"gpt-x": 2}


def test_another_file_is_refused_with_the_command_that_makes_one(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text('{"a": 1}')
    with pytest.raises(BadConfig, match="arbiter export decisions"):
        read_transcripts([path], "BTC")
    with pytest.raises(BadConfig, match="cannot be read"):
        read_transcripts([tmp_path / "absent"], "BTC")


def candles(folder: Path) -> Path:
    columns: dict[str, object] = {
        "ts_ms": BARS.opens_ns // 1_000_000,
        "venue": "binance",
        "symbol": "BTCUSDT",
        "interval": "1m",
        **{name: getattr(BARS, name) for name in ("open", "high", "low", "close", "volume")},
    }
    path = folder / "candles.parquet"
    pl.DataFrame(columns).write_parquet(path)
    return path


def researched(folder: Path, cutoff: str | None, *, allowed: bool = False) -> AgentsRun:
    flags = {}
    if cutoff is not None:
        flags["llm.knowledge_cutoffs.gpt-x"] = ("flag", cutoff)
    settings = load(
        environment={}, flags=flags, file=None, working_directory=folder, profiled=False
    ).settings
    return run_agents(
        settings,
        [candles(folder)],
        "BTC",
        venue=None,
        interval=None,
        transcripts=[written(folder, line(100, BUY), line(110, BUY))],
        allow_before_cutoff=allowed,
    )


def test_words_on_days_the_model_knew_of_are_refused(tmp_path: Path) -> None:
    day = rfc3339(FIRST)[:10]
    with pytest.raises(BadConfig, match=r"gpt-x knows of days up to .* --allow-before-cutoff"):
        researched(tmp_path, day)
    with pytest.raises(BadConfig, match=r"llm\.knowledge_cutoffs\.gpt-x"):
        researched(tmp_path, None)


def test_words_from_after_the_cutoff_are_replayed_and_told(tmp_path: Path) -> None:
    run = researched(tmp_path, "2024-10-01")
    (model,) = run.models
    assert (model.words, model.cutoff, model.before_cutoff) == (2, date(2024, 10, 1), 0)
    figures = summary(run)
    assert figures["model"] == "rules-1 + replayed gpt-x"
    assert figures["votes_with_a_model"] == 12
    assert "after 2024-10-01" in run.candour[0]


def test_what_is_allowed_all_the_same_is_labelled_everywhere(tmp_path: Path) -> None:
    run = researched(tmp_path, None, allowed=True)
    assert "BEFORE KNOWLEDGE CUT-OFF" in str(summary(run)["model"])
    assert "no evidence of skill" in run.candour[0]
    page = tmp_path / "out.html"
    write_html(page, run)
    assert "BEFORE KNOWLEDGE CUT-OFF" in page.read_text()


def test_transcripts_of_another_time_are_no_silent_run_by_rules(tmp_path: Path) -> None:
    data = candles(tmp_path)
    loaded = load(environment={}, flags={}, file=None, working_directory=tmp_path, profiled=False)
    late = written(tmp_path, line(100_000, BUY))
    with pytest.raises(NotFound, match="no transcript"):
        run_agents(loaded.settings, [data], "BTC", venue=None, interval=None, transcripts=[late])
