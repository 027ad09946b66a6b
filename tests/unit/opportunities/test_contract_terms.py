"""What a market's words say in numbers: one text, one reading."""

from decimal import Decimal

import pytest

from arbiter.opportunities.contract_terms import Day, Hour, Range, Span, Terms, terms_of

D = Decimal


def the_range(text: str) -> Range:
    (found,) = terms_of(text).ranges
    return found


def the_hour(text: str) -> Hour:
    (found,) = terms_of(text).hours
    return found


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("above $100,000", "(100000, inf) usd"),
        ("more than 5%", "(5, inf) percent"),
        ("at least $100k", "[100000, inf) usd"),
        ("reaches $1.5m", "[1500000, inf) usd"),
        ("$2bn or more", "[2000000000, inf) usd"),
        ("over $2b", "(2000000000, inf) usd"),
        ("over $2 billion", "(2000000000, inf) usd"),
        ("60°F or above", "[60, inf) degf"),
        ("250+ seats", "[250, inf)"),
        ("below -5°F", "(-inf, -5) degf"),
        ("below 5°F", "(-inf, 5) degf"),
        ("at most 3.0%", "(-inf, 3] percent"),
        ("3.0% or lower", "(-inf, 3] percent"),
        ("lower than 3.0%", "(-inf, 3) percent"),
        ("no lower than 3.0%", "[3, inf) percent"),
        ("under €3", "(-inf, 3) €"),
        ("exactly 4%", "[4, 4] percent"),
        ("between $70,000 and $72,000", "[70000, 72000] usd"),
        ("70-75°F", "[70, 75] degf"),
        ("$72k to $70k", "[70000, 72000] usd"),
    ],
)
def test_a_bound_is_read_with_its_side_unit_and_scale(text: str, read: str) -> None:
    assert str(the_range(f"Will it be {text}?")) == read


@pytest.mark.parametrize(
    ("one", "other", "complement"),
    [
        ("above $5", "at most $5", True),
        ("at least $5", "below $5", True),
        ("above $5", "below $5", False),  # 5 itself is in neither
        ("at least $5", "at most $5", False),  # … or in both
        ("above $5", "at most $6", False),
        ("above $5", "at most 5%", False),
        ("above $5", "above $5", False),
        ("between $5 and $6", "at most $5", False),
    ],
)
def test_complements_share_out_all_values(one: str, other: str, complement: bool) -> None:
    first, second = the_range(f"It is {one}"), the_range(f"It is {other}")
    assert first.complements(second) is complement
    assert second.complements(first) is complement


@pytest.mark.parametrize(
    ("text", "minutes", "zone"),
    [
        ("at 5:30 PM ET", 17 * 60 + 30, "et"),
        ("at 5 pm EDT", 17 * 60, "et"),
        ("at 12:00 PM UTC", 720, "utc"),
        ("at 12 am GMT", 0, "utc"),
        ("at noon Eastern Time", 720, "et"),
        ("at midnight", 0, ""),
        ("at 17:05 CST", 17 * 60 + 5, "ct"),
    ],
)
def test_a_clock_is_read_with_its_zone(text: str, minutes: int, zone: str) -> None:
    assert the_hour(f"The price {text} counts") == Hour(minutes, zone)


def test_hours_agree_unless_their_clocks_or_told_zones_differ() -> None:
    assert Hour(60, "et").agrees(Hour(60, "et"))
    assert Hour(60, "et").agrees(Hour(60, ""))
    assert not Hour(60, "et").agrees(Hour(60, "utc"))
    assert not Hour(60, "et").agrees(Hour(61, "et"))


def test_days_agree_unless_a_part_that_both_tell_differs() -> None:
    assert Day(2026, 3, 1).agrees(Day(None, 3, 1))
    assert Day(2026, 3).agrees(Day(2026, 3, 1))
    for other in (Day(2027, 3, 1), Day(2026, 4, 1), Day(2026, 3, 2)):
        assert not Day(2026, 3, 1).agrees(other)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("on 2026-03-01", Day(2026, 3, 1)),
        ("on March 1st, 2026", Day(2026, 3, 1)),
        ("on 1 Mar 2026", Day(2026, 3, 1)),
        ("in December 2026", Day(2026, 12)),
        ("in 2026", Day(2026)),
        ("on Sept. 9", Day(None, 9, 9)),
    ],
)
def test_a_date_is_read_as_far_as_it_is_told(text: str, day: Day) -> None:
    assert terms_of(f"Will Smith win {text}?").days == {day}


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("by March 1, 2026", Span.BY),
        ("until March 1, 2026", Span.BY),
        ("before March 1, 2026", Span.BEFORE),
        ("before the end of 2026", Span.BEFORE),
        ("on or before March 1, 2026", Span.BY),
        ("before or on March 1, 2026", Span.BY),
        ("no later than March 1, 2026", Span.BY),
        ("on or after March 1, 2026", Span.FROM),
        ("no earlier than March 1, 2026", Span.FROM),
        ("after March 1, 2026", Span.AFTER),
        ("after the March 2026 meeting", Span.ON),
        ("by the end of 2026", Span.BY),
        ("on March 1, 2026", Span.ON),
        ("as of March 1, 2026", Span.ON),
        ("in 2026", Span.DURING),
        ("during March 2026", Span.DURING),
    ],
)
def test_a_date_is_a_deadline_a_moment_or_a_period(text: str, span: Span) -> None:
    assert terms_of(f"Will Smith win {text}?").spans == {span}


@pytest.mark.parametrize(
    ("text", "negated"),
    [
        ("Will Smith win?", False),
        ("Will Smith not win?", True),
        ("Smith won't win?", True),
        ("Will Smith never not win?", False),
        ("No change in Fed rates?", False),
        ("Rates no lower than 3%?", False),  # a bound and not a negation
    ],
)
def test_two_negations_are_none(text: str, negated: bool) -> None:
    assert terms_of(text).negated is negated


@pytest.mark.parametrize(
    ("text", "figure"),
    [
        ("cut of 25 bps", (D("0.25"), "percent")),
        ("cut of 0.25%", (D("0.25"), "percent")),
        ("a debt of $1.5 trillion", (D(1_500_000_000_000), "usd")),
        ("a prize of £3 thousand", (D(3_000), "£")),
        ("a spread of -3.5 points", (D("-3.5"), "point")),
        ("Game 7", (D(7), "")),
    ],
)
def test_a_figure_is_read_with_its_unit_scale_and_sign(
    text: str, figure: tuple[Decimal, str]
) -> None:
    assert terms_of(text).figures == {figure}


def test_names_and_matter_are_what_is_left() -> None:
    told = terms_of("Will the United States' Federal Reserve cut by 25 bps by March 18, 2026?")
    assert told == Terms(
        figures=frozenset({(D("0.25"), "percent")}),
        days=frozenset({Day(2026, 3, 18)}),
        spans=frozenset({Span.BY}),
        words=("us", "fed", "cut"),
        names=("us", "fed"),
    )


@pytest.mark.parametrize("word", ["before", "after"])
def test_what_comes_before_or_after_another_event_is_matter(word: str) -> None:
    assert terms_of(f"Will Smith resign {word} Jones?").words == ("smith", "resign", word, "jones")
    assert terms_of(f"Will Smith resign {word} 2027?").words == ("smith", "resign")
