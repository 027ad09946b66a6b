"""A private message that cannot be read costs a message; a failure of who listens stops the engine."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import pytest

from arbiter.model.ids import ClientOrderId, VenueId
from arbiter.model.instruments import Instrument
from arbiter.model.orders import OrderStatus
from arbiter.model.reports import Ended, Filled, VenueReport
from arbiter.venues.binance.private import FuturesTalk, SpotTalk
from arbiter.venues.bybit.private import PrivateTalk as BybitTalk
from arbiter.venues.bybit.private import order_truth
from arbiter.venues.common.frames import BadFrame
from arbiter.venues.common.keys import VenueKeys
from arbiter.venues.common.stream import Talk
from arbiter.venues.hyperliquid.private import PrivateTalk as HyperliquidTalk
from arbiter.venues.kalshi.private import PrivateTalk as KalshiTalk
from arbiter.venues.kraken.private import PrivateTalk as KrakenTalk
from arbiter.venues.okx.private import PrivateTalk as OkxTalk
from tests.fakes.clock import FakeClock
from tests.fakes.perpetuals import perpetual
from tests.fakes.wiring import listing
from tests.unit.venues.frames import FakeLink, frame

KEYS = VenueKeys(api_key="key", secret="secret", password="word")
Say = Callable[[VenueReport], None]
ORDER = {"s": "BTCUSDT", "c": "ours", "x": "TRADE", "X": "FILLED", "S": "BUY", "T": 1, "t": 7}
ORDER |= {"l": "1", "L": "100", "z": "1", "m": False, "n": "0", "N": "USDT"}
EXECUTION: dict[str, Any] = {
    "category": "linear",
    "symbol": "BTCUSDT",
    "execType": "Trade",
    "side": "Buy",
}
EXECUTION |= {"execId": "7", "orderLinkId": "ours", "orderId": "1", "execTime": "1"}
EXECUTION |= {"execQty": "1", "execPrice": "100", "execFee": "0", "isMaker": False}


def _markets(venue: str, name: str) -> Mapping[str, Instrument]:
    return {name: perpetual(venue, market_id=name)}


def _binance(say: Say) -> Talk:
    markets = _markets("binance_futures", "BTCUSDT")
    venue = VenueId("binance_futures")
    return FuturesTalk(FakeLink(), venue, markets, say, lambda: None, lambda: None)


def _binance_spot(say: Say) -> Talk:
    markets = {"BTCUSDT": listing("BTCUSDT", "binance")}
    return SpotTalk(FakeLink(), VenueId("binance"), KEYS, markets, say, lambda: 0)


def _bybit(say: Say) -> Talk:
    venue, markets = VenueId("bybit_futures"), _markets("bybit_futures", "BTCUSDT")
    return BybitTalk(FakeLink(), venue, "linear", KEYS, markets, say, lambda: 0)


def _okx(say: Say) -> Talk:
    venue, markets = VenueId("okx_futures"), _markets("okx_futures", "BTC-USDT-SWAP")
    return OkxTalk(FakeLink(), venue, "SWAP", KEYS, markets, say, lambda: 0)


def _hyperliquid(say: Say) -> Talk:
    def known(_row: Any) -> ClientOrderId:
        return ClientOrderId("ours")

    venue, markets = VenueId("hyperliquid"), _markets("hyperliquid", "BTC")
    return HyperliquidTalk(FakeLink(), venue, "0x", markets, say, known, known)


def _kraken(say: Say) -> Talk:
    markets = {"USDC/USD": listing("USDCUSDT", "kraken")}

    def name_of(number: str, told: str | None) -> ClientOrderId:
        return ClientOrderId(told or number)

    now = FakeClock().now_ns
    return KrakenTalk(
        FakeLink(), VenueId("kraken"), "token", markets, say, name_of, lambda: None, now
    )


def _kalshi(say: Say) -> Talk:
    markets = _markets("kalshi", "FED-23DEC-T3.00")
    return KalshiTalk(FakeLink(), VenueId("kalshi"), markets, say, ClientOrderId, lambda: None)


def _json(told: Any) -> bytes:
    return msgspec.json.encode(told)


FILLS: list[tuple[Callable[[Say], Talk], bytes, bytes, bytes]] = [
    (_binance, _json({"e": "ORDER_TRADE_UPDATE", "o": ORDER}), b'"L":"100"', b'"L":"0"'),
    (_binance_spot, _json({"event": {"e": "executionReport"} | ORDER}), b'"L":"100"', b'"L":"0"'),
    (_bybit, _json({"topic": "execution", "data": [EXECUTION]}), b'"100"', b'"0"'),
    (_okx, frame("okx/order_fill"), b'"fillPx":"13.142"', b'"fillPx":"0"'),
    (_hyperliquid, frame("hyperliquid/user_fills"), b'"18435.0"', b'"0"'),
    (_kraken, frame("kraken/execution_trade"), b"1.0002", b"0"),
    (_kalshi, frame("kalshi/fill"), b'"0.7500"', b'"0"'),
]
IDS = [row[0].__name__ for row in FILLS]


@pytest.mark.parametrize(("make", "told", "price", "none"), FILLS, ids=IDS)
def test_a_fill_without_a_price_is_a_message_that_cannot_be_read(
    make: Callable[[Say], Talk], told: bytes, price: bytes, none: bytes
) -> None:
    said: list[VenueReport] = []
    with pytest.raises(BadFrame):
        make(said.append).hear(told.replace(price, none))
    assert not any(isinstance(report, Filled) for report in said)
    make(said.append).hear(told)
    assert isinstance(said[0], Filled), "the same message with its price"


@pytest.mark.parametrize("failure", [KeyError, ValueError, TypeError, AttributeError])
@pytest.mark.parametrize(("make", "told", "price", "none"), FILLS, ids=IDS)
def test_a_failure_of_who_is_told_is_none_of_the_message(
    make: Callable[[Say], Talk],
    told: bytes,
    price: bytes,
    none: bytes,
    failure: type[Exception],
) -> None:
    def fail(_report: VenueReport) -> None:
        raise failure("of the ledger")

    with pytest.raises(failure, match="of the ledger"):
        make(fail).hear(told)


ORDER_ROW = {"category": "linear", "symbol": "BTCUSDT", "orderId": "1", "orderLinkId": ""}
ORDER_ROW |= {"qty": "1", "cumExecQty": "0", "updatedTime": "1"}


def test_a_stop_that_somebody_set_by_hand_stands_and_has_not_ended() -> None:
    row = ORDER_ROW | {"orderStatus": "Untriggered"}
    said: list[VenueReport] = []
    _bybit(said.append).hear(_json({"topic": "order", "data": [row]}))
    assert not said
    truth = order_truth(row, VenueId("bybit_futures"), perpetual("bybit_futures"))
    assert truth.status is OrderStatus.WORKING


def test_an_order_in_a_state_that_nobody_knows_costs_a_message_and_no_more() -> None:
    said: list[VenueReport] = []
    known, unknown = ORDER_ROW | {"orderStatus": "Cancelled"}, ORDER_ROW | {"orderStatus": "Odd"}
    with pytest.raises(BadFrame, match="Odd"):
        _bybit(said.append).hear(_json({"topic": "order", "data": [known, unknown]}))
    assert [type(report) for report in said] == [Ended], "what came before it is told"
