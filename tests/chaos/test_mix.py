"""Whatever befalls venues, streams, clocks, journal and engine: the books are right after it."""

import pytest

from tests.chaos.mix import run_seed

FAST = range(8)
FIXED = range(8, 68)


@pytest.mark.parametrize("seed", FAST)
def test_venue_truth_is_the_ledger_and_no_leg_stands_alone(seed: int) -> None:
    assert run_seed(seed).violations == (), f"failing seed: {seed}"


@pytest.mark.slow
@pytest.mark.parametrize("seed", FIXED)
def test_venue_truth_is_the_ledger_under_more_seeds(seed: int) -> None:
    assert run_seed(seed).violations == (), f"failing seed: {seed}"


def test_the_same_seed_gives_the_same_history() -> None:
    assert run_seed(3) == run_seed(3)
