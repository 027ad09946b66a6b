"""Whatever way a leader's history reaches us, we end where he is, scaled, and copy nothing twice."""

import os
import random
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arbiter.model.copying import Wallet
from arbiter.model.money import ZERO, floor_to
from tests.fakes import leader_tape
from tests.fakes.leader_tape import Row
from tests.unit.copying.follower import Follower, subscription

DATA = Path(os.environ.get("ARBITER_DATA", Path(__file__).parents[4] / "shared" / "data"))
WALLETS_TAPE = DATA / "pred_polymarket_wallet_activity_2026.parquet"


def by_transaction(rows: list[Row]) -> list[list[Row]]:
    """Rows of one transaction stay together, as in any answer that holds all of them."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row["transactionHash"], []).append(row)
    return list(groups.values())


def answers(rows: list[Row], draw: random.Random) -> list[list[Row]]:
    """Shuffle, repeat and cut a history; every transaction is in one answer at least."""
    groups = by_transaction(rows)
    told = groups + draw.choices(groups, k=len(groups)) if groups else []
    draw.shuffle(told)
    cut: list[list[list[Row]]] = []
    while told:
        size = draw.randrange(1, 9)
        cut.append(told[:size])
        told = told[size:]
    whole: list[list[Row]] = []
    for some in cut:
        once = {group[0]["transactionHash"]: group for group in some}
        page = [row for group in once.values() for row in group]
        draw.shuffle(page)
        whole.append(page)
    return whole


@settings(max_examples=40)
@given(seed=st.integers(0, 10**6), chance=st.integers(0, 10**6))
def test_any_order_any_repeats_end_at_the_leaders_position(seed: int, chance: int) -> None:
    rows = leader_tape.tape(seed)
    draw = random.Random(chance)
    follower = Follower()
    for page in answers(rows, draw):
        follower.hear(page)
        if draw.random() < 0.2:
            follower.restart()
    assert follower.position() == leader_tape.position(rows)


@settings(max_examples=40)
@given(seed=st.integers(0, 10**6), multiplier=st.sampled_from(["0.1", "0.37", "1", "2.5"]))
def test_the_target_is_the_leaders_position_times_the_multiplier(
    seed: int, multiplier: str
) -> None:
    rows = leader_tape.tape(seed)
    scale = Decimal(multiplier)
    follower = Follower(subscription(multiplier=scale), lot="0.01")
    for row in by_transaction(rows):
        follower.hear(row)
    leaders = leader_tape.position(rows)
    for name, target in follower.targets().items():
        assert abs(target.size - leaders.get(name, ZERO) * scale) < Decimal("1e-12")
        held = follower.held.get(name, ZERO)
        assert abs(held) in _rounded(abs(target.size))


def _rounded(size: Decimal) -> set[Decimal]:
    """A size on the lot, and what it may be where the division before it was rounded."""
    dust = Decimal("1e-12")
    return {floor_to(max(size + by, ZERO), Decimal("0.01")) for by in (-dust, ZERO, dust)}


@settings(max_examples=40)
@given(seed=st.integers(0, 10**6), chance=st.integers(0, 10**6))
def test_hearing_everything_again_orders_nothing(seed: int, chance: int) -> None:
    rows = leader_tape.tape(seed)
    draw = random.Random(chance)
    follower = Follower()
    follower.hear(rows)
    before = follower.orders, follower.position()
    follower.restart()
    for page in answers(rows, draw):
        follower.hear(page)
    follower.hear(rows)
    assert (follower.orders, follower.position()) == before


@settings(max_examples=40)
@given(seed=st.integers(0, 10**6), chance=st.integers(0, 10**6), cuts=st.integers(2, 40))
def test_alike_fills_parted_by_pages_are_counted_once_a_look_has_them_together(
    seed: int, chance: int, cuts: int
) -> None:
    rows = leader_tape.tape(seed)
    draw = random.Random(chance)
    follower = Follower()
    shuffled = draw.sample(rows, len(rows))
    for at in range(0, len(shuffled), cuts):
        follower.hear(shuffled[at : at + cuts])  # a transaction may lie in two of these
    follower.hear(rows)
    assert follower.position() == leader_tape.position(rows)


@settings(max_examples=40)
@given(seed=st.integers(0, 10**6), start=st.floats(0, 1), length=st.floats(0, 1))
def test_an_outage_leaves_no_trace(seed: int, start: float, length: float) -> None:
    """We are away while the leader goes on, sells and redeems; the first look after it mends all."""
    rows = leader_tape.tape(seed)
    groups = by_transaction(rows)
    begin = int(start * len(groups))
    end = begin + int(length * (len(groups) - begin))
    follower = Follower()
    for group in groups[:begin]:
        follower.hear(group)
    follower.restart()
    follower.hear([row for group in groups[max(begin - 3, 0) : end] for row in group])
    for group in groups[end:]:
        follower.hear(group)
    assert follower.position() == leader_tape.position(rows)


@settings(max_examples=40)
@given(seed=st.integers(0, 10**6), cap=st.integers(1, 60))
def test_no_decision_of_the_leader_costs_more_than_its_cap(seed: int, cap: int) -> None:
    rows = leader_tape.tape(seed)
    for number, group in enumerate(by_transaction(rows)):
        for row in group:
            row["timestamp"] = leader_tape.START_S + number
    follower = Follower(subscription(max_position_size=Decimal(cap)))
    opened = ZERO
    for group in by_transaction(rows):
        before = {name: target.size for name, target in follower.targets().items()}
        follower.hear(group)
        for name, target in follower.targets().items():
            grown = abs(target.size) - abs(before.get(name, ZERO))
            if grown > ZERO and target.lots and group[0]["side"] == "BUY":
                price = Decimal(str(group[0]["price"]))
                opened = max(opened, grown * price)
    assert opened <= Decimal(cap) + Decimal("1e-12")


@pytest.mark.skipif(not WALLETS_TAPE.exists(), reason=f"no recording at {WALLETS_TAPE}")
@pytest.mark.parametrize("chance", range(6))
def test_two_recorded_wallets_shuffled_repeated_and_cut(chance: int) -> None:
    recorded = pl.read_parquet(WALLETS_TAPE)
    for wallet in recorded["wallet"].unique().sort():
        rows = [_recorded(told) for told in recorded.filter(pl.col("wallet") == wallet).to_dicts()]
        expected = leader_tape.position(rows)
        follower = Follower(subscription(wallet=Wallet(wallet)))
        draw = random.Random(chance)
        for page in answers(rows, draw):
            follower.hear(page)
            if draw.random() < 0.05:
                follower.restart()
        assert len(rows) > 100
        assert follower.position() == {
            name: size.quantize(Decimal("0.000001")) for name, size in expected.items()
        }


def _recorded(told: Row) -> Row:
    return {
        **leader_tape.row(
            told["type"],
            told["condition_id"],
            told["outcome_index"],
            told["size"],
            told["price"],
            told["tx_hash"],
            told["ts_s"],
            told["side"],
        ),
        "asset": told["token_id"],
    }


def test_the_made_up_tape_has_what_makes_tapes_hard() -> None:
    rows = [row for seed in range(30) for row in leader_tape.tape(seed)]
    kinds = {(row["type"], row["side"]) for row in rows}
    assert {
        ("TRADE", "BUY"),
        ("TRADE", "SELL"),
        ("SPLIT", ""),
        ("MERGE", ""),
        ("REDEEM", ""),
    } <= kinds
    alike = len(rows) - len({str(row) for row in rows})
    assert alike > 30
