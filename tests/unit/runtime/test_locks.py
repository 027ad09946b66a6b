"""What an order added under way locks, beside what the gate would ask for the same leg."""

from decimal import Decimal

import pytest
from msgspec.structs import replace

from arbiter.model.orders import OrderStatus, OrderType, Side
from arbiter.model.plans import Leg
from arbiter.risk.limits import RiskLimits
from arbiter.risk.needs import need_of, worst_price
from arbiter.runtime.booking import lock_of
from tests.fakes.perpetuals import perpetual
from tests.unit.execution.legs import order

PERP = perpetual("binance")
LIMITS = RiskLimits(market_slippage=Decimal("0.05"))
LEVERAGE = Decimal(2)


@pytest.mark.parametrize("side", list(Side))
def test_a_market_order_on_margin_locks_what_the_gate_asks_whichever_way_it_goes(
    side: Side,
) -> None:
    added = replace(
        order("a", OrderStatus.CREATED, instrument=PERP, side=side),
        type=OrderType.MARKET,
        price=None,
        size=Decimal(1),
        planned_price=Decimal(100),
    )
    leg = Leg(
        instrument=PERP.id,
        side=side,
        type=OrderType.MARKET,
        size=Decimal(1),
        price=None,
        planned_price=Decimal(100),
    )
    price = worst_price(PERP, side, None, Decimal(100), LIMITS.market_slippage)
    asked = need_of(leg, PERP, price, PERP.notional(leg.size, price), LEVERAGE)
    assert asked.lock[1] > Decimal("52.4")
    assert lock_of(added, PERP, LIMITS, LEVERAGE) == asked.lock
