"""What Kalshi's messages mean, pinned; its numbers, books, signatures, rows, listings and refusals."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arbiter.model.errors import BadConfig, OutcomeUnknown
from arbiter.model.ids import ClientOrderId, VenueId
from arbiter.model.money import ONE, ZERO, use_wide_context
from arbiter.model.orders import (
    Fill,
    Liquidity,
    OrderStatus,
    Side,
)
from arbiter.model.perpetuals import MarginPosition, contract_of, executed
from arbiter.model.reports import Ended, Filled, VenueReport
from arbiter.simex.kalshi.keys import Checker, derive_pem
from arbiter.simex.kalshi.limits import Bucket
from arbiter.venues.common.frames import FeedTally
from arbiter.venues.common.keys import VenueKeys
from arbiter.venues.common.seen import SeenTrades
from arbiter.venues.common.signed import Answered
from arbiter.venues.common.stream import Talk
from arbiter.venues.common.verdicts import Verdict
from arbiter.venues.kalshi import decode as kalshi
from arbiter.venues.kalshi.books import BookTalk
from arbiter.venues.kalshi.costs import nothing_held
from arbiter.venues.kalshi.decode import BookBody
from arbiter.venues.kalshi.depth import DepthTalk
from arbiter.venues.kalshi.errors import VERDICTS, read_refusal
from arbiter.venues.kalshi.feed import QuoteTalk, top
from arbiter.venues.kalshi.listing import instrument_of, listing_of
from arbiter.venues.kalshi.orders import collateral
from arbiter.venues.kalshi.private import PrivateTalk
from arbiter.venues.kalshi.rows import forced_of, free_of, moment_ns, payout_of, price_text, side_of
from arbiter.venues.kalshi.sequence import Numbering, RelativeBook, Step
from arbiter.venues.kalshi.signer import Signer, mended
from arbiter.venues.kalshi.trades import TradeTalk
from tests.fakes.clock import FakeClock
from tests.unit.venues.frames import FakeLink, Taker, frame

VENUE, TICKER = VenueId("kalshi"), "FED-23DEC-T3.00"
MARKET: dict[str, Any] = {
    "ticker": TICKER,
    "event_ticker": "FED-23DEC",
    "title": "Fed rate in December?",
    "yes_sub_title": "Above 3.00%",
    "rules_primary": "If the rate is above 3.00%, the market resolves to Yes.",
    "rules_secondary": "The upper bound counts.",
    "open_time": "2023-11-01T14:00:00Z",
    "close_time": "2023-12-13T19:00:00Z",
    "expected_expiration_time": "2023-12-13T20:00:00Z",
    "settlement_timer_seconds": 1800,
    "status": "active",
}
SERIES: dict[str, Any] = {
    "category": "Economics",
    "settlement_sources": [{"name": "Federal Reserve", "url": ""}],
    "fee_type": "quadratic",
    "fee_multiplier": 1,
}
INSTRUMENT = instrument_of(MARKET, SERIES, VENUE)
PEM = derive_pem("a test")
KEYS = VenueKeys(api_key="key-1", secret=PEM)


@pytest.fixture(autouse=True)
def _exact_sums() -> None:
    use_wide_context()


# Pinned ------------------------------------------------------------------------------------


def test_snapshot_has_both_sides_priced_as_yes() -> None:
    told = kalshi.read_book(frame("kalshi/snapshot"))
    assert (told.type, told.sid, told.seq, told.msg.ticker) == ("orderbook_snapshot", 2, 2, TICKER)
    assert told.msg.yes == [(0.08, 300.0), (0.22, 333.0)]
    assert told.msg.no == [(0.46, 20.0), (0.44, 146.5)]


def test_delta_is_a_difference() -> None:
    told = kalshi.read_book(frame("kalshi/delta"))
    assert (told.msg.side, told.msg.price, told.msg.delta) == ("yes", 0.22, -33.25)
    assert told.msg.ts_ms == 1669149841000


def test_trade_says_which_side_took() -> None:
    told = kalshi.read_trade(frame("kalshi/trade")).msg
    assert (told.price, told.size, told.side) == (0.36, 136.0, "ask")


def test_answers_are_told_apart() -> None:
    assert kalshi.read_notice(frame("kalshi/subscribed")).subscription == 2
    assert kalshi.read_notice(frame("kalshi/error")).refusal == "8 Unknown channel name"
    told = kalshi.read_notice(frame("kalshi/ok"))
    assert (told.sid, told.seq) == (2, 4)


def private(said: list[VenueReport], settled: list[int]) -> PrivateTalk:
    return PrivateTalk(
        FakeLink(),
        VENUE,
        {TICKER: INSTRUMENT},
        said.append,
        ClientOrderId,
        lambda: settled.append(1),
    )


def test_private_rows_become_reports() -> None:
    said: list[VenueReport] = []
    settled: list[int] = []
    talk = private(said, settled)
    for name in ("fill", "user_order", "market_position"):
        talk.hear(frame(f"kalshi/{name}"))
    filled, ended = said
    assert isinstance(filled, Filled)
    assert filled.fill == Fill(
        venue=VENUE,
        venue_trade_id="d91bc706-ee49-470d-82d8-11418bda6fed",
        client_order_id=ClientOrderId("my-order-1"),
        instrument=INSTRUMENT.id,
        side=Side.SELL,
        size=Decimal(278),
        price=Decimal("0.75"),
        fee=Decimal("3.6488"),
        fee_asset=INSTRUMENT.settle,
        liquidity=Liquidity.TAKER,
        at_ns=1671899397123 * 1_000_000,
    )
    assert isinstance(ended, Ended)
    assert (ended.status, ended.filled_size) == (OrderStatus.CANCELLED, Decimal(4))
    assert (ended.reason, ended.at_ns) == ("CloseCancel", 1733047201500 * 1_000_000)
    assert settled, "a flat position may have been settled"


def test_private_stream_is_ready_when_every_channel_is_granted() -> None:
    link = FakeLink()
    talk = PrivateTalk(link, VENUE, {}, lambda _: None, ClientOrderId, lambda: None)
    talk.opened()
    for sid, channel in enumerate(("user_orders", "fill", "market_positions"), 1):
        assert not link.is_ready
        talk.hear(
            msgspec.json.encode(
                {"id": 1, "type": "subscribed", "msg": {"channel": channel, "sid": sid}}
            )
        )
    assert link.is_ready
    talk.hear(frame("kalshi/error"))
    assert link.dropped == ["refused: 8 Unknown channel name"]


# Numbers and books -------------------------------------------------------------------------


def test_numbers_count_every_message_of_a_subscription() -> None:
    numbers = Numbering()
    told = [numbers.take(seq) for seq in (2, 3, 3, 2, 5, 6, 4)]
    assert told == [
        Step.NEXT,
        Step.NEXT,
        Step.STALE,
        Step.STALE,
        Step.GAP,
        Step.NEXT,
        Step.STALE,
    ]


def body(**more: Any) -> BookBody:
    return BookBody(ticker=TICKER, **more)


@given(
    st.lists(
        st.tuples(st.sampled_from(("yes", "no")), st.integers(1, 49), st.integers(-500, 500)),
        max_size=40,
    )
)
def test_differences_add_up_to_what_whole_numbers_make_of_them(
    changes: list[tuple[str, int, int]],
) -> None:
    """Sizes in hundredths; a level below nothing puts the book out of step."""
    made = RelativeBook()
    made.snapshot(body(yes=[(0.25, 3.0)], no=[(0.75, 3.0)]))
    truth = {("yes", 25): 300, ("no", 75): 300}
    for side, distance, hundredths in changes:
        cents = distance if side == "yes" else 100 - distance
        size = truth.get((side, cents), 0) + hundredths
        change = body(price=cents / 100, delta=hundredths / 100, side=side)
        assert made.delta(change) is (size >= 0)
        if size < 0:
            assert not made.in_step
            return
        truth[side, cents] = size
    book = made.book
    for (side, cents), size in truth.items():
        there = book.bid_size(cents / 100) if side == "yes" else book.ask_size(cents / 100)
        assert there == size / 100


class Books(BookTalk):
    def __init__(self, link: FakeLink, clock: FakeClock) -> None:
        self.told: list[str] = []
        self.missed: list[str] = []
        self.counts = FeedTally()
        super().__init__(link, {TICKER: 1, "OTHER": 2}, clock, self.counts)

    def changed(self, row: Any) -> None:
        self.told.append(row.ticker)

    def lost(self, row: Any, why: str) -> None:
        self.missed.append(row.ticker)


@pytest.fixture
def link() -> FakeLink:
    return FakeLink()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def books(link: FakeLink, clock: FakeClock) -> Books:
    talk = Books(link, clock)
    talk.opened()
    talk.hear(frame("kalshi/subscribed"))
    talk.hear(frame("kalshi/snapshot"))
    other = {"market_ticker": "OTHER", "yes_dollars_fp": [["0.10", "1.00"]]}
    talk.hear(msgspec.json.encode({"type": "orderbook_snapshot", "sid": 2, "seq": 3, "msg": other}))
    assert talk.told == [TICKER, "OTHER"]
    return talk


def numbered(name: str, seq: int) -> bytes:
    told = msgspec.json.decode(frame(f"kalshi/{name}"))
    return msgspec.json.encode(told | {"seq": seq})


def test_all_markets_are_asked_for_at_once_and_priced_as_yes(link: FakeLink, books: Books) -> None:
    (asked,) = map(msgspec.json.decode, link.sent)
    assert asked["params"] == {
        "channels": ["orderbook_delta"],
        "market_tickers": [TICKER, "OTHER"],
        "use_yes_price": True,
    }
    assert link.is_ready


def test_gap_puts_every_book_of_the_subscription_out_until_its_own_snapshot(
    link: FakeLink, books: Books
) -> None:
    books.hear(numbered("delta", 6))
    assert sorted(books.missed) == sorted([TICKER, "OTHER"])
    asked = msgspec.json.decode(link.sent[-1])
    assert asked["params"]["action"] == "get_snapshot"
    assert set(asked["params"]["market_tickers"]) == {TICKER, "OTHER"}
    books.hear(numbered("delta", 7))
    assert len(books.told) == 2, "a difference to an unknown book says nothing"
    books.hear(numbered("snapshot", 8))
    assert books.told[-1] == TICKER
    assert (books.counts.gaps, books.counts.resyncs) == (1, 1)


def test_answer_takes_a_number_too(books: Books) -> None:
    books.hear(frame("kalshi/ok"))
    books.hear(numbered("delta", 5))
    assert books.counts.gaps == 0
    assert books.told[-1] == TICKER


def test_snapshot_that_does_not_come_ends_the_connection(
    link: FakeLink, clock: FakeClock, books: Books
) -> None:
    books.hear(numbered("delta", 9))
    clock.advance(1_500_000_000)
    books.tick()
    assert link.dropped == ["no snapshot came"]


def test_quiet_books_are_asked_for_once_a_second(
    link: FakeLink, clock: FakeClock, books: Books
) -> None:
    sent = len(link.sent)
    for _ in range(4):
        clock.advance(500_000_000)
        books.tick()
    assert len(link.sent) - sent == 2


def test_refused_batch_is_asked_for_market_by_market(link: FakeLink, clock: FakeClock) -> None:
    talk = Books(link, clock)
    talk.opened()
    talk.hear(frame("kalshi/error"))
    asked = [msgspec.json.decode(data)["params"]["market_tickers"] for data in link.sent[1:]]
    assert asked == [[TICKER], ["OTHER"]]


def talks(link: FakeLink, taker: Taker) -> list[Talk]:
    clock, tally = FakeClock(), FeedTally()
    slots = {TICKER: 1, "OTHER": 2}
    return [
        QuoteTalk(link, slots, taker, clock, tally),
        DepthTalk(link, slots, taker, clock, tally),
        TradeTalk(link, slots, SeenTrades(10), taker, clock, tally),
        private([], []),
    ]


# Signatures --------------------------------------------------------------------------------


def test_what_is_signed_is_time_method_and_path_without_its_query() -> None:
    made = Signer(KEYS).headers("GET", "/trade-api/v2/portfolio/orders?limit=5", 1700000000000)
    assert made["KALSHI-ACCESS-KEY"] == "key-1"
    assert made["KALSHI-ACCESS-TIMESTAMP"] == "1700000000000"
    checker, signature = Checker(PEM), made["KALSHI-ACCESS-SIGNATURE"]
    assert checker.signed("1700000000000GET/trade-api/v2/portfolio/orders", signature)
    assert not checker.signed("1700000000000GET/trade-api/v2/portfolio/orders?limit=5", signature)
    assert not checker.signed("1700000000001GET/trade-api/v2/portfolio/orders", signature)


@pytest.mark.parametrize(
    "text",
    [PEM, PEM.replace("\n", "\\n"), PEM.replace("\n", " "), PEM.replace("\n", "\r\n"), f" {PEM} "],
)
def test_key_is_read_however_its_lines_came_through(text: str) -> None:
    assert mended(text) == mended(PEM)
    made = Signer(VenueKeys(api_key="k", secret=text)).headers("GET", "/x", 1)
    assert Checker(PEM).signed("1GET/x", made["KALSHI-ACCESS-SIGNATURE"])


@pytest.mark.parametrize(
    "text", ["secret", PEM.replace("M", "!"), "-----BEGIN X-----\n-----END X-----"]
)
def test_what_is_no_key_is_not_shown(text: str) -> None:
    with pytest.raises(BadConfig) as told:
        Signer(VenueKeys(api_key="k", secret=text)).headers("GET", "/x", 1)
    assert text not in str(told.value)


# Rows --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "side"),
    [
        ({"book_side": "bid"}, Side.BUY),
        ({"book_side": "ask", "side": "yes", "action": "sell"}, Side.SELL),
        ({"outcome_side": "no"}, Side.SELL),
        ({"side": "yes", "action": "buy"}, Side.BUY),
        ({"side": "no", "action": "buy"}, Side.SELL),
        ({"side": "yes", "action": "sell"}, Side.SELL),
        ({"side": "no", "action": "sell"}, Side.BUY),
    ],
)
def test_side_is_that_of_yes_in_all_words(row: dict[str, str], side: Side) -> None:
    assert side_of(row) is side


def settlement(result: str, yes: str = "0", no: str = "0", **more: Any) -> dict[str, Any]:
    return {
        "ticker": TICKER,
        "market_result": result,
        "yes_count_fp": yes,
        "no_count_fp": no,
        "settled_time": "2023-12-13T20:30:00.5Z",
    } | more


@pytest.mark.parametrize(
    ("row", "price", "side", "size"),
    [
        (settlement("yes", yes="10.00"), ONE, Side.SELL, 10),
        (settlement("no", no="4.00"), ZERO, Side.BUY, 4),
        (settlement("scalar", yes="2.00", value=37), Decimal("0.37"), Side.SELL, 2),
        (settlement("void", yes="4.00", yes_total_cost_dollars="2.20"), "0.55", Side.SELL, 4),
        (settlement("void", no="4.00", no_total_cost_dollars="1.00"), "0.75", Side.BUY, 4),
    ],
)
def test_settlement_is_told_as_what_yes_paid(
    row: dict[str, Any], price: Decimal | str, side: Side, size: int
) -> None:
    told = forced_of(row, VENUE, INSTRUMENT)
    assert (told.price, told.side, told.size) == (Decimal(price), side, Decimal(size))
    assert told.at_ns == moment_ns("2023-12-13T20:30:00.500000+00:00")


def test_settlement_at_no_known_price_is_not_guessed() -> None:
    with pytest.raises(OutcomeUnknown):
        forced_of(settlement("scalar"), VENUE, INSTRUMENT)


@pytest.mark.parametrize(
    ("row", "payout"),
    [
        ({"status": "active", "result": ""}, None),
        ({"status": "determined", "result": "yes"}, None),
        ({"status": "finalized", "result": "yes"}, ONE),
        ({"status": "settled", "result": "no"}, ZERO),
        ({"status": "finalized", "result": "", "settlement_value_dollars": "0.5000"}, "0.5"),
        ({"status": "finalized", "result": ""}, None),
    ],
)
def test_outcome_counts_once_it_is_final(row: dict[str, str], payout: Decimal | str | None) -> None:
    assert payout_of(row) == (None if payout is None else Decimal(payout))


def test_money_is_read_to_its_last_place() -> None:
    assert free_of({"balance": 1234, "balance_dollars": "12.3456"}) == Decimal("12.3456")
    assert free_of({"balance": 1234}) == Decimal("12.34")
    assert (price_text(Decimal("0.5")), price_text(Decimal("0.123456"))) == ("0.5000", "0.123456")


def test_orders_that_sell_what_is_held_set_nothing_aside() -> None:
    def resting(side: str, left: str, price: str) -> dict[str, str]:
        return {
            "ticker": TICKER,
            "book_side": side,
            "remaining_count_fp": left,
            "yes_price_dollars": price,
        }

    rows = [resting("ask", "3.00", "0.60"), resting("ask", "4.00", "0.70")]
    assert collateral(rows, {TICKER: Decimal(5)}) == 2 * Decimal("0.30")
    assert collateral(rows, {}) == 3 * Decimal("0.40") + 4 * Decimal("0.30")
    assert collateral([resting("bid", "2.00", "0.10")], {TICKER: Decimal(5)}) == Decimal("0.20")


@given(st.lists(st.tuples(st.integers(-9, 9), st.integers(1, 99)), max_size=20), st.data())
def test_cost_of_what_is_held_is_that_of_its_fills_however_they_are_read(
    trades: list[tuple[int, int]], data: st.DataObject
) -> None:
    use_wide_context()
    fills = [
        Fill(
            venue=VENUE,
            venue_trade_id=f"t{number}",
            client_order_id=ClientOrderId("a"),
            instrument=INSTRUMENT.id,
            side=Side.BUY if size > 0 else Side.SELL,
            size=Decimal(abs(size)),
            price=Decimal(cents) / 100,
            fee=ZERO,
            fee_asset=INSTRUMENT.settle,
            liquidity=Liquidity.TAKER,
            at_ns=number // 3,
        )
        for number, (size, cents) in enumerate(trades)
        if size
    ]
    own = MarginPosition(instrument=INSTRUMENT.id)
    contract = contract_of(INSTRUMENT, ONE)
    for fill in fills:
        own = executed(own, contract, fill.size * fill.side.sign, fill.price, fill.at_ns)
    kept = nothing_held(INSTRUMENT)
    cut = data.draw(st.integers(0, len(fills)))
    kept.add(fills[:cut])
    kept.add([fill for fill in fills if fill.at_ns >= kept.since_ns])
    assert (kept.position.quantity, kept.position.value) == (own.quantity, own.value)


# Listings ----------------------------------------------------------------------------------


def test_listing_is_the_whole_text_that_decides() -> None:
    event = {"markets": [MARKET, MARKET], "mutually_exclusive": True, "title": "Fed"}
    told = listing_of(MARKET, event, SERIES, VENUE)
    assert told.instrument == "FED-23DEC-T3.00.KALSHI"
    assert told.rules == f"{MARKET['rules_primary']}\n\n{MARKET['rules_secondary']}"
    assert (told.outcome, told.outcomes, told.category) == ("Above 3.00%", 2, "economics")
    assert told.resolution_source == "Federal Reserve"
    assert told.closes_ns == moment_ns("2023-12-13T19:00:00Z")
    assert told.payout_ns == moment_ns("2023-12-13T20:30:00Z")


@pytest.mark.parametrize(
    ("steps", "tick"),
    [((), "0.01"), (("0.0100",), "0.01"), (("0.0010", "0.0100"), "0.01"), (("0.0010",), "0.001")],
)
def test_step_holds_over_the_whole_range(steps: tuple[str, ...], tick: str) -> None:
    ranges = [{"start": "0.0000", "end": "1.0000", "step": step} for step in steps]
    assert instrument_of(MARKET | {"price_ranges": ranges}, SERIES, VENUE).tick == Decimal(tick)


def test_fees_follow_the_series() -> None:
    half = instrument_of(MARKET, SERIES | {"fee_multiplier": 0.5}, VENUE)
    assert half.event_fee is not None
    assert half.event_fee.of(Decimal(100), Decimal("0.5")) == Decimal("0.88")
    makers = SERIES | {"fee_type": "quadratic_with_maker_fees"}
    assert instrument_of(MARKET, makers, VENUE).maker_fee == Decimal("0.0175")
    assert INSTRUMENT.maker_fee == ZERO


def test_fractional_contracts_are_traded_where_they_are_allowed() -> None:
    assert INSTRUMENT.lot == ONE
    made = instrument_of(MARKET | {"fractional_trading_enabled": True}, SERIES, VENUE)
    assert (made.lot, made.min_size) == (Decimal("0.01"), Decimal("0.01"))


def test_market_without_an_offer_gives_no_quote() -> None:
    row = {"yes_bid_dollars": "0.5400", "yes_ask_dollars": "0.5600"}
    sizes = {"yes_bid_size_fp": "90.00", "yes_ask_size_fp": "12.50"}
    assert top(row | sizes) == (0.54, 0.56, 90.0, 12.5)
    assert top(row) is None
    assert top(row | sizes | {"yes_ask_dollars": "1.0000"}) is None


# Refusals ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "answer", "verdict"),
    [
        (400, {"error": {"code": "insufficient_balance"}}, Verdict.REFUSED),
        (409, {"error": {"code": "order_already_exists"}}, Verdict.REFUSED),
        (410, {"error": {"code": "deprecated_v1_order_endpoint"}}, Verdict.REFUSED),
        (200, {"error": {"code": "deprecated_v1_order_endpoint"}}, Verdict.REFUSED),
        (400, {"code": "bad_request", "message": "bad request"}, Verdict.REFUSED),
        (404, {"error": {"code": "not_found"}}, Verdict.ABSENT),
        (409, {"error": {"code": "trading_is_paused"}}, Verdict.CLOSED),
        (401, {"error": {"code": "header_timestamp_expired"}}, Verdict.CLOCK),
        (429, {"error": {"code": "too_many_requests"}}, Verdict.LIMITED),
        (500, {"error": {"code": "internal_server_error"}}, Verdict.UNKNOWN),
        (503, {"error": {"code": "anything"}}, Verdict.UNKNOWN),
        (504, {}, Verdict.UNKNOWN),
    ],
)
def test_refusals_are_classified_by_code(
    status: int, answer: dict[str, Any], verdict: Verdict
) -> None:
    refusal = read_refusal(status, answer)
    assert refusal is not None
    assert VERDICTS.of(Answered(status, *refusal)) is verdict


def test_results_are_no_refusals() -> None:
    assert read_refusal(201, {"order_id": "x", "fill_count": "0.00"}) is None
    told = {"error": {"code": "invalid_order", "message": "invalid order", "details": "post only"}}
    assert read_refusal(400, told) == ("invalid_order", "invalid order: post only")


def test_tokens_come_back_by_the_second() -> None:
    bucket = Bucket(100)
    assert sum(bucket.take(10, 0) for _ in range(12)) == 10
    assert not bucket.take(10, 50_000_000)
    assert bucket.take(10, 100_000_000)
    assert sum(bucket.take(10, 10_000_000_000) for _ in range(12)) == 10
