"""An answer that says neither yes nor no leaves an order's outcome unknown, whatever it looks like."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from arbiter.model.errors import OutcomeUnknown
from arbiter.model.ids import ENGINE, ClientOrderId, StrategyId, TradeId, VenueId
from arbiter.model.instruments import Instrument
from arbiter.model.orders import Order, OrderType, Side, TimeInForce
from arbiter.model.reports import Unknown
from arbiter.venues.binance.orders import make_binance
from arbiter.venues.bybit.orders import make_bybit
from arbiter.venues.common.account import AccountWiring, VenueAccount
from arbiter.venues.hyperliquid.orders import HyperliquidOrders
from arbiter.venues.okx.orders import OkxOrders
from arbiter.venues.okx.swaps import make_okx
from tests.fakes.clock import FakeClock
from tests.fakes.perpetuals import perpetual

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
    (make_binance, "binance_futures", [{"symbol": "BTCUSDT", "positionAmt": "1"}]),
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
