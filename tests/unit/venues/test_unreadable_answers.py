"""An answer that says neither yes nor no leaves an order's outcome unknown, whatever it looks like."""

import asyncio
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from arbiter.model.errors import OutcomeUnknown, Unreadable
from arbiter.model.ids import ENGINE, ClientOrderId, StrategyId, TradeId, VenueId
from arbiter.model.instruments import Instrument
from arbiter.model.orders import Order, OrderStatus, OrderType, Side, TimeInForce
from arbiter.model.reports import Ended, Filled, Unknown, VenueReport
from arbiter.venues.binance.futures import BinanceFuturesOrders
from arbiter.venues.bybit.orders import make_bybit
from arbiter.venues.coinbase import orders as coinbase_orders
from arbiter.venues.coinbase.orders import CoinbaseOrders
from arbiter.venues.coinbase.private import Progress, UserOrder
from arbiter.venues.common.account import AccountWiring, VenueAccount
from arbiter.venues.common.row_reading import each
from arbiter.venues.hyperliquid.orders import HyperliquidOrders
from arbiter.venues.kraken import orders as kraken_orders
from arbiter.venues.kraken.orders import KrakenOrders
from arbiter.venues.okx.orders import OkxOrders
from arbiter.venues.okx.swaps import make_okx
from tests.fakes.clock import FakeClock
from tests.fakes.perpetuals import perpetual
from tests.fakes.wiring import listing

ROW = {
    "instId": "BTC-USDT",
    "baseCcy": "BTC",
    "quoteCcy": "USDT",
    "lotSz": "0.00000001",
    "minSz": "0.00001",
    "tickSz": "0.1",
    "maxLmtSz": "9999",
    "maxMktSz": "9999",
    "state": "live",
}
ANSWERS: list[dict[str, Any]] = [
    {},
    {"code": "0"},
    {"code": "0", "data": []},
    {"code": "0", "data": None},
    {"code": "0", "data": [{}]},
    {"code": "0", "data": [[]]},
]


class Scripted:
    """Lists one market; gives `answer` to anything else."""

    def __init__(self) -> None:
        self.offset_ms = 0
        self.answer: dict[str, Any] = {}
        self.calls: list[str] = []

    async def call(self, endpoint: str, params: Mapping[str, Any] | None = None) -> Any:
        if endpoint == "public_get_public_instruments":
            return {"code": "0", "data": [ROW]}
        self.calls.append(endpoint)
        return self.answer

    async def close(self) -> None:
        """Nothing is open."""


class Garbled(OkxOrders):
    def __init__(self) -> None:
        super().__init__(AccountWiring(venue=VenueId("okx"), keys=None, clock=FakeClock()))
        self.scripted = Scripted()
        self._rest = self.scripted


@pytest.fixture
async def client() -> Garbled:
    return Garbled()


async def ordered(client: Garbled) -> Order:
    (listed,) = await client.instruments()
    return order_of(listed)


def order_of(listed: Instrument) -> Order:
    return Order(
        client_order_id=ClientOrderId("case-1"),
        strategy=StrategyId("suite"),
        actor=ENGINE,
        trade_id=TradeId(UUID(int=1)),
        leg="a",
        instrument=listed.id,
        venue=listed.venue,
        symbol=listed.symbol,
        side=Side.BUY,
        type=OrderType.LIMIT,
        time_in_force=TimeInForce.IOC,
        size=Decimal("0.01"),
        price=Decimal(60_000),
        planned_price=Decimal(60_000),
        created_ns=0,
        updated_ns=0,
    )


@pytest.mark.parametrize("answer", ANSWERS)
async def test_an_order_whose_answer_cannot_be_read_may_exist(
    client: Garbled, answer: dict[str, Any]
) -> None:
    order = await ordered(client)
    client.scripted.answer = answer
    assert isinstance(await client.submit(order), Unknown)
    assert client.scripted.calls == ["private_post_trade_order"], "sent once"


@pytest.mark.parametrize("answer", [{}, {"code": "0"}])
async def test_what_cannot_be_read_is_no_word_on_an_order(
    client: Garbled, answer: dict[str, Any]
) -> None:
    order = await ordered(client)
    client.scripted.answer = answer
    with pytest.raises(OutcomeUnknown, match="cannot be read"):
        await client.query(order.client_order_id, order.instrument)
    with pytest.raises(OutcomeUnknown, match="cannot be read"):
        await client.cancel(order)
    with pytest.raises(OutcomeUnknown, match="cannot be read"):
        await client.fills_since(0)
    assert await client.correct_clock() is None


FILL = {
    "instId": "BTC-USDT",
    "tradeId": "1",
    "ordId": "1",
    "clOrdId": "",
    "side": "buy",
    "fillSz": "1",
    "fillPx": "60000",
    "fee": "0",
    "feeCcy": "BTC",
    "execType": "T",
    "ts": "1",
}


@pytest.mark.parametrize("wrong", [{"fillSz": "0"}, {"fillPx": "-1"}, {"fee": "NaN"}])
async def test_a_fill_that_cannot_be_is_an_answer_that_cannot_be_read(
    client: Garbled, wrong: dict[str, str]
) -> None:
    await client.instruments()
    client.scripted.answer = {"code": "0", "data": [FILL | wrong]}
    with pytest.raises(OutcomeUnknown, match="cannot be read"):
        await client.fills_since(0)


class Told:
    """Gives one answer to whatever is asked."""

    def __init__(self, answer: Any) -> None:
        self.offset_ms = 0
        self.account = "0x0"
        self._answer = answer

    def now_ms(self) -> int:
        return 0

    async def call(self, endpoint: str, params: Mapping[str, Any] | None = None) -> Any:
        return self._answer

    async def close(self) -> None:
        """Nothing is open."""


Maker = Callable[[AccountWiring], VenueAccount]
LACKING: list[tuple[Maker, str, Any]] = [
    (BinanceFuturesOrders, "binance_futures", [{"symbol": "BTCUSDT", "positionAmt": "1"}]),
    (make_bybit, "bybit_futures", {"result": {"list": [{"symbol": "BTCUSDT", "size": "1"}]}}),
    (make_okx, "okx_futures", {"data": [{"instId": "BTCUSDT", "pos": "1"}]}),
    (
        HyperliquidOrders,
        "hyperliquid",
        {"time": 0, "assetPositions": [{"position": {"coin": "BTCUSDT", "szi": "1"}}]},
    ),
]


@pytest.mark.parametrize(("make", "venue", "answer"), LACKING, ids=[row[1] for row in LACKING])
async def test_a_position_without_its_price_is_an_answer_that_cannot_be_read(
    make: Maker, venue: str, answer: Any
) -> None:
    account: Any = make(AccountWiring(venue=VenueId(venue), keys=None, clock=FakeClock()))
    listed = perpetual(venue)
    account._listed, account._by_market = {listed.id: listed}, {listed.market_id: listed}
    account._rest = Told(answer)
    with pytest.raises(OutcomeUnknown, match="positions: the answer cannot be read"):
        await account.positions()


async def test_an_answer_to_a_new_leverage_that_cannot_be_read_leaves_it_unknown() -> None:
    account: Any = make_okx(
        AccountWiring(venue=VenueId("okx_futures"), keys=None, clock=FakeClock())
    )
    listed = perpetual("okx_futures")
    account._listed = {listed.id: listed}
    account._rest = Told({"code": "0"})
    with pytest.raises(OutcomeUnknown, match="set_leverage: the answer cannot be read"):
        await account.set_leverage(listed.id, Decimal(2))


class Turns(Told):
    """Gives one answer after the other, then the last one again and again."""

    def __init__(self, *answers: Any) -> None:
        super().__init__(None)
        self._answers = list(answers)

    async def call(self, endpoint: str, params: Mapping[str, Any] | None = None) -> Any:
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


async def test_a_token_that_cannot_be_read_is_asked_for_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kraken_orders, "_TOKEN_RETRY_S", 0.0)
    account = KrakenOrders(AccountWiring(venue=VenueId("kraken"), keys=None, clock=FakeClock()))
    account._rest = Turns({"result": {}}, {"result": {"token": "abc"}})
    await account._renew_token()
    assert account._token == "abc"


class UntilEnded:
    def __init__(self) -> None:
        self.told: list[VenueReport] = []
        self.ended = asyncio.Event()

    def on_report(self, report: VenueReport) -> None:
        self.told.append(report)
        if isinstance(report, Ended):
            self.ended.set()


async def test_fills_that_cannot_be_read_are_asked_for_again_before_the_end_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(coinbase_orders, "_AGAIN_S", 0.0)
    account = CoinbaseOrders(AccountWiring(venue=VenueId("coinbase"), keys=None, clock=FakeClock()))
    listed = listing("BTCUSDT", "coinbase")
    account._listed, account._by_market = {listed.id: listed}, {listed.market_id: listed}
    row = {"order_id": "O1", "trade_type": "FILL", "product_id": listed.market_id}
    whole = row | {"trade_id": "T1", "side": "BUY", "price": "1", "size": "1", "commission": "0"}
    whole |= {"liquidity_indicator": "TAKER", "trade_time": "2026-01-01T00:00:00Z"}
    account._rest = Turns({"fills": [row]}, {"fills": [whole]})
    sink = UntilEnded()
    account._sink = sink
    task = asyncio.create_task(account._tell_progress())
    order = UserOrder("O1", "ours", listed.market_id, "FILLED", Decimal(1))
    account._heard(Progress(order=order, status=OrderStatus.FILLED, at_ns=1))
    waiting = asyncio.create_task(sink.ended.wait())
    await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
    assert [type(report) for report in sink.told] == [Filled, Ended]
    for one in (task, waiting):
        one.cancel()
    await asyncio.gather(task, waiting, return_exceptions=True)


# Rows, one by one -----------------------------------------------------------------------------


def test_a_bad_row_is_shown_counted_and_spoils_no_other() -> None:
    told: list[Mapping[str, Any]] = [{"id": 1, "px": "1"}, {"id": 2}, {"id": 3, "px": "x"}]
    with pytest.raises(
        Unreadable, match=r"the trade \{'id': 2\} cannot be read .*, and 1 more"
    ) as e:
        each("the trade", told, _price)
    assert e.value.rest == (Decimal(1),)


def test_rows_that_concern_nobody_here_are_left_out() -> None:
    told: list[Mapping[str, Any]] = [{"id": 1, "px": "1"}, {"other": True}]
    assert each("the trade", told, _price) == [Decimal(1)]


def _price(row: Mapping[str, Any]) -> Decimal | None:
    return None if "other" in row else Decimal(row["px"])


class Numbered:
    """Two markets whose orders have the same numbers, as each counts its own."""

    def __init__(self) -> None:
        self.offset_ms = 0

    async def call(self, endpoint: str, params: Mapping[str, Any] | None = None) -> Any:
        asked = dict(params or {})
        if endpoint == "fapiprivate_get_order":
            return {"clientOrderId": f"of-{asked['symbol']}"}
        assert endpoint == "fapiprivate_get_usertrades"
        row = {"id": 1, "orderId": 7, "side": "BUY", "qty": "1", "price": "1", "time": 1_000}
        return [row | {"commission": "0", "commissionAsset": "USDT", "maker": True}]

    async def close(self) -> None:
        """Nothing is open."""


async def test_orders_of_two_markets_with_the_same_number_are_two_orders() -> None:
    account: Any = BinanceFuturesOrders(
        AccountWiring(venue=VenueId("binance_futures"), keys=None, clock=FakeClock())
    )
    listed = [perpetual("binance_futures", base) for base in ("BTC", "ETH")]
    account._listed = {one.id: one for one in listed}
    account._by_market = {one.market_id: one for one in listed}
    account._rest = Numbered()
    found = await account.fills_since(account._clock.now_ns() - 10**9)
    assert {fill.client_order_id for fill in found} == {f"of-{one.market_id}" for one in listed}
