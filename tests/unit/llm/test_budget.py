"""The day's budget, while several questions are under way together."""

from decimal import Decimal

from arbiter.llm.budget import DailyBudget
from arbiter.model.time import NS_PER_DAY

FREE = Decimal(0)


def budget(tokens: int = 100, usd: str = "1") -> DailyBudget:
    return DailyBudget(tokens=tokens, cost_usd=Decimal(usd), now_ns=0)


def test_questions_under_way_together_cannot_overspend_tokens() -> None:
    day = budget()
    assert day.hold(60, FREE, 0) is None
    assert "token budget" in (day.hold(41, FREE, 0) or "")
    assert day.hold(40, FREE, 0) is None
    assert day.hold(1, FREE, 0) is not None


def test_questions_under_way_together_cannot_overspend_dollars() -> None:
    day = budget()
    assert day.hold(1, Decimal("0.6"), 0) is None
    assert "cost budget" in (day.hold(1, Decimal("0.41"), 0) or "")
    assert day.hold(1, Decimal("0.4"), 0) is None


def test_what_a_question_did_not_cost_is_there_for_the_next() -> None:
    day = budget()
    assert day.hold(100, Decimal(1), 0) is None
    day.settle(100, Decimal(1), 10, Decimal("0.1"))
    assert (day.tokens, day.cost_usd) == (10, Decimal("0.1"))
    assert day.hold(91, FREE, 0) is not None
    assert day.hold(90, Decimal("0.9"), 0) is None


def test_what_was_spent_is_yesterdays_and_what_is_under_way_is_not() -> None:
    day = budget()
    assert day.hold(50, FREE, 0) is None
    day.settle(50, FREE, 50, FREE)
    assert day.hold(50, FREE, 0) is None
    assert day.hold(51, FREE, NS_PER_DAY) is not None
    assert day.hold(50, FREE, NS_PER_DAY) is None
