"""What is written down of two listings that a person is asked about."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from arbiter.model.event_pairs import EventListing, EventPair, Polarity, Review
from arbiter.model.ids import Actor
from arbiter.model.time import NS_PER_DAY
from arbiter.opportunities.pair_entry import by_hand, enter, same_question
from tests.unit.books.listings import T0
from tests.unit.opportunities.event_listings import KALSHI, POLYMARKET, listing

ANN = Actor("user:ann")
TITLE = "Will CPI for November 2025 be above 3.0%?"
RULES = "YES when the twelve-month CPI of the first release for November 2025 is above 3.0%."
OTHER_RULES = RULES.replace("first release", "revised release")
OPPOSITE = RULES.replace("above", "at most")


def told(venue: Any, **changes: Any) -> EventListing:
    rules = changes.pop("rules", RULES)
    return listing(venue, "cpi", changes.pop("title", TITLE), rules, **changes)


def entered(
    first: EventListing, second: EventListing, polarity: Polarity = Polarity.SAME
) -> EventPair:
    return enter(by_hand(first, second, polarity), Decimal(500), ANN, T0)


def test_a_pair_trades_while_both_markets_do_and_pays_when_the_later_has() -> None:
    first = told(POLYMARKET, opens_ns=5, closes_ns=T0 + 3, payout_ns=T0 + 10 * NS_PER_DAY)
    second = told(KALSHI, opens_ns=9, closes_ns=T0 + 7, payout_ns=T0 + 2 * NS_PER_DAY)
    for pair in (entered(first, second), entered(second, first)):
        assert (pair.opens_ns, pair.closes_ns) == (9, T0 + 3)
        assert pair.payout_ns == T0 + 10 * NS_PER_DAY
    assert pair.state is Review.PROPOSED
    assert pair.cap_usd == 500


@pytest.mark.parametrize(("one", "other", "recurs"), [(60, 60, 60), (60, 30, 0), (60, 0, 0)])
def test_only_markets_of_the_same_rounds_recur_as_a_pair(one: int, other: int, recurs: int) -> None:
    pair = entered(told(POLYMARKET, recurs_ns=one), told(KALSHI, recurs_ns=other))
    assert pair.recurs_ns == recurs


def test_a_pair_of_a_built_in_and_a_real_market_is_no_built_in_one() -> None:
    for built_in in (True, False):
        first, second = told(POLYMARKET, simulated=built_in), told(KALSHI, simulated=True)
        assert entered(first, second).simulated is built_in


def test_a_person_is_told_when_the_texts_read_the_other_way_round() -> None:
    at_most = told(KALSHI, title=TITLE.replace("above", "at most"), rules=OPPOSITE)
    wrong = entered(told(POLYMARKET), at_most, Polarity.SAME)
    assert wrong.polarity is Polarity.SAME
    assert "polarity: the texts read as complement" in wrong.warnings
    right = entered(told(POLYMARKET), at_most, Polarity.COMPLEMENT)
    assert right.polarity is Polarity.COMPLEMENT
    assert not any(told.startswith("polarity") for told in right.warnings)


def test_what_speaks_against_a_pair_named_by_hand_must_be_acknowledged() -> None:
    other = told(KALSHI, title=TITLE.replace("3.0%", "3.5%"), rules=RULES.replace("3.0%", "3.5%"))
    warnings = entered(told(POLYMARKET), other).warnings
    assert any(told.startswith("strike: ") for told in warnings)


def test_a_decided_question_is_asked_again_only_when_a_text_has_changed() -> None:
    known = entered(told(POLYMARKET), told(KALSHI))
    again = entered(told(KALSHI), told(POLYMARKET))
    changed = entered(told(POLYMARKET), told(KALSHI, rules=OTHER_RULES))
    rejected = msgspec.structs.replace(known, state=Review.REJECTED)
    assert same_question(again, rejected)
    assert not same_question(changed, rejected)
    approved = msgspec.structs.replace(
        known, state=Review.APPROVED, approved_by=ANN, approved_ns=T0
    )
    # An approved pair whose text changed is suspended, and not asked about beside itself.
    assert same_question(changed, approved)
    elsewhere = entered(told(POLYMARKET), listing(KALSHI, "cpi-2", TITLE, RULES))
    assert not same_question(elsewhere, rejected)
