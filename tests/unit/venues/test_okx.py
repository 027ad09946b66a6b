"""What OKX's messages mean, pinned; its checksum, books, names of orders, units and refusals."""

import random
from contextlib import suppress
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from arbiter.model.errors import InvalidValue
from arbiter.model.ids import ClientOrderId, TradeId, VenueId, client_order_id, uuid7
from arbiter.model.instruments import Instrument, InstrumentKind
from arbiter.model.orders import Fill, Liquidity, OrderStatus, Side
from arbiter.model.perpetuals import ForcedCause, ForcedClose
from arbiter.model.reports import Ended, Filled, VenueReport
from arbiter.simex.okx.streams import checksum as simulated
from arbiter.venues.common.frames import BadFrame, FeedTally
from arbiter.venues.common.funding import FundingBoard
from arbiter.venues.common.keys import VenueKeys
from arbiter.venues.common.seen import NumberedTrades
from arbiter.venues.common.signed import Answered
from arbiter.venues.common.stream import Talk
from arbiter.venues.common.verdicts import Verdict
from arbiter.venues.okx import decode as okx
from arbiter.venues.okx.checksum import WrittenBook
from arbiter.venues.okx.decode import BookRow
from arbiter.venues.okx.depth import DepthTalk
from arbiter.venues.okx.errors import VERDICTS, read_refusal
from arbiter.venues.okx.feed import Place, QuoteTalk
from arbiter.venues.okx.funding import FundingTalk
from arbiter.venues.okx.listing import margin_tiers, read_fees, spot_instruments, swap_instruments
from arbiter.venues.okx.names import LONGEST, from_okx, to_okx
from arbiter.venues.okx.private import PrivateTalk, login
from arbiter.venues.okx.rows import execution, order_truth, payment
from arbiter.venues.okx.sequence import NumberedBook, Step
from arbiter.venues.okx.trades import TradeTalk
from tests.fakes.clock import FakeClock
from tests.fakes.moving_book import MovingBook, Pairs
from tests.fakes.okx_server import checksum
from tests.fakes.wiring import listing
from tests.unit.venues.frames import FakeLink, Taker, frame

VENUE = VenueId("okx_futures")
SWAP = replace(
    listing("BTCUSDT", "okx_futures", InstrumentKind.LINEAR),
    market_id="BTC-USDT-SWAP",
    wire_unit=Decimal("0.01"),
)
SPOT = replace(listing("BTCUSDT", "okx"), market_id="BTC-USDT")
MARKETS: dict[str, Instrument] = {told.market_id: told for told in (SPOT, SWAP)}
PLACES = {name: Place(number, 1.0) for number, name in enumerate(MARKETS, 1)}
KEYS = VenueKeys(api_key="key", secret="secret", password="phrase")


# Pinned ------------------------------------------------------------------------------------


def test_best_prices_are_numbered_and_timed() -> None:
    told = okx.read_best(frame("okx/bbo"))
    (row,) = told.data
    assert (told.arg.topic, row.number, row.ts) == ("bbo-tbt:BTC-USDT", 435679, 1651826598363)
    assert (row.bids[0][:2], row.asks[0][:2]) == ((36232.1, 0.00572212), (36232.2, 1.8826134))


def test_books_link_each_message_to_the_one_before() -> None:
    whole, change = (okx.read_book(frame(f"okx/books_{name}")) for name in ("snapshot", "update"))
    assert (whole.action, whole.data[0].before, whole.data[0].number) == ("snapshot", -1, 123456)
    assert (change.action, change.data[0].before) == ("update", 123456)
    assert change.data[0].bids == [("3366", "0", "0", "0")], "as it was written, for the checksum"


def test_trade_says_who_took() -> None:
    (told,) = okx.read_trades(frame("okx/trades")).data
    assert (told.number, told.side, told.price, told.size) == (
        130639474,
        "buy",
        42219.9,
        0.12060306,
    )


def test_funding_is_exact_and_its_interval_lies_between_two_settlements() -> None:
    (told,) = okx.read_funding(frame("okx/funding_rate")).data
    assert told.rate == Decimal("0.0001875391284828")
    assert told.after_ms is not None
    assert told.due_ms is not None
    assert told.after_ms - told.due_ms == 8 * 3_600_000
    assert okx.read_funding(frame("okx/mark_price")).data[0].mark == Decimal("42310.6")


def test_a_venue_about_to_close_the_connection_is_left() -> None:
    link = FakeLink()
    talk = QuoteTalk(link, PLACES, Taker(), FakeClock(), FeedTally())
    talk.hear(frame("okx/pong"))
    assert (link.asides, link.dropped) == (1, [])
    talk.hear(frame("okx/notice"))
    assert "service upgrade" in link.dropped[0]


def test_login_is_signed_by_the_seconds() -> None:
    (told,) = login(KEYS, 1538054050)["args"]
    assert (told["apiKey"], told["passphrase"], told["timestamp"]) == (
        "key",
        "phrase",
        "1538054050",
    )
    assert told["sign"] == "Gj2hQIVKFcXbiwCak8SmVOu5mxPCizWDdmUAhbx8Z+s="


# Books -------------------------------------------------------------------------------------


def test_checksum_is_the_documented_one() -> None:
    book = NumberedBook()
    book.snapshot(okx.read_book(frame("okx/books_snapshot")).data[0])
    assert book.update(okx.read_book(frame("okx/books_update")).data[0]) is Step.APPLIED
    assert book.update(okx.read_book(frame("okx/books_still")).data[0]) is Step.APPLIED
    assert (book.in_step, book.last) == (True, 123457)


def row(book: MovingBook, bids: Pairs, asks: Pairs, before: int, told: int) -> BookRow:
    made = [[(p, s, "0", "1") for p, s in side] for side in (asks, bids)]
    return BookRow(made[0], made[1], 1, book.last, before, told)


def sum_of(book: MovingBook) -> int:
    return checksum(book.bids(25), book.asks(25))


@given(
    faults=st.lists(
        st.sampled_from(["fine"] * 6 + ["lost", "twice", "snapshot", "anew"]), max_size=60
    ),
    seed=st.integers(0, 1_000),
    checked=st.booleans(),
)
def test_a_book_in_step_is_the_venues(faults: list[str], seed: int, checked: bool) -> None:
    venue, numbered = MovingBook("BTCUSDT", random.Random(seed)), NumberedBook()
    for fault in [*faults, "snapshot", "fine"]:
        if fault == "snapshot":
            told = sum_of(venue) if checked else 0
            numbered.snapshot(row(venue, venue.bids(), venue.asks(), -1, told))
            continue
        change = venue.step()
        if fault == "anew":
            venue.last = seed
        if fault == "lost":
            continue
        told = sum_of(venue) if checked else 0
        step = numbered.update(row(venue, change.bids, change.asks, change.before, told))
        assert (step is Step.APPLIED) == numbered.in_step
        if fault == "twice" and numbered.in_step:
            again = numbered.update(row(venue, change.bids, change.asks, change.before, told))
            assert again is Step.STALE
        if numbered.in_step:
            assert numbered.book.bids(20) == [(float(p), float(s)) for p, s in venue.bids()]
            assert numbered.book.asks(20) == [(float(p), float(s)) for p, s in venue.asks()]
    assert numbered.in_step


def test_a_wrong_checksum_puts_the_book_out_of_step() -> None:
    venue, numbered = MovingBook("BTCUSDT", random.Random(1)), NumberedBook()
    numbered.snapshot(row(venue, venue.bids(), venue.asks(), -1, sum_of(venue)))
    change = venue.step()
    with pytest.raises(BadFrame, match="checksum"):
        numbered.update(row(venue, change.bids, change.asks, change.before, sum_of(venue) ^ 1))
    assert not numbered.in_step
    assert numbered.update(row(venue, [], [], venue.last, 0)) is Step.WAITING


@given(seed=st.integers(0, 1_000), steps=st.integers(0, 30))
def test_simulator_and_feed_come_to_the_same_checksum(seed: int, steps: int) -> None:
    venue, written = MovingBook("BTCUSDT", random.Random(seed)), WrittenBook()
    for _ in range(steps):
        venue.step()
    bids, asks = ([(p, s, "0", "1") for p, s in side] for side in (venue.bids(), venue.asks()))
    written.replace(bids, asks)
    told = simulated([list(level) for level in asks[:25]], [list(level) for level in bids[:25]])
    assert written.checksum() == told == sum_of(venue)


# Names of orders ---------------------------------------------------------------------------


@given(seed=st.integers(0, 2**74), role=st.sampled_from("abucm"), attempt=st.integers(0, 99))
def test_names_of_ours_fit_and_come_back(seed: int, role: str, attempt: int) -> None:
    name = client_order_id(TradeId(uuid7(1_700_000_000_000_000_000, seed)), role, attempt)
    written = to_okx(name)
    assert written.isalnum()
    assert written.isascii()
    assert len(written) <= LONGEST
    assert from_okx(written) == name


@given(name=st.text(min_size=1, max_size=12))
def test_any_name_that_fits_comes_back(name: str) -> None:
    try:
        written = to_okx(ClientOrderId(name))
    except InvalidValue:
        assert len(name.encode()) * 3 > LONGEST
    except UnicodeEncodeError:
        assert not name.isprintable()
    else:
        assert written.isalnum()
        assert from_okx(written) == name


@given(text=st.from_regex(r"[A-Za-z0-9]{1,32}", fullmatch=True))
def test_names_of_others_are_read_and_are_none_of_ours(text: str) -> None:
    name = from_okx(text)
    with suppress(InvalidValue):
        if to_okx(name) != text:
            assert "Z" in text


def test_name_that_does_not_fit_is_refused() -> None:
    assert to_okx(client_order_id(TradeId(UUID(int=1)), "a", 1)).endswith("1Xa1")
    with pytest.raises(InvalidValue):
        to_okx(ClientOrderId("x" * 33))


# Rows --------------------------------------------------------------------------------------


def heard(name: str, kind: str) -> tuple[list[VenueReport], list[int]]:
    said: list[VenueReport] = []
    settled: list[int] = []
    link = FakeLink()
    talk = PrivateTalk(
        link, VENUE, kind, KEYS, MARKETS, said.append, lambda: 0, lambda: settled.append(1)
    )
    talk.hear(frame(f"okx/{name}"))
    return said, settled


def test_an_orders_message_is_its_fill_and_its_end_in_base_units() -> None:
    (filled, ended), _ = heard("order_fill", "SWAP")
    assert isinstance(filled, Filled)
    assert isinstance(ended, Ended)
    fill = filled.fill
    assert (fill.venue_trade_id, fill.side) == ("BTC-USDT-SWAP:293429690", Side.SELL)
    assert (fill.size, fill.price, fill.fee) == (
        Decimal("0.001"),
        Decimal("13.142"),
        Decimal("0.00026284"),
    )
    assert fill.liquidity is Liquidity.MAKER
    assert (ended.status, ended.filled_size) == (OrderStatus.FILLED, Decimal("0.001"))


def test_an_order_cancelled_by_the_venue_ends_under_our_name() -> None:
    (ended,), _ = heard("order_cancelled", "SPOT")
    assert isinstance(ended, Ended)
    assert (ended.client_order_id, ended.status) == ("casex7-a1", OrderStatus.CANCELLED)
    assert "31" in ended.reason


def test_word_of_a_settlement_asks_for_its_bills() -> None:
    assert heard("balance_and_position", "SWAP") == ([], [1])


FILL: dict[str, Any] = {
    "instId": "BTC-USDT-SWAP",
    "tradeId": "9",
    "ordId": "5",
    "clOrdId": "",
    "side": "buy",
    "fillSz": "3",
    "fillPx": "43000",
    "fee": "0.5",
    "feeCcy": "USDT",
    "execType": "T",
    "ts": "1000",
}


def test_rebate_is_a_negative_fee_and_a_foreign_order_goes_by_its_number() -> None:
    made = execution(FILL | {"subType": "1"}, VENUE, SWAP)
    assert isinstance(made, Fill)
    assert (made.fee, made.client_order_id, made.size) == (Decimal("-0.5"), "5", Decimal("0.03"))


@pytest.mark.parametrize(
    ("told", "cause"),
    [
        ({"subType": "107"}, ForcedCause.LIQUIDATION),
        ({"subType": "100"}, ForcedCause.LIQUIDATION),
        ({"subType": "128"}, ForcedCause.ADL),
        ({"category": "partial_liquidation"}, ForcedCause.LIQUIDATION),
        ({"category": "adl"}, ForcedCause.ADL),
    ],
)
def test_what_the_venue_closes_itself_is_no_fill_of_ours(
    told: dict[str, str], cause: ForcedCause
) -> None:
    made = execution(FILL | told, VENUE, SWAP)
    assert isinstance(made, ForcedClose)
    assert made.cause is cause


def test_size_of_an_order_in_quote_is_what_it_filled() -> None:
    told = {"ordId": "5", "clOrdId": "", "state": "filled", "sz": "100", "uTime": "1"}
    truth = order_truth(told | {"accFillSz": "0.002", "tgtCcy": "quote_ccy"}, VENUE, SPOT)
    assert truth.size == truth.filled_size == Decimal("0.002")


BILL = {
    "billId": "7",
    "ccy": "USDT",
    "px": "40000",
    "sz": "200",
    "ts": "1000",
    "balChg": "0",
    "posBalChg": "",
}


@pytest.mark.parametrize(
    ("moved", "rate", "quantity"),
    [("-8", "0.0001", "2"), ("8", "0.0001", "-2"), ("8", "-0.0001", "2"), ("-8", "-0.0001", "-2")],
)
def test_side_of_a_payment_follows_from_amount_and_rate(
    moved: str, rate: str, quantity: str
) -> None:
    paid = payment(BILL | {"balChg": moved}, VENUE, SWAP, Decimal(rate), 5)
    assert (paid.amount, paid.quantity) == (Decimal(moved), Decimal(quantity))
    assert paid.amount == -paid.quantity * paid.mark * paid.rate
    from_margin = payment(BILL | {"posBalChg": moved}, VENUE, SWAP, Decimal(rate), 5)
    assert from_margin == paid


def test_rate_that_was_never_published_follows_from_the_amount() -> None:
    paid = payment(BILL | {"balChg": "-8"}, VENUE, SWAP, None, 5)
    assert (paid.rate, paid.quantity) == (Decimal("0.0001"), Decimal(2))


# Listings ----------------------------------------------------------------------------------

SWAP_ROW: dict[str, Any] = {
    "instId": "BTC-USDT-SWAP",
    "instFamily": "BTC-USDT",
    "uly": "BTC-USDT",
    "ctType": "linear",
    "ctVal": "0.01",
    "ctMult": "1",
    "settleCcy": "USDT",
    "lotSz": "0.01",
    "minSz": "0.1",
    "tickSz": "0.1",
    "lever": "100",
    "groupId": "4",
    "state": "live",
}


def test_swap_is_listed_in_base_units() -> None:
    (made,) = swap_instruments([SWAP_ROW], VENUE, {}, {})
    assert (made.symbol, made.id) == ("BTC/USDT:PERP", "BTCUSDT-PERP.OKX_FUTURES")
    assert (made.contract_size, made.wire_unit) == (Decimal(1), Decimal("0.01"))
    assert (made.lot, made.min_size) == (Decimal("0.0001"), Decimal("0.001"))
    assert made.taker_fee == Decimal("0.0005")


@pytest.mark.parametrize(
    "odd",
    [
        {"state": "preopen"},
        {"ctType": "inverse"},
        {"settleCcy": "USDC", "instFamily": "BTC-USDC", "uly": "BTC-USDC"},
        {"instFamily": "BTC-USD", "uly": "BTC-USD"},
    ],
)
def test_other_swaps_are_not_listed(odd: dict[str, str]) -> None:
    assert not swap_instruments([SWAP_ROW | odd], VENUE, {}, {})
    assert not swap_instruments([{"instId": "X-SWAP", "state": "preopen"}], VENUE, {}, {})


def test_fees_are_by_group_and_a_rebate_keeps_its_sign() -> None:
    told = {"maker": "-0.0002", "taker": "-0.0005", "makerU": "0.00005", "takerU": "-0.0004"}
    group = {"groupId": "4", "maker": "-0.0001", "taker": "-0.0003"}
    assert read_fees([told], swaps=True) == {"": (Decimal("-0.00005"), Decimal("0.0004"))}
    fees = read_fees([told | {"feeGroup": [group]}], swaps=False)
    (swap,) = swap_instruments([SWAP_ROW], VENUE, fees, {})
    assert (swap.maker_fee, swap.taker_fee) == (Decimal("0.0001"), Decimal("0.0003"))
    spot = {"instId": "ETH-USDT", "baseCcy": "ETH", "quoteCcy": "USDT", "state": "live"}
    rules = {"tickSz": "0.01", "lotSz": "0.000001", "minSz": "0.001"}
    (made,) = spot_instruments([spot | rules], VenueId("okx"), fees)
    assert (made.taker_fee, made.min_size) == (Decimal("0.0005"), Decimal("0.001"))


def test_tiers_told_in_contracts_are_kept_in_quote() -> None:
    rows = [
        {"instFamily": "BTC-USDT", "maxSz": "5000", "mmr": "0.01"},
        {"instFamily": "BTC-USDT", "maxSz": "500", "mmr": "0.004"},
        {"instFamily": "ETH-USDT", "maxSz": "500", "mmr": "0.004"},
    ]
    made = margin_tiers(rows, {"BTC-USDT": Decimal(400)})
    assert made.keys() == {"BTC-USDT"}
    assert [(t.up_to, t.rate, t.deduction) for t in made["BTC-USDT"]] == [
        (Decimal(200_000), Decimal("0.004"), Decimal(0)),
        (None, Decimal("0.01"), Decimal(0)),
    ]


# Refusals ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "refusal"),
    [
        ({"code": "0", "data": [{"sCode": "0", "sMsg": "Order placed"}], "msg": ""}, None),
        ({"code": "0", "data": [], "msg": ""}, None),
        (
            {"code": "1", "data": [{"sCode": "51008", "sMsg": "Insufficient "}], "msg": "failed"},
            ("51008", "Insufficient"),
        ),
        ({"code": "0", "data": [{"sCode": "51400", "sMsg": "gone"}]}, ("51400", "gone")),
        ({"code": "50113", "data": [], "msg": "Invalid Sign"}, ("50113", "Invalid Sign")),
        ("<html>", None),
    ],
)
def test_the_orders_own_code_stands_within_a_good_answer(
    answer: Any, refusal: tuple[str, str] | None
) -> None:
    assert read_refusal(200, answer) == refusal


@pytest.mark.parametrize(
    ("status", "code", "verdict"),
    [
        (200, "51008", Verdict.REFUSED),
        (200, "51016", Verdict.REFUSED),
        (200, "51603", Verdict.ABSENT),
        (200, "51400", Verdict.ABSENT),
        (401, "50102", Verdict.CLOCK),
        (429, "50011", Verdict.LIMITED),
        (200, "50061", Verdict.LIMITED),
        (400, "50004", Verdict.UNKNOWN),
        (200, "50026", Verdict.UNKNOWN),
        (503, "50001", Verdict.UNKNOWN),
        (502, "", Verdict.UNKNOWN),
        (403, "", Verdict.BANNED),
    ],
)
def test_codes_tell_refused_from_unknown(status: int, code: str, verdict: Verdict) -> None:
    assert VERDICTS.of(Answered(status, code, "")) is verdict


def talks(link: FakeLink, taker: Taker) -> list[Talk]:
    clock, tally = FakeClock(), FeedTally()
    board = FundingBoard([SWAP], clock)
    return [
        QuoteTalk(link, PLACES, taker, clock, tally),
        DepthTalk(link, PLACES, taker, clock, tally),
        TradeTalk(link, PLACES, NumberedTrades(tally), taker, clock, tally),
        FundingTalk(link, [SWAP.market_id], board, tally),
        PrivateTalk(link, VENUE, "SWAP", KEYS, MARKETS, lambda _: None, lambda: 0, lambda: None),
    ]


def test_requests_name_their_topics_one_by_one() -> None:
    link = FakeLink()
    DepthTalk(link, PLACES, Taker(), FakeClock(), FeedTally()).opened()
    (sent,) = link.sent
    assert msgspec.json.decode(sent) == {
        "op": "subscribe",
        "id": "1",
        "args": [
            {"channel": "books", "instId": "BTC-USDT"},
            {"channel": "books", "instId": "BTC-USDT-SWAP"},
        ],
    }
