"""Strategies ended against each other: nothing is made or lost by it, and no account moves."""

import random
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from arbiter.ledger.copies import Copies
from arbiter.ledger.crossing import opposed, parts_of
from arbiter.ledger.ledger import Ledger
from arbiter.model import events as ev
from arbiter.model.changes import Changes
from arbiter.model.copying import COPY_TRADING, CopyPosition, SubscriptionId
from arbiter.model.crossing import CrossedPart
from arbiter.model.errors import LedgerError
from arbiter.model.holdings import Position
from arbiter.model.ids import InstrumentId, StrategyId
from arbiter.model.money import ZERO, use_wide_context
from tests.fakes.binaries import KALSHI, POLYMARKET
from tests.unit.ledger.event_history import history

DUST = Decimal("1e-12")
"""Average costs are kept to 18 places; what they round away is no money."""
NAMES = (POLYMARKET.id, KALSHI.id)


def rows_of(ledger: Ledger, name: InstrumentId) -> list[Position]:
    return [row for (_, other), row in ledger.positions.items() if other == name]


def copied(ledger: Ledger, name: InstrumentId) -> list[Decimal]:
    return [row.quantity for (_, other), row in ledger.copy_positions.items() if other == name]


def cross_of(ledger: Ledger, name: InstrumentId, price: Decimal) -> ev.PositionsCrossed | None:
    """What ends everything that is against each other there, if it may be ended now."""
    parts = parts_of(rows_of(ledger, name))
    if ledger.unsettled(name) or not (parts or opposed(copied(ledger, name))):
        return None
    return ev.PositionsCrossed(at_ns=10**9, instrument=name, price=price, parts=parts)


def with_crosses(seed: int, *, ended: bool = True) -> tuple[Ledger, list[ev.JournalEvent], int]:
    """A history in which strategies are crossed wherever they can be, now and then."""
    use_wide_context()
    dice, ledger = random.Random(seed), Ledger()
    told: list[ev.JournalEvent] = []
    crosses = 0
    for event in history(seed, ended=ended).told:
        ledger.apply(event)
        told.append(event)
        if dice.random() < 0.3:
            price = Decimal(dice.randrange(1, 100)).scaleb(-2)
            cross = cross_of(ledger, dice.choice(NAMES), price)
            if cross is not None:
                ledger.apply(cross)
                told.append(cross)
                crosses += 1
    return ledger, told, crosses


def worth(row: Position | CopyPosition, price: Decimal) -> Decimal:
    """What was made and what closing at a price would make."""
    value = abs(row.quantity) * price
    return row.realized_pnl + (value - row.cost if row.quantity > ZERO else row.cost - value)


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**32), cents=st.integers(1, 99), marks=st.integers(1, 99))
def test_a_cross_ends_one_side_and_is_worth_nothing_to_all_together(
    seed: int, cents: int, marks: int
) -> None:
    ledger, _, _ = with_crosses(seed, ended=False)
    price, mark = Decimal(cents).scaleb(-2), Decimal(marks).scaleb(-2)
    for name in NAMES:
        cross = cross_of(ledger, name, price)
        if cross is None:
            continue
        before = sum((worth(row, mark) for row in rows_of(ledger, name)), ZERO)
        held = sum((row.quantity for row in rows_of(ledger, name)), ZERO)
        image = ledger.image()
        changes = ledger.apply(cross)
        after = rows_of(ledger, name)
        assert not opposed(row.quantity for row in after)
        assert not opposed(copied(ledger, name))
        assert sum((row.quantity for row in after), ZERO) == held
        assert abs(sum((worth(row, mark) for row in after), ZERO) - before) < DUST
        assert ledger.image().balances == image.balances
        assert ledger.image().margin_positions == image.margin_positions
        assert {row.fees for row in after} == {
            row.fees for row in image.positions if row.instrument == name
        }
        ended = {key[0] for key in changes.closed_positions}
        assert ended == {p.strategy for p in cross.parts if not _held(ledger, p.strategy, name)}


def _held(ledger: Ledger, strategy: StrategyId, name: InstrumentId) -> Decimal:
    return ledger.positions[strategy, name].quantity


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**32))
@example(seed=448_459)  # its first fill is told after the ninth resolution of a market
def test_every_cent_is_somewhere_whatever_was_crossed(seed: int) -> None:
    ledger, _, _ = with_crosses(seed)
    cash = sum((row.total - row.baseline for row in ledger.balances.values()), ZERO)
    made = sum((row.realized_pnl - row.total_fees for row in ledger.budgets.values()), ZERO)
    assert abs(cash - made) < DUST
    assert abs(cash - ledger.cumulative_pnl) < DUST
    assert all(not row.locked for row in ledger.balances.values())
    assert all(abs(row.reserved) < DUST for row in ledger.budgets.values())
    assert not any(row.quantity for row in ledger.positions.values())
    assert not any(row.quantity for row in ledger.copy_positions.values())
    assert not any(row.quantity for row in ledger.residuals.values())


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_copies_hold_what_copy_trading_holds_through_crosses(seed: int) -> None:
    ledger, _, _ = with_crosses(seed, ended=False)
    for name in NAMES:
        row = ledger.positions.get((COPY_TRADING, name))
        held = ZERO if row is None else row.quantity
        assert sum(copied(ledger, name), ZERO) == held


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), cut=st.floats(0, 1))
def test_a_journal_with_crosses_gives_the_same_books_again(seed: int, cut: float) -> None:
    whole, told, _ = with_crosses(seed)
    at = int(cut * len(told))
    parted, ledger = Ledger(), Ledger()
    parted.apply(*told[:at])
    ledger.restore(parted.image())
    ledger.apply(*[ev.decode_event(ev.encode_event(event)) for event in told[at:]])
    assert ledger.image() == whole.image()


def test_the_histories_do_cross() -> None:
    assert sum(with_crosses(seed)[2] for seed in range(20)) > 20


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 200))
def test_nothing_is_crossed_that_is_not_there(seed: int) -> None:
    """A part too large, on the wrong side, alone, or at no price is refused before it is booked."""
    ledger, _, _ = with_crosses(seed, ended=False)
    name = KALSHI.id  # its fills are final at once
    rows = [row for row in rows_of(ledger, name) if row.quantity]
    before = ledger.image()
    for row in rows:
        other = StrategyId("nobody")
        too_much = [
            (CrossedPart(strategy=row.strategy, contracts=-row.quantity),),
            (
                CrossedPart(strategy=row.strategy, contracts=row.quantity),
                CrossedPart(strategy=other, contracts=-row.quantity),
            ),
            (
                CrossedPart(strategy=row.strategy, contracts=-row.quantity),
                CrossedPart(strategy=other, contracts=row.quantity),
            ),
        ]
        for parts in too_much:
            cross = ev.PositionsCrossed(
                at_ns=10**9, instrument=name, price=Decimal("0.5"), parts=parts
            )
            with pytest.raises(LedgerError):
                ledger.apply(cross)
    for price in (ZERO, Decimal("NaN")):
        with pytest.raises(LedgerError):
            ledger.apply(ev.PositionsCrossed(at_ns=10**9, instrument=name, price=price, parts=()))
    assert ledger.image() == before


def test_nothing_is_crossed_while_a_fill_there_may_still_fail() -> None:
    """The fill would be taken out again of rows that it is no longer in."""
    for seed in range(20):
        use_wide_context()
        ledger = Ledger()
        for event in history(seed).told:
            ledger.apply(event)
            if not ledger.unsettled(POLYMARKET.id):
                continue
            parts = parts_of(rows_of(ledger, POLYMARKET.id))
            cross = ev.PositionsCrossed(
                at_ns=10**9, instrument=POLYMARKET.id, price=Decimal("0.5"), parts=parts
            )
            with pytest.raises(LedgerError):
                ledger.apply(cross)
            return
    raise AssertionError("no fill was ever waiting")


def test_copies_against_each_other_end_without_their_strategy() -> None:
    one, other = SubscriptionId(UUID(int=1)), SubscriptionId(UUID(int=2))
    name, price = KALSHI.id, Decimal("0.4")
    copies, changes = Copies(), Changes()
    for subscription, quantity in ((one, Decimal(30)), (other, Decimal(-20))):
        copies.put_back(
            CopyPosition(
                subscription=subscription,
                instrument=name,
                quantity=quantity,
                cost=abs(quantity) * Decimal("0.5"),
            ),
            changes,
        )
    copies.cross(name, ZERO, price, 1, changes)
    assert [row.quantity for row in copies.positions.values()] == [Decimal(10), ZERO]
    assert sum(row.realized_pnl for row in copies.positions.values()) == ZERO
    copies.cross(name, Decimal(-10), price, 2, changes)
    assert not any(row.quantity for row in copies.positions.values())
