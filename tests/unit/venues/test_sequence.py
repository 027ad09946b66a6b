"""Numbered books: in step they are the venue's, whatever was lost, repeated or late on the way."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arbiter.venues.binance import sequence as binance
from arbiter.venues.binance.decode import DepthSnapshot, DepthUpdate
from arbiter.venues.bybit import sequence as bybit
from arbiter.venues.bybit.decode import BookData
from arbiter.venues.common.depth_book import DepthBook
from arbiter.venues.common.frames import Levels
from tests.fakes.moving_book import Change, MovingBook, Pairs

faults = st.lists(
    st.sampled_from(["fine"] * 6 + ["lost", "twice", "late", "snapshot"]), max_size=60
)


def floats(pairs: Pairs) -> Levels:
    return [(float(price), float(size)) for price, size in pairs]


def update_of(change: Change, *, linked: bool) -> DepthUpdate:
    return DepthUpdate(
        s="BTCUSDT",
        U=change.first,
        u=change.last,
        b=floats(change.bids),
        a=floats(change.asks),
        E=1,
        pu=change.before if linked else None,
    )


def snapshot_of(venue: MovingBook) -> DepthSnapshot:
    return DepthSnapshot(floats(venue.bids()), floats(venue.asks()), venue.last)


def same(book: DepthBook, venue: MovingBook) -> bool:
    return (book.bids(20), book.asks(20)) == (floats(venue.bids()), floats(venue.asks()))


@given(faults=faults, linked=st.booleans(), seed=st.integers(0, 1_000))
def test_a_binance_book_in_step_is_the_venues(faults: list[str], linked: bool, seed: int) -> None:
    venue = MovingBook("BTCUSDT", random.Random(seed))
    numbered = binance.NumberedBook(linked=linked)
    late: list[DepthUpdate] = []
    for fault in [*faults, "fine", "snapshot", "fine"]:
        if fault == "snapshot":
            assert numbered.in_step or numbered.snapshot(snapshot_of(venue))
            continue
        told = update_of(venue.step(), linked=linked)
        was_in_step = numbered.in_step
        if fault == "lost":
            continue
        if fault == "late":
            late.append(told)
            continue
        step = numbered.update(told)
        assert (step is binance.Step.KEPT) == (not was_in_step)
        if fault == "twice":
            again = numbered.update(told)
            assert again is (binance.Step.STALE if numbered.in_step else binance.Step.KEPT)
        if numbered.in_step:
            assert step is binance.Step.APPLIED
            assert same(numbered.book, venue)
        for old in late:
            numbered.update(old)
        late.clear()
    if numbered.in_step:
        assert same(numbered.book, venue)


@given(faults=faults, seed=st.integers(0, 1_000))
def test_a_bybit_book_in_step_is_the_venues(faults: list[str], seed: int) -> None:
    venue = MovingBook("BTCUSDT", random.Random(seed))
    numbered = bybit.NumberedBook()
    for fault in [*faults, "snapshot", "fine"]:
        if fault == "snapshot":
            bids, asks = floats(venue.bids()), floats(venue.asks())
            numbered.snapshot(BookData(bids, asks, venue.last))
            continue
        change = venue.step(numbers=1)
        if fault in ("lost", "late"):
            continue
        told = BookData(floats(change.bids), floats(change.asks), change.last)
        step = numbered.delta(told)
        if fault == "twice" and numbered.in_step:
            assert numbered.delta(told) is bybit.Step.STALE
        assert (step is bybit.Step.APPLIED) == numbered.in_step
        if numbered.in_step:
            assert same(numbered.book, venue)
    assert numbered.in_step


@pytest.mark.parametrize("linked", [False, True])
def test_a_binance_snapshot_older_than_the_updates_kept_is_turned_down(linked: bool) -> None:
    venue = MovingBook("BTCUSDT", random.Random(1))
    old = snapshot_of(venue)
    venue.step()
    numbered = binance.NumberedBook(linked=linked)
    assert numbered.update(update_of(venue.step(), linked=linked)) is binance.Step.KEPT
    assert not numbered.snapshot(old)
    assert numbered.snapshot(snapshot_of(venue))
    assert same(numbered.book, venue)


def test_a_binance_snapshot_within_an_update_is_joined_there() -> None:
    """Sizes are absolute: an update that reaches back behind the snapshot does no harm."""
    book = binance.NumberedBook(linked=True)
    straddling = DepthUpdate("BTCUSDT", 5, 9, [(1.0, 2.0)], [], E=1, pu=4)
    book.update(straddling)
    assert book.snapshot(DepthSnapshot([(1.0, 1.0)], [(2.0, 1.0)], 7))
    assert book.book.bid_size(1.0) == 2.0
    following = DepthUpdate("BTCUSDT", 10, 11, [], [(2.0, 3.0)], E=1, pu=9)
    assert book.update(following) is binance.Step.APPLIED


def test_a_book_that_crosses_has_missed_something() -> None:
    book = bybit.NumberedBook()
    book.snapshot(BookData([(1.0, 1.0)], [(2.0, 1.0)], 5))
    assert book.delta(BookData([(2.0, 1.0)], [], 6)) is bybit.Step.GAP
    assert not book.in_step
