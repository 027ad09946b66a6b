"""Futures venues in Binance's shapes tell a week of trades at a time: none of a longer past is left out."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from arbiter.model.ids import VenueId
from arbiter.model.time import NS_PER_DAY, NS_PER_MS
from arbiter.venues.binance.futures import BinanceFuturesOrders
from arbiter.venues.common.account import AccountWiring
from tests.fakes.clock import START_NS, FakeClock

WEEK_MS = 7 * NS_PER_DAY // NS_PER_MS
NOW_MS = START_NS // NS_PER_MS
PAST_MS = st.integers(1, 5 * WEEK_MS).map(lambda ago: -ago)
MARKET = {
    "symbol": "BTCUSDT",
    "pair": "BTCUSDT",
    "contractType": "PERPETUAL",
    "status": "TRADING",
    "baseAsset": "BTC",
    "quoteAsset": "USDT",
    "marginAsset": "USDT",
    "liquidationFee": "0.01",
    "orderTypes": ["LIMIT", "MARKET"],
    "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
    "filters": [
        {"filterType": "PRICE_FILTER", "tickSize": "0.10", "minPrice": "0.1", "maxPrice": "1e6"},
        {"filterType": "LOT_SIZE", "stepSize": "0.001", "minQty": "0.001", "maxQty": "1000"},
        {"filterType": "MARKET_LOT_SIZE", "stepSize": "0.001", "minQty": "0.001", "maxQty": "120"},
        {"filterType": "MIN_NOTIONAL", "notional": "5"},
    ],
}


class Weekly:
    """Tells of a week from the start it is asked for, as many trades as fit on a page."""

    def __init__(self, times_ms: list[int]) -> None:
        self.offset_ms = 0
        self.rows = [trade(number, at) for number, at in enumerate(sorted(times_ms), 1)]

    async def call(self, endpoint: str, params: Mapping[str, Any] | None = None) -> Any:
        if endpoint == "fapipublic_get_exchangeinfo":
            return {"symbols": [MARKET]}
        if endpoint == "fapiprivate_get_order":
            return {"clientOrderId": "case-1"}
        assert params is not None
        assert endpoint == "fapiprivate_get_usertrades"
        if "fromId" in params:
            found = [row for row in self.rows if row["id"] >= params["fromId"]]
        else:
            start = params["startTime"]
            end = params.get("endTime", start + WEEK_MS)
            assert end - start <= WEEK_MS, "refused by the venue"
            found = [row for row in self.rows if start <= row["time"] <= end]
        return found[: params["limit"]]

    async def close(self) -> None:
        """Nothing is open."""


def trade(number: int, at_ms: int) -> dict[str, Any]:
    return {
        "id": number,
        "orderId": 1,
        "side": "BUY",
        "qty": "0.001",
        "price": "60000",
        "commission": "0.01",
        "commissionAsset": "USDT",
        "maker": False,
        "time": at_ms,
    }


class Futures(BinanceFuturesOrders):
    def __init__(self, times_ms: list[int]) -> None:
        wiring = AccountWiring(venue=VenueId("binance_futures"), keys=None, clock=FakeClock())
        super().__init__(wiring, Weekly(times_ms))


@given(st.lists(PAST_MS, max_size=20), PAST_MS)
@example([-WEEK_MS, -1], -3 * WEEK_MS)
async def test_every_trade_since_then_is_told_once(ago_ms: list[int], since_ms: int) -> None:
    client = Futures([NOW_MS + ago for ago in ago_ms])
    told = await client.fills_since((NOW_MS + since_ms) * NS_PER_MS)
    assert [fill.at_ns // NS_PER_MS - NOW_MS for fill in told] == sorted(
        ago for ago in ago_ms if ago >= since_ms
    )
    assert len({fill.venue_trade_id for fill in told}) == len(told)


@pytest.mark.parametrize("weeks", [1, 3])
async def test_more_than_a_page_of_them_is_told(weeks: int) -> None:
    client = Futures([NOW_MS - weeks * WEEK_MS + 1 + number for number in range(2_500)])
    told = await client.fills_since((NOW_MS - weeks * WEEK_MS) * NS_PER_MS)
    assert len({fill.venue_trade_id for fill in told}) == 2_500


async def test_without_a_beginning_it_is_the_last_week() -> None:
    client = Futures([NOW_MS - 2 * WEEK_MS, NOW_MS - WEEK_MS // 2])
    assert len(await client.fills_since(0)) == 1
