"""A venue whose clock is minutes behind ours: what we sent is found, though it happened "earlier"."""

import pytest
from msgspec.structs import replace

from arbiter.model.ids import TradeId, client_order_id, uuid7
from arbiter.model.orders import TimeInForce
from arbiter.model.reports import OrderTruth, Unknown
from arbiter.model.time import NS_PER_S
from arbiter.runtime.clock import SystemClock
from tests.port_suites.order_client import OrderDesk
from tests.scenarios.simex.conftest import Serve
from tests.scenarios.simex.stands import PERPETUALS, PRICE, SPOT, Stand
from tests.scenarios.simex.test_order_clients import CALM

BEHIND_MS = 600_000


@pytest.mark.parametrize("stand", [*SPOT, *PERPETUALS], ids=lambda stand: stand.venue)
async def test_an_order_without_an_answer_is_found_with_its_fills(
    serve: Serve, stand: Stand
) -> None:
    served = await serve(replace(CALM, venues=(stand.server,)))
    await served.act(stand.server, "clock_offset", offset_ms=-BEHIND_MS)
    client = stand.client(served)
    await client.correct_clock()
    listed = next(i for i in await client.instruments() if i.symbol == stand.symbol)
    made_ns = SystemClock().now_ns()
    trade = TradeId(uuid7(made_ns, 1 << 70))
    order = replace(
        OrderDesk(client, listed, price=PRICE).order(tif=TimeInForce.IOC),
        client_order_id=client_order_id(trade, "a", 1),
        trade_id=trade,
        created_ns=made_ns,
    )
    script = [{"call": "submit", "nth": 1, "fault": "drop_response"}]
    await served.act(stand.server, "script", script=script)
    assert isinstance(await client.submit(order), Unknown)
    truth = await client.query(order.client_order_id, order.instrument)
    assert isinstance(truth, OrderTruth)
    assert truth.filled_size == order.size
    fills = await client.fills_since(made_ns - NS_PER_S)
    assert sum(fill.size for fill in fills) == order.size
    assert {fill.client_order_id for fill in fills} == {order.client_order_id}
    await client.aclose()
