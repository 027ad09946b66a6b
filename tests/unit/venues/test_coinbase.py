"""What Coinbase's messages mean, pinned; its numbers, tokens, products and refusals."""

from decimal import Decimal
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from arbiter.model.errors import BadConfig
from arbiter.model.ids import ClientOrderId, TradeId, VenueId, client_order_id, uuid7
from arbiter.model.instruments import FeeCharge, Instrument
from arbiter.model.orders import Liquidity, OrderStatus
from arbiter.venues.coinbase import decode as coinbase
from arbiter.venues.coinbase.auth import Signer
from arbiter.venues.coinbase.books import Repair
from arbiter.venues.coinbase.depth import DepthTalk
from arbiter.venues.coinbase.errors import VERDICTS, read_refusal
from arbiter.venues.coinbase.feed import QuoteTalk
from arbiter.venues.coinbase.listing import DEFAULT_FEES, fees_of, spot_instruments
from arbiter.venues.coinbase.private import (
    PrivateTalk,
    Progress,
    fill_of,
    order_truth,
)
from arbiter.venues.coinbase.sequence import Counted, Step
from arbiter.venues.coinbase.trades import TradeTalk
from arbiter.venues.common.frames import FeedTally
from arbiter.venues.common.keys import VenueKeys
from arbiter.venues.common.our_names import our_name
from arbiter.venues.common.seen import NumberedTrades
from arbiter.venues.common.signed import Answered
from arbiter.venues.common.stream import Talk
from arbiter.venues.common.verdicts import Verdict
from tests.fakes.clock import FakeClock
from tests.fakes.wiring import listing
from tests.unit.venues.frames import FakeLink, Taker, frame

SYMBOLS = {"BTC-USD": 1, "ETH-USD": 2}
NAME = "organizations/3b910e93/apiKeys/9c2f"


def _quotes(link: FakeLink, taker: Taker, tally: FeedTally) -> QuoteTalk:
    clock = FakeClock()
    return QuoteTalk(link, {"BTC-USD": 1}, taker, clock, tally, Repair(tally, clock))


# Pinned ------------------------------------------------------------------------------------


def test_book_messages_are_numbered_and_name_side_and_size() -> None:
    told = coinbase.read_book(frame("coinbase/book_snapshot"))
    assert (told.sequence_num, told.events[0].type) == (0, "snapshot")
    first = told.events[0].updates[0]
    assert (first.side, first.price_level, first.new_quantity) == ("bid", 61200.0, 1.5)


def test_top_of_book_comes_from_the_book() -> None:
    link, taker, tally = FakeLink(), Taker(), FeedTally()
    talk = _quotes(link, taker, tally)
    talk.hear(frame("coinbase/book_snapshot"))
    talk.hear(frame("coinbase/book_update"))
    (first, second) = taker.quotes
    assert first[:5] == (1, 61200.0, 61201.0, 1.5, 0.5)
    assert second[:5] == (1, 61200.0, 61201.5, 2.0, 1.2), "the best offer was taken away"
    assert second[5] == 1_772_443_801_456_789_000


def test_a_missing_message_gives_the_connection_up_whatever_it_was_of() -> None:
    link, taker, tally = FakeLink(), Taker(), FeedTally()
    talk = _quotes(link, taker, tally)
    talk.hear(frame("coinbase/book_snapshot"))
    talk.hear(frame("coinbase/heartbeat").replace(b'"sequence_num":0', b'"sequence_num":2'))
    assert link.dropped
    assert (tally.gaps, len(taker.quotes)) == (1, 1)


def test_a_repeated_message_is_dropped() -> None:
    link, taker, tally = FakeLink(), Taker(), FeedTally()
    talk = _quotes(link, taker, tally)
    for name in ("book_snapshot", "book_update", "book_update"):
        talk.hear(frame(f"coinbase/{name}"))
    assert (tally.stale, len(taker.quotes), link.dropped) == (1, 2, [])


def test_public_trades_name_the_makers_side() -> None:
    taker, tally = Taker(), FeedTally()
    talk = TradeTalk(FakeLink(), SYMBOLS, NumberedTrades(tally), taker, FakeClock(), tally)
    talk.hear(frame("coinbase/trades"))
    assert [(told[1], told[-1]) for told in taker.trades] == [(61200.5, False), (61200.0, True)]
    talk.hear(frame("coinbase/trades").replace(b'"sequence_num":5', b'"sequence_num":6'))
    assert (len(taker.trades), tally.stale) == (2, 2), "told again, they are known"


def test_one_refused_product_is_left_out_and_the_others_are_asked_for_again() -> None:
    link, tally = FakeLink(), FeedTally()
    talk = TradeTalk(link, SYMBOLS, NumberedTrades(tally), Taker(), FakeClock(), tally)
    talk.opened()
    assert len(link.sent) == 2, "heartbeats, and both products together"
    talk.hear(frame("coinbase/refused"))
    talk.hear(frame("coinbase/refused"))
    assert tally.refused == 1
    assert b'"ETH-USD"' in link.sent[-1]
    assert b'"BTC-USD"' not in link.sent[-1]
    talk.hear(frame("coinbase/subscriptions"))
    assert link.is_ready


@given(st.lists(st.integers(0, 40), max_size=60))
def test_counting_passes_what_follows_and_nothing_else(numbers: list[int]) -> None:
    counted, last = Counted(), None
    for number in numbers:
        step = counted.take(number)
        wanted = Step.GAP
        if last is not None and number <= last:
            wanted = Step.STALE
        elif last is None or number == last + 1:
            wanted = Step.NEXT
        assert step is wanted
        last = number if wanted is not Step.STALE else last


# Orders ------------------------------------------------------------------------------------


def _instrument() -> Instrument:
    return listing("BTCUSDT", "coinbase")


def test_progress_of_orders_is_told() -> None:
    heard: list[Progress] = []
    link = FakeLink()
    talk = PrivateTalk(link, lambda: "token", heard.append)
    talk.opened()
    assert b'"jwt":"token"' in link.sent[-1]
    talk.hear(frame("coinbase/user"))
    talk.hear(frame("coinbase/user_filled"))
    assert [one.status for one in heard] == [OrderStatus.WORKING, OrderStatus.FILLED]
    assert heard[-1].order.cumulative_quantity == Decimal("0.001")


def test_a_missing_private_message_ends_the_connection() -> None:
    heard: list[Progress] = []
    link = FakeLink()
    talk = PrivateTalk(link, lambda: "token", heard.append)
    talk.hear(frame("coinbase/user"))
    late = frame("coinbase/user_filled").replace(b'"sequence_num":2', b'"sequence_num":3')
    talk.hear(late)
    assert link.dropped
    assert len(heard) == 1


ROW = {
    "order_id": "n-1",
    "client_order_id": "ours",
    "status": "OPEN",
    "filled_size": "0.4",
    "order_configuration": {"limit_limit_gtc": {"base_size": "1.5", "limit_price": "10"}},
    "created_time": "2026-01-15T10:00:00Z",
    "last_fill_time": "2026-01-15T10:00:01.5Z",
}


def test_order_is_read_with_its_size_from_the_way_it_was_asked_for() -> None:
    truth = order_truth(ROW, VenueId("coinbase"), _instrument())
    assert (truth.status, truth.size) == (OrderStatus.PARTIALLY_FILLED, Decimal("1.5"))
    assert truth.at_ns == 1_768_471_201_500_000_000
    failed = order_truth(ROW | {"status": "FAILED"}, VenueId("coinbase"), _instrument())
    assert failed.status is OrderStatus.REJECTED


def test_fill_sized_in_quote_is_turned_into_base() -> None:
    row = {
        "trade_id": "t",
        "price": "50",
        "size": "100",
        "size_in_quote": True,
        "side": "BUY",
        "commission": "0.6",
        "liquidity_indicator": "TAKER",
        "trade_time": "2026-01-15T10:00:00.123456789Z",
    }
    fill = fill_of(row, VenueId("coinbase"), _instrument(), ClientOrderId("ours"))
    assert (fill.size, fill.fee, fill.fee_asset) == (Decimal(2), Decimal("0.6"), "USDT")
    assert fill.liquidity is Liquidity.TAKER


@given(at_ms=st.integers(0, (1 << 48) - 1), noise=st.integers(0, (1 << 74) - 1))
def test_an_id_of_ours_says_when_its_trade_was_decided(at_ms: int, noise: int) -> None:
    name = client_order_id(TradeId(uuid7(at_ms * 1_000_000, noise)), "u", 3)
    ours = our_name(name)
    assert ours is not None
    assert (ours.made_ns, ours.role, ours.attempt) == (at_ms * 1_000_000, "u", 3)
    assert ours.text() == name


@pytest.mark.parametrize("name", ["case-1", "ccxt-1", "x" * 40, ""])
def test_other_ids_say_nothing(name: str) -> None:
    assert our_name(name) is None


# Products ----------------------------------------------------------------------------------

PRODUCT: dict[str, Any] = {
    "product_id": "BTC-USDT",
    "base_currency_id": "BTC",
    "quote_currency_id": "USDT",
    "product_type": "SPOT",
    "status": "online",
    "base_increment": "0.00000001",
    "quote_increment": "0.01",
    "price_increment": "0.01",
    "base_min_size": "0.00000001",
    "quote_min_size": "1",
    "alias": "",
    "trading_disabled": False,
}


def test_product_has_its_rules_and_the_keys_fees() -> None:
    tier = {"fee_tier": {"maker_fee_rate": "0.0025", "taker_fee_rate": "0.004"}}
    (told,) = spot_instruments([PRODUCT], VenueId("coinbase"), fees_of(tier))
    assert (told.id, told.market_id, told.symbol) == ("BTCUSDT.COINBASE", "BTC-USDT", "BTC/USDT")
    assert (told.tick, told.lot) == (Decimal("0.01"), Decimal("0.00000001"))
    assert (told.min_notional, told.taker_fee) == (Decimal(1), Decimal("0.004"))
    assert told.fee_charge is FeeCharge.QUOTE


@pytest.mark.parametrize(
    "change",
    [{"alias": "BTC-USD"}, {"trading_disabled": True}, {"view_only": True}, {"status": "delisted"}],
)
def test_what_cannot_be_traded_or_followed_is_not_listed(change: dict[str, Any]) -> None:
    assert not spot_instruments([PRODUCT | change], VenueId("coinbase"), DEFAULT_FEES)


# Refusals ----------------------------------------------------------------------------------


def _not_made(error: str, preview: str = "") -> dict[str, Any]:
    told = {"error": error, "preview_failure_reason": preview, "message": "no"}
    return {"success": False, "error_response": told}


@pytest.mark.parametrize(
    ("status", "answer", "code", "verdict"),
    [
        (200, _not_made("INSUFFICIENT_FUND"), "INSUFFICIENT_FUND", Verdict.REFUSED),
        (
            200,
            _not_made("UNKNOWN_FAILURE_REASON", "PREVIEW_INVALID_QUOTE_SIZE_TOO_SMALL"),
            "PREVIEW_INVALID_QUOTE_SIZE_TOO_SMALL",
            Verdict.REFUSED,
        ),
        (200, _not_made("ORDER_ENTRY_DISABLED"), "ORDER_ENTRY_DISABLED", Verdict.CLOSED),
        (401, None, "UNAUTHORIZED", Verdict.REFUSED),
        (403, {"error": "PERMISSION_DENIED"}, "PERMISSION_DENIED", Verdict.REFUSED),
        (404, {"error": "unknown", "message": "order not found"}, "NOT_FOUND", Verdict.ABSENT),
        (429, {"error": "rate_limit_exceeded"}, "rate_limit_exceeded", Verdict.LIMITED),
        (500, {"error": "INTERNAL", "message": "?"}, "INTERNAL", Verdict.UNKNOWN),
        (503, {"error": "odd"}, "odd", Verdict.UNKNOWN),
    ],
)
def test_refusals_are_told_apart(status: int, answer: Any, code: str, verdict: Verdict) -> None:
    refusal = read_refusal(status, answer)
    assert refusal is not None
    assert refusal[0] == code
    assert VERDICTS.of(Answered(status, *refusal)) is verdict


def test_a_made_order_is_no_refusal() -> None:
    made = {"success": True, "failure_reason": "UNKNOWN_FAILURE_REASON", "success_response": {}}
    assert read_refusal(200, made) is None


# Tokens ------------------------------------------------------------------------------------


def _pem(key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey) -> str:
    kind = (
        PrivateFormat.PKCS8
        if isinstance(key, ed25519.Ed25519PrivateKey)
        else PrivateFormat.TraditionalOpenSSL
    )
    return key.private_bytes(Encoding.PEM, kind, NoEncryption()).decode()


@pytest.mark.parametrize("one_line", [False, True])
def test_token_is_for_one_request_and_two_minutes(one_line: bool) -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    secret = _pem(private).replace("\n", "\\n") if one_line else _pem(private)
    signer = Signer(VenueKeys(api_key=NAME, secret=secret))
    token = signer.token(1_000, "GET api.coinbase.com/api/v3/brokerage/accounts")
    off: Any = {"verify_exp": False, "verify_nbf": False}
    claims = jwt.decode(token, private.public_key(), algorithms=["ES256"], options=off)
    assert claims == {
        "sub": NAME,
        "iss": "cdp",
        "nbf": 1_000,
        "exp": 1_120,
        "uri": "GET api.coinbase.com/api/v3/brokerage/accounts",
    }
    header = jwt.get_unverified_header(token)
    assert header["kid"] == NAME
    assert header["nonce"] != jwt.get_unverified_header(signer.token(1_000))["nonce"]


def test_ed25519_keys_sign_too() -> None:
    private = ed25519.Ed25519PrivateKey.generate()
    token = Signer(VenueKeys(api_key=NAME, secret=_pem(private))).token(1_000)
    off: Any = {"verify_exp": False, "verify_nbf": False}
    assert jwt.decode(token, private.public_key(), algorithms=["EdDSA"], options=off)["sub"] == NAME


@pytest.mark.parametrize("secret", ["no key", "-----BEGIN EC PRIVATE KEY-----\nAAAA\n", "QUJD"])
def test_a_secret_that_is_no_key_is_refused_without_being_shown(secret: str) -> None:
    with pytest.raises(BadConfig) as refused:
        Signer(VenueKeys(api_key=NAME, secret=secret))
    assert secret not in str(refused.value)


def test_another_curve_is_refused() -> None:
    secret = _pem(ec.generate_private_key(ec.SECP384R1()))
    with pytest.raises(BadConfig, match="P-256"):
        Signer(VenueKeys(api_key=NAME, secret=secret))


def talks(link: FakeLink, taker: Taker) -> list[Talk]:
    clock, tally = FakeClock(), FeedTally()
    return [
        QuoteTalk(link, SYMBOLS, taker, clock, tally, Repair(tally, clock)),
        DepthTalk(link, SYMBOLS, taker, clock, tally, Repair(tally, clock)),
        TradeTalk(link, SYMBOLS, NumberedTrades(tally), taker, clock, tally),
        PrivateTalk(link, lambda: "token", lambda _: None),
    ]
