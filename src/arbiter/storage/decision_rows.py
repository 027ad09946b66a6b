"""Decisions as rows: what follows from the rest of a row is not kept twice.

A built-in embedding is kept as its sketch; a prompt or response that the rules made of the row's
own figures is kept as empty text. What a model was asked and said is kept word for word, and what
it left empty stays so.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
from msgspec.structs import asdict, replace
from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select

from arbiter.agents.settings import RULES_PREFIX
from arbiter.agents.sketch import VERSION, expand, sketched
from arbiter.agents.words import context_text, rules_response
from arbiter.model.agents import Decision, DecisionType, Outcome
from arbiter.model.ids import Symbol
from arbiter.storage.agents_schema import DECISIONS, POSITIONS
from arbiter.storage.rows import read


class DecisionRow(Decision, frozen=True, kw_only=True):
    sketch: tuple[float, ...] | None = None


def rows_of(decisions: Iterable[Decision]) -> Sequence[DecisionRow]:
    return [_row(decision) for decision in decisions]


def decision_of(row: Mapping[str, Any]) -> Decision:
    """Read a row; with its embedding where the vectors are given as text."""
    found = read(Decision, filled(row))
    if row.get("vector") is not None:
        return replace(found, embedding=tuple(json.loads(row["vector"])))
    if row.get("drawn") is not None:
        return replace(found, embedding=tuple(expand(np.array(json.loads(row["drawn"]))).tolist()))
    return found


def filled(row: Mapping[str, Any]) -> dict[str, Any]:
    """Write out what a row leaves to its other columns."""
    whole = dict(row)
    if not _by_rules(whole["model"]):
        return whole
    if not whole["prompt"]:
        whole["prompt"] = context_text(whole["context"])
    if not whole["response"]:
        whole["response"] = rules_response(
            DecisionType(whole["decision_type"]),
            decision=whole["decision"],
            confidence=whole["confidence"],
            reasoning=whole["reasoning"],
            context=whole["context"],
        )
    return whole


def kept_open() -> ColumnElement[bool]:
    """Decisions that may go: without an outcome, and no open position rests on them."""
    rounds = select(POSITIONS.c.round_id).where(
        POSITIONS.c.exit_ns.is_(None), POSITIONS.c.round_id.is_not(None)
    )
    return and_(
        DECISIONS.c.outcome == Outcome.PENDING.value,
        or_(DECISIONS.c.round_id.is_(None), DECISIONS.c.round_id.not_in(rounds)),
    )


def idle() -> ColumnElement[bool]:
    """The rules' decisions that no order came of: HOLD, and what nobody acted on.

    A round led to an order when it was approved or an opinion was tied to it; one in which a model
    had a say is no idle one.
    """
    table, other = DECISIONS, DECISIONS.alias("other")
    acted = exists().where(
        other.c.round_id == table.c.round_id,
        or_(
            other.c.decision == "APPROVE",
            other.c.decision_type == DecisionType.SIGNAL.value,
            ~other.c.model.startswith(RULES_PREFIX),
        ),
    )
    return and_(
        kept_open(),
        table.c.model.startswith(RULES_PREFIX),
        table.c.prompt_tokens + table.c.completion_tokens == 0,
        table.c.cost_usd == Decimal(0),
        or_(table.c.round_id.is_(None), ~acted),
    )


def idle_counts() -> Select[Any]:
    return select(DECISIONS.c.symbol, func.count()).where(idle()).group_by(DECISIONS.c.symbol)


def oldest_idle(symbol: Symbol, most: int) -> Select[Any]:
    return (
        select(DECISIONS.c.id)
        .where(DECISIONS.c.symbol == symbol, idle())
        .order_by(DECISIONS.c.created_ns)
        .limit(most)
    )


def older(before_ns: int, most: int, which: ColumnElement[bool]) -> Select[Any]:
    return (
        select(DECISIONS.c.id)
        .where(DECISIONS.c.created_ns < before_ns, which)
        .order_by(DECISIONS.c.created_ns)
        .limit(most)
    )


def _row(decision: Decision) -> DecisionRow:
    row = DecisionRow(**asdict(decision))
    if decision.embedding_model == VERSION and decision.embedding is not None:
        sketch = sketched(decision.embedding)
        if sketch is not None:
            row = replace(row, sketch=sketch, embedding=None)
    if not _by_rules(row.model):
        return row
    if row.prompt == context_text(row.context):
        row = replace(row, prompt="")
    said = rules_response(
        row.decision_type,
        decision=row.decision,
        confidence=row.confidence,
        reasoning=row.reasoning,
        context=row.context,
    )
    return replace(row, response="") if row.response == said else row


def _by_rules(model: str) -> bool:
    return model.startswith(RULES_PREFIX)
