"""The matcher: silent on markets that only look alike, and not silent on the rest."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arbiter.model.errors import BadConfig
from arbiter.model.event_pairs import EventListing, Polarity
from arbiter.opportunities.matcher_settings import MatcherSettings
from arbiter.opportunities.pair_matcher import PairMatcher
from tests.unit.opportunities.event_listings import (
    KALSHI,
    POLYMARKET,
    hourly_market,
    listing,
    noon_market,
    read_by_hand,
)

ROOT = Path(__file__).parents[3]
DATA = Path(os.environ.get("ARBITER_DATA", ROOT.parent / "shared" / "data"))
SCAN = DATA / "pred_pairs_scan_poly_kalshi_20260701.parquet"
MATCHER = PairMatcher(MatcherSettings())
HAND_READ = read_by_hand()
DECEMBER = datetime(2025, 12, 10, 19, tzinfo=UTC)
FED_RULES = (
    "YES when the Federal Reserve's statement after its December 2025 meeting leaves the upper "
    "bound of the target range where it was."
)


def both(row: dict[str, Any], source: str | None = None) -> tuple[EventListing, EventListing]:
    return (
        noon_market(row["title_a"], row["event_a"], source),
        hourly_market(row["title_b"], row["ticker_b"], source),
    )


def fed(venue: Any, title: str, **more: Any) -> EventListing:
    values: dict[str, Any] = {"rules": FED_RULES, "resolution_source": "Federal Reserve"} | more
    return listing(venue, "fed", title, values.pop("rules"), closes=DECEMBER, **values)


SAME_FED = (
    fed(POLYMARKET, "No change in Fed interest rates after December 2025 meeting?"),
    fed(KALSHI, "Fed holds rates at the December 2025 meeting?"),
)


@pytest.mark.parametrize("row", HAND_READ, ids=lambda row: f"{row['event_a']}-{row['ticker_b']}")
def test_a_pair_read_by_hand_is_refused_for_what_the_reader_found(row: dict[str, Any]) -> None:
    verdict = MATCHER.compare(*both(row))
    assert row["verdict"] == "different"
    assert not verdict.matches
    found = {difference.partition(":")[0] for difference in verdict.differences}
    expected = {"strike" if name == "cent" else name for name in row["differs"]}
    assert found == expected, row["reason"]


@pytest.mark.parametrize("row", HAND_READ, ids=lambda row: f"{row['event_a']}-{row['ticker_b']}")
def test_a_common_source_does_not_hide_another_strike_day_or_hour(row: dict[str, Any]) -> None:
    found = {d.partition(":")[0] for d in MATCHER.compare(*both(row, "one index")).differences}
    expected = {"strike" if name == "cent" else name for name in row["differs"]} - {"source"}
    assert found == expected


def test_at_least_sixty_pairs_were_read_each_with_a_reason() -> None:
    assert len(HAND_READ) >= 60
    assert len({row["reason"] for row in HAND_READ}) == len(HAND_READ)


@pytest.mark.skipif(not SCAN.exists(), reason=f"no recording at {SCAN}; set ARBITER_DATA")
@pytest.mark.parametrize("source", [None, "one index"])
def test_nothing_of_the_whole_scan_is_proposed(source: str | None) -> None:
    """Every market of the recorded scan against every other, with the rules both series have."""
    import polars as pl

    scan = pl.read_parquet(SCAN)
    first = scan.select("title_a", "url_a").unique()
    second = scan.select("title_b", "url_b").unique()
    listings = [
        noon_market(title, url.rsplit("/", 1)[1], source) for title, url in first.iter_rows()
    ]
    listings += [
        hourly_market(title, url.rsplit("/", 1)[1], source) for title, url in second.iter_rows()
    ]
    assert len(listings) > 500
    assert MATCHER.proposals(listings) == []


def test_one_contract_on_two_venues_is_proposed() -> None:
    (proposal,) = MATCHER.proposals(
        [
            *(
                noon_market("Will the price of Bitcoin be above $62,000 on July 2?", "1", "index"),
                listing(
                    KALSHI,
                    "B",
                    "Bitcoin price on Jul 2, 2026?",
                    "YES when the index at 12:00 PM ET on July 2, 2026 is above $62,000.",
                    outcome="above $62,000",
                    resolution_source="index",
                    closes=datetime(2026, 7, 2, 16, tzinfo=UTC),
                ),
            ),
            hourly_market("Bitcoin price on Jul 2, 2026?", "KXBTCD-26JUL0217-T61999.99", "index"),
        ]
    )
    assert proposal.polarity is Polarity.SAME
    assert {proposal.first.venue, proposal.second.venue} == {POLYMARKET, KALSHI}


def test_a_lone_no_is_no_change_and_not_a_negation() -> None:
    verdict = MATCHER.compare(*SAME_FED)
    assert verdict.matches, verdict.differences
    assert verdict.polarity is Polarity.SAME


def above(venue: Any, title: str, rules: str, **more: Any) -> EventListing:
    return listing(venue, "cpi", title, rules, closes=DECEMBER, **more)


CPI_ABOVE = above(
    POLYMARKET,
    "Will CPI for November 2025 be above 3.0%?",
    "YES when the twelve-month CPI of the first release for November 2025 is above 3.0%.",
    resolution_source="BLS",
)


def test_at_most_here_is_the_complement_of_above_there() -> None:
    at_most = above(
        KALSHI,
        "CPI in November 2025 at most 3.0%?",
        "YES when the twelve-month CPI of the first release for November 2025 is at most 3.0%.",
        resolution_source="BLS",
    )
    verdict = MATCHER.compare(CPI_ABOVE, at_most)
    assert verdict.matches, verdict.differences
    assert verdict.polarity is Polarity.COMPLEMENT


def test_a_negation_turns_the_polarity() -> None:
    negated = above(
        KALSHI,
        "Will CPI for November 2025 not be above 3.0%?",
        "NO when the twelve-month CPI of the first release for November 2025 is above 3.0%.",
        resolution_source="BLS",
    )
    verdict = MATCHER.compare(CPI_ABOVE, negated)
    assert verdict.matches, verdict.differences
    assert verdict.polarity is Polarity.COMPLEMENT


BTC = "Will Bitcoin be above $100,000 on December 31, 2025?"
BTC_RULES = "YES when the index on December 31, 2025 at 5:00 PM ET is above $100,000 to the cent."


@pytest.mark.parametrize(
    ("title", "rules", "named"),
    [
        (
            "Will Bitcoin hit $100,000 by December 31, 2025?",
            "YES when the index at 5:00 PM ET touches $100,000 at any time by December 31, 2025.",
            "period",
        ),
        (
            "Will Bitcoin be between $100,000 and $105,000 on December 31, 2025?",
            "YES when the index at 5:00 PM ET is between $100,000 and $105,000 that day.",
            "strike",
        ),
        (
            "Will Bitcoin Cash be above $100,000 on December 31, 2025?",
            BTC_RULES,
            "words",
        ),
        ("Will Bitcoin be above €100,000 on December 31, 2025?", BTC_RULES, "strike"),
        ("Will Bitcoin be above $100,000 on December 31, 2026?", BTC_RULES, "date"),
        (BTC, "To be announced. The full resolution text of this market follows.", "rules"),
        (BTC, "", "rules"),
        (BTC, BTC_RULES.replace("5:00 PM", "4:00 PM"), "hour"),
        (BTC, BTC_RULES.replace("is above $100,000", "is above $110,000"), "strike"),
    ],
    ids=lambda text: text[:30],
)
def test_a_look_alike_is_refused(title: str, rules: str, named: str) -> None:
    first = listing(POLYMARKET, "b", BTC, BTC_RULES)
    verdict = MATCHER.compare(first, listing(KALSHI, "b", title, rules))
    assert named in {difference.partition(":")[0] for difference in verdict.differences}


WIN = "YES when the named team is the winner of the game, overtime included, as the league says."


@pytest.mark.parametrize(
    ("one", "other", "named"),
    [
        ("Will Russia invade Ukraine in 2026?", "Will Ukraine invade Russia in 2026?", "order"),
        ("Lakers beat Celtics on May 3?", "Celtics beat Lakers on May 3?", "order"),
        ("Lakers win on May 3?", "Celtics win on May 3?", "words"),
        ("Will Johnson win in 2026?", "Will Johnston win in 2026?", "words"),
        ("Will Smith win in Game 6?", "Will Smith win in Game 7?", "figures"),
        ("Fed cut of 25 bps in December 2025?", "Fed cut of 50 bps in December 2025?", "figures"),
        ("Will Smith win in 2026?", "Will another win in 2026?", "outcome"),
    ],
)
def test_another_party_or_figure_is_another_contract(one: str, other: str, named: str) -> None:
    verdict = MATCHER.compare(listing(POLYMARKET, "x", one, WIN), listing(KALSHI, "x", other, WIN))
    assert named in {difference.partition(":")[0] for difference in verdict.differences}


def test_basis_points_and_percent_are_one_figure() -> None:
    rules = "YES when the statement after the December 2025 meeting cuts the range by this much."
    verdict = MATCHER.compare(
        fed(POLYMARKET, "Fed cut of 25 bps in December 2025?", rules=rules),
        fed(KALSHI, "Fed cuts rates by 0.25% in December 2025?", rules=rules),
    )
    assert verdict.matches, verdict.differences


def changed(base: EventListing, **changes: Any) -> EventListing:
    return msgspec.structs.replace(base, **changes)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"resolution_source": ""}, "source"),
        ({"resolution_source": "Reuters poll"}, "source"),
        ({"outcomes": 5}, "outcomes"),
        ({"category": "sports"}, "category"),
        ({"closes_ns": SAME_FED[1].closes_ns + 8 * 86_400 * 10**9}, "expiry"),
        ({"simulated": True}, "simulated"),
        ({"outcome": "Other"}, "outcome"),
        ({"venue": POLYMARKET}, "venue"),
    ],
)
def test_formal_differences_fail_closed(changes: dict[str, Any], named: str) -> None:
    first = changed(SAME_FED[0], category="economics")
    second = changed(changed(SAME_FED[1], category="economics"), **changes)
    found = {d.partition(":")[0] for d in MATCHER.compare(first, second).differences}
    assert named in found


def test_a_station_more_is_another_station() -> None:
    rules = "YES when the highest temperature on March 3, 2026 is 60°F or above at the station."
    title = "Highest temperature in New York on March 3, 2026 60°F or above?"
    first = listing(POLYMARKET, "t", title, rules, resolution_source="NWS LaGuardia")
    second = listing(KALSHI, "t", title, rules, resolution_source="NWS Central Park")
    (difference,) = MATCHER.compare(first, second).differences
    assert difference.startswith("source")


def test_void_rules_triggers_and_augmented_events_are_left_to_a_person() -> None:
    first = changed(SAME_FED[0], void_rule="resolves to NO", augmented=True)
    second = changed(
        SAME_FED[1],
        void_rule="a fair price",
        rules=FED_RULES + " An announcement made earlier counts as soon as it is announced.",
    )
    verdict = MATCHER.compare(first, second)
    second_words = {warning.partition(":")[0] for warning in verdict.warnings}
    assert {"void", "augmented", "trigger"} <= second_words


def test_a_market_that_fits_two_of_one_venue_is_in_no_proposal() -> None:
    assert len(MATCHER.proposals(SAME_FED)) == 1
    twin = changed(SAME_FED[1], instrument=f"{SAME_FED[1].instrument}-2")
    assert MATCHER.proposals([*SAME_FED, twin]) == []


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(BadConfig, match="min_score"):
        MatcherSettings(min_score=1.5)


@pytest.mark.parametrize("days", [-0.5, float("nan")])
def test_no_setting_lets_markets_of_any_two_days_pass(days: float) -> None:
    with pytest.raises(BadConfig, match="max_expiry_days"):
        MatcherSettings(max_expiry_days=days)


class Level(msgspec.Struct, frozen=True):
    """A made-up market on a level: all that its contract consists of."""

    coin: str
    strike: int
    words: str
    day: int
    hour: int

    def on(self, venue: Any, how: int) -> EventListing:
        when = f"March {self.day}, 2026 at {self.hour:02d}:00 UTC"
        told = f"{self.words} ${self.strike:,}"
        titles = (f"Will {self.coin} be {told} on {when}?", f"{self.coin} on {when}?")
        return listing(
            venue,
            f"{self.coin}-{how}",
            titles[how],
            f"YES when the reference rate of {self.coin} on {when} is {told} in US dollars.",
            outcome="" if how == 0 else told,
            closes=datetime(2026, 3, self.day, self.hour, tzinfo=UTC),
        )


levels = st.builds(
    Level,
    coin=st.sampled_from(["Bitcoin", "Bitcoin Cash", "Ethereum"]),
    strike=st.sampled_from([60_000, 60_100, 6_000, 61_000]),
    words=st.sampled_from(["above", "at least", "below", "at most"]),
    day=st.integers(1, 4),
    hour=st.sampled_from([0, 9, 12, 21]),
)
OPPOSITE = {"above": "at most", "at most": "above", "below": "at least", "at least": "below"}


@given(levels, levels)
def test_two_levels_are_proposed_when_all_of_them_agrees_and_never_else(
    one: Level, other: Level
) -> None:
    verdict = MATCHER.compare(one.on(POLYMARKET, 0), other.on(KALSHI, 1))
    opposite = msgspec.structs.replace(other, words=OPPOSITE[other.words])
    assert verdict.matches is (one in {other, opposite})
    if one == opposite:
        assert verdict.polarity is Polarity.COMPLEMENT


@given(levels)
def test_a_level_is_its_own_pair_in_either_wording(level: Level) -> None:
    assert MATCHER.compare(level.on(POLYMARKET, 0), level.on(KALSHI, 1)).matches
    assert MATCHER.compare(level.on(POLYMARKET, 1), level.on(KALSHI, 0)).matches


# What one word turns


SMITH = "YES when the person named above leaves the office, as told by the source at that time."


def differences(one: str, other: str) -> set[str]:
    verdict = MATCHER.compare(
        listing(POLYMARKET, "s", one, SMITH), listing(KALSHI, "s", other, SMITH)
    )
    return {difference.partition(":")[0] for difference in verdict.differences}


@pytest.mark.parametrize(
    ("one", "other", "named"),
    [
        ("Smith resigns after March 1, 2026?", "Smith resigns by March 1, 2026?", "period"),
        ("Smith resigns after March 1, 2026?", "Smith resigns March 1, 2026?", "period"),
        # That very day is too late for one of them.
        ("Smith resigns before March 1, 2026?", "Smith resigns by March 1, 2026?", "period"),
        (
            "Smith resigns on or before March 1, 2026?",
            "Smith resigns before March 1, 2026?",
            "period",
        ),
        (
            "Smith resigns on or after March 1, 2026?",
            "Smith resigns after March 1, 2026?",
            "period",
        ),
        ("Smith resigns by March 1, 2026?", "Smith resigns on March 1, 2026?", "period"),
        ("Smith resigns after Jones in 2026?", "Smith resigns before Jones in 2026?", "words"),
        ("Bitcoin above $90,000 in March 2026?", "Bitcoin hits above $90,000 in March 2026?", "period"),
        (
            "Smith resigns on March 1, 2026?",
            "Smith resigns on March 1, 2026 or on March 2, 2026?",
            "date",
        ),
        ("Bitcoin above $90 on March 1, 2026?", "Bitcoin at most 90% on March 1, 2026?", "strike"),
        ("Above $90,000 on March 1, 2026?", "Above $90,000 on March 1, 2026?", "words"),
    ],
)  # fmt: skip
def test_one_word_makes_another_contract(one: str, other: str, named: str) -> None:
    assert differences(one, other) == differences(other, one) == {named}


def test_the_same_deadline_in_the_same_words_is_one_contract() -> None:
    for when in ("by March 1, 2026", "before March 1, 2026", "after March 1, 2026", "in 2026"):
        title = f"Will Smith resign {when}?"
        assert differences(title, title) == set()


def test_a_complement_that_is_negated_is_the_same_contract_again() -> None:
    not_at_most = above(
        KALSHI,
        "Will CPI for November 2025 not be at most 3.0%?",
        "NO when the twelve-month CPI of the first release for November 2025 is at most 3.0%.",
        resolution_source="BLS",
    )
    verdict = MATCHER.compare(CPI_ABOVE, not_at_most)
    assert "strike" not in {difference.partition(":")[0] for difference in verdict.differences}
    assert verdict.polarity is Polarity.SAME


def test_markets_that_recur_unlike_are_not_one() -> None:
    hourly = changed(SAME_FED[1], recurs_ns=3_600 * 10**9)
    assert {d.partition(":")[0] for d in MATCHER.compare(SAME_FED[0], hourly).differences} == {
        "rounds"
    }


def test_ends_just_a_week_apart_may_still_be_one_event() -> None:
    week = 7 * 86_400 * 10**9
    for apart, matches in ((week, True), (week + 1, False)):
        later = changed(SAME_FED[1], closes_ns=SAME_FED[0].closes_ns + apart)
        assert MATCHER.compare(SAME_FED[0], later).matches is matches


# What a person is told before approving


def warned(**changes: Any) -> set[str]:
    verdict = MATCHER.compare(SAME_FED[0], changed(SAME_FED[1], **changes))
    assert verdict.matches, verdict.differences
    return {warning.partition(":")[0] for warning in verdict.warnings}


def test_two_listings_that_say_the_same_need_no_word() -> None:
    assert warned() == set()
    assert warned(rules=f"{FED_RULES} Otherwise this market resolves to No.") == set()


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"resolution_source": "Federal Reserve press office"}, "source"),
        ({"payout_ns": SAME_FED[0].payout_ns + 13 * 3_600 * 10**9}, "payout"),
        ({"rules": FED_RULES.replace("leaves", "does not leave")}, "negation"),
        ({"rules": f"{FED_RULES} A range reached at any time counts."}, "period"),
        ({"rules": FED_RULES.replace("2025", "2026")}, "date"),
        ({"augmented": True}, "augmented"),
    ],
)
def test_what_the_matcher_cannot_settle_is_put_before_the_person(
    changes: dict[str, Any], named: str
) -> None:
    assert warned(**changes) == {named}


def test_titles_without_a_date_are_warned_of_unless_the_market_recurs() -> None:
    title = "Fed holds rates at its meeting?"
    pair = [changed(one, title=title) for one in SAME_FED]
    assert any(told.startswith("date: neither") for told in MATCHER.compare(*pair).warnings)
    recurring = [changed(one, recurs_ns=1) for one in pair]
    assert MATCHER.compare(recurring[0], recurring[1]).warnings == ()
