"""What is too small to trade is folded away, and nothing of it is lost."""

from typing import Any

from arbiter.api.desk.web.holdings import leftovers, leftovers_count, worth_trading


def row(name: str, *, dust: bool) -> dict[str, Any]:
    return {"position_id": name, "dust": dust}


def test_every_position_is_shown_in_one_place() -> None:
    rows = [row("a", dust=False), row("b", dust=True), row("c", dust=True)]
    assert worth_trading(rows) == rows[:1]
    assert leftovers(rows) == rows[1:]
    assert '<data value="2">' in leftovers_count(rows)


def test_without_leftovers_the_fold_says_so() -> None:
    assert leftovers_count([row("a", dust=False)]) == "No leftovers too small to trade"
