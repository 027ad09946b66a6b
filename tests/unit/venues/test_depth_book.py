"""A book of levels against the plainest one there is."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arbiter.venues.common.depth_book import DepthBook
from arbiter.venues.common.frames import BadFrame

prices = st.integers(1, 40).map(lambda ticks: ticks / 100)
sizes = st.one_of(st.just(0.0), st.integers(1, 9).map(float))
levels = st.lists(st.tuples(prices, sizes), max_size=12)


@given(start=st.tuples(levels, levels), changes=st.lists(st.tuples(levels, levels), max_size=30))
def test_a_book_is_what_its_messages_say_level_by_level(
    start: tuple[list[tuple[float, float]], list[tuple[float, float]]],
    changes: list[tuple[list[tuple[float, float]], list[tuple[float, float]]]],
) -> None:
    book = DepthBook()
    book.replace(*start)
    plain: tuple[dict[float, float], dict[float, float]] = ({}, {})
    for number, sides in enumerate([start, *changes]):
        if number:
            book.change(*sides)
        for held, told in zip(plain, sides, strict=True):
            for price, size in told:
                held[price] = size
            for price in [price for price, size in held.items() if not size]:
                del held[price]
        bids, asks = plain
        assert book.best_bid == max(bids, default=0.0)
        assert book.best_ask == min(asks, default=math.inf)
        assert book.crossed == (max(bids, default=0.0) >= min(asks, default=math.inf))
        assert book.bids(5) == sorted(bids.items(), reverse=True)[:5]
        assert book.asks(5) == sorted(asks.items())[:5]


def test_dead_prices_do_not_pile_up() -> None:
    book = DepthBook()
    book.replace([(1.0, 1.0)], [(1_000_000.0, 1.0)])
    for number in range(20_000):
        book.change([], [(500_000.0 + number, 1.0)])
        book.change([], [(500_000.0 + number, 0.0)])
    assert len(book._asks._heap) < 1_000
    assert book.best_ask == 1_000_000.0


@pytest.mark.parametrize(
    "level",
    [(1.0, -1.0), (1.0, math.nan), (1.0, math.inf), (0.0, 1.0), (-1.0, 1.0), (math.nan, 1.0)],
)
def test_a_level_that_cannot_be_is_refused(level: tuple[float, float]) -> None:
    with pytest.raises(BadFrame):
        DepthBook().change([level], [])
