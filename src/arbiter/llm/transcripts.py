"""Recorded answers of language models, as ``arbiter export decisions --format json`` writes them.

Each answer is checked again like a fresh one; what has not its form counts as a failure, and the
rules decide.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import msgspec
from pydantic import BaseModel, ValidationError

from arbiter.agents.script import RiskWord, Script, Word
from arbiter.llm.answers import RiskAnswer, SignalAnswer
from arbiter.model.agents import RISK_AGENT, Action, DecisionType
from arbiter.model.errors import BadConfig

_RULES = "rules-"

A = TypeVar("A", bound=BaseModel)


class _Line(msgspec.Struct):
    """What is needed of an exported decision."""

    agent_name: str
    symbol: str
    decision_type: str
    model: str
    response: str
    created_ns: int
    error: str | None = None


def read_transcripts(files: Sequence[Path], market: str) -> Script:
    """Read the words on one market, by any spelling of its name; `BadConfig` for other files."""
    words: list[Word] = []
    risk: list[RiskWord] = []
    wanted = _compact(market)
    for line in (line for path in files for line in _lines(path)):
        if wanted not in {_compact(line.symbol), line.symbol.partition("/")[0].upper()}:
            continue
        if line.decision_type == DecisionType.SIGNAL:
            word = _signal(line)
            if word is not None:
                words.append(word)
        elif line.decision_type == DecisionType.RISK_APPROVAL and line.agent_name == RISK_AGENT:
            said = _risk(line)
            if said is not None:
                risk.append(said)
    return Script(words, risk)


def _lines(path: Path) -> list[_Line]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=list[_Line])
    except OSError as error:
        raise BadConfig(f"{path} cannot be read: {error.strerror}") from None
    except msgspec.DecodeError as error:
        raise BadConfig(
            f"{path} holds no transcripts: {error}; "
            "make them with: arbiter export decisions --format json"
        ) from None


def _signal(line: _Line) -> Word | None:
    """One answer; None for what no model was asked."""
    failed = line.error is not None
    if line.model.startswith(_RULES) and not failed:
        return None
    said = None if failed else _answer(line.response, SignalAnswer)
    if said is None:
        return Word(agent=line.agent_name, at_ns=line.created_ns, model=line.model, action=None)
    return Word(
        agent=line.agent_name,
        at_ns=line.created_ns,
        model=line.model,
        action=Action(said.action),
        confidence=said.confidence,
        reasoning=said.reasoning,
    )


def _risk(line: _Line) -> RiskWord | None:
    if line.model.startswith(_RULES) or line.error is not None:
        return None
    said = _answer(line.response, RiskAnswer)
    if said is None:
        return None
    return RiskWord(
        at_ns=line.created_ns,
        model=line.model,
        approved=said.approved and said.position_size > 0,
        fraction=said.position_size,
        reasoning=said.reasoning,
    )


def _answer(text: str, kind: type[A]) -> A | None:
    """Take the object out of what surrounds it (fences, a sentence); None where it has not its form."""
    first, last = text.find("{"), text.rfind("}")
    try:
        return kind.model_validate_json(text[first : last + 1])
    except ValidationError:
        return None


def _compact(name: str) -> str:
    return "".join(c for c in name.upper() if c.isalnum())
