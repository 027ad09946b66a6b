"""What is read off the board: spreads, mids and tops of quotes that may be used, and no others."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arbiter.books.board import BoardSettings, QuoteBoard, QuoteRows
from arbiter.model.instruments import Instrument
from arbiter.model.quotes import QuoteFault
from tests.unit.books.listings import BINANCE, BYBIT, OKX, T0, S, make_board, quote, spot

A, B, C = spot(BINANCE, fee="0.001"), spot(BYBIT, fee="0.003"), spot(OKX, fee="0")
ETH = spot(BINANCE, "ETH")
SLIPPAGE = 0.002
HELD = BoardSettings(slippage=SLIPPAGE)


def two_sides() -> QuoteBoard:
    """Bought at 100 on A, sold at 103 on B."""
    board = make_board(A, B, C, settings=HELD)
    quote(board, A, 99.0, 100.0)
    quote(board, B, 103.0, 104.0)
    return board


def net(bid: float, ask: float, buys: Instrument, sells: Instrument) -> float:
    costs = ask * float(buys.taker_fee) + bid * float(sells.taker_fee) + ask * SLIPPAGE
    return (bid - ask - costs) / ask


def test_every_way_to_read_an_edge_takes_each_fee_at_its_own_side_and_the_slippage() -> None:
    board = two_sides()
    there, back = net(103.0, 100.0, A, B), net(99.0, 104.0, B, A)
    assert board.edge(0, 1) == pytest.approx(there)
    assert board.edge(1, 0) == pytest.approx(back)
    edges = board.edges(T0)[0]
    assert (edges[0, 1], edges[1, 0]) == (pytest.approx(there), pytest.approx(back))
    gross, sampled = board.spreads_of(np.array([0, 1]), np.array([1, 0]), T0)
    assert gross == pytest.approx([0.03, -5 / 104])
    assert sampled == pytest.approx([there, back])
    spreads = board.gross_spreads(T0)[0]
    assert (spreads[0, 1], spreads[1, 0]) == (pytest.approx(0.03), pytest.approx(-5 / 104))
    assert np.isneginf(np.diag(edges)).all()


Reading = Callable[[QuoteBoard, int], float]
READINGS: dict[str, Reading] = {
    "edges": lambda board, now: float(board.edges(now)[0, 0, 1]),
    "gross": lambda board, now: float(board.gross_spreads(now)[0, 0, 1]),
    "sampled": lambda board, now: float(board.spreads_of(np.array([0]), np.array([1]), now)[0][0]),
}


@pytest.mark.parametrize("reading", READINGS.values(), ids=READINGS)
@pytest.mark.parametrize("late", [A, B])
def test_a_pair_with_one_quote_too_old_or_lost_is_not_read(
    reading: Reading, late: Instrument
) -> None:
    board = two_sides()
    early = B if late is A else A
    oldest = T0 + HELD.max_age_ns
    assert math.isfinite(reading(board, oldest))
    assert not math.isfinite(reading(board, oldest + 1))
    held = {A: (99.0, 100.0), B: (103.0, 104.0)}[early]
    quote(board, early, *held, at_ns=oldest)
    assert not math.isfinite(reading(board, oldest + 1))
    quote(board, late, *{A: (99.0, 100.0), B: (103.0, 104.0)}[late], at_ns=oldest)
    assert math.isfinite(reading(board, oldest + 1))
    board.set_venue_health(late.venue, False, "lost")
    assert not math.isfinite(reading(board, oldest))
    quote(board, late, *{A: (99.0, 100.0), B: (103.0, 104.0)}[late], at_ns=oldest)
    assert not math.isfinite(reading(board, oldest))


@pytest.mark.parametrize("reading", READINGS.values(), ids=READINGS)
@pytest.mark.parametrize("lost", [A, B])
def test_a_venue_that_is_back_is_read_from_its_next_quote_on(
    reading: Reading, lost: Instrument
) -> None:
    board = two_sides()
    board.set_venue_health(lost.venue, False, "lost")
    board.set_venue_health(lost.venue, True)
    assert not math.isfinite(reading(board, T0))
    quote(board, lost, *{A: (99.0, 100.0), B: (103.0, 104.0)}[lost])
    assert math.isfinite(reading(board, T0))


def test_an_edge_of_a_lost_venue_is_none_whichever_side_it_is_on() -> None:
    for lost in (BINANCE, BYBIT):
        board = two_sides()
        board.set_venue_health(lost, False, "lost")
        assert board.edge(0, 1) == board.edge(1, 0) == -math.inf


@pytest.mark.parametrize(("buys", "sells", "found"), [(0.0, 1.0, False), (1.0, 0.0, False)])
def test_a_side_without_size_is_no_pair(buys: float, sells: float, found: bool) -> None:
    board = make_board(A, B, settings=HELD)
    quote(board, A, 99.0, 100.0, ask_size=buys, bid_size=0.0)
    quote(board, B, 103.0, 104.0, bid_size=sells, ask_size=0.0)
    assert bool(board.spread_rows(T0)) is found
    quote(board, A, 99.0, 100.0, ask_size=1.0, bid_size=0.0)
    quote(board, B, 103.0, 104.0, bid_size=1.0, ask_size=0.0)
    (row,) = board.spread_rows(T0)
    assert (row.buy_slot, row.sell_slot) == (0, 1)


def test_mids_are_of_fresh_quotes_alone() -> None:
    board = two_sides()
    assert board.mids(T0)[:2] == pytest.approx([99.5, 103.5])
    assert math.isnan(board.mids(T0)[2])
    assert np.isnan(board.mids(T0 + HELD.max_age_ns + 1)).all()


def test_a_top_is_fresh_from_the_asked_moment_on_and_gone_with_its_venue() -> None:
    board = two_sides()
    assert board.fresh_top(A.id, T0) == (99.0, 100.0)
    assert board.fresh_top(A.id, T0 + 1) is None
    board.set_venue_health(BINANCE, False, "lost")
    assert board.fresh_top(A.id, T0) is None


def test_a_venue_that_is_well_gives_no_reason() -> None:
    board = two_sides()
    board.set_venue_health(BINANCE, True, "all is well")
    assert board.health_reason(BINANCE) == ""


def test_all_thresholds_hold_from_the_next_quote() -> None:
    board = two_sides()
    assert quote(board, B, 103.0, 104.0) > 0
    board.tune(min_edge=0.005, max_edge=0.01, slippage=SLIPPAGE, max_age_ns=S)
    assert quote(board, B, 103.0, 104.0) == 0
    board.tune(min_edge=0.005, max_edge=1.0, slippage=SLIPPAGE, max_age_ns=S)
    assert quote(board, B, 103.0, 104.0, at_ns=T0 + S) > 0
    assert quote(board, B, 103.0, 104.0, at_ns=T0 + S + 1) == 0
    assert board.settings.max_age_ns == S
    quote(board, A, 99.0, 100.0, at_ns=T0 + S)
    board.tune(min_edge=0.005, max_edge=1.0, slippage=0.5, max_age_ns=S)
    assert quote(board, B, 103.0, 104.0, at_ns=T0 + S + 1) == 0
    assert board.edge(0, 1) == pytest.approx(net(103.0, 100.0, A, B) - 0.5 + SLIPPAGE)


def test_equal_thresholds_ask_for_one_edge_alone() -> None:
    assert BoardSettings(min_edge=0.25, max_edge=0.25).max_edge == 0.25


def rows(*quotes: tuple[int, float, float, int]) -> QuoteRows:
    """(slot, bid, ask, received after `T0`) each, of size 1 and without a venue's time."""
    return QuoteRows(
        slots=np.array([slot for slot, *_ in quotes], dtype=np.int32),
        prices=np.array([(bid, ask, 1.0, 1.0) for _, bid, ask, _ in quotes]),
        times=np.array([(0, T0 + at) for *_, at in quotes], dtype=np.int64),
    )


def test_a_hushed_direction_is_passed_over_until_its_time_and_no_other() -> None:
    board = make_board(A, B, ETH, settings=HELD)
    recorded = rows((0, 99.0, 100.0, 0), *[(1, 103.0, 104.0, at) for at in (1, 2, 3)])
    board.hush(0, 1, T0 + 3)
    board.hush(1, 0, T0 + 9)
    assert board.scan(recorded, 0, T0 + 10) == (4, 1 + 0 * board.n_slots + 1, 2)
    assert board.decode(2) == (0, 1)


def test_a_hushed_direction_of_another_symbol_is_its_own() -> None:
    other = spot(BYBIT, "ETH")
    board = make_board(A, B, ETH, other, settings=HELD)
    cheap, dear = board.registry.slot(ETH.id), board.registry.slot(other.id)
    board.hush(cheap, dear, T0 + 9)
    recorded = rows((cheap, 99.0, 100.0, 0), (dear, 103.0, 104.0, 1), (0, 99.0, 100.0, 2))
    assert board.scan(recorded, 0, T0 + 10) == (3, 0, 1)
    again = rows((1, 103.0, 104.0, 3))
    assert board.scan(again, 0, T0 + 10)[1] > 0


def test_faults_of_a_scan_and_of_single_quotes_are_counted_together_and_once() -> None:
    board = make_board(A, B, settings=HELD)
    quote(board, A, 101.0, 100.0)
    board.scan(rows((0, 101.0, 100.0, 1), (0, 101.0, 100.0, 2), (1, 0.0, 1.0, 3)), 0, T0 + 10)
    counts = {BINANCE: {QuoteFault.CROSSED: 3}, BYBIT: {QuoteFault.NOT_POSITIVE: 1}}
    assert board.fault_counts == counts
    assert board.fault_counts == counts
    assert (board.quotes_total, board.accepted_counts) == (0, {BINANCE: 0, BYBIT: 0})


@given(st.lists(st.tuples(st.floats(90, 110), st.floats(0, 2)), min_size=3, max_size=3))
def test_every_reading_of_a_pair_gives_one_edge(tops: list[tuple[float, float]]) -> None:
    board = make_board(A, B, C, settings=HELD)
    for instrument, (bid, width) in zip((A, B, C), tops, strict=True):
        quote(board, instrument, bid, bid + width)
    pairs = [(a, b) for a in range(3) for b in range(3) if a != b]
    edges = board.edges(T0)[0]
    buys, sells = (np.array(side) for side in zip(*pairs, strict=True))
    _, sampled = board.spreads_of(buys, sells, T0)
    for (buy, sell), value in zip(pairs, sampled, strict=True):
        assert edges[buy, sell] == pytest.approx(board.edge(buy, sell), abs=1e-12)
        assert value == pytest.approx(board.edge(buy, sell), abs=1e-12)
