"""Scanning a recording is taking its quotes one by one."""

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from arbiter.kernels import quote_step as kernel

VENUES, SYMBOLS = 3, 2
SLOTS = VENUES * SYMBOLS
T0 = 1_790_000_000_000_000_123

top = st.sampled_from(
    [
        *[(99.0, 99.5), (100.0, 100.0), (100.0, 100.1), (100.2, 100.3), (103.0, 104.0)] * 3,
        (101.0, 100.0),
        (0.0, 100.0),
        (-1.0, 100.0),
        (float("nan"), 100.0),
        (100.0, float("nan")),
        (100.0, float("inf")),
        (1e308, 1.7e308),
    ]
)
size = st.sampled_from([*[1.0, 2.5] * 6, 0.0, 1e308, -1.0, float("nan"), float("inf")])
quote = st.tuples(
    st.integers(0, SLOTS - 1), top, size, size, st.integers(-12, 3), st.integers(0, 2)
)
history = st.one_of(st.lists(quote, max_size=3), st.lists(quote, min_size=20, max_size=60))


class Market(msgspec.Struct, frozen=True):
    """What a scan may find a board to be like."""

    fees: list[float]
    """NaN where nothing is listed."""
    watched: list[bool]
    healthy: list[bool]
    min_edge: float
    slippage: float
    max_age: float
    no_venue_times: bool
    quiet_ns: Sequence[int] = (0,)
    """After `T0`, by buy slot and sell venue; one for all, or for each its own."""

    def board(self) -> tuple[Any, Any]:
        state, params = kernel.new_state(SLOTS), kernel.new_params(VENUES)
        state[:, kernel.FEE] = self.fees
        state[:, kernel.WATCHED] = self.watched
        params[kernel.HEADER + kernel.HEALTHY :: kernel.VENUE_FIELDS] = self.healthy
        params[kernel.MIN_EDGE] = self.min_edge
        params[kernel.SLIPPAGE] = self.slippage
        params[kernel.MAX_EDGE] = 1.0
        params[kernel.MAX_AGE] = self.max_age
        return state, params

    def quiet(self) -> NDArray[np.int64]:
        quiet = kernel.new_quiet(SLOTS, VENUES)
        quiet[:] = T0 + np.resize(self.quiet_ns, quiet.shape)
        return quiet


def mostly(*values: Any, n: int) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.sampled_from(values), min_size=n, max_size=n)


market = st.builds(
    Market,
    mostly(0.001, 0.001, 0.0, -0.002, float("nan"), n=SLOTS),
    mostly(True, True, True, False, n=SLOTS),
    mostly(True, True, True, False, n=VENUES),
    st.sampled_from([0.002, 0.004, 0.0, -0.01]),
    st.sampled_from([0.0, 0.001]),
    st.sampled_from([4.0, 40.0]),
    st.booleans(),
    mostly(0, 0, 8, 30, n=SLOTS * VENUES),
)


@given(market, history, st.integers(0, 120))
def test_a_scan_stops_where_steps_find_a_candidate_and_leaves_their_state(
    market: Market,
    quotes: list[tuple[int, tuple[float, float], float, float, int, int]],
    limit: int,
) -> None:
    received = T0 + np.cumsum([q[5] for q in quotes]).astype(np.int64)
    slots = np.array([q[0] for q in quotes], dtype=np.int32)
    prices = np.array([(*q[1], *q[2:4]) for q in quotes]).reshape(-1, 4)
    times = np.empty((len(quotes), 2), dtype=np.int64)
    times[:, 1] = received
    times[:, 0] = 0 if market.no_venue_times else received + [q[4] for q in quotes]
    until = T0 + limit
    quiet = market.quiet()

    state, params = market.board()
    stepped, hushed, faults = [], 0, np.zeros((SLOTS, kernel.FAULTS), dtype=np.int64)
    for row in range(len(quotes)):
        if received[row] >= until:
            break
        code = kernel.quote_step(
            state, params, int(slots[row]), *prices[row].tolist(), *times[row].tolist()
        )
        if code > 0:
            bought, sold = divmod(code - 1, SLOTS)
            if received[row] < quiet[bought, sold % VENUES]:
                hushed += 1
            else:
                stepped.append((row + 1, code))
        elif code < 0:
            faults[slots[row], -code] += 1

    scanned_state, scanned_params = market.board()
    scanned_faults = np.zeros_like(faults)
    scanned, row = [], 0
    while True:
        row, code, passed = kernel.quote_scan(
            scanned_state,
            scanned_params,
            quiet,
            scanned_faults,
            slots,
            prices,
            times,
            row,
            len(quotes),
            until,
        )
        hushed -= passed
        if not code:
            break
        scanned.append((row, code))
    assert scanned == stepped
    assert hushed == 0
    assert row == len(quotes) or received[row] >= until
    np.testing.assert_array_equal(scanned_state, state)
    np.testing.assert_array_equal(scanned_params, params)
    np.testing.assert_array_equal(scanned_faults, faults)


def test_a_scan_that_is_asked_for_losses_finds_them() -> None:
    at_a_loss = Market(
        fees=[0.001] * SLOTS,
        watched=[True] * SLOTS,
        healthy=[True] * VENUES,
        min_edge=-0.005,
        slippage=0.0,
        max_age=40.0,
        no_venue_times=True,
    )
    state, params = at_a_loss.board()
    slots = np.arange(VENUES, dtype=np.int32)
    prices = np.tile([100.0, 100.1, 1.0, 1.0], (VENUES, 1))
    times = np.full((VENUES, 2), T0)
    faults = np.zeros((SLOTS, kernel.FAULTS), dtype=np.int64)
    quiet = at_a_loss.quiet()
    first = kernel.quote_scan(state, params, quiet, faults, slots, prices, times, 0, VENUES, T0 + 1)
    second = kernel.quote_scan(
        state, params, quiet, faults, slots, prices, times, 2, VENUES, T0 + 1
    )
    assert (first[0], second[0]) == (2, 3)
    assert first[1] > 0
    assert second[1] > 0


def scanned(venues: int, *tops: tuple[float, float, float, float]) -> tuple[Any, Any, Any]:
    """State, parameters and faults after quotes of the first slot, one a second."""
    state, params = kernel.new_state(venues), kernel.new_params(venues)
    state[:, kernel.FEE], state[:, kernel.WATCHED] = 0.0, 1.0
    params[kernel.MIN_EDGE] = params[kernel.MAX_EDGE] = 0.5
    faults = np.zeros((venues, kernel.FAULTS), dtype=np.int64)
    times = np.array([(0, T0 + n * kernel.NS_PER_S) for n in range(len(tops))])
    end = kernel.quote_scan(
        state,
        params,
        kernel.new_quiet(venues, venues),
        faults,
        np.zeros(len(tops), dtype=np.int32),
        np.array(tops),
        times,
        0,
        len(tops),
        int(times[-1, 1]) + 1,
    )
    assert end == (len(tops), 0, 0)
    return state, params, faults


def test_a_recording_of_one_venue_keeps_its_times_to_the_nanosecond() -> None:
    state, params, _ = scanned(1, (99.0, 100.0, 1.0, 1.0), (99.0, 100.0, 1.0, 1.0))
    assert params[kernel.EPOCH_S] == T0 // kernel.NS_PER_S
    heard = int(params[kernel.EPOCH_S]) * kernel.NS_PER_S + int(state[0, kernel.RECEIVE])
    assert heard == T0 + kernel.NS_PER_S


def test_a_size_or_price_without_end_is_no_quote_in_a_recording() -> None:
    good = (99.0, 100.0, 1.0, 1.0)
    endless = float("inf")
    wrong = [(99.0, endless, 1.0, 1.0), (99.0, 100.0, endless, 1.0), (99.0, 100.0, 1.0, endless)]
    state, params, faults = scanned(1, good, *wrong)
    assert faults[0, kernel.NOT_FINITE] == 3
    assert params[kernel.HEADER + kernel.ACCEPTED] == 1
    assert tuple(state[0, : kernel.EXCHANGE]) == good


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("min_edge", [0.0, 0.01])
def test_a_scan_finds_a_pair_whichever_side_is_quoted_last(turned: bool, min_edge: float) -> None:
    """Down to no gain at all, where none is asked for."""
    cheap, dear = (99.0, 100.0), (103.0 if min_edge else 100.0, 104.0)
    tops = [dear, cheap] if turned else [cheap, dear]
    state, params = kernel.new_state(2), kernel.new_params(2)
    state[:, kernel.FEE], state[:, kernel.WATCHED] = 0.0, 1.0
    params[kernel.MIN_EDGE], params[kernel.MAX_EDGE] = min_edge, 1.0
    found = kernel.quote_scan(
        state,
        params,
        kernel.new_quiet(2, 2),
        np.zeros((2, kernel.FAULTS), dtype=np.int64),
        np.arange(2, dtype=np.int32),
        np.array([(*top, 1.0, 1.0) for top in tops]),
        np.full((2, 2), T0),
        0,
        2,
        T0 + 1,
    )
    assert found == (2, 1 + (2 if turned else 1), 0)
