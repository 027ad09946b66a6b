"""An answer that says neither yes nor no leaves an order's outcome unknown, whatever it looks like."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from arbiter.model.errors import OutcomeUnknown
from arbiter.model.ids import ENGINE, ClientOrderId, StrategyId, TradeId, VenueId
from arbiter.model.instruments import Instrument
from arbiter.model.orders import Order, OrderType, Side, TimeInForce
from arbiter.model.reports import Unknown
from arbiter.venues.common.account import AccountWiring
from arbiter.venues.okx.orders import OkxOrders
from tests.fakes.clock import FakeClock

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
