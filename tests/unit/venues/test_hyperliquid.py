"""What Hyperliquid's messages mean, pinned; its names of orders, signatures and refusals."""

import importlib
import os
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arbiter.model.errors import BadConfig
from arbiter.model.ids import ClientOrderId, TradeId, VenueId, client_order_id, uuid7
from arbiter.model.instruments import InstrumentKind
from arbiter.model.orders import Liquidity, OrderStatus, Side
from arbiter.model.perpetuals import ForcedCause
from arbiter.model.reports import Ended, Filled, ForcedReported, FundingReported, VenueReport
from arbiter.simex.hyperliquid.signatures import Signatures
from arbiter.simex.hyperliquid.wallets import NONCES, Nonces
from arbiter.venues.common.frames import BadFrame, FeedTally
from arbiter.venues.common.funding import FundingBoard
from arbiter.venues.common.seen import SeenTrades
from arbiter.venues.common.signed import Answered
from arbiter.venues.common.stream import Talk
from arbiter.venues.common.verdicts import Verdict
from arbiter.venues.hyperliquid import decode
from arbiter.venues.hyperliquid.cloid import Cloids, pack, unpack
from arbiter.venues.hyperliquid.depth import DepthTalk
from arbiter.venues.hyperliquid.errors import VERDICTS, code_of, refusal_in
from arbiter.venues.hyperliquid.feed import QuoteTalk
from arbiter.venues.hyperliquid.funding import ContextTalk
from arbiter.venues.hyperliquid.listing import DEFAULT_FEES, perpetuals
from arbiter.venues.hyperliquid.private import PrivateTalk
from arbiter.venues.hyperliquid.rows import status_of
from arbiter.venues.hyperliquid.signing import Wallet
from arbiter.venues.hyperliquid.trades import TradeTalk
from tests.fakes.clock import FakeClock
from tests.fakes.wiring import listing
from tests.unit.venues.frames import FakeLink, Taker, frame

VENUE = VenueId("hyperliquid")
WALLET = "0x" + "1" * 40
COINS = {"BTC": 1, "ETH": 2}
META = {
    "universe": [
        {"szDecimals": 5, "name": "BTC", "maxLeverage": 40, "marginTableId": 56},
        {"szDecimals": 4, "name": "ETH", "maxLeverage": 25},
        {"szDecimals": 2, "name": "GONE", "maxLeverage": 5, "isDelisted": True},
        {"szDecimals": 0, "name": "DOGE", "maxLeverage": 10},
    ],
    "marginTables": [
        [
            56,
            {
                "description": "tiered 40x",
                "marginTiers": [
                    {"lowerBound": "0.0", "maxLeverage": 40},
                    {"lowerBound": "150000000.0", "maxLeverage": 20},
                ],
            },
        ]
    ],
}
LISTED, NUMBERS = perpetuals(META, VENUE, DEFAULT_FEES)
MARKETS = {instrument.market_id: instrument for instrument in LISTED}
RECORDED = Path(os.environ.get("ARBITER_DATA", "../shared/data")) / "raw" / "hyperliquid"


# Pinned ------------------------------------------------------------------------------------


def test_a_quote_is_whole_and_carries_the_time_of_its_block() -> None:
    told = decode.read_best(frame("hyperliquid/bbo")).data
    bid, ask = told.bbo
    assert bid is not None
    assert ask is not None
    assert (told.coin, told.time) == ("BTC", 1754450974231)
    assert (bid.px, bid.sz, ask.px, ask.sz) == (113377.0, 7.6699, 113397.0, 0.11543)


def test_a_side_without_orders_is_no_quote() -> None:
    taker = Taker()
    talk = QuoteTalk(FakeLink(), COINS, taker, FakeClock(), FeedTally())
    talk.hear(frame("hyperliquid/bbo_one_side"))
    assert taker.quotes == []


def test_a_quote_older_than_the_last_is_dropped() -> None:
    taker, tally = Taker(), FeedTally()
    talk = QuoteTalk(FakeLink(), COINS, taker, FakeClock(), tally)
    talk.hear(frame("hyperliquid/bbo_one_side"))
    talk.hear(frame("hyperliquid/bbo"))
    assert (taker.quotes, tally.stale) == ([], 1)


def test_trades_say_who_took() -> None:
    sold, bought = decode.read_trades(frame("hyperliquid/trades")).data
    assert (sold.side, sold.px, sold.sz, sold.tid) == ("A", 106296.0, 0.00017, 293353986402527)
    assert bought.side == "B"


def test_mark_and_funding_are_exact() -> None:
    told = decode.read_context(frame("hyperliquid/context")).data.ctx
    assert (told.mark, told.funding) == (Decimal("77562.0"), Decimal("-0.0000015186"))
    ((coin, venues),) = decode.read_predictions(frame("hyperliquid/predictions"))
    ours = dict(venues)["HlPerp"]
    assert ours is not None
    assert (coin, ours.next_ms, ours.hours) == ("BTC", 1733958000000, 1)


def test_funding_falls_due_at_the_next_full_hour_where_nothing_else_is_known() -> None:
    clock = FakeClock()
    board = FundingBoard([MARKETS["BTC"]], clock)
    talk = ContextTalk(FakeLink(), ["BTC"], board, clock, FeedTally())
    talk.hear(frame("hyperliquid/context"))
    (rate,) = board.rates()
    hour_ns = 3_600_000_000_000
    assert rate.next_funding_ns == (clock.now_ns() // hour_ns + 1) * hour_ns
    assert rate.interval_hours == 1


def test_one_refused_coin_silences_no_other() -> None:
    link, tally = FakeLink(), FeedTally()
    talk = QuoteTalk(link, COINS, Taker(), FakeClock(), tally)
    talk.opened()
    ready = [link.is_ready]
    for answer in ("refused", "granted"):
        talk.hear(frame(f"hyperliquid/{answer}").replace(b"l2Book", b"bbo"))
        ready.append(link.is_ready)
    assert ready == [False, False, True]
    assert len(link.sent) == 2
    talk.closed()
    assert (list(talk.refused), tally.refused) == (["BTC"], 1)


@pytest.mark.parametrize("data", [frame("hyperliquid/pong"), b"Websocket connection established."])
def test_signs_of_life_are_no_data(data: bytes) -> None:
    link = FakeLink()
    QuoteTalk(link, COINS, Taker(), FakeClock(), FeedTally()).hear(data)
    assert link.asides == 1


def test_a_crossed_book_is_lost_until_the_next_one() -> None:
    taker = Taker()
    talk = DepthTalk(FakeLink(), COINS, taker, FakeClock(), FeedTally())
    whole = frame("hyperliquid/book")
    talk.hear(whole)
    with pytest.raises(BadFrame, match="crossed"):
        talk.hear(whole.replace(b'"2285.1"', b'"2290.1"'))
    assert (taker.depths, taker.lost) == (1, 1)
    talk.hear(whole)
    assert taker.depths == 2


# The listing -------------------------------------------------------------------------------


def test_listing_tells_lot_tick_digits_and_the_number_of_a_coin() -> None:
    bitcoin, doge = MARKETS["BTC"], MARKETS["DOGE"]
    assert (bitcoin.lot, bitcoin.tick, bitcoin.price_digits) == (
        Decimal("0.00001"),
        Decimal("0.1"),
        5,
    )
    assert (doge.lot, doge.tick) == (Decimal(1), Decimal("0.000001"))
    assert (bitcoin.symbol, bitcoin.quote) == ("BTC/USDT:PERP", "USDC")
    assert bitcoin.kind is InstrumentKind.LINEAR
    assert NUMBERS == {"BTC": 0, "ETH": 1, "DOGE": 3}, "a delisted coin keeps its number"


def test_maintenance_margin_is_half_the_initial_one_of_its_tier() -> None:
    terms = MARKETS["BTC"].margin
    assert terms is not None
    assert terms.maintenance(Decimal(1_000_000)) == Decimal(12_500)
    beyond = Decimal(150_000_000)
    assert terms.maintenance(beyond + 1000) - terms.maintenance(beyond) == 25
    flat = MARKETS["ETH"].margin
    assert flat is not None
    assert flat.maintenance(Decimal(1_000)) == 20


# Names -------------------------------------------------------------------------------------

trades = st.builds(
    lambda ms, random: TradeId(uuid7(ms * 1_000_000, random)),
    st.integers(0, 2**42 - 1),
    st.integers(0, 2**74 - 1),
)


@given(trade=trades, role=st.sampled_from("abcdefghcmux"), attempt=st.integers(1, 127))
def test_engines_ids_are_read_back_without_memory(trade: TradeId, role: str, attempt: int) -> None:
    name = client_order_id(trade, role, attempt)
    cloid = Cloids().of(name)
    assert len(cloid) == 34
    assert Cloids().name(cloid) == name


@given(name=st.text(min_size=1, max_size=40))
def test_any_other_id_is_known_again_while_it_is_remembered(name: str) -> None:
    cloids = Cloids()
    cloid = cloids.of(ClientOrderId(name))
    assert len(cloid) == 34
    assert int(cloid, 16) < 2**128
    assert cloids.name(cloid) == name


@given(cloid=st.integers(0, 2**128 - 1).map(lambda number: f"0x{number:032x}"))
def test_whatever_can_be_read_back_is_written_the_same(cloid: str) -> None:
    name = unpack(cloid)
    assert name is None or pack(name) == cloid


def test_ids_that_do_not_fit_are_not_bent_to() -> None:
    good = client_order_id(TradeId(uuid7(10**18, 5)), "a", 1)
    assert pack(good) is not None
    for bad in (good[:-1] + "128", good[:-2] + "ab1", good[:-1] + "0", good.upper(), "case-1"):
        assert pack(ClientOrderId(bad)) is None
    assert pack(client_order_id(TradeId(UUID(int=1)), "a", 1)) is None, "no version 7"


# Signatures --------------------------------------------------------------------------------

keys = st.integers(1, 2**255).map(lambda number: f"0x{number:064x}")
actions = st.builds(
    lambda asset, price, buys, cloid: {
        "type": "order",
        "orders": [
            {
                "a": asset,
                "b": buys,
                "p": str(price),
                "s": "0.01",
                "r": not buys,
                "t": {"limit": {"tif": "Ioc"}},
                "c": cloid,
            }
        ],
        "grouping": "na",
    },
    st.integers(0, 70_000),
    st.integers(1, 10**6),
    st.booleans(),
    st.integers(0, 2**128 - 1).map(lambda number: f"0x{number:032x}"),
)


@given(
    key=keys,
    action=actions,
    nonce=st.integers(1, 2**41),
    expires=st.none() | st.integers(1, 2**41),
    mainnet=st.booleans(),
)
def test_signature_is_that_of_the_venues_own_sdk(
    key: str, action: dict[str, Any], nonce: int, expires: int | None, mainnet: bool
) -> None:
    sdk = importlib.import_module("hyperliquid.utils.signing")
    account = importlib.import_module("eth_account").Account.from_key(key)
    theirs = sdk.sign_l1_action(account, action, None, nonce, expires, mainnet)
    ours = Wallet(key).sign(action, nonce, expires, "a" if mainnet else "b")
    assert (int(ours["r"], 16), int(ours["s"], 16), ours["v"]) == (
        int(theirs["r"], 16),
        int(theirs["s"], 16),
        theirs["v"],
    )


def test_signer_is_recovered_whichever_network_he_signed_for() -> None:
    wallet, signatures = Wallet("0x" + "11" * 32), Signatures()
    action = {"type": "updateLeverage", "asset": 1, "isCross": False, "leverage": 5}
    for source in "ab":
        body = {"action": action, "nonce": 7, "signature": wallet.sign(action, 7, None, source)}
        found = signatures.signers(body)
        assert found[source] == wallet.address
        assert found["b" if source == "a" else "a"] != wallet.address
        tampered = body | {"action": action | {"leverage": 6}}
        assert wallet.address not in signatures.signers(tampered).values()


def test_a_key_that_is_none_is_refused_and_not_shown() -> None:
    with pytest.raises(BadConfig) as refused:
        Wallet("0x1234secret")
    assert "1234secret" not in str(refused.value)


@given(st.lists(st.integers(0, 400), max_size=300))
def test_no_nonce_is_good_twice_and_none_below_the_hundred_highest(sent: list[int]) -> None:
    nonces, now, used = Nonces(), 1_700_000_000_000, list[int]()
    for offset in sent:
        nonce = now + offset
        taken = nonces.problem(nonce, now) is None
        full = len(used) >= NONCES
        assert taken == (nonce not in used and not (full and nonce < sorted(used)[-NONCES]))
        if taken:
            used.append(nonce)


# Refusals ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("Insufficient margin to place order. asset=4", Verdict.REFUSED),
        ("Order was never placed, already canceled, or filled. asset=0", Verdict.ABSENT),
        ("Too many cumulative requests sent (37986 > 10436) for …", Verdict.LIMITED),
        ("Invalid nonce: nonce too low 1 < 2", Verdict.CLOCK),
        ("Action already expired", Verdict.CLOCK),
        ("Invalid nonce: duplicate nonce 1", Verdict.UNKNOWN),
        ("something new", Verdict.REFUSED),
    ],
)
def test_refusals_are_told_apart_by_their_texts(text: str, verdict: Verdict) -> None:
    found = refusal_in({"status": "err", "response": text})
    assert found is not None
    assert VERDICTS.of(Answered(200, *found)) is verdict
    inside = {"type": "order", "data": {"statuses": [{"error": text}]}}
    assert refusal_in({"status": "ok", "response": inside}) == (code_of(text), text)


def test_what_was_carried_out_is_no_refusal() -> None:
    for data in ({"statuses": ["success"]}, {"statuses": [{"resting": {"oid": 1}}]}):
        assert refusal_in({"status": "ok", "response": {"type": "order", "data": data}}) is None
    assert refusal_in({"status": "ok", "response": {"type": "default"}}) is None


@pytest.mark.parametrize(
    ("status", "verdict"), [(429, "limited"), (403, "banned"), (502, "unknown")]
)
def test_transport_answers_are_judged_by_their_status(status: int, verdict: str) -> None:
    assert VERDICTS.of(Answered(status, "", "")) == verdict


@pytest.mark.parametrize(
    ("word", "filled", "status"),
    [
        ("open", "0", OrderStatus.WORKING),
        ("open", "1", OrderStatus.PARTIALLY_FILLED),
        ("filled", "5", OrderStatus.FILLED),
        ("canceled", "1", OrderStatus.CANCELLED),
        ("reduceOnlyCanceled", "0", OrderStatus.CANCELLED),
        ("scheduledCancel", "0", OrderStatus.CANCELLED),
        ("iocCancelRejected", "0", OrderStatus.EXPIRED),
        ("perpMarginRejected", "0", OrderStatus.REJECTED),
        ("rejected", "0", OrderStatus.REJECTED),
    ],
)
def test_words_of_the_venue_become_states(word: str, filled: str, status: OrderStatus) -> None:
    assert status_of(word, Decimal(5), Decimal(filled)) is status


# The private stream ------------------------------------------------------------------------


class Ear:
    """A talk on a wallet with what it reported."""

    def __init__(self) -> None:
        self.reports: list[VenueReport] = []
        self.names: dict[int, ClientOrderId] = {}
        self.link = FakeLink()
        self.talk = PrivateTalk(
            self.link, VENUE, WALLET, MARKETS, self.reports.append, self._known, self._learn
        )

    def _known(self, row: Any) -> ClientOrderId | None:
        return self.names.get(row["oid"])

    def _learn(self, row: Any) -> ClientOrderId:
        name = ClientOrderId(row.get("cloid") or str(row["oid"]))
        self.names[row["oid"]] = name
        return name


def test_an_orders_end_and_fills_are_told_under_our_id() -> None:
    ear = Ear()
    ear.talk.hear(frame("hyperliquid/order_updates"))
    (ended,) = ear.reports
    assert isinstance(ended, Ended)
    assert (ended.status, ended.filled_size) == (OrderStatus.FILLED, Decimal(5))
    assert ended.client_order_id == "0x" + "1f" * 16


def test_a_fill_waits_until_its_orders_name_is_known() -> None:
    ear = Ear()
    ear.talk.hear(frame("hyperliquid/user_fills"))
    assert ear.reports == []
    update = frame("hyperliquid/order_updates").replace(b"91490942", b"90542681")
    ear.talk.hear(update)
    filled, ended = ear.reports
    assert isinstance(ended, Ended)
    assert isinstance(filled, Filled)
    fill = filled.fill
    assert fill.client_order_id == ended.client_order_id
    assert (fill.side, fill.size, fill.fee) == (Side.BUY, Decimal("93.53"), Decimal("0.01"))
    assert fill.liquidity is Liquidity.TAKER


def test_forced_closes_are_no_fills_of_orders() -> None:
    ear = Ear()
    ear.talk.hear(frame("hyperliquid/user_liquidated"))
    causes = []
    for report in ear.reports:
        assert isinstance(report, ForcedReported)
        assert report.forced.side is Side.SELL
        causes.append(report.forced.cause)
    assert causes == [ForcedCause.LIQUIDATION, ForcedCause.ADL]


def test_payments_are_exact_and_a_snapshot_is_left_to_rest() -> None:
    ear = Ear()
    told = frame("hyperliquid/user_fundings")
    ear.talk.hear(told.replace(b'"data":{', b'"data":{"isSnapshot":true,'))
    assert ear.reports == []
    ear.talk.hear(told)
    (report,) = ear.reports
    assert isinstance(report, FundingReported)
    assert report.payment.amount == Decimal("-3.625312")
    assert report.payment.quantity == Decimal("49.1477")


def test_stream_is_followed_once_all_is_granted() -> None:
    ear = Ear()
    ear.talk.opened()
    kinds = [b"orderUpdates", b"userFills", b"userFundings", b"userEvents"]
    for kind in kinds:
        assert not ear.link.is_ready
        ear.talk.hear(frame("hyperliquid/granted").replace(b"l2Book", kind))
    assert ear.link.is_ready
    ear.talk.hear(frame("hyperliquid/refused"))
    assert ear.link.dropped


def talks(link: FakeLink, taker: Taker) -> list[Talk]:
    clock, tally = FakeClock(), FeedTally()
    markets = [listing(f"{coin}USDT", VENUE) for coin in COINS]
    return [
        QuoteTalk(link, COINS, taker, clock, tally),
        DepthTalk(link, COINS, taker, clock, tally),
        TradeTalk(link, COINS, SeenTrades(100), taker, clock, tally),
        ContextTalk(link, COINS, FundingBoard(markets, clock), clock, tally),
        Ear().talk,
    ]


@pytest.mark.skipif(not RECORDED.exists(), reason=f"no recordings at {RECORDED}; set ARBITER_DATA")
def test_recorded_messages_are_read_or_refused_but_never_break() -> None:
    for path in sorted(RECORDED.glob("*.json")):
        for talk in talks(FakeLink(), Taker()):
            with suppress(BadFrame):
                talk.hear(path.read_bytes())
    book = (RECORDED / "ws_book_data.json").read_bytes()
    told = decode.read_book(b'{"channel":"l2Book","data":' + book + b"}").data
    assert (told.levels[0][0].px, told.levels[1][0].px) == (98450.5, 98451.0)
