"""Trends by the means of the window's halves."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from arbiter.opportunities.trend import DOWN, FLAT, UP, TrendTracker
from tests.unit.books.listings import T0, S


class Prices:
    """A board that shows what it is told."""

    def __init__(self) -> None:
        self.now: list[float] = []

    def mids(self, now_ns: int) -> NDArray[np.float64]:
        return np.array(self.now)


def direction_after(prices: list[float], *, periods: int = 30, threshold: float = 0.001) -> int:
    tracker, board = TrendTracker(1, periods=periods, threshold=threshold), Prices()
    for second, price in enumerate(prices):
        board.now = [price]
        assert tracker.sample(board, T0 + second * S)
    return tracker.direction(0)


@pytest.mark.parametrize("prices", [[], [100.0]])
def test_fewer_than_two_samples_are_flat(prices: list[float]) -> None:
    assert direction_after(prices) == FLAT


@pytest.mark.parametrize(
    ("prices", "direction"),
    [
        ([100.0, 101.0], UP),
        ([100.0, 99.0], DOWN),
        ([100.0, 100.0], FLAT),
        ([100.0, 100.09], FLAT),
        ([100.0, 100.11], UP),
        ([100.0, 99.89], DOWN),
        # Halves of an odd window: one old price against two new.
        ([100.0, 101.0, 99.0], FLAT),
        ([100.0, 101.0, 101.0], UP),
    ],
)
def test_the_newer_half_is_compared_with_the_older(prices: list[float], direction: int) -> None:
    assert direction_after(prices) == direction


@pytest.mark.parametrize(
    ("newer", "direction"), [(125.0, FLAT), (125.1, UP), (75.0, FLAT), (74.9, DOWN), (80.0, FLAT)]
)
def test_a_change_is_a_part_of_the_older_mean_and_must_exceed_the_threshold(
    newer: float, direction: int
) -> None:
    """80 is a fifth below 100, though 100 is a quarter above 80."""
    assert direction_after([100.0, newer], threshold=0.25) == direction


def test_only_the_last_prices_count() -> None:
    assert direction_after([50.0] * 10 + [100.0] * 4, periods=4) == FLAT
    assert direction_after([200.0] * 10 + [100.0, 100.0, 101.0, 101.0], periods=4) == UP


def test_a_gap_is_passed_over_and_a_half_of_gaps_is_flat() -> None:
    assert direction_after([100.0, math.nan, math.nan, 101.0]) == UP
    assert direction_after([math.nan, math.nan, 100.0, 101.0]) == FLAT


def test_prices_are_taken_once_a_second() -> None:
    tracker, board = TrendTracker(1), Prices()
    board.now = [100.0]
    assert tracker.sample(board, T0)
    board.now = [200.0]
    assert not tracker.sample(board, T0 + S - 1)
    assert tracker.direction(0) == FLAT
    assert tracker.sample(board, T0 + S)
    assert tracker.direction(0) == UP


def test_every_slot_has_its_own_trend() -> None:
    tracker, board = TrendTracker(3), Prices()
    for second, prices in enumerate(([100.0, 100.0, 100.0], [101.0, 99.0, 100.0])):
        board.now = prices
        tracker.sample(board, T0 + second * S)
    assert [tracker.direction(slot) for slot in range(3)] == [UP, DOWN, FLAT]


def test_another_window_starts_empty_and_another_threshold_keeps_it() -> None:
    tracker, board = TrendTracker(1), Prices()
    for second in range(2):
        board.now = [100.0 + second]
        tracker.sample(board, T0 + second * S)
    tracker.reconfigure(periods=30, threshold=0.5)
    board.now = [102.0]
    tracker.sample(board, T0 + 2 * S)
    assert tracker.direction(0) == FLAT
    tracker.reconfigure(periods=10, threshold=0.001)
    assert tracker.direction(0) == FLAT
    tracker.sample(board, T0 + 3 * S)
    assert tracker.direction(0) == FLAT


def test_another_threshold_judges_the_prices_that_are_there_at_once() -> None:
    tracker, board = TrendTracker(1, threshold=0.5), Prices()
    for second in range(2):
        board.now = [100.0 + second]
        tracker.sample(board, T0 + second * S)
    assert tracker.direction(0) == FLAT
    tracker.reconfigure(periods=30, threshold=0.001)
    assert tracker.direction(0) == UP
