"""Every rule of a quote step, under the compiled kernel and its twins alike."""

import math
from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arbiter.kernels import quote_step as kernel
from arbiter.kernels.plain_quote_step import plain_quote_step
from arbiter.kernels.warm import warm
from arbiter.model.quotes import QuoteFault

VENUES = 3
SYMBOLS = 2
SLOTS = VENUES * SYMBOLS
FEE = 0.001
T0 = 1_790_000_000_000_000_123
S = 1_000_000_000


class Book:
    """State and parameters in the form one implementation wants, and calls in plain words."""

    def __init__(self, step: Callable[..., int], *, lists: bool) -> None:
        state, params = kernel.new_state(SLOTS), kernel.new_params(VENUES)
        state[:, kernel.FEE] = FEE
        state[:, kernel.WATCHED] = 1.0
        params[kernel.MIN_EDGE] = 0.005
        params[kernel.MAX_EDGE] = 1.0
        params[kernel.SLIPPAGE] = 0.001
        params[kernel.MAX_AGE] = 5 * S
        self.step = step
        self.state: Any = state.tolist() if lists else state
        self.params: Any = params.tolist() if lists else params

    def quote(
        self,
        slot: int,
        bid: float,
        ask: float,
        *,
        bid_size: float = 1.0,
        ask_size: float = 1.0,
        exchange_ns: int | None = None,
        at_ns: int = T0,
    ) -> int:
        sent_ns = at_ns if exchange_ns is None else exchange_ns
        return self.step(
            self.state, self.params, slot, bid, ask, bid_size, ask_size, sent_ns, at_ns
        )

    def pair(self, code: int) -> tuple[int, int]:
        assert code > 0
        return divmod(code - 1, SLOTS)

    def lose(self, venue: int) -> None:
        self.params[kernel.HEADER + venue * kernel.VENUE_FIELDS + kernel.HEALTHY] = 0.0

    def set(self, slot: int, column: int, value: float) -> None:
        self.state[slot][column] = value

    def row(self, slot: int) -> list[float]:
        return [float(value) for value in self.state[slot]]


def implementations() -> dict[str, Callable[[], Book]]:
    uncompiled = cast(Any, kernel.quote_step).py_func
    return {
        "compiled": lambda: Book(kernel.quote_step, lists=False),
        "uncompiled": lambda: Book(uncompiled, lists=False),
        "plain": lambda: Book(plain_quote_step, lists=True),
        "plain on arrays": lambda: Book(plain_quote_step, lists=False),
    }


@pytest.fixture(params=implementations())
def book(request: pytest.FixtureRequest) -> Book:
    return implementations()[request.param]()


def test_a_spread_above_all_costs_is_a_candidate_bought_low_and_sold_high(book: Book) -> None:
    assert book.quote(0, 99.9, 100.0) == 0
    assert book.pair(book.quote(1, 101.0, 101.1)) == (0, 1)


def test_the_quote_that_becomes_cheap_is_found_as_the_buyer(book: Book) -> None:
    assert book.quote(0, 101.0, 101.1) == 0
    assert book.pair(book.quote(1, 99.9, 100.0)) == (1, 0)


def test_net_edge_counts_both_fees_and_slippage(book: Book) -> None:
    # 100.8 − 100 − 0.1 − 0.1008 − 0.1 = 0.4992 per 100: just below 0.5 %.
    book.quote(0, 99.9, 100.0)
    assert book.quote(1, 100.80, 100.9) == 0
    assert book.quote(1, 100.81, 100.9) > 0


def test_a_net_edge_exactly_at_the_threshold_counts(book: Book) -> None:
    for slot in range(SLOTS):
        book.set(slot, kernel.FEE, 0.0)
    book.params[kernel.SLIPPAGE] = 0.0
    book.params[kernel.MIN_EDGE] = 0.25
    book.quote(0, 3.0, 4.0)
    assert book.quote(1, 4.75, 6.0) == 0
    assert book.quote(1, 5.0, 6.0) > 0


@pytest.mark.parametrize(("cheap", "dear"), [(0, 1), (1, 0)])
def test_each_side_pays_its_own_venues_fee(book: Book, cheap: int, dear: int) -> None:
    book.set(cheap, kernel.FEE, 0.0)
    book.set(dear, kernel.FEE, 0.01)
    book.params[kernel.MIN_EDGE] = 0.0
    sides = {cheap: (99.9, 100.0), dear: (101.11, 101.2)}
    # 101.11 − 100 − 1.0111 − 0.1 is a loss by a hair; a bid of 101.13 earns 0.0187.
    book.quote(0, *sides[0])
    assert book.quote(1, *sides[1]) == 0
    assert book.pair(book.quote(dear, 101.13, 101.2)) == (cheap, dear)


@pytest.mark.parametrize(
    "sides", [((99.9, 100.0), (250.0, 250.1)), ((250.0, 250.1), (99.9, 100.0))]
)
def test_a_spread_too_good_to_be_true_gives_no_candidate(
    book: Book, sides: tuple[tuple[float, float], tuple[float, float]]
) -> None:
    book.quote(0, *sides[0])
    assert book.quote(1, *sides[1]) == 0


def test_an_absurd_venue_does_not_hide_an_honest_spread(book: Book) -> None:
    book.quote(0, 99.9, 100.0)
    book.quote(2, 10.0, 10.1)
    assert book.pair(book.quote(1, 101.0, 101.1)) == (0, 1)


def test_the_best_of_several_pairs_is_returned(book: Book) -> None:
    book.quote(0, 99.9, 100.0)
    book.quote(2, 98.9, 99.0)
    assert book.pair(book.quote(1, 101.0, 101.1)) == (2, 1)


def test_quotes_of_another_symbol_are_never_paired(book: Book) -> None:
    book.quote(0, 99.9, 100.0)
    assert book.quote(VENUES + 1, 101.0, 101.1) == 0


@pytest.mark.parametrize(
    ("bid", "ask", "bid_size", "ask_size", "fault"),
    [
        (100.1, 100.0, 1, 1, QuoteFault.CROSSED),
        (0.0, 100.0, 1, 1, QuoteFault.NOT_POSITIVE),
        (-1.0, 100.0, 1, 1, QuoteFault.NOT_POSITIVE),
        (99.0, 0.0, 1, 1, QuoteFault.NOT_POSITIVE),
        (math.nan, 100.0, 1, 1, QuoteFault.NOT_FINITE),
        (99.0, math.inf, 1, 1, QuoteFault.NOT_FINITE),
        (99.0, 100.0, math.nan, 1, QuoteFault.NOT_FINITE),
        (99.0, 100.0, -1, 1, QuoteFault.NEGATIVE_SIZE),
        (99.0, 100.0, 1, -0.5, QuoteFault.NEGATIVE_SIZE),
    ],
)
def test_an_impossible_quote_is_refused_and_the_old_one_kept(
    book: Book, bid: float, ask: float, bid_size: float, ask_size: float, fault: QuoteFault
) -> None:
    book.quote(0, 98.0, 99.0)
    before = book.row(0)
    later = T0 + S
    code = book.quote(0, bid, ask, bid_size=float(bid_size), ask_size=float(ask_size), at_ns=later)
    assert code == -fault
    assert book.row(0) == before


def test_a_quote_older_than_the_one_held_is_refused(book: Book) -> None:
    book.quote(0, 98.0, 99.0)
    assert book.quote(0, 97.0, 98.0, exchange_ns=T0 - 1) == -QuoteFault.BACKWARDS
    assert book.row(0)[kernel.BID] == 98.0


def test_two_quotes_of_the_same_exchange_time_are_both_taken(book: Book) -> None:
    book.quote(0, 98.0, 99.0)
    assert book.quote(0, 97.0, 98.0) == 0
    assert book.row(0)[kernel.BID] == 97.0


def test_a_venue_without_times_is_ordered_by_receipt(book: Book) -> None:
    book.quote(0, 98.0, 99.0, exchange_ns=0)
    assert book.quote(0, 97.0, 98.0, exchange_ns=0, at_ns=T0 + 1) == 0
    assert book.row(0)[kernel.BID] == 97.0


@pytest.mark.parametrize("slot", [-1, SLOTS, 10**9])
def test_a_slot_outside_the_board_is_refused(book: Book, slot: int) -> None:
    assert book.quote(slot, 98.0, 99.0) == -QuoteFault.UNLISTED


def test_a_slot_where_nothing_is_listed_is_refused(book: Book) -> None:
    book.set(1, kernel.FEE, math.nan)
    assert book.quote(1, 98.0, 99.0) == -QuoteFault.UNLISTED


def test_a_locked_quote_is_taken(book: Book) -> None:
    assert book.quote(0, 100.0, 100.0) == 0
    assert book.row(0)[kernel.LIVE] == 1.0


def test_stale_other_side_gives_no_candidate(book: Book) -> None:
    book.quote(0, 99.9, 100.0)
    assert book.quote(1, 101.0, 101.1, at_ns=T0 + 5 * S) > 0
    assert book.quote(1, 101.0, 101.1, at_ns=T0 + 5 * S + 1) == 0


def test_a_quote_delivered_late_gives_no_candidate(book: Book) -> None:
    book.quote(0, 99.9, 100.0, at_ns=T0 + 6 * S)
    assert book.quote(1, 101.0, 101.1, at_ns=T0) == 0


def test_a_quote_delivered_as_late_as_is_allowed_gives_one(book: Book) -> None:
    book.quote(0, 99.9, 100.0, at_ns=T0 + 5 * S)
    assert book.pair(book.quote(1, 101.0, 101.1, at_ns=T0)) == (0, 1)


def test_a_quote_from_before_the_loss_of_its_venue_gives_no_candidate(book: Book) -> None:
    book.quote(0, 99.9, 100.0)
    book.set(0, kernel.LIVE, 0.0)
    assert book.quote(1, 101.0, 101.1) == 0


@pytest.mark.parametrize("lost", [0, 1])
def test_an_unhealthy_venue_on_either_side_gives_no_candidate(book: Book, lost: int) -> None:
    book.quote(0, 99.9, 100.0)
    book.lose(lost)
    assert book.quote(1, 101.0, 101.1) == 0


@pytest.mark.parametrize("unwatched", [0, 1])
def test_a_slot_not_watched_gives_no_candidate(book: Book, unwatched: int) -> None:
    book.set(unwatched, kernel.WATCHED, 0.0)
    book.quote(0, 99.9, 100.0)
    assert book.quote(1, 101.0, 101.1) == 0


def test_a_side_that_shows_no_size_cannot_be_traded(book: Book) -> None:
    book.quote(0, 99.9, 100.0, ask_size=0.0)
    assert book.quote(1, 101.0, 101.1) == 0
    book.quote(0, 99.9, 100.0)
    assert book.quote(1, 101.0, 101.1, bid_size=0.0) == 0
    assert book.quote(1, 101.0, 101.1, ask_size=0.0) > 0
    assert book.pair(book.quote(0, 99.9, 100.0, bid_size=0.0)) == (0, 1)
    book.quote(1, 101.0, 101.1, bid_size=0.0)
    assert book.quote(0, 99.9, 100.0) == 0


def test_times_are_kept_to_the_nanosecond_for_a_hundred_days(book: Book) -> None:
    book.quote(0, 98.0, 99.0)
    at_ns = T0 + 100 * 86_400 * S + 7
    book.quote(0, 98.0, 99.0, at_ns=at_ns)
    epoch_ns = int(book.params[kernel.EPOCH_S]) * S
    assert epoch_ns + int(book.row(0)[kernel.RECEIVE]) == at_ns


def test_accepted_quotes_are_counted_per_venue(book: Book) -> None:
    book.quote(0, 98.0, 99.0)
    book.quote(VENUES, 98.0, 99.0)
    book.quote(1, 99.0, 98.0)
    counts = book.params[kernel.HEADER + kernel.ACCEPTED :: kernel.VENUE_FIELDS]
    assert list(counts) == [2.0, 0.0, 0.0]


def test_a_quote_delivered_late_makes_no_venue_heard_of_earlier(book: Book) -> None:
    for at_ns in (T0 + 2 * S, T0 + S):
        book.quote(0, 98.0, 99.0, exchange_ns=T0, at_ns=at_ns)
    epoch_ns = int(book.params[kernel.EPOCH_S]) * S
    for heard in (kernel.NEWEST, kernel.HEADER + kernel.LAST_RECEIVE):
        assert epoch_ns + int(book.params[heard]) == T0 + 2 * S
    assert book.params[kernel.HEADER + kernel.VENUE_FIELDS + kernel.LAST_RECEIVE] == -math.inf


def test_a_net_edge_exactly_at_the_most_that_is_believed_counts(book: Book) -> None:
    for slot in range(SLOTS):
        book.set(slot, kernel.FEE, 0.0)
    book.params[kernel.SLIPPAGE] = 0.0
    book.params[kernel.MIN_EDGE] = book.params[kernel.MAX_EDGE] = 0.25
    book.quote(0, 3.0, 4.0)
    assert book.pair(book.quote(1, 5.0, 6.0)) == (0, 1)
    assert book.quote(1, 5.0625, 6.0) == 0
    book.quote(1, 5.0, 6.0)
    assert book.pair(book.quote(0, 3.0, 4.0)) == (0, 1)
    assert book.quote(0, 3.0, 3.9375) == 0


def test_of_two_equal_edges_the_first_venue_is_dealt_with(book: Book) -> None:
    for slot in (1, 2):
        book.quote(slot, 101.0, 101.1)
    assert book.pair(book.quote(0, 99.9, 100.0)) == (0, 1)
    book.quote(0, 101.0, 101.1)
    for slot in (0, 1):
        book.quote(slot, 99.9, 100.0)
    assert book.pair(book.quote(2, 101.0, 101.1)) == (0, 2)


def test_no_edge_at_all_counts_where_no_gain_is_asked_for(book: Book) -> None:
    for slot in range(SLOTS):
        book.set(slot, kernel.FEE, 0.0)
    book.params[kernel.SLIPPAGE] = book.params[kernel.MIN_EDGE] = 0.0
    book.quote(0, 3.0, 4.0)
    assert book.pair(book.quote(1, 4.0, 5.0)) == (0, 1)
    assert book.pair(book.quote(0, 3.0, 4.0)) == (0, 1)


def test_slippage_is_a_fraction_of_the_price_bought_at_whichever_quote_came_last(
    book: Book,
) -> None:
    for slot in range(SLOTS):
        book.set(slot, kernel.FEE, 0.0)
    book.params[kernel.SLIPPAGE], book.params[kernel.MIN_EDGE] = 0.5, 0.25
    book.quote(0, 3.0, 4.0)
    assert book.quote(1, 6.9, 9.0) == 0
    assert book.pair(book.quote(1, 7.0, 9.0)) == (0, 1)  # 7 − 4 − 2 of 4
    assert book.pair(book.quote(0, 3.0, 4.0)) == (0, 1)


def test_faults_are_numbered_as_in_the_model() -> None:
    assert {fault.name: getattr(kernel, fault.name) for fault in QuoteFault} == {
        fault.name: int(fault) for fault in QuoteFault
    }


def test_a_warm_kernel_takes_whole_numbers_without_compiling_again() -> None:
    warm()
    dispatcher = cast(Any, kernel.quote_step)
    signatures = len(dispatcher.signatures)
    book = implementations()["compiled"]()
    whole: Any = (98, 99, 1, 1)
    assert book.step(book.state, book.params, 0, *whole, T0, T0) == 0
    assert book.row(0)[: kernel.EXCHANGE] == [98.0, 99.0, 1.0, 1.0]
    assert len(dispatcher.signatures) == signatures


PRICES = st.one_of(
    st.floats(90, 110),
    st.sampled_from([0.0, -1.0, math.nan, math.inf, 100.0, 101.0]),
)
SIZES = st.one_of(st.floats(0, 10), st.sampled_from([0.0, -1.0, math.nan]))
QUOTES = st.tuples(
    st.integers(-1, SLOTS),
    PRICES,
    PRICES,
    SIZES,
    SIZES,
    st.integers(0, 20 * S),
    st.integers(0, 20 * S),
)


@given(
    quotes=st.lists(QUOTES, max_size=60),
    fees=st.lists(st.sampled_from([0.0, 0.001, -0.0001, math.nan]), min_size=SLOTS, max_size=SLOTS),
    min_edge=st.floats(-0.05, 0.05),
    lost=st.sets(st.integers(0, VENUES - 1), max_size=1),
)
def test_kernel_and_twin_agree_on_every_history(
    quotes: Sequence[tuple[int, float, float, float, float, int, int]],
    fees: list[float],
    min_edge: float,
    lost: set[int],
) -> None:
    compiled, plain = implementations()["compiled"](), implementations()["plain"]()
    for book in (compiled, plain):
        for slot, fee in enumerate(fees):
            book.set(slot, kernel.FEE, fee)
        book.params[kernel.MIN_EDGE] = min_edge
        book.params[kernel.MAX_EDGE] = 0.1
        for venue in lost:
            book.lose(venue)
    for slot, bid, ask, bid_size, ask_size, sent, received in quotes:
        codes = {
            book.quote(
                slot,
                bid,
                ask,
                bid_size=bid_size,
                ask_size=ask_size,
                exchange_ns=T0 + sent,
                at_ns=T0 + received,
            )
            for book in (compiled, plain)
        }
        assert len(codes) == 1
    np.testing.assert_array_equal(compiled.state, np.array(plain.state))
    np.testing.assert_array_equal(compiled.params, np.array(plain.params))


@given(quotes=st.lists(QUOTES, max_size=60))
def test_what_the_board_holds_is_never_crossed_and_always_finite(
    quotes: Sequence[tuple[int, float, float, float, float, int, int]],
) -> None:
    book = implementations()["compiled"]()
    for slot, bid, ask, bid_size, ask_size, sent, received in quotes:
        book.quote(
            slot,
            bid,
            ask,
            bid_size=bid_size,
            ask_size=ask_size,
            exchange_ns=T0 + sent,
            at_ns=T0 + received,
        )
    live = book.state[book.state[:, kernel.LIVE] == 1.0]
    assert np.isfinite(live).all()
    assert (live[:, kernel.BID] > 0).all()
    assert (live[:, kernel.BID] <= live[:, kernel.ASK]).all()
    assert (live[:, [kernel.BID_SIZE, kernel.ASK_SIZE]] >= 0).all()
