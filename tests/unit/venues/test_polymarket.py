"""What Polymarket's messages mean, pinned; books and their hashes; signatures; the account's trades."""

import hashlib
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arbiter.model.errors import BadConfig, OutcomeUnknown
from arbiter.model.event_fees import FeeForm
from arbiter.model.ids import ClientOrderId, VenueId
from arbiter.model.money import ONE, ZERO
from arbiter.model.orders import Liquidity, OrderStatus, Side
from arbiter.model.reports import Filled, FillSettled
from arbiter.venues.common.frames import FeedTally
from arbiter.venues.common.keys import VenueKeys
from arbiter.venues.common.signed import Answered
from arbiter.venues.common.stream import Talk
from arbiter.venues.common.verdicts import Verdict
from arbiter.venues.polymarket.decode import Change, Event, read_events
from arbiter.venues.polymarket.errors import VERDICTS, read_refusal
from arbiter.venues.polymarket.feed import DepthTalk, QuoteTalk, TradeTalk
from arbiter.venues.polymarket.legs import read_legs
from arbiter.venues.polymarket.listing import EventMarket, read_market
from arbiter.venues.polymarket.own import OwnTrades
from arbiter.venues.polymarket.private import UserTalk
from arbiter.venues.polymarket.remembered import Remembered
from arbiter.venues.polymarket.rows import order_status
from arbiter.venues.polymarket.signing import Login, Unsigned, Wallet, wallet_of
from arbiter.venues.polymarket.talk import Terms
from arbiter.venues.polymarket.tokens import Step, TokenBook
from tests.fakes.clock import FakeClock
from tests.unit.venues.frames import FakeLink, Taker, frame

VENUE = VenueId("polymarket")
TOKEN = "71321045679252212594626385532706912750332728571942532289631379312455583992563"
NO_TOKEN = "52114319501245915516055106046884209969926127482827954674443846427813813222426"
CONDITION = "0xdd22472e552920b8438158ea7238bfadfa4f736aa4cee91a6b86c39ead110917"
ORDER = "0x1234567890abcdef1234567890abcdef1234567890abcdef1234567890abcdef12"
PRIVATE = "0x" + "11" * 32
HOLDER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"

# Pinned ------------------------------------------------------------------------------------


def test_snapshot_has_its_levels_as_text() -> None:
    (told,) = read_events(frame("polymarket/market_book_msg"))
    assert (told.event_type, told.asset_id, told.market) == ("book", TOKEN, CONDITION)
    assert [(level.price, level.size) for level in told.bids] == [
        ("0.50", "200.0"),
        ("0.49", "350.0"),
    ]


def test_change_is_absolute_and_tells_the_best_prices_after_it() -> None:
    (told,) = read_events(frame("polymarket/market_price_change_msg"))
    (change,) = told.price_changes
    assert (change.side, change.price, change.size) == ("BUY", "0.51", "150.0")
    assert (change.best_bid, change.best_ask, change.hash) == ("0.51", "0.52", "0xhash001")


def test_trade_tick_and_end_of_a_market_are_told_apart() -> None:
    (trade,) = read_events(frame("polymarket/market_last_trade_msg"))
    assert (trade.price, trade.size, trade.side) == ("0.51", "25.0", "BUY")
    (tick,) = read_events(frame("polymarket/market_tick_size_msg"))
    assert (tick.event_type, tick.new_tick_size) == ("tick_size_change", "0.01")
    (end,) = read_events(frame("polymarket/market_resolved_msg"))
    assert len(end.assets_ids) == 2


def test_several_events_may_come_in_one_frame() -> None:
    one = frame("polymarket/market_book_msg")
    assert len(read_events(b"[" + one + b"," + one + b"]")) == 2


def talks(link: FakeLink, taker: Taker) -> list[Talk]:
    clock, tally = FakeClock(), FeedTally()
    terms = {TOKEN: Terms(1, "0.01", "5")}
    login = Login(api_key="a", secret="cw==", passphrase="p")
    return [
        QuoteTalk(link, terms, taker, clock, tally),
        DepthTalk(link, terms, taker, clock, tally),
        TradeTalk(link, terms, taker, clock, tally),
        UserTalk(link, login, lambda row: None, lambda row: None),
    ]


# Books -------------------------------------------------------------------------------------


def whole(bids: dict[str, str], asks: dict[str, str], timestamp: str, neg_risk: bool) -> Event:
    """A snapshot with the venue's own hash; sorted as the venue has it."""
    made: dict[str, Any] = {
        "market": CONDITION,
        "asset_id": TOKEN,
        "timestamp": timestamp,
        "hash": "",
        "bids": [{"price": p, "size": bids[p]} for p in sorted(bids, key=float)],
        "asks": [{"price": p, "size": asks[p]} for p in sorted(asks, key=float, reverse=True)],
        "min_order_size": "5",
        "tick_size": "0.01",
        "neg_risk": neg_risk,
        "last_trade_price": "0.500",
    }
    made["hash"] = hashlib.sha1(msgspec.json.encode(made), usedforsecurity=False).hexdigest()
    del made["neg_risk"]  # a snapshot need not say so
    return msgspec.convert({"event_type": "book", **made}, Event)


def change(side: str, price: str, size: str, after: Event) -> Change:
    return Change(
        asset_id=TOKEN,
        price=price,
        size=size,
        side=side,
        hash=after.hash,
        best_bid=after.bids[-1].price if after.bids else "0",
        best_ask=after.asks[-1].price if after.asks else "1",
    )


@pytest.mark.parametrize("neg_risk", [False, True])
def test_changes_are_held_against_the_hash_that_a_snapshot_bore_out(neg_risk: bool) -> None:
    book = TokenBook(TOKEN, "0.01", "5")
    bids, asks = {"0.48": "100", "0.49": "200"}, {"0.51": "50", "0.53": "10"}
    book.snapshot(whole(bids, asks, "1", neg_risk))
    bids["0.50"] = "7"
    after = whole(bids, asks, "2", neg_risk)
    assert book.changed([change("BUY", "0.50", "7", after)], "2") is Step.APPLIED
    assert book.checks == 1
    assert book.book.best_bid == 0.5


def test_lost_change_behind_the_best_price_is_found_by_the_hash() -> None:
    book = TokenBook(TOKEN, "0.01", "5")
    bids, asks = {"0.48": "100", "0.49": "200"}, {"0.51": "50"}
    book.snapshot(whole(bids, asks, "1", False))
    bids["0.48"] = "90"  # nobody was told
    bids["0.49"] = "150"
    after = whole(bids, asks, "2", False)
    assert book.changed([change("BUY", "0.49", "150", after)], "2") is Step.GAP
    assert book.changed([change("BUY", "0.49", "150", after)], "2") is Step.WAITING


def test_lost_best_price_is_found_without_any_hash() -> None:
    book = TokenBook(TOKEN, "0.01", "5")
    (told,) = read_events(frame("polymarket/market_book_msg"))
    book.snapshot(told)
    wrong = Change(TOKEN, "0.40", "1", "BUY", "", "0.49", "0.51")
    assert book.changed([wrong], "2") is Step.GAP


def test_a_recipe_that_changes_belie_is_dropped() -> None:
    """The venue may hash otherwise one day: the best prices still hold the book together."""
    book = TokenBook(TOKEN, "0.01", "5")
    snapshot = whole({"0.49": "200"}, {"0.51": "50"}, "1", False)
    odd = Change(TOKEN, "0.48", "1", "BUY", "another hash", "0.49", "0.51")
    steps = []
    for _ in range(6):
        book.snapshot(snapshot)
        steps.append(book.changed([odd], "2"))
    assert steps == [Step.GAP] * 5 + [Step.APPLIED]


# Signatures --------------------------------------------------------------------------------

v2 = import_module("py_clob_client_v2.order_builder.builder")
v2_signer = import_module("py_clob_client_v2.signer")
v2_utils = import_module("py_clob_client_v2.order_utils")
v2_headers = import_module("py_clob_client_v2.headers.headers")
v2_types = import_module("py_clob_client_v2.clob_types")


@pytest.mark.parametrize("neg_risk", [False, True])
@pytest.mark.parametrize("kind", [0, 1, 2, 3])
@pytest.mark.parametrize("buys", [True, False])
def test_orders_are_signed_as_the_venues_own_client_signs_them(
    kind: int, neg_risk: bool, buys: bool
) -> None:
    signer = v2_signer.Signer(PRIVATE, 137)
    holder = signer.address() if kind == 0 else HOLDER
    wallet = Wallet(PRIVATE, holder, kind)
    unsigned = Unsigned(
        salt=479249096354,
        token=TOKEN,
        buys=buys,
        maker_amount=4_800_000,
        taker_amount=10_000_000,
        timestamp_ms=1_795_247_549_123,
    )
    number, record = wallet.order(unsigned, neg_risk=neg_risk)
    exchange = "neg_risk_exchange_v2" if neg_risk else "exchange_v2"
    contracts = import_module("py_clob_client_v2.config").get_contract_config(137)
    builder = v2_utils.ExchangeOrderBuilderV2(
        getattr(contracts, exchange), 137, signer, generate_salt=lambda: str(unsigned.salt)
    )
    data = import_module("py_clob_client_v2.order_utils.model.order_data_v2").OrderDataV2(
        maker=holder,
        signer=holder if kind == 3 else signer.address(),
        tokenId=TOKEN,
        makerAmount="4800000",
        takerAmount="10000000",
        side=v2_utils.Side.BUY if buys else v2_utils.Side.SELL,
        signatureType=v2_utils.SignatureTypeV2(kind),
        timestamp=str(unsigned.timestamp_ms),
    )
    theirs = builder.build_signed_order(data)
    assert record["signature"] == theirs.signature
    typed = builder.build_order_typed_data(theirs)
    assert number == builder.build_order_hash(typed)


def test_log_in_and_requests_are_signed_as_the_venues_own_client_signs_them() -> None:
    signer = v2_signer.Signer(PRIVATE, 137)
    wallet = Wallet(PRIVATE, signer.address(), 0)
    assert wallet.login_headers(1_700_000_000) == v2_headers.create_level_1_headers(
        signer, 0, 1_700_000_000
    )
    login = Login(api_key="key", secret="c2VjcmV0LXNlY3JldA==", passphrase="pass")
    creds = v2_types.ApiCreds(login.api_key, login.secret, login.passphrase)
    body = b'{"orderID":"0x1"}'
    args = v2_types.RequestArgs(
        method="DELETE", request_path="/order", serialized_body=body.decode()
    )
    assert wallet.headers(
        login, 1_700_000_000, "DELETE", "/order", body
    ) == v2_headers.create_level_2_headers(signer, creds, args, 1_700_000_000)


def test_wallet_says_how_it_signs_and_contradictions_are_refused() -> None:
    own = Wallet(PRIVATE, HOLDER, 0).address
    assert wallet_of(VenueKeys(api_key=own, secret=PRIVATE)).kind == 0
    assert wallet_of(VenueKeys(api_key=HOLDER, secret=PRIVATE)).kind == 3
    assert wallet_of(VenueKeys(api_key=HOLDER, secret=PRIVATE, password="1")).kind == 1
    for key, told in ((own, "2"), (HOLDER, "0"), (HOLDER, "7"), ("nobody", "")):
        with pytest.raises(BadConfig):
            wallet_of(VenueKeys(api_key=key, secret=PRIVATE, password=told))
    with pytest.raises(BadConfig):
        wallet_of(VenueKeys(api_key=HOLDER, secret="no key"))
    assert PRIVATE[2:] not in repr(wallet_of(VenueKeys(api_key=own, secret=PRIVATE)))


# Listing -----------------------------------------------------------------------------------

ROW: dict[str, Any] = {
    "question": "Will it be warm?",
    "conditionId": CONDITION,
    "slug": "will-it-be-warm",
    "description": "YES if it is.",
    "endDate": "2026-12-10T00:00:00Z",
    "outcomes": '["Yes", "No"]',
    "outcomePrices": '["0.5", "0.5"]',
    "clobTokenIds": f'["{TOKEN}", "{NO_TOKEN}"]',
    "orderPriceMinTickSize": 0.001,
    "orderMinSize": 5,
    "acceptingOrders": True,
    "closed": False,
    "negRisk": False,
}


def market_of(**more: Any) -> EventMarket:
    market = read_market({**ROW, **more}, VENUE)
    assert market is not None
    return market


def test_market_is_listed_as_its_yes_side() -> None:
    market = market_of()
    instrument = market.instrument
    assert (instrument.id, instrument.market_id) == ("WILL-IT-BE-WARM.POLYMARKET", CONDITION)
    assert (instrument.base, instrument.tick, instrument.min_size) == (
        TOKEN,
        Decimal("0.001"),
        Decimal(5),
    )
    assert instrument.settles_fills
    assert market.listing.rules == "YES if it is."
    assert (market.open, market.payout) == (True, None)


def test_fee_of_a_higher_exponent_is_bounded_from_above() -> None:
    plain = market_of(feesEnabled=True, feeSchedule={"rate": 0.072, "exponent": 1})
    fee = plain.instrument.event_fee
    assert fee is not None
    assert (fee.form, fee.rate) == (FeeForm.QUADRATIC, Decimal("0.072"))
    steep = market_of(feesEnabled=True, feeSchedule={"rate": 0.25, "exponent": 2})
    bound = steep.instrument.event_fee
    assert bound is not None
    for price in (Decimal("0.05"), Decimal("0.5"), Decimal("0.9")):
        exact = Decimal("0.25") * (price * (ONE - price)) ** 2
        assert bound.unit(price) >= exact
    assert market_of(feesEnabled=False, feeSchedule={"rate": 1}).instrument.event_fee.rate == ZERO  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("status", "prices", "payout"),
    [
        ("resolved", '["1", "0"]', "1"),
        ("resolved", '["0", "1"]', "0"),
        ("resolved", '["0.5", "0.5"]', "0.5"),
        ("resolved", '["0.97", "0.03"]', None),
        ("proposed", '["1", "0"]', None),
        ("disputed", '["1", "0"]', None),
    ],
)
def test_outcome_is_believed_when_it_is_final(status: str, prices: str, payout: str | None) -> None:
    market = market_of(closed=True, umaResolutionStatus=status, outcomePrices=prices)
    assert market.payout == (None if payout is None else Decimal(payout))
    assert not market.open


def test_market_of_one_event_among_several_says_so() -> None:
    event = {"negRiskAugmented": True, "markets": [{}, {}, {}], "tags": [{"slug": "politics"}]}
    market = read_market({**ROW, "groupItemTitle": "Somebody"}, VENUE, event)
    assert market is not None
    told = market.listing
    assert (told.outcome, told.outcomes, told.augmented) == ("Somebody", 3, True)


def test_what_is_no_market_of_two_outcomes_is_left_out_and_what_is_broken_refused() -> None:
    assert read_market({**ROW, "outcomes": '["A", "B", "C"]'}, VENUE) is None
    with pytest.raises(OutcomeUnknown):
        read_market({**ROW, "orderMinSize": "many"}, VENUE)


# The account's trades ----------------------------------------------------------------------

MARKET = market_of()
BY_TOKEN = {TOKEN: MARKET, NO_TOKEN: MARKET}


def trade(
    status: str = "MATCHED",
    *,
    number: str = "t1",
    size: str = "25",
    price: str = "0.5",
    side: str = "BUY",
    token: str = TOKEN,
    at: int = 1_700_000_000,
) -> dict[str, Any]:
    return {
        "id": number,
        "taker_order_id": ORDER,
        "asset_id": token,
        "side": side,
        "size": size,
        "price": price,
        "status": status,
        "match_time": str(at),
        "last_update": str(at + 5),
        "trader_side": "TAKER",
        "maker_orders": [],
    }


def own() -> OwnTrades:
    return OwnTrades(VENUE, ClientOrderId)


def told(trades: OwnTrades, row: dict[str, Any]) -> list[object]:
    return [
        report for leg in read_legs(row, BY_TOKEN, lambda _: False) for report in trades.take(leg)
    ]


def test_recorded_trade_is_a_fill_and_final() -> None:
    row = msgspec.json.decode(frame("polymarket/user_trade_msg"))
    fill, final = told(own(), row)
    assert isinstance(fill, Filled)
    assert isinstance(final, FillSettled)
    assert (fill.fill.size, fill.fill.price, fill.fill.side) == (
        Decimal("25.0"),
        Decimal("0.5"),
        Side.BUY,
    )
    assert final.ok


def test_buying_no_is_selling_yes_at_the_rest_of_one() -> None:
    (report,) = told(own(), trade(token=NO_TOKEN, price="0.3"))
    assert isinstance(report, Filled)
    assert (report.fill.side, report.fill.price) == (Side.SELL, Decimal("0.7"))


def test_our_part_in_anothers_trade_is_that_of_our_order() -> None:
    row = trade(side="SELL") | {
        "trader_side": "MAKER",
        "maker_orders": [
            {"order_id": "0xother", "asset_id": TOKEN, "matched_amount": "5", "price": "0.5"},
            {"order_id": ORDER, "asset_id": NO_TOKEN, "matched_amount": "20", "price": "0.4"},
        ],
    }
    (leg,) = read_legs(row, BY_TOKEN, lambda order: order["order_id"] == ORDER)
    assert (leg.liquidity, leg.size, leg.fee) == (Liquidity.MAKER, Decimal(20), ZERO)
    assert (leg.side, leg.price, leg.outcome) == (Side.SELL, Decimal("0.4"), 1)


def test_a_trade_with_ourselves_is_both_of_our_orders() -> None:
    makers = [{"order_id": "0xmade", "asset_id": TOKEN, "matched_amount": "25", "price": "0.5"}]
    row = trade(side="BUY") | {"maker_orders": makers}
    took, made = read_legs(row, BY_TOKEN, lambda order: order["order_id"] == "0xmade")
    assert (took.order, took.side, took.size) == (ORDER, Side.BUY, Decimal(25))
    assert (made.order, made.side, made.size) == ("0xmade", Side.SELL, Decimal(25))
    assert took.id != made.id


@pytest.mark.parametrize("ours", ["taker", "maker", "neither"])
def test_whose_order_took_is_read_off_the_orders_where_it_is_not_said(ours: str) -> None:
    row = trade(side="SELL") | {
        "maker_orders": [
            {"order_id": "0xmade", "asset_id": TOKEN, "matched_amount": "20", "price": "0.5"}
        ],
    }
    del row["trader_side"]
    row["matchtime"] = row.pop("match_time")
    mine = {"taker": ORDER, "maker": "0xmade", "neither": ""}[ours]
    (leg,) = read_legs(row, BY_TOKEN, lambda order: order["order_id"] == mine)
    if ours == "maker":
        assert (leg.order, leg.liquidity, leg.side) == ("0xmade", Liquidity.MAKER, Side.BUY)
    else:
        assert (leg.order, leg.liquidity, leg.side) == (ORDER, Liquidity.TAKER, Side.SELL)
    assert leg.at_ns == 1_700_000_000 * 10**9


def test_failed_trade_that_was_never_heard_of_is_booked_and_taken_back() -> None:
    trades = own()
    fill, final = told(trades, trade("FAILED"))
    assert isinstance(fill, Filled)
    assert isinstance(final, FillSettled)
    assert not final.ok
    assert told(trades, trade("MATCHED")) == [], "what is over does not begin again"
    assert trades.fills_since(0) == []
    assert not any(p.quantity for p in trades.positions().values())


STATES = ("MATCHED", "MINED", "RETRYING", "CONFIRMED", "FAILED")


@given(
    st.lists(st.sampled_from(("MATCHED", "MINED", "RETRYING")), max_size=6),
    st.sampled_from(("CONFIRMED", "FAILED")),
    st.lists(st.sampled_from(STATES[:3]), max_size=4),
)
def test_whatever_the_order_of_its_messages_a_trade_is_booked_once_and_ends_once(
    before: list[str], last: str, after: list[str]
) -> None:
    trades = own()
    reports = [r for state in (*before, last, *after, last) for r in told(trades, trade(state))]
    assert sum(isinstance(report, Filled) for report in reports) == 1
    finals = [report for report in reports if isinstance(report, FillSettled)]
    assert [final.ok for final in finals] == [last == "CONFIRMED"]
    assert isinstance(reports[0], Filled)
    held = sum((p.quantity for p in trades.positions().values()), ZERO)
    assert held == (Decimal(25) if last == "CONFIRMED" else ZERO)


@given(
    st.lists(
        st.tuples(
            st.sampled_from((TOKEN, NO_TOKEN)),
            st.sampled_from(("BUY", "SELL")),
            st.integers(1, 99),
            st.sampled_from(STATES),
        ),
        max_size=12,
    )
)
def test_cash_and_what_is_bound_come_to_what_the_fills_realized(
    rows: list[tuple[str, str, int, str]],
) -> None:
    """Collateral on chain, what is under way, open cost and pairs: no match makes or loses money."""
    trades = own()
    cash = ZERO
    for number, (token, side, cents, status) in enumerate(rows):
        row = trade(
            status,
            number=str(number),
            token=token,
            side=side,
            price=f"{cents / 100:.2f}",
            at=number + 1,
        )
        for leg in read_legs(row, BY_TOKEN, lambda _: False):
            trades.take(leg)
            cash += leg.cash if leg.on_chain else ZERO
    tokens = trades.tokens()
    yes, no = (tokens.get(token, ZERO) for token in MARKET.tokens)
    position = trades.positions().get(MARKET.instrument.id)
    bound = min(yes, no)  # a pair is worth one; owed where more was sold than held
    realized = ZERO
    if position is not None:
        bound += position.margin
        realized = position.realized_pnl
        assert position.quantity == yes - no
    assert cash + trades.under_way() + bound == realized


# Names, words ------------------------------------------------------------------------------


def test_orders_are_remembered_through_a_restart_and_a_torn_line(tmp_path: Path) -> None:
    first = Remembered(tmp_path)
    first.add(ClientOrderId("one"), "0xaa", Decimal("7.5"))
    first.close()
    with (tmp_path / "orders").open("a") as file:
        file.write("two 0xbb")  # the machine stopped here
    second = Remembered(tmp_path)
    known = second.by_name(ClientOrderId("one"))
    assert known is not None
    assert (known.number, known.size) == ("0xaa", Decimal("7.5"))
    assert second.name_of("0xaa") == "one"
    assert second.by_name(ClientOrderId("two")) is None
    assert second.name_of("0xbb") == "0xbb", "somebody else's goes by its hash"
    second.close()


@pytest.mark.parametrize(
    ("status", "body", "verdict"),
    [
        (425, None, Verdict.CLOSED),
        (
            400,
            {"error": "post-only mode: only post-only orders and cancels are allowed"},
            Verdict.CLOSED,
        ),
        (503, {"error": "Trading is currently disabled."}, Verdict.CLOSED),
        (400, {"error": "not enough balance / allowance"}, Verdict.REFUSED),
        (400, {"error": "invalid signature"}, Verdict.REFUSED),
        (400, {"error": "something new"}, Verdict.UNKNOWN),
        (403, {"error": "something new"}, Verdict.REFUSED),
        (400, {"error": "order 0x1 is invalid. Duplicated."}, Verdict.UNKNOWN),
        (400, {"error": "could not insert order"}, Verdict.UNKNOWN),
        (500, {"error": "could not run the execution"}, Verdict.UNKNOWN),
        (503, {"error": "the matching engine is gone"}, Verdict.UNKNOWN),
        (500, {"error": "not enough balance / allowance"}, Verdict.UNKNOWN),
        (200, {"success": False, "errorMsg": ""}, Verdict.UNKNOWN),
        (200, {"success": False, "errorMsg": "not enough balance"}, Verdict.REFUSED),
        (401, {"error": "Invalid timestamp"}, Verdict.CLOCK),
        (404, {"error": "order not found"}, Verdict.ABSENT),
        (429, {"error": "Too Many Requests"}, Verdict.LIMITED),
        (500, {"error": "Internal server error"}, Verdict.UNKNOWN),
    ],
)
def test_refusals_mean_what_may_be_done_next(status: int, body: Any, verdict: Verdict) -> None:
    refusal = read_refusal(status, body)
    assert refusal is not None
    assert VERDICTS.of(Answered(status, *refusal)) is verdict


@pytest.mark.parametrize(
    ("word", "filled", "status"),
    [
        ("LIVE", 0, OrderStatus.WORKING),
        ("ORDER_STATUS_LIVE", 3, OrderStatus.PARTIALLY_FILLED),
        ("MATCHED", 10, OrderStatus.FILLED),
        ("MATCHED", 4, OrderStatus.CANCELLED),
        ("CANCELED_order couldn't be fully filled.", 0, OrderStatus.CANCELLED),
        ("INVALID", 0, OrderStatus.CANCELLED),
    ],
)
def test_states_of_orders(word: str, filled: int, status: OrderStatus) -> None:
    assert order_status(word, Decimal(10), Decimal(filled)) is status


def test_state_that_is_not_known_is_unknown() -> None:
    with pytest.raises(OutcomeUnknown):
        order_status("PONDERING", ONE, ZERO)
