"""What a subscription should hold, by what its leader did."""

from decimal import Decimal
from uuid import UUID

from arbiter.copying.keys import keyed
from arbiter.copying.opening import opening
from arbiter.copying.targets import Lot, Target, held_key, target
from arbiter.model.copying import (
    CopySubscription,
    LeaderAction,
    LeaderHolding,
    LeaderKind,
    Outcome,
    Pause,
    SubscriptionId,
)
from arbiter.model.ids import VenueId
from arbiter.model.money import ZERO
from tests.fakes.leader_tape import WALLET
from tests.unit.copying.follower import CREATED_NS, SUBSCRIPTION, subscription

YES, NO, BOTH = Outcome.YES, Outcome.NO, Outcome.BOTH


def act(
    kind: LeaderKind,
    size: str,
    price: str = "0",
    outcome: Outcome = YES,
    *,
    at: int = 1,
    decision: str = "",
    start: str | None = None,
) -> LeaderAction:
    """One act, `at` nanoseconds after the subscription began."""
    return LeaderAction(
        venue=VenueId("polymarket"),
        wallet=WALLET,
        key=f"{at}:{kind}:{outcome}:{size}:{price}:{decision}",
        kind=kind,
        market="m",
        outcome=outcome,
        size=Decimal(size),
        price=Decimal(price),
        decision=decision,
        start=None if start is None else Decimal(start),
        at_ns=CREATED_NS + at,
    )


def size(row: CopySubscription, *acts: LeaderAction) -> Decimal:
    return target(row, acts).size


def test_a_buy_is_scaled_by_the_multiplier() -> None:
    assert size(subscription(multiplier=Decimal("0.5")), act(LeaderKind.BUY, "100", "0.4")) == 50


def test_contracts_of_no_count_against_those_of_yes() -> None:
    bought = (act(LeaderKind.BUY, "100", "0.4"), act(LeaderKind.BUY, "30", "0.5", NO, at=2))
    assert size(subscription(), *bought) == 70
    assert size(subscription(), bought[1]) == -30


def test_an_exit_is_pro_rata_of_what_the_leader_held() -> None:
    row = subscription(max_position_size=Decimal(10))
    bought = act(LeaderKind.BUY, "100", "0.5")
    assert size(row, bought) == 20  # 10 USD at 0.5
    assert size(row, bought, act(LeaderKind.SELL, "25", "0.6", at=2)) == 15
    assert size(row, bought, act(LeaderKind.SELL, "100", "0.6", at=2)) == 0


def test_what_the_leader_held_before_counts_for_his_exits() -> None:
    row = subscription()
    before = held_before(row, "100")
    bought = act(LeaderKind.BUY, "50", "0.5")
    sold = act(LeaderKind.SELL, "75", "0.5", at=2)
    assert size(row, before, bought) == 50
    assert size(row, before, bought, sold) == 25


def held_before(row: CopySubscription, held: str) -> LeaderAction:
    (found,) = opening(row, [LeaderHolding(market="m", size=Decimal(held))], [])
    return found


def test_what_another_subscription_knew_of_the_beginning_is_not_ours() -> None:
    other = subscription(id=SubscriptionId(UUID(int=8)))
    sold = act(LeaderKind.SELL, "50", "0.5", at=2)
    bought = act(LeaderKind.BUY, "50", "0.5")
    assert size(subscription(), held_before(other, "100"), bought, sold) == 0


def test_the_opening_is_reckoned_back_from_what_is_held_now() -> None:
    row = subscription()
    acts = [
        act(LeaderKind.BUY, "40", "0.5"),
        act(LeaderKind.SELL, "10", "0.5", at=2),
        act(LeaderKind.SPLIT, "5", outcome=BOTH, at=3),
    ]
    held = opening(row, [LeaderHolding(market="m", size=Decimal(100))], acts)
    assert [(found.key, found.size) for found in held] == [
        (held_key(SUBSCRIPTION, "m", YES), Decimal(65))
    ]
    before = [act(LeaderKind.BUY, "30", "0.5", at=-1), act(LeaderKind.SELL, "7", "0.5", at=-2)]
    assert opening(row, [LeaderHolding(market="m", size=Decimal(100))], [*before, *acts]) == held
    redeemed = [*acts, act(LeaderKind.REDEEM, "0", outcome=BOTH, at=4)]
    assert opening(row, [LeaderHolding(market="m", size=Decimal(100))], redeemed) == ()


def test_a_cap_holds_for_all_fills_of_one_decision_and_anew_for_the_next() -> None:
    row = subscription(max_position_size=Decimal(10))
    fills = [act(LeaderKind.BUY, "15", "0.5", at=n, decision="t1") for n in (1, 2, 3)]
    assert size(row, *fills) == 20
    assert size(row, *fills, act(LeaderKind.BUY, "15", "0.5", at=9, decision="t2")) == 35


def test_merging_takes_from_both_outcomes_and_splitting_adds_to_both() -> None:
    row = subscription()
    split = act(LeaderKind.SPLIT, "50", outcome=BOTH)
    assert size(row, split) == 0
    sold = act(LeaderKind.SELL, "50", "0.4", NO, at=2)
    assert size(row, split, sold) == 50
    merged = act(LeaderKind.MERGE, "20", outcome=BOTH, at=3)
    assert size(row, split, act(LeaderKind.BUY, "10", "0.4", at=2), merged) == 10


def test_a_redemption_leaves_nothing_and_says_so() -> None:
    acts = (
        act(LeaderKind.BUY, "100", "0.4"),
        act(LeaderKind.BUY, "30", "0.5", NO, at=2),
        act(LeaderKind.REDEEM, "100", outcome=BOTH, at=3),
    )
    found = target(subscription(), acts)
    assert (found.size, found.redeemed) == (ZERO, True)


def test_a_perpetual_may_be_sold_short_and_flipped() -> None:
    row = subscription(multiplier=Decimal(2))
    opened = act(LeaderKind.SELL, "3", "100", start="0")
    flipped = act(LeaderKind.BUY, "5", "100", at=2, start="-3")
    assert size(row, opened) == -6
    assert size(row, opened, flipped) == 4


def test_a_perpetual_held_before_is_known_from_the_fills_themselves() -> None:
    bought = act(LeaderKind.BUY, "50", "10", start="100")
    sold = act(LeaderKind.SELL, "75", "10", at=2, start="150")
    assert size(subscription(), bought, sold) == 25


def test_selling_what_we_never_saw_bought_opens_nothing() -> None:
    assert size(subscription(), act(LeaderKind.SELL, "100", "0.4")) == 0


def test_acts_from_before_the_subscription_are_not_copied() -> None:
    assert size(subscription(), act(LeaderKind.BUY, "100", "0.4", at=-1)) == 0


def test_acts_from_before_the_subscription_do_not_count_beside_what_was_held_then() -> None:
    row = subscription()
    early, before = act(LeaderKind.BUY, "100", "0.4", at=-1), held_before(row, "100")
    bought = act(LeaderKind.BUY, "100", "0.5")
    sold = act(LeaderKind.SELL, "100", "0.5", at=2)
    assert size(row, early, before, bought, sold) == 50, "he sold half of 200"
    assert size(row, act(LeaderKind.SELL, "60", "0.4", at=-1), before, bought, sold) == 50


def test_what_was_opened_while_disabled_is_never_copied_and_exits_still_are() -> None:
    pause = Pause(CREATED_NS + 10, CREATED_NS + 20)
    row = subscription(pauses=(pause,))
    first = act(LeaderKind.BUY, "100", "0.5")
    missed = act(LeaderKind.BUY, "100", "0.5", at=15)
    assert size(row, first, missed) == 100
    assert size(row, first, missed, act(LeaderKind.SELL, "100", "0.5", at=16)) == 50
    assert size(row, first, missed, act(LeaderKind.BUY, "10", "0.5", at=20)) == 110


def test_the_leaders_price_of_what_is_missing_is_that_of_the_newest_lots() -> None:
    found = Target(
        market="m",
        size=Decimal(30),
        lots=(Lot(Decimal(20), Decimal("0.2")), Lot(Decimal(10), Decimal("0.5"))),
    )
    assert found.price_of(Decimal(10)) == Decimal("0.5")
    assert found.price_of(Decimal(20)) == Decimal("0.35")
    assert Target(market="m").price_of(Decimal(1)) is None


def test_prices_of_no_are_told_in_terms_of_yes() -> None:
    found = target(subscription(), [act(LeaderKind.BUY, "10", "0.3", NO)])
    assert found.lots == (Lot(Decimal(10), Decimal("0.7")),)


def test_exits_shrink_every_lot_alike() -> None:
    acts = (
        act(LeaderKind.BUY, "10", "0.2"),
        act(LeaderKind.BUY, "10", "0.4", at=2),
        act(LeaderKind.SELL, "10", "0.5", at=3),
    )
    assert target(subscription(), acts).lots == (
        Lot(Decimal(5), Decimal("0.2")),
        Lot(Decimal(5), Decimal("0.4")),
    )


def test_acts_of_one_moment_add_before_they_take_away() -> None:
    sold = act(LeaderKind.SELL, "10", "0.5")
    bought = act(LeaderKind.BUY, "10", "0.5")
    assert size(subscription(), sold, bought) == ZERO
    assert size(subscription(), bought, sold) == ZERO


def test_alike_rows_of_an_answer_are_numbered() -> None:
    assert keyed(["a", "b", "a", "a"]) == ["a", "b", "a#2", "a#3"]
