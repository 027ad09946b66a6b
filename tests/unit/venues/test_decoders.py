"""What Binance's and Bybit's messages mean, pinned; and that nothing else gets through."""

import os
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from pathlib import Path

import pytest

from arbiter.venues.binance import decode as binance
from arbiter.venues.bybit import decode as bybit
from arbiter.venues.common.frames import BadFrame
from tests.unit.venues.frames import (
    FakeLink,
    Taker,
    binance_talks,
    bybit_talks,
    frame,
)

RECORDED = Path(os.environ.get("ARBITER_DATA", "../shared/data")) / "raw"
READERS: dict[str, Callable[[bytes], object]] = {
    f"{module.__name__.split('.')[-2]}.{name}": getattr(module, name)
    for module in (binance, bybit)
    for name in dir(module)
    if name.startswith("read_")
}
recorded = pytest.mark.skipif(
    not RECORDED.exists(), reason=f"no recordings at {RECORDED}; set ARBITER_DATA"
)

# Pinned ------------------------------------------------------------------------------------


def test_binance_spot_quote_has_a_number_and_no_time() -> None:
    told = binance.read_ticker(frame("binance/spot_book_ticker"))
    assert (told.s, told.u, told.T) == ("BNBUSDT", 400900217, 0)
    assert (told.b, told.B, told.a, told.A) == (25.3519, 31.21, 25.3652, 40.66)


def test_binance_futures_quote_carries_its_transaction_time() -> None:
    told = binance.read_ticker(frame("binance/futures_book_ticker"))
    assert (told.u, told.T) == (400900218, 1568014460891)


def test_binance_depth_numbers_its_updates_and_futures_link_them() -> None:
    spot = binance.read_depth(frame("binance/spot_depth"))
    assert (spot.U, spot.u, spot.pu, spot.at_ms) == (157, 160, None, 1672515782136)
    assert spot.b == [(0.0024, 10.0), (0.0023, 0.0)]
    futures = binance.read_depth(frame("binance/futures_depth"))
    assert (futures.U, futures.u, futures.pu, futures.at_ms) == (157, 160, 149, 123456788)
    assert futures.a == [(7405.96, 3.34), (7406.63, 0.0)]


@pytest.mark.parametrize("market", ["spot", "futures"])
def test_binance_snapshot_says_up_to_which_update_it_reaches(market: str) -> None:
    told = binance.read_snapshot(frame(f"binance/{market}_snapshot"))
    assert told.last == 1027024
    assert (told.bids, told.asks) == ([(4.0, 431.0)], [(4.000002, 12.0)])


def test_binance_trades_say_who_took() -> None:
    single = binance.read_trade(frame("binance/spot_trade"))
    assert (single.t, single.p, single.q, single.m) == (12345, 0.001, 100.0, True)
    together = binance.read_trade(frame("binance/futures_trade"))
    assert (together.a, together.t, together.m, together.T) == (5933014, None, False, 123456785)


def test_binance_mark_and_funding_are_exact() -> None:
    told = binance.read_mark(frame("binance/futures_mark"))
    assert (told.p, told.r) == (Decimal("11794.15000000"), Decimal("0.00038167"))
    assert told.T == 1562306400000
    listed = binance.read_funding_info(frame("binance/futures_funding_info"))
    assert [(info.symbol, info.hours) for info in listed] == [("BLZUSDT", 4)]


def test_binance_answers_tell_granted_from_refused() -> None:
    assert binance.read_notice(frame("binance/granted")).refusal is None
    refused = binance.read_notice(frame("binance/refused"))
    assert (refused.id, refused.refusal) == (7, "2 Invalid request: unknown variant")
    assert binance.read_notice(frame("binance/shutdown")).e == "serverShutdown"


def test_bybit_book_tells_whole_from_change_and_when_it_was_made() -> None:
    whole = bybit.read_book(frame("bybit/top_snapshot"))
    assert (whole.type, whole.data.u, whole.cts) == ("snapshot", 18521288, 1672304484976)
    assert (whole.data.b, whole.data.a) == ([(16493.5, 0.006)], [(16611.0, 0.029)])
    change = bybit.read_book(frame("bybit/depth_delta"))
    assert (change.type, change.data.u) == ("delta", 177400507)
    assert change.data.b == [(30247.2, 30.028), (30245.4, 0.0)]


def test_bybit_trade_and_ticker() -> None:
    (trade,) = bybit.read_trades(frame("bybit/trades")).data
    assert (trade.S, trade.v, trade.p, trade.T) == ("Buy", 0.001, 16578.5, 1672304486865)
    told = bybit.read_ticker(frame("bybit/ticker_snapshot")).data
    assert (told.mark, told.rate) == (Decimal("17217.33"), Decimal("-0.000212"))
    assert (told.next_ms, told.hours) == (1673280000000, 8)
    changed = bybit.read_ticker(frame("bybit/ticker_delta")).data
    assert (changed.mark, changed.rate) == (Decimal("17217.40"), None)


@recorded
@pytest.mark.parametrize(
    ("reader", "name"),
    [
        ("binance.read_ticker", "binance/futures_market_data_json_book_ticker_stream"),
        ("binance.read_depth", "binance/futures_market_data_json_depth_update_stream"),
        ("binance.read_trade", "binance/futures_market_data_json_agg_trade_stream"),
        ("binance.read_trade", "binance/futures_market_data_json_trade_stream"),
        ("binance.read_mark", "binance/futures_market_data_json_mark_price_stream"),
        ("binance.read_snapshot", "binance/spot_http_json_depth_response"),
        ("binance.read_klines", "binance/spot_http_json_klines_response"),
        ("bybit.read_book", "bybit/ws_orderbook_snapshot"),
        ("bybit.read_book", "bybit/ws_orderbook_delta"),
        ("bybit.read_trades", "bybit/ws_public_trade"),
        ("bybit.read_ticker", "bybit/ws_ticker_linear"),
        ("bybit.read_notice", "bybit/ws_subscription_ack"),
        ("bybit.read_notice", "bybit/ws_subscription_failure"),
        ("bybit.read_klines", "bybit/http_get_klines_linear"),
    ],
)
def test_recorded_messages_are_read(reader: str, name: str) -> None:
    assert READERS[reader]((RECORDED / f"{name}.json").read_bytes())


@recorded
@pytest.mark.parametrize("venue", ["binance", "bybit"])
def test_every_other_recorded_message_is_refused_or_read_but_never_breaks(venue: str) -> None:
    talks = binance_talks if venue == "binance" else bybit_talks
    for path in sorted((RECORDED / venue).glob("*.json")):
        for talk in talks(FakeLink(), Taker()):
            with suppress(BadFrame):
                talk.hear(path.read_bytes())
