"""The z-score of a spread against its own last samples, by the textbook."""

import math
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from arbiter.opportunities.premium import PremiumTracker
from tests.unit.books.listings import T0, S


class Spreads:
    """A board that shows what it is told: [symbol, buy venue, sell venue]."""

    def __init__(self, *shape: int) -> None:
        self.now: NDArray[np.float64] = np.full(shape, np.nan)

    def gross_spreads(self, now_ns: int) -> NDArray[np.float64]:
        return self.now


def tracked(samples: list[float], *, window: int = 100, at_least: int = 2) -> PremiumTracker:
    """Buying at venue 0 and selling at venue 1, one sample a second."""
    tracker = PremiumTracker(1, 2, samples=window, min_samples=at_least)
    board = Spreads(1, 2, 2)
    for second, spread in enumerate(samples):
        board.now[0, 0, 1] = spread
        assert tracker.sample(board, T0 + second * S)
    return tracker


spreads = st.floats(-0.05, 0.05).map(lambda value: round(value, 6))


@given(st.lists(spreads, min_size=2, max_size=40), spreads, st.integers(5, 50))
def test_the_score_is_that_of_the_windows_mean_and_deviation(
    samples: list[float], now: float, window: int
) -> None:
    kept = samples[-window:]
    deviation = statistics.pstdev(kept)
    found = tracked(samples, window=window).z_score(0, 1, now)
    assert found is not None
    if deviation > 1e-9:
        assert found == pytest.approx((now - statistics.fmean(kept)) / deviation, rel=1e-6)


def test_just_enough_samples_give_a_score_and_one_less_none() -> None:
    assert tracked([0.01, 0.02] * 5, at_least=10).z_score(0, 1, 0.015) == pytest.approx(0)
    assert tracked([0.01, 0.02] * 4 + [0.01], at_least=10).z_score(0, 1, 0.015) is None


def test_seconds_without_a_quote_are_no_samples() -> None:
    gaps = [0.01, math.nan, 0.02, math.nan, 0.03]
    assert tracked(gaps, at_least=4).z_score(0, 1, 0.02) is None
    deviation = statistics.pstdev([0.01, 0.02, 0.03])
    found = tracked(gaps, at_least=3).z_score(0, 1, 0.02 + deviation)
    assert found == pytest.approx(1)


def test_any_move_of_a_spread_that_never_moved_is_infinitely_far() -> None:
    still = tracked([0.01] * 10)
    assert still.z_score(0, 1, 0.01) == 0
    assert still.z_score(0, 1, 0.0101) == math.inf
    assert still.z_score(0, 1, 0.0099) == -math.inf


def test_a_direction_knows_nothing_of_the_other_one() -> None:
    tracker = tracked([0.01, 0.02] * 5)
    assert tracker.z_score(1, 0, 0.01) is None


def test_more_than_one_sample_a_second_is_not_taken() -> None:
    tracker, board = PremiumTracker(1, 2), Spreads(1, 2, 2)
    assert tracker.sample(board, T0)
    assert not tracker.sample(board, T0 + S - 1)
    assert tracker.sample(board, T0 + S)
