"""What Kraken's messages mean, pinned; its checksum, names of orders, fees and refusals."""

import random
from decimal import Decimal
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arbiter.model.ids import ClientOrderId, TradeId, VenueId, client_order_id, uuid7
from arbiter.model.instruments import Instrument
from arbiter.model.orders import Liquidity, OrderStatus, Side
from arbiter.model.reports import Ended, Filled, VenueReport
from arbiter.simex.kraken.limits import Counter
from arbiter.simex.kraken.streams import checksum
from arbiter.venues.common.frames import FeedTally
from arbiter.venues.common.seen import NumberedTrades
from arbiter.venues.common.signed import Answered
from arbiter.venues.common.stream import Talk
from arbiter.venues.common.times import nanos
from arbiter.venues.common.verdicts import Verdict
from arbiter.venues.kraken import decode as kraken
from arbiter.venues.kraken.addresses import asset_of, rest_name
from arbiter.venues.kraken.book import CheckedBook
from arbiter.venues.kraken.decode import Book, Level
from arbiter.venues.kraken.depth import DepthTalk
from arbiter.venues.kraken.errors import VERDICTS, read_refusal
from arbiter.venues.kraken.feed import QuoteTalk
from arbiter.venues.kraken.listing import instruments, schedule
from arbiter.venues.kraken.names import Names
from arbiter.venues.kraken.private import PrivateTalk, read_executions
from arbiter.venues.kraken.reads import MOST, SINKS_PER_S, ReadCounter
from arbiter.venues.kraken.trades import TradeTalk
from tests.fakes.clock import FakeClock
from tests.fakes.moving_book import MovingBook, Pairs
from tests.fakes.wiring import listing
from tests.unit.venues.frames import FakeLink, Taker, frame

SYMBOLS = {name: n for n, name in enumerate(("BTC/USD", "ALGO/USD", "MATIC/USD", "USDC/USD"), 1)}
MARKETS = {name: listing(name.replace("/", "") + "T", "kraken") for name in SYMBOLS}


# Pinned ------------------------------------------------------------------------------------


def test_a_quote_may_come_without_its_time() -> None:
    (told,) = kraken.read_ticker(frame("kraken/ticker")).data
    assert (told.symbol, told.bid, told.ask) == ("BTC/USD", 108359.8, 108359.9)
    assert told.timestamp is not None
    assert nanos(told.timestamp) == 1_758_803_401_123_456_000
    (told,) = kraken.read_ticker(frame("kraken/ticker_without_time")).data
    assert (told.bid_qty, told.timestamp) == (740.0, None)


def test_trade_is_numbered_and_says_who_took() -> None:
    (told,) = kraken.read_trades(frame("kraken/trades")).data
    assert (told.number, told.side, told.price, told.qty) == (4665906, "sell", 0.5117, 40.0)


def test_answers_tell_granted_from_refused() -> None:
    assert kraken.read_notice(frame("kraken/granted")).success
    refused = kraken.read_notice(frame("kraken/refused"))
    assert (refused.success, refused.symbol) == (False, "NOPE/USD")


def test_executions_are_exact() -> None:
    (fill,) = read_executions(frame("kraken/execution_trade")).data
    assert (fill.last_qty, fill.fees[0].qty) == (Decimal("15.44"), Decimal("0.03088618"))


@pytest.mark.parametrize("name", ["heartbeat", "status"])
def test_signs_of_life_are_no_data(name: str) -> None:
    link = FakeLink()
    talk = QuoteTalk(link, SYMBOLS, Taker(), FakeClock(), FeedTally())
    talk.hear(frame(f"kraken/{name}"))
    assert link.asides == 1


# The checksum ------------------------------------------------------------------------------


def test_the_documented_checksum_is_that_of_the_documented_book() -> None:
    (told,) = kraken.read_book(frame("kraken/book_snapshot")).data
    book = CheckedBook(10)
    assert book.snapshot(told)
    assert (book.best_bid, book.best_ask) == (45283.5, 45285.2)
    asks = [(_text(level.price), _text(level.qty)) for level in told.asks]
    bids = [(_text(level.price), _text(level.qty)) for level in told.bids]
    assert checksum(asks, bids) == told.checksum == 3310070434


def _text(raw: msgspec.Raw) -> str:
    return bytes(raw).decode()


def test_trailing_zeros_count() -> None:
    (told,) = kraken.read_book(frame("kraken/book_snapshot").replace(b"0.10000000", b"0.1")).data
    assert not CheckedBook(10).snapshot(told)


def _levels(pairs: Pairs) -> list[Level]:
    return [Level(msgspec.Raw(p.encode()), msgspec.Raw(s.encode())) for p, s in pairs]


def _book(venue: MovingBook, bids: Pairs, asks: Pairs) -> Book:
    total = checksum([(p, s) for p, s in venue.asks(10)], [(p, s) for p, s in venue.bids(10)])
    return Book("BTC/USD", total, _levels(bids), _levels(asks))


faults = st.lists(st.sampled_from(["fine"] * 6 + ["lost", "twice", "snapshot"]), max_size=60)


@given(faults=faults, seed=st.integers(0, 1_000))
def test_a_book_in_step_has_the_venues_ten_best(faults: list[str], seed: int) -> None:
    venue = MovingBook("BTC/USD", random.Random(seed))
    book = CheckedBook(25)
    for fault in [*faults, "snapshot", "fine"]:
        if fault == "snapshot":
            assert book.snapshot(_book(venue, venue.bids(), venue.asks()))
            continue
        change = venue.step()
        if fault == "lost" or not book.in_step:
            continue
        told = _book(venue, change.bids, change.asks)
        book.update(told)
        if fault == "twice" and book.in_step:
            assert book.update(told), "sizes are absolute"
        if book.in_step:
            assert book.bids(10) == [(float(p), float(s)) for p, s in venue.bids(10)]
            assert book.asks(10) == [(float(p), float(s)) for p, s in venue.asks(10)]
    assert book.in_step


def test_levels_that_fall_out_of_the_depth_are_forgotten() -> None:
    (told,) = kraken.read_book(frame("kraken/book_snapshot")).data
    book = CheckedBook(10)
    book.snapshot(told)
    better = Level(msgspec.Raw(b"45284.0"), msgspec.Raw(b"1.00000000"))
    book.update(Book("BTC/USD", 0, [better], []))
    assert book.bids(100)[0] == (45284.0, 1.0)
    assert len(book.bids(100)) == 10
    assert book.bids(100)[-1][0] == 45277.3


# Names of orders ---------------------------------------------------------------------------


@given(
    at_ms=st.integers(0, (1 << 42) - 1),
    noise=st.integers(0, (1 << 74) - 1),
    role=st.sampled_from("abcdefghcum"),
    attempt=st.integers(1, 127),
)
def test_our_ids_come_back_without_any_memory(
    at_ms: int, noise: int, role: str, attempt: int
) -> None:
    trade = TradeId(uuid7(at_ms * 1_000_000, noise))
    name = client_order_id(trade, role, attempt)
    sent = Names().venues(name)
    assert str(UUID(sent)) == sent
    assert Names().ours(sent) == name


def test_other_names_go_as_they_are_or_are_remembered() -> None:
    names = Names()
    assert names.venues(ClientOrderId("by-hand-7")) == "by-hand-7"
    assert names.ours("by-hand-7") == "by-hand-7"
    long = ClientOrderId("a name that is longer than that")
    sent = names.venues(long)
    assert names.ours(sent) == long
    assert Names().venues(long) == sent, "found again by name after a restart"
    beyond = client_order_id(TradeId(uuid7(1, 1)), "u", 128)
    assert names.ours(names.venues(beyond)) == beyond


def test_markets_and_assets_have_names_of_their_own() -> None:
    assert rest_name("BTC/USDT") == "XBTUSDT"
    assert rest_name("DOGE/BTC") == "XDGXBT"
    assert (asset_of("XBT"), asset_of("XBT.F"), asset_of("USDT")) == ("BTC", "BTC.F", "USDT")
    assert asset_of("LUNA") == "LUNC", "Kraken kept the name for the old coin"


# The listing -------------------------------------------------------------------------------

PAIR = {
    "altname": "XBTUSDT",
    "wsname": "XBT/USDT",
    "base": "XXBT",
    "quote": "USDT",
    "pair_decimals": 1,
    "lot_decimals": 8,
    "fees": [[0, 0.4], [10000, 0.35], [50000, 0.24]],
    "fees_maker": [[0, 0.25], [10000, 0.2], [50000, 0.14]],
    "ordermin": "0.00005",
    "costmin": "0.5",
    "tick_size": "0.1",
    "status": "online",
}


def _listed(row: dict[str, object], volume: str = "0") -> list[Instrument]:
    return instruments({"XBTUSDT": row}, VenueId("kraken"), Decimal(volume), {})


def test_fee_follows_the_pairs_own_schedule() -> None:
    (small,) = _listed(PAIR)
    assert (small.maker_fee, small.taker_fee) == (Decimal("0.0025"), Decimal("0.004"))
    (large,) = _listed(PAIR, "50000")
    assert (large.maker_fee, large.taker_fee) == (Decimal("0.0014"), Decimal("0.0024"))
    assert schedule([[0, 0.26]], Decimal(1)) == Decimal("0.0026")


def test_instrument_has_the_pairs_rules() -> None:
    (told,) = _listed(PAIR)
    assert (told.id, told.market_id, told.symbol) == ("BTCUSDT.KRAKEN", "BTC/USDT", "BTC/USDT")
    assert (told.tick, told.lot) == (Decimal("0.1"), Decimal("0.00000001"))
    assert (told.min_size, told.min_notional) == (Decimal("0.00005"), Decimal("0.5"))
    old = {name: value for name, value in PAIR.items() if name != "tick_size"}
    assert _listed(old)[0].tick == Decimal("0.1")


@pytest.mark.parametrize("change", [{"status": "cancel_only"}, {"altname": "XBTUSDT.d"}])
def test_what_cannot_be_traded_is_not_listed(change: dict[str, object]) -> None:
    assert not _listed(PAIR | change)


# Refusals ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("EOrder:Insufficient funds", Verdict.REFUSED),
        ("EGeneral:Invalid arguments:volume", Verdict.REFUSED),
        ("EAPI:Invalid nonce", Verdict.CLOCK),
        ("EOrder:Rate limit exceeded", Verdict.LIMITED),
        ("EService: Throttled: 1758803401", Verdict.LIMITED),
        ("EGeneral:Temporary lockout", Verdict.BANNED),
        ("EOrder:Unknown order", Verdict.ABSENT),
        ("EService:Unavailable", Verdict.UNKNOWN),
        ("EService:Busy", Verdict.UNKNOWN),
        ("EService:Market in cancel_only mode", Verdict.CLOSED),
    ],
)
def test_errors_are_told_apart(text: str, verdict: Verdict) -> None:
    refusal = read_refusal(200, {"error": [text]})
    assert refusal is not None
    assert VERDICTS.of(Answered(200, *refusal)) is verdict


def test_a_warning_is_no_error() -> None:
    assert read_refusal(200, {"error": ["WGeneral:deprecated"], "result": {}}) is None
    assert read_refusal(200, {"error": [], "result": {}}) is None


# The private stream ------------------------------------------------------------------------


def _private(link: FakeLink, said: list[VenueReport]) -> PrivateTalk:
    return PrivateTalk(
        link,
        VenueId("kraken"),
        "token",
        MARKETS,
        said.append,
        lambda number, told: ClientOrderId(told or number),
        lambda: None,
        FakeClock().now_ns,
    )


def test_a_fill_and_an_end_are_told() -> None:
    said: list[VenueReport] = []
    talk = _private(FakeLink(), said)
    talk.hear(frame("kraken/execution_trade"))
    talk.hear(frame("kraken/execution_canceled"))
    filled, ended = said
    assert isinstance(filled, Filled)
    fill = filled.fill
    assert (fill.venue_trade_id, fill.side) == ("T5DIUI-5N4KO-Z5BPXK", Side.SELL)
    assert (fill.price, fill.fee_asset) == (Decimal("1.0002"), "USD")
    assert fill.liquidity is Liquidity.TAKER
    assert fill.at_ns == 1_695_378_785_709_000_000
    assert isinstance(ended, Ended)
    assert (ended.status, ended.filled_size) == (OrderStatus.CANCELLED, Decimal(0))


def test_a_missing_private_message_ends_the_connection_and_a_repeated_one_does_nothing() -> None:
    link, said = FakeLink(), list[VenueReport]()
    talk = _private(link, said)
    talk.hear(frame("kraken/execution_trade"))
    talk.hear(frame("kraken/execution_trade"))
    assert (len(said), link.dropped) == (1, [])
    talk.hear(frame("kraken/execution_canceled").replace(b'"sequence":11', b'"sequence":12'))
    assert len(said) == 1, "an end before its fill is not taken"
    assert link.dropped


def talks(link: FakeLink, taker: Taker) -> list[Talk]:
    clock, tally = FakeClock(), FeedTally()
    return [
        QuoteTalk(link, SYMBOLS, taker, clock, tally),
        DepthTalk(link, SYMBOLS, taker, clock, tally),
        TradeTalk(link, SYMBOLS, NumberedTrades(tally), taker, clock, tally),
        _private(link, []),
    ]


# The counter of reads ----------------------------------------------------------------------


def test_reads_wait_once_the_keys_counter_is_full_and_it_sinks() -> None:
    counter = ReadCounter()
    assert [counter.wait_s(1.0, 100.0) for _ in range(20)] == [0.0] * 20
    assert counter.wait_s(1.0, 100.0) == 2.0
    assert counter.wait_s(2.0, 142.0) == 0.0
    counter.full(142.0)
    assert counter.wait_s(2.0, 142.0) == 4.0


@given(st.lists(st.tuples(st.floats(0, 10), st.sampled_from([1.0, 2.0])), max_size=60))
def test_reads_that_wait_as_told_never_fill_the_venues_counter(
    asked: list[tuple[float, float]],
) -> None:
    ours, theirs = ReadCounter(), Counter(MOST, SINKS_PER_S)
    now_s = arrives_s = 1_000.0
    for pause_s, cost in asked:
        now_s += pause_s
        arrives_s = max(arrives_s, now_s + ours.wait_s(cost, now_s) + 1e-3)
        assert theirs.add(cost, int(arrives_s * 1e9))
