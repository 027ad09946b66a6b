"""The board keeps what the venues last said, counts what it refuses, and finds what pays."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from arbiter.books.board import BestPair, BoardSettings, QuoteBoard
from arbiter.books.registry import MarketRegistry
from arbiter.model.errors import BadConfig, NotFound
from arbiter.model.ids import InstrumentId, Symbol, VenueId
from arbiter.model.instruments import InstrumentKind
from arbiter.model.quotes import Quote, QuoteFault
from tests.unit.books.listings import (
    BINANCE,
    BYBIT,
    KRAKEN,
    OKX,
    T0,
    S,
    make_board,
    perpetual,
    quote,
    spot,
)

BTC_A, BTC_B, BTC_C = spot(BINANCE), spot(BYBIT), spot(OKX)
ETH_A, ETH_B = spot(BINANCE, "ETH"), spot(BYBIT, "ETH")


def test_crossed_quote_is_refused_and_counted() -> None:
    board = make_board(BTC_A, BTC_B)
    quote(board, BTC_A, 99.0, 100.0)
    assert quote(board, BTC_A, 101.0, 100.0, at_ns=T0 + 1) == -QuoteFault.CROSSED
    held = board.quote(BTC_A.id)
    assert held is not None
    assert (held.bid, held.ask, held.receive_ns) == (99.0, 100.0, T0)
    assert board.fault_counts == {BINANCE: {QuoteFault.CROSSED: 1}, BYBIT: {}}
    assert board.quotes_total == 1


def test_faults_are_counted_per_venue_and_kind() -> None:
    board = make_board(BTC_A, BTC_B)
    quote(board, BTC_A, 0.0, 100.0)
    quote(board, BTC_A, -1.0, 100.0)
    quote(board, BTC_A, math.nan, 100.0)
    quote(board, BTC_B, 99.0, 100.0, bid_size=-1.0)
    assert board.fault_counts == {
        BINANCE: {QuoteFault.NOT_POSITIVE: 2, QuoteFault.NOT_FINITE: 1},
        BYBIT: {QuoteFault.NEGATIVE_SIZE: 1},
    }


def test_the_mark_is_the_mid_without_the_noise_of_floats() -> None:
    board = make_board(BTC_A)
    quote(board, BTC_A, 0.1, 0.2)
    assert (0.1 + 0.2) / 2 != 0.15
    assert board.mark(BTC_A.id) == 0.15


def test_a_slot_nobody_lists_takes_no_quote() -> None:
    board = make_board(BTC_A, ETH_B)
    unlisted = 1
    assert board.registry.instrument_at(unlisted) is None
    assert board.update(unlisted, 99.0, 100.0, 1.0, 1.0, T0, T0) == -QuoteFault.UNLISTED
    assert board.update(10**6, 99.0, 100.0, 1.0, 1.0, T0, T0) == -QuoteFault.UNLISTED
    assert board.fault_counts[BYBIT] == {QuoteFault.UNLISTED: 1}


def test_what_was_quoted_comes_back_to_the_nanosecond() -> None:
    board = make_board(BTC_A)
    quote(board, BTC_A, 99.5, 100.25, bid_size=2.0, ask_size=3.0, exchange_ns=T0 + 1, at_ns=T0 + 3)
    assert board.quote(BTC_A.id) == Quote(
        instrument=BTC_A.id,
        bid=99.5,
        ask=100.25,
        bid_size=2.0,
        ask_size=3.0,
        exchange_ns=T0 + 1,
        receive_ns=T0 + 3,
    )
    assert board.age_ns(BTC_A.id, T0 + 10) == 7
    assert board.last_receive_ns == {BINANCE: T0 + 3}


def test_before_the_first_quote_there_is_nothing_to_read() -> None:
    board = make_board(BTC_A, BTC_B)
    assert board.quote(BTC_A.id) is None
    assert board.age_ns(BTC_A.id, T0) is None
    assert board.mark(BTC_A.id) is None
    assert board.edge(0, 1) == -math.inf
    assert board.spread_rows(T0) == []
    assert board.last_receive_ns == {BINANCE: None, BYBIT: None}


def test_a_candidate_decodes_to_buyer_and_seller() -> None:
    board = make_board(BTC_A, BTC_B, ETH_A, ETH_B)
    quote(board, ETH_B, 99.9, 100.0)
    code = quote(board, ETH_A, 101.0, 101.1)
    assert board.decode(code) == (board.registry.slot(ETH_B.id), board.registry.slot(ETH_A.id))


def test_edge_is_net_of_both_fees_and_slippage() -> None:
    board = make_board(spot(BINANCE, fee="0.001"), spot(BYBIT, fee="0.002"))
    quote(board, BTC_A, 99.0, 100.0)
    quote(board, BTC_B, 102.0, 103.0)
    # 102 − 100 − 100·0.001 − 102·0.002 − 100·0.001 = 1.596 on 100.
    assert board.edge(0, 1) == pytest.approx(0.01596)


def test_a_lost_venues_quotes_are_stale_at_once_and_stay_so() -> None:
    board = make_board(BTC_A, BTC_B)
    quote(board, BTC_A, 99.9, 100.0)
    board.set_venue_health(BINANCE, False, "connection reset")
    assert not board.healthy(BINANCE)
    assert board.health_reason(BINANCE) == "connection reset"
    assert board.quote(BTC_A.id) is None
    assert board.age_ns(BTC_A.id, T0) is None
    assert quote(board, BTC_B, 101.0, 101.1) == 0

    board.set_venue_health(BINANCE, True)
    assert board.healthy(BINANCE)
    assert board.health_reason(BINANCE) == ""
    assert quote(board, BTC_B, 101.0, 101.1) == 0
    assert quote(board, BTC_A, 99.9, 100.0) > 0


def test_a_venue_that_comes_back_may_count_its_time_anew() -> None:
    board = make_board(BTC_A)
    quote(board, BTC_A, 99.0, 100.0)
    board.set_venue_health(BINANCE, False, "restart")
    board.set_venue_health(BINANCE, True)
    assert quote(board, BTC_A, 99.0, 100.0, exchange_ns=T0 - S, at_ns=T0 + S) == 0


def test_a_lost_venue_still_has_a_mark_to_value_holdings_by() -> None:
    board = make_board(BTC_A)
    quote(board, BTC_A, 99.0, 101.0)
    board.set_venue_health(BINANCE, False, "lost")
    assert board.mark(BTC_A.id) == 100.0


def test_an_unknown_venue_has_no_health() -> None:
    with pytest.raises(NotFound):
        make_board(BTC_A).set_venue_health(VenueId("mtgox"), False, "gone")


def test_perpetuals_are_kept_but_not_watched_for_spot_spreads() -> None:
    left, right = perpetual(BINANCE), perpetual(BYBIT)
    board = make_board(left, right)
    quote(board, left, 99.9, 100.0)
    assert quote(board, right, 105.0, 105.1) == 0
    assert board.quote(right.id) is not None


def test_watching_fewer_slots_keeps_their_quotes_and_ends_their_candidates() -> None:
    board = make_board(BTC_A, BTC_B, ETH_A, ETH_B)
    board.watch([board.registry.slot(ETH_A.id), board.registry.slot(ETH_B.id)])
    for cheap, dear, found in ((BTC_A, BTC_B, False), (ETH_A, ETH_B, True)):
        quote(board, cheap, 99.9, 100.0)
        assert (quote(board, dear, 101.0, 101.1) > 0) is found
    assert board.quote(BTC_B.id) is not None
    assert [row.buy_slot for row in board.spread_rows(T0)] == [board.registry.slot(ETH_A.id)]


def test_new_thresholds_hold_from_the_next_quote() -> None:
    board = make_board(BTC_A, BTC_B)
    quote(board, BTC_A, 99.9, 100.0)
    assert quote(board, BTC_B, 101.0, 101.1) > 0
    board.reconfigure(BoardSettings(min_edge=0.02))
    assert quote(board, BTC_B, 101.0, 101.1) == 0


def test_spread_rows_give_the_best_pair_of_each_symbol_best_first() -> None:
    board = make_board(BTC_A, BTC_B, BTC_C, ETH_A, ETH_B)
    quote(board, BTC_A, 99.0, 100.0)
    quote(board, BTC_B, 100.5, 101.0)
    quote(board, BTC_C, 100.2, 100.3)
    quote(board, ETH_A, 9.9, 10.0)
    quote(board, ETH_B, 10.4, 10.5)
    rows = board.spread_rows(T0)
    names = [
        (at.symbol, at.venue, to.venue)
        for row in rows
        if (at := board.registry.instrument_at(row.buy_slot))
        and (to := board.registry.instrument_at(row.sell_slot))
    ]
    assert names == [("ETH/USDT", BINANCE, BYBIT), ("BTC/USDT", BINANCE, BYBIT)]
    assert board.spread_rows(T0, limit=1) == rows[:1]
    assert (rows[0].buy_price, rows[0].sell_price) == (10.0, 10.4)


def test_spread_rows_leave_out_stale_quotes_and_lost_venues() -> None:
    board = make_board(BTC_A, BTC_B)
    quote(board, BTC_A, 99.0, 100.0)
    quote(board, BTC_B, 101.0, 102.0)
    assert len(board.spread_rows(T0 + 5 * S)) == 1
    assert board.spread_rows(T0 + 5 * S + 1) == []
    board.set_venue_health(BYBIT, False, "lost")
    assert board.spread_rows(T0) == []


def test_pairs_of_a_symbol_are_all_its_directions() -> None:
    board = make_board(BTC_A, BTC_B, BTC_C, spot(KRAKEN))
    for instrument in (BTC_A, BTC_B, BTC_C):
        quote(board, instrument, 99.0, 100.0)
    pairs = board.pairs_of(board.registry.slot(BTC_B.id), T0)
    assert {(p.buy_slot, p.sell_slot) for p in pairs} == {
        (a, b) for a in range(3) for b in range(3) if a != b
    }


@given(prices=st.lists(st.tuples(st.floats(90, 110), st.floats(0, 2)), min_size=3, max_size=3))
def test_the_table_of_spreads_agrees_with_the_kernel_and_the_single_edge(
    prices: list[tuple[float, float]],
) -> None:
    board = make_board(BTC_A, BTC_B, BTC_C, settings=BoardSettings(min_edge=-1.0))
    code = 0
    for instrument, (bid, width) in zip((BTC_A, BTC_B, BTC_C), prices, strict=True):
        code = quote(board, instrument, bid, bid + width)
    (best,) = board.spread_rows(T0)
    assert best.edge == pytest.approx(board.edge(best.buy_slot, best.sell_slot), abs=1e-12)
    assert best.edge >= board.edge(*board.decode(code)) - 1e-12
    assert best == board.pairs_of(0, T0)[0]
    assert isinstance(best, BestPair)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"min_edge": math.nan}, "min_edge"),
        ({"slippage": -0.1}, "slippage"),
        ({"min_edge": 0.5, "max_edge": 0.1}, "max_edge"),
        ({"max_age_ns": 0}, "max_age_ns"),
    ],
)
def test_impossible_settings_are_refused_by_name(change: dict[str, float], named: str) -> None:
    with pytest.raises(BadConfig, match=named):
        BoardSettings(**change)  # type: ignore[arg-type]


def test_market_admitted_later_is_quoted_from_then_on_and_not_before() -> None:
    late = replace(
        perpetual(BINANCE),
        id=InstrumentId("LATE.BINANCE"),
        symbol=Symbol("LATE/USD:EVENT"),
        kind=InstrumentKind.BINARY,
    )
    board = QuoteBoard(MarketRegistry([spot(BINANCE)], room=1), BoardSettings())
    board.registry.admit([late])
    assert quote(board, late, 0.4, 0.5) == -QuoteFault.UNLISTED
    board.admit([late])
    assert quote(board, late, 0.4, 0.5) == 0
    assert board.fresh_top(late.id, T0) == (0.4, 0.5)
