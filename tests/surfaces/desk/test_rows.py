"""Our records as the pages' bodies."""

from decimal import Decimal
from uuid import UUID

import pytest

from arbiter.api.desk.page_rows import balances_body, trade_body
from arbiter.model.holdings import Balance
from arbiter.model.ids import (
    Actor,
    Asset,
    InstrumentId,
    StrategyId,
    Symbol,
    TradeId,
    VenueId,
    client_order_id,
)
from arbiter.model.orders import LEG_ROLES, Side
from arbiter.model.plans import Family
from arbiter.model.trades import PlannedLeg, Trade
from arbiter.runtime.desk_view import Holding

TRADE = TradeId(UUID(int=7))


def held(venue: str, asset: str, usd: str | None) -> Holding:
    balance = Balance(venue=VenueId(venue), asset=Asset(asset), total=Decimal(1))
    worth = None if usd is None else Decimal(usd)
    return Holding(balance=balance, usd=worth, skew=None, frozen=False)


def test_worth_is_added_up_to_the_last_digit() -> None:
    rows = [held("one", "A", "0.1"), held("one", "B", "0.2"), held("two", "A", "0.3")]
    told = balances_body([*rows, held("two", "C", None)], 1)
    assert told.by_venue_usd == {"one": 0.3, "two": 0.3}
    assert told.total_usd == 0.6
    assert [row.usd for row in told.balances] == [0.1, 0.2, 0.3, None]


def test_of_nothing_the_worth_is_zero() -> None:
    told = balances_body([], 1)
    assert (told.total_usd, told.by_venue_usd) == (0.0, {})


@pytest.mark.parametrize(
    ("first", "second", "planned"),
    [
        ((Side.BUY, "0.37"), (Side.BUY, "0.58"), 4.5),  # one of them pays 1: 0.05 of 90
        ((Side.SELL, "0.63"), (Side.SELL, "0.42"), 4.5),
        ((Side.BUY, "0.37"), (Side.SELL, "0.42"), 4.5),
    ],
)
def test_the_planned_profit_of_a_pair_is_what_its_contracts_cost_less_than_they_pay(
    first: tuple[Side, str], second: tuple[Side, str], planned: float
) -> None:
    trade = Trade(
        id=TRADE,
        seq=1,
        strategy=StrategyId("event-arbitrage"),
        family=Family.EVENTS,
        actor=Actor("strategy:event-arbitrage"),
        symbol=Symbol("JOBLESS-CAP/USD:EVENT"),
        quote="USD",
        legs=tuple(
            PlannedLeg(
                role=role,
                instrument=InstrumentId(f"JOBLESS-CAP.{role}"),
                side=side,
                size=Decimal(90),
                limit=None,
                planned_price=Decimal(price),
                order=client_order_id(TRADE, role, 1),
            )
            for role, (side, price) in zip(LEG_ROLES, (first, second), strict=False)
        ),
        started_ns=0,
    )
    assert trade_body(trade, []).planned_profit == planned
