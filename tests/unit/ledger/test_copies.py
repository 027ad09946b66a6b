"""What a subscription's tagged fills hold: by fills, payouts and fills that failed to settle."""

from decimal import Decimal
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from arbiter.ledger.copies import Copies
from arbiter.model.changes import Changes
from arbiter.model.copying import CopyPosition, SubscriptionId, copy_actor, subscription_of
from arbiter.model.ids import Actor, InstrumentId
from tests.unit.storage.samples import order

MINE = SubscriptionId(UUID(int=7))
COPIED = replace(order(1), actor=copy_actor(MINE))
KEY = (MINE, COPIED.instrument)

Fill = tuple[int, int]
"""Signed units, and price in cents."""
FILLS = st.lists(st.tuples(st.integers(-50, 50).filter(bool), st.integers(1, 99)), max_size=12)


def after(fills: list[Fill]) -> Copies:
    copies = Copies()
    for units, cents in fills:
        copies.fill(COPIED, Decimal(units), Decimal(cents) / 100, Decimal(1), 5, Changes())
    return copies


def worth(row: CopyPosition | None, cents: int) -> Decimal:
    if row is None:
        return Decimal(0)
    return row.realized_pnl + row.unrealized(Decimal(cents) / 100) - row.fees


def test_the_tag_of_a_copy_is_read_back_from_its_actor() -> None:
    assert subscription_of(copy_actor(MINE)) == MINE
    assert subscription_of(Actor("user:alice")) is None


def test_orders_that_copy_nobody_leave_no_trace() -> None:
    copies, changes = Copies(), Changes()
    copies.fill(order(1), Decimal(1), Decimal(1), Decimal(0), 1, changes)
    assert (copies.positions, changes.copy_positions) == ({}, {})


@given(fills=FILLS, mark=st.integers(1, 99))
def test_profit_is_what_was_received_and_is_worth_less_what_was_paid(
    fills: list[Fill], mark: int
) -> None:
    row = after(fills).positions.get(KEY)
    paid = sum((Decimal(units) * cents / 100 for units, cents in fills), Decimal(0))
    left = sum(units for units, _ in fills)
    expected = Decimal(left) * mark / 100 - paid - len(fills)
    assert abs(worth(row, mark) - expected) < Decimal("1e-12")
    assert (0 if row is None else row.quantity) == left


@given(fills=FILLS.filter(bool), data=st.data(), mark=st.integers(1, 99))
def test_a_fill_that_failed_is_as_if_it_had_never_been(
    fills: list[Fill], data: st.DataObject, mark: int
) -> None:
    at = data.draw(st.integers(0, len(fills) - 1))
    copies = after(fills)
    units, cents = fills[at]
    copies.void(COPIED, Decimal(units), Decimal(cents) / 100, Decimal(1), 9, Changes())
    without = after(fills[:at] + fills[at + 1 :]).positions.get(KEY)
    row = copies.positions[KEY]
    assert row.quantity == (0 if without is None else without.quantity)
    assert row.fees == (0 if without is None else without.fees)
    assert abs(worth(row, mark) - worth(without, mark)) < Decimal("1e-12")


@given(fills=FILLS, pays=st.sampled_from([0, 50, 100]))
def test_a_payout_closes_the_position_at_what_it_pays(fills: list[Fill], pays: int) -> None:
    copies = after(fills)
    before = worth(copies.positions.get(KEY), pays)
    changes = Changes()
    copies.close(InstrumentId("ELSEWHERE"), Decimal(1), 9, changes)
    assert not changes.copy_positions
    copies.close(COPIED.instrument, Decimal(pays) / 100, 9, changes)
    row = copies.positions.get(KEY)
    assert row is None or not (row.quantity or row.cost)
    assert abs(worth(row, pays) - before) < Decimal("1e-12")


@given(fills=FILLS)
def test_a_market_that_was_called_off_returns_the_stakes(fills: list[Fill]) -> None:
    copies = after(fills)
    before = copies.positions.get(KEY)
    copies.close(COPIED.instrument, None, 9, Changes())
    row = copies.positions.get(KEY)
    assert row is None or not (row.quantity or row.cost)
    assert (row is None) == (before is None)
    if row is not None and before is not None:
        assert row.realized_pnl == before.realized_pnl
