"""What Polymarket's order client makes of answers that leave an order's fate open."""

import asyncio
from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
import pytest
from msgspec.structs import replace

from arbiter.model.errors import OutcomeUnknown, VenueUnreachable
from arbiter.model.ids import ENGINE, ClientOrderId, InstrumentId, StrategyId, TradeId, VenueId
from arbiter.model.money import ZERO
from arbiter.model.orders import Order, OrderStatus, OrderType, Side, TimeInForce
from arbiter.model.reports import (
    Absent,
    Accepted,
    Ended,
    OrderTruth,
    Refused,
    Unknown,
    VenueReport,
)
from arbiter.model.time import NS_PER_S
from arbiter.venues.common.account import NOT_SENT, AccountWiring
from arbiter.venues.common.frames import BadFrame
from arbiter.venues.common.keys import VenueKeys
from arbiter.venues.common.signed import Answered
from arbiter.venues.polymarket import heartbeats
from arbiter.venues.polymarket.addresses import Api
from arbiter.venues.polymarket.errors import read_refusal
from arbiter.venues.polymarket.markets import Markets
from arbiter.venues.polymarket.orders import PolymarketOrders
from arbiter.venues.polymarket.private import UserTalk
from arbiter.venues.polymarket.rest import PolymarketRest, Query
from arbiter.venues.polymarket.signing import Login, wallet_of
from tests.fakes.clock import FakeClock
from tests.unit.venues.frames import FakeLink
from tests.unit.venues.test_polymarket import NO_TOKEN, PRIVATE, ROW, TOKEN

VENUE = VenueId("polymarket")
HOLDER = "0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A"
KEYS = VenueKeys(api_key=HOLDER, secret=PRIVATE, password="0")
MARKET = InstrumentId("WILL-IT-BE-WARM.POLYMARKET")
TAKEN = {"success": True, "errorMsg": "", "orderID": "0x1", "takingAmount": "", "makingAmount": ""}


class House(PolymarketRest):
    """Lists one market, and answers to the account as it is told to."""

    def __init__(self) -> None:
        super().__init__(wallet_of(KEYS), None, 1.0)
        self.answer: dict[str, Any] | Exception = TAKEN | {"status": "live"}
        self.by_hash: dict[str, Any] | Exception | None = None
        self.orders: list[dict[str, Any]] = []
        self.trades: list[dict[str, Any]] = []
        self.entry: Exception | None = None
        self.cancelled: list[str] = []
        self.sent: list[dict[str, Any]] = []

    async def login(self) -> Login:
        if self.entry is not None:
            raise self.entry
        return Login(api_key="a", secret="cw==", passphrase="p")

    async def public(self, api: Api, path: str, query: Query | None = None) -> Any:
        if api is Api.GAMMA and path == "/markets" and ("closed", "false") in (query or ()):
            return [ROW]
        return []

    async def signed(
        self, method: str, path: str, *, query: Query | None = None, body: Any = None
    ) -> Any:
        if (method, path) == ("POST", "/order"):
            self.sent.append(body["order"])
            return told(self.answer)
        if (method, path) == ("DELETE", "/order"):
            self.cancelled.append(body["orderID"])
            return {"canceled": [body["orderID"]], "not_canceled": {}}
        if path.startswith("/data/order/"):
            return told(self.by_hash)
        rows = {"/data/orders": self.orders, "/data/trades": self.trades}.get(path)
        return {} if rows is None else {"data": rows, "next_cursor": "LTE="}


def told(answer: Any) -> Any:
    if isinstance(answer, Exception):
        raise answer
    return answer


def answered(status: int, body: Mapping[str, Any]) -> Answered:
    refusal = read_refusal(status, body)
    assert refusal is not None
    return Answered(status, *refusal)


class Client(PolymarketOrders):
    def __init__(self) -> None:
        self.clock = FakeClock()
        super().__init__(
            AccountWiring(venue=VENUE, keys=KEYS, clock=self.clock, markets=("will-it-be-warm",))
        )
        self.house = House()
        self._api = self._rest = self.house
        self._markets = Markets(self.house, VENUE)
        self.said: list[VenueReport] = []
        self._sink = self

    def on_report(self, report: VenueReport) -> None:
        self.said.append(report)

    @property
    def ends(self) -> list[Ended]:
        return [report for report in self.said if isinstance(report, Ended)]

    @property
    def number(self) -> str:
        """The hash of the last order."""
        return next(reversed(self._put)) if self._put else next(reversed(self._over))

    def can_sell(self, token: str) -> Decimal:
        return self._sellable(token)

    def hear_order(self, kind: str, matched: str) -> None:
        self._on_order({"id": self.number, "type": kind, "size_matched": matched})

    def hear_trade(self, size: str, /, **more: Any) -> None:
        self._take_trade(self.trade(size, **more))

    def trade(self, size: str, /, **more: Any) -> dict[str, Any]:
        made: dict[str, Any] = {
            "id": "t1",
            "taker_order_id": self.number,
            "asset_id": TOKEN,
            "side": "BUY",
            "size": size,
            "price": "0.5",
            "status": "MATCHED",
            "match_time": "1767225600",
            "trader_side": "TAKER",
            "maker_orders": [],
        }
        return made | more


@pytest.fixture
async def client() -> Client:
    made = Client()
    await made.instruments()
    return made


def order(name: str = "case-1", side: Side = Side.BUY, tif: TimeInForce = TimeInForce.IOC) -> Order:
    return Order(
        client_order_id=ClientOrderId(name),
        strategy=StrategyId("suite"),
        actor=ENGINE,
        trade_id=TradeId(UUID(int=1)),
        leg="a",
        instrument=MARKET,
        venue=VENUE,
        symbol="WILL-IT-BE-WARM/USD:EVENT",  # type: ignore[arg-type]
        side=side,
        type=OrderType.LIMIT,
        time_in_force=tif,
        size=Decimal(10),
        price=Decimal("0.5"),
        planned_price=Decimal("0.5"),
        created_ns=0,
        updated_ns=0,
    )


# Orders that the venue holds back -----------------------------------------------------------


@pytest.mark.parametrize("tif", [TimeInForce.IOC, TimeInForce.FOK])
async def test_order_that_is_held_back_ends_when_the_stream_says_so(
    client: Client, tif: TimeInForce
) -> None:
    client.house.answer = TAKEN | {"status": "delayed"}
    assert isinstance(await client.submit(order(tif=tif)), Accepted)
    assert client.ends == []
    client.hear_trade("10")
    client.hear_order("UPDATE", "10")
    (end,) = client.ends
    assert (end.status, end.filled_size) == (OrderStatus.FILLED, Decimal(10))


@pytest.mark.parametrize("status", ["delayed", "unmatched", "matched", ""])
async def test_what_is_not_said_to_have_matched_is_no_end_of_an_order(
    client: Client, status: str
) -> None:
    client.house.answer = TAKEN | {"status": status}
    assert isinstance(await client.submit(order()), Accepted)
    assert client.ends == []


async def test_order_that_is_held_back_is_not_missing_until_it_can_no_more_match(
    client: Client,
) -> None:
    client.house.answer = TAKEN | {"status": "delayed"}
    await client.submit(order())
    with pytest.raises(OutcomeUnknown, match="held back"):
        await client.query(ClientOrderId("case-1"), MARKET)
    client.clock.advance(31 * NS_PER_S)
    truth = await client.query(ClientOrderId("case-1"), MARKET)
    assert isinstance(truth, OrderTruth)
    assert (truth.status, truth.filled_size) == (OrderStatus.CANCELLED, ZERO)


async def test_hurried_order_that_rests_all_the_same_is_cancelled_when_it_is_found(
    client: Client,
) -> None:
    odd = replace(order(), size=Decimal("10.33"), price=Decimal("0.51"))
    client.house.answer = TAKEN | {"status": "delayed"}
    await client.submit(odd)
    client.house.by_hash = row(client.number) | {"original_size": "10.33"}
    client.house.cancelled.clear()
    await client.query(odd.client_order_id, MARKET)
    assert client.house.cancelled == [client.number]


# Absence ------------------------------------------------------------------------------------


def row(number: str) -> dict[str, Any]:
    return {
        "id": number,
        "status": "LIVE",
        "asset_id": TOKEN,
        "side": "BUY",
        "original_size": "10",
        "size_matched": "0",
        "price": "0.5",
        "created_at": 1_767_225_600,
    }


NOWHERE = [None, answered(404, {"error": "order not found"}), Answered(404, "", "")]


@pytest.mark.parametrize("by_hash", NOWHERE)
async def test_filled_order_that_is_not_found_by_its_hash_is_told_by_its_trades(
    client: Client, by_hash: Exception | None
) -> None:
    client.house.answer = OutcomeUnknown("no answer")
    assert isinstance(await client.submit(order()), Unknown)
    client.house.by_hash = by_hash
    client.house.trades = [client.trade("10")]
    truth = await client.query(ClientOrderId("case-1"), MARKET)
    assert isinstance(truth, OrderTruth)
    assert (truth.status, truth.filled_size) == (OrderStatus.FILLED, Decimal(10))


@pytest.mark.parametrize("by_hash", NOWHERE)
async def test_open_order_that_is_not_found_by_its_hash_is_found_among_the_open_ones(
    client: Client, by_hash: Exception | None
) -> None:
    client.house.answer = OutcomeUnknown("no answer")
    await client.submit(order(tif=TimeInForce.GTC))
    client.house.by_hash = by_hash
    client.house.orders = [row(client.number)]
    truth = await client.query(ClientOrderId("case-1"), MARKET)
    assert isinstance(truth, OrderTruth)
    assert truth.status is OrderStatus.WORKING


async def test_order_that_nothing_knows_of_is_absent(client: Client) -> None:
    client.house.answer = OutcomeUnknown("no answer")
    await client.submit(order())
    assert isinstance(await client.query(ClientOrderId("case-1"), MARKET), Absent)


# Refusals -----------------------------------------------------------------------------------

MAYBE = [
    (400, "could not insert order"),
    (500, "could not run the execution"),
    (400, "could not run the execution"),
    (400, "order match delayed due to market conditions"),
    (400, "error delaying the order"),
    (400, "order 0x1 is invalid. Duplicated."),
    (500, "the matching engine did not answer"),
    (500, "order couldn't be fully filled. FOK orders are fully filled or killed."),
    (400, "context canceled"),
]
NEVER = [
    "order 0x1 is invalid. Price (0.51) breaks minimum tick size rule: 0.1",
    "order 0x1 is invalid. Size (1) lower than the minimum: 5",
    "not enough balance / allowance",
    "invalid expiration",
    "invalid post-only order: order crosses book",
    "order 0x1 crosses the book",
    "the market is not yet ready to process new orders",
    "'0x1' address in closed only mode",
    "Invalid order payload",
]


@pytest.mark.parametrize(("status", "text"), MAYBE)
async def test_error_after_which_an_order_may_exist_leaves_it_unknown(
    client: Client, status: int, text: str
) -> None:
    client.house.answer = answered(status, {"error": text})
    assert isinstance(await client.submit(order()), Unknown)
    assert client.ends == []


async def test_order_whose_match_is_delayed_is_asked_about_until_it_has_matched(
    client: Client,
) -> None:
    client.house.answer = answered(400, {"error": "order match delayed due to market conditions"})
    await client.submit(order())
    with pytest.raises(OutcomeUnknown, match="held back"):
        await client.query(ClientOrderId("case-1"), MARKET)
    client.house.trades = [client.trade("10")]
    truth = await client.query(ClientOrderId("case-1"), MARKET)
    assert isinstance(truth, OrderTruth)
    assert truth.status is OrderStatus.FILLED


@pytest.mark.parametrize("text", NEVER)
@pytest.mark.parametrize("success", [True, False])
async def test_documented_check_refuses_whatever_is_said_of_success(
    client: Client, text: str, success: bool
) -> None:
    body = {"success": success, "errorMsg": text, "orderID": "", "status": ""}
    client.house.answer = answered(200, body)
    assert isinstance(await client.submit(order()), Refused)


# What is promised ---------------------------------------------------------------------------


async def holding(client: Client) -> None:
    """Buy ten of NO, on chain."""
    row = {"asset_id": NO_TOKEN, "status": "CONFIRMED", "taker_order_id": "0xolder", "id": "t0"}
    await client.submit(order("older", tif=TimeInForce.GTC))
    client.house.trades = [client.trade("10", **row)]
    await client.fills_since(0)
    assert client.can_sell(NO_TOKEN) == Decimal(10)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (VenueUnreachable("no route"), NOT_SENT),
        (answered(400, {"error": "not enough balance / allowance"}), "BALANCE"),
        (answered(400, {"error": "invalid signature"}), "SIGNATURE"),
    ],
)
async def test_order_that_is_not_there_promises_nothing(
    client: Client, answer: Exception, code: str
) -> None:
    await holding(client)
    client.house.answer = answer
    refused = await client.submit(order())
    assert isinstance(refused, Refused)
    assert refused.code == code
    assert client.house.sent[-1]["tokenId"] == NO_TOKEN, "sold from what is held"
    assert client.can_sell(NO_TOKEN) == Decimal(10)


@pytest.mark.parametrize(
    "entry",
    [
        VenueUnreachable("no route"),
        OutcomeUnknown("no answer"),
        Answered(502, "", "bad gateway"),
    ],
)
async def test_order_without_a_log_in_is_not_sent_and_promises_nothing(
    client: Client, entry: Exception
) -> None:
    await holding(client)
    client.house.entry = entry
    refused = await client.submit(order())
    assert isinstance(refused, Refused)
    assert refused.code == NOT_SENT
    assert client.can_sell(NO_TOKEN) == Decimal(10)


async def test_order_that_may_be_there_promises_until_it_is_known_not_to_be(
    client: Client,
) -> None:
    await holding(client)
    client.house.answer = answered(500, {"error": "could not run the execution"})
    await client.submit(order())
    assert client.can_sell(NO_TOKEN) == ZERO
    assert isinstance(await client.query(ClientOrderId("case-1"), MARKET), Absent)
    assert client.can_sell(NO_TOKEN) == Decimal(10)


async def test_what_one_order_sells_another_sent_at_the_same_time_does_not(client: Client) -> None:
    await holding(client)
    client.house.sent.clear()
    await asyncio.gather(client.submit(order()), client.submit(order("case-2")))
    assert sorted(sent["side"] for sent in client.house.sent) == ["BUY", "SELL"]
    assert client.can_sell(NO_TOKEN) == ZERO


# The user stream ------------------------------------------------------------------------------


async def test_a_trade_that_cannot_be_read_is_a_bad_message(client: Client) -> None:
    await client.submit(order())
    for wrong in ({"status": "ODD"}, {"size": "ten"}, {"size": "0"}, {"price": None}):
        with pytest.raises(BadFrame):
            client.hear_trade("10", **wrong)
    with pytest.raises(BadFrame):
        client.hear_order("UPDATE", "ten")
    assert client.said == []
    client.hear_trade("10")
    assert len(client.said) == 1, "the same one, readable"


async def test_a_failure_of_who_is_told_of_a_trade_is_none_of_the_message(client: Client) -> None:
    await client.submit(order())

    def fail(report: VenueReport) -> None:
        raise KeyError("of the ledger", report)

    client.on_report = fail  # type: ignore[method-assign]
    talk = UserTalk(FakeLink(), await client.house.login(), client._on_order, client._take_trade)
    with pytest.raises(KeyError, match="of the ledger"):
        talk.hear(msgspec.json.encode(client.trade("10", event_type="trade")))


async def test_heartbeats_go_on_over_an_answer_without_a_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said: list[str] = []
    twice = asyncio.Event()

    async def answer(_method: str, _path: str, *, body: dict[str, str]) -> None:
        said.append(body["heartbeat_id"])
        if len(said) == 2:
            twice.set()

    monkeypatch.setattr(heartbeats, "_BEAT_S", 0.0)
    api = PolymarketRest(None, None, 1.0)
    monkeypatch.setattr(api, "signed", answer)
    task = asyncio.create_task(heartbeats.beat(api, VENUE))
    heard = asyncio.create_task(twice.wait())
    await asyncio.wait({task, heard}, return_when=asyncio.FIRST_COMPLETED)
    assert said[:2] == ["", ""]
    for each in (task, heard):
        each.cancel()
    await asyncio.gather(task, heard, return_exceptions=True)
