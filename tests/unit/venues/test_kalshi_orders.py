"""What Kalshi is asked about orders, and what of its answers is believed."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from arbiter.model.errors import OutcomeUnknown
from arbiter.model.ids import ENGINE, ClientOrderId, StrategyId, TradeId
from arbiter.model.orders import (
    Order,
    OrderType,
    Side,
    TimeInForce,
)
from arbiter.model.reports import Absent, Accepted, Refused
from arbiter.venues.common.account import NOT_SENT, AccountWiring
from arbiter.venues.kalshi.orders import KalshiOrders
from arbiter.venues.kalshi.rest import KalshiRest
from tests.fakes.clock import FakeClock
from tests.unit.venues.test_kalshi import INSTRUMENT, VENUE


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


class Catching(KalshiRest):
    """A venue that tells no order, and of itself that it is `as_of` until its orders were read."""

    def __init__(self, clock: FakeClock, as_of: str, then: str) -> None:
        super().__init__(None, None, clock, 1.0)
        self.as_of, self.then = as_of, then

    async def call(self, endpoint: str, params: Mapping[str, Any] | None = None) -> Any:
        if endpoint == "GET /exchange/user_data_timestamp":
            return {"as_of_time": self.as_of}
        assert endpoint == "GET /portfolio/orders"
        self.as_of = self.then
        return {"orders": []}


class Unlisted(KalshiOrders):
    def __init__(self, clock: FakeClock, as_of: str, then: str) -> None:
        super().__init__(AccountWiring(venue=VENUE, keys=None, clock=clock))
        self._api = self._rest = Catching(clock, as_of, then)
        self._listed = {INSTRUMENT.id: INSTRUMENT}


@pytest.mark.parametrize("as_of", ["2025-12-31T23:59:00Z", "2025-12-31T23:59:59.9Z"])
async def test_absence_read_off_old_orders_is_not_believed_because_newer_ones_are_there_now(
    clock: FakeClock, as_of: str
) -> None:
    client = Unlisted(clock, as_of, then="2026-01-01T00:01:00Z")
    with pytest.raises(OutcomeUnknown, match="is of"):
        await client.query(ClientOrderId("sent"), INSTRUMENT.id)
    assert isinstance(await client.query(ClientOrderId("sent"), INSTRUMENT.id), Absent)


class Taking(KalshiRest):
    """A venue that takes every order."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(None, None, clock, 1.0)
        self.sent: list[Mapping[str, Any]] = []

    async def call(self, endpoint: str, params: Mapping[str, Any] | None = None) -> Any:
        assert endpoint == "POST /portfolio/events/orders"
        self.sent.append(params or {})
        return {"order_id": "1"}


class Selling(KalshiOrders):
    def __init__(self, clock: FakeClock) -> None:
        super().__init__(AccountWiring(venue=VENUE, keys=None, clock=clock))
        self.taking = Taking(clock)
        self._api = self._rest = self.taking
        self._listed = {INSTRUMENT.id: INSTRUMENT}


def reducing(tif: TimeInForce, *, market: bool = False) -> Order:
    return Order(
        client_order_id=ClientOrderId("case-1"),
        strategy=StrategyId("suite"),
        actor=ENGINE,
        trade_id=TradeId(UUID(int=1)),
        leg="a",
        instrument=INSTRUMENT.id,
        venue=VENUE,
        symbol=INSTRUMENT.symbol,
        side=Side.SELL,
        type=OrderType.MARKET if market else OrderType.LIMIT,
        time_in_force=tif,
        reduce_only=True,
        size=Decimal(10),
        price=None if market else Decimal("0.5"),
        planned_price=Decimal("0.5"),
        created_ns=0,
        updated_ns=0,
    )


async def test_order_that_may_only_reduce_is_never_left_to_rest_without_saying_so(
    clock: FakeClock,
) -> None:
    client = Selling(clock)
    refused = await client.submit(reducing(TimeInForce.GTC))
    assert isinstance(refused, Refused)
    assert refused.code == NOT_SENT
    assert "only reduce" in refused.reason
    assert client.taking.sent == []


@pytest.mark.parametrize(
    ("tif", "market"),
    [(TimeInForce.IOC, False), (TimeInForce.FOK, False), (TimeInForce.IOC, True)],
)
async def test_unwinding_order_is_sent_as_one_that_may_only_reduce(
    clock: FakeClock, tif: TimeInForce, market: bool
) -> None:
    client = Selling(clock)
    assert isinstance(await client.submit(reducing(tif, market=market)), Accepted)
    (sent,) = client.taking.sent
    assert sent["reduce_only"] is True
    assert sent["time_in_force"] != "good_till_canceled"
